"""How many items a gate needs, and how small a difference a holdout can prove: asked before money is spent."""

import math

from scipy.stats import norm


def items_needed(
    margin: float, sd: float, *, alpha: float = 0.025, power: float = 0.8, deff: float = 1.0, effect: float = 0.0
) -> int:
    """Items that show non-inferiority within `margin` with this power, when the true difference is `effect`.

    `sd` is the standard deviation of paired differences of one item; for right-or-wrong scores
    `math.sqrt(share of items on which the two differ)`. Raises ValueError where no number of items is enough.

    >>> items_needed(0.02, math.sqrt(0.10), alpha=0.05)
    1546
    """
    if margin + effect <= 0:
        raise ValueError("the true difference lies beyond the margin; more items cannot show otherwise")
    return math.ceil(deff * _z(alpha, power) ** 2 * sd**2 / (margin + effect) ** 2)


def smallest_margin(n: int, sd: float, *, alpha: float = 0.025, power: float = 0.8, deff: float = 1.0) -> float:
    """The smallest margin that `n` items can prove with this power when there is no true difference.

    >>> round(smallest_margin(1546, math.sqrt(0.10), alpha=0.05), 4)
    0.02
    """
    return _z(alpha, power) * sd * math.sqrt(deff / n)


def _z(alpha: float, power: float) -> float:
    return float(norm.ppf(1 - alpha) + norm.ppf(power))
