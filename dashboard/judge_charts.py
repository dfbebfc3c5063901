"""Altair charts of the judges: dots with intervals, the panel beside its best judge, squares of agreement."""

from typing import NamedTuple

import altair as alt
import polars as pl

from dashboard.charts import LETTERS, QUIET

_DOMAIN = ("votes", "advice only", "", "excluded")
"""The theme's third colour goes to no role, so that the fourth, red, marks what is excluded."""
_SHAPES = ("circle", "diamond", "square", "cross")
PALE, DEEP, DARK = "#D5E8E4", "#0F766E", "#14201E"
"""Cells are filled from pale to deep; text on them is dark or white, on a light page as on a dark one."""


POINTS = "datum.value == 0 ? '0' : format(100 * datum.value, '+.0f')"
SHARE = "format(datum.value, '.0%')"


FEW = 3
"""So many judges' names fit beside one another above a square; more are turned."""


class Scale(NamedTuple):
    """The axis of a chart of dots: its title, how values are written, the line to compare with, what must show."""

    title: str
    written: str
    line: float
    least: float
    most: float


ACCURACY = Scale("right on gold, 95 % interval (dashed: a coin)", SHARE, 0.5, 0.4, 1.0)
LENGTH = Scale("prefers the longer answer: judge less people, points", POINTS, 0.0, -0.15, 0.15)
LENIENCY = Scale("accepts: judge less people, points", POINTS, 0.0, -0.15, 0.15)
ORDER = Scale("says otherwise when two answers change places", SHARE, 0.0, 0.0, 0.3)


def forest(rows: pl.DataFrame, scale: Scale) -> alt.LayerChart | alt.FacetChart:
    """Dots with rules, one line a judge, in the colour and shape of its role (judge, role, value, low, high, label)."""
    axis = alt.X(
        "value:Q",
        title=scale.title,
        axis=alt.Axis(labelExpr=scale.written, tickCount=5, grid=False, titleLimit=420),
        scale=alt.Scale(domain=_reach(rows, scale), zero=False),
    )
    base = alt.Chart(rows).encode(
        y=alt.Y("judge:N", title=None, sort=None, axis=alt.Axis(labelLimit=160)),
        color=alt.Color("role:N", scale=alt.Scale(domain=_DOMAIN), legend=None),
    )
    line = alt.Chart(pl.DataFrame({"value": [scale.line]})).mark_rule(strokeDash=[4, 4], color=QUIET, opacity=0.6)
    rules = base.mark_rule(strokeWidth=3, opacity=0.6).encode(x=alt.X("low:Q", title=scale.title), x2="high:Q")
    tooltip = [alt.Tooltip(f"{c}:Q", format=".1%") for c in ("value", "low", "high")]
    dots = base.mark_point(size=120, filled=True, opacity=1).encode(
        x=axis,
        shape=alt.Shape("role:N", scale=alt.Scale(domain=_DOMAIN, range=_SHAPES), legend=None),
        tooltip=["judge:N", "role:N", *tooltip],
    )
    text = alt.Chart(rows).mark_text(dy=-15, color=LETTERS).encode(
        x=axis, y=alt.Y("judge:N", title=None, sort=None), text="label:N"
    )  # fmt: skip
    return alt.layer(line.encode(x=axis), rules, dots, text).properties(height=alt.Step(54))


def _reach(rows: pl.DataFrame, scale: Scale) -> list[float]:
    """From the least to the most that must show, and whatever lies beyond."""
    found = [float(v) for column in ("low", "value", "high") for v in rows[column].drop_nulls()]
    return [min([scale.least, *found]), max([scale.most, *found])]


def panel(rows: pl.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """Bars with their numbers: the best judge alone, the panel, and the panel without each (who, kind, accuracy)."""
    kinds = ["panel", "one left out", "best single judge"]
    base = alt.Chart(rows).encode(
        x=alt.X(
            "accuracy:Q",
            title="right on gold (dashed: a coin)",
            scale=alt.Scale(domain=[0, 1]),
            axis=alt.Axis(format=".0%", tickCount=5, grid=False),
        ),
        y=alt.Y("who:N", title=None, sort=None, axis=alt.Axis(labelLimit=240)),
    )
    bars = base.mark_bar(height=16).encode(
        color=alt.Color(
            "kind:N",
            title=None,
            sort=kinds,
            scale=alt.Scale(domain=kinds, range=["#0F766E", "#64748B", "#6366F1"]),
            legend=alt.Legend(orient="top"),
        ),
        tooltip=["who:N", "kind:N", alt.Tooltip("accuracy:Q", format=".1%")],
    )
    coin = alt.Chart(pl.DataFrame({"accuracy": [0.5]})).mark_rule(strokeDash=[4, 4], color=QUIET).encode(x="accuracy:Q")
    text = base.mark_text(align="left", dx=5, color=LETTERS).encode(text="text:N")
    return alt.layer(bars, coin, text).properties(height=alt.Step(28))


def agreement(cells: pl.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """A square of Cohen's kappa, number and colour, between every two judges (first, second, kappa, same, text)."""
    names = list(dict.fromkeys(cells["first"]))
    tooltip = ["first:N", "second:N", "samples:Q", _number("kappa"), _number("same", ".0%")]
    x = alt.X("second:N", title=None, sort=names, axis=_above(len(names)))
    y = alt.Y("first:N", title=None, sort=names, axis=alt.Axis(labelLimit=160))
    return _cells(alt.Chart(cells).encode(x=x, y=y, tooltip=tooltip), "kappa", (0.0, 1.0))


def slices(cells: pl.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """Cells with number and colour: how often each judge is right in each slice (judge, slice, accuracy, n, text)."""
    bounds = [_number(c, ".0%") for c in ("accuracy", "low", "high")]
    tooltip = ["judge:N", "slice:N", "role:N", "n:Q", *bounds, _number("weight")]
    x = alt.X("judge:N", title=None, sort=None, axis=_above(cells["judge"].n_unique()))
    y = alt.Y("slice:N", title=None, axis=alt.Axis(labelLimit=200))
    return _cells(alt.Chart(cells).encode(x=x, y=y, tooltip=tooltip), "accuracy", (0.5, 1.0))


def _cells(base: alt.Chart, value: str, domain: tuple[float, float]) -> alt.LayerChart | alt.FacetChart:
    scale = alt.Scale(domain=list(domain), range=[PALE, DEEP], clamp=True)
    filled = base.mark_rect(cornerRadius=3).encode(color=alt.Color(f"{value}:Q", scale=scale, legend=None))
    ink = alt.condition(
        f"datum.{value} > {domain[0] + 0.8 * (domain[1] - domain[0])}", alt.value("#FFFFFF"), alt.value(DARK)
    )
    return alt.layer(filled, base.mark_text().encode(text="text:N", color=ink)).properties(height=alt.Step(30))


def _above(judges: int) -> alt.Axis:
    plain = alt.Axis(labelAngle=0, labelLimit=130, labelOverlap=False, orient="top")
    turned = alt.Axis(labelAngle=-30, labelAlign="left", labelLimit=130, labelOverlap=False, orient="top")
    return turned if judges > FEW else plain


def _number(column: str, form: str = ".2f") -> alt.Tooltip:
    return alt.Tooltip(f"{column}:Q", format=form)
