"""A process killed between any two steps of a batch: nothing is bought twice, nothing is lost, every cent is known."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from curation.llm.practice import BatchFaults
from curation.store.batches import Batches
from tests.conftest import ROOT
from tests.curation.asking import replies_in
from tests.curation.batching import asked, billed, requests_held, server, wrong_rows

pytestmark = pytest.mark.journey

NUMBER = 60
STEPS = {
    "openai": (
        "intent", "written", "file sent", "uploaded", "sending", "sent", "created", "ended", "output fetched",
        "errors fetched", "settled", "collected",
    ),
    "anthropic": ("intent", "written", "uploaded", "sending", "sent", "created", "output fetched", "settled"),
    "compat": ("sending", "sent", "created"),
}  # fmt: skip


def killed_at(step: str, root: Path, url: str, dialect: str) -> None:
    """A process of its own that asks, and is killed by SIGKILL right after a step."""
    command = [sys.executable, "-m", "tests.curation.batching", str(root), url, dialect, str(NUMBER), step]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


SLOW = {("anthropic", s) for s in ("written", "uploaded", "created", "output fetched")} | {
    ("compat", s) for s in ("sending", "created")
}  # as with openai; every one starts a process of its own


@pytest.mark.parametrize(
    ("dialect", "step"),
    [
        pytest.param(d, s, marks=[pytest.mark.slow] if (d, s) in SLOW else [])
        for d, steps in STEPS.items()
        for s in steps
    ],
)
def test_killed_after_a_step_the_server_never_holds_two_batches_of_the_same_requests(tmp_path, dialect, step):
    """Mutation: "sending" among the states that `recover` gives up without asking, in batch_submit.py."""
    with server(batch_ms=50) as practice:
        practice.batch_faults = BatchFaults(server_errors=1)
        killed_at(step, tmp_path, practice.url, dialect)
        answers, _ = asked(tmp_path, dialect, practice.url, NUMBER)
        assert not wrong_rows(answers)
        assert len(answers) == NUMBER
        assert set(requests_held(practice).values()) == {1}
        assert len(practice.batches()) == 1
        spent, charged = replies_in(tmp_path).spending(), billed(practice.url)
    assert spent.known == pytest.approx(charged, abs=1e-9)
    assert (spent.held, spent.reserved) == (0.0, 0.0)
    assert not Batches(replies_in(tmp_path).database).open()
