"""The Samples page in a real browser: filters go into the address, rows are ticked, a review of them is planned."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from curation.atlas.drawing import draw_map
from curation.store.maps import MapWanted
from curation.store.store import Store
from tests.browser.conftest import Tab, served
from tests.dashboard import many_samples

pytestmark = [pytest.mark.browser, pytest.mark.journey]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    house = many_samples.build(tmp_path_factory.mktemp("samples") / "work space", 50_000, chunk=30_000)
    with Store.open(house) as store:
        draw_map(store, MapWanted(version=store.versions.head(), points=3_000))
    with served(house) as address:
        yield address


def test_a_filter_goes_into_the_address_and_another_host_is_never_asked(base: str, tab: Callable[[str], Tab]):
    page = tab(base)
    page.open("/samples")
    expect(page.page.get_by_text("50,000 samples match")).to_be_visible(timeout=30_000)
    page.page.get_by_label("Reason").click()
    page.page.get_by_role("option", name="duplicate").click()
    expect(page.page.get_by_text("50,000 samples match")).to_be_hidden(timeout=30_000)
    page.settle()
    assert "reason=duplicate" in page.page.url
    assert (page.errors, page.abroad()) == ([], [])


def test_ticked_rows_are_what_a_review_is_planned_of(base: str, tab: Callable[[str], Tab]):
    page = tab(base)
    page.open("/samples?state=kept")
    canvas = page.page.locator("[data-testid=stDataFrame] canvas").first
    canvas.wait_for(timeout=30_000)
    page.settle()
    box = canvas.bounding_box()
    assert box is not None
    for row in (1, 3):
        page.page.mouse.click(box["x"] + 18, box["y"] + 35 * row + 18)
    expect(page.page.get_by_role("heading", name="Do something with 2 picked")).to_be_visible(timeout=30_000)
    page.page.get_by_label("Name of the review").fill("two of them")
    page.page.get_by_label("Name of the review").press("Tab")
    page.settle()
    page.page.get_by_role("button", name="Dry run").click()
    expect(page.page.get_by_text("Opens the blind review 'two of them' of 2 samples")).to_be_visible(timeout=30_000)
    assert page.errors == []


def test_a_search_for_a_rare_word_ends_with_all_there_are(base: str, tab: Callable[[str], Tab]):
    page = tab(base)
    page.open(f"/samples?text={many_samples.RARE.replace(' ', '+')}")
    expect(page.page.get_by_text("3 samples match", exact=True)).to_be_visible(timeout=60_000)
    page.settle()
    assert page.page.locator("[data-testid=stException]").count() == 0


def test_a_rectangle_drawn_on_the_map_narrows_the_page_and_stays_in_the_address(base: str, tab: Callable[[str], Tab]):
    page = tab(base)
    page.open("/samples?map=true")
    expect(page.page.get_by_text("3,000 of 50,000, drawn by chance.")).to_be_visible(timeout=60_000)
    picture = page.page.locator(".stEChartsChart canvas").first
    picture.wait_for(timeout=60_000)
    page.settle()
    box = picture.bounding_box()
    assert box is not None
    page.page.mouse.click(box["x"] + 26, box["y"] + 25)  # the rectangle's icon
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.page.mouse.move(middle[0] - 150, middle[1] - 150)
    page.page.mouse.down()
    page.page.mouse.move(middle[0], middle[1], steps=8)
    page.page.mouse.move(middle[0] + 150, middle[1] + 150, steps=8)
    page.page.mouse.up()
    expect(page.page.get_by_text("a rectangle of the map")).to_be_visible(timeout=60_000)
    page.settle()
    assert "area=" in page.page.url
    expect(page.page.get_by_text("On the map:")).to_be_visible(timeout=30_000)
    page.page.get_by_role("button", name="Take it off").click()
    expect(page.page.get_by_text("a rectangle of the map")).to_be_hidden(timeout=60_000)
    assert (page.errors, page.abroad()) == ([], [])
