"""Ctrl-C stops what is long: at once, in words, and without losing what was paid for."""

import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dashboard.cli import beginning


@pytest.fixture
def support(tmp_path: Path) -> Path:
    """The shipped task, not run yet."""
    beginning.shipped(tmp_path / "support")
    return tmp_path / "support"


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "dashboard.cli.main", "-C", str(folder), *arguments]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def replies(folder: Path) -> int:
    """How many replies are stored."""
    connection = sqlite3.connect(folder / ".stillhouse" / "replies.db", timeout=30)
    try:
        tables = connection.execute("select count(*) from sqlite_master where name = 'replies'").fetchone()[0]
        return int(connection.execute("select count(*) from replies").fetchone()[0]) if tables else 0
    finally:
        connection.close()


def test_the_practice_server_ends_with_ctrl_c(support: Path):
    process = started(support, "practice", "--port", "0")
    assert process.stdout is not None
    assert "http://127.0.0.1:" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, "")


def test_a_run_stopped_with_ctrl_c_says_that_it_goes_on_and_keeps_its_replies(support: Path):
    process = started(support, "run")
    while process.poll() is None and replies(support) == 0:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said, words = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "")
    assert words.splitlines()[-1].startswith("stillhouse: stopped; every reply so far is kept")
    assert "Traceback" not in words
    assert replies(support) > 0


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_the_pages_end_with_the_command_that_serves_them(support: Path, sent: signal.Signals):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = started(support, "dashboard", "--port", str(port))
    while process.poll() is None and not answers(port):
        time.sleep(0.2)
    assert process.poll() is None
    process.send_signal(sent)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert not answers(port)


def answers(port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0
