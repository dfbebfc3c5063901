"""The pages for people are followed command by command in a real, small workspace."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from curation.store.reviews import Presentation
from curation.workspace import Workspace
from dashboard.cli import beginning
from judges.review import ReviewService

pytestmark = pytest.mark.journey

ROOT = Path(__file__).parents[2]
PROMPTS = 60
HOLDOUT = 100
STEPS = 8
INIT = "stillhouse init support\n"
"""The command after which the test makes the task small."""
VOTES = "<!-- the raters vote here -->"


def cut(workspace: Path) -> None:
    """Make the shipped task small: the first prompts and holdout rows, a few training steps."""
    first(PROMPTS, workspace / "prompts" / "support.jsonl")
    first(HOLDOUT, workspace / "holdout" / "holdout.jsonl")
    task = workspace / "task.toml"
    head, _, rest = task.read_text(encoding="utf-8").partition("[train]\n")
    rest = re.sub(r"^steps *=.*\n", "", rest, count=1, flags=re.MULTILINE)
    task.write_text(f"{head}[train]\nsteps = {STEPS}\n{rest}", encoding="utf-8")


def first(n: int, path: Path) -> None:
    """Keep the first n lines of a file."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:n]), encoding="utf-8")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder holding `support`, a small workspace that has been run once."""
    folder = tmp_path_factory.mktemp("docs with a space")
    beginning.shipped(folder / "support")
    cut(folder / "support")
    with Workspace.open(folder / "support") as workspace:
        workspace.run()
    return folder


def follow(page: str, folder: Path) -> str:
    """Run a page's command blocks in one shell, in order; what they printed."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(rf"```sh\n(.*?)```|({re.escape(VOTES)})", text, re.DOTALL)
    here = f'"{sys.executable}" "{__file__}"'
    script = "\n".join(commands or f"{here} vote" for commands, _ in blocks)
    script = script.replace(INIT, f"{INIT}{here} cut\n")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=580,
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def vote(workspace: Workspace) -> None:
    """Two raters who like short answers answer every open study, as they would on the Review page."""
    service = ReviewService(workspace.store)
    for study in service.studies():
        for rater in study.raters or ("ana", "ben"):
            for shown in service.next(study.name, rater, limit=1000):
                service.vote(shown.token, rater, _shorter(shown), dwell_ms=1200)


def _shorter(shown: Presentation) -> str:
    if shown.b is None:
        return "accept"
    return "tie" if len(shown.a) == len(shown.b) else "a" if len(shown.a) < len(shown.b) else "b"


@pytest.fixture
def workspace(made: Path, tmp_path: Path) -> Path:
    """A copy of the small workspace of one's own."""
    return Path(shutil.copytree(made / "support", tmp_path / "a folder" / "support"))


def test_the_engineers_page_goes_from_nothing_to_an_export(tmp_path: Path):
    said = follow("engineer.md", tmp_path)
    lines = said.splitlines()
    second = next(json.loads(line) for line in lines if line.startswith('{"version"'))
    assert second["calls"] == 0
    exported = (tmp_path / "support" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(exported[0])["messages"][-1]["role"] == "assistant"
    assert (tmp_path / "mine" / "task.toml").exists()


def test_the_page_about_teachers_plans_runs_in_batches_and_adds_up_the_cost(tmp_path: Path):
    said = follow("teachers.md", tmp_path)
    assert "leave the house" in said
    assert "batch" in said


def test_the_page_about_judges_goes_from_no_gold_to_what_people_would_accept(tmp_path: Path):
    said = follow("judges.md", tmp_path)
    assert "effective votes" in said
    assert "People would accept" in said


def test_the_reviewers_page_runs_a_study_and_fills_the_gold_set(workspace: Path):
    said = follow("reviewer.md", workspace)
    assert "alpha" in said
    votes = [json.loads(line) for line in (workspace / "votes.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len({v["rater"] for v in votes}) == 2
    assert not {v["rater"] for v in votes} & {"ana", "ben"}, "an export hides who rated"


def test_the_release_owners_page_ends_in_a_decision(workspace: Path):
    pytest.importorskip("torch", reason="training: torch is not installed")
    said = follow("release_owner.md", workspace)
    decision = json.loads(next(line for line in said.splitlines() if line.startswith('{"outcome"')))
    assert decision["outcome"] in {"PASS", "FAIL", "INCONCLUSIVE", "INVALID"}


def test_the_auditors_page_finds_the_changed_byte_and_checks_the_proofs(workspace: Path):
    said = follow("auditor.md", workspace)
    assert "found, exit code 1" in said
    assert json.loads((workspace / "why.json").read_text(encoding="utf-8"))["state"] == "kept"


if __name__ == "__main__":
    if sys.argv[1] == "cut":
        cut(Path("support"))
    else:
        with Workspace.open(Path.cwd()) as here:
            vote(here)
