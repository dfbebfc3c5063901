"""When a panel should leave a sample to people: the weakest evidence it may rule on and still keep a stated risk."""

import math

import numpy as np
from scipy.special import betaincinv

from curation.records import Record
from curation.shares import percent

LEVEL = 0.95
"""How sure the bound on the risk is."""


class Threshold(Record):
    """The smallest strength of evidence that keeps the risk, or None where none does; with the counts behind it.

    `kept` are the clusters ruled on at that strength, `wrong` how many of them wrongly, `bound` the upper bound of the
    risk there. `needed` is how many clusters without one error the risk asks for at least.
    """

    value: float | None
    risk: float
    kept: int
    wrong: float
    bound: float
    needed: int

    @property
    def words(self) -> str:
        """What it found, as a sentence."""
        asked = f"a risk of at most {percent(self.risk, '.3g')}"
        if self.value is None:
            return (
                f"no threshold is shown to keep {asked}: {self.wrong:.3g} of {self.kept} gold rows wrong where the "
                f"votes are strongest (bound {percent(self.bound, '.1f')}); it takes {self.needed} without an error"
            )
        return f"{asked} is kept from strength {self.value:.2f} on: {self.wrong:.3g} of {self.kept} gold rows wrong"


def upper_bound(wrong: float, n: float, level: float = LEVEL) -> float:
    """Clopper and Pearson's one-sided upper bound of a risk (1934); 1 where nothing was seen.

    >>> round(upper_bound(0, 59), 3)
    0.05
    """
    return 1.0 if wrong >= n else float(betaincinv(wrong + 1, n - wrong, level))


def threshold_for(
    strength_I: np.ndarray, wrong_I: np.ndarray, cluster_I: np.ndarray, risk: float, level: float = LEVEL
) -> Threshold:
    """The smallest threshold on `strength_I` that keeps the risk of a wrong ruling (Angelopoulos et al. 2021).

    Learn-then-Test with fixed-sequence testing: thresholds are tried from strict to lax, each by Clopper-Pearson, and
    the last one before the first failure is taken. The first keeps half of the rows, or as many as it takes to show
    the risk at all: fewer would fail by one unlucky row. Order and start hang on the strengths alone, never on the
    labels, so that no correction for many thresholds is due. A cluster counts once, as wrong as the share of its rows.
    """
    needed = math.ceil(math.log(1 - level) / math.log(1 - risk))
    first = max(needed, len(np.unique(cluster_I)) / 2)
    found: Threshold | None = None
    for value in np.unique(strength_I)[::-1]:
        kept, wrong = _clusters_wrong(wrong_I, cluster_I, strength_I >= value)
        if kept < first and value > strength_I.min():
            continue
        bound = upper_bound(wrong, kept, level)
        tried = Threshold(value=float(value), risk=risk, kept=kept, wrong=wrong, bound=bound, needed=needed)
        if bound > risk:
            return found or tried.model_copy(update={"value": None})
        found = tried
    return found or Threshold(value=None, risk=risk, kept=0, wrong=0.0, bound=1.0, needed=needed)


def _clusters_wrong(wrong_I: np.ndarray, cluster_I: np.ndarray, kept_I: np.ndarray) -> tuple[int, float]:
    _, place = np.unique(cluster_I[kept_I], return_inverse=True)
    rows_C = np.bincount(place)
    return len(rows_C), float((np.bincount(place, weights=wrong_I[kept_I]) / np.maximum(rows_C, 1)).sum())
