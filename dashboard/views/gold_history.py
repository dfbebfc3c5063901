"""The versions of a gold set: who made them and why, what differs between two, undo, its guideline, and the seal."""

from typing import Any

import polars as pl
import streamlit as st

from curation.store.gold import GoldVersion
from dashboard import gold_actions, queries, sample_cards
from dashboard.plain import plain
from dashboard.views import gold_rows, house, two_steps
from judges import gold_batches
from judges.gold import GoldService
from judges.gold_batches import GoldPlan
from judges.gold_diff import changes_between

KEY = "history"


def render(gold: GoldService, name: str) -> None:
    """Draw the history, a comparison, and what may be done to the set as a whole."""
    two_steps.done(KEY, _name())
    versions = gold.versions(name)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _history(versions)
        if len(versions) > 1:
            _compared(name, versions)
    with right:
        _guideline(gold, name, versions[-1])
        if gold.sealed(name) is None:
            _whole(gold, name, versions)


def _history(versions: list[GoldVersion]) -> None:
    st.header("Versions", anchor=False)
    history = [
        {"version": v.number, "rows": v.items, "note": v.note, "by": v.actor, "at": queries.moment(v.at),
         "digest": v.digest[:12]}
        for v in reversed(versions)
    ]  # fmt: skip
    config = {
        "version": st.column_config.NumberColumn("Version", width=65),
        "rows": st.column_config.NumberColumn("Rows", width=60),
        "note": st.column_config.TextColumn("Note", width=230),
        "by": st.column_config.TextColumn("By", width=80),
        "at": st.column_config.TextColumn("At (UTC)", width=145),
        "digest": st.column_config.TextColumn("Digest", width=110),
    }
    height = "content" if len(versions) < gold_rows.SHORT else 520
    alt = "Versions of the gold set, newest first"
    st.dataframe(pl.DataFrame(history), column_config=config, hide_index=True, height=height, alt=alt)


def _compared(name: str, versions: list[GoldVersion]) -> None:
    """What differs between two versions, and one row of it word by word."""
    st.header("What changed", anchor=False)
    numbers = [v.number for v in versions]
    left, right = st.columns(2)
    first = left.selectbox("From version", numbers, index=len(numbers) - 2, key="gold_from")
    second = right.selectbox("To version", numbers, index=len(numbers) - 1, key="gold_to")
    found = changes_between(house.store(), name, first, second)
    if not found:
        st.caption("The rows are the same.")
        return
    counts = {what: sum(c.what == what for c in found) for what in ("added", "changed", "taken out")}
    st.caption(", ".join(f"{n:,} {what}" for what, n in counts.items() if n))
    rows = [{"id": c.id, "what": c.what, "parts": ", ".join(c.parts)} for c in found]
    config = {part: st.column_config.TextColumn(part.capitalize()) for part in ("id", "what", "parts")}
    event: Any = st.dataframe(
        pl.DataFrame(rows), column_config=config, hide_index=True, on_select="rerun", selection_mode="single-row",
        height="content" if len(rows) < gold_rows.SHORT else 520, key=f"diff_{hash((name, first, second))}",
        alt="Rows that differ between the two versions",
    )  # fmt: skip
    places = event.selection.rows
    change = found[places[0] if places and places[0] < len(found) else 0]
    with st.container(border=True):
        st.caption("Word by word")
        st.text(change.id)
        before, after = gold_actions.changed_words(change)
        st.html(sample_cards.shown(sample_cards.difference(before, after), "the row in both versions"))


def _guideline(gold: GoldService, name: str, newest: GoldVersion) -> None:
    with st.container(border=True):
        st.header("Guideline", anchor=False)
        text = gold.guideline(name) or ""
        if newest.guideline is None:
            st.caption("Nobody stated what the labels follow.")
        else:
            st.caption(f"Digest {newest.guideline[:12]}")
            with st.container(height=220):
                st.text(text)
        if gold.sealed(name) is None and st.toggle("Write another", key="gold_guide"):
            given = st.text_area("The text its labels follow", text, height=200, key=f"guide_{hash((name, text))}")
            plan = two_steps.dry_run(
                "guide", (name, given), lambda: gold_batches.plan_guideline(house.store(), name, given)
            )
            _confirm("guide", plan, "Set the guideline", ":material/menu_book:")


def _whole(gold: GoldService, name: str, versions: list[GoldVersion]) -> None:
    """Undo of a version, and the seal."""
    with st.container(border=True):
        house.by(st.container(), "history_by")
        st.header("Undo a version", anchor=False)
        numbers = [v.number for v in reversed(versions)]
        number = st.selectbox("Version", numbers, key="gold_undone", width=140)
        plan = two_steps.dry_run(
            "undo", (name, number, numbers[0]), lambda: gold_batches.plan_undo(house.store(), name, number)
        )  # fmt: skip
        _confirm("undo", plan, "Undo it", ":material/undo:")
    with st.container(border=True):
        st.header("Seal the set", anchor=False)
        st.caption("Nobody changes it afterwards, so that what it measures stays comparable.")
        sealing = two_steps.dry_run(
            "seal", (name, numbers[0]), lambda: gold_batches.plan_seal(house.store(), name)
        )  # fmt: skip
        if sealing is None or sealing.change is None:
            return
        typed = st.text_input(f"Type the name of the set, {plain(name)}, to go on", key="seal_name")
        if two_steps.confirmed("seal", "Seal it for good", ":material/lock:", _name()):
            if typed != name:
                st.warning("The name is not the set's.")
            else:
                two_steps.finish(KEY, lambda: _sealed(sealing))


def _confirm(key: str, plan: GoldPlan | None, label: str, icon: str) -> None:
    if plan and plan.change and two_steps.confirmed(key, label, icon, _name()):
        st.session_state.pop(f"{key}_plan", None)
        two_steps.finish(KEY, lambda: gold_rows.made(plan, _name()))


def _sealed(plan: GoldPlan) -> two_steps.Done:
    seal = gold_batches.seal(house.store(), plan, _name(), who=house.person())
    return two_steps.Done(f"Gold set {seal.name!r} is sealed at version {seal.number}, by {seal.actor}.")


def _name() -> str:
    return (st.session_state.get("history_by") or "").strip()
