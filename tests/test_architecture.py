"""The house keeps its layers, its owners and its sizes; checked on the syntax tree, not by running the code."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from curation.shares import percent

ROOT = Path(__file__).parent.parent
PACKAGES = ("curation", "judges", "training", "dashboard")
OWNERS: dict[str, tuple[str, ...]] = {
    "duckdb": ("curation/store/query.py",),
    "openai": ("curation/llm/openai.py",),
    "anthropic": ("curation/llm/anthropic.py",),
    "sqlalchemy": ("curation/store/",),
    "streamlit": ("dashboard/app.py", "dashboard/asgi.py", "dashboard/views/", "dashboard/components/"),
    "torch": ("training/", "curation/llm/local.py", "curation/tagger/fitting.py"),
    "transformers": ("training/", "curation/llm/local.py"),
    "peft": ("training/",),
    "sentence_transformers": ("curation/llm/embed.py",),
}
HEAVY = ("torch", "transformers", "streamlit", "duckdb")
PERCENT_SIGNS = ("curation/shares.py", "judges/evidence/llmbar_published.py")
"""Where shares are written: the one function, and what compares figures with a published script's own words."""
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES_P95 = 45


@cache
def sources() -> dict[str, ast.Module]:
    return {
        str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8"))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if "data" not in path.relative_to(ROOT).parts
    }


def imports(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
    return found


def test_a_package_imports_only_itself_and_those_to_its_left():
    wrong = [
        f"{file} imports {name}"
        for file, tree in sources().items()
        for name in imports(tree)
        if (top := name.split(".")[0]) in PACKAGES and PACKAGES.index(top) > PACKAGES.index(file.split("/")[0])
    ]
    assert not wrong


@pytest.mark.parametrize("library", OWNERS)
def test_a_library_is_imported_by_its_owners_alone(library: str):
    wrong = [
        file
        for file, tree in sources().items()
        if any(name.split(".")[0] == library for name in imports(tree)) and not file.startswith(OWNERS[library])
    ]
    assert not wrong


def test_no_file_is_longer_than_one_person_reads_at_a_sitting():
    long = {f: n for f in sources() if (n := len((ROOT / f).read_text(encoding="utf-8").splitlines())) > MAX_FILE_LINES}
    assert not long


def test_functions_stay_short():
    lengths = sorted(
        (node.end_lineno or 0) - node.lineno + 1
        for tree in sources().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    assert lengths[int(len(lengths) * 0.95)] <= MAX_FUNCTION_LINES_P95


def test_nobody_catches_everything():
    broad = {"Exception", "BaseException"}
    wrong = [
        f"{file}:{node.lineno}"
        for file, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or broad & {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)})
    ]
    assert not wrong


def test_a_share_is_put_in_words_in_one_place():
    """Mutation: curation/shares.py: :{form}} %" => :{form}}%"
    Mutation: curation/dedup.py: {percent(n / keyed.height)} => {n / keyed.height:.0%}"""
    assert percent(0.261, ".1f") == "26.1 %"
    wrong = [
        f"{file}:{node.lineno}"
        for file, tree in sources().items()
        if file not in PERCENT_SIGNS
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr) and any(map(_percent_sign, node.values, [*node.values[1:], None]))
    ]
    assert not wrong


def _percent_sign(part: ast.expr, after: ast.expr | None) -> bool:
    """Whether a value in an f-string is formatted as a percentage, or a percent sign comes right after it."""
    if not isinstance(part, ast.FormattedValue):
        return False
    formed = ast.unparse(part.format_spec).rstrip("'\"").endswith("%") if part.format_spec else False
    return formed or (isinstance(after, ast.Constant) and str(after.value).lstrip().startswith("%"))


def test_tests_use_real_parts_rather_than_patches():
    tests, patches = 0, 0
    for path in (ROOT / "tests").rglob("test_*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        tests += sum(
            isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and n.name.startswith("test_") for n in ast.walk(tree)
        )
        patches += sum(
            (
                isinstance(n, ast.Name | ast.Attribute)
                and getattr(n, "id", getattr(n, "attr", "")) in {"Mock", "MagicMock", "AsyncMock", "patch"}
            )
            or (isinstance(n, ast.Attribute) and n.attr == "setattr" and getattr(n.value, "id", "") == "monkeypatch")
            for n in ast.walk(tree)
        )
    assert patches <= tests / 50


def test_every_module_says_what_it_is():
    wrong = [f for f, tree in sources().items() if tree.body and not ast.get_docstring(tree)]
    assert not wrong


def test_importing_the_command_line_or_a_plugin_loads_nothing_heavy():
    modules = [
        "dashboard.cli.main",
        *(
            f.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
            for f in sources()
            if f.startswith(
                (
                    "curation/checks/",
                    "curation/detectors/",
                    "curation/teachers/",
                    "curation/variations/",
                    "judges/graders/",
                    "judges/gates/",
                )
            )
        ),
    ]
    code = f"""
import importlib, sys
for name in {modules!r}:
    importlib.import_module(name)
print([h for h in {HEAVY!r} if h in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_help_comes_without_loading_what_reads_data():
    code = "import sys, dashboard.cli.main; print([h for h in ('polars', 'sqlalchemy', 'duckdb') if h in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
