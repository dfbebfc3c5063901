"""How sure a figure about raters is: whole clusters are drawn anew, because items of one conversation err together."""

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from curation.intervals import Interval, wilson
from curation.records import Record

DRAWS = 1000
"""Bootstrap samples of a figure that is kept with a report."""
CELLS = 4_000_000
"""Cluster draws held in memory at a time: 32 MB."""

Statistic = Callable[[np.ndarray], np.ndarray]
"""From sums of what each item adds, one row per draw, to one figure per draw; NaN where it is undefined."""


class Figure(Record):
    """A figure with its interval over drawn clusters; `units` count towards it, `left_out` could not.

    The value is None where the figure is undefined; the interval is None where it was not asked for, where there are
    fewer than two clusters, or where the figure is undefined in most draws.
    """

    value: float | None
    interval: Interval | None = None
    units: int
    clusters: int
    left_out: int = 0


def cluster_numbers(clusters: Sequence[Hashable] | None, n: int) -> np.ndarray:
    """Each item's cluster as a number from 0, the same for any order of rows; every item its own without clusters.

    >>> cluster_numbers(["b", "a", "b"], 3).tolist()
    [1, 0, 1]
    """
    if clusters is None:
        return np.arange(n)
    if len(clusters) != n:
        raise ValueError(f"{len(clusters)} clusters for {n} items")
    number = {name: k for k, name in enumerate(sorted(set(clusters), key=str))}
    return np.fromiter((number[name] for name in clusters), dtype=np.int64, count=n)


def cluster_sums(parts_IF: np.ndarray, cluster_I: np.ndarray) -> np.ndarray:
    """What the items of each cluster add together; clusters without an item are left out."""
    _, number_I = np.unique(cluster_I, return_inverse=True)
    sums_GF = np.zeros((int(number_I.max(initial=-1)) + 1, parts_IF.shape[1]))
    np.add.at(sums_GF, number_I, parts_IF)
    return sums_GF


def drawn_sums(parts_IF: np.ndarray, cluster_I: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """The sums of `draws` samples of as many clusters as there are, drawn with replacement (Efron 1979)."""
    sums_GF = cluster_sums(parts_IF, cluster_I)
    groups = len(sums_GF)
    rng = np.random.default_rng(seed)
    drawn_DF = np.empty((draws, sums_GF.shape[1]))
    step = max(1, CELLS // max(1, groups))
    for start in range(0, draws, step):
        rows = min(step, draws - start)
        picked = rng.integers(0, groups, (rows, groups)) + groups * np.arange(rows)[:, None]
        times_DG = np.bincount(picked.ravel(), minlength=rows * groups).reshape(rows, groups)
        drawn_DF[start : start + rows] = times_DG @ sums_GF
    return drawn_DF


def percentile(drawn_D: np.ndarray, level: float = 0.95) -> Interval | None:
    """The percentile interval of drawn figures; None where most draws leave the figure undefined."""
    defined_D = drawn_D[~np.isnan(drawn_D)]
    if 2 * len(defined_D) <= len(drawn_D):
        return None
    low, high = np.quantile(defined_D, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


class Sums:
    """What items add to one or more figures: their sums, and those sums over drawn clusters, drawn once."""

    def __init__(
        self, parts_IF: np.ndarray, cluster_I: np.ndarray, *, draws: int = 0, seed: int = 0, left_out: int = 0
    ) -> None:
        self.units = len(parts_IF)
        self.clusters = len(np.unique(cluster_I))
        self.left_out = left_out
        self._once_F = parts_IF.sum(axis=0)
        self._drawn_DF = drawn_sums(parts_IF, cluster_I, draws, seed) if draws and self.clusters > 1 else None

    def figure(self, statistic: Statistic, level: float = 0.95) -> Figure:
        """The statistic of all items, and its interval."""
        with np.errstate(divide="ignore", invalid="ignore"):
            value = float(statistic(self._once_F[None])[0]) if self.units else np.nan
            interval = None if self._drawn_DF is None else percentile(statistic(self._drawn_DF), level)
        return Figure(
            value=None if np.isnan(value) else value,
            interval=interval,
            units=self.units,
            clusters=self.clusters,
            left_out=self.left_out,
        )


def share_interval(marks: Sequence[float] | np.ndarray, cluster_I: np.ndarray, level: float = 0.95) -> Interval:
    """Wilson's interval of the share of ones, with as many items as the clusters are worth.

    Items of one cluster err together, so n is divided by the design effect: the cluster-robust variance (CR1) over
    that of independent items, and never below one (Kish 1965).

    >>> share_interval([1.0, 1.0, 0.0, 0.0], np.arange(4)) == wilson(2, 4)
    True
    """
    mark_I = np.asarray(marks, dtype=float)
    n = len(mark_I)
    if n == 0:
        return wilson(0, 0, level)
    share = float(mark_I.mean())
    worth = max(1, int(n / design_effect(mark_I - share, cluster_I)))
    return wilson(share * worth, worth, level)


def design_effect(rest_I: np.ndarray, cluster_I: np.ndarray) -> float:
    """How much wider clusters make the variance of a mean, at least 1, from each item's distance to it (Kish 1965).

    >>> design_effect(np.array([0.5, 0.5, -0.5, -0.5]), np.array([0, 0, 1, 1]))
    3.0
    """
    sums_G = cluster_sums(rest_I[:, None], cluster_I)[:, 0]
    groups, n = len(sums_G), len(rest_I)
    if groups == n:
        return 1.0
    single = float((rest_I**2).sum()) * n / (n - 1)
    if groups < 2 or single == 0:  # nothing to measure it by: each cluster counts as one item
        return n / groups
    return max(1.0, float((sums_G**2).sum()) * groups / (groups - 1) / single)
