"""Gate: does the student hold on the messy holdout, arm by arm, and what was decided."""

import streamlit as st

from curation.store.gates import GateRecord
from dashboard import charts, queries
from dashboard.views import house, looks


def render() -> None:
    """Draw the page."""
    st.title("Gate", anchor=False)
    st.caption("Does the student hold on messy real input, and is it not worse than what it replaces?")
    decisions = queries.gate_rows(house.store())
    if decisions:
        _decision(decisions[0])
    else:
        house.empty("No gate has been decided", "stillhouse gate curated raw")
    _arms()
    if len(decisions) > 1:
        _earlier(decisions[1:])


def _decision(record: GateRecord) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.header("Decision", anchor=False, width="content")
            house.badge(record.outcome)
            st.caption(f"{queries.moment(record.at)} UTC")
        st.text(record.sentence)
        body = record.body
        figures = [("Items", f"{body.get('n')}"), ("Clusters", f"{body.get('clusters')}")]
        ci, estimate = body.get("ci"), body.get("estimate")
        if isinstance(ci, list) and isinstance(estimate, int | float):
            low, high = (100 * float(x) for x in ci)  # type: ignore[arg-type]
            figures = [
                ("Difference", f"{100 * estimate:+.1f} points"),
                ("Interval", f"{low:+.1f} to {high:+.1f}"),
                *figures,
            ]
        if isinstance(margin := body.get("margin"), int | float):
            figures.append(("Allowed loss", f"{100 * margin:g} points"))
        with st.grid(len(figures), min_column_width=150, gap="small"):
            for label, value in figures:
                st.metric(label, value)


def _arms() -> None:
    scores = queries.arm_scores(house.store())
    if scores.is_empty():
        house.empty("No evaluation is recorded", "stillhouse train --arm curated && stillhouse evaluate STUDENT")
        return
    told = "Seeds of one arm are pooled inside an item, so they do not count as more items."
    with looks.card("Evaluations by arm", told):
        left, right = st.columns([3, 2], gap="medium")
        left.altair_chart(charts.intervals(scores), alt="Accuracy of each arm with its 95 % interval")
        config = {
            **{c: c.capitalize() for c in ("arm", "seeds", "items", "clusters")},
            **{c: st.column_config.NumberColumn(c.capitalize(), format="percent") for c in ("accuracy", "low", "high")},
            "ece": st.column_config.NumberColumn("ECE", format="%.3f"),
            "p50_ms": st.column_config.NumberColumn("p50 ms", format="%.1f"),
        }
        right.dataframe(scores, column_config=config, hide_index=True, alt="Accuracy of each arm, seeds pooled")


def _earlier(decisions: list[GateRecord]) -> None:
    with st.expander(f"{len(decisions)} earlier {'decision' if len(decisions) == 1 else 'decisions'}"):
        for record in decisions:
            with st.container(horizontal=True, vertical_alignment="center"):
                house.badge(record.outcome)
                st.caption(f"{queries.moment(record.at)} UTC")
            st.text(record.sentence)
