"""Run a command and say what CPU it and everything it ever started used: `python -m tests.bench.spend LOG COMMAND...`.

A process that outlives its parent would escape the count, so this one adopts what the command leaves behind
(PR_SET_CHILD_SUBREAPER), waits for it, and only then adds up.
"""

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

SUBREAPER = 36
PATIENCE = 10.0
"""Seconds left to processes the command left behind; then they are ended."""


def main(log: Path, command: list[str]) -> None:
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    started = time.monotonic()
    with log.open("wb") as sink:
        code = subprocess.run(command, stdout=sink, stderr=subprocess.STDOUT, check=False).returncode
    wall = time.monotonic() - started
    left = reap(time.monotonic() + PATIENCE)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime
    print(json.dumps({"code": code, "cpu": cpu, "wall": wall, "left": left, "peak_mb": used.ru_maxrss / 1024}))


def reap(until: float) -> int:
    """Wait for what was left behind; how many had to be ended."""
    ended = 0
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid:
            continue
        if time.monotonic() > until:
            for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
                os.kill(int(child), signal.SIGKILL)
                ended += 1
        time.sleep(0.02)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
