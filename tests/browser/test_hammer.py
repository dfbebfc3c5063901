"""However keys are hammered, no vote is recorded for an item that no browser painted, and no item takes two."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from curation.store.store import Store
from judges.review import ReviewService
from tests.browser import planted
from tests.browser.conftest import Tab, served
from tests.browser.painting import painted, watch

pytestmark = [pytest.mark.browser, pytest.mark.journey]

INTERVALS = (30, 80, 150, 300)
"""Milliseconds between two presses."""
PRESSES = 12
UIS = ("card", "native")


@dataclass(frozen=True)
class Floor:
    workspace: Path
    base: str

    def study(self, name: str) -> str:
        with Store.open(self.workspace) as store:
            return ReviewService(store).create(name, kind="pairwise", n=60, overlap=1, raters=["ana"]).name

    def votes(self, study: str) -> Counter[str]:
        """How often each presentation took a vote, those taken back too."""
        with Store.open(self.workspace) as store:
            cast = [e.body for e in store.ledger.events() if e.kind == "vote"]
        return Counter(str(body["presentation"]) for body in cast if body["study"] == study)


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    workspace = planted.build(tmp_path_factory.mktemp("hammer") / "work space", 60)
    with served(workspace) as base:
        yield Floor(workspace, base)


def sit(opened: Tab, study: str, ui: str) -> Tab:
    """The rater before the study, painting watched."""
    opened.open(f"/review?study={study.replace(' ', '+')}&rater=ana&ui={ui}")
    if ui == "card":
        opened.card()
    else:
        opened.page.get_by_role("button", name="A is much better").wait_for(timeout=60_000)
        opened.settle()
        opened.page.wait_for_timeout(300)  # the keys are bound a little after the buttons are drawn
    watch(opened)
    return opened


def rest(opened: Tab, ui: str) -> None:
    """Until everything is saved."""
    if ui == "card":
        expect(opened.page.locator("#saved")).to_have_text("All saved", timeout=60_000)
    opened.page.wait_for_timeout(300)
    opened.settle()


def only_painted(floor: Floor, study: str, tabs: list[Tab]) -> int:
    """Asserts that every vote is about an item that was painted, once; the number of votes."""
    votes, seen = floor.votes(study), {token for opened in tabs for token in painted(opened)}
    assert set(votes) <= seen
    assert set(votes.values()) <= {1}
    assert votes.total() <= len(seen)
    return votes.total()


@pytest.mark.parametrize("ui", UIS)
def test_hammering_records_no_more_votes_than_items_were_painted(floor: Floor, tab: Callable[[str], Tab], ui: str):
    study = floor.study(f"hammered {ui}")
    opened, before = sit(tab(floor.base), study, ui), 0
    for every in INTERVALS:
        opened.page.wait_for_timeout(500)
        for _ in range(PRESSES):
            opened.page.keyboard.press("1")
            opened.page.wait_for_timeout(every)
        rest(opened, ui)
        after = only_painted(floor, study, [opened])
        print(f"{ui}, every {every} ms: {len(painted(opened))} painted so far, {after} votes")
        assert after > before
        before = after


@pytest.mark.parametrize("ui", UIS)
def test_a_key_held_down_votes_for_nothing_unseen(floor: Floor, tab: Callable[[str], Tab], ui: str):
    study = floor.study(f"held {ui}")
    opened = sit(tab(floor.base), study, ui)
    opened.page.wait_for_timeout(500)
    for _ in range(40):  # without a key-up each further one is a repeat
        opened.page.keyboard.down("2")
        opened.page.wait_for_timeout(33)
    opened.page.keyboard.up("2")
    rest(opened, ui)
    votes = only_painted(floor, study, [opened])
    assert votes == 1 if ui == "card" else votes >= 1


@pytest.mark.parametrize("together", [True, False], ids=["one browser", "two browsers"])
@pytest.mark.parametrize("ui", UIS)
def test_two_tabs_of_one_rater_never_vote_twice_nor_for_what_neither_painted(
    floor: Floor, browser: Browser, ui: str, together: bool
):
    study = floor.study(f"twice {ui} {together}")
    contexts = [browser.new_context() for _ in range(1 if together else 2)]
    tabs = [sit(Tab(contexts[-1 if i else 0].new_page(), floor.base), study, ui) for i in range(2)]
    tabs[0].page.wait_for_timeout(500)
    for press in range(2 * PRESSES):
        tabs[press % 2].page.keyboard.press("15"[press % 2])
        tabs[press % 2].page.wait_for_timeout(80)
    for opened in tabs:
        rest(opened, ui)
    assert only_painted(floor, study, tabs) >= 1
    for context in contexts:
        context.close()


@pytest.mark.parametrize("ui", UIS)
def test_keys_pressed_behind_an_open_dialog_vote_for_nothing_unseen(floor: Floor, tab: Callable[[str], Tab], ui: str):
    study = floor.study(f"behind {ui}")
    opened = sit(tab(floor.base), study, ui)
    opened.page.evaluate(
        "() => { const box = document.createElement('div'); box.setAttribute('role', 'dialog'); box.id = 'over'; "
        "box.textContent = 'A dialog'; document.body.append(box) }"
    )
    for _ in range(PRESSES):
        opened.page.wait_for_timeout(80)
        opened.page.keyboard.press("1")
    opened.page.wait_for_timeout(500)
    votes = only_painted(floor, study, [opened])
    if ui == "card":
        assert votes == 0
        opened.page.evaluate("() => document.getElementById('over').remove()")
        opened.page.keyboard.press("1")
        expect(opened.page.locator("#done")).to_have_text("1 of 60")
