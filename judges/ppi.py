"""A mean that few people and a judge measure together: as sure as people alone at least, surer where the judge is good.

Prediction-powered inference with a tuned weight (PPI++: Angelopoulos, Duchi and Zrnic 2023, arXiv 2311.01453). The
judge's scores of all items, and what people say of some of them, estimate what people would say of all:

    mean of people's labels + lam x (judge's mean over all items - judge's mean over the items people labelled)

Every item is one row of the same arrays, and `human` is NaN where nobody looked. So the items people labelled are
among "all items", each counted once; the paper's formula, whose second mean is over the other items only, is the same
estimate with its weight written as lam x (items nobody looked at / all items).
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from curation.errors import InputError
from curation.intervals import Interval, wilson_at
from curation.records import Record
from judges.estimate import FEW_DISCORDANT, tango_interval
from judges.resampling import cluster_numbers

LEAST_LABELS = 50
"""With fewer human labels the judge's weight cannot be told well enough to use it."""
LEAST_CLUSTERS = 20
"""With human labels in fewer clusters than this, likewise."""
LEAST_APART = 10
"""With fewer labels that say otherwise than the rest, or items on which people tell two answers apart, likewise."""


class PpiEstimate(Record):
    """What people would say of all items on average, by few of their labels and a judge's scores.

    `n` human labels among `total` items, in `clusters` of `all_clusters`. `lam` is how far the judge's scores are
    trusted: 0 not at all, 1 at face value. `rho` is the correlation of people and judge where both are known.
    `human_only` is the same interval without the judge, `judge_mean` what the judge alone would say (biased, without
    an interval). `unscored` items have no score and weigh as an average one. `floor` is the smallest logged
    probability with which an item was drawn for people, `effective` the labels that equal chances would have needed.
    `why` says in words which method gave the interval.
    """

    mean: float
    low: float
    high: float
    se: float
    lam: float
    rho: float | None
    n: int
    total: int
    clusters: int
    all_clusters: int
    human_mean: float
    human_only: Interval
    judge_mean: float | None
    unscored: int = 0
    floor: float | None = None
    effective: float
    aided: bool
    why: str

    @property
    def labels_worth(self) -> float:
        """How many human labels alone would have given an interval this narrow."""
        wide, narrow = self.human_only.high - self.human_only.low, self.high - self.low
        return self.n * (wide / narrow) ** 2 if narrow > 0 else float(self.n)


def ppi_mean(
    human: np.ndarray | Sequence[float],
    judged: np.ndarray | Sequence[float],
    *,
    clusters: Sequence[Hashable] | None = None,
    probabilities: np.ndarray | Sequence[float] | None = None,
    level: float = 0.95,
) -> PpiEstimate:
    """The mean of `human` over all items: one row per item, NaN where people did not look or the judge did not score.

    `clusters` names the conversation or customer of each row; rows of one err together. `probabilities` holds the
    logged chance with which each row was drawn for people, where chances differed (Zrnic and Candes 2024, arXiv
    2403.03208); one that is missing, zero or above 1 is an InputError, because what could never be drawn is measured
    by nobody. With fewer than 50 human labels, labels in fewer than 20 clusters, or fewer than 10 that differ from the
    rest, people alone give the interval. Labels that are all 0 or 1 get Wilson's interval, others Student's t.

    >>> human = [1.0, 0.0, 1.0, float("nan")]
    >>> ppi_mean(human, [0.9, 0.2, 0.8, 0.7]).why
    'people alone: 3 human labels, fewer than 50'
    """
    rows = _Rows.of(human, judged, clusters, probabilities)
    if not np.isin(rows.labels, (0, 1)).all():
        return _estimate(rows, rows.why_unaided(), level, _bounds, _bounds)
    why, rare = rows.why_unaided(), int(min((rows.labels == 0).sum(), (rows.labels == 1).sum()))
    if why is None and rare < LEAST_APART:
        why = f"people alone: {rare} human labels say otherwise than the rest, fewer than {LEAST_APART}"
    return _estimate(rows, why, level, _share_bounds, _share_bounds)


def ppi_difference(
    human: tuple[np.ndarray | Sequence[float], np.ndarray | Sequence[float]],
    judged: tuple[np.ndarray | Sequence[float], np.ndarray | Sequence[float]],
    *,
    clusters: Sequence[Hashable] | None = None,
    probabilities: np.ndarray | Sequence[float] | None = None,
    level: float = 0.95,
) -> PpiEstimate:
    """How much better the first is than the second on the same items: each argument is (candidate, baseline).

    Differences are taken item by item before anything is averaged, so what makes an item hard for both cancels. An
    item counts as labelled, or as scored, where both of its sides are.
    """
    (human_a, human_b), (judged_a, judged_b) = human, judged
    rows = _Rows.of(
        np.asarray(human_a, dtype=float) - np.asarray(human_b, dtype=float),
        np.asarray(judged_a, dtype=float) - np.asarray(judged_b, dtype=float),
        clusters,
        probabilities,
    )
    apart = int((rows.labels != 0).sum())
    if not np.isin(rows.labels, (-1, 0, 1)).all() or apart >= FEW_DISCORDANT:
        return _estimate(rows, rows.why_unaided(), level, _bounds, _bounds)
    why = rows.why_unaided()
    if why is None and apart < LEAST_APART:
        why = f"people alone: they tell the two apart on {apart} labelled items, fewer than {LEAST_APART}"
    return _estimate(rows, why, level, _bounds, _few_apart_bounds)


@dataclass(frozen=True)
class _Rows:
    """Items as arrays: labels and scores without gaps, which rows people labelled, and what each label weighs."""

    human_N: np.ndarray  # 0 where nobody looked
    score_N: np.ndarray
    labelled_N: np.ndarray
    weight_N: np.ndarray  # sums to 1 over the labelled rows, 0 elsewhere
    cluster_N: np.ndarray
    clusters: int  # with a human label
    unscored: int
    human_mean: float
    judge_mean: float
    judge_mean_of_labelled: float
    floor: float | None

    @classmethod
    def of(
        cls,
        human: np.ndarray | Sequence[float],
        judged: np.ndarray | Sequence[float],
        clusters: Sequence[Hashable] | None,
        probabilities: np.ndarray | Sequence[float] | None,
    ) -> "_Rows":
        human_N, score_N = np.asarray(human, dtype=float), np.asarray(judged, dtype=float)
        if human_N.shape != score_N.shape or human_N.ndim != 1:
            raise InputError(
                f"human labels and judge's scores are not of the same items: {human_N.shape} and {score_N.shape}"
            )
        labelled_N, unscored_N = ~np.isnan(human_N), np.isnan(score_N)
        cluster_N = cluster_numbers(clusters, len(human_N))
        labelled_clusters = len(np.unique(cluster_N[labelled_N]))
        if labelled_clusters < 2:
            raise InputError(f"human labels lie in {labelled_clusters} clusters; an interval needs two at least")
        # Any score that does not depend on the label is a fair one; the average one says nothing about its item.
        average = float(score_N[~unscored_N].mean()) if not unscored_N.all() else 0.0
        score_N = np.where(unscored_N, average, score_N)
        weight_N = np.where(labelled_N, 1 / _checked(probabilities, len(human_N)), 0.0)
        weight_N = weight_N / weight_N.sum()
        human_N = np.where(labelled_N, human_N, 0.0)
        return cls(
            human_N=human_N,
            score_N=score_N,
            labelled_N=labelled_N,
            weight_N=weight_N,
            cluster_N=cluster_N,
            clusters=labelled_clusters,
            unscored=int(unscored_N.sum()),
            human_mean=float(weight_N @ human_N),
            judge_mean=float(score_N.mean()),
            judge_mean_of_labelled=float(weight_N @ score_N),
            floor=None if probabilities is None else float(np.min(np.asarray(probabilities))),
        )

    @property
    def labels(self) -> np.ndarray:
        """What people said, where they did."""
        return self.human_N[self.labelled_N]

    @property
    def effective(self) -> float:
        """How many labels with equal weights say as much (Kish 1965)."""
        return float(1 / (self.weight_N**2).sum())

    def why_unaided(self) -> str | None:
        """Why the judge is not used at all; None where it may be."""
        labels = len(self.labels)
        if labels < LEAST_LABELS:
            return f"people alone: {labels} human labels, fewer than {LEAST_LABELS}"
        if self.clusters < LEAST_CLUSTERS:
            return f"people alone: human labels in {self.clusters} clusters, fewer than {LEAST_CLUSTERS}"
        return None

    def influences(self) -> tuple[np.ndarray, np.ndarray]:
        """What each cluster moves people's mean by, and the judge's correction of it at lam = 1."""
        human_N = self.weight_N * (self.human_N - self.human_mean)
        all_N = (self.score_N - self.judge_mean) / len(self.score_N)
        judge_N = all_N - self.weight_N * (self.score_N - self.judge_mean_of_labelled)
        return np.bincount(self.cluster_N, weights=human_N), np.bincount(self.cluster_N, weights=judge_N)

    def standard_error(self, part_G: np.ndarray, *, paid: int) -> float:
        """Cluster-robust, each cluster's sum counting once; `paid` degrees of freedom went to the mean and to lam."""
        return float(np.sqrt(self.clusters / (self.clusters - paid) * (part_G**2).sum()))

    def rho(self) -> float | None:
        """The weighted correlation of labels and scores; None where either is constant."""
        human_N, score_N = self.human_N - self.human_mean, self.score_N - self.judge_mean_of_labelled
        spread = float((self.weight_N @ human_N**2) * (self.weight_N @ score_N**2))
        return float(self.weight_N @ (human_N * score_N)) / spread**0.5 if spread > 1e-18 else None


def _checked(probabilities: np.ndarray | Sequence[float] | None, n: int) -> np.ndarray:
    if probabilities is None:
        return np.ones(n)
    chance_N = np.asarray(probabilities, dtype=float)
    if chance_N.shape != (n,):
        raise InputError(f"{len(chance_N)} probabilities for {n} items")
    wrong_N = ~((chance_N > 0) & (chance_N <= 1))
    if wrong_N.any():
        row = int(np.argmax(wrong_N))
        raise InputError(
            f"row {row + 1}: the probability of being drawn for people is {chance_N[row]:g}; every row needs the one "
            f"logged at its draw, above 0 and at most 1 ({int(wrong_N.sum())} rows have none)"
        )
    return chance_N


def _weight(human_part_G: np.ndarray, judge_part_G: np.ndarray) -> float:
    """The lam with the smallest variance, kept within 0 and 1; 0 where the judge's scores correct nothing."""
    spread = float((judge_part_G**2).sum())
    if spread <= 1e-18 * max(1.0, float((human_part_G**2).sum())):
        return 0.0
    return min(1.0, max(0.0, -float(human_part_G @ judge_part_G) / spread))


Bounds = Callable[["_Rows", float, float, int, float], Interval]
"""From rows, mean, standard error, degrees of freedom and level to an interval."""


def _estimate(rows: _Rows, unaided: str | None, level: float, bounds: Bounds, bounds_alone: Bounds) -> PpiEstimate:
    human_G, judge_G = rows.influences()
    se_alone = rows.standard_error(human_G, paid=1)
    alone = bounds_alone(rows, rows.human_mean, se_alone, rows.clusters - 1, level)
    lam = 0.0 if unaided else _weight(human_G, judge_G)
    mean, se, interval = rows.human_mean, se_alone, alone
    if lam > 0:
        mean += lam * (rows.judge_mean - rows.judge_mean_of_labelled)
        se = rows.standard_error(human_G + lam * judge_G, paid=2)
        interval = bounds(rows, mean, se, rows.clusters - 2, level)
    return PpiEstimate(
        mean=min(max(mean, interval.low), interval.high),
        low=interval.low,
        high=interval.high,
        se=se,
        lam=lam,
        rho=rows.rho(),
        n=len(rows.labels),
        total=len(rows.labelled_N),
        clusters=rows.clusters,
        all_clusters=len(np.unique(rows.cluster_N)),
        human_mean=rows.human_mean,
        human_only=alone,
        judge_mean=rows.judge_mean if rows.unscored < len(rows.labelled_N) else None,
        unscored=rows.unscored,
        floor=rows.floor,
        effective=rows.effective,
        aided=lam > 0,
        why=unaided or _why(lam),
    )


def _bounds(rows: _Rows, mean: float, se: float, freedom: int, level: float) -> Interval:
    """The interval of any mean: Student's t on the clusters that hold human labels."""
    half = se * _t(level, freedom)
    return Interval(mean - half, mean + half)


def _share_bounds(rows: _Rows, mean: float, se: float, freedom: int, level: float) -> Interval:
    """The interval of a share: Wilson's, with as many labels as the variance is worth, wider for few clusters.

    It stays within 0 and 1 and does not collapse where every label is the same (Korn and Graubard 1998).
    """
    share = min(max(mean, 0.0), 1.0)
    worth = share * (1 - share) / se**2 if se > 0 and 0 < share < 1 else float(rows.clusters)
    return wilson_at(share * worth, worth, _t(level, freedom))


def _few_apart_bounds(rows: _Rows, mean: float, se: float, freedom: int, level: float) -> Interval:
    """Where few items tell two answers apart, t is too sure of itself: the interval covers Tango's too."""
    low, high = _bounds(rows, mean, se, freedom, level)
    better, worse = (float(rows.weight_N @ (rows.human_N == side)) * rows.effective for side in (1, -1))
    tango = tango_interval(round(better), round(worse), round(rows.effective), (1 - level) / 2)
    return Interval(min(low, tango[0]), max(high, tango[1]))


def _t(level: float, freedom: int) -> float:
    return float(stdtrit(freedom, (1 + level) / 2))


def _why(lam: float) -> str:
    if lam > 0:
        return f"people and judge: the judge's scores count {lam:.2f} of their face value"
    return "people alone: the judge's scores do not go with what people say"
