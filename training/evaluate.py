"""Measure one student on the holdout: right or wrong per item, how far to believe its confidence, how fast it is."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue
from scipy.special import softmax

from curation.evaluation import Evaluation, ItemScore
from curation.records import digest, draw
from training.calibrate import ece, fit_temperature
from training.data import HoldoutItem, prepared
from training.failures import TrainingError, UnknownLabel
from training.frozen import FrozenLayers
from training.models import Student

METRIC = "accuracy@1"
TIMED = 100
"""Messages answered one at a time for the latency figures; `timed_n` in the summary."""
WARM_UP = 5


def evaluate(
    folder: Path,
    holdout: Sequence[HoldoutItem],
    *,
    scrub: Callable[[str], str],
    timed: int = TIMED,
    frozen: FrozenLayers | None = None,
) -> Evaluation:
    """Score the student in a folder on every holdout item; who taught it from what is read from its card.

    `scrub` is what the training prompts went through; `raw_accuracy` is without it. Accuracy comes from batched
    scoring; p50 and p95 are milliseconds per message at batch 1 through the whole student, tokenising included, on
    `timed` items drawn by their id. `frozen` shares the work of the frozen layers between students that have them in
    common.
    Raises UnknownLabel when the holdout expects a label this student cannot give.
    """
    student = Student(folder)
    names = student.card.label_names
    _require_answerable(holdout, names)
    items = prepared(holdout, scrub)
    below = None if frozen is None else frozen.below(student.model)
    logits_NL = student.logits([item.text for item in items], below=below)
    milliseconds = _latencies(student, items, timed)
    scores = [
        _score(item, row_L, names, milliseconds.get(item.id)) for item, row_L in zip(items, logits_NL, strict=True)
    ]
    holdout_digest = digest([item.model_dump(mode="json") for item in holdout])
    return Evaluation(
        id=f"{student.card.name}.{holdout_digest[:8]}",
        student=student.card.name,
        version=student.card.version,
        arm=student.card.arm,
        seed=student.card.seed,
        holdout=holdout_digest,
        metric=METRIC,
        items=tuple(scores),
        summary={
            **_figures(scores, holdout),
            **_on_raw_input(student, holdout, items, scores),
            **_calibration(logits_NL, np.array([names.index(item.expected) for item in items])),
            **_speed(list(milliseconds.values()), str(student.device)),
        },
    )


def _require_answerable(holdout: Sequence[HoldoutItem], names: Sequence[str]) -> None:
    if not holdout:
        raise TrainingError("the holdout is empty: there is nothing to measure a student on")
    if unknown := [item for item in holdout if item.expected not in names]:
        raise UnknownLabel(
            f"holdout row {unknown[0].id!r} expects {unknown[0].expected!r}, which this student cannot answer; "
            f"it knows {', '.join(names)}"
        )


def _score(item: HoldoutItem, logits_L: NDArray[np.float64], names: Sequence[str], ms: float | None) -> ItemScore:
    best = int(logits_L.argmax())
    return ItemScore(
        item=item.id,
        cluster=item.cluster,
        expected=item.expected,
        predicted=names[best],
        score=float(names[best] == item.expected),
        confidence=round(float(softmax(logits_L)[best]), 6),
        milliseconds=ms,
    )


def _latencies(student: Student, items: Sequence[HoldoutItem], count: int) -> dict[str, float]:
    drawn = sorted(items, key=lambda item: draw(0, "latency", item.id))[:count]
    for item in drawn[:WARM_UP]:
        student.logits([item.text])
    taken: dict[str, float] = {}
    for item in drawn:
        start = time.perf_counter()
        student.logits([item.text])
        taken[item.id] = round((time.perf_counter() - start) * 1000, 3)
    return taken


def _figures(scores: Sequence[ItemScore], holdout: Sequence[HoldoutItem]) -> dict[str, JsonValue]:
    right = {score.item: score.score or 0.0 for score in scores}
    slices = sorted({name for item in holdout for name in item.slices})
    return {
        "accuracy": round(float(np.mean(list(right.values()))), 6),
        "n": len(scores),
        "clusters": len({score.cluster for score in scores}),
        "slices": {name: _slice([right[item.id] for item in holdout if name in item.slices]) for name in slices},
    }


def _on_raw_input(
    student: Student, holdout: Sequence[HoldoutItem], items: Sequence[HoldoutItem], scores: Sequence[ItemScore]
) -> dict[str, JsonValue]:
    """Accuracy where messages come as people write them, and how many hold what scrubbing changes.

    A service that does not scrub what it asks its student meets these texts; the student was taught on scrubbed ones.
    """
    names = student.card.label_names
    changed = [i for i, (raw, item) in enumerate(zip(holdout, items, strict=True)) if raw.text != item.text]
    right = [score.score or 0.0 for score in scores]
    if changed:
        for i, row_L in zip(changed, student.logits([holdout[i].text for i in changed]), strict=True):
            right[i] = float(names[int(row_L.argmax())] == holdout[i].expected)
    return {"raw_accuracy": round(float(np.mean(right)), 6), "raw_changed": len(changed)}


def _slice(right: list[float]) -> JsonValue:
    return {"n": len(right), "accuracy": round(float(np.mean(right)), 6)}


def _calibration(logits_NL: NDArray[np.float64], labels_N: NDArray[np.int64]) -> dict[str, JsonValue]:
    correct = (logits_NL.argmax(1) == labels_N).astype(np.float64)
    return {
        "ece": round(ece(softmax(logits_NL, axis=1).max(1), correct), 6),
        "ece_one_temperature": round(_cross_fitted(logits_NL, labels_N, correct), 6),
    }


def _cross_fitted(logits_NL: NDArray[np.float64], labels_N: NDArray[np.int64], correct: NDArray[np.float64]) -> float:
    """ECE after one temperature, each half scaled by the temperature fitted on the other: the baseline to beat."""
    halves = np.arange(len(labels_N)) % 2 == 0
    if len(labels_N) < 2:
        return ece(softmax(logits_NL, axis=1).max(1), correct)
    confidence = np.zeros(len(labels_N))
    for half in (halves, ~halves):
        temperature = fit_temperature(logits_NL[~half], labels_N[~half])
        confidence[half] = softmax(logits_NL[half] / temperature, axis=1).max(1)
    return ece(confidence, correct)


def _speed(milliseconds: list[float], device: str) -> dict[str, JsonValue]:
    if not milliseconds:
        return {"timed_n": 0}
    p50, p95 = np.percentile(milliseconds, [50, 95])
    return {
        "p50_ms": round(float(p50), 3),
        "p95_ms": round(float(p95), 3),
        "timed_n": len(milliseconds),
        "device": device,
    }
