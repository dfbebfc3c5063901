"""Gold: the hand-curated answers, their slices and versions, and the way a reviewed sample becomes one of them."""

import json

import polars as pl
import streamlit as st
from pydantic import JsonValue

from curation.errors import InputError, UnknownRecord
from dashboard import queries, sample_cards
from dashboard.views import gold_doubts, gold_history, gold_rows, house
from judges.gold import GoldService
from judges.review import ReviewService

PARTS = ("Rows", "Look again", "Versions", "Promote")


def render() -> None:
    """Draw the page."""
    st.title("Gold", anchor=False)
    st.caption("What do we know to be right? Never exported for training, and kept away from it at every build.")
    gold = GoldService(house.store(), house.person())
    names = gold.names()
    if not names:
        house.empty("There is no gold set yet", "stillhouse gold start -n 50")
        _promote(names)
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Set", names, key="set", bind="query-params", width=240)
        part = st.segmented_control(
            "Part",
            PARTS,
            default=PARTS[0],
            key="part",
            bind="query-params",
            required=True,
            label_visibility="collapsed",
        )
    _figures(gold, name)
    match part:
        case "Look again":
            gold_doubts.render(name)
        case "Versions":
            gold_history.render(gold, name)
        case "Promote":
            _promote(names)
        case _:
            gold_rows.render(gold, name)


def _figures(gold: GoldService, name: str) -> None:
    newest = gold.versions(name)[-1]
    slices = [s for s in gold.slices(name) if s.slice is not None]
    judged = len(gold.judged(name))
    with st.grid(4, min_column_width=165, gap="small"):
        st.metric("Rows", f"{newest.items:,}", border=True)
        st.metric("Judged by people", f"{judged:,}", border=True)
        st.metric("Slices", f"{len(slices):,}", border=True)
        st.metric("Version", f"{newest.number}", border=True, help=f"Digest {newest.digest}")
    if seal := gold.sealed(name):
        st.badge(f"sealed at version {seal.number}", icon=":material/lock:", color="green")


def _promote(names: list[str]) -> None:
    st.header("Promote a reviewed sample", anchor=False)
    # a name with a slash is a gold row or an answer rated elsewhere, and no sample
    reviewed = queries.reviewed_samples(house.store()).filter(~pl.col("id").str.contains("/"))
    if reviewed.is_empty():
        house.empty("No closed study has votes yet", "stillhouse review close NAME")
        return
    labels = {i: f"{i[:12]}: {liked} of {votes} in favour" for i, liked, votes in reviewed.rows()}
    sample = st.selectbox("Sample", list(labels), format_func=labels.__getitem__, width=420)
    if sample is None:
        return
    try:
        card = sample_cards.card(house.store(), house.query("head"), sample)
    except UnknownRecord as error:
        st.warning("There is no such sample.")
        st.text(str(error))
        return
    with st.container(border=True):
        st.caption("Prompt")
        st.text(card["prompt"])
        given = card["answer"] if card["labels"] is None else json.dumps(card["labels"], ensure_ascii=False, indent=1)
        with st.form("promote", border=False):
            answer = st.text_area("The right answer", given, height=180, key=f"answer_{sample}")
            left, right = st.columns(2)
            target = left.text_input("Gold set", names[0] if names else "gold")
            actor = house.by(right, "promote_by")
            if st.form_submit_button("Promote to gold", type="primary"):
                _record(sample, target.strip(), actor.strip(), _read(answer, as_json=card["labels"] is not None))


def _read(answer: str, *, as_json: bool) -> JsonValue:
    if not as_json:
        return answer
    try:
        return json.loads(answer)
    except ValueError as error:
        raise InputError(f"the answer is not JSON: {error}; correct it and promote again") from error


def _record(sample: str, target: str, actor: str, answer: JsonValue) -> None:
    if not actor or not target:
        st.warning("Say who you are and which gold set it goes into.")
        return
    made = ReviewService(house.store(), house.person()).promote(sample, target, actor, answer=answer)
    st.success(f"Gold version {made.number} now holds {made.items} rows.")
