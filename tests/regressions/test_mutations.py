"""Each of 22 defects seen elsewhere has a test here, and each of these tests fails when our code has that defect."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.regressions.mutations import DEFECTS, ROOT, Mutation, mutations, regressions

FOLDERS = ("curation", "judges", "training", "dashboard", "tests", "data", "docs")
ALL = mutations()
SECONDS = 300


def test_every_one_of_the_defects_has_a_test_and_every_such_test_names_its_mutation():
    assert {m.number for m in ALL} == set(DEFECTS) == set(range(1, 23))
    assert {test for _, test in regressions()} == {m.test for m in ALL}


@pytest.mark.parametrize("mutation", ALL, ids=lambda m: m.name)
def test_a_mutation_changes_exactly_one_line_that_is_still_there(mutation: Mutation):
    source = (ROOT / mutation.file).read_text(encoding="utf-8")
    assert source.count(mutation.old) == 1, f"{mutation.file} holds {mutation.old!r} {source.count(mutation.old)} times"
    assert mutation.old != mutation.new
    if mutation.file.endswith(".py"):
        ast.parse(mutation.applied(source))


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The house in another place, in which all of these tests pass."""
    folder = tmp_path_factory.mktemp("mutated") / "house"
    ignored = shutil.ignore_patterns("__pycache__", "screenshots")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for file in ROOT.glob("*.*"):
        if file.is_file():
            shutil.copy2(file, folder)
    shutil.copy2(ROOT / "LICENSE", folder)
    imported = "import curation, judges, training, dashboard; print(curation.__file__, dashboard.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", imported],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=True,
    )
    assert all(path.startswith(str(folder)) for path in found.stdout.split()), found.stdout
    whole = pytest_in(folder, *sorted({m.test for m in ALL}))
    assert whole.returncode == 0, whole.stdout[-4000:]
    assert "skipped" not in whole.stdout.splitlines()[-1], whole.stdout[-4000:]
    yield folder
    shutil.rmtree(folder.parent)


def environment(folder: Path) -> dict[str, str]:
    """Whatever a test starts, it starts from this folder's code."""
    return {**os.environ, "PYTHONPATH": str(folder), "HF_HUB_OFFLINE": "1"}


def pytest_in(folder: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    """Run tests of a folder, slow ones too."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not live", *tests]
    limit = SECONDS * len(tests)
    return subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False, timeout=limit
    )


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mutation", ALL, ids=lambda m: m.name)
def test_the_test_fails_when_our_code_has_the_defect(copy: Path, mutation: Mutation):
    file = copy / mutation.file
    sound = file.read_text(encoding="utf-8")
    file.write_text(mutation.applied(sound), encoding="utf-8")
    try:
        done = pytest_in(copy, mutation.test)
    finally:
        file.write_text(sound, encoding="utf-8")
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr[-1000:]
    assert re.search(r"\b1 failed\b", done.stdout.splitlines()[-1]), done.stdout[-3000:]
    assert not re.search(r"^E +(ImportError|ModuleNotFoundError|SyntaxError|NameError)", done.stdout, re.MULTILINE)
