"""The rows of a gold set whose label something speaks against, and a blind second look at them."""

import polars as pl
import streamlit as st

from curation.task import Task, read_task
from dashboard import gold_actions, sample_actions
from dashboard.views import house, two_steps
from judges.gold_again import suspects_of
from judges.label_errors import Suspect
from judges.review import ReviewService

KEY = "look"
SUSPECTS = 20
"""Doubtful rows shown and sent; `stillhouse gold errors` takes more."""


def render(name: str) -> None:
    """Draw the doubtful rows and the way to let people decide."""
    two_steps.done(KEY, (st.session_state.get("look_by") or "").strip())
    st.header("Labels to look at again", anchor=False)
    found = suspects_of(house.store(), name, _task().answer)
    if not found:
        st.caption("No rater, judge or nearly equal row speaks against a label of this set.")
        return
    shown = found[:SUSPECTS]
    rows = [{"score": s.score, "id": s.row.id, "text": s.row.text, "why": "; ".join(s.reasons)} for s in shown]
    config = {
        "score": st.column_config.NumberColumn("Score", format="%.2f", width=70),
        "id": st.column_config.TextColumn("Id", width=110),
        "text": st.column_config.TextColumn("Text", width=320),
        "why": st.column_config.TextColumn("Why", width="large"),
    }
    alt = "Rows whose label is most likely wrong, and why"
    picked = st.dataframe(
        pl.DataFrame(rows), column_config=config, hide_index=True, height="content", alt=alt, key=f"doubts_{name}",
        on_select="rerun", selection_mode="multi-row",
    ).selection.rows  # type: ignore[attr-defined]  # fmt: skip
    st.caption(f"{len(shown)} of {len(found)}. The score only orders them.")
    _second_look(name, [shown[place] for place in picked if place < len(shown)] or shown)


def _second_look(name: str, chosen: list[Suspect]) -> None:
    with st.container(border=True):
        st.header(f"Let people look again at {len(chosen)} of them", anchor=False)
        st.caption("Tick rows in the table to take only those.")
        left, middle, right = st.columns([3, 2, 2])
        study = (left.text_input("Name of the review", max_chars=60, key="look_name") or "").strip()
        overlap = int(middle.number_input("Raters for each", min_value=1, max_value=10, value=2, key="look_overlap"))
        by = house.by(right, "look_by")
        about = (name, study, overlap, *(s.row.id for s in chosen))
        store = house.store()
        plan = two_steps.dry_run(
            KEY, about, lambda: gold_actions.plan_second_look(store, name, chosen, study, overlap)
        )  # fmt: skip
        if plan and two_steps.confirmed(KEY, "Open the review", ":material/rate_review:", by):
            two_steps.finish(KEY, lambda: _opened(name, plan, study, overlap, by))
        st.caption("The same from the command line, for all of them")
        st.code(f"stillhouse gold errors --set {name} --review STUDY", language=None)


def _opened(name: str, plan: gold_actions.SecondLook, study: str, overlap: int, by: str) -> two_steps.Done:
    house.person().require("open_study")
    made = gold_actions.open_second_look(house.store(), name, plan, study, overlap, by)

    def undo(who: str) -> str:
        sample_actions.close_review(ReviewService(house.store(), house.person()), study, who)
        return "Undone: the review is closed, and nobody had voted in it."

    return two_steps.Done(
        f"Opened with {made.items:,} rows. Closed, `stillhouse gold create --from {study} --set {name}` puts its "
        "verdicts in place of the old ones.",
        undo,
        "review",
    )


def _task() -> Task:
    return read_task(house.root() / "task.toml")
