"""How sure a figure is: Wilson's interval of a share, and a bootstrap interval that respects clusters."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import NormalDist
from typing import NamedTuple, Self

import numpy as np

from curation.records import Record
from curation.shares import percent

DRAWS = 400
"""Bootstrap samples: the bounds of a table for reading need no more."""


class Interval(NamedTuple):
    """A lower and an upper bound."""

    low: float
    high: float


def wilson(successes: float, n: float, level: float = 0.95) -> Interval:
    """Wilson's score interval of a share (Wilson 1927); the whole of 0..1 when n is 0.

    >>> [round(x, 3) for x in wilson(17, 20)]
    [0.64, 0.948]
    """
    return wilson_at(successes, n, NormalDist().inv_cdf((1 + level) / 2))


def wilson_at(successes: float, n: float, z: float) -> Interval:
    """Wilson's interval `z` standard errors wide on either side: few clusters ask for more than any level below 1 has.

    >>> [round(x, 3) for x in wilson_at(1, 2, 12.7)]
    [0.003, 0.997]
    """
    if n == 0:
        return Interval(0.0, 1.0)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def bootstrap_median(values: Sequence[float], clusters: Sequence[str], seed: int, level: float = 0.95) -> Interval:
    """The percentile interval of a median over drawn clusters (Efron 1979); needs at least one value.

    >>> bootstrap_median([3.0, 3.0, 3.0], ["a", "b", "c"], seed=0)
    Interval(low=3.0, high=3.0)
    """
    by_cluster: dict[str, list[float]] = defaultdict(list)
    for value, cluster in zip(values, clusters, strict=True):
        by_cluster[cluster].append(value)
    groups = [np.asarray(by_cluster[name]) for name in sorted(by_cluster)]
    rng = np.random.default_rng(seed)
    medians = [
        float(np.median(np.concatenate([groups[i] for i in rng.integers(0, len(groups), len(groups))])))
        for _ in range(DRAWS)
    ]
    low, high = np.quantile(medians, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def bootstrap_ratio(parts: Sequence[tuple[float, float]], clusters: Sequence[str], seed: int) -> Interval:
    """The 95 % percentile interval of a ratio of sums over drawn clusters; the whole of 0..1 where nothing is counted.

    `parts` holds each row's numerator and denominator: found and wanted spans of a text.

    >>> bootstrap_ratio([(1, 1), (2, 2)], ["a", "b"], seed=0)
    Interval(low=1.0, high=1.0)
    """
    by_cluster: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for (above, below), cluster in zip(parts, clusters, strict=True):
        by_cluster[cluster][0] += above
        by_cluster[cluster][1] += below
    sums = np.asarray([by_cluster[name] for name in sorted(by_cluster)]).reshape(-1, 2)
    sums = sums[sums[:, 1] > 0]
    if not len(sums):
        return Interval(0.0, 1.0)
    drawn = np.random.default_rng(seed).integers(0, len(sums), (DRAWS, len(sums)))
    above, below = sums[drawn].sum(axis=1).T
    low, high = np.quantile(above / below, [0.025, 0.975])
    return Interval(float(low), float(high))


class Share(Record):
    """A share with its 95 % Wilson interval; `n` counts clusters, because answers to one prompt err together."""

    share: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, marks: Iterable[tuple[str, bool]]) -> Self | None:
        """The share of (cluster, whether) marks, each cluster counting once; None of no marks.

        >>> Share.of([("p1", True), ("p1", False), ("p2", True)]).words
        '75 % [20, 97]'
        """
        by_cluster: dict[str, list[bool]] = defaultdict(list)
        for cluster, mark in marks:
            by_cluster[cluster].append(mark)
        n = len(by_cluster)
        if not n:
            return None
        share = sum(sum(m) / len(m) for m in by_cluster.values()) / n
        low, high = wilson(share * n, n)
        return cls(share=round(share, 4), low=round(low, 4), high=round(high, 4), n=n)

    @property
    def words(self) -> str:
        """`71 % [63, 78]`."""
        return f"{percent(self.share)} [{100 * self.low:.0f}, {100 * self.high:.0f}]"
