"""Our asker against bespokelabs-curator, distilabel and Data Designer: rows that are right and on disk, per CPU second.

All ask the same number of prompts with the same number in flight at the same server, each as one program written the
way its documentation does it, in an environment of its own, with a cold cache. Start-up is apart: a client asks a few
prompts and then many, and the difference counts, children included. A peer that does not install or run is named in
`detail.absent`; if none ran, or ours has a wrong row, the exit code is 1.
"""

import argparse
import sys
from statistics import median

from tests.bench.harness import GENEROUS, Missed, Peer, Result, Run, ask, in_turn, note, report, serving

NAME, UNIT = "sampling_peers", "correct journalled rows per client CPU second"
OURS = Peer("stillhouse", "ours")
PEERS = (
    Peer("curator", "curator", ("bespokelabs-curator==0.1.31",)),
    Peer("distilabel", "distilabel", ("distilabel[openai]==1.5.3", "openai>=1.60,<2", "datasets>=3,<4", "requests")),
    Peer("datadesigner", "data_designer", ("data-designer==0.9.7",)),
)
TWICE = "distilabel"
"""The peer that ours is to beat by a factor of two."""


def measure(peers: tuple[Peer, ...], prompts: int, rounds: int, flight: int, latency: float) -> Result:
    """Alternate ours and every peer that installs against one server."""
    absent = {peer.name: reason for peer in peers if (reason := peer.install())}
    runs: dict[str, list[Run]] = {}
    with serving("--latency-ms", f"{latency:g}", *GENEROUS) as url:
        for side in in_turn((OURS, *peers), rounds):
            if side.name in absent:
                continue
            try:
                came = ask(side, url, prompts, flight=flight)
            except Missed as missed:
                absent[side.name] = str(missed)
                continue
            note(f"{side.name}: {came.correct} of {came.asked} right, {came.rate:.0f} rows a CPU second")
            runs.setdefault(side.name, []).append(came)
    return result_of(runs, absent, {"prompts": prompts, "in_flight": flight, "latency_ms": latency})


def result_of(runs: dict[str, list[Run]], absent: dict[str, str], settings: dict[str, float]) -> Result:
    """Medians compared with those of the fastest peer; Missed without a peer, or with a wrong row of ours."""
    rates = {name: median(r.rate for r in mine) for name, mine in runs.items() if name not in absent}
    ours = rates.pop(OURS.name, None)
    detail = {
        **settings,
        "absent": absent,
        "median": rates,
        "rows_per_cpu_second": {k: [r.rate for r in v] for k, v in runs.items()},
        "rows_per_second": {k: [r.speed for r in v] for k, v in runs.items()},
        "wrong": {k: sum(r.asked - r.correct for r in v) for k, v in runs.items()},
        "times": {} if ours is None else {name: ours / rate for name, rate in rates.items()},
        "apart": "start-up: CPU of the many prompts less that of 64 fresh ones, same process, children included",
    }
    if ours is None or any(r.correct < r.asked for r in runs[OURS.name]):
        raise Missed("our own rows are not all right", detail)
    if not rates:
        raise Missed("no peer ran", detail)
    fastest = max(rates, key=lambda name: rates[name])
    return Result(NAME, UNIT, ours, rates[fastest], ours / rates[fastest], {"fastest": fastest, **detail})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--flight", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.0, help="milliseconds the server waits")
    parser.add_argument("--only", nargs="*", help="names of the peers to run")
    given = parser.parse_args()
    chosen = tuple(p for p in PEERS if given.only is None or p.name in given.only)
    sys.exit(report(lambda: measure(chosen, given.prompts, given.rounds, given.flight, given.latency), NAME, UNIT))
