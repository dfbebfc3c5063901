"""What one evaluation of a student found, item by item: a gate decides from these records and runs no model."""

from pydantic import JsonValue

from curation.records import Record


class ItemScore(Record):
    """How a student (or a baseline) did on one holdout item; `score` is None when it could not be scored."""

    item: str
    cluster: str
    expected: str
    predicted: str | None
    score: float | None
    confidence: float | None = None
    milliseconds: float | None = None


class Evaluation(Record):
    """One recorded evaluation: a gate decides from these and runs no model.

    `holdout` is the digest of the holdout's rows, `metric` its name and version (`accuracy@1`); `summary` holds
    the figures printed from the items (accuracy, ece, p50_ms, p95_ms, n).
    """

    id: str
    student: str
    version: str | None
    arm: str | None
    seed: int | None
    holdout: str
    metric: str
    items: tuple[ItemScore, ...]
    summary: dict[str, JsonValue]
