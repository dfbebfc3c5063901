"""What the benchmarks share: peers in environments of their own, clients as subprocesses, sides in turn, one JSON line.

A benchmark is `python -m tests.bench.<name>`; its last line is `{"name","ours","peer","ratio","unit","detail":{...}}`.
`ratio` is turned so that above 1 means ours is better (for a limit: what we reach / the limit). A side condition
missed means exit 1 and no ratio.
"""

import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from curation.llm.practice.echo import echo_of

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "bench"
PASSED_ON = ("PATH", "LANG", "LC_ALL", "SSL_CERT_FILE", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")

GENEROUS = ("--requests-per-minute", "1e9", "--tokens-per-minute", "1e12")
"""Announced limits that are never met: real services announce theirs with every reply, and clients read them."""

OFFLINE = {
    "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1",
    "TELEMETRY_ENABLED": "false", "CURATOR_VIEWER": "0", "NEMO_TELEMETRY_ENABLED": "false",
    "TOKENIZERS_PARALLELISM": "false", "NO_PROXY": "127.0.0.1", "OPENAI_API_KEY": "sk-bench",
}  # fmt: skip
"""Nothing a client does may reach another machine; any key will do."""

T = TypeVar("T")


class Missed(Exception):
    """A side condition does not hold, so the ratio would mean nothing; `detail` is shown all the same."""

    def __init__(self, words: str, detail: Mapping[str, Any] | None = None) -> None:
        super().__init__(words)
        self.detail = dict(detail or {})


@dataclass(frozen=True)
class Result:
    """What a benchmark found; `ratio` is None where a side condition was missed."""

    name: str
    unit: str
    ours: float | None = None
    peer: float | None = None
    ratio: float | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        """The one line of JSON."""
        figures = {"name": self.name, "ours": self.ours, "peer": self.peer, "ratio": self.ratio, "unit": self.unit}
        return json.dumps(_rounded({**figures, "detail": self.detail}), allow_nan=False)


def report(measure: Callable[[], Result], name: str, unit: str) -> int:
    """Print the benchmark's line; the exit code: 0 when it holds, 1 when a side condition was missed."""
    try:
        result = measure()
    except Missed as missed:
        result = Result(name, unit, detail={"missed": str(missed), **missed.detail})
    print(result.line())
    return 0 if result.ratio is not None else 1


def note(line: str) -> None:
    """Progress, on standard error."""
    print(line, file=sys.stderr, flush=True)


def in_turn(sides: Sequence[T], rounds: int) -> list[T]:
    """The order in which sides are measured: A B A B ..., so that a slow minute of the machine meets all of them."""
    return [side for _ in range(rounds) for side in sides]


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, Mapping):
        return {k: _rounded(v) for k, v in value.items()}
    return [_rounded(v) for v in value] if isinstance(value, list | tuple) else value


# --- who is measured -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Peer:
    """A library measured beside ours: the client that drives it, and what to install where (nothing: our own)."""

    name: str
    client: str
    requirements: tuple[str, ...] = ()

    @property
    def home(self) -> Path:
        """Its virtual environment."""
        return CACHE / self.name

    @property
    def python(self) -> Path:
        """The interpreter that runs the client."""
        return self.home / "bin" / "python" if self.requirements else Path(sys.executable)

    def install(self) -> str | None:
        """Make the environment, once; None, or why there is none."""
        stamp, wanted = self.home / "installed.json", json.dumps(list(self.requirements))
        if not self.requirements or (stamp.exists() and stamp.read_text(encoding="utf-8") == wanted):
            return None
        note(f"installing {self.name} in {self.home}")
        pip = [str(self.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        for command in ([sys.executable, "-m", "venv", "--clear", str(self.home)], [*pip, *self.requirements]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                return f"does not install: {last_words(done.stderr)}"
        stamp.write_text(wanted, encoding="utf-8")
        return None


def last_words(said: str, limit: int = 300) -> str:
    """The end of what a process said, on one line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return " | ".join(lines[-3:])[-limit:] if lines else "it said nothing"


# --- what is asked, and whether the answers are right -------------------------------------------------------------


def texts(number: int, salt: str) -> list[str]:
    """Prompts as long as a customer's message, no two alike and none the same under another salt."""
    body = (
        "I ordered two lamps last week and only one of them came; the box was open and the receipt was missing. "
        "Could you tell me whether the second one is on its way, or send my money back to the card I paid with? "
        "I have been a customer for six years and this is the first time that something like this happens."
    )
    return [f"Message {salt}-{i}: {body}" for i in range(number)]


def write_texts(path: Path, parts: Mapping[str, Iterable[str]]) -> None:
    """The prompts as a client reads them, each with the part of the run it belongs to."""
    rows = [{"text": text, "part": part} for part, asked in parts.items() for text in asked]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


def correct(asked: Iterable[str], rows: Iterable[Mapping[str, str | None]]) -> int:
    """How many prompts have exactly one row, and in it the answer to that prompt and no other."""
    answers: dict[str | None, list[str | None]] = {}
    for row in rows:
        answers.setdefault(row["text"], []).append(row["answer"])
    return sum(answers.get(text) == [echo_of(text)] for text in asked)


# --- running a client --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Spent:
    """What a process and all it started used."""

    code: int
    said: str
    cpu: float
    wall: float


@dataclass(frozen=True)
class Run:
    """One run of a client: how many prompts of the larger part were asked and answered right, and what rows cost
    beyond those of the smaller part, in CPU and in wall seconds; `cpu` is the whole process tree with its start-up."""

    asked: int
    correct: int
    rows: int
    row_cpu: float
    row_wall: float
    cpu: float

    @property
    def rate(self) -> float:
        """Correct rows per CPU second."""
        return self.rows / self.row_cpu

    @property
    def speed(self) -> float:
        """Correct rows per second."""
        return self.rows / self.row_wall


@contextlib.contextmanager
def serving(*arguments: str, module: str = "curation.llm.practice") -> Generator[str]:
    """The practice server in a process of its own; its url."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            if not url:
                raise Missed(f"the server {module} did not start")
            yield url
        finally:
            process.terminate()


def get(url: str) -> Any:
    """What a page of the practice server says."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def ask(peer: Peer, url: str, many: int, few: int = 64, flight: int = 64) -> Run:
    """Run a client in a cold folder that is also its home, with prompts that nobody asked before, and check its rows.

    Missed when it fails, or when asking many costs no more than asking few.
    """
    salt = secrets.token_hex(4)
    parts = {part: texts(n, f"{salt}{part}") for part, n in (("warm", few), ("few", few), ("many", many))}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        prompts, out = Path(name, "prompts.jsonl"), Path(name, "rows.jsonl")
        write_texts(prompts, parts)
        client = [str(peer.python), "-m", f"tests.bench.peers.{peer.client}"]
        spent = spend([*client, url, str(prompts), str(out), name, str(flight)], Path(name))
        if spent.code or not out.exists():
            raise Missed(f"{peer.name} ended with exit code {spent.code}: {last_words(spent.said)}")
        rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    return _run(parts, rows, spent, peer.name)


def _run(parts: Mapping[str, list[str]], rows: list[dict[str, str | None]], spent: "Spent", name: str) -> Run:
    told = next((line for line in reversed(spent.said.splitlines()) if line.startswith('{"spent"')), None)
    if told is None:
        raise Missed(f"{name} did not say what it spent: {last_words(spent.said)}")
    figures = json.loads(told)["spent"]
    cpu = figures["cpu_many"] - figures["cpu_few"]
    right, right_of_few = correct(parts["many"], rows), correct(parts["few"], rows)
    if cpu <= 0:
        raise Missed(f"{name} used no more CPU for {len(parts['many'])} prompts than for {len(parts['few'])}")
    wall = max(figures["wall_many"] - figures["wall_few"], 1e-9)
    return Run(len(parts["many"]), right, right - right_of_few, cpu, wall, spent.cpu)


def spend(command: Sequence[str], folder: Path, seconds: float = 1200) -> Spent:
    """Run a command with `folder` as its home, and nothing of this process's environment that could change it."""
    log = folder / "log"
    home = {name: str(folder) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "HF_HOME", "CURATOR_CACHE_DIR")}
    environment = {k: os.environ[k] for k in PASSED_ON if k in os.environ} | OFFLINE | home
    counting = [sys.executable, "-m", "tests.bench.spend", str(log), *command]
    done = subprocess.run(
        counting, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=seconds
    )
    told = json.loads(done.stdout.splitlines()[-1])
    return Spent(told["code"], log.read_text(encoding="utf-8", errors="replace"), told["cpu"], told["wall"])


def opened(name: str, **parameters: str) -> tuple[float, Any]:
    """A page of the dashboard without a browser: the seconds it took to open, and what can be done on it."""
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_string(f"from dashboard.views import {name}\n{name}.render()", default_timeout=120)
    for key, value in parameters.items():
        app.query_params[key] = value
    started = time.monotonic()
    app.run()
    seconds = time.monotonic() - started
    if app.exception:
        raise RuntimeError(app.exception[0].message)
    return seconds, app
