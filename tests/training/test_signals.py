"""A teacher's reported probabilities become one distribution over the head's labels, or are refused."""

import math

import pytest

from training.failures import TrainingError, UnknownLabel
from training.signals import soft_row

NAMES = ("refund", "billing", "other")


def test_unreported_mass_is_spread_over_the_labels_the_teacher_left_out():
    assert soft_row({"billing": 0.8, "other": 0.1}, NAMES) == pytest.approx([0.1, 0.8, 0.1])


def test_a_full_report_that_rounding_pushed_above_one_is_brought_back_to_one():
    assert math.fsum(soft_row({"refund": 0.7001, "billing": 0.2, "other": 0.1}, NAMES)) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("signal", [{}, {"refund": 1.2}, {"refund": -0.1}, {"refund": math.nan}, {"refund": 0.0}])
def test_what_is_no_distribution_is_refused(signal):
    with pytest.raises(TrainingError, match="no distribution"):
        soft_row(signal, NAMES)


def test_a_label_the_head_does_not_have_is_refused_by_name():
    with pytest.raises(UnknownLabel, match="'refnd'"):
        soft_row({"refnd": 1.0}, NAMES)
