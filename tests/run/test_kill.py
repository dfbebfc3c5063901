"""A run killed at random moments loses nothing, buys almost nothing twice, and ends in the same content."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from curation import Workspace
from tests.run.conftest import STILLHOUSE, make_workspace, practice_for, report, stillhouse

pytestmark = pytest.mark.journey

CONCURRENCY = 2
"""Per model in this test, so that the bound on doubled answers means something."""
LATENCY_MS = 200
"""So that the work outlasts the kills; latency changes no byte of a reply."""
WINDOW = 3.0
"""Seconds of work after the start-up within which a kill falls."""


def slow_and_narrow(text: str) -> str:
    return text.replace('use = "practice"', f'use = "practice"\nconcurrency = {CONCURRENCY}')


def kill_at_random_moments(workspace: Path, url: str, kills: int) -> int:
    """Start the run and SIGKILL it after a random time, `kills` times; how many died before they were done."""
    chance = random.Random(kills)
    began = time.monotonic()
    stillhouse(workspace, "status")
    startup = time.monotonic() - began
    died = 0
    environment = {**os.environ, "STILLHOUSE_PRACTICE_URL": url}
    for _ in range(kills):
        process = subprocess.Popen(
            [*STILLHOUSE, "-C", str(workspace), "run", "--json"],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(chance.uniform(0.5 * startup, startup + WINDOW))
        process.send_signal(signal.SIGKILL)
        died += process.wait() == -signal.SIGKILL
    return died


@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.timeout(3600)
def test_killed_at_random_it_ends_in_the_content_of_an_uninterrupted_run(tmp_path: Path, kills: int):
    calm = make_workspace(tmp_path / "calm", 10 * kills, edit=slow_and_narrow)
    killed = make_workspace(tmp_path / "killed", 10 * kills, edit=slow_and_narrow)
    models = (calm / "task.toml").read_text(encoding="utf-8").count('use = "practice"')
    with practice_for(calm) as server:
        uninterrupted = report(calm, server.url)
    with practice_for(killed, latency_ms=LATENCY_MS) as server:
        died = kill_at_random_moments(killed, server.url, kills)
        finished = report(killed, server.url)
        stats = server.stats()
    assert died > kills / 2
    with Workspace.open(calm) as a, Workspace.open(killed) as b:
        one, two = (w.store.versions.manifest(w.store.versions.head()) for w in (a, b))
    assert one.content == two.content
    assert {k: uninterrupted[k] for k in ("samples", "kept", "dropped")} == {
        k: finished[k] for k in ("samples", "kept", "dropped")
    }
    assert stats.answered_twice <= died * CONCURRENCY * models
    assert '"ok":true' in stillhouse(killed, "verify", "--json").stdout.replace(" ", "")
