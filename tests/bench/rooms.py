"""The Overview and Provenance at 1,000,000 samples, each request of them in the journal: opened in less than 1.5 s.

Each page is run (by Streamlit's own test client, without a browser) as the first visitor of a server meets it, with
nothing remembered; once more with what the server then remembers; and, for Provenance, with the story of one sample.
The share of rows that can be traced is counted beside the page: when it is there, is in detail.
Side conditions: what the pages say they counted is right. Figure: the limit over the slowest first opening.
"""

import argparse
import json
import os
import resource
import sqlite3
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.harness import Missed, Result, note, opened, report
from tests.bench.samples_page import _python

NAME, UNIT = "rooms", "1.5 s / seconds until a page is open"
OPENS = 1.5
PAGES = ("overview", "provenance")


def measure(samples: int, rounds: int) -> Result:
    """Make the version in one process and open the pages in another, so that what they hold can be told."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        workspace = Path(folder, "house")
        note(f"making a version of {samples:,} samples and its journal")
        build = "import sys; from tests.bench.rooms import build; build(sys.argv[1], int(sys.argv[2]))"
        _python(build, str(workspace), str(samples))
        note("opening the pages")
        run = "import sys; from tests.bench.rooms import timed; timed(sys.argv[1], int(sys.argv[2]))"
        told = json.loads(_python(run, str(workspace), str(rounds)).splitlines()[-1])
    return result_of(told, samples)


def result_of(told: dict[str, Any], samples: int) -> Result:
    """Medians of the first openings against the limit; Missed where a page was wrong."""
    first = {name: median(told[name]["first"]) for name in PAGES}
    slowest = max(first, key=lambda name: first[name])
    detail = {
        "samples": samples, "slowest": slowest, "first_s": first,
        "again_s": {name: median(told[name]["again"]) for name in PAGES}, "story_s": median(told["story"]),
        "counted_s": median(told["counted"]),
        "rounds": {name: told[name]["first"] for name in PAGES}, "resident_mb": told["resident_mb"],
    }  # fmt: skip
    if told["wrong"]:
        raise Missed(f"a page was wrong: {', '.join(told['wrong'])}", detail)
    return Result(NAME, UNIT, first[slowest], OPENS, OPENS / first[slowest], detail)


def build(workspace: str, samples: int) -> None:
    """Many samples, and the request of each in the journal with a body of 300 characters."""
    from curation.store.query import Query
    from curation.store.store import Store
    from tests.dashboard import many_samples

    many_samples.build(Path(workspace), samples)
    with Store.open(Path(workspace)) as store, Query(store) as query:
        keys = query.sql("SELECT request_key, teacher FROM samples")
    with sqlite3.connect(Path(workspace, ".stillhouse", "replies.db")) as journal:
        journal.executemany(
            "INSERT INTO requests (key, purpose, name, model, host, body, at)"
            " VALUES (?, 'sample', ?, 'a model', 'a host', ?, '2026-01-01')",
            ((key, teacher, f'{{"text": "{"x" * 288}"}}') for key, teacher in keys.iter_rows()),
        )
    journal.close()


# --- in the process that shows the pages -----------------------------------------------------------------------


def timed(workspace: str, rounds: int) -> None:
    """Run the pages so many times over and print what was measured."""
    from dashboard.launch import WORKSPACE

    os.environ[WORKSPACE] = workspace
    told: dict[str, Any] = {name: {"first": [], "again": []} for name in PAGES} | {
        "story": [],
        "counted": [],
        "wrong": [],
    }
    for name in PAGES:
        opened(name)  # imports are the server's start-up
    for _ in range(rounds):
        for name in PAGES:
            _round(told, name)
    told["resident_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(told))


def _round(told: dict[str, Any], name: str) -> None:
    import streamlit as st

    st.cache_resource.clear()
    st.cache_data.clear()
    started = time.monotonic()
    seconds, app = opened(name)
    told[name]["first"].append(seconds)
    while "counting" in [metric.value for metric in app.metric]:  # as an open page looks again by itself
        time.sleep(0.2)
        app.run()
    told["counted"].append(time.monotonic() - started)
    told[name]["again"].append(opened(name)[0])
    captions = "\n".join(str(caption.value) for caption in app.caption)
    # The version was sealed without naming its teachers, so every row lacks that and nothing else.
    if "with a teacher the manifest does not name" not in captions or "no request in this" in captions:
        told["wrong"].append(name)
    if name == "provenance":
        told["story"].append(opened(name, id=_some_id())[0])


def _some_id() -> str:
    from dashboard.views import house

    found = house.query("head").sql("SELECT id FROM samples WHERE id > '8' LIMIT 1")
    return str(found["id"][0])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    sys.exit(report(lambda: measure(given.samples, given.rounds), NAME, UNIT))
