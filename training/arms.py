"""Does curation earn its keep? One student on raw, curated and size-matched random rows, over seeds, with intervals."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue
from scipy import stats

from curation.evaluation import Evaluation
from curation.progress import Progress, Silent
from curation.store.evaluations import Evaluations
from curation.store.store import Store
from curation.task import Task
from training.data import ARMS, Arm, HoldoutItem, TrainingSet, arm_rows, prepared
from training.evaluate import evaluate
from training.frozen import FrozenLayers
from training.settings import TrainTable
from training.trainer import train

LEAST_SEEDS = 2
RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Plan:
    """Which arms of which version, at most how many seeds (None: as [train] says), within how many seconds."""

    arms: tuple[Arm, ...] = ARMS
    seeds: int | None = None
    budget_seconds: float | None = None
    version: str = "head"


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds with two 95 % intervals: `seeds_ci` from Student's t over seeds (how much a new training run
    moves it), `items_ci` from resampling whole holdout clusters (how much new customers move it)."""

    name: str
    estimate: float
    seeds_ci: tuple[float, float] | None
    items_ci: tuple[float, float]
    rows: int | None = None


@dataclass(frozen=True)
class Comparison:
    """What came out: accuracy per arm, and curated minus each other arm, with the evaluations they come from."""

    evaluations: tuple[Evaluation, ...]
    arms: tuple[Estimate, ...]
    differences: tuple[Estimate, ...]
    seeds: int
    seconds: float
    note: str

    def as_dict(self) -> dict[str, JsonValue]:
        """Everything but the single items, for --json."""
        plain: dict[str, Any] = {
            "seeds": self.seeds,
            "seconds": round(self.seconds, 1),
            "note": self.note,
            "arms": [asdict(estimate) for estimate in self.arms],
            "differences": [asdict(estimate) for estimate in self.differences],
            "evaluations": [evaluation.id for evaluation in self.evaluations],
        }
        return plain


def compare(
    store: Store,
    task: Task,
    holdout: Sequence[HoldoutItem],
    plan: Plan,
    scrub: Callable[[str], str],
    progress: Progress | None = None,
) -> Comparison:
    """Teach and measure every arm with every seed, record the evaluations, and estimate the differences.

    The first student is timed; as many seeds are run as fit the budget, never fewer than two. Seeds are the outer
    loop, so every arm has the same seeds. All arms share steps, settings and label names.
    """
    progress = progress or Silent()
    started = time.monotonic()
    table = task.table("train", TrainTable)
    sets: dict[Arm, TrainingSet] = {arm: arm_rows(store, plan.version, arm, task) for arm in plan.arms}
    wanted = max(LEAST_SEEDS, plan.seeds or table.seeds)
    frozen = FrozenLayers(table)
    seen = [text for rows in sets.values() for text in rows.texts]
    frozen.prepare(seen + [item.text for item in prepared(holdout, scrub)], progress)
    evaluations: list[Evaluation] = []
    seeds, note = wanted, f"{wanted} seeds as asked"
    began = time.monotonic()
    seed = 0
    while seed < seeds:
        for arm in plan.arms:
            evaluations.append(_one(store, sets[arm], table, (task.task.seed + seed, holdout, scrub, frozen), progress))
            if len(evaluations) == 1 and plan.budget_seconds is not None:
                first = time.monotonic() - began
                left = max(0.0, plan.budget_seconds - (began - started))
                seeds, note = seeds_that_fit(first, left, len(plan.arms), wanted)
                progress.notice(note)
        seed += 1
    arms, differences = estimate(evaluations, {arm: len(rows) for arm, rows in sets.items()})
    return Comparison(tuple(evaluations), arms, differences, seeds, time.monotonic() - started, note)


def seeds_that_fit(first: float, budget: float, arms: int, wanted: int) -> tuple[int, str]:
    """How many seeds a budget allows when one student took `first` seconds, and the sentence that says so.

    >>> seeds_that_fit(10.0, 100.0, arms=3, wanted=5)
    (3, 'the first student took 10 s, so 3 of 5 seeds on 3 arms fit the 100 s left')
    """
    fit = int(budget // (first * arms))
    seeds = min(wanted, max(LEAST_SEEDS, fit))
    if fit < LEAST_SEEDS:
        total = first * arms * LEAST_SEEDS
        return seeds, (
            f"the first student took {first:.0f} s, so {LEAST_SEEDS} seeds on {arms} arms need about {total:.0f} s, "
            f"more than the {budget:.0f} s left; an interval needs {LEAST_SEEDS}, so they are run"
        )
    return (
        seeds,
        f"the first student took {first:.0f} s, so {seeds} of {wanted} seeds on {arms} arms fit "
        f"the {budget:.0f} s left",
    )


def _one(
    store: Store,
    rows: TrainingSet,
    table: TrainTable,
    setup: tuple[int, Sequence[HoldoutItem], Callable[[str], str], FrozenLayers],
    progress: Progress,
) -> Evaluation:
    seed, holdout, scrub, frozen = setup
    folder = store.layout.students / f"{rows.arm}-{(rows.version or '')[:8]}-s{seed}"
    train(rows, table, seed, folder, progress, frozen)
    evaluation = evaluate(folder, holdout, scrub=scrub, frozen=frozen)
    Evaluations(store.state).save(evaluation)
    return evaluation


def estimate(
    evaluations: Sequence[Evaluation], rows: dict[Arm, int]
) -> tuple[tuple[Estimate, ...], tuple[Estimate, ...]]:
    """Accuracy per arm, and curated minus every other arm (paired by item and seed), each with both intervals."""
    scores = {arm: _scores([e for e in evaluations if e.arm == arm]) for arm in rows}
    clusters = np.array([item.cluster for item in evaluations[0].items])
    arms = tuple(_estimate(arm, scores[arm], clusters, rows[arm]) for arm in rows)
    others: list[Arm] = [arm for arm in rows if arm != "curated"] if "curated" in rows else []
    differences = tuple(
        _estimate(f"curated - {arm}", scores["curated"] - scores[arm], clusters, None) for arm in others
    )
    return arms, differences


def _scores(evaluations: Sequence[Evaluation]) -> NDArray[np.float64]:
    return np.array([[item.score or 0.0 for item in evaluation.items] for evaluation in evaluations])


def _estimate(name: str, scores_SN: NDArray[np.float64], clusters: NDArray[Any], rows: int | None) -> Estimate:
    return Estimate(
        name=name,
        estimate=round(float(scores_SN.mean()), 6),
        seeds_ci=t_interval(scores_SN.mean(1)),
        items_ci=cluster_bootstrap(scores_SN.mean(0), clusters),
        rows=rows,
    )


def t_interval(values: NDArray[np.float64]) -> tuple[float, float] | None:
    """Student's t interval of a mean; None for fewer than two values, which say nothing about spread.

    >>> t_interval(np.array([0.8, 0.9]))
    (0.21469, 1.48531)
    """
    if len(values) < 2:
        return None
    half = stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return round(float(values.mean() - half), 6), round(float(values.mean() + half), 6)


def cluster_bootstrap(
    values_N: NDArray[np.float64], clusters: NDArray[Any], resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """Percentile interval of a mean when whole clusters are drawn with replacement.

    Items of one customer rise and fall together, so resampling items would claim too narrow an interval.
    """
    _, inverse = np.unique(clusters, return_inverse=True)
    sums_G = np.bincount(inverse, weights=values_N)
    sizes_G = np.bincount(inverse)
    drawn_RG = np.random.default_rng(seed).integers(len(sums_G), size=(resamples, len(sums_G)))
    means_R = sums_G[drawn_RG].sum(1) / sizes_G[drawn_RG].sum(1)
    low, high = np.quantile(means_R, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return round(float(low), 6), round(float(high), 6)
