"""Every way of asking, put to practice judges over HTTP in all three wire formats."""

import pytest

from curation.asker import Ask
from curation.llm.practice import PROFILES
from judges.graders.best_of_n import BestOfN
from judges.graders.checklist import Checklist
from judges.graders.logprob import Logprob
from judges.graders.pairwise import Pairwise
from judges.graders.pointwise import Pointwise
from judges.graders.reference import Reference
from judges.grading import Verdict
from tests.judges.bench import FAMILIES, RUBRIC, SOUND, bench, judge_named, read, right, unit, wrong

ERRING = {name: p.model_copy(update={"judge": 0.25, "malformed": 0.0}) for name, p in PROFILES.items()}
MUMBLING = {name: p.model_copy(update={"malformed": 1.0}) for name, p in SOUND.items()}
WITH_LOGPROBS = ("alder", "cedar", "dogwood")


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    with bench(tmp_path_factory.mktemp("sound")) as opened:
        yield opened


@pytest.fixture(scope="module")
def erring(tmp_path_factory):
    with bench(tmp_path_factory.mktemp("erring"), ERRING) as opened:
        yield opened


@pytest.fixture(scope="module")
def mumbling(tmp_path_factory):
    with bench(tmp_path_factory.mktemp("mumbling"), MUMBLING) as opened:
        yield opened


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("structured", [True, False])
def test_pointwise_accepts_the_right_answer_and_rejects_a_wrong_one(sound, family, structured):
    good, bad = sound.judge(Pointwise(), [unit(0, right(0)), unit(0, wrong(0))], family, structured=structured)
    assert (good.votes, bad.votes) == (("accept",), ("reject",))
    assert good.reason == "The answer fits the message."
    assert (good.flipped, good.items, good.score) == (None, None, None)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("structured", [True, False])
def test_pairwise_accepts_the_winner_of_both_orders_and_rejects_the_other(sound, family, structured):
    pairs = [unit(1, right(1), wrong(1)), unit(1, wrong(1), right(1))]
    first, second = sound.judge(Pairwise(), pairs, family, structured=structured)
    assert (first.votes, second.votes) == (("accept", "reject"), ("reject", "accept"))
    assert (first.flipped, second.flipped) == (False, False)


def test_pairwise_leaves_a_tie_and_a_choice_that_follows_the_place_unscored_with_the_reason(erring):
    alike = [unit(i, f"{right(i)} ", right(i)) for i in range(30)]
    judged = erring.judge(Pairwise(), [*alike, *(unit(i, right(i), wrong(i)) for i in range(60))], "alder")
    ties = [j for j in judged if j.reason == "tie"]
    assert ties
    assert all(j.votes == ("unscored", "unscored") and j.flipped is False and j.readable for j in ties)
    flipped = [j for j in judged if j.flipped]
    assert flipped
    assert {j.votes for j in flipped} == {("unscored", "unscored")}
    assert {"says A in one order and B in the other", "says B in one order and A in the other"} >= {
        j.reason for j in flipped if "tie" not in j.reason
    }
    assert all(j.readable for j in flipped)


def test_asking_in_both_orders_makes_what_is_counted_more_often_right_than_one_order(erring):
    units = [unit(i, right(i), wrong(i)) for i in range(200)]
    said = erring.said(Pairwise(), units, "cedar")
    once = sum(isinstance(s[0], Verdict) and s[0].verdict == "A" for s in said) / len(units)
    judged = [j for j in erring.judge(Pairwise(), units, "cedar") if "accept" in j.votes]
    assert sum(j.votes[0] == "accept" for j in judged) / len(judged) > once
    assert 0.5 < once < 0.95


@pytest.mark.parametrize("grader", [Pairwise(), BestOfN()], ids=lambda g: g.plugin_name())
def test_one_unreadable_order_leaves_all_answers_unscored(grader):
    one = unit(0, "refund", "track")
    puts = grader.puts(RUBRIC, one)
    said = Verdict(nonce=puts[0].nonce, verdict="A", reason="")
    for given in ([said, "the reply is empty"], ["the reply is empty", said]):
        judgement = grader.judge(one, puts, given)
        assert judgement.votes == ("unscored", "unscored")
        assert judgement.reason == "in one order: the reply is empty"
        assert (judgement.flipped, judgement.readable) == (None, False)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_reference_guides_and_without_one_nobody_is_asked(sound, family):
    known = [unit(2, right(2), reference=right(2)), unit(2, wrong(2), reference=right(2))]
    good, bad = sound.judge(Reference(), known, family)
    assert (good.votes, bad.votes) == (("accept",), ("reject",))
    calls = sound.asker.calls
    (unknown,) = sound.judge(Reference(), [unit(2, right(2))], family)
    assert (unknown.votes, unknown.reason) == (("unscored",), "there is no reference answer")
    assert sound.asker.calls == calls


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("n", [2, 3, 8])
def test_the_best_of_n_is_accepted_wherever_it_stands_and_the_others_are_rejected(sound, family, n):
    others = [answer for k in range(8) if (answer := right(3 + k)) != right(3)][: n - 1]
    for place in (0, n - 1):
        answers = [*others[:place], right(3), *others[place:]]
        (judgement,) = sound.judge(BestOfN(), [unit(3, *answers)], family)
        assert judgement.votes == tuple("accept" if a == right(3) else "reject" for a in answers)
        assert judgement.flipped is False


def test_where_no_answer_is_right_the_best_of_n_rejects_them_all(sound):
    (judgement,) = sound.judge(BestOfN(), [unit(3, wrong(3), wrong(4), wrong(5))], "birch")
    assert judgement.votes == ("reject",) * 3


def test_no_answer_keeps_its_place_between_the_two_orders_of_best_of_n():
    for n in range(2, 9):
        answers = [f"answer {k}" for k in range(n)]
        first, second = BestOfN().puts(RUBRIC, unit(0, *answers))
        assert sorted(first.order) == sorted(second.order) == list(range(n))
        assert all(a != b for a, b in zip(first.order, second.order, strict=True))
        back = BestOfN().puts(RUBRIC, unit(0, *reversed(answers)))
        assert [p.messages for p in back] == [first.messages, second.messages]  # whoever is listed first


def test_the_best_of_n_is_unscored_where_the_orders_disagree(erring):
    judged = erring.judge(BestOfN(), [unit(i, right(i), wrong(i), wrong(i + 1)) for i in range(60)], "alder")
    flipped = [j for j in judged if j.flipped]
    assert flipped
    assert all(j.votes == ("unscored",) * 3 and "in one order and" in j.reason for j in flipped)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("structured", [True, False])
def test_a_checklist_accepts_when_every_item_is_met_and_keeps_which_were_not(sound, family, structured):
    good, bad = sound.judge(Checklist(), [unit(4, right(4)), unit(4, wrong(4))], family, structured=structured)
    assert (good.votes, bad.votes) == (("accept",), ("reject",))
    assert good.items == dict.fromkeys(("follows", "correct", "grounded", "complete"), True)
    assert bad.items
    assert set(bad.items.values()) == {True, False}


@pytest.mark.parametrize("family", WITH_LOGPROBS)
def test_logprob_votes_by_the_probability_of_acceptance_and_reports_it(sound, family):
    good, bad = sound.judge(Logprob(), [unit(5, right(5)), unit(5, wrong(5))], family)
    assert (good.votes, bad.votes) == (("accept",), ("reject",))
    assert good.score == pytest.approx(0.996, abs=0.01)
    assert bad.score == pytest.approx(0.004, abs=0.01)


def test_a_higher_threshold_accepts_less_and_buys_nothing_anew(erring):
    units = [unit(i, right(i)) for i in range(100)]
    judged = erring.judge(Logprob(), units, "dogwood")
    calls = erring.asker.calls
    scores = [j.score for j in judged if j.score is not None]
    assert len(scores) == 100
    assert 0.05 < min(scores) < max(scores) < 1
    strict = erring.judge(Logprob(threshold=0.9), units, "dogwood")
    assert erring.asker.calls == calls
    assert [j.votes[0] for j in strict] == ["accept" if s >= 0.9 else "reject" for s in scores]
    assert {j.votes[0] for j in strict} == {"accept", "reject"}


def test_a_model_without_log_probabilities_is_refused_by_name_where_that_is_known():
    assert "judge 'birch-judge': birch-large" in str(Logprob().refuses(judge_named("birch")))
    real = judge_named("x", use="anthropic", model="some-model")
    assert "without log-probabilities" in str(Logprob().refuses(real))
    assert Logprob().refuses(judge_named("alder")) is None
    assert all(g.refuses(real) is None for g in (Pointwise(), Pairwise(), Checklist(), BestOfN(), Reference()))


def test_a_server_that_leaves_log_probabilities_out_leaves_the_answer_unscored_naming_the_model(sound):
    (put,) = Logprob().puts(RUBRIC, unit(6, right(6)))
    table = judge_named("alder")
    request = sound.asker.request(table, put.messages, answer_schema=put.answer_schema)  # without asking for them
    (reply,) = sound.asker.ask([Ask(request, table)], "judge").values()
    assert read(Logprob(), put, reply) == "alder-large reported no log-probabilities of what else it could have said"


@pytest.mark.parametrize(
    "grader", [Pointwise(), Pairwise(), Reference(), BestOfN(), Checklist(), Logprob()], ids=lambda g: g.plugin_name()
)
def test_what_a_mumbling_judge_says_is_never_a_vote(mumbling, grader):
    answers = {"pairwise": 2, "best_of_n": 3}.get(grader.plugin_name(), 1)
    units = [unit(i, *(right(i), wrong(i), wrong(i + 1))[:answers], reference=right(i)) for i in range(60)]
    judged = mumbling.judge(grader, units, "alder")
    unscored = [j for j in judged if set(j.votes) == {"unscored"}]
    assert len(unscored) > (15 if answers == 1 else 30)  # a judge's replies are malformed half as often as stated
    assert all(j.reason and not j.readable for j in unscored)
    assert all(j.votes[0] == "accept" for j in judged if j not in unscored)


@pytest.mark.parametrize("grader", [Pairwise(), Checklist(), BestOfN(), Logprob()], ids=lambda g: g.plugin_name())
def test_asking_again_asks_nobody_and_judges_the_same(erring, grader):
    answers = {"pairwise": 2, "best_of_n": 3}.get(grader.plugin_name(), 1)
    units = [unit(i, *(right(i), wrong(i), wrong(i + 2))[:answers]) for i in range(8)]
    first = erring.judge(grader, units, "dogwood")
    calls = erring.asker.calls
    assert erring.judge(grader, units, "dogwood") == first
    assert erring.asker.calls == calls


@pytest.mark.parametrize("grader", [Pointwise(), Checklist(), Reference(), Logprob()], ids=lambda g: g.plugin_name())
def test_a_practice_judge_errs_at_its_rate_in_every_form(erring, grader):
    units = [unit(i, right(i), reference=right(i)) for i in range(200)]
    judged = erring.judge(grader, units, "alder")
    missed = sum(j.votes == ("reject",) for j in judged) / len(judged)
    low, high = (0.05, 0.22) if isinstance(grader, Reference) else (0.15, 0.35)
    assert low < missed < high
