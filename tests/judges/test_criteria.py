"""Criteria come with a meaning for every point, from the house or from a file."""

import pytest

from curation.errors import InputError
from judges.criteria import SHIPPED, criteria_of

NAMES = ["helpfulness", "harmlessness", "style", "tone", "faithfulness"]


def test_the_five_criteria_of_the_house_have_a_question_and_an_anchor_for_every_point():
    found = criteria_of(NAMES)
    assert [c.name for c in found] == NAMES
    assert all(c.question.endswith("?") and len(set(c.anchors)) == len(c.anchors) >= 4 for c in found)
    assert {c.name for c in criteria_of([], SHIPPED)} == set(NAMES)


def test_no_name_and_no_file_is_no_criterion():
    assert criteria_of([]) == ()


def test_an_unknown_criterion_is_named_with_the_nearest_one():
    with pytest.raises(InputError, match=r"no criterion 'ton'; did you mean 'tone'\? Known: helpfulness"):
        criteria_of(["ton"])


def test_criteria_of_a_file_are_all_taken_or_those_named(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('[brief]\nquestion = "Is it brief?"\nanchors = ["no", "yes"]\n[kind]\nquestion = "Is it kind?"\n'
                    'anchors = ["no", "yes"]\n')  # fmt: skip
    assert [c.name for c in criteria_of([], file)] == ["brief", "kind"]
    assert [c.name for c in criteria_of(["kind"], file)] == ["kind"]


@pytest.mark.parametrize(
    "text",
    ["[brief]\nquestion = 'x'\nanchors = ['only one']\n", "not toml", "brief = 1\n", "[b]\nquestion='x'\nother=1\n"],
)
def test_a_file_that_holds_no_criteria_says_what_it_should_hold(tmp_path, text):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(InputError, match="with `question` and `anchors`, lowest first"):
        criteria_of([], file)
