"""The Scrub page in a real browser: ruling by keyboard, markup shown as text, nothing raw on disk."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from curation import Workspace
from curation.scrub.held import HeldPrompts
from tests.browser.conftest import Tab, served
from tests.curation import holding
from tests.curation.running import run
from tests.curation.scripted import Scripted, chat, said

pytestmark = [pytest.mark.browser, pytest.mark.journey]

MARKUP = "Since 3 June 2021 <img src=x onerror=alert(1)> <b>bold</b> :red[now]"


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two held prompts: one with values in it, one with markup."""
    with Scripted(lambda body: chat(f"{len(said(body))} letters")) as server:
        folder = holding.make(
            tmp_path_factory.mktemp("scrub") / "work space",
            server.url,
            texts=(holding.DATED, MARKUP, "Close my account"),
        )
        run(folder)
    return folder


@pytest.fixture(scope="module")
def base(held: Path) -> Iterator[str]:
    with served(held) as address:
        yield address


def opened(tab: Callable[[str], Tab], base: str) -> Tab:
    page = tab(base)
    page.open("/scrub")
    expect(page.page.get_by_role("heading", name="Waiting for a person")).to_be_visible(timeout=30_000)
    page.settle()
    return page


def test_the_page_opens_from_the_bar_with_its_chart_and_asks_no_other_host(base: str, tab: Callable[[str], Tab]):
    page = tab(base)
    page.open("/")
    page.page.get_by_role("link", name="Scrub", exact=True).click()
    expect(page.page.get_by_role("heading", name="What was found")).to_be_visible(timeout=30_000)
    expect(
        page.page.locator("[data-testid=stVegaLiteChart] svg, [data-testid=stVegaLiteChart] canvas").nth(1)
    ).to_be_visible()
    page.settle()
    assert page.page.locator("[data-testid=stException]").count() == 0
    assert page.errors == []
    assert page.abroad() == []


def test_markup_in_a_held_prompt_is_shown_as_text(base: str, tab: Callable[[str], Tab]):
    page = opened(tab, base)
    page.page.get_by_label("2 wait").click()
    page.page.get_by_role("option", name="prompt p1").click()
    page.settle()
    expect(page.page.get_by_text("<img src=x onerror=alert(1)> <b>bold</b> :red[now]")).to_be_visible()
    assert page.page.locator("img[src=x]").count() == 0
    assert page.errors == []


def test_a_person_rules_with_the_keyboard_alone_and_the_raw_text_stays_off_the_disk(
    base: str, held: Path, tab: Callable[[str], Tab]
):
    page = opened(tab, base)
    keys = page.page.keyboard
    assert "mira.holt" not in page.page.content()
    page.page.get_by_text("Before", exact=True).click()
    before = page.page.get_by_role("region", name="user, before masking")
    expect(before.locator("mark[data-kind=email]")).to_contain_text("mira.holt@quillmere.example")
    page.page.get_by_label("Your name (not authenticated)").focus()
    keys.type("maria")
    keys.press("Tab")
    page.page.get_by_label("Something else is personal").focus()
    keys.type("Ottoline Quill")
    keys.press("Enter")
    after = page.page.get_by_role("region", name="user, after masking")
    expect(after.locator("mark[data-look=added]")).to_contain_text("Ottoline Quill")
    page.settle()
    page.page.get_by_role("heading", name="Scrub").click()
    keys.press("Alt+M")
    expect(page.page.get_by_text("Recorded: corrected.")).to_be_visible(timeout=30_000)
    expect(page.page.get_by_label("1 wait")).to_be_visible()
    with Workspace.open(held) as workspace:
        ruling = HeldPrompts(workspace.store, workspace.task).one("p0").ruling
    assert ruling is not None
    assert (ruling.by, [m.entity for m in ruling.marks]) == ("maria", ["PERSON"])
    raw = [value.encode() for value in holding.RAW]
    assert [name for name, data in holding.written(held).items() if any(value in data for value in raw)] == []
    assert page.errors == []
