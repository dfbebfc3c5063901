"""A panel's ruling follows the readable votes of judges that earned one; an unreadable verdict is never a pass."""

import numpy as np
import pytest

from judges.aggregate import Fit, PanelVote, Rules, fit, gold_weights, majority, majority_sign, weighted_sign
from tests.judges.panels import panel, table

nan = np.nan


def votes(*said):
    return [PanelVote(judge=f"j{i}", family="f", vote=vote, reason="") for i, vote in enumerate(said)]


@pytest.mark.parametrize(
    ("said", "judged"),
    [
        (["accept"], "agreed"),
        (["reject"], "rejected"),
        (["accept", "accept", "reject"], "agreed"),
        (["accept", "reject"], "split"),
        (["accept", "unscored"], "agreed"),
        (["reject", "unscored", "unscored"], "rejected"),
        (["unscored", "unscored"], "unjudged"),
        ([], "unjudged"),
    ],
)
def test_the_majority_of_readable_votes_rules(said, judged):
    assert majority(votes(*said)).judged == judged


def test_fewer_readable_votes_than_the_quorum_rule_nothing():
    assert majority(votes("accept", "unscored"), quorum=2).judged == "unjudged"
    assert majority(votes("accept", "accept"), quorum=2).judged == "agreed"


def says(**said):
    return [PanelVote(judge=judge, family="f", vote=vote, reason="") for judge, vote in said.items()]


def fitted(accuracies=(0.9, 0.8, 0.7), n=200, rules=Rules(), **more):  # noqa: B008 - rules are frozen
    return fit(table(*panel(np.random.default_rng(1), accuracies, n), **more), rules)


def test_a_majority_gives_its_unweighted_share():
    assert majority(votes("accept", "accept", "reject", "unscored")).share == pytest.approx(2 / 3)
    assert majority([]).share is None


def test_one_strong_judge_outweighs_two_weak_ones_and_the_ruling_says_with_which_share():
    found = fitted((0.95, 0.65, 0.65))
    ruling = found.rule(says(a="accept", b="reject", c="reject"))
    assert (ruling.judged, ruling.accept, ruling.reject) == ("agreed", 1, 2)
    assert ruling.share == pytest.approx(found.weights["a"] / sum(found.weights.values()))
    assert "of the weight of 3 judges accepts it" in ruling.why
    assert majority(says(a="accept", b="reject", c="reject")).judged == "rejected"


def test_a_share_near_one_half_is_a_split_and_no_abstention():
    ruling = fitted((0.8, 0.8)).rule(says(a="accept", b="reject"))
    assert (ruling.judged, ruling.abstained) == ("split", False)


def test_only_votes_of_judges_that_earned_one_count_and_all_are_shown():
    found = fitted((0.9, 0.5, 0.5))
    ruling = found.rule(says(a="unscored", b="accept", c="accept"))
    assert ruling.judged == "unjudged"
    assert ruling.share is None
    assert (ruling.accept, ruling.unscored) == (2, 1)
    assert found.rule(says(a="reject", b="accept", c="accept")).judged == "rejected"


def test_a_judge_that_may_not_vote_on_a_sample_is_simply_absent():
    found = fitted()
    assert found.rule(says(c="accept")).judged == "agreed"
    assert found.rule(says(c="accept"), quorum=2).judged == "unjudged"
    assert found.rule([]).judged == "unjudged"


def test_a_vote_of_a_judge_that_gold_never_saw_weighs_nothing():
    assert fitted().rule(says(stranger="accept")).judged == "unjudged"


def test_with_no_judge_qualified_nothing_is_ruled_and_it_is_said():
    found = fitted(n=10)
    assert set(found.weights.values()) == {0.0}
    assert (found.best_judge, found.best_accuracy, found.weighted_accuracy) == (None, None, None)
    ruling = found.rule(says(a="accept", b="accept", c="accept"))
    assert (ruling.judged, ruling.why) == ("unjudged", "no judge has earned a vote on gold")


def test_where_gold_shows_no_threshold_for_the_risk_the_panel_abstains_and_says_so():
    found = fitted(n=40, rules=Rules(risk=0.01))
    assert (found.risk, found.risk_reached) == (0.01, False)
    ruling = found.rule(says(a="accept", b="accept", c="accept"))
    assert (ruling.judged, ruling.abstained) == ("split", True)
    assert "no threshold is shown to keep a risk of at most 1 %" in ruling.why


def test_below_the_threshold_of_a_stated_risk_the_panel_abstains():
    found = fitted((0.9, 0.85, 0.8), n=400, rules=Rules(risk=0.08))
    assert found.risk_reached
    assert found.threshold > 0
    assert found.rule(says(a="accept", b="accept", c="accept")).judged == "agreed"
    weak = found.rule(says(c="accept"))
    assert (weak.judged, weak.abstained) == ("split", True)
    assert "less than the" in weak.why


def test_two_judges_with_identical_verdicts_are_one():
    said, gold = panel(np.random.default_rng(1), (0.9, 0.7), 60)
    found = fit(table(np.column_stack([said, said[:, 1]]), gold))
    assert found.same == (("b", "c"),)
    assert found.weights["c"] == 0.0
    twin = found.standings[2]
    assert twin.role == "excluded"
    assert twin.reasons[0] == "says the same as b on every shared row: they count as one"
    both = found.rule(says(a="accept", b="reject", c="reject"))
    assert both.share == found.rule(says(a="accept", b="reject")).share
    # Where only the other of the two may vote, or can be read, it stands for both.
    assert found.rule(says(a="accept", b="unscored", c="reject")).share == both.share
    assert found.rule(says(a="accept", c="reject")).share == both.share


def test_a_single_difference_or_too_few_shared_items_make_two_judges():
    said, gold = panel(np.random.default_rng(1), (0.9, 0.7), 60)
    other = said[:, 1].copy()
    other[3] *= -1
    assert fit(table(np.column_stack([said, other]), gold)).same == ()
    few = said[:, 1].copy()
    few[19:] = nan
    assert fit(table(np.column_stack([said, few]), gold)).same == ()


def test_a_judge_weighs_less_in_the_slice_where_it_is_weak():
    rng = np.random.default_rng(2)
    (easy, gold_easy), (hard, gold_hard) = panel(rng, (0.9, 0.9), 60), panel(rng, (0.9, 0.55), 60)
    slices = ("refund",) * 60 + ("tone",) * 60
    found = fit(table(np.vstack([easy, hard]), np.concatenate([gold_easy, gold_hard]), slices=slices))
    tone, refund = found.slice_weights["tone"], found.slice_weights["refund"]
    assert tone["b"] < found.weights["b"] < refund["b"]
    split = says(a="accept", b="reject")
    assert found.rule(split, slices=["tone"]).judged == "agreed"
    assert found.rule(split, slices=["refund"]).judged == "split"
    # In both at once the lowest weight holds; a slice that gold does not know leaves the overall weights.
    assert found.rule(split, slices=["refund", "tone"]).judged == "agreed"
    assert found.rule(split, slices=["unheard of"]).share == found.rule(split).share


def test_a_slice_with_one_gold_row_hardly_moves_a_weight():
    slices = ("rare",) + (None,) * 199
    found = fitted(slices=slices)
    for judge, weight in found.slice_weights["rare"].items():
        assert weight == pytest.approx(found.weights[judge], abs=0.35)


def test_the_report_names_the_best_judge_and_the_panel_without_each():
    found = fitted()
    assert found.best_judge == "a"
    assert found.best_accuracy == max(s.accuracy for s in found.standings)
    assert set(found.without) == {"a", "b", "c"}
    assert found.without["a"] < found.weighted_accuracy
    assert found.effective.judges == 3
    assert found.alarm is None


def test_a_panel_of_one_has_nothing_without_it():
    found = fitted((0.9,))
    assert found.without == {"a": None}
    assert found.weighted_accuracy == found.best_accuracy == found.majority_accuracy


def test_a_fit_survives_json_word_for_word():
    slices = ("refund",) * 100 + (None,) * 100
    found = fitted(rules=Rules(risk=0.2), slices=slices)
    assert Fit.model_validate_json(found.model_dump_json()) == found


def test_the_same_table_and_seed_give_the_same_fit():
    assert fitted() == fitted()


def test_rows_without_gold_teach_nothing_about_accuracy():
    said, gold = panel(np.random.default_rng(1), (0.9, 0.8, 0.7), 200)
    blank = np.full(50, nan)
    more = fit(table(np.vstack([said, -np.ones((50, 3))]), np.concatenate([gold, blank])))
    assert more.weights == fit(table(said, gold)).weights


def test_a_table_without_rows_or_judges_fits_to_nothing():
    empty = fit(table(np.zeros((0, 2)), np.zeros(0)))
    assert (empty.weights, empty.alarm, empty.majority_accuracy) == ({"a": 0.0, "b": 0.0}, None, None)
    assert fit(table(np.zeros((3, 0)), np.ones(3))).weights == {}


def test_signs_follow_the_weights_and_say_nothing_where_nobody_with_weight_spoke():
    said = np.array([[1.0, -1.0, -1.0], [nan, -1.0, 1.0], [nan, nan, 1.0], [nan, nan, nan]])
    np.testing.assert_array_equal(weighted_sign(said, np.array([3.0, 1.0, 1.0])), [1.0, 0.0, 1.0, nan])
    np.testing.assert_array_equal(weighted_sign(said, np.array([3.0, 1.0, 0.0])), [1.0, -1.0, nan, nan])
    np.testing.assert_array_equal(majority_sign(said), [-1.0, 0.0, 1.0, nan])


def test_a_judge_at_or_below_chance_weighs_nothing_and_no_judge_weighs_infinitely():
    gold = np.array([1.0, -1.0, 1.0, -1.0])
    weights = gold_weights(np.column_stack([gold, -gold, [1.0, 1.0, 1.0, 1.0], np.full(4, nan)]), gold)
    np.testing.assert_allclose(weights, [np.log(5), 0.0, 0.0, 0.0])
