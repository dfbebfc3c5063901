"""How far raters could tell where answers come from: Bang's blinding index, 0 where blinding held."""

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from pydantic import JsonValue

from curation.intervals import Interval
from curation.store.review_guesses import Guess
from judges.resampling import cluster_numbers, design_effect
from judges.study_figures import bounds, rounded

MEANING = (
    "0: sources could not be told; 1: every guess was right; -1: every guess was wrong. Who always says the same word "
    "has 0. Bang's index of pairs by one model and of pairs by two, averaged"
)
Z = NormalDist().inv_cdf(0.975)


class Counts(NamedTuple):
    """How many guesses about pairs of one kind were right, wrong, and `do not know`; halves come of averaging."""

    right: float
    wrong: float
    unsure: float = 0

    @property
    def n(self) -> float:
        """All of them."""
        return self.right + self.wrong + self.unsure


class Index(NamedTuple):
    """The index with its 95 % interval."""

    value: float
    interval: Interval


def bang(counts: Counts) -> Index | None:
    """Bang's blinding index of one arm: the share of right guesses less that of wrong ones, of all (Bang et al. 2004).

    The variance is Bang's. It is 0 where every guess is alike, so the interval adds one right and one wrong guess
    (Bonett and Price 2012: the same difference of two shares of one sample). None of no guesses.

    >>> index = bang(Counts(right=8, wrong=2))
    >>> round(index.value, 2), [round(x, 2) for x in index.interval]
    (0.6, [0.01, 0.99])
    """
    return mean_of([counts], 1.0)


def mean_of(arms: Sequence[Counts], deff: float = 1.0) -> Index | None:
    """The mean index of arms that weigh alike; `deff` is how much wider raters make its variance."""
    if not arms or any(not arm.n for arm in arms):
        return None
    k = len(arms)
    value = sum((arm.right - arm.wrong) / arm.n for arm in arms) / k
    thinned = [Counts(*(count / deff for count in arm)) for arm in arms]
    centre = sum((arm.right - arm.wrong) / (arm.n + 2) for arm in thinned) / k
    half = Z * sum(_variance(arm) for arm in thinned) ** 0.5 / k
    return Index(value, Interval(max(-1.0, centre - half), min(1.0, centre + half)))


def _variance(arm: Counts) -> float:
    n = arm.n + 2
    right, wrong = (arm.right + 1) / n, (arm.wrong + 1) / n
    return (right + wrong - (right - wrong) ** 2) / n


def blinding(guesses: Sequence[Guess]) -> dict[str, JsonValue]:
    """What a report says of blinding, per rater and for all: index, interval, n, and both arms; None where untold.

    Guesses of one rater err together, which widens the interval of all by their design effect (Kish 1965).
    """
    if not guesses:
        return {**_row([]), "raters": {}, "meaning": MEANING, "why": "nobody was asked to guess the sources"}
    raters = sorted({g.rater for g in guesses})
    rows: dict[str, JsonValue] = {r: _row([g for g in guesses if g.rater == r]) for r in raters}
    found = _row(guesses, _raters_effect(guesses) if len(raters) > 1 else 1.0)
    why = None if found["index"] is not None else "guesses about pairs of both kinds are needed"
    return {**found, "raters": rows, "meaning": MEANING, "why": why}


def _raters_effect(guesses: Sequence[Guess]) -> float:
    marks_G = np.array([_mark(g) for g in guesses], dtype=float)
    return design_effect(marks_G - marks_G.mean(), cluster_numbers([g.rater for g in guesses], len(guesses)))


def _mark(guess: Guess) -> int:
    if guess.word == "do not know":
        return 0
    return 1 if (guess.word == "same") == guess.same else -1


def _row(guesses: Sequence[Guess], deff: float = 1.0) -> dict[str, JsonValue]:
    arms = {word: _counts([g for g in guesses if g.same == (word == "same")]) for word in ("same", "different")}
    both = mean_of(list(arms.values()), deff)
    return {
        "index": rounded(both.value if both else None),
        "ci": bounds(both.interval if both else None),
        "n": len(guesses),
        "held": None if both is None else both.interval.low <= 0 <= both.interval.high,
        "arms": {word: _arm(arm) for word, arm in arms.items()},
    }


def _counts(guesses: Sequence[Guess]) -> Counts:
    marks = [_mark(g) for g in guesses]
    return Counts(marks.count(1), marks.count(-1), marks.count(0))


def _arm(arm: Counts) -> dict[str, JsonValue]:
    found = bang(arm)
    return {
        "index": rounded(found.value if found else None),
        "ci": bounds(found.interval if found else None),
        "n": int(arm.n),
        "unsure": int(arm.unsure),
    }
