"""The practice server in a process of its own, for benchmarks: it needs no task and no answer key."""

import argparse
import threading
from collections.abc import Sequence

from curation.llm.practice.limits import Limits
from curation.llm.practice.profiles import PROFILES, Profile
from curation.llm.practice.server import PracticeServer
from curation.task import AnswerTable


def serve_alone(argv: Sequence[str] | None = None) -> None:
    """Print the server's url on one line, then serve until the process is ended.

    Models have their usual names and wires; each answers `echo.echo_of(the last user message)`, without any error.
    """
    chosen = _parser().parse_args(argv)
    limits = Limits(
        concurrency=chosen.concurrency,
        requests_per_minute=chosen.requests_per_minute,
        tokens_per_minute=chosen.tokens_per_minute,
        burst_seconds=chosen.burst_seconds,
        cached_input=chosen.cached_input,
    )
    server = PracticeServer(
        [],
        seed=chosen.seed,
        answer=AnswerTable(),
        profiles={name: Profile(wire=stated.wire, reasoning=chosen.reasoning) for name, stated in PROFILES.items()},
        latency_ms=chosen.latency_ms,
        jitter=chosen.jitter,
        limits=limits,
        batch_ms=chosen.batch_ms,
        port=chosen.port,
        echo=True,
    )
    with server:
        print(server.url, flush=True)  # noqa: T201 - this line is how the parent process learns the port
        threading.Event().wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m curation.llm.practice", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--latency-ms", type=float, default=0.0, help="how long a request is in flight")
    parser.add_argument("--jitter", action="store_true", help="times 0.5 to 1.5")
    parser.add_argument("--reasoning", type=int, default=0, help="hidden tokens per reply")
    parser.add_argument("--concurrency", type=int, help="hidden: more in flight are refused")
    parser.add_argument("--requests-per-minute", type=float)
    parser.add_argument("--tokens-per-minute", type=float)
    parser.add_argument("--burst-seconds", type=float, default=60.0)
    parser.add_argument("--batch-ms", type=float, default=0.0, help="how long a batch takes")
    parser.add_argument("--cached-input", action="store_true")
    return parser
