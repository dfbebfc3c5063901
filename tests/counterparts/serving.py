"""Real model servers as processes of their own on this machine: started, waited for, stopped by process id.

Run as a module it is llama.cpp's server: `python -m tests.counterparts.serving FILE.gguf PORT NAME`. It ends when its
input does.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2

from tests.conftest import ROOT
from tests.counterparts.tiny import CONTEXT

START_SECONDS = 120.0
SLOTS = 4
"""Answers llama.cpp generates at once; also the most choices it gives for one request."""


@contextmanager
def serving(command: Sequence[str], port: int, log: Path) -> Iterator[str]:
    """The server's address, once it answers /health; its output is in `log` when it does not."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    with (
        log.open("wb") as out,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=out, env=environment, cwd=ROOT) as process,
    ):
        try:
            _wait(process, port, log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    with httpx2.Client(trust_env=False, timeout=5) as client:
        while process.poll() is None and time.monotonic() < deadline:
            try:
                if client.get(f"http://127.0.0.1:{port}/health").status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            time.sleep(0.1)
    raise AssertionError(f"{process.args} did not start: {log.read_text(errors='replace')[-2000:]}")


def llama_cpp(model: Path, port: int, alias: str) -> None:
    """Serve a GGUF file through llama.cpp until standard input ends, which it does when whoever started this dies."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.model_alias = {alias}
    params.port = port
    params.n_parallel = SLOTS
    params.n_ctx = SLOTS * CONTEXT
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.warmup = False
    server = xllamacpp.Server(params)
    sys.stdin.read()
    del server


if __name__ == "__main__":
    llama_cpp(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
