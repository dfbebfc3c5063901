"""Content rules decide about a text by topic or pattern, the strongest action first, and name who answers for it."""

from datetime import date

import pytest

from curation.content_rules import ContentRule, ContentRules
from curation.errors import TaskError
from curation.plugins import validate

TODAY = date(2026, 6, 1)


def rule(name="weapons", action="drop", **more):
    given = {"topic": ("gun", "rifle", "hunting party")} if not more.keys() & {"topic", "pattern"} else {}
    return ContentRule(name=name, action=action, owner="Ana", **given, **more)


def judge(text, *rules, part="prompt"):
    return ContentRules.of(rules, TODAY).judge(text, part)


@pytest.mark.parametrize(
    "text", ["A gun.", "GUNS!", "two rifles", "Hunting  Parties in May", "a hunting\nparty", "hunting-party"]
)
def test_a_topic_matches_whole_words_in_any_case_and_number(text):
    assert judge(text, rule()).action == "drop"


@pytest.mark.parametrize("text", ["a gunner", "begun", "guné", "hunting a party", "hunting\n\nparty", ""])
def test_a_topic_does_not_match_inside_other_words(text):
    assert judge(text, rule()).action is None


@pytest.mark.parametrize(
    ("word", "text"),
    [("glass", "glasses"), ("box", "boxes"), ("weapons", "a weapon"), ("city", "cities"), ("cities", "a city"),
     ("día", "DÍAS"), ("bus", "bus"), ("C++", "in C++ and")],
)  # fmt: skip
def test_singular_and_plural_are_one_word(word, text):
    assert judge(text, rule(topic=(word,))).action == "drop"


def test_a_topic_needs_so_many_different_words():
    two = rule(hits=2)
    assert judge("a gun, guns, gun", two).action is None
    verdict = judge("a gun and a rifle", two)
    assert (verdict.action, verdict.rule, verdict.owner) == ("drop", "weapons", "Ana")
    assert "2 of the 3 words of its topic" in verdict.words


def test_the_strongest_action_wins_and_says_why_without_quoting_the_text():
    mask = rule("numbers", "mask", pattern=r"case \d+", why="case numbers stay in the house")
    hold = rule("complaints", "quarantine", topic=("complaint",), until=date(2027, 1, 31))
    text = "Complaint about case 77 and case 78"
    assert judge(text, mask).words == (
        "content rule 'numbers' (mask, Ana): its pattern occurs 2 times: case numbers stay in the house"
    )
    both = judge(text, mask, hold)
    assert (both.action, both.rule) == ("quarantine", "complaints")
    assert "until 2027-01-31" in both.words
    assert [text[slice(*span)] for span in both.spans] == ["case 77", "case 78"]
    assert judge(text, mask, hold, rule("all", "drop", topic=("case",))).rule == "all"


def test_what_is_masked_lies_apart_and_in_order():
    rules = [rule("a", "mask", pattern="bc"), rule("b", "mask", pattern="ab|cd"), rule("c", "mask", pattern="x")]
    assert judge("é abcd x", *rules).spans == ((2, 6), (7, 8))


def test_an_exception_with_an_owner_overrides_what_it_names_and_nothing_else():
    allow = rule("tools", "allow", topic=("glue gun", "nail gun"), why="a hardware shop")
    verdict = judge("Is the glue gun in stock?", rule(), allow)
    assert (verdict.action, verdict.rule, verdict.spans) == ("allow", "tools", ())
    assert "hardware shop" in verdict.words
    assert judge("A glue gun and a gun", rule(), allow).action == "drop"
    assert judge("A glue gun", allow).action is None


def test_a_rule_ends_with_its_last_day():
    assert judge("a gun", rule(until=TODAY)).action == "drop"
    assert judge("a gun", rule(until=date(2026, 5, 31))).action is None
    lapsed = rule("tools", "allow", topic=("glue gun",), until=date(2026, 5, 31))
    assert judge("a glue gun", rule(), lapsed).action == "drop"


def test_a_rule_may_look_at_prompts_or_answers_alone():
    assert judge("a gun", rule(on="answer")).action is None
    assert judge("a gun", rule(on="answer"), part="answer").action == "drop"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "either `pattern` or `topic`"),
        ({"pattern": "a", "topic": ["b"]}, "either `pattern` or `topic`"),
        ({"topic": ["b"], "hits": 2}, "asks for 2 hits"),
        ({"topic": ["--"]}, "without a letter"),
        ({"topic": ["b"], "until": "soon"}, "until"),
        ({"topic": ["b"], "actoin": "drop"}, "did you mean 'action'"),
    ],
)
def test_a_rule_that_cannot_be_applied_is_refused(table, message):
    given = {"name": "x", "action": "drop", "owner": "Ana", **table}
    with pytest.raises(TaskError, match=message):
        validate(ContentRule, given, "task.toml [[scrub.rules]]")


def test_a_pattern_that_cannot_run_is_refused_by_name():
    with pytest.raises(TaskError, match=r"scrub.rules.* numbers: pattern .*looks around"):
        ContentRules.of([rule("numbers", pattern="(?=a)")], TODAY)


def test_the_date_may_be_written_as_text_or_as_a_date():
    given = {"name": "x", "action": "drop", "owner": "Ana", "topic": ["b"], "until": "2027-03-31"}
    assert validate(ContentRule, given, "here").until == date(2027, 3, 31)


def test_hostile_text_is_judged_in_linear_time():
    # The suite's timeout is the judge.
    allow, drop = rule("a", "allow", pattern="a"), rule("b", pattern="[ab]")
    assert judge("a" * 50_000, allow, drop).action == "allow"
    assert judge("gun " * 20_000, rule("m", "mask")).action == "mask"
