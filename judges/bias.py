"""What a judge likes besides quality: a place, a length, its own family, saying yes; always beside what people like.

Votes are numbers: 1.0 for accept or the first answer, -1.0 for reject or the second, NaN where nothing was said. A
preference of the judge is only a bias as far as people do not share it, so each one is a gap: the judge's rate less
the people's on the same items, with the interval of that difference over drawn clusters (paired, both drawn together).
"""

from collections.abc import Hashable, Sequence

import numpy as np

from curation.errors import InputError
from curation.intervals import Interval
from curation.records import Record
from judges.estimate import FEW_DISCORDANT, tango_interval
from judges.resampling import DRAWS, Sums, cluster_numbers, share_interval

Numbers = np.ndarray | Sequence[float]
Clusters = Sequence[Hashable] | None


class PositionBias(Record):
    """How far verdicts depend on which answer stands first.

    `flipped` is the share of the `both` items read in both orders on which the judge took another answer once they
    were swapped; `first` is how often the answer standing first won, over all `verdicts` read: 0.5 where places do
    not matter.
    """

    both: int
    flipped: float | None
    flipped_interval: Interval
    verdicts: int
    first: float | None
    first_interval: Interval | None
    clusters: int


class Gap(Record):
    """The judge's rate, people's on the same items, and the difference with its interval; `n` items have both.

    Where two groups of items are compared (`n_others` > 0), a rate is that of the first group less that of the other.
    """

    judge: float | None
    human: float | None
    gap: float | None
    interval: Interval | None
    n: int
    n_others: int = 0
    clusters: int
    left_out: int


class Baseline(Record):
    """How often a rule that reads no answer is right against gold."""

    accuracy: float | None
    interval: Interval
    n: int
    left_out: int


def position_bias(
    as_is: Numbers, swapped: Numbers, *, clusters: Clusters = None, draws: int = DRAWS, seed: int = 0
) -> PositionBias:
    """Of one judge's verdicts in both orders: 1.0 for the first answer and -1.0 for the second, the swap undone.

    >>> found = position_bias([1, 1, -1, -1], [1, -1, -1, 1])
    >>> found.flipped, found.first
    (0.5, 0.5)
    """
    as_is_N, swapped_N = _same_items(as_is, swapped)
    number_N = cluster_numbers(clusters, len(as_is_N))
    both_N = ~np.isnan(as_is_N) & ~np.isnan(swapped_N)
    flip_N = (as_is_N != swapped_N)[both_N]
    # With the swap undone, the second answer is the one that stood first.
    first_N = (as_is_N == 1).astype(float) + (swapped_N == -1)
    read_N = (~np.isnan(as_is_N)).astype(float) + ~np.isnan(swapped_N)
    some_N = read_N > 0
    sums = Sums(np.column_stack([first_N, read_N])[some_N], number_N[some_N], draws=draws, seed=seed)
    first = sums.figure(_ratio)
    return PositionBias(
        both=int(both_N.sum()),
        flipped=float(flip_N.mean()) if len(flip_N) else None,
        flipped_interval=share_interval(flip_N, number_N[both_N]),
        verdicts=int(read_N.sum()),
        first=first.value,
        first_interval=first.interval,
        clusters=sums.clusters,
    )


def leniency(judge: Numbers, human: Numbers, *, clusters: Clusters = None, draws: int = DRAWS, seed: int = 0) -> Gap:
    """How often the judge accepts, less how often people do.

    >>> leniency([1, 1, 1, -1], [1, -1, 1, -1]).gap
    0.25
    """
    judge_N, human_N = _same_items(judge, human)
    return _gap(judge_N, human_N, np.ones(len(judge_N)), clusters, draws, seed)


def length_preference(
    judge: Numbers, human: Numbers, longer: Numbers, *, clusters: Clusters = None, draws: int = DRAWS, seed: int = 0
) -> Gap:
    """How often the judge takes the longer answer of a pair, less how often people do.

    `longer` is the first answer's length less the second's; pairs of equal length say nothing and are left out.

    >>> length_preference([1, 1, -1, 1], [1, -1, -1, -1], [10, 5, -3, 2]).gap
    0.5
    """
    return side_preference(judge, human, np.sign(_numbers(longer)), clusters=clusters, draws=draws, seed=seed)


def side_preference(
    judge: Numbers, human: Numbers, side: Numbers, *, clusters: Clusters = None, draws: int = DRAWS, seed: int = 0
) -> Gap:
    """How often the judge takes a certain side of pairs, less how often people do.

    `side` is 1.0 where the first answer has the trait (is from the judge's own family, holds a list) and the second
    has not, -1.0 the other way round, and 0 or NaN where the trait does not tell them apart.
    """
    judge_N, human_N = _same_items(judge, human)
    side_N = _numbers(side)
    if side_N.shape != judge_N.shape:
        raise InputError(f"{len(side_N)} sides for {len(judge_N)} pairs")
    return _gap(judge_N, human_N, np.where(np.abs(side_N) == 1, side_N, np.nan), clusters, draws, seed)


def length_acceptance(
    judge: Numbers, human: Numbers, lengths: Numbers, *, clusters: Clusters = None, draws: int = DRAWS, seed: int = 0
) -> Gap:
    """How much likelier the judge accepts answers longer than their median than shorter ones, less what people do."""
    length_N = _numbers(lengths)
    known_N = length_N[~np.isnan(length_N)]
    above_N = np.sign(length_N - (np.median(known_N) if len(known_N) else 0.0))
    return trait_acceptance(judge, human, above_N, clusters=clusters, draws=draws, seed=seed)


def trait_acceptance(
    judge: Numbers, human: Numbers, trait: Numbers, *, clusters: Clusters = None, draws: int = DRAWS, seed: int = 0
) -> Gap:
    """How much likelier the judge accepts answers with a trait than those without, less what people do.

    `trait` is 1.0 with it (from the judge's own family, longer than the median), -1.0 without, 0 or NaN where neither.

    >>> found = trait_acceptance([1, 1, -1, -1], [1, -1, -1, 1], [1, 1, -1, -1])
    >>> found.judge, found.human, found.gap
    (1.0, 0.0, 1.0)
    """
    judge_N, human_N = _same_items(judge, human)
    trait_N = _numbers(trait)
    if trait_N.shape != judge_N.shape:
        raise InputError(f"{len(trait_N)} traits for {len(judge_N)} answers")
    with_N, without_N = (trait_N == 1).astype(float), (trait_N == -1).astype(float)
    kept_N = ~np.isnan(judge_N) & ~np.isnan(human_N) & (with_N + without_N > 0)
    says_N, people_N = (judge_N == 1)[kept_N], (human_N == 1)[kept_N]
    with_N, without_N = with_N[kept_N], without_N[kept_N]
    parts = [with_N, says_N * with_N, people_N * with_N, without_N, says_N * without_N, people_N * without_N]
    number_N = cluster_numbers(clusters, len(judge_N))[kept_N]
    sums = Sums(np.column_stack(parts).astype(float), number_N, draws=draws, seed=seed)
    gap = sums.figure(lambda s: (s[:, 1] - s[:, 2]) / s[:, 0] - (s[:, 4] - s[:, 5]) / s[:, 3])
    apart_N = says_N.astype(float) - people_N
    return Gap(
        judge=sums.figure(lambda s: s[:, 1] / s[:, 0] - s[:, 4] / s[:, 3]).value,
        human=sums.figure(lambda s: s[:, 2] / s[:, 0] - s[:, 5] / s[:, 3]).value,
        gap=gap.value,
        interval=_covering(gap.interval, _apart_groups(apart_N[with_N > 0], apart_N[without_N > 0])),
        n=int(with_N.sum()),
        n_others=int(without_N.sum()),
        clusters=sums.clusters,
        left_out=int((~kept_N).sum()),
    )


def family_preference(
    judge: Numbers,
    human: Numbers,
    related: Sequence[bool | None],
    *,
    clusters: Clusters = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Gap:
    """How much likelier the judge accepts answers of its own family than those of others, less what people do.

    `related` says of each answer whether its teacher is of the judge's family, None where nobody knows. For pairs of
    a related and an unrelated answer see `side_preference`.
    """
    trait = [0.0 if own is None else 1.0 if own else -1.0 for own in related]
    return trait_acceptance(judge, human, trait, clusters=clusters, draws=draws, seed=seed)


def longer_wins(gold: Numbers, longer: Numbers, *, clusters: Clusters = None) -> Baseline:
    """How often the longer answer of a pair is the right one: what a judge must beat to be worth asking.

    >>> longer_wins([1, -1, -1, 1], [4, 2, -1, 0]).accuracy
    0.6666666666666666
    """
    gold_N, longer_N = _same_items(gold, longer)
    kept_N = ~np.isnan(gold_N) & ~np.isnan(longer_N) & (longer_N != 0)
    right_N = (np.sign(longer_N) == gold_N)[kept_N]
    return Baseline(
        accuracy=float(right_N.mean()) if len(right_N) else None,
        interval=share_interval(right_N, cluster_numbers(clusters, len(gold_N))[kept_N]),
        n=len(right_N),
        left_out=int((~kept_N).sum()),
    )


def _gap(
    judge_N: np.ndarray, human_N: np.ndarray, side_N: np.ndarray, clusters: Clusters, draws: int, seed: int
) -> Gap:
    """How often each took the side that `side_N` names (1.0 or -1.0; NaN: the item does not count)."""
    kept_N = ~np.isnan(judge_N) & ~np.isnan(human_N) & ~np.isnan(side_N)
    took_N = (judge_N == side_N)[kept_N].astype(float)
    people_N = (human_N == side_N)[kept_N].astype(float)
    number_N = cluster_numbers(clusters, len(judge_N))[kept_N]
    n = len(took_N)
    gap = Sums(np.column_stack([took_N - people_N, np.ones(n)]), number_N, draws=draws, seed=seed).figure(_ratio)
    return Gap(
        judge=float(took_N.mean()) if n else None,
        human=float(people_N.mean()) if n else None,
        gap=gap.value,
        interval=_covering(gap.interval, _apart(took_N - people_N)),
        n=n,
        clusters=gap.clusters,
        left_out=len(judge_N) - n,
    )


def _apart(difference_N: np.ndarray) -> Interval | None:
    """Tango's score interval where judge and people differ on few items, so that drawing them says too little."""
    more, less = int((difference_N == 1).sum()), int((difference_N == -1).sum())
    if more + less >= FEW_DISCORDANT or not len(difference_N):
        return None
    return Interval(*tango_interval(more, less, len(difference_N), 0.025))


def _apart_groups(first_N: np.ndarray, other_N: np.ndarray) -> Interval | None:
    """The same of a difference between two groups, by square and add of the groups' own intervals (Newcombe 1998)."""
    if not len(first_N) or not len(other_N):
        return None
    few = [int((np.abs(d_N) == 1).sum()) < FEW_DISCORDANT for d_N in (first_N, other_N)]
    if not any(few):
        return None
    (low_1, high_1), (low_2, high_2) = (
        tango_interval(int((d_N == 1).sum()), int((d_N == -1).sum()), len(d_N), 0.025) for d_N in (first_N, other_N)
    )
    mean_1, mean_2 = float(first_N.mean()), float(other_N.mean())
    gap = mean_1 - mean_2
    return Interval(
        gap - float(np.hypot(mean_1 - low_1, high_2 - mean_2)), gap + float(np.hypot(high_1 - mean_1, mean_2 - low_2))
    )


def _covering(drawn: Interval | None, score: Interval | None) -> Interval | None:
    if drawn is None or score is None:
        return drawn
    return Interval(min(drawn.low, score.low), max(drawn.high, score.high))


def _ratio(sums_DF: np.ndarray) -> np.ndarray:
    return sums_DF[:, 0] / sums_DF[:, 1]


def _numbers(values: Numbers) -> np.ndarray:
    return np.asarray(values, dtype=float)


def _same_items(a: Numbers, b: Numbers) -> tuple[np.ndarray, np.ndarray]:
    a_N, b_N = _numbers(a), _numbers(b)
    if a_N.shape != b_N.shape or a_N.ndim != 1:
        raise InputError(f"what is compared is not of the same items: {a_N.shape} and {b_N.shape}")
    return a_N, b_N
