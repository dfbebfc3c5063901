"""What a judge's vote weighs, and how right the weighted panel is on gold rows that did not set the weights."""

import numpy as np

from judges.qualify import VoteTable, right_and_counted, slice_names

FOLDS = 10
"""Parts of the gold set; each is judged by weights from the others."""
REPEATS = 5
"""Times the gold set is dealt into parts anew."""


def log_odds(right: np.ndarray, n: np.ndarray, prior: tuple[np.ndarray | float, np.ndarray | float]) -> np.ndarray:
    """The log-odds that a vote is right under a Beta prior of (right, wrong) pseudo-rows, floored at zero.

    >>> log_odds(np.array([8.0, 1.0]), np.array([10.0, 10.0]), (1.0, 1.0)).round(2)
    array([1.1, 0. ])
    """
    return np.maximum(0.0, np.log((right + prior[0]) / (n - right + prior[1])))


def gold_weights(votes_IJ: np.ndarray, gold_I: np.ndarray) -> np.ndarray:
    """Each judge's weight from its readable votes on gold: log-odds of its accuracy under Beta(1, 1), floored at zero.

    >>> gold_weights(np.array([[1.0, -1.0], [-1.0, 1.0], [1.0, np.nan]]), np.array([1.0, -1.0, 1.0])).round(2)
    array([1.39, 0.  ])
    """
    known_IJ = ~np.isnan(votes_IJ) & ~np.isnan(gold_I)[:, None]
    right_J = (known_IJ & (votes_IJ == gold_I[:, None])).sum(axis=0)
    return log_odds(right_J, known_IJ.sum(axis=0), (1.0, 1.0))


def weighted_sign(votes_IJ: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The side of the weighted votes: 1.0, -1.0, 0 for a tie, nan where no vote with weight is readable.

    `weights` is one per judge (J), or one per row and judge (IxJ).

    >>> weighted_sign(np.array([[1.0, -1.0], [np.nan, 1.0], [np.nan, np.nan]]), np.array([1.0, 2.0]))
    array([-1.,  1., nan])
    """
    evidence_I = np.where(np.isnan(votes_IJ), 0.0, votes_IJ * weights).sum(axis=1)
    heard_I = (~np.isnan(votes_IJ) & (np.broadcast_to(weights, votes_IJ.shape) > 0)).any(axis=1)
    return np.where(heard_I, np.sign(np.where(np.abs(evidence_I) < 1e-12, 0.0, evidence_I)), np.nan)


def majority_sign(votes_IJ: np.ndarray) -> np.ndarray:
    """The side of the unweighted votes, as `weighted_sign` gives it."""
    return weighted_sign(votes_IJ, np.ones(votes_IJ.shape[1]))


def score(sign_I: np.ndarray, gold_I: np.ndarray) -> np.ndarray:
    """1 for a right side, 0 for a wrong one, 0.5 for a tie or no vote at all; nan without gold.

    >>> score(np.array([1.0, -1.0, np.nan, 0.0]), np.array([1.0, 1.0, 1.0, 1.0]))
    array([1. , 0. , 0.5, 0.5])
    """
    decided_I = ~np.isnan(sign_I) & (sign_I != 0)
    return np.where(np.isnan(gold_I), np.nan, np.where(decided_I, (sign_I == gold_I).astype(float), 0.5))


def slice_of_rows(table: VoteTable) -> np.ndarray:
    """The place of each row's slice among the sorted slices; rows of none share the place after the last."""
    names = slice_names(table.slices)
    place = {name: s for s, name in enumerate(names)}
    return np.array([place.get(s, len(names)) if s is not None else len(names) for s in table.slices], dtype=np.int64)


def fitted(table: VoteTable, allowed_SJ: np.ndarray, slice_prior: float) -> np.ndarray:
    """Weights by slice and judge; the last row is for samples of no slice. A judge not allowed weighs nothing."""
    right_SJ, n_SJ = (_by_slice(table, part_IJ) for part_IJ in right_and_counted(table))
    return np.where(allowed_SJ, _weights(right_SJ, n_SJ, slice_prior), 0.0)


def cross_validated(table: VoteTable, allowed_SJ: np.ndarray, slice_prior: float, seed: int) -> np.ndarray:
    """For each row the weights (IxJ) that the other clusters' gold gives, the mean over several deals into parts."""
    right_IJ, share_IJ = right_and_counted(table)
    slice_I, clusters = slice_of_rows(table), int(table.cluster_I.max(initial=-1)) + 1
    rng = np.random.default_rng(seed)
    total_IJ = np.zeros_like(right_IJ)
    for _ in range(REPEATS):
        fold_I = rng.permutation(np.arange(clusters) % FOLDS)[table.cluster_I]
        parts = np.zeros((2, FOLDS, *allowed_SJ.shape))
        np.add.at(parts[0], (fold_I, slice_I), right_IJ)
        np.add.at(parts[1], (fold_I, slice_I), share_IJ)
        right_FSJ, n_FSJ = parts.sum(axis=1, keepdims=True) - parts
        weights_FSJ = np.where(allowed_SJ, _weights(right_FSJ, n_FSJ, slice_prior), 0.0)
        total_IJ += weights_FSJ[fold_I, slice_I]
    return total_IJ / REPEATS


def _by_slice(table: VoteTable, part_IJ: np.ndarray) -> np.ndarray:
    slice_I = slice_of_rows(table)
    sums_SJ = np.zeros((len(slice_names(table.slices)) + 1, part_IJ.shape[1]))
    np.add.at(sums_SJ, slice_I, part_IJ)
    return sums_SJ


def _weights(right_SJ: np.ndarray, n_SJ: np.ndarray, slice_prior: float) -> np.ndarray:
    """Slices (second axis from the end) shrunk to the judge's overall accuracy, which itself is shrunk to one half."""
    right_J, n_J = right_SJ.sum(axis=-2, keepdims=True), n_SJ.sum(axis=-2, keepdims=True)
    overall_J = (right_J + 1) / (n_J + 2)
    weights_SJ = log_odds(right_SJ, n_SJ, (slice_prior * overall_J, slice_prior * (1 - overall_J)))
    weights_SJ[..., -1:, :] = log_odds(right_J, n_J, (1.0, 1.0))
    return weights_SJ
