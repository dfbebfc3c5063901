"""Calibration error is measured over bins of equal mass, and one temperature mends over-confidence."""

import numpy as np
import pytest
from scipy.special import softmax

from training.calibrate import ece, fit_temperature


def test_ece_is_the_mean_gap_between_confidence_and_accuracy_over_bins_of_equal_size():
    confidence = np.array([0.5, 0.6, 0.9, 1.0])
    correct = np.array([1.0, 0.0, 1.0, 1.0])
    # bins {0.5, 0.6} and {0.9, 1.0}: gaps |0.5 - 0.55| and |1 - 0.95|, half the items each
    assert ece(confidence, correct, bins=2) == pytest.approx(0.05)


def test_ece_does_not_depend_on_the_order_of_the_items():
    generator = np.random.default_rng(0)
    confidence, correct = generator.random(200), (generator.random(200) < 0.5).astype(float)
    order = generator.permutation(200)
    assert ece(confidence, correct) == pytest.approx(ece(confidence[order], correct[order]))


def test_the_fitted_temperature_undoes_the_one_the_logits_were_sharpened_by():
    generator = np.random.default_rng(1)
    honest = generator.normal(size=(4000, 5)) * 2
    labels = np.array([generator.choice(5, p=row) for row in softmax(honest, axis=1)])
    assert fit_temperature(honest * 3, labels) == pytest.approx(3, rel=0.08)
