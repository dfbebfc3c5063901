"""The Judges page's queue: samples judges are in doubt on, what each said, and a blind review opened from them."""

import math
import shlex
from typing import Any

import streamlit as st

from curation.errors import InputError, UnknownRecord
from curation.store.query import Query
from curation.store.versions import Manifest
from dashboard import judge_queries, sample_cards
from dashboard.plain import plain
from dashboard.views import house
from dashboard.views.sample_card import answer_of
from judges.queue import open_queue

SHORT = 17
"""Rows that fit without a scroll bar."""
OPENED = "queue_opened"
FIRST = "review-1"
"""The name a review has unless a person gives one."""
CHIPS = {"split": "orange", "abstained": "violet", "unscored": "red", "outvoted": "blue", "advice only": "gray"}


@st.fragment
def queue(manifest: Manifest) -> None:
    """The samples in doubt, one of them with its votes, and a form that lets people decide; drawn by itself."""
    st.header("Where judges are in doubt", anchor=False)
    query = house.query(manifest.version)
    if said := st.session_state.pop(OPENED, None):
        st.success(said[0], icon=":material/check_circle:")
        house.link("review", "To the review", study=said[1])
    found = judge_queries.outcomes(query)
    judged = judge_queries.judged_teachers(query)
    if not found:
        st.caption("No sample of this version came before a judge." if not judged else "No judge was in doubt.")
        return
    table, card = st.columns([3, 2], gap="medium")
    with table:
        picked = _table(query, _filters(found, sum(judged.values()), list(judged)))
    with card:
        _card(query, picked or st.query_params.get("id"))
        if manifest.version == house.store().versions.head():
            _open_review(sum(found.values()), sum(judged.values()))
        else:
            st.caption("A review is opened on the newest version; pick it above.")


def _filters(found: dict[str, int], judged: int, teachers: list[str]) -> judge_queries.Doubt:
    st.caption(f"Of {judged:,} samples that came before a judge: {_listed(found)}.")
    left, right = st.columns(2)
    outcome = left.selectbox(
        "What is in doubt",
        list(found),
        index=None,
        key="outcome",
        bind="query-params",
        placeholder="any doubt",
        help="Split and abstained: too near one half to rule on. Unscored: too few readable votes. Outvoted: ruled on "
        "by weight against some judge. Advice only: nobody has a vote, and judges differ.",
    )
    teacher = right.selectbox(
        "Teacher", teachers, index=None, key="teacher", bind="query-params", placeholder="any teacher"
    )
    return judge_queries.Doubt(outcome, teacher)


def _listed(found: dict[str, int]) -> str:
    return ", ".join(f"{n:,} {name}" for name, n in found.items())


def _table(query: Query, doubt: judge_queries.Doubt) -> str | None:
    place = st.container()
    number = int(st.session_state.get("page", 1))
    rows, total = judge_queries.doubtful(query, doubt, number)
    if total and rows.is_empty():
        number, (rows, total) = 1, judge_queries.doubtful(query, doubt, 1)
    if not total:
        st.info("No sample matches these filters.")
        return None
    place.caption(f"{total:,} samples, most doubtful first")
    config = {
        "id": None,
        "outcome": st.column_config.MultiselectColumn(
            "Doubt", options=list(CHIPS), color=list(CHIPS.values()), width=100
        ),
        "votes": st.column_config.TextColumn("Votes", width=165),
        "teacher": st.column_config.TextColumn("Teacher", width=80),
        "prompt": st.column_config.TextColumn("Prompt", width=205),
        "answer": st.column_config.TextColumn("Answer", width=205),
    }
    chips = rows["outcome"].reshape((-1, 1)).arr.to_list()
    event: Any = st.dataframe(
        rows.with_columns(outcome=chips),
        column_config=config,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        height="content" if rows.height < SHORT else 620,
        key=f"doubts_{number}_{hash(doubt)}",
        alt="Samples judges are in doubt on, most doubtful first",
    )
    pages = math.ceil(total / judge_queries.PAGE_ROWS)
    if pages > 1:
        st.pagination(pages, key="page", bind="query-params")
    selected = event.selection.rows
    return rows["id"][selected[0]] if selected else None


def _card(query: Query, sample: str | None) -> None:
    with st.container(border=True):
        if not sample:
            st.header("What did each judge say?", anchor=False)
            st.caption("Pick a row to see its prompt, its answer, and each judge's vote with its reason.")
            return
        try:
            card = sample_cards.card(house.store(), query, sample)
        except UnknownRecord as error:
            st.warning("There is no such sample.")
            st.text(str(error))
            return
        words, votes = judge_queries.votes_on(card["steps"])
        with st.container(horizontal=True, vertical_alignment="center"):
            house.badge(card["state"])
            st.text(words or "No judge was asked about it.")
        st.caption("Prompt")
        st.text(card["prompt"])
        st.caption(f"Answer of {plain(card['teacher'])}")
        answer_of(card)
        for vote in votes:
            _vote(vote)
        house.link("samples", "What every step decided", id=card["id"])


def _vote(vote: dict[str, Any]) -> None:
    left, right = st.columns([1, 3])
    with left:
        house.badge(vote["vote"])
    with right:
        weight = vote.get("weight")
        counts = f"weight {weight:.2f}" if weight else "no vote, advice"
        st.text(f"{vote['judge']} ({counts}): {vote['reason']}")


@st.fragment
def _open_review(doubtful: int, judged: int) -> None:
    """Opens a blind review, and shows the command that does the same."""
    with st.container(border=True):
        st.header("Let people decide", anchor=False)
        st.caption(
            "Opens a blind review: raters see prompt and answer, and neither teacher nor judges. Each of the "
            f"{judged:,} judged samples may be drawn, the {doubtful:,} in doubt far more often; how likely each was "
            "is written into the ledger, so that what people say can be weighted back to all of them."
        )
        name = (st.text_input("Name of the review", FIRST, max_chars=60, key="queue_name") or "").strip()
        left, right = st.columns(2)
        n = left.number_input("About so many samples", min_value=1, max_value=judged, value=min(60, judged))
        overlap = right.number_input("Raters for each", min_value=1, max_value=10, value=1)
        actor = house.by(st.container(), "queue_by")
        if st.button("Open a blind review", type="primary", icon=":material/rate_review:"):
            _opened(name, int(n), int(overlap), actor)
        st.caption("The same from the command line")
        st.code(f"stillhouse judges queue {shlex.quote(name or FIRST)} -n {n} --overlap {overlap}", language=None)


def _opened(name: str, n: int, overlap: int, actor: str) -> None:
    if not name or not actor or n < 1 or overlap < 1:
        st.warning("Say who you are, and give the review a name.")
        return
    house.person().require("open_study")
    try:
        study = open_queue(house.store(), name, n, overlap=overlap, actor=actor)
    except InputError as error:
        st.warning("This review cannot be opened.")
        st.text(str(error))
        return
    st.session_state[OPENED] = (f"Opened with {study.items:,} samples; raters find it on the page Review.", name)
    st.rerun()
