"""`run --pilot` and `advise` as a user meets them: a table and sentences, or one JSON object."""

import json
from pathlib import Path

import pytest

from dashboard.cli.main import main
from tests.run.conftest import make_workspace

PRICED = 'model = "alder-large"\nprice = { input = 2.0, output = 8.0, cached_input = 0.5, batch = 0.5 }\n#'


def call(root: Path, *arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["-C", str(root), *arguments])
    return int(left.value.code or 0)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped task with six prompts and a priced teacher."""
    folder = tmp_path_factory.mktemp("pilot") / "a folder"
    return make_workspace(folder, 6, every=200, edit=lambda t: t.replace('model = "alder-large"', PRICED, 1))


def test_advice_without_a_pilot_names_the_command_that_makes_one(root: Path, capsys: pytest.CaptureFixture[str]):
    assert call(root, "advise") == 1
    assert "stillhouse run --pilot 50" in capsys.readouterr().err


def test_a_pilot_cannot_be_planned_or_stopped_at_a_step(root: Path, capsys: pytest.CaptureFixture[str]):
    assert call(root, "run", "--pilot", "3", "--until", "judges") == 2
    assert "--pilot" in capsys.readouterr().err


def test_a_pilot_tells_teachers_in_a_table_then_sentences_a_routing_and_the_next_command(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "140")
    assert call(root, "run", "--pilot", "2") == 0
    said = capsys.readouterr().out
    table, rest = said.split("Nothing was sealed.")
    assert all(word in table for word in ("teacher", "$/1,000", "p95 s", "gold", "judges", "alder", "cedar"))
    assert "a faithful student inherits the rest (n = " in rest
    assert "Proposed routing" in rest
    assert rest.strip().splitlines()[-1].startswith("Next: stillhouse -C ")


def test_a_pilot_ends_with_one_json_object(root: Path, capsys: pytest.CaptureFixture[str]):
    assert call(root, "run", "--pilot", "2", "--json") == 0
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [t["teacher"] for t in line["teachers"]] == ["alder", "birch", "cedar"]
    assert line["prompts"] == 2


def test_advice_tells_the_verdict_each_criterion_and_what_else_would_save(
    root: Path, capsys: pytest.CaptureFixture[str]
):
    call(root, "run", "--pilot", "2", "--json")
    capsys.readouterr()
    assert call(root, "advise", "--monthly-requests", "50000") == 0
    said = capsys.readouterr().out
    assert said.startswith("Should you distil? ")
    assert all(word in said for word in ("break-even", "ceiling", "breadth", "decisive", "Assumed:", "prompt caching"))


def test_advice_as_json_keeps_the_unknown_apart_from_zero(root: Path, capsys: pytest.CaptureFixture[str]):
    call(root, "run", "--pilot", "2", "--json")
    capsys.readouterr()
    assert call(root, "advise", "--json") == 0
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert line["verdict"] in {"no", "pilot more"}
    assert line["money"]["usd_month_today"] is None
    assert {c["effect"] for c in line["criteria"]} <= {"for", "against", "unknown"}
