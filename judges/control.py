"""A control chart of a share that is measured again and again: has the process changed, or is this wave's luck?

A p-chart (Shewhart 1931; Montgomery, *Statistical Quality Control*, chapter 7) whose three-sigma limits are drawn on
the arcsine scale (Anscombe 1948), where a share near 1 spreads as evenly as one near one half: of plain limits, one
stable series in four of 20 items at a share of .95 leaves them within 30 waves; of these, one in fifty. They hold, as
plain ones do not, how little the waves tell that the line was drawn from.
"""

from collections.abc import Sequence
from math import asin, pi, sin, sqrt
from typing import NamedTuple

from curation.intervals import Interval, wilson
from curation.records import Record
from curation.shares import percent

BASE = 8
"""The line is drawn from so many waves, the first that are within the limits; until then from all of them so far."""
LEAST = 2
"""Waves that a line is drawn from at the least."""
SIGMAS = 3.0
POWER = 0.8416
"""Standard errors above which a normal value lies one time in five."""
RUN = 8
"""So many waves in a row on one side of the line are no luck (Western Electric 1956)."""


class Wave(NamedTuple):
    """What one wave found: a share, and how many items drawn evenly it is worth."""

    share: float
    items: float


class Mark(Record):
    """A wave on the chart: its share with a 95 % interval, the line and its limits, and why it is an alarm.

    The line is None where too few waves came before. `shows` is the smallest fall that a single wave of this size
    puts below its limits four times in five.
    """

    share: float
    ci: Interval
    items: float
    line: float | None = None
    low: float | None = None
    high: float | None = None
    shows: float | None = None
    alarm: str | None = None


def control_chart(waves: Sequence[Wave]) -> list[Mark]:
    """Each wave beside what came before it, in order.

    >>> chart = control_chart([Wave(0.8, 100)] * 5 + [Wave(0.6, 100)])
    >>> chart[-1].alarm
    'below the limits: 60 %, where 66 % to 92 % was to be expected'
    """
    marks: list[Mark] = []
    base: list[Wave] = []
    sides: list[int] = []
    for wave in waves:
        mark = _against(wave, base)
        sides.append(_side(wave, base))
        if mark.alarm is None and (words := _run(sides)):
            mark = mark.model_copy(update={"alarm": words})
        elif mark.alarm is None and len(base) < BASE:
            base.append(wave)
        marks.append(mark)
    return marks


def _against(wave: Wave, base: Sequence[Wave]) -> Mark:
    ci = wilson(wave.share * wave.items, wave.items)
    bare = Mark(share=wave.share, ci=ci, items=wave.items)
    if len(base) < LEAST:
        return bare
    line = _mean(base)
    known = sum(w.items for w in base)
    low, high = limits(line, known, wave.items)
    beyond = "above" if wave.share > high + 1e-9 else "below" if wave.share < low - 1e-9 else None
    words = f"{beyond} the limits: {percent(wave.share)}, where {percent(low)} to {percent(high)} was to be expected"
    found = {"line": line, "low": low, "high": high, "shows": smallest_fall(line, known, wave.items)}
    return bare.model_copy(update={**found, "alarm": words if beyond else None})


def smallest_fall(line: float, base_items: float, items: float) -> float | None:
    """The smallest fall that one wave shows with power .8; None where not even a fall to nothing would be shown.

    >>> round(smallest_fall(0.8, 800, 100), 3)
    0.183
    """
    width = (SIGMAS + POWER) * sqrt(1 / items + 1 / base_items) / 2
    angle = asin(sqrt(line)) - width
    return line - sin(angle) ** 2 if angle > 0 else None


def limits(line: float, base_items: float, items: float) -> Interval:
    """Where a wave of so many items lies when nothing changed, by three sigmas, given a line drawn from `base_items`.

    >>> [round(x, 3) for x in limits(0.8, 1e9, 100)]
    [0.67, 0.908]
    """
    middle = _turned(line, base_items)
    half = SIGMAS * sqrt(1 / items + 1 / base_items) / 2
    return Interval(_share(middle - half, items), _share(middle + half, items))


def _turned(share: float, n: float) -> float:
    """A share on the arcsine scale, where its standard deviation is 1 / (2 sqrt n) wherever it lies."""
    return asin(sqrt((share * n + 3 / 8) / (n + 3 / 4)))


def _share(angle: float, n: float) -> float:
    """Back from the arcsine scale, for a share of n items; never outside 0 to 1."""
    back = sin(min(max(angle, 0.0), pi / 2)) ** 2
    return min(1.0, max(0.0, (back * (n + 3 / 4) - 3 / 8) / n))


def _mean(base: Sequence[Wave]) -> float:
    return sum(w.share * w.items for w in base) / sum(w.items for w in base)


def _side(wave: Wave, base: Sequence[Wave]) -> int:
    """On which side of the line a wave is: a distance within the line's own standard error is on neither.

    A line drawn from a few waves is itself off by chance, and then every later wave lies on one side of it: with the
    bare line one stable series in five is alarmed within 30 waves, so one in sixteen.
    """
    if len(base) < LEAST:
        return 0
    line = _mean(base)
    error = sqrt(line * (1 - line) / sum(w.items for w in base))
    return 1 if wave.share > line + error else -1 if wave.share < line - error else 0


def _run(sides: Sequence[int]) -> str | None:
    last = sides[-RUN:]
    if len(last) < RUN or not last[0] or len(set(last)) > 1:
        return None
    return f"{RUN} waves in a row are {'above' if last[0] > 0 else 'below'} the line"
