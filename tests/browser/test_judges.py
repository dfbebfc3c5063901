"""The Judges page in a real browser: its charts are drawn, a row shows its votes, a rater's server has no such page."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from curation.store.query import Query
from curation.store.store import Store
from dashboard import judge_queries
from judges.review import ReviewService
from tests.browser.conftest import Tab, served
from tests.dashboard import panel_house

pytestmark = [pytest.mark.browser, pytest.mark.journey]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return panel_house.build(tmp_path_factory.mktemp("judges") / "work space")


@pytest.fixture(scope="module")
def base(asked: Path) -> Iterator[str]:
    with served(asked) as address:
        yield address


def test_the_page_opens_from_the_bar_with_its_charts_and_asks_no_other_host(base: str, tab: Callable[[str], Tab]):
    page = tab(base)
    page.open("/")
    page.page.get_by_role("link", name="Judges", exact=True).click()
    expect(page.page.get_by_role("heading", name="Who votes")).to_be_visible(timeout=30_000)
    page.settle()
    charts = page.page.locator("[data-testid=stVegaLiteChart]")
    expect(charts.nth(4)).to_be_visible()  # accuracy, panel, two biases, agreement
    assert page.page.locator("[data-testid=stException]").count() == 0
    assert page.errors == []
    assert page.abroad() == []


def test_a_row_of_the_queue_shows_its_votes_and_a_review_of_it_is_opened(
    base: str, asked: Path, tab: Callable[[str], Tab]
):
    with Store.open(asked) as store, Query(store) as query:
        rows = judge_queries.doubtful(query, judge_queries.Doubt(), 1)[0].filter(votes="1 for, 1 against")
    page = tab(base)
    page.open(f"/judges?outcome={rows['outcome'][0]}&id={rows['id'][0]}")
    expect(page.page.get_by_text("birch-judge (weight").first).to_be_visible(timeout=30_000)
    page.page.get_by_label("Name of the review").fill("second look")
    page.page.get_by_label("Your name (not authenticated)").fill("maria")
    page.page.get_by_label("Your name (not authenticated)").press("Tab")
    expect(page.page.get_by_text("stillhouse judges queue 'second look' -n")).to_be_visible()
    page.page.get_by_role("button", name="Open a blind review").click()
    expect(page.page.get_by_text("raters find it on the page Review")).to_be_visible(timeout=30_000)
    page.page.get_by_role("link", name="To the review").click()
    expect(page.page.get_by_label("Study")).to_be_visible(timeout=30_000)
    with Store.open(asked) as store:
        assert [study.name for study in ReviewService(store).studies()] == ["second look"]
    assert page.errors == []


def test_a_raters_server_has_no_page_of_the_judges(asked: Path, tab: Callable[[str], Tab]):
    with served(asked, reviewer=True) as base:
        page = tab(base)
        page.open("/judges")
        expect(page.page.get_by_text("Page not found")).to_be_visible(timeout=30_000)
        page.settle()
        told = page.page.content() + "".join(page.received)
        assert "dogwood" not in told
        assert "birch-judge" not in told
