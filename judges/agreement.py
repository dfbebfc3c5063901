"""How far raters agree beyond chance: raw agreement, Cohen's kappa, Krippendorff's alpha."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from curation.intervals import Interval


def raw_agreement(a: Sequence[Hashable | None], b: Sequence[Hashable | None]) -> float | None:
    """Share of items both rated on which they said the same; None where they share no item.

    >>> raw_agreement(["x", "y", None], ["x", "x", "y"])
    0.5
    """
    pairs = _both(a, b)
    return sum(x == y for x, y in pairs) / len(pairs) if pairs else None


def cohen_kappa(a: Sequence[Hashable | None], b: Sequence[Hashable | None]) -> float | None:
    """Cohen's kappa of two raters over the items both rated (Cohen 1960).

    None where it is undefined: no shared item, or both always gave the same single label.

    >>> cohen_kappa(["x", "x", "y", "y"], ["x", "x", "y", "x"])
    0.5
    """
    pairs = _both(a, b)
    if not pairs:
        return None
    n = len(pairs)
    observed = sum(x == y for x, y in pairs) / n
    labels = {label for pair in pairs for label in pair}
    expected = sum(sum(x == k for x, _ in pairs) * sum(y == k for _, y in pairs) for k in labels) / n**2
    return None if expected == 1 else (observed - expected) / (1 - expected)


class Alpha(NamedTuple):
    """Krippendorff's alpha, its interval (bootstrap over units), and the units that count (two or more ratings)."""

    value: float | None
    interval: Interval | None
    units: int


def krippendorff_alpha(
    units: Sequence[Sequence[Hashable | None]], *, draws: int = 0, level: float = 0.95, seed: int = 0
) -> Alpha:
    """Krippendorff's nominal alpha with any number of raters and missing ratings (Krippendorff 2011).

    `units` holds the ratings each item got, None where a rater gave none; items with fewer than two do not count.
    The value is None where it is undefined: no such item, or one label only, so that chance cannot be told from
    agreement. With `draws` > 0 the interval is the percentile bootstrap over items.

    >>> krippendorff_alpha([["a", "a"], ["b", "b"], ["a", "b"], ["b", None]]).value
    0.4444444444444444
    """
    rated = [[r for r in unit if r is not None] for unit in units]
    rated = [unit for unit in rated if len(unit) > 1]
    labels = sorted({r for unit in rated for r in unit}, key=repr)
    if len(labels) < 2:
        return Alpha(None, None, len(rated))
    counts_UK = np.array([[unit.count(k) for k in labels] for unit in rated], dtype=float)
    size_U = counts_UK.sum(axis=1)
    apart_U = (counts_UK * (size_U[:, None] - counts_UK)).sum(axis=1) / (size_U - 1)
    value = float(_alpha(counts_UK.sum(axis=0)[None], apart_U.sum()[None])[0])
    if not draws:
        return Alpha(value, None, len(rated))
    rng = np.random.default_rng(seed)
    weights_DU = rng.multinomial(len(rated), np.full(len(rated), 1 / len(rated)), size=draws)
    drawn_D = _alpha(weights_DU @ counts_UK, weights_DU @ apart_U)
    low, high = np.nanquantile(drawn_D, [(1 - level) / 2, (1 + level) / 2])
    return Alpha(value, Interval(float(low), float(high)), len(rated))


def _both(a: Sequence[Hashable | None], b: Sequence[Hashable | None]) -> list[tuple[Hashable, Hashable]]:
    return [(x, y) for x, y in zip(a, b, strict=True) if x is not None and y is not None]


def _alpha(counts_DK: np.ndarray, apart_D: np.ndarray) -> np.ndarray:
    """1 - observed / expected disagreement, NaN where a draw holds a single label."""
    n_D = counts_DK.sum(axis=1)
    expected_D = (counts_DK * (n_D[:, None] - counts_DK)).sum(axis=1) / (n_D - 1)
    expected_D = np.where(expected_D > 0, expected_D, np.nan)
    return 1 - apart_D / expected_D
