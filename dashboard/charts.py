"""Altair charts from frames; colours come from the theme, red is kept for what fails."""

import altair as alt
import polars as pl

QUIET = "#6B7A90"
"""Lines that help to read a chart: to be seen on light and dark."""
LETTERS = "currentColor"
"""Of text in a chart: the page's own colour of text, light or dark; the theme colours axes but not text marks."""

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


def funnel(rows: pl.DataFrame, links: list[str]) -> alt.LayerChart | alt.FacetChart:
    """What came to each step, as bars: what it left and what ended there, with the reason of most; a bar is a link.

    `rows` is what `overview_queries.funnel` gives, `links` an address for each row.
    """
    # A step nothing ended at says no number: its bar is as long as the next one's.
    told = pl.when(pl.col("ended") > 0).then(
        pl.format("-{} {}", pl.col("ended"), pl.col("reason").str.replace_all("_", " "))
    )
    kept = pl.when(pl.col("step") == "kept").then(pl.format("{}", "left"))
    shown = rows.with_columns(href=pl.Series(links), label=pl.coalesce(kept, told, pl.lit("")))
    parts = shown.unpivot(["left", "ended"], index=["step", "href", "label", "entered"], variable_name="what")
    order = rows["step"].to_list()
    axis = alt.Axis(tickMinStep=1, grid=False, tickCount=4)
    y = alt.Y("step:N", title=None, sort=order, axis=alt.Axis(labelLimit=120))
    room = alt.Scale(domain=[0, max(1, int(rows["entered"].max() or 0)) * 1.3], nice=False)  # type: ignore[operator]
    bars = (
        alt.Chart(parts)
        .mark_bar(height=16, cursor="pointer")
        .encode(
            x=alt.X("sum(value):Q", title="samples", axis=axis, scale=room),
            y=y,
            color=alt.Color(
                "what:N",
                title=None,
                scale=alt.Scale(domain=["left", "ended"], range=[STATE_COLOURS["kept"], STATE_COLOURS["dropped"]]),
                legend=alt.Legend(orient="top"),
            ),
            order=alt.Order("what:N", sort="descending"),
            href="href:N",
            tooltip=["step:N", "what:N", alt.Tooltip("value:Q", format=",")],
        )
    )
    text = (
        alt.Chart(shown)
        .mark_text(align="left", dx=5, color=LETTERS)
        .encode(x=alt.X("entered:Q", scale=room), y=y, text="label:N")
    )
    return alt.layer(bars, text).properties(height=alt.Step(26))


SIDES = ("#0F766E", "#B45309")


def slices(found: pl.DataFrame, margin: float | None) -> alt.LayerChart | alt.FacetChart:
    """Dots with rules: each slice of the holdout, candidate and baseline (slice, who, accuracy, low, high, n).

    A tick shows how low the candidate may go: the baseline less the allowed loss.
    """
    sides = found["who"].unique(maintain_order=True).to_list()
    axis = alt.Axis(format=".0%", tickCount=6)
    low = float(found["low"].min() or 0.0)  # type: ignore[arg-type]
    room = alt.Scale(domain=[max(0.0, low - 0.03), 1.0], zero=False, nice=False)
    base = alt.Chart(found).encode(
        y=alt.Y("slice:N", title=None, axis=alt.Axis(labelLimit=150)),
        yOffset=alt.YOffset("who:N", sort=sides, scale=alt.Scale(paddingOuter=0.4)),
        color=alt.Color(
            "who:N",
            title=None,
            sort=sides,
            scale=alt.Scale(domain=sides, range=list(SIDES[: len(sides)])),
            legend=alt.Legend(orient="top"),
        ),
        opacity=alt.condition("datum.n < 30", alt.value(0.45), alt.value(1.0)),
    )
    title = "accuracy in the slice, 95 % interval"
    rules = base.mark_rule(strokeWidth=2.5).encode(x=alt.X("low:Q", title=title, scale=room, axis=axis), x2="high:Q")
    told = ["slice:N", "who:N", "n:Q", *(alt.Tooltip(f"{c}:Q", format=".1%") for c in ("accuracy", "low", "high"))]
    dots = base.mark_point(size=70, filled=True).encode(x=alt.X("accuracy:Q", scale=room), tooltip=told)
    layers = [rules, dots]
    if margin is not None and len(sides) > 1:
        least = found.filter(who=sides[1]).with_columns(least=pl.col("accuracy") - margin)
        line = alt.Chart(least).mark_tick(color=QUIET, thickness=2, size=26).encode(x="least:Q", y="slice:N")
        layers.append(line)
    return alt.layer(*layers).properties(height=alt.Step(16 if len(sides) > 1 else 24, **{"for": "offset"}))


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
        bars, base.mark_text(align="left", baseline="middle", dx=5, color=LETTERS).encode(text="n:Q")
    ).properties(height=alt.Step(14, **{"for": "offset"}))


def intervals(scores: pl.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """Dots with rules: accuracy of each arm with its interval (arm, accuracy, low, high)."""
    axis = alt.Axis(format=".0%", tickCount=6)
    base = alt.Chart(scores).encode(y=alt.Y("arm:N", title=None, sort=None))
    low, high = float(scores["low"].min() or 0.0), float(scores["high"].max() or 1.0)  # type: ignore[arg-type]
    room = alt.Scale(domain=[max(0.0, low - 0.04), min(1.0, high + 0.04)], zero=False)
    rules = base.mark_rule(strokeWidth=3, color=QUIET).encode(
        x=alt.X("low:Q", title="accuracy on the holdout, 95 % interval", scale=room, axis=axis), x2="high:Q"
    )
    dots = base.mark_point(size=130, filled=True, opacity=1).encode(
        x=alt.X("accuracy:Q", scale=room),
        tooltip=["arm:N", *(alt.Tooltip(f"{c}:Q", format=".1%") for c in ("accuracy", "low", "high"))],
    )
    text = base.mark_text(dy=-14, color=LETTERS).encode(
        x=alt.X("accuracy:Q", scale=room), text=alt.Text("accuracy:Q", format=".1%")
    )
    return alt.layer(rules, dots, text).properties(height=alt.Step(52))
