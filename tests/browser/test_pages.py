"""Every page opens in a real browser, with nothing asked of any other host and no exception."""

from collections.abc import Callable
from urllib.request import urlopen

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Tab

pytestmark = pytest.mark.browser

PAGES = {
    "Overview": "/",
    "Samples": "/samples",
    "Judges": "/judges",
    "Review": "/review?study=tone&rater=ana",
    "Gold": "/gold",
    "Provenance": "/provenance",
    "Gate": "/gate",
}


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
    opened.page.get_by_role("link", name="Show rows").nth(2).click()
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
