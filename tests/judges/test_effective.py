"""Judges that err together count for less than their number."""

import numpy as np
import pytest

from judges.effective import effective_interval, effective_votes, error_correlation
from tests.judges.panels import panel

nan = np.nan


def errors(accuracies, n, correlation, seed=0):
    votes, gold = panel(np.random.default_rng(seed), accuracies, n, correlation)
    return (votes != gold[:, None]).astype(float)


def test_copies_of_one_judge_are_one_vote():
    one = errors((0.7,), 200, 0.0)
    assert effective_votes(np.repeat(one, 5, axis=1)) == pytest.approx(1.0)


def test_judges_that_err_alone_are_as_many_votes_as_judges():
    assert effective_votes(errors((0.7,) * 4, 20_000, 0.0)) == pytest.approx(4.0, abs=0.1)


def test_the_value_is_kish_of_the_mean_correlation():
    found = errors((0.7, 0.75, 0.8), 500, 0.5)
    rho = np.corrcoef(found.T)[np.triu_indices(3, 1)].mean()
    assert effective_votes(found) == pytest.approx(3 / (1 + 2 * rho))


def test_a_pair_is_compared_on_the_items_both_have():
    found = errors((0.7, 0.7), 300, 0.6)
    found[:100, 0] = nan
    found[250:, 1] = nan
    both = found[100:250]
    assert error_correlation(found)[0, 1] == pytest.approx(np.corrcoef(both.T)[0, 1])
    assert effective_votes(found) == pytest.approx(effective_votes(both))


def test_errors_that_exclude_each_other_are_no_more_than_all_votes():
    assert effective_votes(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])) == 2.0


@pytest.mark.parametrize(
    "found", [np.zeros((20, 3)), np.ones((20, 1)), np.full((5, 2), nan), np.zeros((0, 2)), np.zeros((0, 0))]
)
def test_without_two_judges_whose_errors_can_be_compared_nothing_is_said(found):
    assert np.isnan(effective_votes(found))
    said = effective_interval(found, [str(i) for i in range(len(found))])
    assert (said.value, said.low, said.high) == (None, None, None)
    assert said.words == f"unknown of {found.shape[1]}"


def test_the_interval_covers_the_true_value_as_often_as_it_says():
    truth = effective_votes(errors((0.7, 0.75, 0.8), 200_000, 0.4))
    inside = 0
    for seed in range(200):
        found = effective_interval(errors((0.7, 0.75, 0.8), 150, 0.4, seed), [str(i) for i in range(150)], seed=seed)
        inside += found.low <= truth <= found.high
    assert inside / 200 >= 0.9


def test_rows_of_one_conversation_widen_the_interval():
    found = np.repeat(errors((0.7, 0.75, 0.8), 40, 0.4), 5, axis=0)
    alone = effective_interval(found, [str(i) for i in range(200)])
    together = effective_interval(found, [str(i // 5) for i in range(200)])
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


def test_the_same_seed_gives_the_same_interval_whatever_the_order_of_the_rows():
    found = errors((0.7, 0.75, 0.8), 100, 0.4)
    clusters = [f"c{i // 2}" for i in range(100)]
    turned = effective_interval(found[::-1], clusters[::-1], seed=3)
    same = effective_interval(found, clusters, seed=3)
    assert (turned.low, turned.high) == pytest.approx((same.low, same.high))
