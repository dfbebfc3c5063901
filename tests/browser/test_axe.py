"""The pages can be used by everybody: axe finds nothing serious in our own components, in the light and in the dark.

No level of heading is left out either, which axe calls moderate: who cannot see a page finds their way by its headings.

What it finds in Streamlit's own elements is listed, so that a new finding is noticed.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from curation.store.review_records import Criterion, Design, Kind
from curation.store.store import Store
from judges.review import ReviewService
from tests.browser import planted
from tests.browser.conftest import Tab, served
from tests.browser.desk import DWELL

pytestmark = [pytest.mark.browser, pytest.mark.journey]

SCHEMES = ("light", "dark")
SERIOUS = ("serious", "critical")
HELD = ("heading-order",)
"""Rules that hold here though axe takes them less seriously."""
STREAMLITS = frozenset({"color-contrast: <p>Tag</p>"})
"""What Streamlit's own elements break, as `rule: element`: the label of a field that is switched off."""
PARTS = ("/gold?part=Look again", "/gold?part=Versions", "/gold?part=Promote", "/studies?study=tone")
"""Pages that a page opens on a choice."""
QUALITY = Criterion(name="clear", question="How clear is it?", anchors=("not at all", "somewhat", "wholly"))


class Found(NamedTuple):
    """Findings that count on a page, as `rule: element`: within a component of ours, and in the rest."""

    ours: list[str]
    others: list[str]


def look(page: Page) -> Found:
    """What axe says of a page; a component of ours stands in a shadow tree, where nothing of Streamlit's does."""
    page.wait_for_timeout(400)  # colours fade in
    found = Found([], [])
    for rule in Axe().run(page).response["violations"]:
        for node in rule["nodes"] if rule["impact"] in SERIOUS or rule["id"] in HELD else []:
            (found.ours if _in_shadow(node) else found.others).append(f"{rule['id']}: {node['html'][:120]}")
    return found


def _in_shadow(node: dict[str, Any]) -> bool:
    return any(isinstance(step, list) for step in node["target"])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    workspace = planted.build(tmp_path_factory.mktemp("axe") / "work space", 16)
    kinds: dict[Kind, Design] = {
        "pairwise": Design(practice=1),
        "single": Design(criteria=(QUALITY,)),
        "edit": Design(),
        "spans": Design(tags=("name", "number")),
    }
    with Store.open(workspace) as store:
        for kind, design in kinds.items():
            guideline = "Read both to the end."
            ReviewService(store).create(kind, kind=kind, n=8, overlap=4, design=design, guideline=guideline)
    with served(workspace) as address:
        yield address


@pytest.fixture(params=SCHEMES)
def opened(request: pytest.FixtureRequest, browser: Browser, base: str) -> Iterator[Callable[[str], Tab]]:
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, color_scheme=request.param)
    tab = Tab(context.new_page(), base)

    def go(path: str) -> Tab:
        tab.open(path)
        return tab

    yield go
    context.close()


def pressed(tab: Tab, *keys: str) -> None:
    tab.page.wait_for_timeout(DWELL)
    for key in keys:
        tab.page.keyboard.press(key)
        tab.page.wait_for_timeout(50)


STATES: dict[str, tuple[tuple[str, ...], ...]] = {
    "pairwise": ((), ("?",), ("h",), ("l", "m"), ("Escape", "f")),
    "single": (("2",), ("x",)),
    "edit": ((), ("d", "End", "z")),
    "spans": (("v", "Enter"),),
}
"""What is pressed before each look, by kind of study: panels at the side, fields, reasons, marks."""


def test_the_review_card_is_for_everybody_in_each_of_its_states(opened: Callable[[str], Tab]):
    for kind, states in STATES.items():
        tab = opened(f"/review?study={kind}&rater=zoe")
        tab.card()
        for keys in states:
            pressed(tab, *keys)
            found = look(tab.page)
            assert found.ours == [], (kind, keys)
            assert unknown(found) == [], (kind, keys)


def test_the_native_review_page_breaks_only_what_streamlit_breaks(opened: Callable[[str], Tab]):
    tab = opened("/review?study=edit&rater=nat&ui=native")
    tab.page.get_by_role("button", name="Reject").wait_for(timeout=60_000)
    tab.settle()
    found = look(tab.page)
    assert (found.ours, unknown(found)) == ([], [])


def unknown(found: Found) -> list[str]:
    """Findings outside our components that are not on the list."""
    return [line for line in found.others if line not in STREAMLITS]


def test_a_fault_put_into_the_card_is_found(opened: Callable[[str], Tab]):
    tab = opened("/review?study=single&rater=yan")
    tab.card()
    tab.page.locator("#card").evaluate("(card) => card.insertAdjacentHTML('beforeend', '<button></button>')")
    assert any(line.startswith("button-name") for line in look(tab.page).ours)


@pytest.mark.slow
def test_every_page_breaks_only_what_streamlit_breaks(request: pytest.FixtureRequest, address: str, browser: Browser):
    """Mutation: dashboard/views/looks.py: st.header(title => st.subheader(title"""
    for scheme in SCHEMES:
        context = browser.new_context(viewport={"width": 1400, "height": 1000}, color_scheme=scheme)
        tab = Tab(context.new_page(), address)
        tab.open("/")
        links = tab.page.locator("[data-testid=stTopNavLink]").evaluate_all("(all) => all.map((a) => a.href)")
        assert len(links) > 5
        for path in [*(link.removeprefix(address) for link in links), *PARTS]:
            tab.open(path)
            breaks_nothing(tab, scheme, path)
        tab.open("/admin")
        for part in ("Studies", "Audit", "Backups"):
            tab.page.get_by_role("tab", name=part).click()
            breaks_nothing(tab, scheme, part)
        context.close()


def breaks_nothing(tab: Tab, *where: str) -> None:
    found = look(tab.page)
    assert (found.ours, unknown(found)) == ([], []), where
