"""The whole path on the shipped task: counts, caching, versions and errors, as a user meets them."""

import json
from pathlib import Path

import polars as pl
import pytest

from curation import Workspace
from tests.run.conftest import make_workspace, practice_for, prompts_file, report, stillhouse


def identity_holds(line: dict) -> bool:
    return line["samples"] == line["kept"] + sum(line["dropped"].values()) + line["quarantined"] + line["failed"]


def test_every_sample_is_counted_once_whatever_became_of_it(workspace: Path):
    line = report(workspace)
    assert identity_holds(line)
    assert line["samples"] == line["prompts"] * 2
    assert line["kept"] > 0
    assert line["dropped"]


def test_a_second_run_asks_nobody_and_reports_the_same_version(workspace: Path):
    first, second = report(workspace), report(workspace)
    assert second["calls"] == 0
    changing = {"calls", "cost_usd", "seconds"}
    assert {k: v for k, v in first.items() if k not in changing} == {
        k: v for k, v in second.items() if k not in changing
    }


def test_one_prompt_appended_makes_exactly_its_calls(workspace: Path):
    with practice_for(workspace) as server:
        before = report(workspace, server.url)
        assert before["calls"] == 0
        asked = server.stats().answered
        file = prompts_file(workspace)
        row = {"id": "late", "text": "my parcel ORD-123456 never came, where is it?", "group": "late"}
        file.write_text(file.read_text(encoding="utf-8") + json.dumps(row) + "\n", encoding="utf-8")
        after = report(workspace, server.url)
        rows = Workspace.open(workspace).samples().filter(pl.col("prompt_id") == "late")
        judged = sum(len(json.loads(e)["votes"]) for e in _votes(workspace, rows))
    assert rows.height == 2
    assert after["calls"] == server.stats().answered - asked == 2 + judged
    assert after["samples"] == before["samples"] + 2


def _votes(workspace: Path, rows: pl.DataFrame) -> list[str]:
    decisions = Workspace.open(workspace).decisions()
    mine = decisions.filter(pl.col("sample").is_in(rows["id"].implode()) & (pl.col("step") == "judges"))
    return mine["evidence"].drop_nulls().to_list()


def test_an_edited_system_prompt_asks_everyone_again_and_reverting_it_asks_nobody(workspace: Path):
    task = workspace / "task.toml"
    original = task.read_text(encoding="utf-8")
    before = report(workspace)
    task.write_text(original.replace('system = """', 'system = """Be brief. '), encoding="utf-8")
    assert original != task.read_text(encoding="utf-8")
    edited = report(workspace)
    assert edited["calls"] >= before["samples"]
    assert edited["version"] != before["version"]
    task.write_text(original, encoding="utf-8")
    assert report(workspace)["calls"] == 0


def test_equal_work_in_two_workspaces_gives_equal_content_and_different_roots(sealed: Path, tmp_path: Path):
    other = make_workspace(tmp_path / "other", 60, every=25)
    report(other)
    with Workspace.open(sealed) as a, Workspace.open(other) as b:
        one, two = (
            a.store.versions.manifest(a.store.versions.head()),
            b.store.versions.manifest(b.store.versions.head()),
        )
    assert one.content == two.content
    assert one.root != two.root


def test_verify_is_clean_and_why_answers_for_kept_and_dropped_samples(sealed: Path):
    assert json.loads(stillhouse(sealed, "verify", "--json").stdout.splitlines()[-1])["ok"] is True
    with Workspace.open(sealed) as opened:
        samples = opened.samples()
    for state in ("kept", "dropped"):
        sample = samples.filter(pl.col("state") == state)["id"][0]
        told = json.loads(stillhouse(sealed, "why", sample, "--json").stdout.splitlines()[-1])
        assert told["state"] == state
        assert told["request"]["model"]
        assert [s for s in told["steps"] if s["decision"] == "drop"] or state == "kept"


def test_the_answer_key_is_read_by_nobody_but_the_practice_server(sealed: Path, tmp_path: Path):
    renamed = make_workspace(tmp_path / "renamed", 60, every=25)
    with practice_for(renamed) as server:
        (renamed / "practice" / "answer_key.jsonl").rename(renamed / "practice" / "hidden.jsonl")
        report(renamed, server.url)
    with Workspace.open(sealed) as a, Workspace.open(renamed) as b:
        assert (
            a.store.versions.manifest(a.store.versions.head()).content
            == b.store.versions.manifest(b.store.versions.head()).content
        )


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda t: t.replace("[select]", "[selekt]"), ["selekt", "select"]),
        (lambda t: t.replace("[checks.length]", "[checks.lenght]"), ["lenght", "length"]),
        (lambda t: t.replace('use = "practice"', 'use = "openai"', 1), ["OPENAI_API_KEY"]),
        (lambda t: t.replace('model = "alder-large"', 'model = "alder-huge"', 1), ["alder-huge"]),
        (lambda t: t + "\n[broken", ["task.toml"]),
    ],
    ids=["unknown table", "unknown check", "missing key", "wrong model", "not TOML"],
)
def test_a_wrong_task_ends_in_one_clear_line(workspace: Path, spoil, words: list[str]):
    task = workspace / "task.toml"
    text = task.read_text(encoding="utf-8")
    assert spoil(text) != text
    task.write_text(spoil(text), encoding="utf-8")
    done = stillhouse(workspace, "run", "--json", check=False)
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 1
    assert all(w in lines[-1] for w in words), done.stderr
    assert "Traceback" not in done.stderr


def test_a_bad_line_of_input_is_set_aside_and_the_others_go_on(workspace: Path):
    file = prompts_file(workspace)
    before = report(workspace)
    file.write_bytes(
        file.read_bytes() + b'{"id": "torn", "text": \n{"id": "latin", "text": "caf\xe9"}\n{"id": "empty"}\n'
    )
    done = stillhouse(workspace, "run", "--json")
    after = json.loads(done.stdout.splitlines()[-1])
    assert after["prompts"] == before["prompts"]
    assert after["version"] == before["version"]
    assert done.stderr.count(f"{file.name}:") == 3


def test_an_unreachable_provider_ends_in_one_line_and_nothing_paid_is_lost(workspace: Path):
    task = workspace / "task.toml"
    text = task.read_text(encoding="utf-8")
    table = """[[teachers]]
name = "gone"
use = "openai"
model = "gpt-4o-mini"
base_url = "http://127.0.0.1:9/v1"
api_key_env = "HOME"
params = { max_tokens = 50 }

"""
    task.write_text(
        text.replace("[[teachers]]", table + "[[teachers]]", 1).replace("attempts = ", "attempts = 2 # "),
        encoding="utf-8",
    )
    done = stillhouse(workspace, "run", "--json", check=False)
    assert done.returncode == 1
    assert "127.0.0.1:9" in done.stderr.strip().splitlines()[-1]
    task.write_text(text, encoding="utf-8")
    assert report(workspace)["calls"] == 0
