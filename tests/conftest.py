"""What every test may ask for, and the table of skips that ends a run."""

import gc
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

from dashboard.cli.main import GARBAGE

ROOT = Path(__file__).parent.parent
REQUIRED = set(filter(None, os.environ.get("STILLHOUSE_REQUIRE", "").split(",")))
"""Parts whose absence is a failure, not a skip: `browser`, `postgres`, `shared`, `llama_cpp`, `transformers_serve`."""

gc.set_threshold(GARBAGE)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public data; the test is skipped where it is absent."""
    folder = Path(os.environ.get("STILLHOUSE_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"shared: no public data at {folder}; set STILLHOUSE_SHARED_DATA")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the Chromium executable; the test is skipped where it is absent."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("browser: no chromium on PATH; apt-get install chromium")
    return path


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """A skip of a required part is a failure."""
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple):
        part = str(report.longrepr[2]).removeprefix("Skipped: ").split(":")[0]
        if part in REQUIRED:
            report.outcome = "failed"
            report.longrepr = f"{part} is required here, yet: {report.longrepr[2]}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was skipped and why, once per reason."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(str(r.longrepr[2]).removeprefix("Skipped: ") for r in skipped if isinstance(r.longrepr, tuple))
    if reasons:
        terminalreporter.section("what was skipped")
        for reason, count in reasons.most_common():
            terminalreporter.write_line(f"{count:5d}  {reason}")
