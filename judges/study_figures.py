"""What a figure of a study's report holds: its value, a 95 % interval, n, and the smallest effect n could show."""

from collections.abc import Hashable, Sequence

import numpy as np
from pydantic import JsonValue

from judges.power import smallest_margin
from judges.resampling import Figure, cluster_numbers, design_effect, share_interval

VERDICTS: dict[str, tuple[str, ...]] = {
    "single": ("accept", "reject"),
    "edit": ("accept", "edit", "reject"),
    "spans": ("clean", "marked"),
}
"""What is said about one answer, by kind of study; the first word takes the answer as it stands."""


def rounded(value: float | None) -> float | None:
    """A value as a report holds it."""
    return None if value is None else round(value, 4)


def bounds(interval: Sequence[float] | None) -> list[JsonValue] | None:
    """An interval as a report holds it."""
    return None if interval is None else [round(x, 4) for x in interval]


def detectable(n: int, deff: float = 1.0) -> float | None:
    """The smallest difference of a share from one half that `n` votes show with power .8 at 5 %, two-sided.

    None where even a share of 0 or 1 would not have been told from one half. `deff` is how much wider votes that
    belong together make the variance. One half has the widest spread, so any other share is told sooner.

    >>> round(detectable(200), 3), detectable(4)
    (0.099, None)
    """
    found = smallest_margin(n, 0.5, deff=deff) if n else 1.0
    return found if found <= 0.5 else None


def share_row(marks: Sequence[bool], clusters: Sequence[Hashable]) -> dict[str, JsonValue]:
    """A share with Wilson's interval for as many votes as its clusters are worth.

    >>> share_row([True, True, False, True], ["a", "b", "c", "d"])
    {'share': 0.75, 'ci': [0.3006, 0.9544], 'n': 4, 'mde': None}
    """
    if not marks:
        return {"share": None, "ci": None, "n": 0, "mde": None}
    mark_N, cluster_N = np.array(marks, dtype=float), cluster_numbers(clusters, len(marks))
    deff = design_effect(mark_N - mark_N.mean(), cluster_N)
    return {
        "share": rounded(float(mark_N.mean())),
        "ci": bounds(share_interval(mark_N, cluster_N)),
        "n": len(marks),
        "mde": rounded(detectable(len(marks), deff)),
    }


def figure_row(figure: Figure) -> dict[str, JsonValue]:
    """A coefficient of agreement with its interval and the items it is of."""
    return {"value": rounded(figure.value), "ci": bounds(figure.interval), "n": figure.units}
