"""What journalling costs: the asker over a real store against a bare loop over the same SDK, same requests in flight.

Figure: correct rows per CPU second of the client process (user and system, threads included), many prompts less few,
so that start-up, imports and the warm-up are apart; the server runs in a process of its own. The sides alternate, and
the medians are compared. Side condition: every row of every run is right.
"""

import argparse
import sys
from statistics import median

from tests.bench.harness import GENEROUS, Missed, Peer, Result, Run, ask, in_turn, note, report, serving

NAME, UNIT = "sampling_overhead", "correct rows per client CPU second"
OURS, BARE = Peer("stillhouse", "ours"), Peer("bare SDK loop", "bare")


def measure(prompts: int, rounds: int, flight: int, latency: float) -> Result:
    """Alternate both sides against one server."""
    runs: dict[str, list[Run]] = {OURS.name: [], BARE.name: []}
    with serving("--latency-ms", f"{latency:g}", *GENEROUS) as url:
        for side in in_turn((OURS, BARE), rounds):
            came = ask(side, url, prompts, few=256, flight=flight)
            note(f"{side.name}: {came.correct} of {came.asked} right, {came.rate:.0f} rows a CPU second")
            runs[side.name].append(came)
    detail = {
        "prompts": prompts, "in_flight": flight, "latency_ms": latency, "order": "A B A B ...",
        "rows_per_cpu_second": {k: [r.rate for r in v] for k, v in runs.items()},
        "rows_per_second": {k: [r.speed for r in v] for k, v in runs.items()},
    }  # fmt: skip
    if wrong := [k for k, v in runs.items() if any(r.correct < r.asked for r in v)]:
        raise Missed(f"not every row is right: {', '.join(wrong)}", detail)
    ours, bare = (median(r.rate for r in runs[side.name]) for side in (OURS, BARE))
    return Result(NAME, UNIT, ours, bare, ours / bare, detail)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--flight", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.0, help="milliseconds the server waits")
    given = parser.parse_args()
    sys.exit(report(lambda: measure(given.prompts, given.rounds, given.flight, given.latency), NAME, UNIT))
