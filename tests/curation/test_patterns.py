"""Patterns of users run in linear time, find places in code points, and are refused in words where they cannot run."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.detecting import BREAK
from curation.errors import TaskError
from curation.patterns import REACH, Custom, compile
from curation.plugins import validate

WHERE = "task.toml [scrub.custom.badge]"


def places(pattern, text):
    return list(compile(pattern, WHERE).finditer(text))


@pytest.mark.parametrize(
    ("pattern", "what", "instead"),
    [
        (r"(?<=ID )\d+", "looks around", "match what stands around too"),
        (r"foo(?!bar)", "looks around", "words"),
        (r"(a|b)\1", "refers back", "write the alternatives out"),
        (r"(?P<x>a)(?P=x)", "refers back", "write the alternatives out"),
        (r"a++", "forbids backtracking", "leave that out"),
        (r"(?>a)b", "forbids backtracking", "leave that out"),
        (r"\Afoo", "begins or ends", "the ends of a line"),
        (r"foo\Z", "begins or ends", "the ends of a line"),
        (r"a{1,5000}", "invalid repetition size", "1000 at most"),
        (r"(", "not a regular expression", "missing )"),
        (r"a)|(b", "not a regular expression", "unexpected )"),
    ],
)
def test_a_pattern_that_cannot_run_is_refused_with_what_is_wrong_and_what_to_write(pattern, what, instead):
    with pytest.raises(TaskError) as error:
        compile(pattern, WHERE)
    said = str(error.value)
    assert said.startswith(WHERE)
    assert repr(pattern) in said
    assert what in said
    assert instead in said


@pytest.mark.parametrize("pattern", [r"[*+?]+", r"\*+x", r"[(?=)]", r"\\1", r"(?i)a|b", r"(?:ab){2,3}", r"a+?"])
def test_what_only_looks_like_something_unsupported_is_run(pattern):
    assert compile(pattern, WHERE).source == pattern


@given(st.text(alphabet="aé€😀\ud800 1-", max_size=80))
@settings(max_examples=300, deadline=None)
def test_places_are_those_python_finds_in_code_points(text):
    for pattern in ("a", "é+", "[a€]+1?", "😀| 1", "[^ ]+"):
        if "\ud800" in text and "[^" in pattern:
            continue
        assert places(pattern, text) == [m.span() for m in re.finditer(pattern, text)]


def test_a_match_is_found_wherever_it_stands_in_a_long_text():
    for before in range(0, 3 * REACH, 97):
        text = "é" * before + "ID-12345" + "x" * before
        assert places(r"ID-\d{5}", text) == [(before, before + 8)]
    assert places("a+", "a" * (5 * REACH))[0][0] == 0
    assert sum(end - start for start, end in places("a+", "a" * (5 * REACH))) == 5 * REACH


def test_line_ends_are_ends_of_a_line_so_that_joined_texts_change_nothing():
    assert places("^a|b$", BREAK.join(["a b", "a", "xb"])) == [(0, 1), (2, 3), (7, 8), (13, 14)]


def test_a_custom_detector_finds_its_pattern():
    badge = Custom(pattern=r"\bB-\d{4}\b")
    assert badge.concerns("badge B-1234")
    assert not badge.concerns("badge B-12")
    assert [(f.start, f.end, f.score) for f in badge("é B-1234, B-99999")] == [(2, 8, 0.9)]


def test_context_words_must_stand_near_and_in_the_same_text():
    badge = Custom(pattern=r"\d{4}", words=("badge", "staff no"), score=0.5)
    assert [f.start for f in badge("Badge 1234")] == [6]
    assert [f.start for f in badge("1234 is my staff no")] == [0]
    assert list(badge("badges 1234")) == []
    assert list(badge("badge" + " " * 60 + "1234")) == []
    assert list(badge(f"badge{BREAK}1234")) == []


def test_a_custom_pattern_is_refused_where_the_task_is_read():
    with pytest.raises(TaskError, match=r"scrub.custom.badge.*pattern.*looks around"):
        validate(Custom, {"pattern": r"(?=a)b"}, WHERE)


@pytest.mark.parametrize(("pattern", "covered"), [("(?s)a.*b|a", 1), ("(a|aa)+", 1), (r"(\w+\s?)*x", 0), ("a", 1)])
def test_a_hostile_pattern_runs_in_linear_time(pattern, covered):
    # The suite's timeout is the judge: what backtracks, or looks ahead to the end each time, takes many minutes.
    text = "a" * 100_000
    assert sum(end - start for start, end in places(pattern, text)) == covered * len(text)
