"""Overview: can this dataset be released, and if not, what is in the way."""

import polars as pl
import streamlit as st

from curation.store.query import Query
from curation.store.versions import Manifest
from dashboard import charts, queries
from dashboard.release import Finding, Release, release
from dashboard.views import house

ARM_WORDS = {
    "raw": "every answer, unfiltered",
    "control": "random, as many as curated",
    "curated": "what the filters kept",
}
ICONS = {"good": ":material/check_circle:", "open": ":material/pending:", "bad": ":material/cancel:"}


def render() -> None:
    """Draw the page."""
    manifest = house.heading("Overview", "Can this dataset be released, and if not, what is in the way?")
    if manifest is None:
        house.empty("Nothing is sealed here yet", f"stillhouse -C {house.root()} run")
        return
    query = house.query(manifest.version)
    _release(release(house.store(), manifest))
    _counts(manifest)
    _made(query)
    _runs()


def _release(found: Release) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader("Ready for release?", anchor=False, width="content")
            house.badge(found.answer, found.answer.capitalize())
            st.text(found.sentence)
        with st.grid(4, min_column_width=210, gap="small"):
            for finding in found.findings:
                _finding(finding)


def _finding(finding: Finding) -> None:
    with st.container(gap="xxsmall"):
        colour = house.COLOURS[finding.level]
        st.markdown(f":{colour}[{ICONS[finding.level]}] **{finding.what}**")  # our own words only
        st.text(finding.found)
        if finding.page:
            house.link(finding.page, "Look")
        if finding.command and finding.level != "good":
            st.caption(f"`{finding.command}`")


def _counts(manifest: Manifest) -> None:
    with st.grid(5, min_column_width=150, gap="small"):
        _count("Samples", manifest.records, manifest.records)
        for state in queries.STATES:
            _count(state.capitalize(), manifest.counts.get(state, 0), manifest.records, state=state)


def _count(label: str, n: int, of: int, **filters: str) -> None:
    with st.container(border=True, gap="xxsmall"):
        st.metric(label, f"{n:,}")
        share = f"{n / of:.1%} of all" if filters and of else "in this version"
        st.caption(share)
        house.link("samples", "Show rows", **filters)


def _made(query: Query) -> None:
    left, right = st.columns(2)
    with left, st.container(border=True, height="stretch"):
        st.subheader("What became of each teacher's samples", anchor=False)
        st.altair_chart(charts.states(queries.by_teacher(query)), alt="Samples of each teacher by state")
        st.subheader("Training arms", anchor=False)
        with st.grid(3, gap="small"):
            for arm, n in queries.arms(query).items():
                with st.container(gap="xxsmall"):
                    st.metric(arm.capitalize(), f"{n:,}")
                    st.caption(ARM_WORDS[arm])
    with right, st.container(border=True, height="stretch"):
        st.subheader("Why samples left or changed", anchor=False)
        _reasons(query)


def _reasons(query: Query) -> None:
    funnel = query.funnel().filter(pl.col("action") != "keep")
    if funnel.is_empty():
        st.caption("No step decided anything but to keep.")
        return
    st.altair_chart(charts.reasons(funnel), alt="Samples each step dropped, held, failed or edited, by reason")
    ended = funnel.filter(pl.col("action") != "edit").select("step", "reason").unique(maintain_order=True)
    with st.expander("Rows behind each reason"), st.container(horizontal=True):
        for step, reason in ended.rows():
            house.link("samples", f"{step}, {reason.replace('_', ' ')}", reason=reason)


def _runs() -> None:
    st.subheader("Last runs", anchor=False)
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
    st.dataframe(runs, column_config=config, hide_index=True, alt="The last runs, newest first")
