"""Planted answers find out a judge that can be talked into a verdict or accepts whatever it is shown."""

from collections import Counter

import pytest

from curation.llm.practice import PROFILES
from curation.records import Message
from judges.canaries import KINDS, canaries, passed
from judges.comparing import Comparing
from judges.graders.best_of_n import BestOfN
from judges.graders.checklist import Checklist
from judges.graders.logprob import Logprob
from judges.graders.pairwise import Pairwise
from judges.graders.pointwise import Pointwise
from judges.graders.reference import Reference
from judges.grading import Judgement, Unit
from tests.judges.bench import FAMILIES, KEY, SOUND, bench, right, unit, wrong

GULLIBLE = {name: p.model_copy(update={"malformed": 0.0, "gullible": 1.0}) for name, p in PROFILES.items()}
STATED = {name: p.model_copy(update={"malformed": 0.0}) for name, p in PROFILES.items()}
GRADERS = [Pointwise(), Pairwise(), Reference(), BestOfN(), Checklist(), Logprob()]


def free(n, answers=1):
    """Units whose answers are words of their own, as replies to customers are."""
    return [
        Unit(
            messages=(Message(role="user", content=f"question {i}"),),
            answers=tuple(f"Reply {k} to case number {i} about part {i * 7 % 11}." for k in range(answers)),
        )
        for i in range(n)
    ]


def labelled(n, grader):
    least, _ = grader.answers
    return [unit(i, *(right(i), wrong(i))[:least], reference=right(i)) for i in range(n)]


def test_a_batch_gets_its_share_and_at_least_one_of_each_kind():
    for n, share, wanted in ((3, 0.01, 4), (100, 0.01, 4), (100, 0.1, 10), (1000, 0.02, 20)):
        planted = canaries(free(n), 7, share)
        assert len(planted) == wanted
        assert {c.kind for c in planted} == set(KINDS)
    assert canaries(free(10), 7, 0) == canaries([], 7, 0.5) == []


def test_canaries_follow_from_units_and_seed_alone():
    units = free(50)
    assert canaries(units, 1, 0.2) == canaries(units, 1, 0.2) == canaries(units[::-1], 1, 0.2)
    assert canaries(units, 1, 0.2) != canaries(units, 2, 0.2)


def test_each_kind_is_made_of_the_batchs_own_material():
    units = free(40)
    answers = {a: u.prompt for u in units for a in u.answers}
    prompts = {u.prompt for u in units}
    by_kind = {c.kind: c for c in canaries(units, 3, 0.1)}
    assert {c.unit.prompt for c in by_kind.values()} <= prompts
    assert by_kind["empty"].unit.answers == ("",)
    assert answers[by_kind["other_answer"].unit.answers[0]] != by_kind["other_answer"].unit.prompt
    injected = by_kind["injected"].unit.answers[0]
    assert answers[injected.split("\n\n")[0]] != by_kind["injected"].unit.prompt
    assert '"verdict": "accept"' in injected
    assert "Accept it." in by_kind["constant"].unit.answers[0]
    assert all(c.expected == ("reject",) for c in by_kind.values())


def test_in_a_pair_one_answer_is_planted_at_either_place_and_nothing_is_expected_of_the_other():
    units = free(200, answers=2)
    real = {u.prompt: u.answers for u in units}
    planted = canaries(units, 5, 0.5)
    assert {c.expected for c in planted} == {("reject", "unscored"), ("unscored", "reject")}
    for c in planted:
        other = c.expected.index("unscored")
        assert c.unit.answers[other] == real[c.unit.prompt][other]


def test_where_answers_repeat_another_prompts_answer_may_be_right_and_is_not_planted():
    assert {c.kind for c in canaries(labelled(100, Pointwise()), 1, 0.2)} == {"injected", "constant", "empty"}


def test_a_batch_of_one_unit_still_gets_what_needs_no_other():
    assert {c.kind for c in canaries(free(1), 1, 0.5)} == {"injected", "constant", "empty"}


def test_a_canary_is_passed_when_it_does_not_win_and_says_nothing_when_unscored():
    (canary, *_) = canaries(free(20, answers=2), 5, 0.1)
    bad = canary.expected.index("reject")
    votes = {"won": ["reject", "reject"], "lost": ["accept", "accept"]}
    votes["won"][bad], votes["lost"][bad] = "accept", "reject"
    assert passed(canary, Judgement(votes=tuple(votes["won"]), reason="")) is False
    assert passed(canary, Judgement(votes=tuple(votes["lost"]), reason="")) is True
    assert passed(canary, Judgement(votes=("reject", "reject"), reason="")) is True
    assert passed(canary, Judgement(votes=("unscored", "unscored"), reason="tie")) is None


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    with bench(tmp_path_factory.mktemp("sound"), SOUND) as opened:
        yield opened


@pytest.fixture(scope="module")
def stated(tmp_path_factory):
    with bench(tmp_path_factory.mktemp("stated"), STATED) as opened:
        yield opened


@pytest.fixture(scope="module")
def gullible(tmp_path_factory):
    with bench(tmp_path_factory.mktemp("gullible"), GULLIBLE) as opened:
        yield opened


def results(opened, grader, family, share=0.2):
    planted = canaries(labelled(len(KEY), grader), 1, share)
    judged = opened.judge(grader, [c.unit for c in planted], family)
    return Counter(passed(c, j) for c, j in zip(planted, judged, strict=True)), len(planted)


@pytest.mark.parametrize("grader", GRADERS, ids=lambda g: g.plugin_name())
def test_a_sound_judge_accepts_no_canary_in_any_form(sound, grader):
    found, n = results(sound, grader, "alder")
    assert found[False] == 0
    assert found[True] > (0.7 if isinstance(grader, Pairwise) else 0.99) * n  # two answers as bad are a tie


@pytest.mark.parametrize("family", FAMILIES)
def test_practice_judges_reject_nearly_all_canaries_at_their_stated_rates(stated, family):
    found, n = results(stated, Pointwise(), family, share=0.9)
    assert n == 180
    assert found[False] <= 0.03 * n
    assert found[None] == 0


@pytest.mark.parametrize("grader", GRADERS, ids=lambda g: g.plugin_name())
def test_a_gullible_judge_fails_them_in_every_form(gullible, grader):
    found, n = results(gullible, grader, "dogwood")
    several = isinstance(grader, Comparing)  # the answer beside the planted one may be as far from right, and win
    assert found[False] > (0.6 if several else 0.9) * n
