"""A server that is killed in the middle of a queue loses no vote that a browser called saved, nor one that waits."""

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from curation.store.store import Store
from judges.review import ReviewService
from tests.browser import planted
from tests.browser.conftest import Tab, free_port, served
from tests.browser.desk import DWELL

pytestmark = [pytest.mark.browser, pytest.mark.journey]

KILLS = 3
ITEMS = 40


def voted(workspace: Path) -> list[str]:
    """The presentations with a vote on record, in the order of the votes."""
    with Store.open(workspace) as store:
        assert store.ledger.verify() == []
        return [str(e.body["presentation"]) for e in store.ledger.events() if e.kind == "vote"]


def press(opened: Tab, judged: list[str]) -> None:
    """One vote for what is on screen."""
    opened.page.wait_for_timeout(DWELL)
    token = opened.token()
    assert token is not None
    judged.append(token)
    opened.page.keyboard.press("1")


def waiting(opened: Tab) -> int:
    """How many votes the browser says are not saved yet."""
    found = re.match(r"\d+", opened.page.locator("#saved").inner_text())
    return int(found[0]) if found else 0


def test_every_vote_called_saved_is_there_after_a_kill_and_those_waiting_arrive(
    tmp_path: Path, tab: Callable[[str], Tab]
):
    workspace, port = planted.build(tmp_path / "work space", ITEMS), free_port()
    with Store.open(workspace) as store:
        ReviewService(store).create("killed", kind="pairwise", n=ITEMS, overlap=1, raters=["ana"])
    chance, judged, opened = random.Random(11), [], tab(f"http://127.0.0.1:{port}")
    for kill in range(KILLS):
        with served(workspace, port=port):
            if not kill:
                opened.open("/review?study=killed&rater=ana")
                opened.card()
            expect(opened.page.locator("#saved")).to_have_text("All saved", timeout=90_000)
            assert voted(workspace) == judged
            for _ in range(3):
                press(opened, judged)
            opened.page.wait_for_timeout(chance.uniform(0, 150))
            lost = waiting(opened)
        # The server is dead: its process got SIGKILL with the last votes on their way.
        saved = judged[: len(judged) - lost]
        assert set(saved) <= set(voted(workspace))
        press(opened, judged)
        assert waiting(opened) >= 1
    with served(workspace, port=port):
        expect(opened.page.locator("#saved")).to_have_text("All saved", timeout=90_000)
    assert voted(workspace) == judged
    assert len(set(judged)) == 4 * KILLS
