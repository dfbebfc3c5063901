"""What every measured finder of personal data shares, with the standard library alone: texts in, spans and times out.

A client is called as `CLIENT TEXTS OUT CORE [ARGUMENT]`. TEXTS is a JSON object: `warm`, texts to load everything with,
and `sets`, named lists of texts. It stays on the one core CORE, looks at `warm`, then at each set, and writes to OUT
for each set the CPU and wall seconds it took, and how many spans of each kind it found.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

Find = Callable[[Sequence[str]], Iterable[Iterable[str]]]
"""Texts in, for each of them the kinds of the spans found."""


def measured(opened: Callable[[str], Find]) -> None:
    """Run a client, given as `opened(argument)`, as the command line says."""
    texts, out, core = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    os.sched_setaffinity(0, {core})
    given = json.loads(texts.read_text(encoding="utf-8"))
    began = time.process_time()
    find = opened(sys.argv[4] if len(sys.argv) > 4 else "")
    list(map(list, find(given["warm"])))
    told: dict[str, object] = {"start_up": time.process_time() - began}
    for name, looked_at in given["sets"].items():
        cpu, wall = time.process_time(), time.perf_counter()
        found = [list(kinds) for kinds in find(looked_at)]
        seconds = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
        if len(found) != len(looked_at):
            raise SystemExit(f"{len(found)} answers to {len(looked_at)} texts")
        told[name] = {**seconds, "found": Counter(kind for kinds in found for kind in kinds)}
    out.write_text(json.dumps(told), encoding="utf-8")
