"""The rows of a gold set: found, picked, moved to a slice, corrected, taken out; and its slices beside them."""

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import streamlit as st

from curation.store.gold import GoldItem
from dashboard import gold_actions
from dashboard.gold_actions import NO_SLICE, GoldFilters
from dashboard.views import house, two_steps
from judges import gold_batches
from judges.gold import GoldService
from judges.gold_batches import GoldPlan

KEY = "gold"
SHORT = 14
"""Rows that fit without a scroll bar."""
MOVE, OUT, CORRECT = "Move to a slice", "Take out", "Correct"
STEPS = {
    MOVE: ("Move them", ":material/category:"),
    OUT: ("Take them out", ":material/delete:"),
    CORRECT: ("Change the row", ":material/edit:"),
}
"""Each action's second step: its button and icon."""


def render(gold: GoldService, name: str) -> None:
    """Draw the rows of the newest version, what may be done to them, and the slices."""
    two_steps.done(KEY, _name())
    rows = gold.items(name)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        found, picked = _table(name, rows)
        if gold.sealed(name) is None and found:
            _act(name, found, picked, sorted({row.slice for row in rows if row.slice}))
    with right:
        _slices(gold, name)
        _row(name, picked[0] if picked else None)


def _table(name: str, rows: Sequence[GoldItem]) -> tuple[list[GoldItem], list[GoldItem]]:
    """The rows that match, and those of them that are picked."""
    wide, narrow = st.columns([3, 2])
    text = wide.text_input("Search", key="gold_text", type="search", placeholder="id, text or answer") or ""
    slices = sorted({row.slice or NO_SLICE for row in rows})
    wanted = narrow.selectbox("Slice", slices, index=None, key="gold_slice", placeholder="any slice")
    filters = GoldFilters(text.strip(), wanted)
    found = [row for row in rows if filters.finds(row)]
    if not found:
        st.info("No row matches.")
        return [], []
    st.caption(f"{len(found):,} of {len(rows):,} {'row matches' if len(found) == 1 else 'rows match'}")
    config = {
        "id": st.column_config.TextColumn("Id", width=110),
        "text": st.column_config.TextColumn("Text", width=260),
        "answer": st.column_config.TextColumn("Right answer", width=180),
        "verdict": st.column_config.TextColumn("Verdict", width=70),
        "slice": st.column_config.TextColumn("Slice", width=90),
    }
    event: Any = st.dataframe(
        gold_actions.table(found),
        column_config=config,
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        height="content" if len(found) < SHORT else 520,
        key=f"gold_rows_{hash((name, filters, len(rows)))}",
        alt="Rows of the gold set",
    )
    return found, [found[place] for place in event.selection.rows if place < len(found)]


def _slices(gold: GoldService, name: str) -> None:
    st.header("Slices", anchor=False)
    rows = [s.model_dump() for s in gold.slices(name)]
    config = {
        "slice": st.column_config.TextColumn("Slice"),
        **{part: st.column_config.NumberColumn(part.capitalize()) for part in ("rows", "accepts", "rejects", "pairs")},
    }
    frame = pl.DataFrame(rows, schema_overrides={"slice": pl.String}).with_columns(pl.col("slice").fill_null(NO_SLICE))
    alt = "Slices with their rows, accepts and rejects"
    st.dataframe(frame, column_config=config, hide_index=True, height="content", alt=alt)


def _row(name: str, row: GoldItem | None) -> None:
    """One row as it is, whole."""
    with st.container(border=True):
        if row is None:
            st.header("What does a row say?", anchor=False)
            st.caption("Tick a row to read all of it.")
            return
        st.header("The first of those picked", anchor=False)
        st.caption("Text")
        st.text(row.text)
        st.caption("Right answer")
        st.text(gold_actions.answer_words(row.answer) or "None is known.")
        if row.judged is not None:
            for answer in row.judged.answers:
                st.caption("Answer that people were shown")
                st.text(answer)
            votes = ", ".join(f"{who} {said}" for who, said in sorted(row.judged.votes.items()))
            st.caption("Verdict")
            st.text(f"{row.judged.verdict}{f' ({votes})' if votes else ''}")
        if words := gold_actions.copies_words(house.store(), name, row):
            st.caption("Where it was planted in studies that are closed")
            st.text(words)
        if row.sample:
            house.link("samples", "The sample it came from", id=row.sample)


# --- what may be done ------------------------------------------------------------------------------------------


def _act(name: str, found: Sequence[GoldItem], picked: Sequence[GoldItem], slices: list[str]) -> None:
    chosen = picked or found
    with st.container(border=True):
        words = f"{len(picked):,} picked" if picked else f"all {len(found):,} that match"
        st.header(f"Do something with {words}", anchor=False)
        if not picked:
            st.caption("Tick rows in the table to take only those.")
        action = st.segmented_control(
            "Action", list(STEPS), default=MOVE, key="gold_action", label_visibility="collapsed",
            required=True,
        )  # fmt: skip
        if action == CORRECT:
            _correct(name, chosen, slices)
        elif action == OUT:
            ids = [row.id for row in chosen]
            _two_steps(OUT, (name, *ids), _by(st), lambda: gold_batches.plan_removal(house.store(), name, ids))
        else:
            _move(name, chosen, slices)


def _move(name: str, chosen: Sequence[GoldItem], slices: list[str]) -> None:
    left, right = st.columns([3, 2])
    target = left.selectbox(
        "Slice to move to", slices, index=None, key="gold_target", accept_new_options=True,
        placeholder="choose one, or type a new one; empty: no slice",
    )  # fmt: skip
    ids = [row.id for row in chosen]
    slice_name = str(target or "").strip() or None
    about = (name, slice_name, *ids)
    _two_steps(MOVE, about, _by(right), lambda: gold_batches.plan_move(house.store(), name, ids, slice_name))


def _correct(name: str, chosen: Sequence[GoldItem], slices: list[str]) -> None:
    if len(chosen) != 1:
        st.caption("One row is corrected at a time; tick it in the table.")
        return
    row = chosen[0]
    same = hash((name, row.model_dump_json()))
    text = st.text_area(
        "The right answer",
        gold_actions.answer_words(row.answer),
        height=140,
        key=f"gold_answer_{same}",
        help="Empty: no right answer is known.",
    )
    left, right = st.columns([3, 2])
    target = left.selectbox(
        "Slice", slices, index=slices.index(row.slice) if row.slice else None, accept_new_options=True,
        key=f"gold_row_slice_{same}", placeholder="no slice",
    )  # fmt: skip

    def plan() -> GoldPlan:
        answer = gold_actions.read_answer(text, row.answer)
        return gold_batches.plan_correction(house.store(), name, row.id, answer, str(target or "").strip() or None)

    _two_steps(CORRECT, (name, row.id, text, target), _by(right), plan)


def _two_steps(action: str, about: tuple[str | None, ...], by: str, plan: Callable[[], GoldPlan]) -> None:
    planned = two_steps.dry_run(KEY, (action, *about), plan)
    if planned is not None and planned.change is not None and two_steps.confirmed(KEY, *STEPS[action], by):
        two_steps.finish(KEY, lambda: made(planned, by))


def made(plan: GoldPlan, by: str) -> two_steps.Done:
    """Carry a plan out; what was done, with its undo."""
    version = gold_batches.carry_out(house.store(), plan, by, who=house.person())

    def undo(who: str) -> str:
        back = gold_batches.plan_undo(house.store(), plan.name, version.number)
        again = gold_batches.carry_out(house.store(), back, who, who=house.person())
        return f"Undone: version {again.number} holds the {again.items:,} rows that were there before."

    return two_steps.Done(f"Version {version.number} of {plan.name!r}: {version.note}. {version.items:,} rows.", undo)


def _by(place: Any) -> str:
    return house.by(place, "gold_by")


def _name() -> str:
    return (st.session_state.get("gold_by") or "").strip()
