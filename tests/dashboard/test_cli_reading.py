"""The reading commands on a sealed workspace: fixed JSON shapes, exit codes, and words a person can use."""

import json
import re
import shutil
from pathlib import Path

import pytest

from dashboard.cli.main import main
from tests.dashboard.house import build


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed workspace that the tests only read."""
    return build(tmp_path_factory.mktemp("cli") / "a house")


@pytest.fixture
def own(sealed: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(sealed, tmp_path / "house"))


def call(folder: Path, *arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["-C", str(folder), *arguments])
    return int(left.value.code or 0)


def told(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> dict:
    """The JSON object on the last line of a command that is done."""
    code = call(folder, *arguments, "--json")
    seen = capsys.readouterr()
    assert code == 0, seen.err
    return json.loads(seen.out.splitlines()[-1])


def first_id(capsys, folder: Path, where: str) -> str:
    return told(capsys, folder, "sql", f"select id from samples where {where} limit 1")["rows"][0]["id"]


def test_why_has_its_fixed_shape_and_names_the_twin(capsys, sealed):
    found = told(capsys, sealed, "why", first_id(capsys, sealed, "reason = 'duplicate'"))
    assert {"id", "state", "steps", "request", "versions"} <= set(found)
    assert all({"step", "decision", "reason", "evidence"} <= set(step) for step in found["steps"])
    assert len(found["steps"][-1]["evidence"]["twin"]) == 32


def test_why_finds_a_sample_by_its_words_and_by_its_row_in_an_export(capsys, sealed, tmp_path):
    told(capsys, sealed, "export", "head", "--out", str(tmp_path / "t.jsonl"))
    third = json.loads((tmp_path / "t.jsonl").read_text().splitlines()[2])
    found = told(capsys, sealed, "why", "--row", f"{tmp_path}/t.jsonl:3")
    assert found["id"] == third["metadata"]["stillhouse_id"]
    assert told(capsys, sealed, "why", "--text", third["messages"][-1]["content"]) == found
    assert found["id"] in told(capsys, sealed, "why", "--text", third["messages"][0]["content"])["matches"]


def test_why_wants_exactly_one_way_of_naming_a_sample(capsys, sealed):
    assert call(sealed, "why") == 2
    assert call(sealed, "why", "abc", "--text", "x") == 2
    assert call(sealed, "why", "--row", "t.jsonl") == 2
    capsys.readouterr()


def test_a_sample_nobody_knows_is_one_line(capsys, sealed):
    assert call(sealed, "why", "--text", "no such words") == 1
    assert capsys.readouterr().err == (
        "stillhouse: no sample's prompt or answer holds 'no such words'; prompts are stored scrubbed\n"
    )


def test_verify_has_its_fixed_shape_and_fails_on_another_key(capsys, sealed):
    report = told(capsys, sealed, "verify")
    assert list(report) == ["ok", "version", "root", "records", "chunks", "events", "signature", "problems"]
    assert report["ok"]
    assert call(sealed, "verify", "--key", "0" * 32, "--json") == 1
    seen = capsys.readouterr()
    assert not json.loads(seen.out.splitlines()[-1])["ok"]
    assert seen.err.count("\n") == 1


def test_verify_says_which_file_was_changed(capsys, own):
    chunk = next((own / ".stillhouse" / "chunks").glob("*.parquet"))
    data = bytearray(chunk.read_bytes())
    data[100] ^= 1
    chunk.write_bytes(data)
    assert call(own, "verify") == 1
    assert chunk.stem[:12] in capsys.readouterr().out


def test_the_gates_outcome_is_its_exit_code_and_one_sentence(capsys, sealed):
    assert call(sealed, "gate", "curated", "raw") == 0
    assert capsys.readouterr().out.rstrip().endswith("PASS.")
    assert call(sealed, "gate", "raw", "curated", "--json") == 10
    shape = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(shape) == ["outcome", "estimate", "ci", "margin", "n", "clusters", "alpha_spent"]
    assert shape["outcome"] == "FAIL"


def test_sql_says_when_there_is_more_and_writes_csv(capsys, sealed):
    assert told(capsys, sealed, "sql", "select id from samples", "--limit", "5")["truncated"] is True
    assert call(sealed, "sql", "select count(*) as n from samples", "--csv") == 0
    assert capsys.readouterr().out == "n\n60\n"


def test_sql_cannot_leave_the_workspace(capsys, sealed):
    assert call(sealed, "sql", "select * from read_csv('/etc/passwd')") == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_held_sample_is_approved_by_the_beginning_of_its_id(capsys, own):
    waiting = told(capsys, own, "quarantine", "list")["samples"]
    assert told(capsys, own, "quarantine", "approve", waiting[0]["id"][:12], "--by", "maria") == {
        "sample": waiting[0]["id"],
        "ruling": "approve",
    }
    assert told(capsys, own, "quarantine", "list")["waiting"] == len(waiting) - 1
    assert told(capsys, own, "quarantine", "list", "--all")["waiting"] == len(waiting)


def test_a_study_is_created_followed_closed_and_only_then_exported(capsys, own):
    assert told(capsys, own, "review", "create", "mine", "--kind", "single", "-n", "3", "--overlap", "1")["items"] == 3
    assert call(own, "review", "export", "mine") == 1
    assert "review close mine" in capsys.readouterr().err
    (row,) = told(capsys, own, "review", "status", "mine")["studies"]
    assert (row["wanted"], row["votes"]) == (3, 0)
    told(capsys, own, "review", "close", "mine")
    assert told(capsys, own, "review", "export", "pilot", "--out", "v.jsonl")["votes"] == 16
    assert json.loads((own / "v.jsonl").read_text().splitlines()[0])["study"] == "pilot"


def test_gold_rows_are_added_imported_and_listed_by_version(capsys, own):
    (own / "rows.jsonl").write_text('{"id": "a", "text": "hi", "answer": "refund"}\nnot json\n')
    report = told(capsys, own, "gold", "import", "rows.jsonl", "--set", "new")
    assert (report["rows"], report["kept"], len(report["quarantined"])) == (2, 1, 1)
    added = told(capsys, own, "gold", "add", "--set", "new", "--id", "b", "--text", "yo", "--answer", '{"intent": "x"}')
    assert (added["number"], added["items"]) == (2, 2)
    listed = told(capsys, own, "gold", "list", "--items")
    row = {"set": "new", "id": "b", "text": "yo", "answer": {"intent": "x"}, "slice": None, "sample": None}
    assert row in [{name: each[name] for name in row} for each in listed["items"]]


def test_a_reviewed_sample_becomes_gold_and_an_unreviewed_one_does_not(capsys, own):
    told(capsys, own, "review", "export", "pilot", "--out", "v.jsonl")
    reviewed = json.loads((own / "v.jsonl").read_text().splitlines()[0])["first_sample"]
    assert told(capsys, own, "gold", "promote", reviewed, "--by", "maria")["items"] == 13
    assert call(own, "gold", "promote", first_id(capsys, own, "reason = 'schema'")) == 1
    assert "no review vote" in capsys.readouterr().err


def test_the_proof_names_the_script_that_checks_it(capsys, sealed, tmp_path):
    ident = first_id(capsys, sealed, "state = 'kept'")
    made = told(capsys, sealed, "prove", ident, "--out", str(tmp_path / "p.json"))
    assert Path(made["verifier"]).is_file()
    assert json.loads((tmp_path / "p.json").read_text())["id"] == ident


def test_status_and_cost_say_how_it_stands(capsys, sealed):
    status = told(capsys, sealed, "status")
    assert status["states"] == {"dropped": 5, "failed": 1, "kept": 52, "quarantined": 2}
    assert (status["waiting"], status["gold"]) == (2, 12)
    assert told(capsys, sealed, "cost")["runs"][0]["calls"] == 60


def test_what_people_read_is_plain_text_without_a_terminal(capsys, sealed):
    for command in (["status"], ["quarantine", "list"], ["review", "status"], ["gold", "list", "--items"], ["cost"]):
        assert call(sealed, *command) == 0
        assert not re.search(r"\x1b|Traceback|\{'", capsys.readouterr().out)
