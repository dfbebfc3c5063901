"""Held prompts on the command line: listed once, approved or corrected by any of their ids, and turned into rows."""

import json
import shutil
from pathlib import Path

import pytest

from dashboard.cli.main import main
from tests.curation import holding
from tests.curation.running import run
from tests.curation.scripted import Scripted, chat, said


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with Scripted(lambda body: chat(f"{body['model']}: {len(said(body))}")) as server:
        folder = holding.make(tmp_path_factory.mktemp("held") / "w", server.url)
        run(folder)
    return folder


@pytest.fixture
def root(sealed: Path, tmp_path: Path) -> Path:
    return shutil.copytree(sealed, tmp_path / "w")


def call(root: Path, *arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["-C", str(root), "quarantine", *arguments])
    return int(left.value.code or 0)


def told(capsys: pytest.CaptureFixture[str], root: Path, *arguments: str) -> dict:
    assert call(root, *arguments, "--json") == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def refused(capsys: pytest.CaptureFixture[str], root: Path, *arguments: str) -> str:
    assert call(root, *arguments) == 1
    seen = capsys.readouterr().err
    assert seen.count("\n") == 1
    return seen


def test_the_list_holds_each_prompt_once_and_says_how_to_rule_on_it(capsys, root):
    listed = told(capsys, root, "list")
    assert [(row["prompt_id"], row["answer"]) for row in listed["samples"]] == [("p1", None), ("p2", None)]
    assert call(root, "list") == 0
    assert "correct ID --mask 'TEXT=person'" in capsys.readouterr().out


def test_a_held_prompt_is_approved_by_its_own_id_or_the_beginning_of_a_samples(capsys, root):
    first = told(capsys, root, "list")["samples"][0]["id"]
    assert told(capsys, root, "approve", "p2", "--by", "maria") == {"sample": "p2", "ruling": "approve", "masks": 0}
    told(capsys, root, "approve", first[:12])
    assert told(capsys, root, "list")["waiting"] == 0
    assert {row["ruling"] for row in told(capsys, root, "list", "--all")["samples"]} == {"approve"}


def test_a_held_prompt_is_corrected_with_more_masks_and_the_correction_is_written_as_a_training_row(capsys, root):
    said = told(capsys, root, "correct", "p1", "--mask", "Ottoline Quill=person", "--mask", "Ottoline=person")
    assert said == {"sample": "p1", "ruling": "correct", "masks": 2}
    assert told(capsys, root, "corrections", "-o", "rows.jsonl") == {"file": str(root / "rows.jsonl"), "rows": 1}
    (row,) = [json.loads(line) for line in (root / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [span["kind"] for span in row["spans"]] == ["person", "person"]
    assert "Ottoline" not in row["text"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--answer", "x"], "no answer to correct"),
        (["--mask", "Nobody=person"], "does not occur"),
        (["--mask", "Ottoline=human"], "no kind 'human'"),
        (["--mask", "Ottoline"], "names no kind; write it as 'TEXT=person'"),
        ([], "say either --answer TEXT"),
        (["--answer", "x", "--mask", "Ottoline=person"], "say either --answer TEXT"),
    ],
)
def test_what_cannot_be_recorded_is_refused_in_one_line(capsys, root, arguments, words):
    assert words in refused(capsys, root, "correct", "p1", *arguments)
    assert told(capsys, root, "list")["waiting"] == 2
