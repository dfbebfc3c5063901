"""A stated risk is kept by a threshold that gold has shown, or it is said that none does."""

import numpy as np
import pytest
from scipy.stats import binomtest

from judges.abstain import threshold_for, upper_bound


def rows(n):
    return np.arange(n)


@pytest.mark.parametrize(("wrong", "n"), [(0, 20), (1, 40), (7, 60), (39, 40)])
def test_the_bound_is_clopper_pearsons(wrong, n):
    exact = binomtest(wrong, n, alternative="less").proportion_ci(0.95, method="exact").high
    assert upper_bound(wrong, n) == pytest.approx(exact)


def test_nothing_seen_or_all_wrong_bounds_nothing():
    assert upper_bound(0, 0) == 1.0
    assert upper_bound(5, 5) == 1.0


def test_the_laxest_threshold_that_keeps_the_risk_is_taken():
    strength = np.repeat([3.0, 2.0, 1.0], 100)
    wrong = np.zeros(300)
    wrong[100:105] = 1  # 5 of 200 at strength 2
    wrong[200:260] = 1  # 65 of 300 at strength 1
    found = threshold_for(strength, wrong, rows(300), risk=0.1)
    assert (found.value, found.kept, found.wrong) == (2.0, 200, 5.0)
    assert found.bound <= 0.1
    assert "5 of 200 gold rows wrong" in found.words


def test_the_first_failure_ends_the_search():
    # Laxer thresholds would pass again by chance; taking them would be choosing by the labels.
    strength = np.repeat([3.0, 2.0, 1.0], 100)
    wrong = np.zeros(300)
    wrong[100:140] = 1
    found = threshold_for(strength, wrong, rows(300), risk=0.19)
    assert upper_bound(40, 300) <= 0.19 < upper_bound(40, 200)
    assert found.value is None


def test_too_few_rows_for_the_risk_are_named_as_such():
    found = threshold_for(np.ones(40), np.zeros(40), rows(40), risk=0.05)
    assert found.value is None
    assert found.needed == 59
    assert "no threshold is shown to keep a risk of at most 5 %" in found.words
    assert "59 without an error" in found.words
    assert threshold_for(np.ones(59), np.zeros(59), rows(59), risk=0.05).value == 1.0


def test_rows_of_one_cluster_count_once():
    strength, wrong = np.ones(120), np.zeros(120)
    assert threshold_for(strength, wrong, rows(120), risk=0.05).value == 1.0
    found = threshold_for(strength, wrong, rows(120) // 4, risk=0.05)
    assert found.value is None
    assert found.kept == 30


def test_no_rows_at_all_show_nothing():
    assert threshold_for(np.zeros(0), np.zeros(0), rows(0), risk=0.1).value is None


def test_the_risk_is_broken_in_no_more_draws_than_the_level_allows():
    rng = np.random.default_rng(0)
    broken = 0
    for _ in range(1000):
        strength = rng.integers(1, 6, 200).astype(float)
        rate = 0.4 / strength
        wrong = (rng.random(200) < rate).astype(float)
        found = threshold_for(strength, wrong, rows(200), risk=0.12)
        if found.value is not None:
            kept = np.arange(found.value, 6)
            broken += float((0.4 / kept).mean()) > 0.12
    assert broken <= 1000 * 0.05 + 3 * np.sqrt(1000 * 0.05 * 0.95)
