"""`stillhouse evidence`: one JSON object for machines, a report for people, one line for what cannot be read."""

import json
from pathlib import Path

import pytest

from dashboard.cli.main import main


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return int(left.value.code or 0)


def verdicts(folder: Path) -> Path:
    path = folder / "verdicts.jsonl"
    rows = [
        {"item": n, "judge": j, "verdict": None if n == 3 else "accept", "label": "accept" if n % 4 else "reject"}
        for n in range(60)
        for j in ("m1", "m2")
    ]
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


def test_json_ends_with_one_object_of_the_fixed_shape(shared_data: Path, capsys: pytest.CaptureFixture[str]):
    assert call("evidence", "llmbar", "--data", str(shared_data / "llmbar"), "--json") == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(told) == ["name", "cells", "deviations", "figures"]
    assert (told["name"], told["cells"], told["deviations"]) == ("llmbar", 801, 0)
    wanted = ("best_single", "majority", "gold_weighted_40", "effective_votes")
    assert {g: [n for n in wanted if not isinstance(f[n], float)] for g, f in told["figures"].items()} == {
        "Natural": [], "Processed": []
    }  # fmt: skip


def test_the_report_shows_published_beside_ours(
    shared_data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("STILLHOUSE_SHARED_DATA", str(shared_data))
    monkeypatch.setenv("COLUMNS", "120")
    assert call("evidence", "pandalm") == 0
    shown = capsys.readouterr().out
    assert "0.852" in shown
    assert shown.rstrip().endswith("8 published figures compared, 0 deviations.")


def test_a_deviation_is_named_in_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "120")
    (tmp_path / "imdb_mturk.json").write_text(json.dumps([{"mturk": {"given": 5}}]))
    assert call("evidence", "label_errors", "--data", str(tmp_path)) == 0
    shown = capsys.readouterr().out
    assert "NO" in shown
    assert "2 published figures compared, 2 deviations." in shown


def test_no_data_is_one_line_that_names_both_places(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("STILLHOUSE_SHARED_DATA", str(tmp_path / "shared"))
    assert call("evidence", "llmbar", "--data", str(tmp_path / "none"), "--json") == 1
    seen = capsys.readouterr()
    assert seen.out == ""
    assert seen.err.count("\n") == 1
    assert str(tmp_path / "none") in seen.err
    assert str(tmp_path / "shared" / "llmbar") in seen.err


def test_own_verdicts_are_read_from_a_file_relative_to_the_workspace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "120")
    verdicts(tmp_path)
    assert call("-C", str(tmp_path), "evidence", "verdicts", "--data", "verdicts.jsonl") == 0
    shown = capsys.readouterr().out
    assert "m1" in shown
    assert "120 rows about 60 items, 60 of them labelled." in shown


def test_own_verdicts_that_break_the_form_are_named_by_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "verdicts.jsonl"
    path.write_text('{"item": 1, "judge": "a", "verdict": "1"}\n{"item": 2, "judge": "a"}\n')
    assert call("evidence", "verdicts", "--data", str(path)) == 1
    assert capsys.readouterr().err == f"stillhouse: {path}:2: verdict: Field required\n"
