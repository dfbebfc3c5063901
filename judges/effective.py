"""How many independent votes a panel is worth: judges that err on the same items count for less than their number."""

from collections.abc import Sequence

import numpy as np

from curation.records import Record
from judges.resampling import cluster_numbers, drawn_sums, percentile

DRAWS = 400
"""Bootstrap draws of the interval."""


class Effective(Record):
    """Effective votes with a 95 % interval over drawn clusters; None where no two judges' errors can be compared."""

    value: float | None
    low: float | None
    high: float | None
    judges: int

    @property
    def words(self) -> str:
        """`1.4 [1.3, 1.7] of 4`."""
        if self.value is None:
            return f"unknown of {self.judges}"
        interval = f" [{self.low:.1f}, {self.high:.1f}]" if self.low is not None and self.high is not None else ""
        return f"{self.value:.1f}{interval} of {self.judges}"


def effective_votes(errors_IJ: np.ndarray) -> float:
    """Kish's effective number of votes, k / (1 + (k - 1) * mean correlation of errors) (Kish 1965).

    `errors_IJ`: 1 where the judge was wrong, 0 where right, 0.5 where it was asked and could not decide, nan where it
    was not asked; a pair of judges is compared on the items both were asked about. A negative mean correlation counts
    as none, so the value lies between 1 and k. nan where no pair can be compared: one judge, or judges that never err.

    >>> effective_votes(np.array([[1.0, 1.0], [0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]))
    1.0
    """
    sums_P6 = _pair_sums(errors_IJ).sum(axis=0)
    return float(_kish(sums_P6[None], errors_IJ.shape[1])[0])


def effective_interval(
    errors_IJ: np.ndarray, clusters: Sequence[str], *, seed: int = 0, draws: int = DRAWS, level: float = 0.95
) -> Effective:
    """The effective votes with the percentile interval over drawn clusters (Efron 1979)."""
    value = effective_votes(errors_IJ)
    judges = errors_IJ.shape[1]
    if np.isnan(value):
        return Effective(value=None, low=None, high=None, judges=judges)
    sums_IP6 = _pair_sums(errors_IJ)
    cluster_I = cluster_numbers(clusters, len(errors_IJ))
    drawn_DF = drawn_sums(sums_IP6.reshape(len(errors_IJ), -1), cluster_I, draws, seed)
    interval = percentile(_kish(drawn_DF.reshape(draws, *sums_IP6.shape[1:]), judges), level)
    low, high = interval or (None, None)
    return Effective(value=value, low=low, high=high, judges=judges)


def error_correlation(errors_IJ: np.ndarray) -> np.ndarray:
    """The correlation of every two judges' errors on the items both have, JxJ; nan where undefined, 1 beside itself.

    >>> error_correlation(np.array([[1.0, 0.0], [0.0, 1.0]]))[0, 1]
    np.float64(-1.0)
    """
    k = errors_IJ.shape[1]
    found_JJ = np.eye(k)
    a, b = np.triu_indices(k, 1)
    found_JJ[a, b] = found_JJ[b, a] = _correlation(_pair_sums(errors_IJ).sum(axis=0))
    return found_JJ


def _pair_sums(errors_IJ: np.ndarray) -> np.ndarray:
    """Per item and pair of judges with an error known for both: 1, the two errors, their squares and their product."""
    a, b = np.triu_indices(errors_IJ.shape[1], 1)
    first_IP, second_IP = errors_IJ[:, a], errors_IJ[:, b]
    both_IP = ~np.isnan(first_IP) & ~np.isnan(second_IP)
    first_IP, second_IP = np.where(both_IP, first_IP, 0.0), np.where(both_IP, second_IP, 0.0)
    parts = (both_IP.astype(float), first_IP, second_IP, first_IP**2, second_IP**2, first_IP * second_IP)
    return np.stack(parts, axis=-1)


def _correlation(sums_P6: np.ndarray) -> np.ndarray:
    """Pearson's correlation of each pair of judges from the sums over items."""
    n, a, b, aa, bb, ab = np.moveaxis(sums_P6, -1, 0)
    spread = (n * aa - a**2) * (n * bb - b**2)
    known = spread > 1e-9
    return np.where(known, (n * ab - a * b) / np.sqrt(np.where(known, spread, 1.0)), np.nan)


def _kish(sums_DP6: np.ndarray, judges: int) -> np.ndarray:
    rho_DP = _correlation(sums_DP6)
    known_DP = ~np.isnan(rho_DP)
    pairs_D = known_DP.sum(axis=1)
    mean_D = np.where(known_DP, rho_DP, 0.0).sum(axis=1) / np.maximum(pairs_D, 1)
    value_D = judges / (1 + (judges - 1) * np.clip(mean_D, 0.0, 1.0))
    return np.where(pairs_D > 0, value_D, np.nan)
