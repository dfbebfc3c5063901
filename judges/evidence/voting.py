"""What judges are worth on labelled pairs: the best one, the majority, votes weighted by gold, effective votes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from pydantic import JsonValue

from curation.progress import Progress
from judges.aggregate import gold_weights, majority_sign, weighted_sign
from judges.effective import Effective, effective_interval
from judges.evidence.findings import Row, figure
from judges.resampling import cluster_numbers

GOLD, DRAWS = 40, 200
"""Gold labels of one draw, and how many seeded draws a figure is the mean of."""


@dataclass(frozen=True)
class Ballots:
    """What judges said of labelled pairs in both orders: 1 first, -1 second, 0 tie, nan unreadable or not asked."""

    judges: tuple[str, ...]
    first_IJ: np.ndarray
    """With the answers as they are."""
    swapped_IJ: np.ndarray
    """With the answers swapped; the verdict still names the answer, not its place."""
    asked_IJ: np.ndarray
    gold_I: np.ndarray
    """1 or -1."""
    clusters: tuple[str, ...]

    @cached_property
    def votes_IJ(self) -> np.ndarray:
        """A judge's vote: what it said in both orders, nan where it said two things, a tie, or nothing readable."""
        agreed_IJ = (self.first_IJ == self.swapped_IJ) & (self.first_IJ != 0)
        return np.where(agreed_IJ, self.first_IJ, np.nan)

    @cached_property
    def both_IJ(self) -> np.ndarray:
        """Where both orders could be read."""
        return ~np.isnan(self.first_IJ) & ~np.isnan(self.swapped_IJ)


class Weighted(NamedTuple):
    """Means over draws of gold labels, measured on the pairs that were not drawn."""

    panel: float
    spread: float
    """Standard deviation over the draws."""
    best: float
    """The judge that was best on the same gold labels."""


def scores(signs_I: np.ndarray, gold_I: np.ndarray) -> np.ndarray:
    """1 where the sign is the gold one, 0 where it is the other, .5 for a tie or no vote at all.

    >>> scores(np.array([1.0, -1.0, 0.0, np.nan]), np.ones(4))
    array([1. , 0. , 0.5, 0.5])
    """
    return np.where(np.isnan(signs_I) | (signs_I == 0), 0.5, np.sign(signs_I) == gold_I)


def gold_weighted(ballots: Ballots, progress: Progress, gold: int = GOLD, draws: int = DRAWS) -> Weighted | None:
    """Weigh the judges by `gold` drawn labels and measure them on the rest; None where no pair would be left."""
    right_IJ = scores(ballots.votes_IJ, ballots.gold_I[:, None])
    cluster_I = cluster_numbers(ballots.clusters, len(ballots.clusters))
    panel_D, best_D = np.zeros(draws), np.zeros(draws)
    for seed in range(draws):
        drawn, rest = _drawn(cluster_I, gold, seed)
        if not len(rest):
            return None
        weights_J = gold_weights(ballots.votes_IJ[drawn], ballots.gold_I[drawn])
        said_I = weighted_sign(ballots.votes_IJ[rest], weights_J)
        panel_D[seed] = scores(said_I, ballots.gold_I[rest]).mean()
        best_D[seed] = right_IJ[rest, right_IJ[drawn].mean(axis=0).argmax()].mean()
        progress.advance()
    return Weighted(float(panel_D.mean()), float(panel_D.std()), float(best_D.mean()))


def _drawn(cluster_I: np.ndarray, gold: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Items of clusters drawn until there are `gold` of them, and the other items: no cluster is in both."""
    place_C = np.random.default_rng(seed).permutation(cluster_I.max() + 1)
    order_I = np.argsort(place_C[cluster_I], kind="stable")
    enough = place_C[cluster_I[order_I[:gold]]].max()
    chosen_I = place_C[cluster_I] <= enough
    return np.flatnonzero(chosen_I), np.flatnonzero(~chosen_I)


def effective(ballots: Ballots) -> Effective:
    """Effective votes from errors: 1 wrong, 0 right, .5 asked but without a vote, nan not asked."""
    errors_IJ = 1 - scores(ballots.votes_IJ, ballots.gold_I[:, None])
    return effective_interval(np.where(ballots.asked_IJ, errors_IJ, np.nan), ballots.clusters)


def panel_figures(ballots: Ballots, progress: Progress, gold: int = GOLD) -> dict[str, JsonValue]:
    """Best single judge, majority, weighted votes and effective votes; a tie or no vote counts .5 in all of them."""
    single_J = scores(ballots.votes_IJ, ballots.gold_I[:, None]).mean(axis=0)
    best = int(single_J.argmax())
    weighted = gold_weighted(ballots, progress, gold)
    kish = effective(ballots)
    return {
        "best_single": figure(float(single_J[best])),
        "best_single_judge": ballots.judges[best],
        "majority": figure(float(scores(majority_sign(ballots.votes_IJ), ballots.gold_I).mean())),
        f"gold_weighted_{gold}": None if weighted is None else figure(weighted.panel),
        f"gold_weighted_{gold}_spread": None if weighted is None else figure(weighted.spread),
        f"best_single_by_{gold}": None if weighted is None else figure(weighted.best),
        "effective_votes": 1.0 if len(ballots.judges) == 1 else figure(kish.value),
        "effective_votes_interval": [figure(kish.low), figure(kish.high)],
    }


def judge_figures(ballots: Ballots, j: int) -> Row:
    """One judge: accuracy of single verdicts, of the verdicts that survive the swap, and over all pairs."""
    gold_I, votes_I, both_I = ballots.gold_I, ballots.votes_IJ[:, j], ballots.both_IJ[:, j]
    sides = (ballots.first_IJ[:, j], ballots.swapped_IJ[:, j])
    single = _share(np.concatenate([scores(s, gold_I)[~np.isnan(s)] for s in sides]))
    voted_I = ~np.isnan(votes_I)
    consistent = _share(votes_I[voted_I] == gold_I[voted_I])
    return {
        "asked": int(ballots.asked_IJ[:, j].sum()),
        "unscored": int((ballots.asked_IJ[:, j] & ~both_I).sum()),
        "single_order": figure(single),
        "swap_consistent": figure(consistent),
        "swap_gain": figure(None if single is None or consistent is None else consistent - single),
        "coverage": figure(_share(voted_I)),
        "all_pairs": figure(_share(scores(votes_I, gold_I))),
    }


def _share(marks: np.ndarray | Sequence[bool]) -> float | None:
    return float(np.mean(marks)) if len(marks) else None


def no_figures() -> dict[str, JsonValue]:
    """The figures of a panel where no pair has a label."""
    names = ("best_single", "best_single_judge", "majority", f"gold_weighted_{GOLD}", f"gold_weighted_{GOLD}_spread")
    more = (f"best_single_by_{GOLD}", "effective_votes", "effective_votes_interval")
    return dict.fromkeys((*names, *more))
