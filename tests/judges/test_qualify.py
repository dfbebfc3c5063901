"""A judge votes when gold has shown it fit; where it does not, the reasons carry the numbers."""

import numpy as np
import pytest

from judges.inversion import inversion
from judges.qualify import Rules, standings
from tests.judges.panels import panel, table

nan = np.nan


def one(accuracy=0.9, n=100, rules=Rules(), **more):  # noqa: B008 - rules are frozen
    """The overall standing of one judge with exactly this accuracy on balanced gold."""
    gold = np.tile([1.0, -1.0], n // 2)
    said = gold.copy()
    wrong = round((1 - accuracy) * n)
    said[np.linspace(0, n - 1, wrong).astype(int)] *= -1
    return standings(table(said[:, None], gold, **more), rules)[0]


def test_a_judge_shown_to_be_right_votes_without_reasons_against_it():
    found = one()
    assert (found.role, found.reasons) == ("votes", ())
    assert (found.n, found.right, found.accuracy) == (100, 90.0, 0.9)
    assert found.low == pytest.approx(0.826, abs=0.001)
    assert found.informedness == pytest.approx(0.8, abs=0.021)


def test_too_little_gold_makes_a_judge_report_only():
    found = one(1.0, n=18)
    assert (found.role, found.reasons) == ("report_only", ("too little gold: 18 readable rows, 20 needed",))
    assert one(1.0, n=20).role == "votes"


def test_verdicts_that_could_not_be_read_are_no_gold_rows():
    said, gold = panel(np.random.default_rng(0), (1.0,), 30)
    said[:15] = nan
    assert standings(table(said, gold), Rules())[0].n == 15


def test_an_accuracy_not_shown_to_exceed_the_floor_makes_a_judge_report_only():
    found = one(0.56)
    assert found.role == "report_only"
    assert found.reasons[0] == "not shown to be right more often than 50 %: 56 % [46, 65] of 100 gold rows"
    assert one(0.74, rules=Rules(floor=0.7)).role == "report_only"


def test_a_judge_shown_to_be_worse_than_chance_is_excluded():
    found = one(0.3)
    assert found.role == "excluded"
    assert found.reasons[0].startswith("shown to be right less often than 50 %: 30 %")


def test_a_judge_that_always_accepts_earns_no_vote_on_gold_that_is_mostly_accepts():
    gold = np.array([1.0] * 85 + [-1.0] * 15)
    found = standings(table(np.ones((100, 1)), gold), Rules())[0]
    assert found.accuracy == 0.85
    assert found.low > 0.5
    assert found.informedness == 0.0
    assert found.role == "report_only"
    assert "no better" not in found.reasons[0]
    assert found.reasons[0].startswith("not shown to do better than a constant verdict: informedness 0.00")


def test_gold_of_one_verdict_qualifies_nobody():
    found = standings(table(np.ones((60, 1)), np.ones(60)), Rules())[0]
    assert (found.role, found.informedness) == ("report_only", None)
    assert "all of one verdict" in found.reasons[0]


def test_unreadable_verdicts_count_once_they_are_shown_to_be_too_many():
    def with_unreadable(n):
        return one(unreadable_J=np.array([n]), asked_J=np.array([100]))

    assert with_unreadable(3).role == "votes"
    found = with_unreadable(10)
    assert (found.role, found.unreadable) == ("report_only", (10, 100))
    assert found.reasons == ("10 of 100 verdicts unreadable, 2 % allowed",)


def test_a_judge_whose_verdicts_turn_with_the_order_is_report_only():
    def with_flips(n):
        return one(flipped_IJ=np.array([[1.0]] * n + [[0.0]] * (80 - n) + [[nan]] * 20))

    assert with_flips(22).role == "votes"
    found = with_flips(40)
    assert (found.role, found.flipped) == ("report_only", (40, 80))
    assert found.reasons == ("said otherwise on 40 of 80 swapped rows, 25 % allowed",)


def test_a_length_preference_people_do_not_share_bars_a_judge():
    rng = np.random.default_rng(0)
    gold = np.tile([1.0, -1.0], 100)
    lengths = rng.normal(0, 100, 200)
    said = np.where(rng.random(200) < 0.5, gold, np.sign(lengths))  # half the time it just takes the longer one
    found = standings(table(said[:, None], gold, lengths_I=lengths), Rules())[0]
    assert found.longer_judge > found.longer_human + 0.1
    assert found.longer_gap_low > 0.1
    assert found.role == "report_only"
    assert found.reasons[-1].startswith("prefers the longer answer on")


def test_a_length_preference_that_people_share_bars_nobody():
    rng = np.random.default_rng(0)
    lengths = rng.normal(0, 100, 200)
    gold = np.where(rng.random(200) < 0.8, np.sign(lengths), -np.sign(lengths))
    said = np.where(rng.random(200) < 0.9, gold, -gold)
    found = standings(table(said[:, None], gold, lengths_I=lengths), Rules())[0]
    assert found.longer_judge > 0.6
    assert found.role == "votes"


def test_of_single_answers_the_longer_are_those_above_the_median():
    gold = np.tile([1.0, 1.0, -1.0, -1.0], 50)
    lengths = np.tile([10.0, 90.0], 100)
    found = standings(table(np.sign(lengths - 50)[:, None], gold, lengths_I=lengths), Rules())[0]
    assert (found.longer_judge, found.longer_human) == (1.0, 0.5)
    assert found.role == "report_only"


def test_a_judge_shown_to_accept_planted_answers_is_excluded():
    found = one(canaries_J=((6, 20),))
    assert (found.role, found.canaries) == ("excluded", (6, 20))
    assert found.reasons[0].startswith("accepted 6 of 20 planted answers")
    assert one(canaries_J=((0, 20),)).role == "votes"


def test_rows_of_one_conversation_count_once():
    said, gold = panel(np.random.default_rng(0), (0.9,), 30)
    said, gold = np.repeat(said, 10, axis=0), np.repeat(gold, 10)
    found = standings(table(said, gold, clusters=tuple(f"c{i // 10}" for i in range(300))), Rules())[0]
    alone = standings(table(said, gold), Rules())[0]
    assert (found.n, alone.n) == (30, 300)
    assert found.high - found.low > 2 * (alone.high - alone.low)


def in_slices(accuracies, n=40, rules=Rules()):  # noqa: B008 - rules are frozen
    parts = [(name, *panel(np.random.default_rng(4), (a,), n)) for name, a in accuracies.items()]
    slices = tuple(name for name, *_ in parts for _ in range(n))
    said, gold = np.vstack([p[1] for p in parts]), np.concatenate([p[2] for p in parts])
    return {s.slice: s for s in standings(table(said, gold, slices=slices), rules)}


def test_a_slice_where_a_judge_is_shown_worse_than_chance_takes_its_vote_there():
    found = in_slices({"refund": 0.95, "billing": 0.95, "tone": 0.15})
    assert found[None].role == "votes"
    assert found["refund"].role == "votes"
    assert found["tone"].role == "excluded"


def test_a_slice_that_only_leaves_it_open_leaves_the_judge_its_vote():
    found = in_slices({"refund": 0.95, "tone": 0.6}, n=30)
    assert found["tone"].low < 0.5
    assert found["tone"].role == "votes"
    assert found["tone"].reasons[-1] == "its standing on all rows counts"


def test_a_judge_earns_a_vote_in_the_one_slice_it_is_good_at():
    found = in_slices({"refund": 0.95, "tone": 0.3, "sums": 0.35})
    assert found[None].role != "votes"
    assert found["refund"].role == "votes"


def test_a_slice_with_little_gold_leaves_the_overall_standing():
    found = in_slices({"refund": 0.95, "tone": 0.5}, n=12)
    assert found["tone"].role == found[None].role
    assert "12 readable gold rows in this slice, 20 needed" in found["tone"].reasons[0]


def alarm(*columns, gold, judges=None):
    votes = table(np.column_stack(columns), gold, judges)
    return inversion(votes, standings(votes, Rules()), 20)


def test_the_alarm_names_the_judges_and_their_numbers():
    gold = np.tile([1.0, -1.0], 20)
    bad, worse, good = (np.where(np.arange(40) < right, gold, -gold) for right in (16, 14, 36))
    said = alarm(bad, worse, good, gold=gold, judges=("birch", "cedar", "alder"))
    assert said is not None
    assert "birch 40 %, cedar 35 % against alder 90 %" in said
    assert "their majority is right on 40 % of the 40 gold rows it decides" in said
    assert "their majority scores 40 % on gold, alder alone 90 %" in said


def test_the_alarm_needs_gold():
    gold = np.tile([1.0, -1.0], 5)
    assert alarm(-gold, -gold, gold, gold=gold) is None


def test_the_alarm_is_silent_where_the_majority_is_as_good_as_its_best():
    said, gold = panel(np.random.default_rng(0), (0.8, 0.8, 0.8), 60)
    assert alarm(*said.T, gold=gold) is None
