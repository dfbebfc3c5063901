"""What each item adds to a coefficient of agreement, and each coefficient from those sums: arrays in, arrays out.

Every coefficient here is one minus disagreement over the disagreement that chance would bring, or the same said of
agreement; they differ in what chance is. Sums have one row per bootstrap draw (D), then the numbers that items add.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Literal

import numpy as np

from curation.errors import InputError
from judges.resampling import Statistic

Label = Hashable
Rated = Sequence[Sequence[Label]]
"""Ratings of each item that has two or more."""
Measure = Literal["nominal", "ordinal", "interval"]
"""How far apart two labels are: the same or not, by the ranks between them, or by their difference."""
Weights = Literal["none", "linear", "quadratic"]
"""What a disagreement of two ordered labels costs: all the same, the steps between them, or their square."""
SCHEMES: tuple[Weights, ...] = ("none", "linear", "quadratic")
PAIR_HEAD = 1 + len(SCHEMES)
"""Numbers before the labels in what a pair of ratings adds: itself, then its cost by each scheme."""


def label_numbers(labels: Sequence[Label], order: Sequence[Label] = ()) -> dict[Label, int]:
    """Each label's number: by `order` where one is given (a label outside it is an InputError), else by its name."""
    if not order:
        return {label: k for k, label in enumerate(sorted(set(labels), key=repr))}
    number = {label: k for k, label in enumerate(order)}
    unknown = sorted({repr(label) for label in labels if label not in number})
    if unknown:
        raise InputError(f"the order of labels lacks {', '.join(unknown)}; it has {', '.join(map(repr, order))}")
    return number


def label_counts(units: Sequence[Sequence[Label | None]]) -> np.ndarray:
    """How often each item (row) got each label (column)."""
    number = label_numbers([r for unit in units for r in unit if r is not None])
    counts_IK = np.zeros((len(units), len(number)))
    for row, unit in enumerate(units):
        for rating in unit:
            if rating is not None:
                counts_IK[row, number[rating]] += 1
    return counts_IK


def same_pairs(counts_IK: np.ndarray) -> np.ndarray:
    """Share of each item's pairs of ratings that are the same; 0 for an item with fewer than two."""
    size_I = counts_IK.sum(axis=1)
    pairs_I = size_I * (size_I - 1)
    return (counts_IK * (counts_IK - 1)).sum(axis=1) / np.where(pairs_I > 0, pairs_I, 1)


def beyond_chance(observed_D: np.ndarray, chance_D: np.ndarray) -> np.ndarray:
    """How much of the agreement that chance leaves open was reached; NaN where it leaves none."""
    return (observed_D - chance_D) / np.where(chance_D < 1, 1 - chance_D, np.nan)


def gwet_chance(share_DK: np.ndarray, labels: int) -> np.ndarray:
    """Gwet's chance agreement from the shares of the labels, with this many labels possible."""
    return (share_DK * (1 - share_DK)).sum(axis=1) / (labels - 1)


# Two raters: the costs of their disagreements and their labels' counts are enough for all but the ordinal alpha.


def pair_parts(pairs: Sequence[tuple[Label, Label]], order: Sequence[Label] = ()) -> np.ndarray:
    """What each pair of ratings adds: 1, its cost by each scheme, and the labels of the first and the second rater."""
    number = label_numbers([label for pair in pairs for label in pair], order)
    codes_I2 = np.array([[number[x], number[y]] for x, y in pairs], dtype=np.int64).reshape(-1, 2)
    one_hot_KK = np.eye(len(number))
    steps_I = np.abs(codes_I2[:, 0] - codes_I2[:, 1])
    costs = [np.ones(len(pairs)), steps_I > 0, steps_I, steps_I**2]
    return np.column_stack([*costs, one_hot_KK[codes_I2[:, 0]], one_hot_KK[codes_I2[:, 1]]])


def pair_same(sums_DF: np.ndarray) -> np.ndarray:
    """Share of pairs that are the same."""
    return 1 - sums_DF[:, 1] / sums_DF[:, 0]


def pair_kappa(weights: Weights) -> Statistic:
    """Cohen's kappa: chance keeps how often each rater gave each label."""

    def kappa(sums_DF: np.ndarray) -> np.ndarray:
        first_DK, second_DK = _labels_of(sums_DF)
        labels = first_DK.shape[1]
        steps_KK = np.abs(np.subtract.outer(np.arange(labels), np.arange(labels)))
        cost_KK = {"none": steps_KK > 0, "linear": steps_KK, "quadratic": steps_KK**2}[weights].astype(float)
        expected_D = ((first_DK @ cost_KK) * second_DK).sum(axis=1) / sums_DF[:, 0]
        return 1 - sums_DF[:, 1 + SCHEMES.index(weights)] / np.where(expected_D > 0, expected_D, np.nan)

    return kappa


def pair_alpha(sums_DF: np.ndarray) -> np.ndarray:
    """Krippendorff's nominal alpha: chance draws both labels from one pool, without putting the first back."""
    first_DK, second_DK = _labels_of(sums_DF)
    return nominal_alpha(np.column_stack([2 * sums_DF[:, 1], first_DK + second_DK]))


def pair_ac1(sums_DF: np.ndarray) -> np.ndarray:
    """Gwet's AC1 of two raters."""
    first_DK, second_DK = _labels_of(sums_DF)
    share_DK = (first_DK + second_DK) / (2 * sums_DF[:, :1])
    return beyond_chance(pair_same(sums_DF), gwet_chance(share_DK, max(2, share_DK.shape[1])))


def _labels_of(sums_DF: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    labels = (sums_DF.shape[1] - PAIR_HEAD) // 2
    return sums_DF[:, PAIR_HEAD : PAIR_HEAD + labels], sums_DF[:, PAIR_HEAD + labels :]


# Krippendorff's alpha: each item's ratings are paired with one another, and weigh 1 / (ratings - 1).


def nominal_parts(units: Rated) -> tuple[np.ndarray, Statistic]:
    """Unlike pairs of each item, and how often it got each label."""
    counts_UK = label_counts(units)
    size_U = counts_UK.sum(axis=1)
    apart_U = (counts_UK * (size_U[:, None] - counts_UK)).sum(axis=1) / (size_U - 1)
    return np.column_stack([apart_U, counts_UK]), nominal_alpha


def nominal_alpha(sums_DF: np.ndarray) -> np.ndarray:
    """One minus unlike pairs over those of all ratings in one pool."""
    counts_DK = sums_DF[:, 1:]
    n_D = counts_DK.sum(axis=1)
    return _alpha(sums_DF[:, 0], (counts_DK * (n_D[:, None] - counts_DK)).sum(axis=1) / (n_D - 1))


def ordinal_parts(units: Rated) -> tuple[np.ndarray, Statistic]:
    """How often each two values meet in an item: distances by rank depend on how often each value was given."""
    values, counts_UK = _value_counts(units)
    size_U = counts_UK.sum(axis=1)
    meet_UKK = counts_UK[:, :, None] * counts_UK[:, None, :]
    k = np.arange(len(values))
    meet_UKK[:, k, k] -= counts_UK
    return (meet_UKK / (size_U - 1)[:, None, None]).reshape(len(units), -1), ordinal_alpha


def ordinal_alpha(sums_DF: np.ndarray) -> np.ndarray:
    """Krippendorff's ordinal distance is that of mid-ranks, so this is the interval alpha of the ranks of a draw."""
    labels = round(sums_DF.shape[1] ** 0.5)
    meet_DKK = sums_DF.reshape(-1, labels, labels)
    count_DK = meet_DKK.sum(axis=2)
    rank_DK = np.cumsum(count_DK, axis=1) - count_DK / 2
    n_D = count_DK.sum(axis=1)
    rank_DK = rank_DK - (n_D / 2)[:, None]  # mid-ranks have their mean at n / 2
    square_D = (count_DK * rank_DK**2).sum(axis=1)
    together_D = np.einsum("dij,di,dj->d", meet_DKK, rank_DK, rank_DK)
    return _alpha(2 * (square_D - together_D), 2 * n_D * square_D / (n_D - 1))


def interval_parts(units: Rated) -> tuple[np.ndarray, Statistic]:
    """Squared differences within each item, and the moments that tell those of all ratings in one pool."""
    values, counts_UK = _value_counts(units)
    values = values - (counts_UK.sum(axis=0) @ values / max(1.0, counts_UK.sum()))
    size_U, sum_U, square_U = counts_UK.sum(axis=1), counts_UK @ values, counts_UK @ values**2
    apart_U = 2 * (size_U * square_U - sum_U**2) / (size_U - 1)
    return np.column_stack([apart_U, size_U, sum_U, square_U]), interval_alpha


def interval_alpha(sums_DF: np.ndarray) -> np.ndarray:
    """One minus squared differences within items over those of all ratings in one pool."""
    apart_D, n_D, sum_D, square_D = sums_DF.T
    return _alpha(apart_D, 2 * (n_D * square_D - sum_D**2) / (n_D - 1))


ALPHAS: dict[Measure, Callable[[Rated], tuple[np.ndarray, Statistic]]] = {
    "nominal": nominal_parts,
    "ordinal": ordinal_parts,
    "interval": interval_parts,
}


def _alpha(apart_D: np.ndarray, chance_D: np.ndarray) -> np.ndarray:
    return 1 - apart_D / np.where(chance_D > 1e-12, chance_D, np.nan)


def _value_counts(units: Rated) -> tuple[np.ndarray, np.ndarray]:
    """The values in their order, and how often each item got each."""
    words = sorted({repr(r) for unit in units for r in unit if not isinstance(r, int | float)})
    if words:
        raise InputError(f"the ordinal and the interval measure need numbers; found {', '.join(words[:5])}")
    values, code_R = np.unique(np.array([r for unit in units for r in unit], dtype=float), return_inverse=True)
    row_R = np.repeat(np.arange(len(units)), [len(unit) for unit in units])
    counts_UK = np.zeros((len(units), len(values)))
    np.add.at(counts_UK, (row_R, code_R), 1)
    return values, counts_UK
