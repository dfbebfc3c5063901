"""Samples: what is in the dataset, and why a row was kept, dropped or held."""

import math
from collections.abc import Sequence
from typing import Any

import streamlit as st

from curation.errors import UnknownRecord
from curation.store.query import Query
from dashboard import queries
from dashboard.views import house

SHORT = 17
"""Rows that fit without a scroll bar."""


def render() -> None:
    """Draw the page."""
    manifest = house.heading("Samples", "What is in the dataset, and why is this row in or out?")
    if manifest is None:
        house.empty("Nothing is sealed here yet", f"stillhouse -C {house.root()} run")
        return
    query = house.query(manifest.version)
    filters = _filters(query)
    table, card = st.columns([3, 2], gap="medium")
    with table:
        picked = _table(query, filters)
    with card:
        _card(picked or st.query_params.get("id"))


def _filters(query: Query) -> queries.Filters:
    offered = queries.choices(query)
    search, state, teacher, reason, step = st.columns([3, 2, 2, 2, 2])
    with search:
        text = st.text_input(
            "Search", key="text", bind="query-params", type="search", placeholder="prompt, answer or id"
        )
    picked = {
        name: _choice(column, name, options)
        for column, name, options in (
            (state, "state", queries.STATES),
            (teacher, "teacher", offered["teacher"]),
            (reason, "reason", offered["reason"]),
            (step, "step", offered["step"]),
        )
    }
    return queries.Filters(**picked, text=text or None)


def _choice(column: Any, name: str, options: Sequence[str]) -> str | None:
    with column:
        return st.selectbox(
            name.capitalize(), options, index=None, key=name, bind="query-params", placeholder=f"any {name}"
        )


def _table(query: Query, filters: queries.Filters) -> str | None:
    with st.container():
        place = st.container()
        number = int(st.session_state.get("page", 1))
        rows, total = queries.sample_page(query, filters, number)
        if total and rows.is_empty():
            number, (rows, total) = 1, queries.sample_page(query, filters, 1)
        if not total:
            st.info("No sample matches these filters.")
            return None
        with place:
            st.caption(f"{total:,} samples match")
        config = {
            "id": st.column_config.TextColumn("Id", width=90),
            "state": st.column_config.MultiselectColumn(
                "State", options=list(queries.STATES), color=["green", "orange", "violet", "red"], width=100
            ),
            "reason": st.column_config.TextColumn("Reason", width=110),
            "teacher": st.column_config.TextColumn("Teacher", width=90),
            "prompt": st.column_config.TextColumn("Prompt", width=190),
            "answer": st.column_config.TextColumn("Answer", width=190),
        }
        chips = rows["state"].reshape((-1, 1)).arr.to_list()
        shown = rows.with_columns(state=chips, reason=rows["reason"].fill_null(""))
        event: Any = st.dataframe(
            shown,
            column_config=config,
            hide_index=True,
            on_select="rerun",
            selection_mode="single-row",
            height="content" if rows.height < SHORT else 620,
            key=f"rows_{number}_{hash(filters)}",
            alt="Samples in plan order",
        )
        pages = math.ceil(total / queries.PAGE_ROWS)
        if pages > 1:
            st.pagination(pages, key="page", bind="query-params")
    selected = event.selection.rows
    return rows["id"][selected[0]] if selected else None


def _card(sample: str | None) -> None:
    if not sample:
        with st.container(border=True):
            st.subheader("Why is it in or out?", anchor=False)
            st.caption("Pick a row to see its prompt, its answer and what each step decided about it.")
        return
    try:
        card = queries.sample_card(house.store(), sample)
    except UnknownRecord as error:
        st.warning("There is no such sample.")
        st.text(str(error))
        return
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            house.badge(card["state"])
            st.text(f"{card['teacher']}, prompt {card['prompt_id']}")
        st.caption("Prompt")
        st.text(card["prompt"])
        st.caption("Answer")
        answer_of(card)
    with st.container(border=True, gap="xsmall"):
        st.subheader("What each step decided", anchor=False)
        for step in card["steps"]:
            _step(step)
    with st.container(border=True):
        _people(card)
        st.caption("Id")
        st.code(card["id"], language=None)
        house.link("provenance", "Its whole timeline", id=card["id"])


def answer_of(card: dict[str, Any]) -> None:
    """A sample's answer, field by field where it has any."""
    labels = card.get("labels")
    if not isinstance(labels, dict) or card["answer"] is None:
        st.text(card["answer"] if card["answer"] is not None else "No answer came back.")
        return
    for name, value in labels.items():
        left, right = st.columns([1, 3])
        left.text(name)
        right.text("none" if value is None else str(value))


def _step(step: dict[str, Any]) -> None:
    """One step's decision: its chip, its name, its reason in words, and its evidence."""
    left, right = st.columns([1, 3])
    with left:
        house.badge(step["decision"])
    with right:
        words = step.get("words") or "passed"
        st.text(f"{step['step']}: {words}")
        if evidence := queries.evidence_line(step.get("evidence")):
            st.text(evidence)


def _people(card: dict[str, Any]) -> None:
    """What people said about a sample, and where it is gold."""
    st.subheader("People", anchor=False)
    for vote in card.get("reviews") or []:
        reason = f", {vote['reason']}" if vote.get("reason") else ""
        st.text(f"{vote['rater']} in {vote['study']}: {vote['choice'].replace('_', ' ')}{reason}")
    for gold in card.get("gold") or []:
        st.text(f"gold set {gold['name']}, row {gold['item']}")
    if hidden := card.get("hidden_votes"):
        st.caption(f"{hidden} more in a study that is still open; shown when it is closed.")
    elif not card.get("reviews") and not card.get("gold"):
        st.caption("Nobody has reviewed this sample.")
