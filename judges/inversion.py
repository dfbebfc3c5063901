"""The inversion alarm: equal votes that gold says are wrong, or clearly worse than the panel's best judge."""

from collections.abc import Sequence

import numpy as np
from scipy.special import bdtrc

from curation.intervals import wilson
from curation.shares import percent
from judges.qualify import Standing, VoteTable
from judges.unsupervised import against_gold
from judges.weighing import majority_sign, score

ALPHA = 0.05
"""Chance of calling equal votes worse than the best judge where they are not; shared by all that could be the best."""
CLEARLY = 0.15
"""A best judge this much ahead of a majority that is not shown to beat a coin is an alarm without a test."""


def inversion(table: VoteTable, overall: Sequence[Standing], least_gold: int) -> str | None:
    """A sentence naming the judges and the numbers where equal votes mislead; None where gold does not say so.

    Four grounds: the majority is right on fewer than half of the gold rows it decides; judges below chance hold half
    or more of the votes; the majority is worse than the best qualified judge, by an exact sign test over clusters, or
    by 15 points while it is not shown to be better than a coin; agreement alone (Dawid-Skene) would put a judge on the
    other side of chance than gold shows it to be.
    """
    measured = [s for s in overall if s.n >= least_gold and s.accuracy is not None]
    if not measured:
        return None
    scores_I = score(majority_sign(table.votes_IJ), table.gold_I)
    grounds = [
        _fewer_than_half(scores_I, table.cluster_I, least_gold),
        _outvoted(measured),
        _worse_than_best(table, overall, scores_I),
        against_gold(table, overall, least_gold),
    ]
    said = [g for g in grounds if g]
    return "Equal votes would mislead: " + "; ".join(said) + "." if said else None


def _fewer_than_half(scores_I: np.ndarray, cluster_I: np.ndarray, least_gold: int) -> str | None:
    decided_I = ~np.isnan(scores_I) & (scores_I != 0.5)
    mean_C = cluster_means(scores_I[decided_I], cluster_I[decided_I])
    if len(mean_C) < least_gold or mean_C.mean() >= 0.5:
        return None
    return f"their majority is right on {percent(float(mean_C.mean()))} of the {len(mean_C)} gold rows it decides"


def _outvoted(measured: Sequence[Standing]) -> str | None:
    below = [s for s in measured if s.accuracy is not None and s.accuracy < 0.5]
    if 2 * len(below) < len(measured) or not below:
        return None
    others = [s for s in measured if s not in below]
    against = f" against {_named(others)}" if others else ""
    return f"{len(below)} of {len(measured)} votes are below chance on gold: {_named(below)}{against}"


def _worse_than_best(table: VoteTable, overall: Sequence[Standing], scores_I: np.ndarray) -> str | None:
    voting = [j for j, s in enumerate(overall) if s.role == "votes"]
    if not voting or len(overall) < 2:
        return None
    right_IJ = 1 - table.errors_IJ
    best = max(voting, key=lambda j: cluster_mean(right_IJ[:, j], table.cluster_I))
    both_I = ~np.isnan(right_IJ[:, best]) & ~np.isnan(scores_I)
    gap_C = cluster_means((right_IJ[:, best] - scores_I)[both_I], table.cluster_I[both_I])
    mean = cluster_mean(scores_I, table.cluster_I)
    alone = cluster_mean(right_IJ[:, best], table.cluster_I)
    said = f"their majority scores {percent(mean)} on gold, {overall[best].judge} alone {percent(alone)}"
    better, worse = int((gap_C > 1e-9).sum()), int((gap_C < -1e-9).sum())
    if gap_C.mean() > 0 and sign_test(better, better + worse) <= ALPHA / len(voting):
        return said
    if gap_C.mean() >= CLEARLY and wilson(mean * len(gap_C), len(gap_C)).low <= 0.5:
        return f"{said}, and the majority is not shown to be better than a coin"
    return None


def sign_test(better: int, n: int) -> float:
    """The exact one-sided chance of at least `better` of `n` where either side is as likely.

    >>> sign_test(5, 5)
    0.03125
    """
    return 1.0 if better == 0 else float(bdtrc(better - 1, n, 0.5))


def cluster_means(values_I: np.ndarray, cluster_I: np.ndarray) -> np.ndarray:
    """The mean of each cluster that occurs."""
    if not len(values_I):
        return np.zeros(0)
    _, place = np.unique(cluster_I, return_inverse=True)
    return np.bincount(place, weights=values_I) / np.bincount(place)


def cluster_mean(values_I: np.ndarray, cluster_I: np.ndarray) -> float:
    """The mean over clusters of the values that are known; nan of none."""
    known_I = ~np.isnan(values_I)
    means_C = cluster_means(values_I[known_I], cluster_I[known_I])
    return float(means_C.mean()) if len(means_C) else float("nan")


def _named(some: Sequence[Standing]) -> str:
    return ", ".join(f"{s.judge} {percent(s.accuracy)}" for s in some)
