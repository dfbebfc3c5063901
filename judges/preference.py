"""How often each teacher's answers were preferred in a pairwise study, as they are and had both been equally long."""

from collections.abc import Sequence
from math import log
from typing import NamedTuple

import numpy as np
from pydantic import JsonValue
from scipy.special import expit

from curation.store.reviews import Ballot, Item
from judges.resampling import CELLS, DRAWS, Sums, cluster_numbers, design_effect, percentile
from judges.study_figures import bounds, detectable, rounded

STEPS = 60
"""Newton's steps after which a regression that still moves has no answer."""
FAR = 12.0
"""A logit beyond this is one that the votes do not hold back: every vote says the same."""
MEANING = (
    "rate: share of votes the teacher's answer won, by much or by little, where a tie or `both_bad` is half a win. "
    "controlled: the same had "
    "both answers been equally long (the intercept of a logistic regression on the log ratio of their lengths in "
    "characters). Intervals: 95 %, percentile bootstrap over prompts."
)


class Duel(NamedTuple):
    """One vote about a teacher's answer: its score (1, 1/2 or 0), and how much longer it was than the other one."""

    score: float
    log_ratio: float
    prompt: str


def win_rates(votes: Sequence[Ballot], items: Sequence[Item], seed: int = 0) -> dict[str, JsonValue]:
    """Each teacher's win rate, raw and controlled for length, by its name; votes on two of its own answers count not.

    `items` are the study's, by position.
    """
    found: dict[str, list[Duel]] = {}
    for vote in votes:
        for teacher, duel in _duels(vote, items[vote.position]):
            found.setdefault(teacher, []).append(duel)
    return {teacher: _rated(found[teacher], seed) for teacher in sorted(found)}


def _duels(vote: Ballot, item: Item) -> list[tuple[str, Duel]]:
    if not item.second_teacher or not item.first_teacher or item.first_teacher == item.second_teacher:
        return []
    score = {"first": 1.0, "second": 0.0}.get(vote.winner, 0.5)
    ratio = log(max(1, len(item.first))) - log(max(1, len(item.second or "")))
    return [
        (item.first_teacher, Duel(score, ratio, item.prompt)),
        (item.second_teacher, Duel(1 - score, -ratio, item.prompt)),
    ]


def _rated(duels: Sequence[Duel], seed: int) -> dict[str, JsonValue]:
    score_N = np.array([d.score for d in duels])
    ratio_N = np.array([d.log_ratio for d in duels])
    cluster_N = cluster_numbers([d.prompt for d in duels], len(duels))
    raw = Sums(np.column_stack([score_N, np.ones(len(duels))]), cluster_N, draws=DRAWS, seed=seed).figure(_share)
    controlled, interval, why = controlled_rate(score_N, ratio_N, cluster_N, seed)
    return {
        "n": len(duels),
        "prompts": raw.clusters,
        "rate": rounded(raw.value),
        "ci": bounds(raw.interval),
        "controlled": rounded(controlled),
        "controlled_ci": bounds(interval),
        "why": why,
        "mde": rounded(detectable(len(duels), design_effect(score_N - score_N.mean(), cluster_N))),
    }


def _share(sums_DF: np.ndarray) -> np.ndarray:
    return sums_DF[:, 0] / sums_DF[:, 1]


def controlled_rate(
    score_N: np.ndarray, ratio_N: np.ndarray, cluster_N: np.ndarray, seed: int = 0, draws: int = DRAWS
) -> tuple[float | None, tuple[float, float] | None, str | None]:
    """The win rate at equal lengths, its interval over drawn clusters, and why it cannot be told where it cannot.

    A logistic regression of the score (a tie is half a win) on the log ratio of the lengths; the intercept as a rate.
    """
    if float(np.ptp(ratio_N)) == 0 and ratio_N[0] != 0:
        return None, None, "every answer is as much longer than the other, so length and teacher cannot be told apart"
    (once,) = _intercepts(score_N, ratio_N, np.ones((1, len(score_N))))
    if np.isnan(once):
        return None, None, "the votes are all alike, or length alone explains them all, so nothing holds the rate"
    number_N = np.unique(cluster_N, return_inverse=True)[1]
    groups = int(number_N.max()) + 1
    if groups < 2:
        return float(expit(once)), None, "one prompt alone gives no interval"
    rng = np.random.default_rng(seed)
    drawn: list[np.ndarray] = []
    step = max(1, CELLS // (4 * len(score_N)))
    for start in range(0, draws, step):
        rows = min(step, draws - start)
        picked = rng.integers(0, groups, (rows, groups)) + groups * np.arange(rows)[:, None]
        times_DG = np.bincount(picked.ravel(), minlength=rows * groups).reshape(rows, groups)
        drawn.append(_intercepts(score_N, ratio_N, times_DG[:, number_N].astype(float)))
    interval = percentile(expit(np.concatenate(drawn)))
    return float(expit(once)), interval, None if interval else "too few votes for an interval"


def _intercepts(score_N: np.ndarray, ratio_N: np.ndarray, weight_DN: np.ndarray) -> np.ndarray:
    """The intercept of each draw's weighted logistic regression, by Newton's method; NaN where it has none."""
    a_D, b_D = np.zeros(len(weight_DN)), np.zeros(len(weight_DN))
    step_D = np.full(len(weight_DN), np.inf)
    for _ in range(STEPS):
        p_DN = expit(a_D[:, None] + b_D[:, None] * ratio_N)
        rest_DN, curve_DN = weight_DN * (score_N - p_DN), weight_DN * p_DN * (1 - p_DN)
        ga_D, gb_D = rest_DN.sum(axis=1), rest_DN @ ratio_N
        # the smallest ridge: where both answers are always equally long, the slope stays where it is
        haa_D, hab_D, hbb_D = curve_DN.sum(axis=1) + 1e-9, curve_DN @ ratio_N, curve_DN @ ratio_N**2 + 1e-9
        det_D = haa_D * hbb_D - hab_D**2
        move_D2 = np.column_stack([hbb_D * ga_D - hab_D * gb_D, haa_D * gb_D - hab_D * ga_D]) / det_D[:, None]
        move_D2 = np.clip(np.nan_to_num(move_D2), -2, 2)
        a_D, b_D = np.clip(a_D + move_D2[:, 0], -3 * FAR, 3 * FAR), np.clip(b_D + move_D2[:, 1], -1e3, 1e3)
        step_D = np.abs(move_D2).max(axis=1)
        if step_D.max() < 1e-8:
            break
    return np.where((step_D < 1e-6) & (np.abs(a_D) < FAR), a_D, np.nan)
