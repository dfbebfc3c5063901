"""Doing something with many samples at once: first a dry run in words, then the action, then a way back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from curation.errors import InputError
from curation.people import Action
from curation.quarantine import Quarantine
from curation.store.query import Query
from curation.store.versions import Manifest
from curation.task import read_task
from dashboard import sample_actions, sample_queries
from dashboard.plain import plain
from dashboard.sample_actions import MOST, Plan
from dashboard.sample_queries import Filters, Seen, Spot
from dashboard.views import house
from judges.review import ReviewService

PLAN, DONE = "bulk_plan", "bulk_done"
ACTIONS = ("Review", "Approve", "Export ids")
TAKES: dict[str, Action] = {"Review": "open_study", "Approve": "rule_on_held"}
"""What somebody must be allowed to do to be offered an action; the others change nothing."""


@dataclass(frozen=True)
class Scope:
    """Which samples an action is about: those picked in the table, else all that match."""

    manifest: Manifest
    query: Query
    filters: Filters
    seen: Seen
    picked: tuple[Spot, ...]

    @property
    def number(self) -> int:
        """How many; at least so many while the search goes on."""
        return len(self.picked) or self.seen.total

    @property
    def words(self) -> str:
        """The samples meant, for a heading."""
        if self.picked:
            return f"{len(self.picked):,} picked"
        return f"all {self.number:,} that match" if self.seen.done else f"the first {self.number:,} that match"

    def where(self) -> Sequence[Spot]:
        """Where the first of them lie, as many as one action takes."""
        return self.picked or sample_queries.spots(self.query, self.filters, self.seen, 0, MOST)


@dataclass(frozen=True)
class Done:
    """What was just done, how it is undone, and the study it opened."""

    words: str
    undo: Callable[[str], str]
    study: str | None = None


def render(manifest: Manifest, query: Query, filters: Filters, seen: Seen, picked: Sequence[dict[str, Any]]) -> None:
    """The actions on what is picked in the table, or on all that match."""
    spots = tuple(Spot(row["chunk"], row["place"]) for row in picked)
    scope = Scope(manifest, query, filters, seen, spots)
    _done()
    if not scope.number:
        return
    with st.container(border=True):
        st.header(f"Do something with {scope.words}", anchor=False)
        if not picked:
            st.caption("Tick rows in the table to take only those.")
        who = house.person()
        actions = [action for action in ACTIONS if action not in TAKES or who.may(TAKES[action])]
        action = st.segmented_control(
            "Action", actions, default=actions[0], key="action", label_visibility="collapsed", required=True
        )
        if action == "Export ids":
            _export(scope)
        elif manifest.version != house.store().versions.head():
            st.caption("People review and rule on the newest version; pick it above.")
        elif action == "Approve":
            _approve(scope)
        else:
            _review(scope)


def _review(scope: Scope) -> None:
    left, right, last = st.columns([3, 2, 2])
    name = (left.text_input("Name of the review", max_chars=60, key="bulk_name") or "").strip()
    overlap = int(right.number_input("Raters for each", min_value=1, max_value=10, value=1, key="bulk_overlap"))
    by = _by(last)
    about = ("review", scope.filters, scope.picked, name, overlap)
    plan = _planned(about, scope, lambda rows: sample_actions.plan_review(house.store(), rows, name, overlap))
    if plan and plan.rows.height and _confirmed("Open the review", ":material/rate_review:", by):
        review = ReviewService(house.store(), house.person())
        study = sample_actions.open_review(review, scope.manifest.version, plan, name, overlap, by)
        _finish(
            Done(
                f"Opened with {study.items:,} samples; raters find it on the page Review.",
                lambda who: _closed(name, who),
                name,
            )
        )


def _closed(name: str, by: str) -> str:
    sample_actions.close_review(ReviewService(house.store(), house.person()), name, by)
    return "Undone: the review is closed, and nobody had voted in it."


def _approve(scope: Scope) -> None:
    st.caption("What is not approved stays out of the dataset: there is nothing to record for it.")
    left, right = st.columns([5, 2])
    why = left.text_input("Why, for the ledger", max_chars=200, key="bulk_why").strip()
    by = _by(right)
    about = ("approve", scope.filters, scope.picked)
    plan = _planned(about, scope, lambda rows: sample_actions.plan_approval(house.store(), rows))
    if plan and plan.rows.height and _confirmed("Approve them", ":material/check:", by):
        quarantine = Quarantine(house.store(), read_task(house.root() / "task.toml"), house.person())
        number = sample_actions.approve(quarantine, plan, by, why)
        _finish(
            Done(
                f"Recorded {number:,} {'ruling' if number == 1 else 'rulings'}; `stillhouse run` applies them.",
                lambda who: _withdrawn(quarantine, plan, who),
            )
        )


def _withdrawn(quarantine: Quarantine, plan: Plan, by: str) -> str:
    number = sample_actions.withdraw(quarantine, plan, by)
    return f"Undone: {number:,} {'ruling was' if number == 1 else 'rulings were'} withdrawn; the samples wait again."


def _export(scope: Scope) -> None:
    every = not scope.picked
    more = "" if scope.seen.done or not every else " at least"
    st.caption(f"Writes{more} {scope.number:,} ids to a file, one a line, in plan order. Nothing in the house changes.")
    st.download_button(
        "Download ids",
        data=lambda: _ids(scope),
        file_name=f"samples-{scope.manifest.version[:12]}.txt",
        mime="text/plain",
        icon=":material/download:",
        on_click="ignore",
    )


def _ids(scope: Scope) -> str:
    if not scope.picked:
        return sample_queries.ids(scope.query, scope.filters)
    return "".join(f"{ident}\n" for ident in sample_queries.rows_at(scope.query, scope.picked, ["id"])["id"])


# --- dry run, confirmation, undo -------------------------------------------------------------------------------


def _planned(about: tuple[Any, ...], scope: Scope, plan: Callable[[Any], Plan]) -> Plan | None:
    """The plan of the last dry run, drawn; None until there is one for exactly this."""
    if st.button(
        "Dry run", key="bulk_dry", icon=":material/science:", help="Says what would happen, and does nothing."
    ):
        try:
            st.session_state[PLAN] = (about, plan(sample_actions.chosen(scope.query, scope.where())))
        except InputError as error:
            st.session_state.pop(PLAN, None)
            st.warning("This cannot be done.")
            st.text(str(error))
    known, planned = st.session_state.get(PLAN) or (None, None)
    if known != about or planned is None:
        return None
    for line in planned.words:
        st.text(line)
    if scope.number > MOST:
        st.text(f"One action takes {MOST:,} samples at most: these are the first of {scope.words}, in plan order.")
    return planned


def _confirmed(label: str, icon: str, by: str) -> bool:
    if not st.button(label, type="primary", icon=icon, key="bulk_do"):
        return False
    if not by:
        st.warning("Say who you are first, above.")
    return bool(by)


def _by(place: Any) -> str:
    return house.by(place, "bulk_by")


def _finish(done: Done) -> None:
    st.session_state.pop(PLAN, None)
    st.session_state[DONE] = done
    st.rerun()


def _done() -> None:
    """What was done last, with its undo."""
    done: Done | None = st.session_state.get(DONE)
    if done is None:
        return
    st.success("Done.", icon=":material/check_circle:")
    st.text(done.words)
    with st.container(horizontal=True):
        if done.study:
            house.link("review", "To the review", study=done.study)
        if st.button("Undo", key="bulk_undo", icon=":material/undo:"):
            _undo(done)


def _undo(done: Done) -> None:
    by = (st.session_state.get("bulk_by") or "").strip()
    try:
        said = done.undo(by or "engine")
    except InputError as error:
        st.warning("This cannot be undone.")
        st.text(str(error))
        return
    del st.session_state[DONE]
    st.toast(plain(said))
    st.rerun()
