"""Two judges below chance outvote a good one: equal votes go wrong, votes weighted by gold do not, and it is said."""

import numpy as np
import pytest

from judges.aggregate import Rules, fit
from judges.inversion import inversion
from judges.qualify import standings
from judges.weighing import cross_validated, gold_weights, score, weighted_sign
from tests.judges.panels import drawn, panel, table

DRAWS = 200
BAD = (0.35, 0.40, 0.80)


@pytest.fixture(scope="module", params=[0.0, 0.5], ids=["independent", "correlated"])
def draws(request):
    rng = np.random.default_rng(17)
    return [drawn(*panel(rng, BAD, 400, request.param), rng, 40) for _ in range(DRAWS)]


def mean(draws, key):
    return float(np.mean([d[key] for d in draws]))


def test_the_uniform_vote_of_a_bad_panel_is_a_coin(draws):
    assert mean(draws, "uniform") < 0.53
    good = float(np.mean([d["alone"]["c"] for d in draws]))
    assert good - mean(draws, "uniform") > 0.25


def test_weights_from_40_gold_labels_recover_the_good_judge_to_within_3_points(draws):
    good = float(np.mean([d["alone"]["c"] for d in draws]))
    assert abs(good - mean(draws, "panel")) <= 0.03


def test_the_alarm_fires_in_95_of_100_draws_and_names_the_judges(draws):
    alarms = [d["fit"].alarm for d in draws]
    assert sum(a is not None for a in alarms) / DRAWS >= 0.95
    said = [a for a in alarms if a]
    assert sum("c " in a and "%" in a for a in said) / len(said) > 0.95


def test_the_panels_accuracy_on_gold_is_no_praise_of_its_own(draws):
    claimed = [d["fit"].weighted_accuracy or 0.5 for d in draws]
    assert abs(float(np.mean(claimed)) - mean(draws, "panel")) < 0.02


@pytest.mark.parametrize("accuracies", [(0.7, 0.75, 0.8), (0.75,) * 3, (0.8,) * 3, (0.7,) * 5, (0.65,) * 3], ids=str)
@pytest.mark.parametrize("correlation", [0.0, 0.5])
def test_the_alarm_is_silent_on_panels_of_good_judges(accuracies, correlation):
    rng = np.random.default_rng(5)
    fired = 0
    for _ in range(300):
        votes = table(*panel(rng, accuracies, 40, correlation))
        fired += inversion(votes, standings(votes, Rules()), 20) is not None
    assert fired / 300 <= 0.03


def test_a_stated_risk_is_kept_in_95_of_100_panels_and_some_samples_are_still_ruled_on():
    rng = np.random.default_rng(3)
    broken, kept, n, draws = 0, 0.0, 200, 150
    for _ in range(draws):
        votes, gold = panel(rng, (0.85, 0.8, 0.8, 0.75, 0.7), n + 3000, 0.3)
        votes = np.where(rng.random(votes.shape) < 0.85, votes, np.nan)
        found = fit(table(votes[:n], gold[:n]), Rules(risk=0.1, margin=0.0))
        if not found.risk_reached:
            continue
        weights = np.array(list(found.weights.values()))
        strength = np.abs(np.where(np.isnan(votes[n:]), 0.0, votes[n:]) @ weights)
        ruled = strength >= found.threshold - 1e-9
        wrong = 1 - score(weighted_sign(votes[n:], weights), gold[n:])
        broken += wrong[ruled].mean() > 0.1
        kept += ruled.mean()
    assert broken / draws <= 0.08  # 5 % are promised; 150 draws leave three standard errors
    assert kept / draws > 0.25


def test_no_row_is_judged_by_weights_that_saw_its_cluster():
    # Two judges that are right on one half each: with a row's own cluster in the weights they would look useful.
    rng = np.random.default_rng(0)
    votes, gold = panel(rng, (0.5,) * 6, 40)
    votes, gold = np.repeat(votes, 5, axis=0), np.repeat(gold, 5)
    clusters = tuple(f"c{i // 5}" for i in range(200))
    many = table(votes, gold, clusters=clusters)
    weights = cross_validated(many, np.ones((1, 6), bool), 10.0, seed=0)
    assert (weights.reshape(40, 5, 6) == weights.reshape(40, 5, 6)[:, :1]).all()
    own_praise = score(weighted_sign(votes, gold_weights(votes, gold)), gold).mean()
    assert score(weighted_sign(votes, weights), gold).mean() < own_praise
