"""Overview: can this dataset be released, and if not, what is in the way."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

import polars as pl
import streamlit as st

from curation.store.versions import Manifest
from dashboard import audit, charts, overview_queries, queries
from dashboard.lineage import Lineage
from dashboard.overview_queries import Cost
from dashboard.release import Finding, Release, release
from dashboard.views import house, looks, tracing

QUESTION = "Can this dataset be released, and if not, what blocks it?"
ARM_WORDS = {
    "raw": "every answer, unfiltered",
    "control": "random, as many as curated",
    "curated": "what the filters kept",
}
CHIPS = {"good": "met", "open": "open", "bad": "blocks"}
EVENTS = 10


def render() -> None:
    """Draw the page."""
    manifest = house.heading("Overview", QUESTION)
    if manifest is None:
        house.empty("Nothing is sealed here yet", f"stillhouse -C {house.root()} run")
        return
    traced = tracing.traced(manifest)
    found = release(house.store(), manifest, traced)
    _answer(found)
    _figures(manifest, traced)
    _checks(found)
    counts = _outcomes(house.root(), manifest.version)
    left, right = st.columns(2, gap="small")
    with left:
        _funnel(counts, manifest)
    with right:
        _slices()
    left, right = st.columns(2, gap="small")
    with left:
        _teachers(counts)
    with right:
        _cost(overview_queries.cost(house.store(), manifest))
    _events()
    _runs()
    tracing.until_counted(manifest, traced)


@st.cache_data(show_spinner=False, max_entries=8)
def _outcomes(folder: Path, version: str) -> pl.DataFrame:
    """Counts alone: what is cached holds no text."""
    return overview_queries.outcomes(house.query(version))


def _figures(manifest: Manifest, traced: Lineage | None) -> None:
    with st.grid(5, min_column_width=looks.FIGURE_WIDTH, gap="small"):
        for f in overview_queries.figures(house.store(), manifest, traced):
            looks.figure(
                f.label, f.value, f.words, f.page,
                filters=f.filters, delta=f.delta, trend=f.trend, command=f.command,
            )  # fmt: skip


# --- what blocks it --------------------------------------------------------------------------------------------


def _answer(found: Release) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.header("Ready for release?", anchor=False, width="content")
        house.badge(found.answer, found.answer.capitalize())
        st.text(found.sentence)


def _checks(found: Release) -> None:
    with looks.card("What a release asks for", "What was found, what is wanted, and the page with the rows behind it."):
        for finding in found.findings:
            _finding(finding)


def _finding(finding: Finding) -> None:
    with looks.line():
        with st.container(width=52):
            house.badge(finding.level, CHIPS[finding.level])
        st.text(finding.what, width=130)
        with st.container(gap="xxsmall", width=400):
            st.text(finding.found)
            if finding.command and finding.level != "good":
                st.code(finding.command, language=None)
        of = "" if finding.n is None else f" (n = {finding.n:,})"
        st.caption(f"Wanted: {finding.wanted}{of}", width=230)
        if finding.page:
            house.link(finding.page, f"Open {finding.page}", **finding.filters)


# --- where samples went ----------------------------------------------------------------------------------------


def _funnel(counts: pl.DataFrame, manifest: Manifest) -> None:
    with looks.card("From generated to kept", stretch=True):
        rows = overview_queries.funnel(counts, manifest)
        links = [_address(_narrowed(step), manifest) for step in rows["step"]]
        ended = rows.filter(pl.col("ended") > 0)
        said = ", ".join(f"{step} {n:,}" for step, n in ended.select("step", "ended").iter_rows()) or "nothing"
        st.altair_chart(charts.funnel(rows, links), alt=f"{rows['left'][-1]:,} samples are kept; ended at: {said}")
        with st.container(horizontal=True, gap="small"):
            for step, n in ended.select("step", "ended").iter_rows():
                house.link("samples", f"{n:,} ended at {step}", **_narrowed(step))
        _reasons(counts)


def _narrowed(step: str) -> dict[str, str]:
    return {"state": "kept"} if step == "kept" else {"step": step}


def _address(narrowed: Mapping[str, str], manifest: Manifest) -> str:
    """The address of the rows behind a bar, in the version that is looked at."""
    return f"samples?{urlencode({**narrowed, 'version': manifest.version})}"


def _reasons(counts: pl.DataFrame) -> None:
    ended = counts.drop_nulls("reason").group_by("step", "reason").agg(pl.col("n").sum())
    if ended.is_empty():
        st.caption("No step decided anything but to keep.")
        return
    with st.expander("Rows behind each reason"), st.container(horizontal=True):
        for step, reason, n in ended.sort("n", "step", "reason", descending=[True, False, False]).iter_rows():
            house.link("samples", f"{n:,} {step}, {reason.replace('_', ' ')}", step=step, reason=reason)


def _teachers(counts: pl.DataFrame) -> None:
    with looks.card("What became of each teacher's samples", stretch=True):
        st.altair_chart(charts.states(overview_queries.by_teacher(counts)), alt="Samples of each teacher by state")
        states = counts.group_by("state").agg(pl.col("n").sum()).sort("n", descending=True)
        with st.container(horizontal=True, gap="small"):
            for state, n in states.iter_rows():
                house.link("samples", f"{n:,} {state}", state=state)
        arms = {
            "raw": int(counts["answered"].sum()),
            "control": int(counts["control"].sum()),
            "curated": int(counts.filter(state="kept")["n"].sum()),
        }
        looks.figures([(f"Arm {arm}", f"{n:,}", ARM_WORDS[arm]) for arm, n in arms.items()], width=120)


# --- students, cost --------------------------------------------------------------------------------------------


def _slices() -> None:
    with looks.card("The student in each slice of the holdout", stretch=True):
        found = overview_queries.slices(house.store())
        if found.is_empty():
            st.caption(
                "No evaluation has slices. Holdout rows name theirs as `slices`; a student is measured on them with"
            )
            st.code("stillhouse evaluate STUDENT", language=None)
            return
        gate = next(iter(queries.gate_rows(house.store())), None)
        margin = gate.body.get("margin") if gate else None
        said = overview_queries.takeaway(found)
        st.altair_chart(charts.slices(found, margin if isinstance(margin, float) else None), alt=said)
        st.text(said)
        st.caption("Grey ticks: the baseline less the loss that the gate allows. Faint: fewer than 30 items.")
        house.link("gate", "Open gate")


def _cost(spent: Cost) -> None:
    with looks.card("What an accepted sample cost", stretch=True):
        if not spent.calls:
            st.caption("No finished run reports a call; this command makes one.")
            st.code("stillhouse run", language=None)
            return
        each, calls = spent.usd_each, spent.calls_each
        looks.figures(
            [
                ("Dollars each", _each(each, "${:.4f}"), f"${spent.usd:,.2f} for calls in all"),
                ("Calls each", _each(calls, "{:.2f}"), f"{spent.calls:,} calls in all"),
                ("Machine hours", f"{spent.hours:.2f}", f"booked, ${spent.hours_usd:,.2f} in all"),
            ],
            width=120,
        )
        st.caption("As the finished runs report it. Every attempt, by model and purpose:")
        st.code("stillhouse cost", language=None)


def _each(value: float | None, spelled: str) -> str:
    return "none kept" if value is None else spelled.format(value)


# --- what happened ---------------------------------------------------------------------------------------------


def _events() -> None:
    with looks.card("The last events", f"The newest {EVENTS} of the signed ledger; times are UTC."):
        looks.events(audit.newest(house.store(), EVENTS))
        house.link("provenance", "Open provenance")


def _runs() -> None:
    with looks.card("Last runs"):
        runs = queries.last_runs(house.store())
        if runs.is_empty():
            st.caption("No run is recorded.")
            return
        config = {
            "run": st.column_config.NumberColumn("Run", width=60),
            "started": st.column_config.TextColumn("Started (UTC)", width=160),
            "command": st.column_config.TextColumn("Command", width="small"),
            "ended": st.column_config.TextColumn("Ended", width=70),
            "version": st.column_config.TextColumn("Version"),
            "samples": st.column_config.NumberColumn("Samples", format="localized"),
            "kept": st.column_config.NumberColumn("Kept", format="localized"),
            "calls": st.column_config.NumberColumn("Calls", format="localized"),
            "cost_usd": st.column_config.NumberColumn("Cost", format="dollar"),
            "seconds": st.column_config.NumberColumn("Seconds", format="%.1f"),
        }
        st.dataframe(runs, column_config=config, hide_index=True, height="content", alt="The last runs, newest first")
