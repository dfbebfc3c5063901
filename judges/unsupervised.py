"""Dawid-Skene and MACE: what votes alone say of judges and items, as advice; agreement is not truth, so never a weight.

Judges that err together look right to both, and the one judge that is right looks wrong. Where gold says otherwise of
the judges than these do, `against_gold` says so.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from curation.shares import percent
from judges.qualify import Standing, VoteTable

STEPS = 200
"""Rounds of expectation and maximisation at most."""
STILL = 1e-7
"""The rounds end when no item's probability moves by more."""
SMOOTH = 1.0
"""Pseudo-votes for each outcome, so that no judge is believed or disbelieved without end."""

FAR = 0.1
"""Agreement must put a judge this far on the other side of chance before it is told."""


class Believed(NamedTuple):
    """What a model of the votes believes: the chance that each item's true side is 1.0, and each judge's accuracy.

    An item without a vote stays at the believed share of 1.0; a judge without one has accuracy nan.
    """

    first_I: np.ndarray
    accuracy_J: np.ndarray


def dawid_skene(votes_IJ: np.ndarray) -> Believed:
    """Each judge has a chance of its own to be right on either side (Dawid and Skene 1979); EM from the vote shares.

    In logarithms, smoothed, and on whatever votes there are.

    >>> dawid_skene(np.array([[1.0, 1.0], [-1.0, -1.0], [1.0, np.nan]])).first_I.round().tolist()
    [1.0, 0.0, 1.0]
    """
    said_SIJ = _said(votes_IJ)
    first_I = _shares(said_SIJ)
    for _ in range(STEPS):
        prior, log_TSJ = _confusions(said_SIJ, first_I)
        moved_I = _posterior(np.log(prior), np.einsum("sij,tsj->ti", said_SIJ, log_TSJ))
        still, first_I = np.abs(moved_I - first_I).max(initial=0.0) < STILL, moved_I
        if still:
            break
    return Believed(first_I, _accuracy(said_SIJ, first_I))


def mace(votes_IJ: np.ndarray) -> Believed:
    """Each judge knows the side or says what it always says, whatever the item (Hovy et al. 2013); EM, smoothed.

    >>> mace(np.array([[1.0, 1.0], [-1.0, -1.0], [1.0, np.nan]])).first_I.round().tolist()
    [1.0, 0.0, 1.0]
    """
    said_SIJ = _said(votes_IJ)
    knows_J = np.full(votes_IJ.shape[1], 0.7)
    habit_SJ = np.full((2, votes_IJ.shape[1]), 0.5)
    first_I = _shares(said_SIJ)
    for _ in range(STEPS):
        right_SJ = knows_J + (1 - knows_J) * habit_SJ
        wrong_SJ = (1 - knows_J) * habit_SJ
        log_TSJ = np.log(np.stack([[right_SJ[0], wrong_SJ[1]], [wrong_SJ[0], right_SJ[1]]]))
        moved_I = _posterior(np.log(np.array([0.5, 0.5])), np.einsum("sij,tsj->ti", said_SIJ, log_TSJ))
        true_SI = np.stack([moved_I, 1 - moved_I])
        # How many of the votes for a side came from knowing it: only votes for the true side can.
        agree_SJ = np.einsum("sij,si->sj", said_SIJ, true_SI)
        known_SJ = agree_SJ * knows_J / right_SJ
        guessed_SJ = said_SIJ.sum(axis=1) - known_SJ
        knows_J = (known_SJ.sum(axis=0) + SMOOTH) / (said_SIJ.sum(axis=(0, 1)) + 2 * SMOOTH)
        habit_SJ = (guessed_SJ + SMOOTH) / (guessed_SJ.sum(axis=0) + 2 * SMOOTH)
        still, first_I = np.abs(moved_I - first_I).max(initial=0.0) < STILL, moved_I
        if still:
            break
    return Believed(first_I, _accuracy(said_SIJ, first_I))


def against_gold(table: VoteTable, overall: Sequence[Standing], least_gold: int) -> str | None:
    """A sentence where Dawid-Skene puts a judge clearly on the other side of chance than gold shows it; else None.

    Two judges cannot be told apart by their votes alone, so that nothing is said of fewer than three.
    """
    if len(overall) < 3:
        return None
    believed = dawid_skene(table.votes_IJ)
    apart = [
        f"{s.judge} {percent(float(says))} (gold {percent(s.accuracy)})"
        for s, says in zip(overall, believed.accuracy_J, strict=True)
        if s.n >= least_gold and (s.high < 0.5 < says - FAR or says + FAR < 0.5 < s.low)
    ]
    return "by agreement alone accuracy would be put at " + ", ".join(apart) if apart else None


def _said(votes_IJ: np.ndarray) -> np.ndarray:
    """1 where a judge said the side (first, then second), by side, item and judge."""
    return np.stack([votes_IJ == 1.0, votes_IJ == -1.0]).astype(float)


def _shares(said_SIJ: np.ndarray) -> np.ndarray:
    count_SI = said_SIJ.sum(axis=2)
    return (count_SI[0] + 0.5) / (count_SI.sum(axis=0) + 1)


def _confusions(said_SIJ: np.ndarray, first_I: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The share of either side, and log chances by true side, said side and judge."""
    true_TI = np.stack([first_I, 1 - first_I])
    # One pseudo-vote more for the right side: without it two or three items are explained by judges that know nothing.
    smooth_TS = SMOOTH * np.array([[2.0, 1.0], [1.0, 2.0]])
    count_TSJ = np.einsum("ti,sij->tsj", true_TI, said_SIJ) + smooth_TS[:, :, None]
    heard_I = said_SIJ.any(axis=(0, 2))
    prior_T = true_TI[:, heard_I].sum(axis=1) + SMOOTH
    return prior_T / prior_T.sum(), np.log(count_TSJ / count_TSJ.sum(axis=1, keepdims=True))


def _posterior(log_prior_T: np.ndarray, log_TI: np.ndarray) -> np.ndarray:
    """The chance of the first side."""
    apart_I = log_prior_T[1] + log_TI[1] - log_prior_T[0] - log_TI[0]
    return np.exp(-np.logaddexp(0.0, apart_I))


def _accuracy(said_SIJ: np.ndarray, first_I: np.ndarray) -> np.ndarray:
    votes_J = said_SIJ.sum(axis=(0, 1))
    right_J = np.einsum("sij,si->j", said_SIJ, np.stack([first_I, 1 - first_I]))
    return np.where(votes_J > 0, right_J / np.maximum(votes_J, 1.0), np.nan)
