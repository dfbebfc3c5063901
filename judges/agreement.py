"""How far raters agree beyond chance: Cohen's, weighted and Fleiss' kappa, Krippendorff's alpha, Gwet's AC1."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from curation.errors import InputError
from curation.intervals import Interval
from curation.records import Record
from judges import chance
from judges.chance import Label, Measure, Weights
from judges.resampling import DRAWS, Figure, Sums, cluster_numbers, share_interval

Ratings = Sequence[Label | None]
"""What one rater said of each item, None where they said nothing."""
Units = Sequence[Sequence[Label | None]]
"""For each item the ratings it got, None where a rater gave none."""


def raw_agreement(a: Ratings, b: Ratings) -> float | None:
    """Share of items both rated on which they said the same; None where they share no item.

    >>> raw_agreement(["x", "y", None], ["x", "x", "y"])
    0.5
    """
    _, pairs = _both(a, b)
    return sum(x == y for x, y in pairs) / len(pairs) if pairs else None


def cohen_kappa(a: Ratings, b: Ratings, *, weights: Weights = "none", order: Sequence[Label] = ()) -> float | None:
    """Cohen's kappa of two raters over the items both rated (Cohen 1960; weighted: Cohen 1968).

    Weights need the labels in their `order`; a label outside it is an InputError. None where kappa is undefined: no
    shared item, or both always gave the same single label.

    >>> cohen_kappa(["x", "x", "y", "y"], ["x", "x", "y", "x"])
    0.5
    """
    if weights != "none" and not order:
        raise InputError(f"{weights} weights need the labels in their order, from the lowest to the highest")
    _, pairs = _both(a, b)
    sums = Sums(chance.pair_parts(pairs, order), np.arange(len(pairs)))
    return sums.figure(chance.pair_kappa(weights)).value


def fleiss_kappa(
    units: Units, *, clusters: Sequence[Label] | None = None, draws: int = 0, level: float = 0.95, seed: int = 0
) -> Figure:
    """Fleiss' kappa of the items that every rater rated (Fleiss 1971); an incomplete item is counted, never filled.

    A complete item has as many ratings as the item with the most; `left_out` counts the others. With `draws` > 0 the
    interval is the percentile bootstrap over clusters (over items where none are given).

    >>> fleiss_kappa([["a", "a", "a"], ["a", "b", "b"], ["b", "b", "b"], ["a", "b", None]]).left_out
    1
    """
    counts_IK = chance.label_counts(units)
    size_I = counts_IK.sum(axis=1)
    raters = float(size_I.max(initial=0))
    complete_I = (size_I == raters) & (raters > 1)
    kept_IK = counts_IK[complete_I]

    def kappa(sums_DF: np.ndarray) -> np.ndarray:
        ratings_D = sums_DF[:, 1:].sum(axis=1)
        share_DK = sums_DF[:, 1:] / ratings_D[:, None]
        return chance.beyond_chance(sums_DF[:, 0] * raters / ratings_D, (share_DK**2).sum(axis=1))

    sums = Sums(
        np.column_stack([chance.same_pairs(kept_IK), kept_IK]),
        cluster_numbers(clusters, len(units))[complete_I],
        draws=draws,
        seed=seed,
        left_out=len(units) - len(kept_IK),
    )
    return sums.figure(kappa, level)


def gwet_ac1(
    units: Units, *, clusters: Sequence[Label] | None = None, draws: int = 0, level: float = 0.95, seed: int = 0
) -> Figure:
    """Gwet's AC1 of any number of raters with missing ratings (Gwet 2008; 2014, chapter 5).

    It stays near the raw agreement where nearly every label is the same, where kappa falls to 0. Items with two or
    more ratings tell how far raters agree, items with one only how common labels are. Two labels are possible at
    least, so that raters who always say the same one agree fully.

    >>> round(gwet_ac1([["a", "a"]] * 118 + [["a", "b"]] * 5 + [["b", "a"]] * 2).value, 4)
    0.9408
    """
    counts_IK = chance.label_counts(units)
    size_I = counts_IK.sum(axis=1)
    rated_I = size_I > 0
    counts_IK, size_I = counts_IK[rated_I], size_I[rated_I]
    labels = max(2, counts_IK.shape[1])

    def ac1(sums_DF: np.ndarray) -> np.ndarray:
        share_DK = sums_DF[:, 2:] / sums_DF[:, 2:].sum(axis=1, keepdims=True)
        return chance.beyond_chance(sums_DF[:, 1] / sums_DF[:, 0], chance.gwet_chance(share_DK, labels))

    parts_IF = np.column_stack([size_I > 1, chance.same_pairs(counts_IK), counts_IK / size_I[:, None]])
    sums = Sums(parts_IF, cluster_numbers(clusters, len(units))[rated_I], draws=draws, seed=seed)
    several = int((size_I > 1).sum())
    return sums.figure(ac1, level).model_copy(update={"units": several, "left_out": len(units) - several})


def krippendorff_alpha(
    units: Units,
    *,
    measure: Measure = "nominal",
    clusters: Sequence[Label] | None = None,
    draws: int = 0,
    level: float = 0.95,
    seed: int = 0,
) -> Figure:
    """Krippendorff's alpha with any number of raters and missing ratings (Krippendorff 2011).

    Ratings are numbers for the ordinal and the interval measure. Items with fewer than two ratings do not count. The
    value is None where it is undefined: no such item, or one label only, so that chance cannot be told from agreement.
    With `draws` > 0 the interval is the percentile bootstrap over clusters (over items where none are given).

    >>> krippendorff_alpha([["a", "a"], ["b", "b"], ["a", "b"], ["b", None]]).value
    0.4444444444444444
    """
    rated = [[r for r in unit if r is not None] for unit in units]
    kept = [k for k, unit in enumerate(rated) if len(unit) > 1]
    parts_IF, alpha = chance.ALPHAS[measure]([rated[k] for k in kept])
    number_I = cluster_numbers(clusters, len(units))[kept]
    return Sums(parts_IF, number_I, draws=draws, seed=seed, left_out=len(units) - len(kept)).figure(alpha, level)


class Constant(Record):
    """What a rater would reach who always said the commonest label, without looking at anything."""

    label: str
    share: float
    interval: Interval


class PairAgreement(Record):
    """How far two raters agree on the items both rated, by every measure, beside a rater who does not look.

    `linear` and `quadratic` are weighted kappas, present where the labels have an order. `constant` always says the
    commonest label of the second rater; its share is the raw agreement it would reach with them.
    """

    first: str
    second: str
    n: int
    clusters: int
    left_out: int
    raw: Figure
    kappa: Figure
    linear: Figure | None = None
    quadratic: Figure | None = None
    alpha: Figure
    ac1: Figure
    constant: Constant | None


class PanelAgreement(Record):
    """How far three or more raters agree with one another, beside one who does not look.

    `raw` is the mean share of an item's pairs of ratings that are the same; `constant` always says the commonest
    label, and its share is that of all ratings.
    """

    raters: int
    n: int
    clusters: int
    raw: Figure
    fleiss: Figure
    alpha: Figure
    ac1: Figure
    constant: Constant | None


def pair_agreement(
    said: Mapping[str, Ratings],
    *,
    clusters: Sequence[Label] | None = None,
    order: Sequence[Label] = (),
    draws: int = DRAWS,
    seed: int = 0,
) -> PairAgreement:
    """Every measure of the agreement of exactly two raters, its interval from the same drawn clusters.

    The second rater is the one to agree with: the people's labels, where there are any.

    >>> found = pair_agreement({"judge": ["x", "x", "y", "y"], "people": ["x", "x", "y", "x"]})
    >>> found.kappa.value, found.constant.label, found.constant.share
    (0.5, 'x', 0.75)
    """
    (first, a), (second, b) = said.items()
    shared, pairs = _both(a, b)
    number_I = cluster_numbers(clusters, len(a))[shared]
    sums = Sums(chance.pair_parts(pairs, order), number_I, draws=draws, seed=seed, left_out=len(a) - len(pairs))
    return PairAgreement(
        first=first,
        second=second,
        n=len(pairs),
        clusters=sums.clusters,
        left_out=sums.left_out,
        raw=sums.figure(chance.pair_same),
        kappa=sums.figure(chance.pair_kappa("none")),
        linear=sums.figure(chance.pair_kappa("linear")) if order else None,
        quadratic=sums.figure(chance.pair_kappa("quadratic")) if order else None,
        alpha=sums.figure(chance.pair_alpha),
        ac1=sums.figure(chance.pair_ac1),
        constant=_constant([y for _, y in pairs], number_I),
    )


def agreement_matrix(
    said: Mapping[str, Ratings],
    clusters: Sequence[Label] | None = None,
    *,
    order: Sequence[Label] = (),
    draws: int = DRAWS,
    seed: int = 0,
) -> tuple[PairAgreement, ...]:
    """The agreement of every two raters, in the order they are given: (1, 2), (1, 3), ... (2, 3), ..."""
    return tuple(
        pair_agreement({a: said[a], b: said[b]}, clusters=clusters, order=order, draws=draws, seed=seed)
        for a, b in combinations(said, 2)
    )


def panel_agreement(
    said: Mapping[str, Ratings],
    *,
    clusters: Sequence[Label] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> PanelAgreement:
    """Every measure of the agreement of all raters together; items with fewer than two ratings do not count."""
    units = list(zip(*said.values(), strict=True))
    number_I = cluster_numbers(clusters, len(units))
    counts_IK = chance.label_counts(units)
    several_I = counts_IK.sum(axis=1) > 1
    parts_IF = np.column_stack([several_I, chance.same_pairs(counts_IK)])[several_I]
    sums = Sums(parts_IF, number_I[several_I], draws=draws, seed=seed, left_out=int((~several_I).sum()))
    rated = [(r, c) for unit, c in zip(units, number_I, strict=True) for r in unit if r is not None]
    return PanelAgreement(
        raters=len(said),
        n=sums.units,
        clusters=sums.clusters,
        raw=sums.figure(lambda sums_DF: sums_DF[:, 1] / sums_DF[:, 0]),
        fleiss=fleiss_kappa(units, clusters=clusters, draws=draws, seed=seed),
        alpha=krippendorff_alpha(units, clusters=clusters, draws=draws, seed=seed),
        ac1=gwet_ac1(units, clusters=clusters, draws=draws, seed=seed),
        constant=_constant([r for r, _ in rated], np.array([c for _, c in rated], dtype=np.int64)),
    )


def _both(a: Ratings, b: Ratings) -> tuple[list[int], list[tuple[Label, Label]]]:
    """The items both rated, and what they said of them."""
    shared = [(k, (x, y)) for k, (x, y) in enumerate(zip(a, b, strict=True)) if x is not None and y is not None]
    return [k for k, _ in shared], [pair for _, pair in shared]


def _constant(labels: Sequence[Label], cluster_I: np.ndarray) -> Constant | None:
    if not labels:
        return None
    ((label, count),) = Counter(sorted(labels, key=repr)).most_common(1)
    interval = share_interval([float(x == label) for x in labels], cluster_I)
    return Constant(label=str(label), share=count / len(labels), interval=interval)
