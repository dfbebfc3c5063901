"""Gold: the hand-curated answers, their versions, and the way a reviewed sample becomes one of them."""

import json

import polars as pl
import streamlit as st
from pydantic import JsonValue

from curation.errors import InputError
from curation.store.gold import GoldItem
from curation.task import Task, read_task
from dashboard import queries
from dashboard.views import house
from judges.gold import GoldService
from judges.review import ReviewService

SUSPECTS = 20
"""Doubtful rows shown; `stillhouse gold errors` shows more."""


def render() -> None:
    """Draw the page."""
    st.title("Gold", anchor=False)
    st.caption("What do we know to be right? Never exported for training, and kept away from it at every build.")
    gold = GoldService(house.store())
    names = gold.names()
    if names:
        _set(gold, names)
    else:
        house.empty("There is no gold set yet", "stillhouse gold start -n 50")
    _promote(names)


def _set(gold: GoldService, names: list[str]) -> None:
    with st.container(horizontal=True):
        name = st.selectbox("Set", names, key="set", bind="query-params", width=240)
        versions = gold.versions(name)
        newest = versions[-1]
        picked = st.selectbox("Version", [v.number for v in reversed(versions)], width=140)
    with st.grid(3, min_column_width=190, gap="small"):
        st.metric("Rows", f"{newest.items:,}", border=True)
        st.metric("Version", newest.number, border=True)
        st.metric("Digest", newest.digest[:12], border=True)
    if seal := gold.sealed(name):
        st.badge(f"sealed at version {seal.number}", icon=":material/lock:", color="green")
    left, right = st.columns([3, 2], gap="medium")
    with left:
        st.subheader("Rows", anchor=False)
        rows = [_row(item) for item in gold.items(name, picked)]
        st.dataframe(pl.DataFrame(rows, schema=ROW), hide_index=True, height=360, alt="Rows of the gold set")
        _slices(gold, name, picked)
    with right:
        st.subheader("Versions", anchor=False)
        history = [
            {"version": v.number, "rows": v.items, "by": v.actor, "note": v.note, "at (UTC)": queries.moment(v.at)}
            for v in reversed(versions)
        ]
        st.dataframe(pl.DataFrame(history), hide_index=True, alt="Versions of the gold set, newest first")
        _guideline(gold, name, picked)
    _suspects(name)


ROW: dict[str, type[pl.String]] = dict.fromkeys(["id", "text", "answer", "verdict", "slice"], pl.String)


def _row(item: GoldItem) -> dict[str, str | None]:
    """A row as the table shows it: the right answer where one is known, and what people said of the one they saw."""
    answer = None if item.answer is None else json.dumps(item.answer, ensure_ascii=False)
    verdict = item.judged.verdict if item.judged else None
    return {"id": item.id, "text": item.text, "answer": answer, "verdict": verdict, "slice": item.slice}


def _slices(gold: GoldService, name: str, number: int) -> None:
    st.subheader("Slices", anchor=False)
    rows = [s.model_dump() for s in gold.slices(name, number)]
    st.dataframe(pl.DataFrame(rows), hide_index=True, alt="Slices with their rows, accepts and rejects")


def _guideline(gold: GoldService, name: str, number: int) -> None:
    st.subheader("Guideline", anchor=False)
    digest = next(v.guideline for v in gold.versions(name) if v.number == number)
    if digest is None:
        st.caption("Nobody stated what the labels follow: `stillhouse gold import FILE --guideline TEXT`")
        return
    st.caption(f"Digest {digest[:12]}")
    with st.container(height=220):
        st.text(gold.guideline(name, number) or "")


def _suspects(name: str) -> None:
    """The rows people should look at again, by what is known today."""
    from judges.gold_again import suspects_of

    found = suspects_of(house.store(), name, _task().answer)
    st.subheader("Labels to look at again", anchor=False)
    if not found:
        st.caption("No rater, judge or nearly equal row speaks against a label of this set.")
        return
    rows = [
        {"score": s.score, "id": s.row.id, "text": s.row.text, "why": "; ".join(s.reasons)} for s in found[:SUSPECTS]
    ]
    st.dataframe(pl.DataFrame(rows), hide_index=True, alt="Rows whose label is most likely wrong, and why")
    st.caption(f"{len(rows)} of {len(found)}. The score only orders them. A blind second look:")
    st.code(f"stillhouse gold errors --set {name} --review STUDY", language=None)


def _task() -> Task:
    return read_task(house.root() / "task.toml")


def _promote(names: list[str]) -> None:
    st.subheader("Promote a reviewed sample", anchor=False)
    # a name with a slash is a gold row or an answer rated elsewhere, and no sample
    reviewed = queries.reviewed_samples(house.store()).filter(~pl.col("id").str.contains("/"))
    if reviewed.is_empty():
        house.empty("No closed study has votes yet", "stillhouse review close NAME")
        return
    labels = {i: f"{i[:12]}: {liked} of {votes} in favour" for i, liked, votes in reviewed.rows()}
    sample = st.selectbox("Sample", list(labels), format_func=labels.__getitem__, width=420)
    if sample is None:
        return
    card = queries.sample_card(house.store(), sample)
    with st.container(border=True):
        st.caption("Prompt")
        st.text(card["prompt"])
        given = card["answer"] if card["labels"] is None else json.dumps(card["labels"], ensure_ascii=False, indent=1)
        with st.form("promote", border=False):
            answer = st.text_area("The right answer", given, height=180, key=f"answer_{sample}")
            left, right = st.columns(2)
            target = left.text_input("Gold set", names[0] if names else "gold")
            actor = right.text_input("Your name (not authenticated)", max_chars=60)
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
    made = ReviewService(house.store()).promote(sample, target, actor, answer=answer)
    st.success(f"Gold version {made.number} now holds {made.items} rows.")
