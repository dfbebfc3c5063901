"""Altair charts of review studies: scores with their intervals, and the control chart of a standing study."""

import altair as alt
import polars as pl

from dashboard.charts import LETTERS, QUIET

WAYS = ["as it is", "at equal length", "accepted"]
SHAPES = ["circle", "diamond", "circle"]
STATES = ["as expected", "alarm"]
ALARM = "#BE123C"


def scores(rows: pl.DataFrame, *, line: float | None) -> alt.LayerChart | alt.FacetChart:
    """Dots with rules, as it is and at equal length (who, what, value, low, high, n, label), and a line to compare."""
    ways = [w for w in WAYS if w in set(rows["what"])]
    who = rows["who"].unique(maintain_order=True).to_list()
    title = "share of votes, 95 % interval" + (" (dashed: one half)" if line is not None else "")
    axis = alt.X(
        "value:Q",
        title=title,
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(format=".0%", tickCount=6, grid=False),
    )
    base = alt.Chart(rows).encode(
        y=alt.Y("who:N", title=None, sort=who, axis=alt.Axis(labelLimit=160)),
        yOffset=alt.YOffset("what:N", sort=ways, scale=alt.Scale(paddingOuter=0.45)),
        color=alt.Color(
            "what:N",
            title=None,
            scale=alt.Scale(domain=ways),  # the theme's colours, which are lighter in the dark
            legend=alt.Legend(orient="top") if len(ways) > 1 else None,
        ),
    )
    tooltip = ["who:N", "what:N", *(alt.Tooltip(f"{c}:Q", format=".1%") for c in ("value", "low", "high")), "n:Q"]
    rules = base.mark_rule(strokeWidth=3, opacity=0.6).encode(x=alt.X("low:Q", title=title), x2="high:Q")
    dots = base.mark_point(size=110, filled=True, opacity=1).encode(
        x=axis,
        shape=alt.Shape(
            "what:N",
            title=None,
            scale=alt.Scale(domain=ways, range=[SHAPES[WAYS.index(w)] for w in ways]),
            legend=alt.Legend(orient="top") if len(ways) > 1 else None,
        ),
        tooltip=tooltip,
    )
    text = base.mark_text(dy=-11, fontSize=11).encode(x=axis, text="label:N", color=alt.value(LETTERS))
    half = alt.Chart(pl.DataFrame({"value": [] if line is None else [line]}, schema={"value": pl.Float64}))
    dashed = half.mark_rule(strokeDash=[4, 4], color=QUIET).encode(x=axis)
    return alt.layer(dashed, rules, dots, text).properties(height=alt.Step(34 if len(ways) > 1 else 48))


def control(rows: pl.DataFrame, title: str = "score", height: int = 260) -> alt.LayerChart | alt.FacetChart:
    """The share of each wave with its interval, the line and its limits as steps; an alarm is a red cross."""
    x = alt.X("wave:O", title="wave", axis=alt.Axis(labelAngle=0))
    low = min([1.0, *rows["low"].drop_nulls(), *rows["lower"].drop_nulls()])
    scale = alt.Scale(domain=[max(0.0, low - 0.05), 1.0], zero=False, nice=False)

    def y(column: str) -> alt.Y:
        return alt.Y(f"{column}:Q", title=title, scale=scale, axis=alt.Axis(format=".0%", tickCount=6, grid=False))

    base = alt.Chart(rows).encode(x=x)
    limited = base.transform_filter("isValid(datum.line)")
    limits = [limited.mark_tick(thickness=2, color=QUIET, width=34).encode(y=y(c)) for c in ("lower", "upper")]
    line = limited.mark_tick(thickness=2, color="#0F766E", width=34, opacity=0.7).encode(y=y("line"))
    colour = alt.Color("state:N", title=None, scale=alt.Scale(domain=STATES, range=["#0F766E", ALARM]), legend=None)
    rules = base.mark_rule(strokeWidth=2, opacity=0.5).encode(y=y("low"), y2="high:Q", color=colour)
    path = base.mark_line(color=QUIET, opacity=0.5).encode(y=y("value"))
    tooltip = ["wave:O", "about:N", *(alt.Tooltip(f"{c}:Q", format=".1%") for c in ("value", "line", "lower", "upper"))]
    dots = base.mark_point(size=110, filled=True, opacity=1).encode(
        y=y("value"),
        color=colour,
        shape=alt.Shape("state:N", scale=alt.Scale(domain=STATES, range=["circle", "cross"]), legend=None),
        tooltip=[*tooltip, "label:N"],
    )
    return alt.layer(*limits, line, path, rules, dots).properties(height=height)
