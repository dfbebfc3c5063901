"""Every page opens in a real browser, with nothing asked of any other host and no exception."""

from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import expect

from curation.store.store import Store
from tests.browser.conftest import Tab

pytestmark = pytest.mark.browser

PAGES = {
    "Overview": "/",
    "Samples": "/samples",
    "Scrub": "/scrub",
    "Judges": "/judges",
    "Review": "/review?study=tone&rater=ana",
    "Gold": "/gold",
    "Provenance": "/provenance",
    "Gate": "/gate",
    "Admin": "/admin",
}
NARROW = {"width": 420, "height": 900}
"""A telephone held upright."""
WIDER = "() => [document.documentElement, ...document.querySelectorAll('[data-testid=stMain]')].map(e => e.scrollWidth)"
"""How wide the page and its scrolling part would have to be to show all of what is in them."""


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_without_exception_and_asks_no_other_host(name: str, address: str, tab: Callable[[str], Tab]):
    opened = tab(address)
    opened.open(PAGES[name])
    if name == "Review":
        opened.card()
    else:
        expect(opened.page.get_by_role("heading", name=name, exact=True)).to_be_visible(timeout=30_000)
    opened.settle()
    assert opened.page.locator("[data-testid=stException]").count() == 0
    assert opened.page.get_by_text("This page cannot be shown").count() == 0
    assert opened.errors == []
    assert opened.abroad() == []
    assert opened.requests


@pytest.mark.parametrize("name", PAGES)
def test_no_page_is_wider_than_a_telephone(name: str, address: str, tab: Callable[[str], Tab]):
    opened = tab(address)
    opened.page.set_viewport_size(NARROW)
    opened.open(PAGES[name])
    opened.settle()
    opened.page.wait_for_timeout(500)  # charts and tables find their width after the script has ended
    assert max(opened.page.evaluate(WIDER)) <= NARROW["width"]
    assert opened.abroad() == []


def test_the_story_of_a_sample_is_drawn_as_a_diagram_under_the_content_policy(
    address: str, tab: Callable[[str], Tab], built: Path
):
    with Store.open(built) as store:
        sample = store.versions.samples().filter(reason="duplicate")["id"][0]
    opened = tab(address)
    opened.open(f"/provenance?id={sample}")
    opened.page.get_by_text("As a diagram").click()
    drawn = opened.page.get_by_role("img", name="The same steps as in the list")
    expect(drawn).to_be_visible(timeout=30_000)
    box = drawn.bounding_box()
    assert box is not None
    assert box["height"] > 200  # eight boxes, one under another
    assert opened.abroad() == []
    assert opened.errors == []


def test_a_bar_of_the_funnel_leads_to_the_rows_behind_it(address: str, tab: Callable[[str], Tab]):
    opened = tab(address)
    opened.open("/")
    bar = opened.page.locator("svg [aria-label*='step: dedup'][aria-label*='what: ended']")
    bar.first.click(timeout=30_000)
    expect(opened.page.get_by_text("2 samples match")).to_be_visible(timeout=30_000)
    assert "step=dedup" in opened.page.url
    assert opened.abroad() == []


def test_every_answer_of_the_server_carries_the_content_policy(address: str):
    for path in ("/", "/review", "/_stcore/health"):
        with urlopen(address + path) as answer:
            policy = answer.headers["content-security-policy"]
            assert "default-src 'self'" in policy
            assert "unsafe-eval" not in policy
            assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_number_on_the_overview_leads_to_the_rows_behind_it(address: str, tab: Callable[[str], Tab]):
    opened = tab(address)
    opened.open("/")
    opened.page.get_by_role("link", name="5 dropped").click()
    expect(opened.page.get_by_text("5 samples match")).to_be_visible(timeout=30_000)
    assert "state=dropped" in opened.page.url


def test_model_text_with_markup_in_it_is_shown_as_text(address: str, tab: Callable[[str], Tab], built):
    from curation.store.store import Store

    with Store.open(built) as store:
        sample = store.versions.samples().filter(prompt_id="p004")["id"][0]
    opened = tab(address)
    opened.open(f"/samples?id={sample}")
    expect(opened.page.get_by_text("<img src=x onerror=alert(1)>", exact=False).first).to_be_visible(timeout=30_000)
    assert opened.page.locator("img[src=x]").count() == 0
    assert opened.abroad() == []
