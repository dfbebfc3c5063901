"""Pictures of every page, light and dark, for docs/screens: `python -m tests.browser.screens`."""

import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from curation.store.review_records import Criterion, Design
from curation.store.store import Store
from judges.review import ReviewService
from tests.browser.conftest import ARGUMENTS, Tab, served
from tests.dashboard.house import build

OUT = Path(__file__).parents[2] / "docs" / "screens"
WIDTH, HEIGHT, MOST_BYTES = 1400, 900, 150_000
SCHEMES = ("light", "dark")
QUALITY = Criterion(name="Helpful", question="Does it help?", anchors=("not at all", "somewhat", "wholly"))
GUIDELINE = "Read the answer to the end.\nA short answer may be the better one."
REVIEWS = {
    "review-pairwise": ("/review?study=tone&rater=ana", ()),
    "review-keys": ("/review?study=tone&rater=ana", ("?",)),
    "review-single": ("/review?study=score&rater=ana", ("h",)),
    "review-edit": ("/review?study=mend&rater=ana", ("d", "End", "!")),
    "review-spans": ("/review?study=mark&rater=ana", ("v", "Enter")),
}
"""The review card in its states: an address, and the keys pressed there."""


def prepare(root: Path) -> Path:
    """A small workspace with every kind of study."""
    workspace = build(root / "support")
    with Store.open(workspace) as store:
        service = ReviewService(store)
        scored, marked = Design(criteria=(QUALITY,)), Design(tags=("name", "order number"))
        service.create("score", kind="single", n=6, overlap=1, seed=1, design=scored, guideline=GUIDELINE)
        service.create("mend", kind="edit", n=6, overlap=1, seed=2)
        service.create("mark", kind="spans", n=6, overlap=1, seed=3, design=marked)
        dispute(service)
    return workspace


def dispute(service: ReviewService) -> None:
    """A study whose raters prefer different answers, for the page on which somebody settles that."""
    service.create("court", n=6, overlap=2, raters=["ana", "ben"], seed=5, guideline=GUIDELINE)
    for rater, first in (("ana", True), ("ben", False)):
        for item in service.next("court", rater, 6):
            choice = "a_much" if (item.a < (item.b or "")) == first else "b"
            service.vote(item.token, rater, choice, "it says what comes next" if first else None, 4200)


def pictures(browser: Browser, base: str, scheme: str) -> Iterator[tuple[str, bytes]]:
    """Every page in one scheme, by name."""
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme)  # type: ignore[arg-type]
    tab = Tab(context.new_page(), base)
    tab.open("/")
    pages = tab.page.locator("[data-testid=stTopNavLink]").evaluate_all("(all) => all.map((a) => a.pathname)")
    for path in pages:
        if path != "/review":
            tab.open(path)
            if path == "/adjudicate":
                disputed(tab)
            yield path.strip("/") or "overview", taken(tab.page)
    for name, (address, keys) in REVIEWS.items():
        tab.open(address)
        tab.card()
        tab.page.wait_for_timeout(600)
        for key in keys:
            tab.page.keyboard.press(key)
            tab.page.wait_for_timeout(100)
        yield name, taken(tab.page)
    tab.open("/review?study=tone&rater=ben&ui=native")
    tab.page.get_by_role("button", name="A is much better").wait_for(timeout=60_000)
    yield "review-native", taken(tab.page)
    context.close()


def disputed(tab: Tab) -> None:
    """The first dispute, shown to somebody who did not vote."""
    tab.open("/adjudicate?study=court")
    name = tab.page.get_by_role("textbox", name="Your name")
    name.fill("lea")
    name.press("Enter")
    tab.page.get_by_text("What raters said").wait_for(timeout=60_000)
    tab.settle()


def taken(page: Page) -> bytes:
    """The page as a small PNG."""
    page.wait_for_timeout(1500)  # charts draw themselves
    whole = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    for colours in (128, 64, 32, 16):
        small = io.BytesIO()
        whole.quantize(colours, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
        if small.tell() < MOST_BYTES:
            break
    return small.getvalue()


def main(out: Path = OUT) -> int:
    """Take them all; 1 where one is too large."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    out.mkdir(parents=True, exist_ok=True)
    too_large: list[str] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        served(prepare(Path(folder))) as base,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        for scheme in SCHEMES:
            for name, picture in pictures(browser, base, scheme):
                (out / f"{name}-{scheme}.png").write_bytes(picture)
                print(f"{name}-{scheme}.png: {len(picture) // 1000} KB")
                too_large += [name] if len(picture) >= MOST_BYTES else []
        browser.close()
    return 1 if too_large else 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
