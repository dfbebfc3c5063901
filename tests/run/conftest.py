"""A small support workspace of the shipped task, and the ways the tests run it."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from curation.llm.practice.server import PracticeServer, server_for
from curation.run import gold_key, scrub_text
from curation.workspace import Workspace

STILLHOUSE = [sys.executable, "-m", "dashboard.cli.main"]


def make_workspace(
    folder: Path, prompts: int, *, every: int = 1, edit: Callable[[str], str] = lambda text: text
) -> Path:
    """The shipped task in a folder with its first `prompts` prompts; `edit` changes the text of task.toml."""
    subprocess.run([*STILLHOUSE, "init", str(folder)], check=True, capture_output=True)
    file = prompts_file(folder)
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)[::every][:prompts]
    file.write_text("".join(lines), encoding="utf-8")
    task = folder / "task.toml"
    task.write_text(edit(task.read_text(encoding="utf-8")), encoding="utf-8")
    return folder


def prompts_file(workspace: Path) -> Path:
    """The one file of prompts of a shipped workspace."""
    (file,) = (workspace / "prompts").glob("*.jsonl")
    return file


def stillhouse(
    workspace: Path, *arguments: str, url: str | None = None, check: bool = True, keys: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run the command line on a workspace, as a user would; with `keys`, those of the environment are passed on."""
    hidden = r"STILLHOUSE_PRACTICE" if keys else r"(OPENAI|ANTHROPIC)_|STILLHOUSE_PRACTICE"
    environment = {k: v for k, v in os.environ.items() if not re.match(hidden, k)}
    if url:
        environment["STILLHOUSE_PRACTICE_URL"] = url
    done = subprocess.run(
        [*STILLHOUSE, "-C", str(workspace), *arguments], capture_output=True, text=True, env=environment, check=False
    )
    assert not check or done.returncode == 0, done.stderr
    return done


def report(workspace: Path, url: str | None = None) -> dict:
    """The last line of `run --json`."""
    return json.loads(stillhouse(workspace, "run", "--json", url=url).stdout.splitlines()[-1])


def practice_for(workspace: Path, **options: object) -> PracticeServer:
    """A practice server of our own for a workspace, so that its counts can be read."""
    with Workspace.open(workspace) as opened:
        return server_for(opened.task, scrub_text(opened.task), also=gold_key(opened.store), **options)


@pytest.fixture(scope="session")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of 60 prompts that has been run once; tests that change it take a copy."""
    folder = make_workspace(tmp_path_factory.mktemp("sealed") / "with a space", 60, every=25)
    report(folder)
    return folder


@pytest.fixture
def workspace(sealed: Path, tmp_path: Path) -> Path:
    """A copy of the sealed workspace, to change."""
    return Path(shutil.copytree(sealed, tmp_path / "a copy", symlinks=True))
