"""On pairs that people ruled on, a weighted panel keeps up with its best judge; the verdicts are published ones."""

import numpy as np
import pytest

from judges.effective import effective_interval, effective_votes
from judges.qualify import Rules
from tests.judges.panels import drawn, llmbar_people, table

pytestmark = pytest.mark.shared
STRATEGIES = ["Vanilla_NoRules", "Metrics_Reference"]
ANY_FLIPS = Rules(max_flipped=1.0)
"""A vote that turns with the order is unscored already; here such judges vote on the rest."""


@pytest.fixture(scope="module", params=STRATEGIES)
def draws(request, shared_data):
    votes, _, gold, judges = llmbar_people(shared_data, request.param)
    rng = np.random.default_rng(0)
    return [drawn(votes, gold, rng, 50, ANY_FLIPS, judges) for _ in range(200)]


def mean_gap(draws, best):
    return 100 * float(np.mean([d["panel"] - best(d) for d in draws]))


def test_the_weighted_panel_keeps_up_with_the_judge_that_gold_calls_best(draws):
    assert mean_gap(draws, lambda d: d["best_on_gold"]) >= -1


def test_the_weighted_panel_keeps_up_with_the_best_judge_in_hindsight(draws):
    assert mean_gap(draws, lambda d: max(d["alone"].values())) >= -1


def test_the_report_names_the_best_judge_and_what_each_one_adds(draws):
    named = [d["fit"].best_judge for d in draws]
    assert named.count("GPT-4") / len(named) > 0.8
    without = [d["fit"].without for d in draws if len(d["fit"].without) == 4]
    mean = {name: np.mean([w[name] for w in without]) for name in without[0]}
    assert min(mean, key=mean.__getitem__) == "GPT-4"


def test_no_alarm_is_raised_about_a_panel_of_good_judges(draws):
    assert sum(d["fit"].alarm is not None for d in draws) <= 0.03 * len(draws)


@pytest.mark.parametrize(("strategy", "votes"), [("Vanilla_NoRules", 1.44), ("Metrics_Reference", 1.61)])
def test_four_judges_are_worth_about_one_and_a_half_votes(shared_data, strategy, votes):
    said, _, gold, judges = llmbar_people(shared_data, strategy)
    errors = table(said, gold, judges).errors_IJ
    assert effective_votes(errors) == pytest.approx(votes, abs=0.005)
    found = effective_interval(errors, [str(i) for i in range(len(gold))])
    assert found.low < votes < found.high
    assert found.high - found.low < 0.3


def test_asking_in_both_orders_gains_what_was_published(shared_data):
    votes, orders, gold, judges = llmbar_people(shared_data, "Vanilla_NoRules")
    scored = ~np.isnan(votes)
    single = 100 * np.mean([(order == gold[:, None]).mean(axis=0) for order in orders], axis=0)
    swap_consistent = 100 * (votes == gold[:, None]).sum(axis=0) / scored.sum(axis=0)
    found = {
        judge: (round(float(swap_consistent[j]), 1), round(float(100 * scored[:, j].mean()), 1))
        for j, judge in enumerate(judges)
    }
    assert found == {
        "GPT-4": (83.6, 83.7), "ChatGPT": (84.2, 57.1), "LLaMA2": (79.4, 64.6), "PaLM2": (79.7, 65.7)
    }  # fmt: skip
    assert dict(zip(judges, single.round(1).tolist(), strict=True)) == {
        "GPT-4": 77.5, "ChatGPT": 68.9, "LLaMA2": 68.5, "PaLM2": 67.0
    }  # fmt: skip
