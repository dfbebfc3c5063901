"""Dawid-Skene and MACE agree with crowd-kit, and gold tells when agreement alone has it upside down."""

import numpy as np
import pytest

from judges.aggregate import Rules, fit
from judges.qualify import standings
from judges.unsupervised import against_gold, dawid_skene, mace
from tests.judges.panels import panel, table

nan = np.nan
MODELS = pytest.mark.parametrize("model", [dawid_skene, mace])


def long_form(votes):
    rows = [
        {"task": i, "worker": j, "label": int(votes[i, j])} for i, j in zip(*np.nonzero(~np.isnan(votes)), strict=True)
    ]
    return pytest.importorskip("pandas").DataFrame(rows)


def with_gaps(accuracies, n, seed=0):
    rng = np.random.default_rng(seed)
    votes, gold = panel(rng, accuracies, n)
    return np.where(rng.random(votes.shape) < 0.8, votes, nan), gold


@MODELS
def test_good_judges_are_found_without_gold(model):
    votes, gold = with_gaps((0.9, 0.8, 0.7, 0.6), 2000)
    found = model(votes)
    assert (((found.first_I > 0.5) == (gold > 0)).mean()) > 0.85
    np.testing.assert_allclose(found.accuracy_J, (0.9, 0.8, 0.7, 0.6), atol=0.06)


@MODELS
def test_turning_every_vote_round_turns_every_belief_round(model):
    votes, _ = with_gaps((0.9, 0.8, 0.7), 200)
    one, other = model(votes), model(-votes)
    np.testing.assert_allclose(one.first_I, 1 - other.first_I, atol=1e-4)
    np.testing.assert_allclose(one.accuracy_J, other.accuracy_J, atol=1e-4)


@MODELS
def test_missing_votes_and_silent_judges_are_borne(model):
    votes = np.array([[1.0, nan, nan], [nan, nan, nan], [-1.0, -1.0, nan]])
    found = model(votes)
    assert np.isfinite(found.first_I).all()
    assert found.first_I[0] > 0.5 > found.first_I[2]
    assert np.isnan(found.accuracy_J[2])
    assert model(np.zeros((0, 2))).first_I.shape == (0,)


def test_a_unanimous_judge_pair_is_not_believed_without_end():
    found = dawid_skene(np.ones((50, 2)))
    assert np.all(found.first_I > 0.9)
    assert np.all((found.accuracy_J > 0.9) & (found.accuracy_J < 1))


@pytest.mark.filterwarnings("ignore")  # crowd-kit's own, about the pandas it is used with
@pytest.mark.parametrize(("model", "name"), [(dawid_skene, "DawidSkene"), (mace, "MACE")])
def test_labels_are_crowd_kits(model, name):
    aggregation = pytest.importorskip("crowdkit.aggregation")
    votes, _ = with_gaps((0.9, 0.8, 0.75, 0.7, 0.65), 300)
    votes = votes[~np.isnan(votes).all(axis=1)]
    settings = {"n_iter": 100} if name == "DawidSkene" else {"n_restarts": 2, "n_iter": 20, "random_state": 0}
    kit = getattr(aggregation, name)(**settings)
    theirs = kit.fit_predict(long_form(votes)).sort_index().to_numpy()
    ours = np.where(model(votes).first_I > 0.5, 1, -1)
    assert (ours == theirs).mean() >= 0.97  # theirs starts at random and smooths otherwise


def test_agreement_alone_can_invert_and_gold_says_so():
    votes, gold = panel(np.random.default_rng(0), (0.3, 0.3, 0.85), 300)
    found = dawid_skene(votes)
    assert ((found.first_I > 0.5) == (gold > 0)).mean() < 0.4
    measured = table(votes, gold)
    said = against_gold(measured, standings(measured, Rules()), 20)
    assert said is not None
    assert said.startswith("by agreement alone accuracy would be put at a ")
    assert "c " in said
    assert said in (fit(measured).alarm or "")


def test_nothing_is_said_where_agreement_and_gold_agree_or_of_two_judges():
    good = table(*panel(np.random.default_rng(0), (0.8, 0.75, 0.7), 200))
    assert against_gold(good, standings(good, Rules()), 20) is None
    two = table(*panel(np.random.default_rng(0), (0.8, 0.3), 200))
    assert against_gold(two, standings(two, Rules()), 20) is None
