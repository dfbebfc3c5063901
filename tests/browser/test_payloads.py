"""Text that attacks whoever reads it, in prompts and answers: every page shows it, and no page obeys it."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, Dialog, Response, Route, expect

from curation.errors import InputError
from curation.people import known_role
from curation.store.store import Store
from dashboard.views import house
from judges.people import PeopleService
from tests.browser.conftest import Tab, served
from tests.browser.payloads import BEACON, FOUND, LEADS_AWAY, PAYLOADS, SHOWN, WATCH
from tests.browser.payloads_planted import (
    ADDRESS,
    ALL,
    COMMENT,
    DIRECTIVE,
    EDIT,
    EDITS,
    ELSEWHERE,
    HELD,
    LABELS,
    LINK,
    MARKS,
    PAIRS,
    PICTURE,
    PIXEL,
    RATERS,
    REASON,
    SCORES,
    SET,
    STANDING,
    STUDIES,
    TAG,
    feed,
)

INSERT = """(html) => {
  const box = document.createElement('div')
  document.body.append(box)
  box.append(document.createRange().createContextualFragment(html))
}"""
"""Puts a text into a page as a page that forgot to escape would."""

pytestmark = [pytest.mark.browser, pytest.mark.journey]


@dataclass
class Watched:
    """A tab with whatever a payload could bring about in it."""

    tab: Tab
    without_policy: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def visit(self, path: str) -> None:
        self.tab.open(path)
        self.unfold()

    def unfold(self) -> None:
        """Open whatever is folded away on the part of the page that is shown."""
        self.tab.page.wait_for_timeout(300)
        self.tab.settle()
        folded = self.tab.page.locator("details:not([open]) > summary:visible")
        for _ in range(folded.count()):  # an opened one is no longer among them
            folded.first.click()
        self.tab.page.wait_for_timeout(200)

    def shows(self, *texts: str) -> None:
        """Every text stands on the page, to the letter."""
        page = self.tab.page
        missing = [re.sub(r"\s+", " ", text) for text in texts]
        for _ in range(120):
            here = re.sub(r"\s+", " ", page.evaluate(SHOWN))
            missing = [text for text in missing if text not in here]
            if not missing:
                return
            page.wait_for_timeout(250)
        raise AssertionError(f"not on {page.url}: {[text[:60] for text in missing]}")

    def check(self) -> None:
        """Nothing ran, nothing was put into the page, nobody else was asked."""
        page = self.tab.page
        assert page.evaluate("window.ranNumbers") == [], page.url
        assert page.evaluate(FOUND, BEACON) == [], page.url
        assert page.evaluate("window.refusedByPolicy") == [], page.url  # not even tried
        assert page.locator("[data-testid=stException]").count() == 0, page.url
        assert page.get_by_text("This page cannot be shown").count() == 0, page.url
        links = page.evaluate("[...document.querySelectorAll('link')].map((link) => link.href)")  # the icon among them
        assert [link for link in links if not link.startswith((self.tab.base, "data:"))] == [], page.url
        assert (self.dialogs, self.without_policy) == ([], []), page.url
        assert (self.tab.errors, self.tab.abroad()) == ([], []), page.url


@pytest.fixture
def watched(tab: Callable[[str], Tab]) -> Callable[[str], Watched]:
    """Opens watched tabs."""

    def new(base: str) -> Watched:
        opened = Watched(tab(base))

        def answered(response: Response) -> None:
            if response.url.startswith(base) and "default-src 'self'" not in response.headers.get(
                "content-security-policy", ""
            ):
                opened.without_policy.append(response.url)

        opened.tab.page.on("response", answered)

        def spoke(dialog: Dialog) -> None:
            opened.dialogs.append(dialog.message)
            dialog.dismiss()

        opened.tab.page.on("dialog", spoke)
        opened.tab.page.add_init_script(WATCH)
        return opened

    return new


# --- a workspace that was fed with them -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return feed(tmp_path_factory.mktemp("payloads") / "work space")


@pytest.fixture(scope="module")
def base(fed: Path) -> Iterator[str]:
    with served(fed) as address:
        yield address


def sample_with_all(fed: Path) -> str:
    with Store.open(fed) as store:
        rows = store.versions.samples()
    return rows.filter((rows["prompt_id"] == "p0") & (rows["teacher"] == "one"))["id"].item()


# --- every page -------------------------------------------------------------------------------------------------


def test_no_page_runs_or_fetches_anything_that_prompts_and_answers_hold(
    fed: Path, base: str, watched: Callable[[str], Watched]
):
    opened = watched(base)
    sample = sample_with_all(fed)
    for name in house.pages():
        if visit := VISITS.get(name):
            visit(opened, sample)
        else:
            opened.visit(f"/{name}")
        opened.check()


def overview(opened: Watched, _sample: str) -> None:
    opened.visit("/")


def samples(opened: Watched, sample: str) -> None:
    opened.visit(f"/samples?id={sample}")
    opened.shows(ALL, f"scripted says {ALL}", f"ana in closed: reject, wrong: {ALL}")


def scrub(opened: Watched, _sample: str) -> None:
    opened.visit("/scrub")
    opened.tab.page.get_by_text("Before", exact=True).click()
    expect(opened.tab.page.get_by_role("region", name="before masking")).to_be_visible(timeout=30_000)
    opened.shows(HELD)


def judges(opened: Watched, sample: str) -> None:
    opened.visit(f"/judges?id={sample}")
    expect(opened.tab.page.locator("[data-testid=stVegaLiteChart]").first).to_be_visible(timeout=30_000)
    opened.shows(f"scripted says {ALL}", f"(no vote, advice): {ALL}")


def review(opened: Watched, _sample: str) -> None:
    opened.tab.open("/review?study=open&rater=ana")
    opened.tab.card()
    opened.shows(ALL)  # laid out by field
    opened.check()
    opened.tab.page.keyboard.press("t")
    opened.shows(json.dumps(f"scripted says {ALL}"))  # as it was written
    opened.check()
    opened.visit("/review?study=open&rater=ana&ui=native")
    opened.shows(json.dumps(f"scripted says {ALL}"))
    opened.check()
    opened.visit("/review?study=closed")


def adjudicate(opened: Watched, _sample: str) -> None:
    said = (REASON, COMMENT)
    wanted = {
        PAIRS: (*said, json.dumps(f"scripted says {ALL}")),
        EDITS: (*said, EDIT),
        MARKS: (*said, f"{TAG}: {{"),
        SCORES: (*said, f"{PIXEL} 2"),
        ELSEWHERE: (f": {LABELS[0]}", f": {LABELS[1]}", f"{ALL} 0"),
    }
    for study, texts in wanted.items():
        disputed(opened, study)
        opened.shows(ALL, *texts)
        opened.check()
    for study, texts in {SCORES: (PIXEL,), ELSEWHERE: (f"Settled{LABELS[0]}",)}.items():
        disputed(opened, study)
        opened.tab.page.get_by_text("Settled", exact=True).first.click()
        expect(opened.tab.page.get_by_text("1 of 1", exact=True)).to_be_visible(timeout=30_000)
        opened.unfold()
        opened.shows(ALL, *texts)
        opened.check()


def disputed(opened: Watched, study: str) -> None:
    """The first dispute of a study, as somebody sees it whose name is an attack too."""
    opened.tab.open(f"/adjudicate?study={quote(study)}")
    name = opened.tab.page.get_by_role("textbox", name="Your name")
    name.fill(TAG)
    name.press("Enter")
    expect(opened.tab.page.get_by_text("What raters said")).to_be_visible(timeout=30_000)
    opened.unfold()


def studies(opened: Watched, _sample: str) -> None:
    opened.visit("/studies?study=closed")
    opened.shows("ana")
    for study in (PAIRS, EDITS, MARKS):  # open: who works on it, not what they say
        opened.visit(f"/studies?study={quote(study)}")
        opened.shows(ALL, *RATERS, STANDING)
        opened.check()
    for study in (SCORES, ELSEWHERE, f"{ELSEWHERE} accepted"):
        opened.visit(f"/studies?study={quote(study)}")
        opened.shows(ALL, *RATERS)
        opened.check()
    opened.shows(f"{PIXEL}: 4 votes")


def admin(opened: Watched, _sample: str) -> None:
    opened.visit("/admin")
    opened.shows(ADDRESS, *RATERS, PAIRS, PIXEL)  # people, invites, raters
    opened.check()
    for part, texts in {"Studies": (*STUDIES, LINK), "Audit": (PICTURE, LINK), "Backups": ()}.items():
        opened.tab.page.get_by_role("tab", name=part).click()
        opened.unfold()
        opened.shows(*texts)
        opened.check()


def gold(opened: Watched, _sample: str) -> None:
    for part in ("Rows", "Look again", "Versions"):
        opened.visit(f"/gold?part={quote(part)}")
        opened.check()
    history(opened)
    opened.visit("/gold?part=Promote")
    expect(opened.tab.page.get_by_label("The right answer")).to_be_visible(timeout=30_000)
    opened.shows(PAYLOADS[-1], f" says {PAYLOADS[0]}")


def history(opened: Watched) -> None:
    """The history of the set that attackers named: its notes, its guideline, what changed, an undo, and the seal."""
    page = opened.tab.page
    opened.visit(f"/gold?set={quote(SET)}&part=Versions")
    opened.shows(PIXEL, DIRECTIVE, PICTURE, TAG, LINK, ALL)
    page.get_by_role("textbox", name="Your name").fill(PIXEL)
    page.get_by_role("textbox", name="Your name").press("Enter")
    opened.unfold()
    for place, button in ((0, "Undo it"), (1, "Seal it for good")):
        page.get_by_role("button", name="Dry run").nth(place).click()
        expect(page.get_by_role("button", name=button)).to_be_visible(timeout=30_000)
        opened.unfold()
        opened.check()
    opened.shows(f"Type the name of the set, {SET}, to go on")
    page.get_by_label("Type the name of the set").fill(SET)
    page.get_by_label("Type the name of the set").press("Enter")
    opened.tab.settle()
    page.get_by_role("button", name="Seal it for good").click()
    expect(page.get_by_text("is sealed at version")).to_be_visible(timeout=30_000)
    opened.shows(f"by {PIXEL}")
    opened.check()


def provenance(opened: Watched, sample: str) -> None:
    opened.visit(f"/provenance?id={sample}")
    folded = opened.tab.page.locator("[data-testid=stJson] .collapsed-icon")
    expect(folded.first).to_be_visible(timeout=30_000)
    while folded.count():
        folded.first.click()
    opened.shows(PAYLOADS[0], PAYLOADS[-2].split("\n")[1])


VISITS: dict[str, Callable[[Watched, str], None]] = {
    "overview": overview,
    "samples": samples,
    "scrub": scrub,
    "judges": judges,
    "review": review,
    "adjudicate": adjudicate,
    "admin": admin,
    "studies": studies,
    "gold": gold,
    "provenance": provenance,
}
"""What is done on a page to bring the payloads up; a page that is not here is opened as it is."""


def test_no_page_obeys_an_address_that_somebody_was_sent(base: str, watched: Callable[[str], Watched]):
    opened = watched(base)
    fields = ("id", "text", "study", "rater", "set", "outcome", "state", "teacher", "version", "item", "page")
    for n, name in enumerate(house.pages()):
        attack = quote(PAYLOADS[5] + PAYLOADS[27 + n % 4] + PAYLOADS[15])
        path = "" if name == "overview" else name
        opened.tab.open(f"/{path}?" + "&".join(f"{field}={attack}" for field in fields))
        opened.tab.page.wait_for_timeout(300)
        opened.check()


def test_names_that_no_address_and_no_invite_may_hold_are_refused(fed: Path):
    with Store.open(fed) as store:
        people = PeopleService(store)
        spaced = [payload for payload in PAYLOADS if re.search(r"\s", payload)]
        long = [payload for payload in PAYLOADS if len(payload) > 60]
        assert (len(spaced), len(long)) > (30, 20)
        for payload in spaced:
            with pytest.raises(InputError, match="is no e-mail address"):
                people.add(f"{payload}@attack.example", ["curator"], "lead")
        for payload in long:
            with pytest.raises(InputError, match="a name of 1 to 60 characters"):
                people.invite("open", payload, actor="lead")
        for payload in PAYLOADS:
            with pytest.raises(InputError, match="no role"):
                known_role(payload)
        assert [member.email for member in people.members()] == [ADDRESS]


# --- what the watching and the policy are worth -------------------------------------------------------------------


def test_the_payloads_are_live_where_nothing_is_escaped_and_no_policy_stands(browser: Browser):
    page = browser.new_page()
    asked: list[str] = []

    def nothing_leaves(route: Route) -> None:
        asked.append(urlsplit(route.request.url).hostname or "")
        route.abort()

    page.route("**/*", nothing_leaves)
    page.add_init_script(WATCH)
    hit: set[int] = set()
    for n, payload in enumerate(PAYLOADS):
        if payload == LEADS_AWAY:
            continue
        asked.clear()
        page.set_content(f"<script>{WATCH}</script><body>{payload}</body>")
        page.wait_for_timeout(60)
        if page.evaluate("window.ranNumbers").count(n) or f"b{n}.{BEACON}" in asked or page.evaluate(FOUND, BEACON):
            hit.add(n)
    page.close()
    assert len(hit) >= 30, sorted(set(range(len(PAYLOADS))) - hit)  # the rest attack Markdown, LaTeX and templates


@pytest.mark.parametrize("leaked", [TAG, "<a href='javascript:ran(15)'>x</a>", f"<img src=http://b27.{BEACON}/p.png>"])
@pytest.mark.parametrize("page", ["adjudicate", "admin", "studies", "gold"])
def test_the_watching_notices_what_a_page_lets_through(
    base: str, watched: Callable[[str], Watched], page: str, leaked: str
):
    opened = watched(base)
    opened.visit(f"/{page}")
    opened.check()
    opened.tab.page.evaluate(INSERT, leaked)
    opened.tab.page.wait_for_timeout(200)
    with pytest.raises(AssertionError):
        opened.check()


def test_even_a_page_that_forgot_to_escape_runs_nothing_and_asks_nobody(base: str, watched: Callable[[str], Watched]):
    opened = watched(base)
    left: list[str] = []
    opened.tab.page.on("response", lambda response: left.append(response.url))
    opened.tab.open("/")
    for payload in PAYLOADS:
        if payload == LEADS_AWAY:
            continue
        opened.tab.page.evaluate(INSERT, payload)
    opened.tab.page.wait_for_timeout(500)
    assert opened.tab.page.evaluate("window.ranNumbers") == []
    assert opened.tab.page.evaluate("window.refusedByPolicy.length") > 20
    assert [url for url in left if BEACON in url] == []
