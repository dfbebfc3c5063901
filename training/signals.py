"""What the teacher knew beyond its label, as a target: class probabilities -> one row over the head's labels."""

import math
from collections.abc import Mapping, Sequence

from training.failures import TrainingError, UnknownLabel

SLACK = 1e-3
"""How far reported probabilities may sum above one before they are refused (providers round)."""


def soft_row(signal: Mapping[str, float], names: Sequence[str]) -> list[float]:
    """Probabilities over `names`, summing to one; unreported mass is spread over the labels the teacher left out.

    Raises UnknownLabel for a label the head does not have, TrainingError for what is no distribution.

    >>> soft_row({"refund": 0.9}, ["refund", "billing", "other"])
    [0.9, 0.05, 0.05]
    """
    _require_distribution(signal, names)
    total = sum(signal.values())
    missing = [name for name in names if name not in signal]
    if not missing or total >= 1:
        return [signal.get(name, 0.0) / total for name in names]
    share = round((1 - total) / len(missing), 12)
    return [signal.get(name, share) for name in names]


def _require_distribution(signal: Mapping[str, float], names: Sequence[str]) -> None:
    if unknown := sorted(set(signal) - set(names)):
        raise UnknownLabel(f"a teacher's signal names {unknown[0]!r}, which is none of the {len(names)} labels")
    values = list(signal.values())
    if not values or not all(math.isfinite(v) and v >= 0 for v in values) or not 0 < sum(values) <= 1 + SLACK:
        raise TrainingError(f"a teacher's signal is no distribution: {dict(signal)}")
