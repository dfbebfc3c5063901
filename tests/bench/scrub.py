"""Scrubbing against presidio-analyzer with its patterns alone: characters per CPU second on one core, start-up apart.

Two sets of texts: generated_large of presidio-research (2,109 short texts), and 2 MB of support mail, written by
putting the shipped prompts and holdout together in ever new orders, so that no two mails are alike. Ours runs twice in
each round, with everything on (names, addresses, places and organisations too, which the peer does not find without a
model) and with pattern detectors alone. Each side is a process of its own that loads everything before the clock runs.
"""

import argparse
import json
import os
import random
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from curation.tables import ENTITIES
from tests.bench.harness import ROOT, Missed, Peer, Result, in_turn, last_words, note, report, spend

NAME, UNIT = "scrub", "characters per CPU second"
SHARED = Path(os.environ.get("STILLHOUSE_SHARED_DATA", ROOT.parent / "shared" / "data"))
TAGGED = ("person", "address", "place", "organisation")
"""What the trained tagger finds; the rest is patterns."""
PATTERNS = tuple(name for name in ENTITIES if name not in TAGGED)
PATTERNS_AT_LEAST = 40.0


@dataclass(frozen=True)
class Side:
    """Who is measured, with what argument."""

    name: str
    peer: Peer
    argument: str = ""


EVERYTHING = Side("everything", Peer("stillhouse", "scrubber"))
PATTERNS_ONLY = Side("patterns_only", Peer("stillhouse", "scrubber"), ",".join(PATTERNS))
PRESIDIO = Side("presidio", Peer("presidio", "presidio", ("presidio-analyzer==2.2.366", "spacy==3.8.18")))


def texts_of(megabytes: float, seed: int = 0) -> dict[str, Any]:
    """The texts to warm up with and the two sets that are measured; Missed without the public data."""
    folder = SHARED / "presidio_research"
    if not folder.is_dir():
        raise Missed(f"no public data at {folder}; set STILLHOUSE_SHARED_DATA")
    large = [row["full_text"] for row in json.loads((folder / "generated_large.json").read_text(encoding="utf-8"))]
    small = [row["full_text"] for row in json.loads((folder / "generated_small.json").read_text(encoding="utf-8"))]
    return {"warm": small, "sets": {"generated_large": large, "support": support(int(megabytes * 2**20), seed)}}


def support(characters: int, seed: int) -> list[str]:
    """Mails of one to five shipped messages each, drawn anew until there are so many characters."""
    parts: list[str] = []
    for name in ("prompts.jsonl", "holdout.jsonl"):
        lines = (ROOT / "data" / "support" / name).read_text(encoding="utf-8").splitlines()
        parts += [row["text"] for line in lines if "text" in (row := json.loads(line))]
    rng = random.Random(seed)
    mails: list[str] = []
    seen: set[str] = set()
    while characters > 0:
        mail = "\n\n".join(rng.sample(parts, rng.randint(1, 5)))
        if mail not in seen:
            seen.add(mail)
            mails.append(mail)
            characters -= len(mail)
    return mails


def run(side: Side, texts: Path, core: int) -> dict[str, Any]:
    """One run of a side: seconds and finds for each set."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        out = Path(name, "out.json")
        client = ["env", "OMP_NUM_THREADS=1", str(side.peer.python), "-m", f"tests.bench.peers.{side.peer.client}"]
        spent = spend([*client, str(texts), str(out), str(core), side.argument], Path(name))
        if spent.code or not out.exists():
            raise Missed(f"{side.name} ended with exit code {spent.code}: {last_words(spent.said)}")
        return json.loads(out.read_text(encoding="utf-8"))


def measure(rounds: int, megabytes: float) -> Result:
    """Alternate the three sides."""
    if reason := PRESIDIO.peer.install():
        raise Missed(f"presidio-analyzer {reason}")
    given = texts_of(megabytes)
    characters = {name: sum(map(len, texts)) for name, texts in given["sets"].items()}
    core = max(os.sched_getaffinity(0))
    runs: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        texts = Path(name, "texts.json")
        texts.write_text(json.dumps(given), encoding="utf-8")
        for side in in_turn((EVERYTHING, PATTERNS_ONLY, PRESIDIO), rounds):
            came = run(side, texts, core)
            note(f"{side.name}: {speed(came, characters):,.0f} characters a CPU second")
            runs.setdefault(side.name, []).append(came)
    return result_of(runs, characters)


def speed(came: Mapping[str, Any], characters: Mapping[str, int], only: str | None = None) -> float:
    """Characters per CPU second over all sets, or one."""
    names = [only] if only else list(characters)
    return sum(characters[name] for name in names) / sum(came[name]["cpu"] for name in names)


def result_of(runs: Mapping[str, list[dict[str, Any]]], characters: Mapping[str, int]) -> Result:
    """Medians compared; Missed when patterns alone are not fast enough to mean anything."""
    medians = {name: median(speed(r, characters) for r in mine) for name, mine in runs.items()}
    peer = medians[PRESIDIO.name]
    detail: dict[str, Any] = {
        "patterns_only": medians[PATTERNS_ONLY.name] / peer,
        "characters": dict(characters),
        "characters_per_cpu_second": medians,
        "runs": {name: [speed(r, characters) for r in mine] for name, mine in runs.items()},
        "by_set": {
            name: {s: median(speed(r, characters, s) for r in mine) for s in characters} for name, mine in runs.items()
        },
        "start_up_cpu_seconds": {name: median(r["start_up"] for r in mine) for name, mine in runs.items()},
        "found": {name: {s: mine[0][s]["found"] for s in characters} for name, mine in runs.items()},
        "apart": "start-up: the clock runs after every side has loaded and looked at 100 other texts",
    }
    if detail["patterns_only"] < PATTERNS_AT_LEAST:
        raise Missed(f"patterns alone are {detail['patterns_only']:.1f} times as fast, not {PATTERNS_AT_LEAST}", detail)
    everything = medians[EVERYTHING.name]
    return Result(NAME, UNIT, everything, peer, everything / peer, detail)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--megabytes", type=float, default=2.0)
    arguments = parser.parse_args()
    sys.exit(report(lambda: measure(arguments.rounds, arguments.megabytes), NAME, UNIT))
