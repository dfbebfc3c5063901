"""Disputes are settled by keyboard in a real browser; no source and no rater's name is sent to it."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import expect

from curation.store.adjudications import Adjudication, Adjudications
from curation.store.review_imports import ReviewItems
from curation.store.review_records import Details
from curation.store.store import Store
from judges.review import ReviewService
from tests.browser.conftest import Tab, served
from tests.dashboard.house import SECRETS

pytestmark = [pytest.mark.browser, pytest.mark.journey]

RATERS = ("annette", "benedict")
MARKUP = "worse <img src=x onerror=alert(1)> ![x](http://tracker.example/p.png)"


@dataclass(frozen=True)
class Court:
    """A served workspace with one study all of whose items are disputed."""

    workspace: Path
    base: str

    def settled(self) -> list[Adjudication]:
        with Store.open(self.workspace) as store:
            return Adjudications(store.state).history("court")


@pytest.fixture
def court(built: Path, tmp_path: Path) -> Iterator[Court]:
    workspace = shutil.copytree(built, tmp_path / "work space")
    with Store.open(workspace) as store:
        service = ReviewService(store)
        service.create("court", n=12, overlap=2, raters=RATERS, seed=11)
        firsts = {item.prompt: item.first for item in ReviewItems(store.state).of("court")}
        for rater in RATERS:
            for shown in service.next("court", rater, 12):
                mine = (shown.a == firsts[shown.prompt]) == (rater == RATERS[0])
                service.vote(shown.token, rater, "a_much" if mine else "b_much", MARKUP, 3100)
    with served(workspace) as base:
        yield Court(workspace, base)


def opened(tab: Callable[[str], Tab], court: Court, study: str = "court", shows: str = "1 of 12") -> Tab:
    page = tab(court.base)
    page.open(f"/adjudicate?study={study}")
    name = page.page.get_by_role("textbox", name="Your name")
    name.fill("lead")
    name.press("Enter")
    expect(page.page.get_by_text(shows)).to_be_visible(timeout=30_000)
    page.settle()
    return page


def cause(page: Tab, words: str | re.Pattern[str]) -> None:
    page.page.get_by_role("radio", name=words).or_(page.page.get_by_role("button", name=words)).first.click()
    page.settle()


def test_a_cause_and_one_key_settle_an_item_and_the_next_one_comes(court: Court, tab: Callable[[str], Tab]):
    page = opened(tab, court)
    for left in (11, 10):
        cause(page, "guideline gap")
        page.page.keyboard.press("3")
        expect(page.page.get_by_text(f"1 of {left}")).to_be_visible(timeout=15_000)
        page.settle()
    assert [(a.verdict, a.category) for a in court.settled()] == [("tie", "guideline gap")] * 2
    page.page.keyboard.press("j")
    expect(page.page.get_by_text("2 of 10")).to_be_visible(timeout=15_000)
    page.settle()
    page.page.keyboard.press("k")
    expect(page.page.get_by_text("1 of 10")).to_be_visible(timeout=15_000)
    assert page.errors == []
    assert page.abroad() == []


@pytest.mark.parametrize("pause", [30, 150, 300])
def test_a_key_pressed_again_and_again_settles_one_item(court: Court, tab: Callable[[str], Tab], pause: int):
    page = opened(tab, court)
    cause(page, "ambiguous")
    for _ in range(10):
        page.page.keyboard.press("3")
        page.page.wait_for_timeout(pause)
    expect(page.page.get_by_text("1 of 11")).to_be_visible(timeout=15_000)
    page.settle()
    assert len(court.settled()) == 1


def test_no_source_and_no_rater_is_sent_to_the_browser(court: Court, tab: Callable[[str], Tab]):
    page = opened(tab, court)
    cause(page, "rater error")
    page.page.keyboard.press("2")
    expect(page.page.get_by_text("1 of 11")).to_be_visible(timeout=15_000)
    page.settle()
    with Store.open(court.workspace) as store:
        items = ReviewItems(store.state).of("court")
    hidden = {*SECRETS, *RATERS, *(i.first_sample for i in items), *(i.second_sample for i in items if i.second_sample)}
    sent = "\n".join([*page.received, page.page.content(), page.page.url]).lower()
    assert "what raters said" in sent
    assert [word for word in hidden if word.lower() in sent] == []
    assert page.page.locator("img[src*=tracker], img[src=x]").count() == 0
    assert page.abroad() == []


def test_whose_edit_stands_is_picked_among_texts_drawn_as_plain_text(court: Court, tab: Callable[[str], Tab]):
    with Store.open(court.workspace) as store:
        service = ReviewService(store)
        service.create("fix", kind="edit", n=1, overlap=3, seed=5)
        for rater, edit in (("annette", f"first {MARKUP}"), ("benedict", f"second {MARKUP}")):
            service.vote(service.next("fix", rater)[0].token, rater, "edit", details=Details(edit=edit))
        service.vote(service.next("fix", "cem")[0].token, "cem", "flag", "unsafe")
    page = opened(tab, court, "fix", "Flagged by a rater")
    cause(page, "ambiguous")
    cause(page, re.compile(r"^R\d$"))  # numbers are drawn, and one of three flagged and wrote no text
    expect(page.page.get_by_text(MARKUP)).to_have_count(3)
    if shots := os.environ.get("SHOT"):
        page.page.screenshot(path=shots, full_page=True)
    page.page.keyboard.press("2")
    expect(page.page.get_by_text("Every conflict is settled")).to_be_visible(timeout=15_000)
    with Store.open(court.workspace) as store:
        (made,) = Adjudications(store.state).history("fix")
    assert (made.verdict, str(made.edit).endswith(MARKUP)) == ("edit", True)
    assert page.page.locator("img[src*=tracker], img[src=x]").count() == 0
    assert page.errors == []
    assert page.abroad() == []
