"""The policy on the command line: a table of rules, rates with gates as exit codes, and a labelled set on disk."""

import json
from pathlib import Path

import polars as pl
import pytest

from curation.records import DECISIONS
from curation.store.store import Store
from dashboard.cli.main import main
from tests.judges.houses import samples

TASK = '[task]\nname = "t"\n[policy]\nfile = "policy.toml"\n'
POLICY = """
name = "house"
version = 3
[[rules]]
id = "no-secrets"
kind = "safety"
text = "It never asks for a password."
forbid = ["send the password"]
largest_rate = {limit}
[[rules]]
id = "kind"
kind = "voice"
text = "It is kind."
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace whose head keeps 200 answers to 100 prompts."""
    folder = tmp_path / "w"
    store = Store.create(folder)
    frame = samples(100, store.sample_id)
    store.versions.seal(frame, pl.DataFrame(schema=DECISIONS), recipe="0" * 64, steps=[], facts={})
    store.close()
    (folder / "task.toml").write_text(TASK, encoding="utf-8")
    return limited(folder, 0.05)


def limited(root: Path, limit: float) -> Path:
    (root / "policy.toml").write_text(POLICY.format(limit=limit), encoding="utf-8")
    return root


def call(capsys: pytest.CaptureFixture[str], root: Path, *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as left:
        main(["-C", str(root), "policy", *arguments])
    return int(left.value.code or 0), capsys.readouterr().out


def test_the_table_lists_every_rule_and_names_those_nothing_measures(capsys, root):
    code, shown = call(capsys, root)
    assert code == 0
    assert "Policy house, version 3: 2 rules" in shown
    assert "Nothing measures kind: a breach would not be noticed" in shown
    code, line = call(capsys, root, "list", "--json")
    told = json.loads(line.splitlines()[-1])
    assert (code, told["unmeasured"], [rule["id"] for rule in told["rules"]]) == (0, ["kind"], ["no-secrets", "kind"])
    assert call(capsys, root, "--json")[1] == line


@pytest.mark.parametrize(
    ("limit", "wording", "outcome", "code"),
    [
        (0.05, "send the password", "PASS", 0),
        (0.001, "send the password", "INVALID", 12),
        (0.04, "answer 7", "INCONCLUSIVE", 11),
        (0.05, "answer", "FAIL", 10),
    ],
)
def test_a_gate_is_decided_by_the_upper_bound_and_told_by_the_exit_code(capsys, root, limit, wording, outcome, code):
    text = (limited(root, limit) / "policy.toml").read_text(encoding="utf-8")
    (root / "policy.toml").write_text(text.replace("send the password", wording), encoding="utf-8")
    left, shown = call(capsys, root, "check", "--json")
    told = json.loads(shown.splitlines()[-1])
    assert (left, told["outcome"], told["rates"][0]["gate"]["outcome"]) == (code, outcome, outcome)
    assert told["rates"][0]["answers"] == 200
    left, shown = call(capsys, root, "check")
    assert left == code
    assert ("2,995 without any are needed" in shown) == (outcome == "INVALID")


def test_the_labelled_set_is_written_where_it_is_asked_for(capsys, root):
    code, shown = call(capsys, root, "export", "--out", "safety.jsonl", "--json")
    told = json.loads(shown.splitlines()[-1])
    assert (code, told["rows"], told["violated"], told["rules"]) == (0, 200, 0, ["no-secrets"])
    assert len((root / "safety.jsonl").read_text(encoding="utf-8").splitlines()) == 200


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("export", "-o", "x", "--kind", "safty"), "no kind of rule 'safty'; did you mean 'safety'?"),
        (("export", "-o", "x", "--kind", "voice"), "can be labelled by kind"),
        (("check", "nothing"), "nothing"),
    ],
)
def test_what_cannot_be_done_is_one_line(capsys, root, arguments, said):
    with pytest.raises(SystemExit) as left:
        main(["-C", str(root), "policy", *arguments])
    seen = capsys.readouterr().err
    assert left.value.code == 1
    assert seen.count("\n") == 1
    assert said in seen


def test_a_workspace_without_a_policy_is_told_how_to_write_one(capsys, root):
    (root / "task.toml").write_text('[task]\nname = "t"\n', encoding="utf-8")
    with pytest.raises(SystemExit):
        main(["-C", str(root), "policy"])
    assert 'file = "policy.toml"' in capsys.readouterr().err
