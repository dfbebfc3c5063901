"""Keeping to announced limits: how much of what a server allows a minute is used, by requests and by tokens.

Two runs against fresh servers: in one, requests run out first; in the other, tokens. Allowed is what the server's
bucket held at the start and what flowed in until the last reply; a request counts as the server charges it (its input
tokens and its token limit). The ratio is the smaller of the two. Side condition: every request ends with its reply.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.harness import Missed, Result, correct, get, note, report, serving, texts
from tests.bench.peers.ours import MAX_TOKENS, opened

NAME, UNIT = "rate_limit", "accepted / allowed"
BURST = 2.0
"""Seconds of flow a bucket holds; it starts full."""


@dataclass(frozen=True)
class Bound:
    """One of the limits, as the server's option and per minute; `flight` requests may be in flight."""

    resource: str
    per_minute: float
    flight: int = 64

    @property
    def arguments(self) -> tuple[str, ...]:
        """The server's command line."""
        ample = 1e9
        limits = {"requests": ample, "tokens": ample, self.resource: self.per_minute}
        return tuple(word for name, limit in limits.items() for word in (f"--{name}-per-minute", f"{limit:.0f}"))


def measure(seconds: float, latency: float, rate: float) -> Result:
    """Both limits, one after the other, each for about so many seconds."""
    tokens = _charged(texts(1, "one"), latency)
    shares: dict[str, float] = {}
    detail: dict[str, Any] = {"latency_ms": latency, "burst_seconds": BURST}
    for bound in (Bound("requests", rate * 60), Bound("tokens", rate * 60 * tokens)):
        shares[bound.resource], detail[bound.resource] = _share(bound, int(rate * (seconds + BURST)), latency)
        note(f"bound by {bound.resource}: {shares[bound.resource]:.3f} of what is allowed")
    if failed := {name: told["failed"] for name, told in detail.items() if isinstance(told, dict) and told["failed"]}:
        raise Missed(f"requests ended without their reply: {failed}", detail)
    least = min(shares.values())
    return Result(NAME, UNIT, least, 1.0, least, detail)


def _charged(asked: list[str], latency: float) -> float:
    """What the server charges for one prompt, in tokens."""
    with serving("--latency-ms", f"{latency:g}") as url, tempfile.TemporaryDirectory(prefix="bench-") as folder:
        with opened(url, Path(folder), 1) as ask:
            list(ask(asked))
        return get(f"{url}/practice/billing")["totals"]["input"] / len(asked) + MAX_TOKENS


def _share(bound: Bound, prompts: int, latency: float) -> tuple[float, dict[str, Any]]:
    asked = texts(prompts, bound.resource)
    arguments = (*bound.arguments, "--burst-seconds", f"{BURST:g}", "--latency-ms", f"{latency:g}")
    with (
        serving(*arguments) as url,
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        opened(url, Path(folder), bound.flight) as ask,
    ):
        list(ask(texts(1, "warm")))
        started = time.monotonic()
        rows = list(ask(asked))
        seconds = time.monotonic() - started
        stats, bill = get(f"{url}/practice/stats"), get(f"{url}/practice/billing")["totals"]
    right = correct(asked, [{"text": text, "answer": answer} for text, answer in rows])
    accepted = right if bound.resource == "requests" else bill["input"] + right * MAX_TOKENS
    allowed = bound.per_minute / 60 * (BURST + seconds)
    told = {
        "per_minute": bound.per_minute, "prompts": prompts, "seconds": seconds, "accepted": accepted,
        "allowed": allowed, "share": accepted / allowed, "failed": prompts - right, "by_status": stats["by_status"],
    }  # fmt: skip
    return accepted / allowed, told


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=35.0, help="of each of the two runs")
    parser.add_argument("--latency", type=float, default=50.0, help="milliseconds")
    parser.add_argument("--rate", type=float, default=100.0, help="requests allowed a second")
    given = parser.parse_args()
    sys.exit(report(lambda: measure(given.seconds, given.latency, given.rate), NAME, UNIT))
