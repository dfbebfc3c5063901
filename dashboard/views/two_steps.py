"""Nothing is done to many things at once without a dry run: say what would happen, then confirm, then offer undo."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import streamlit as st

from curation.errors import StillhouseError


class Told(Protocol):
    """A plan: sentences that say what would happen."""

    @property
    def words(self) -> tuple[str, ...]:
        """What would happen, to how many, and what is left out and why."""
        ...


P = TypeVar("P", bound=Told)


@dataclass(frozen=True)
class Done:
    """What was just done, how it is undone, and the page to go on to (with its address)."""

    words: str
    undo: Callable[[str], str] | None = None
    page: str | None = None


def dry_run(key: str, about: object, plan: Callable[[], P], label: str = "Dry run") -> P | None:
    """The plan of the last dry run, drawn; None until there is one for exactly this."""
    place = f"{key}_plan"
    if st.button(
        label, key=f"{key}_dry", icon=":material/science:", help="Says what would happen, and does nothing."
    ):  # fmt: skip
        try:
            st.session_state[place] = (about, plan())
        except StillhouseError as error:
            st.session_state.pop(place, None)
            refused("This cannot be done.", error)
    known, planned = st.session_state.get(place) or (None, None)
    if known != about or planned is None:
        return None
    for line in planned.words:
        st.text(line)
    return planned


def confirmed(key: str, label: str, icon: str, by: str) -> bool:
    """Whether the second step was taken, by somebody who said who they are."""
    if not st.button(label, type="primary", icon=icon, key=f"{key}_do"):
        return False
    if not by:
        st.warning("Say who you are first.")
    return bool(by)


def finish(key: str, act: Callable[[], Done]) -> None:
    """Do it, and draw the page again with what was done; a refusal is said where the button is."""
    try:
        done = act()
    except StillhouseError as error:
        refused("This was not done.", error)
        return
    st.session_state.pop(f"{key}_plan", None)
    st.session_state[f"{key}_done"] = done
    st.rerun()


def done(key: str, by: str = "") -> None:
    """What was done last, with its undo."""
    last: Done | None = st.session_state.get(f"{key}_done")
    if last is None:
        return
    st.success("Done.", icon=":material/check_circle:")
    st.text(last.words)
    with st.container(horizontal=True):
        if last.page:
            from dashboard.views import house

            house.link(last.page, f"To the page {last.page.capitalize()}")
        if last.undo and st.button("Undo", key=f"{key}_undo", icon=":material/undo:"):
            _undo(key, last.undo, by)


def _undo(key: str, undo: Callable[[str], str], by: str) -> None:
    try:
        said = undo(by or "engine")
    except StillhouseError as error:
        refused("This cannot be undone.", error)
        return
    st.session_state[f"{key}_done"] = Done(said)
    st.rerun()


def refused(what: str, error: StillhouseError) -> None:
    """A refusal with its reason, as text."""
    st.warning(what)
    st.text(str(error))
