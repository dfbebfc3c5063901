"""Finished ratings come in and closed studies go out from the command line, with every figure beside its n."""

import json

import pytest

from dashboard.cli.main import main
from judges.study_words import sentences


def call(*arguments) -> int:
    """The exit code of one command."""
    with pytest.raises(SystemExit) as left:
        main([str(a) for a in arguments])
    return int(left.value.code or 0)


@pytest.fixture
def said(house, capsys):
    """Runs a command in the workspace; what it printed, or with --json the object that ends it."""

    def run(*arguments):
        assert call("-C", house, "review", *arguments) == 0
        out = capsys.readouterr().out
        return json.loads(out.splitlines()[-1]) if "--json" in arguments else out

    return run


@pytest.fixture
def ratings(house):
    rows = [
        {"id": i, "question": f"q{i}", "a": f"one {i}", "b": f"longer two {i}", "rater": rater, "choice": 1 + (i > 3),
         "first_teacher": "x", "second_teacher": "y"}
        for i in range(6)
        for rater in ("ana", "ben")
    ]  # fmt: skip
    (house / "ratings.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + "oops \x1b[2J\n")


NAMES = ("--column", "prompt=question", "--choice", "1=a", "--choice", "2=b", "--question", "Which is kinder?")


def test_ratings_are_imported_with_the_names_of_their_file_and_bad_rows_are_named(said, ratings):
    out = said("import", "ratings.jsonl", "--study", "earlier", *NAMES)
    assert "12 votes of 2 raters on 6 items, closed" in out
    assert "13 rows = 12 kept + 1 set aside" in out
    assert "set aside ratings.jsonl:13: not JSON" in out
    (row,) = said("status", "earlier", "--json")["studies"]
    assert (row["votes"], row["wanted"], row["complete"]) == (12, 12, 6)


def test_the_numbers_of_an_import_add_up(said, ratings):
    found = said("import", "ratings.jsonl", "--study", "earlier", *NAMES, "--json")
    assert (found["rows"], found["kept"], len(found["quarantined"])) == (13, 12, 1)
    assert found["quarantined"][0]["line"] == 13


def test_a_choice_nobody_explained_is_refused_with_the_known_ones(house, capsys, ratings):
    assert (
        call("-C", house, "review", "import", "ratings.jsonl", "--study", "earlier", "--column", "prompt=question") == 1
    )
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "no choice '1' here. Known: a_much, a, tie, b, b_much, both_bad, skip, flag" in line


@pytest.mark.parametrize("form", ["jsonl", "argilla", "labelstudio"])
def test_a_closed_study_goes_out_and_comes_back(said, house, form):
    written = said("export", "pilot", "--format", form, "--names", "--json")
    assert written["votes"] == 16
    assert written["path"].endswith("pilot-votes.jsonl" if form == "jsonl" else "pilot-votes.json")
    found = said("import", written["path"], "--study", "back", "--version", "head", "--json")
    assert (found["votes"], found["quarantined"], found["raters"]) == (16, [], ["ana", "ben"])
    first, second = (said("close", name, "--json") for name in ("pilot", "back"))
    same = ("votes", "alpha", "kappa", "teachers", "position", "raters", "both_orders")
    assert {k: first[k] for k in same} == {k: second[k] for k in same}


def test_raters_go_out_under_other_names_unless_asked(said, house):
    assert "raters under other names" in said("export", "pilot", "--out", "masked.jsonl")
    assert "with names of raters" in said("export", "pilot", "--out", "named.jsonl", "--names")
    masked, named = ({json.loads(line)["rater"] for line in (house / f"{name}.jsonl").read_text().splitlines()}
                     for name in ("masked", "named"))  # fmt: skip
    assert named == {"ana", "ben"}
    assert all(name.startswith("rater-") for name in masked)
    assert len(masked) == 2


def test_label_studios_tasks_go_out_beside_the_configuration_that_fits_them(said, house):
    out = said("export", "pilot", "--format", "labelstudio")
    assert "labelling configuration is " in out
    assert (house / "pilot-votes.xml").read_text().startswith("<View>")
    assert len(json.loads((house / "pilot-votes.json").read_text())) == 8
    found = said("export", "pilot", "--format", "labelstudio", "--out", "votes.xml", "--json")
    assert found["config"].endswith("votes.xml.xml")
    assert (house / "votes.xml").read_text().startswith("[")


def test_closing_a_study_tells_its_figures_as_sentences(said, ratings):
    said("import", "ratings.jsonl", "--study", "earlier", *NAMES)
    lines = said("close", "earlier").splitlines()
    assert lines[0] == "Study 'earlier': 12 votes on 6 items, 0 skipped"
    assert "  ana and ben: kappa 1.00 [1.00, 1.00] on 6 items" in lines
    assert any(line.startswith("x won 67 % [") and "of 12 votes on 6 prompts" in line for line in lines)
    assert any("one order" in line for line in lines)


def test_a_report_of_before_these_figures_is_still_told():
    old = {
        "study": "s", "version": "v", "items": 2, "votes": 4, "skipped": 0, "alpha": None, "alpha_ci": None,
        "items_with_two_votes": 2, "kappa": None, "agreement": 1.0, "note": "all votes are the same",
        "raters": {"ana": {"votes": 2, "median_dwell_ms": 900}},
        "position": {"a": 2, "decided": 4, "share": 0.5, "ci": [0.15, 0.85]}, "both_orders": 2, "teachers": {},
    }  # fmt: skip
    assert sentences(old) == [
        "Study 's': 4 votes on 2 items, 0 skipped",
        "Agreement on 2 items with two votes or more: alpha undefined",
        "  all votes are the same",
        "Pane A was chosen in 50 % [15, 85] of 4 decided votes; 50 % is fair",
    ]
