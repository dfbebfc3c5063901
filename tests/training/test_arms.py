"""The comparison of arms: equal conditions, both intervals, and as many seeds as the declared time allows."""

import numpy as np
import pytest

from curation.progress import Silent
from curation.store.evaluations import Evaluations
from tests.training.teaching import holdout, sealed_store, task_of
from training.arms import Plan, cluster_bootstrap, compare, seeds_that_fit, t_interval
from training.models import read_card


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    with sealed_store(tmp_path_factory.mktemp("compare"), wrong=12) as store:
        progress = Silent()
        result = compare(store, task_of(store), holdout(), Plan(seeds=4, budget_seconds=0.5), str, progress)
        cards = [read_card(folder) for folder in sorted(store.layout.students.iterdir())]
        yield result, cards, Evaluations(store.state).list(), progress.notices


def test_every_arm_is_taught_with_the_same_seeds_steps_and_settings(compared):
    _, cards, _, _ = compared
    assert {(c.arm, c.seed) for c in cards} == {(a, s) for a in ("raw", "curated", "control") for s in (0, 1)}
    assert len({(c.steps, str(c.settings), c.label_names) for c in cards}) == 1
    assert len({c.rows_digest for c in cards}) == 3


def test_every_evaluation_is_recorded_for_the_gate(compared):
    result, _, recorded, _ = compared
    assert {e.id for e in recorded} == {e.id for e in result.evaluations}
    assert len(recorded) == 6


def test_figures_are_the_means_of_the_recorded_evaluations(compared):
    result, _, _, _ = compared
    for arm in result.arms:
        accuracies = [e.summary["accuracy"] for e in result.evaluations if e.arm == arm.name]
        assert arm.estimate == pytest.approx(np.mean(accuracies), abs=1e-5)
    means = {arm.name: arm.estimate for arm in result.arms}
    assert [d.name for d in result.differences] == ["curated - raw", "curated - control"]
    assert result.differences[0].estimate == pytest.approx(means["curated"] - means["raw"], abs=1e-5)


def test_too_small_a_budget_is_said_and_two_seeds_are_run_all_the_same(compared):
    result, _, _, notices = compared
    assert result.seeds == 2
    assert notices == [result.note]
    assert "more than the 0 s left" in result.note


def test_the_seeds_that_fit_are_counted_from_the_first_student():
    assert seeds_that_fit(10, 200, arms=3, wanted=9)[0] == 6
    assert seeds_that_fit(10, 2000, arms=3, wanted=9)[0] == 9


def test_one_seed_has_no_interval_over_seeds():
    assert t_interval(np.array([0.8])) is None
    low, high = t_interval(np.array([0.80, 0.82, 0.84]))
    assert (low, high) == pytest.approx((0.82 - 4.30265 * 0.02 / 3**0.5, 0.82 + 4.30265 * 0.02 / 3**0.5), abs=1e-5)


def test_items_that_rise_and_fall_with_their_customer_widen_the_interval():
    values = np.repeat(np.array([1.0, 0.0] * 20), 10)
    alone = cluster_bootstrap(values, np.arange(400))
    together = cluster_bootstrap(values, np.repeat(np.arange(40), 10))
    assert together[1] - together[0] > 2 * (alone[1] - alone[0])
    assert together[0] < 0.5 < together[1]
