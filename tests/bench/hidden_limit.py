"""Finding a limit nobody announces: a server that takes 37 requests at once and refuses the rest without a word.

The asker may have 256 in flight. Figure: replies per second from first to last, the search for the limit included;
limit: 37 / latency. Side conditions: every row is right, and at most 2 % of calls were refused.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.harness import Missed, Result, correct, get, report, serving, texts
from tests.bench.peers.ours import opened

NAME, UNIT = "hidden_limit", "replies per second / what the hidden limit allows"
HIDDEN, MOST = 37, 256
REFUSED = 0.02


def measure(prompts: int, latency: float) -> Result:
    """One run against a fresh server."""
    asked = texts(prompts, "hidden")
    arguments = ("--latency-ms", f"{latency:g}", "--concurrency", str(HIDDEN))
    with (
        serving(*arguments) as url,
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        opened(url, Path(folder), MOST) as ask,
    ):
        list(ask(texts(1, "warm")))  # imports and the first connection are start-up, the search for the limit is not
        started = time.monotonic()
        rows = list(ask(asked))
        seconds = time.monotonic() - started
        stats = get(f"{url}/practice/stats")
    calls = sum(stats["by_status"].values())
    refused = stats["by_status"].get("429", 0) / calls
    right = correct(asked, [{"text": text, "answer": answer} for text, answer in rows])
    goodput, limit = right / seconds, HIDDEN / (latency / 1000)
    detail = {
        "prompts": prompts, "latency_ms": latency, "hidden": HIDDEN, "configured": MOST, "seconds": seconds,
        "calls": calls, "refused_share": refused, "most_in_flight": stats["most_in_flight"], "right": right,
        "goodput": goodput, "allowed": limit, "share": goodput / limit,
    }  # fmt: skip
    if right < prompts:
        raise Missed(f"{prompts - right} rows have no right answer", detail)
    if refused > REFUSED:
        raise Missed(f"{100 * refused:.1f} % of calls were refused, more than {100 * REFUSED:.0f} %", detail)
    return Result(NAME, UNIT, goodput, limit, goodput / limit, detail)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=4000)
    parser.add_argument("--latency", type=float, default=250.0, help="milliseconds; one core must keep up with 37 / it")
    given = parser.parse_args()
    sys.exit(report(lambda: measure(given.prompts, given.latency), NAME, UNIT))
