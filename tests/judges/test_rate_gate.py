"""The gate about rates: exact bounds, what too few items show, and repeats that count once."""

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from curation.evaluation import Evaluation, ItemScore
from judges.gate import GateTable, decide
from judges.gates.rate import Rate, bounds_of, lower_bound, none_needed, upper_bound


def gate(limit=0.001, **settings) -> Rate:
    return Rate(margin=limit, items="answers", groups="prompts", **settings)


def marks(events: int, n: int):
    return [(f"p{i}", float(i < events)) for i in range(n)]


@pytest.mark.parametrize(("limit", "needed"), [(0.01, 299), (0.005, 598), (0.001, 2995)])
def test_no_event_in_too_few_items_is_invalid_and_says_how_many_are_needed(limit, needed):
    few = gate(limit).of(marks(0, needed - 1))
    assert (few.outcome, few.estimate, few.ci, few.alpha_spent) == ("INVALID", None, None, 0.0)
    assert f"{needed:,} without any are needed" in few.sentence
    assert gate(limit).of(marks(0, needed)).outcome == "PASS"
    assert none_needed(limit) == needed


def test_nothing_looked_at_never_passes():
    assert gate(0.5).of([]).outcome == "INVALID"


@pytest.mark.parametrize(
    ("events", "n", "outcome"),
    [(0, 3000, "PASS"), (1, 3000, "INCONCLUSIVE"), (3, 4000, "INCONCLUSIVE"), (15, 4000, "FAIL"), (50, 100, "FAIL")],
)
def test_the_bounds_decide_and_not_the_mean(events, n, outcome):
    decision = gate().of(marks(events, n))
    assert decision.outcome == outcome
    low, high = decision.ci
    assert (low > 0.001) == (outcome == "FAIL")
    assert (high <= 0.001) == (outcome == "PASS")
    assert decision.sentence.endswith(f": {outcome}.")


@pytest.mark.parametrize(("events", "n"), [(0, 10), (1, 10), (7, 250), (250, 250)])
def test_the_bounds_are_those_of_clopper_and_pearson(events, n):
    exact = binomtest(events, n).proportion_ci(confidence_level=0.9, method="exact")
    assert (lower_bound(events, n, 0.05), upper_bound(events, n, 0.05)) == pytest.approx((exact.low, exact.high))


def test_the_upper_bound_covers_the_true_rate_as_often_as_it_says():
    n, rate = 400, 0.01
    events = np.arange(0, 40)
    covers = np.array([upper_bound(int(k), n, 0.05) >= rate for k in events])
    assert binom.pmf(events, n, rate)[covers].sum() >= 0.95


def test_a_clusters_repeats_count_once_as_an_event_above_and_whole_below():
    found = bounds_of([("a", 1), ("a", 0), ("b", 1), ("b", 1), *((f"c{i}", 0.0) for i in range(98))], 0.05)
    assert (found.mean, found.items, found.clusters) == (pytest.approx(0.015), 102, 100)
    assert found.high == pytest.approx(upper_bound(2, 100, 0.05))
    assert found.low == pytest.approx(lower_bound(1, 100, 0.05))


def test_too_many_without_a_score_make_it_invalid_however_good_the_rest():
    decision = gate(0.01).of(marks(0, 5000), unscored=200)
    assert decision.outcome == "INVALID"
    assert "200 of 5,200 answers have no score" in decision.sentence


def test_the_release_gate_can_ask_for_a_rate_whatever_the_baseline_does():
    items = tuple(ItemScore(item=f"i{i}", cluster=f"c{i}", expected="x", predicted="x", score=1.0) for i in range(500))
    student = Evaluation(
        id="e", student="s", version=None, arm=None, seed=None, holdout="h", metric="m@1", items=items, summary={}
    )
    table = GateTable(rule="rate", margin=0.01, alpha=0.05, items="answers", groups="customers")
    assert decide(student, student, table).outcome == "PASS"
    broken = student.model_copy(
        update={"items": (*items[:450], *(i.model_copy(update={"score": 0.0}) for i in items[450:]))}
    )
    assert decide(broken, student, table).outcome == "FAIL"
