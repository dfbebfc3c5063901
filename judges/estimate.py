"""How much better one student is than another on the same items, with an interval that respects clusters."""

import math
from collections.abc import Sequence
from typing import cast

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm, t

from curation.records import Record

FEW_DISCORDANT = 25
"""With fewer items than this on which two students differ, a t interval is too sure of itself."""


class Estimate(Record):
    """A mean paired difference with its interval: points of score, candidate minus baseline.

    `deff` is how much wider clustering made the variance, `sd` the spread of the differences of single items.
    """

    mean: float
    low: float
    high: float
    se: float
    sd: float
    deff: float
    n: int
    clusters: int


def paired_difference(differences: Sequence[float], clusters: Sequence[str], alpha: float) -> Estimate:
    """The mean of paired differences with a two-sided 1 - 2 alpha interval, so that each bound alone errs with alpha.

    Cluster-robust standard error with the CR1 correction and t on G - 1 degrees of freedom (Miller 2024,
    arXiv 2411.00640). Where the scores are right or wrong and fewer than 25 items differ, the interval also covers
    Tango's (1998) score interval, which stays honest when no item differs at all. Needs at least two clusters.

    >>> paired_difference([1.0, 0.0, 0.0, 0.0], ["a", "a", "b", "b"], 0.025).mean
    0.25
    """
    d_N = np.asarray(differences, dtype=float)
    names, cluster_N = np.unique(np.asarray(clusters), return_inverse=True)
    n, groups = len(d_N), len(names)
    mean = float(d_N.mean())
    sum_G = np.bincount(cluster_N, weights=d_N - mean, minlength=groups)
    se = math.sqrt(groups / (groups - 1) * float((sum_G**2).sum())) / n
    sd = float(d_N.std(ddof=1))
    half = float(t.ppf(1 - alpha, groups - 1)) * se
    low, high = mean - half, mean + half
    better, worse = int((d_N == 1).sum()), int((d_N == -1).sum())
    if np.isin(d_N, (-1, 0, 1)).all() and better + worse < FEW_DISCORDANT:
        score_low, score_high = tango_interval(better, worse, n, alpha)
        low, high = min(low, score_low), max(high, score_high)
    deff = se**2 / (sd**2 / n) if sd > 0 else 1.0
    return Estimate(mean=mean, low=low, high=high, se=se, sd=sd, deff=deff, n=n, clusters=groups)


def tango_interval(better: int, worse: int, n: int, alpha: float) -> tuple[float, float]:
    """Tango's (1998) score interval of a difference of paired shares, each bound at level alpha.

    >>> [round(x, 4) for x in tango_interval(0, 0, 44, 0.025)]
    [-0.0803, 0.0803]
    """
    z = float(norm.ppf(1 - alpha))
    mean, edge = (better - worse) / n, 1 - 1e-12

    def beyond(bound: float) -> float:
        return _tango_z(better, worse, n, bound)

    low = -1.0 if beyond(-edge) < z else cast("float", brentq(lambda b: beyond(b) - z, -edge, mean))
    high = 1.0 if beyond(edge) > -z else cast("float", brentq(lambda b: beyond(b) + z, mean, edge))
    return low, high


def _tango_z(b: int, c: int, n: int, difference: float) -> float:
    """The score statistic of H0 "the true difference is `difference`", falling from above 0 to below it."""
    a2, a1 = 2 * n, -b - c + (2 * n - b + c) * difference
    a0 = -c * difference * (1 - difference)
    q = (math.sqrt(max(0.0, a1 * a1 - 4 * a2 * a0)) - a1) / (2 * a2)
    variance = n * (2 * q + difference * (1 - difference))
    distance = b - c - n * difference
    return distance / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, distance) if distance else 0.0
