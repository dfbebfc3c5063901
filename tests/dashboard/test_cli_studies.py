"""A study's options are said on the command line, shown again, and refused in words where they make no study."""

import json

import pytest

from curation.store.store import Store
from dashboard.cli.main import main
from judges.review import ReviewService


def call(house, *arguments) -> int:
    with pytest.raises(SystemExit) as left:
        main(["-C", str(house), "review", *(str(a) for a in arguments)])
    return int(left.value.code or 0)


def test_a_study_is_made_with_criteria_guideline_practice_and_repeats(house, capsys):
    (house / "guide.md").write_text("Prefer the shorter one.")
    asked = ("--kind", "single", "-n", 8, "--criterion", "tone", "--practice", 2, "--repeats", 0.1, "--tag", "name")
    assert call(house, "create", "full", *asked, "--guideline", "guide.md", "--guesses", "--json") == 0
    made = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (made["kind"], made["items"]) == ("single", 8)
    assert made["design"]["criteria"][0]["name"] == "tone"
    with Store.open(house) as store:
        service = ReviewService(store)
        design = service.design("full")
        assert (design.practice, design.repeats, design.tags, design.guesses) == (2, 0.1, ("name",), True)
        assert service.guideline("full") == "Prefer the shorter one."


def test_a_guideline_is_shown_and_changed(house, capsys):
    assert call(house, "create", "g", "-n", 4) == 0
    assert call(house, "guideline", "g") == 0
    assert "has no guideline" in capsys.readouterr().out
    (house / "guide.md").write_text("Be strict.")
    assert call(house, "guideline", "g", "guide.md") == 0
    capsys.readouterr()
    assert call(house, "guideline", "g", "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["text"] == "Be strict."


@pytest.mark.parametrize(
    ("asked", "code", "words"),
    [
        (("--criterion", "ton"), 1, "did you mean 'tone'?"),
        (("--guideline", "nowhere.md"), 1, "nowhere.md cannot be read"),
        (("--gold-share", 0.1), 2, "name the gold set whose rows are planted"),
        (("--gold", "gone", "--gold-share", 0.1), 1, "no gold set 'gone'"),
        (("--gold", "gold", "--gold-share", 0.1), 1, "has no row that a pairwise study could ask about"),
        (("--practice", 50), 1, "items to practise on, not 50"),
    ],
)
def test_options_that_make_no_study_are_refused_in_words(house, capsys, asked, code, words):
    assert call(house, "create", "bad", *asked) == code
    assert words in " ".join(capsys.readouterr().err.replace("│", " ").split())


def test_a_guideline_of_no_study_names_the_known_ones(house, capsys):
    assert call(house, "guideline", "tone2") == 1
    assert "no study 'tone2'. Known: tone" in capsys.readouterr().err
