"""A standing study is declared, changed, opened wave by wave and charted from the command line."""

import json

import pytest

from curation.store.store import Store
from judges.review import ReviewService
from tests.dashboard.test_cli_review import call


@pytest.fixture
def said(house, capsys):
    """Runs a command in the workspace; what it printed, or with --json the object that ends it."""

    def run(*arguments):
        assert call("-C", house, "review", *arguments) == 0
        out = capsys.readouterr().out
        return json.loads(out.splitlines()[-1]) if "--json" in arguments else out

    return run


def close(house, study):
    with Store.open(house) as store:
        service = ReviewService(store)
        while shown := service.next(study, "ana"):
            for item in shown:
                service.vote(item.token, "ana", "accept")
        service.close(study)


def test_a_standing_study_runs_from_declaration_to_chart(said, house):
    out = said("standing", "kind", "--every-new", "200", "-n", "8", "--anchors", "2", "--question", "Kind?")
    assert "series 1: single, every 200 new samples, 8 new and 2 anchors a wave" in out
    assert "The next wave is due: the first wave of its series" in out
    opened = said("wave", "kind", "--json")
    assert opened["study"] == "kind-1-1"
    assert said("wave", "kind") == (
        "No wave was opened: wave 1 is open; the next one waits until `review close kind-1-1`\n"
    )
    close(house, "kind-1-1")
    assert said("wave", "kind") == "No wave was opened: 0 of 200 new samples since wave 1\n"
    found = said("standing", "kind", "--json")
    (wave,) = found["series"][0]["waves"]
    assert (wave["mark"]["share"], wave["mark"]["items"], found["due"]["due"]) == (1.0, 8, False)
    assert "Wave 1" in said("standing", "kind")


def test_what_is_not_said_stays_and_a_changed_question_begins_a_series(said):
    said("standing", "kind", "--daily", "--question", "Kind?", "--criterion", "tone", "--rater", "ana")
    often = said("standing", "kind", "--every-new", "50", "--json")
    assert (often["schedule"]["every_new"], often["schedule"]["daily"]) == (50, False)
    assert often["schedule"]["raters"] == ["ana"]
    (series,) = often["series"]
    assert (series["rubric"]["question"], series["rubric"]["criteria"][0]["name"]) == ("Kind?", "tone")
    changed = said("standing", "kind", "--question", "Kinder?", "--json")
    assert [(s["number"], s["rubric"]["question"]) for s in changed["series"]] == [(2, "Kinder?"), (1, "Kind?")]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "no standing study 'kind'"),
        (("--question", "?"), "no standing study 'kind'"),
        (("--daily", "--every-new", "5"), "either every how many"),
        (("--daily", "--kind", "pairwise"), "name the teacher"),
        (("--daily", "--overlap", "2", "--rater", "ana"), "1 raters cannot give every item 2 votes"),
    ],
)
def test_what_makes_no_standing_study_is_said_in_one_line(house, capsys, options, words):
    assert call("-C", house, "review", "standing", "kind", *options) == 1
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert words in line
