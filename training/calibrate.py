"""Whether a student's confidence can be believed: expected calibration error and the one temperature that mends it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

BINS = 15


def ece(confidence: NDArray[np.float64], correct: NDArray[np.float64], bins: int = BINS) -> float:
    """Expected calibration error over equal-mass bins: sum of |bin|/n times |accuracy - mean confidence|.

    Equal-mass bins hold the same number of items each, so that no bin rests on three of them.

    >>> round(ece(np.array([0.9, 0.9, 0.9, 0.9]), np.array([1.0, 1.0, 1.0, 0.0]), bins=1), 6)
    0.15
    """
    order = np.argsort(confidence, kind="stable")
    gaps = [
        abs(correct[part].mean() - confidence[part].mean()) * len(part)
        for part in np.array_split(order, min(bins, len(order)))
    ]
    return float(sum(gaps) / len(order))


def fit_temperature(logits_NL: NDArray[np.float64], labels_N: NDArray[np.int64]) -> float:
    """The temperature that minimises the negative log-likelihood of the labels (Guo et al. 2017, arXiv 1706.04599)."""

    def loss(log_temperature: float) -> float:
        scaled_NL = log_softmax(logits_NL / np.exp(log_temperature), axis=1)
        return float(-scaled_NL[np.arange(len(labels_N)), labels_N].mean())

    best: Any = minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded")
    return float(np.exp(best.x))
