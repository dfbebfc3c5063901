"""What every measured client shares, with the standard library alone: prompts in, rows out, CPU between marks.

A client is called as `CLIENT URL PROMPTS OUT FOLDER FLIGHT`. It asks the prompts of the JSON Lines file PROMPTS at the
server URL with FLIGHT requests in flight, in three calls: some to warm up (lazy imports, connections), a few, and many.
It keeps what it keeps under FOLDER, writes one row per answer to OUT, and says what CPU the last two calls used: their
difference is what rows cost, whatever a call costs by itself.
"""

import json
import resource
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path

Row = tuple[str, str | None]
Ask = Callable[[list[str]], Iterable[Row]]
MODEL = "alder-large"
"""A practice model that speaks OpenAI's chat format."""
PARTS = ("warm", "few", "many")


def measured(opened: Callable[[str, Path, int], AbstractContextManager[Ask]]) -> None:
    """Run a client, given as `opened(url, folder, flight)`, as the command line says."""
    url, prompts, out, folder, flight = (
        sys.argv[1],
        Path(sys.argv[2]),
        Path(sys.argv[3]),
        Path(sys.argv[4]),
        sys.argv[5],
    )
    asked = [json.loads(line) for line in prompts.read_text(encoding="utf-8").splitlines()]
    rows: list[Row] = []
    spent: dict[str, float] = {}
    with opened(url, folder, int(flight)) as ask:
        for part in PARTS:
            texts = [row["text"] for row in asked if row["part"] == part]
            cpu, wall = _cpu(), time.monotonic()
            rows += ask(texts) if texts else ()
            spent |= {f"cpu_{part}": _cpu() - cpu, f"wall_{part}": time.monotonic() - wall}
    lines = [json.dumps({"text": text, "answer": answer}) for text, answer in rows]
    out.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    print(f"\n{json.dumps({'spent': spent})}", flush=True)


def _cpu() -> float:
    """User and system seconds of this process and its ended children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)
