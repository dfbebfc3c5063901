"""From a key to the next item painted, p95 below 50 ms, while every answer of the server comes 300 ms late.

A real Chromium votes through a line that holds back all that the server sends, page and websocket alike, for 300 ms;
what the browser sends is not held back. The page itself measures: from the key's own time stamp to the first frame
drawn with another item. The peer is our own page without a script (`?ui=native`), which shows the next item only when
the server has. Side conditions: the line is as slow as it says, every item was painted, and every vote is on record.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
from playwright.sync_api import Browser, expect, sync_playwright

from curation.store.store import Store
from judges.review import ReviewService
from tests.bench.harness import Missed, Result, note, report
from tests.bench.slow_line import slow_line
from tests.browser import planted
from tests.browser.conftest import ARGUMENTS, Tab, served
from tests.browser.painting import painted, paints, watch

NAME, UNIT = "review_latency", "50 ms / p95 from key to next item painted"
LIMIT_MS = 50.0
LATE_MS = 300.0
READING_MS = 700
"""Between two keys: as fast as an easy item is judged."""


def measure(items: int, native_items: int) -> Result:
    """The card, then the native page, on one server and through one slow line."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        workspace = planted.build(Path(folder, "house"), items)
        with Store.open(workspace) as store:
            for study in ("card", "native"):
                ReviewService(store).create(study, kind="pairwise", n=items, overlap=1, raters=["ana"])
        with served(workspace) as base, slow_line(int(base.rsplit(":", 1)[1]), LATE_MS / 1000) as port:
            slow = f"http://127.0.0.1:{port}"
            late = _answer_ms(slow) - _answer_ms(base)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
                ours = _judge(browser, slow, "card", items - 1)
                peer = _judge(browser, slow, "native", native_items)
                browser.close()
        with Store.open(workspace) as store:
            given = {study: ReviewService(store).status(study).given for study in ("card", "native")}
    return result_of(ours, peer, late, given)


def result_of(ours: dict[str, Any], peer: dict[str, Any], late: float, given: dict[str, int]) -> Result:
    """Percentiles against the limit; Missed where something was lost on the way."""
    detail = {"card": _figures(ours), "native": _figures(peer), "late_ms": late, "votes": given}
    if late < LATE_MS:
        raise Missed(f"the line was only {late:.0f} ms slower, not {LATE_MS:.0f}", detail)
    for study, seen in (("card", ours), ("native", peer)):
        if not given[study] == seen["pressed"] == len(seen["paints"]):
            raise Missed(f"{study}: {seen['pressed']} keys, {given[study]} votes, {len(seen['paints'])} paints", detail)
    p95 = detail["card"]["p95_ms"]
    return Result(NAME, UNIT, p95, detail["native"]["p95_ms"], LIMIT_MS / p95, detail)


def _judge(browser: Browser, base: str, ui: str, most: int) -> dict[str, Any]:
    """Give so many votes; the milliseconds of each."""
    note(f"{most} votes by {ui}")
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    tab = Tab(context.new_page(), base)
    tab.page.goto(f"{base}/review?study={ui}&rater=ana&ui={ui}", timeout=180_000)
    tab.page.get_by_role("button", name="A is much better").wait_for(timeout=180_000)
    tab.page.wait_for_timeout(2000)  # the keys of the native page are bound a little after its buttons are drawn
    watch(tab)
    pressed = 0
    for pressed in range(1, most + 1):
        tab.page.wait_for_timeout(READING_MS)
        before = len(painted(tab))
        tab.page.keyboard.press("123456"[pressed % 6])
        tab.page.wait_for_function(f"() => window.painted.length > {before}", timeout=60_000)
    if ui == "card":
        expect(tab.page.locator("#saved")).to_have_text("All saved", timeout=120_000)
    tab.settle()
    found = {"paints": paints(tab), "pressed": pressed}
    context.close()
    return found


def _figures(found: dict[str, Any]) -> dict[str, float]:
    times = found["paints"] or [float("nan")]
    p50, p95 = (float(np.percentile(times, q)) for q in (50, 95))
    return {"p50_ms": p50, "p95_ms": p95, "max_ms": max(times), "keys": found["pressed"]}


def _answer_ms(base: str) -> float:
    """The quickest of five answers."""
    times: list[float] = []
    for _ in range(5):
        began = time.perf_counter()
        with urlopen(f"{base}/_stcore/health") as answer:
            answer.read()
        times.append((time.perf_counter() - began) * 1000)
    return min(times)


def chromium() -> str:
    """Path of the browser; Missed where there is none."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        raise Missed("no chromium on PATH; apt-get install chromium")
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=200)
    parser.add_argument("--native-items", type=int, default=40)
    given = parser.parse_args()
    sys.exit(report(lambda: measure(given.items, given.native_items), NAME, UNIT))
