"""Altair charts from frames; colours come from the theme, red is kept for what fails."""

import altair as alt
import polars as pl

QUIET = "#64748B"
"""Legible on light and dark; the theme colours axes but not text marks."""

STATE_COLOURS = {"kept": "#0F766E", "dropped": "#B45309", "quarantined": "#6366F1", "failed": "#BE123C"}


def states(by_teacher: pl.DataFrame) -> alt.Chart:
    """Stacked bars: what became of each teacher's samples (teacher, state, n)."""
    order = list(STATE_COLOURS)
    ranked = by_teacher.with_columns(rank=pl.col("state").replace_strict(order, range(len(order)), default=9))
    return (
        alt.Chart(ranked)
        .mark_bar(height=18)
        .encode(
            x=alt.X("sum(n):Q", title="samples", axis=alt.Axis(tickMinStep=1, grid=False)),
            y=alt.Y("teacher:N", title=None, sort=None),
            color=alt.Color(
                "state:N",
                title=None,
                scale=alt.Scale(domain=order, range=list(STATE_COLOURS.values())),
                legend=alt.Legend(orient="top"),
            ),
            order=alt.Order("rank:Q"),
            tooltip=["teacher:N", "state:N", "n:Q"],
        )
        .properties(height=alt.Step(34))
    )


def reasons(funnel: pl.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """Bars with their counts: why samples left (step, reason, action, n), in the order the steps ran."""
    rows = funnel.with_columns(label=pl.format("{}: {}", "step", pl.col("reason").str.replace_all("_", " ")))
    colours = {"drop": "#B45309", "quarantine": "#6366F1", "fail": "#BE123C", "edit": "#64748B"}
    base = alt.Chart(rows).encode(
        x=alt.X("n:Q", title="samples", axis=alt.Axis(tickMinStep=1, grid=False)),
        y=alt.Y("label:N", title=None, sort=None, axis=alt.Axis(labelLimit=260)),
    )
    bars = base.mark_bar(height=16).encode(
        color=alt.Color(
            "action:N",
            title=None,
            scale=alt.Scale(domain=list(colours), range=list(colours.values())),
            legend=alt.Legend(orient="top"),
        ),
        tooltip=["step:N", "reason:N", "action:N", "n:Q"],
    )
    return alt.layer(bars, base.mark_text(align="left", dx=5, color=QUIET).encode(text="n:Q")).properties(
        height=alt.Step(26)
    )


ZONE_COLOURS = {"clean": "#0F766E", "masked": "#6366F1", "uncertain": "#B45309"}
PART_COLOURS = {"prompts": "#0F766E", "answers": "#6366F1"}


def zones(counts: pl.DataFrame) -> alt.Chart:
    """One bar: how many samples are in each zone (zone, n)."""
    order = list(ZONE_COLOURS)
    ranked = counts.with_columns(rank=pl.col("zone").replace_strict(order, range(len(order))))
    return (
        alt.Chart(ranked)
        .mark_bar(height=24)
        .encode(
            x=alt.X(
                "n:Q", title=None, stack="zero", axis=None, scale=alt.Scale(domain=[0, max(1, int(counts["n"].sum()))])
            ),
            color=alt.Color(
                "zone:N",
                scale=alt.Scale(domain=order, range=list(ZONE_COLOURS.values())),
                title=None,
                legend=alt.Legend(orient="top"),
            ),
            order=alt.Order("rank:Q"),
            tooltip=["zone:N", "n:Q"],
        )
        .properties(height=64)
    )


def found(types: pl.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """Bars with their counts: how often each kind was masked, prompts and answers apart (type, part, n)."""
    parts = list(PART_COLOURS)
    rows = types.with_columns(kind=pl.col("type").str.to_lowercase().str.replace_all("_", " "))
    base = alt.Chart(rows).encode(
        x=alt.X("n:Q", title="places masked", axis=alt.Axis(tickMinStep=1, grid=False)),
        y=alt.Y("kind:N", title=None, sort=None, scale=alt.Scale(paddingInner=0.25)),
        yOffset=alt.YOffset("part:N", sort=parts, scale=alt.Scale(domain=parts, paddingInner=0.1)),
    )
    bars = base.mark_bar().encode(
        color=alt.Color(
            "part:N",
            title=None,
            scale=alt.Scale(domain=parts, range=list(PART_COLOURS.values())),
            legend=alt.Legend(orient="top"),
        ),
        tooltip=["kind:N", "part:N", "n:Q"],
    )
    return alt.layer(
        bars, base.mark_text(align="left", baseline="middle", dx=5, color=QUIET).encode(text="n:Q")
    ).properties(height=alt.Step(14, **{"for": "offset"}))


def intervals(scores: pl.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """Dots with rules: accuracy of each arm with its interval (arm, accuracy, low, high)."""
    axis = alt.Axis(format=".0%", tickCount=6)
    base = alt.Chart(scores).encode(y=alt.Y("arm:N", title=None, sort=None))
    low, high = float(scores["low"].min() or 0.0), float(scores["high"].max() or 1.0)  # type: ignore[arg-type]
    room = alt.Scale(domain=[max(0.0, low - 0.04), min(1.0, high + 0.04)], zero=False)
    rules = base.mark_rule(strokeWidth=3, opacity=0.55).encode(
        x=alt.X("low:Q", title="accuracy on the holdout, 95 % interval", scale=room, axis=axis), x2="high:Q"
    )
    dots = base.mark_point(size=130, filled=True, opacity=1).encode(
        x=alt.X("accuracy:Q", scale=room),
        tooltip=["arm:N", *(alt.Tooltip(f"{c}:Q", format=".1%") for c in ("accuracy", "low", "high"))],
    )
    text = base.mark_text(dy=-14, color=QUIET).encode(
        x=alt.X("accuracy:Q", scale=room), text=alt.Text("accuracy:Q", format=".1%")
    )
    return alt.layer(rules, dots, text).properties(height=alt.Step(52))
