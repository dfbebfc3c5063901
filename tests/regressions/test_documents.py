"""What is written about the product holds for what is installed and for what was measured."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from tests.regressions.measured import section, unfounded
from tests.test_architecture import OWNERS, PACKAGES, sources

ROOT = Path(__file__).parents[2]

# --- figures -------------------------------------------------------------------------------------------------------

MEASURED = [("README.md", "What a first run shows", "demo.json")]
"""(page, section, record in docs/measured/ that its figures come from)"""
COMMANDS = {"demo.json": "stillhouse demo --json | tail -n 1 > docs/measured/demo.json"}


def recorded(name: str) -> dict[str, Any]:
    """What a command measured and wrote, as it came out."""
    path = ROOT / "docs" / "measured" / name
    assert path.exists(), f"nothing is recorded: {COMMANDS[name]}"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("page", "title", "record"), MEASURED)
def test_every_figure_in_a_page_is_the_recorded_run_s(page, title, record):
    """Regression 22.

    Mutation: README.md: from 228 customers, two seeds => from 229 customers, two seeds
    """
    assert unfounded(section(ROOT / page, title), recorded(record)) == []


def test_the_record_of_the_demo_is_what_the_demo_prints():
    found = recorded("demo.json")
    assert set(found) == {"run", "faults", "students", "gates", "seconds"}
    run = found["run"]
    assert run["samples"] == run["kept"] + sum(run["dropped"].values()) + run["quarantined"] + run["failed"]


RECORD = {"n": 2117, "share": 0.7484, "ci": [-0.0011, 0.0374], "seconds": 181.6, "said": "Better by 1.8 points: PASS."}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('2,117 samples, 74.8 %, -0.1 to 3.7, in 182 s. "Better by\n1.8 points: PASS."', []),
        ("2,118 samples, 74.9 %", ["2,118", "74.9"]),
        ("0.1 to 3.7", ["0.1"]),
        ('"Better by 1.8 points: FAIL."', ["Better by 1.8 points: FAIL."]),
    ],
)
def test_a_figure_that_was_never_measured_is_found(text, wrong):
    assert unfounded(text, RECORD) == wrong


# --- installing ----------------------------------------------------------------------------------------------------

EXTRAS = ("training/", "curation/tagger/fitting.py", "dashboard/views/",
           "dashboard/components/", "dashboard/app.py", "dashboard/asgi.py",
          "dashboard/charts.py", "dashboard/judge_charts.py", "dashboard/study_charts.py",
          "curation/llm/local.py")  # fmt: skip
"""Files that are imported only where an extra is installed."""

PARTS = {"annotated_types": "pydantic", "pydantic_core": "pydantic"}
"""Libraries that another one brings along as a part of itself."""


def names_of(requirements: list[str]) -> set[str]:
    """The distributions that requirements name."""
    return {re.split(r"[<>=\[ ;]", r)[0].lower().replace("_", "-") for r in requirements}


def imported_at_once(tree: ast.Module) -> Iterator[str]:
    """The top packages that importing a module imports."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def test_every_library_a_module_imports_is_a_dependency_of_the_package():
    """Regression 21.

    Mutation: pyproject.toml: "typer>=0.16", => "tqdm>=4",
    """
    declared = names_of(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"])
    known = packages_distributions()
    missing = {
        f"{file} imports {name}"
        for file, tree in sources().items()
        if not file.startswith(EXTRAS)
        for name in imported_at_once(tree)
        if name not in sys.stdlib_module_names and name not in PACKAGES and PARTS.get(name) not in declared
        if not {d.lower().replace("_", "-") for d in known.get(name, [name])} & declared
    }
    assert not missing
    assert set(OWNERS) - set(known) <= {"sentence_transformers", "peft", "torch", "transformers", "streamlit"}


OFFLINE = """
import sys
def no_network(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][0] not in ("127.0.0.1", "::1"):
        raise PermissionError(f"something talks to {arguments[1]}")
sys.addaudithook(no_network)
from dashboard.cli.main import main
main()
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a clean environment in which the built wheel and what it depends on are all there is."""
    folder = tmp_path_factory.mktemp("clean")
    environment = outside()
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    wheel = [*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(wheel, check=True, env=environment, cwd=folder)
    (built,) = folder.glob("stillhouse-*.whl")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    install = [*pip, "--python", str(python), "install", "-c", str(ROOT / "constraints.txt"), str(built)]
    subprocess.run(install, check=True, env=environment, cwd=folder)
    return python


def outside() -> dict[str, str]:
    """An environment that knows nothing of this checkout."""
    return {k: v for k, v in os.environ.items() if not re.match(r"PYTHON|VIRTUAL_ENV|STILLHOUSE|OPENAI|ANTHROPIC", k)}


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_installed_in_a_clean_environment_it_runs_ten_prompts_offline(installed: Path, tmp_path: Path):
    """Regression 21.

    Mutation: pyproject.toml: "data/support" = "curation/data/support" => "data/support" = "curation/data/supports"
    """

    def stillhouse(*arguments: str) -> str:
        command = [str(installed), "-I", "-c", OFFLINE, *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=outside(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    imported = [str(installed), "-I", "-c", "import curation; print(curation.__file__)"]
    where = subprocess.run(imported, capture_output=True, text=True, check=True)
    assert Path(where.stdout.strip()).is_relative_to(installed.parents[1])
    stillhouse("init", "ten")
    (prompts,) = (tmp_path / "ten" / "prompts").glob("*.jsonl")
    prompts.write_text("".join(prompts.read_text(encoding="utf-8").splitlines(keepends=True)[:10]), encoding="utf-8")
    line = json.loads(stillhouse("-C", "ten", "run", "--json").splitlines()[-1])
    assert line["prompts"] == 10
    assert line["samples"] == line["kept"] + sum(line["dropped"].values()) + line["quarantined"] + line["failed"]
    assert line["kept"] > 0
    assert json.loads(stillhouse("-C", "ten", "verify", "--json").splitlines()[-1])["ok"] is True
