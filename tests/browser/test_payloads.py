"""Text that attacks whoever reads it, in prompts and answers: every page shows it, and no page obeys it."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, Dialog, Response, Route, expect

from curation.records import Message
from curation.store.gold import GoldItem
from curation.store.gold_judged import Judged
from curation.store.store import Store
from dashboard.views import house
from judges.gold import GoldService
from judges.review import ReviewService
from tests.browser.conftest import Tab, served
from tests.browser.payloads import BEACON, FOUND, LEADS_AWAY, PAYLOADS, SHOWN, WATCH
from tests.curation import holding
from tests.curation.running import JSON_ANSWER, run, teacher, write
from tests.curation.scripted import Scripted, chat, said
from tests.dashboard.house import evaluate

pytestmark = [pytest.mark.browser, pytest.mark.journey]

ALL = " and ".join(PAYLOADS)
HELD = f"It broke on 2 May 1987. {ALL}"
"""A prompt with a date, which scrubbing holds back for a person."""


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
        """Open whatever is folded away."""
        self.tab.page.wait_for_timeout(300)
        self.tab.settle()
        folded = self.tab.page.locator("details:not([open]) > summary")
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


def answered(body: dict[str, Any]) -> dict[str, Any]:
    """A teacher says what it was told; a judge accepts or rejects with what it was told as its reason."""
    text = said(body)
    if body["model"] in ("strict", "mild"):
        asked = json.loads(text.splitlines()[-1])
        verdict = "reject" if body["model"] == "strict" else "accept"
        return chat(json.dumps({"nonce": asked["nonce"], "reason": str(asked["prompt"]), "verdict": verdict}))
    return chat(json.dumps({"intent": "other", "note": f"{body['model']} says {text}"}))


def judge(name: str, url: str) -> str:
    table = teacher(name, url, model=name, family="dogwood", rubric="general")
    return table.replace("[[teachers]]", "[[judges]]")


@pytest.fixture(scope="module")
def fed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("payloads") / "work space"
    with Scripted(answered) as server:
        asked = [
            teacher("one", server.url, family="alder"),
            teacher("two", server.url, model="scripted-too", family="birch"),
        ]
        protect = "\n[protect]\nngram = 99\n"  # the gold rows are the same attacks, and protect themselves
        toml = "".join(
            [JSON_ANSWER, holding.SCRUB, protect, *asked, judge("strict", server.url), judge("mild", server.url)]
        )
        write(root, toml, [ALL, HELD])
        with Store.open(root) as store:
            GoldService(store).add("gold", gold_rows(), actor=PAYLOADS[5], note=PAYLOADS[27])
        run(root)
    with Store.open(root) as store:
        reviews = ReviewService(store)
        reviews.create("closed", kind="single", n=2, overlap=1)
        for item in reviews.next("closed", "ana", 10):
            reviews.vote(item.token, "ana", "reject", f"wrong: {item.prompt}", 2000)
        reviews.close("closed")
        reviews.create("open", kind="pairwise", n=1, overlap=1)
        evaluate(store, store.versions.head() or "")
    return root


def gold_rows() -> list[GoldItem]:
    """Rows that people judged, so that the page of the judges has figures; their slices are attacks too."""
    rows: list[GoldItem] = []
    for i, text in enumerate(PAYLOADS):
        answer = json.dumps({"intent": "other", "note": text})
        judged = Judged(
            messages=(Message(role="user", content=text),),
            answers=(answer,),
            verdict="accept" if i % 2 else "reject",
            votes={PAYLOADS[7]: "accept" if i % 2 else "reject"},
        )
        rows.append(GoldItem(id=f"g{i}", text=text, answer={"note": text}, slice=PAYLOADS[i % 4], judged=judged))
    return rows


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


def studies(opened: Watched, _sample: str) -> None:
    opened.visit("/studies?study=closed")
    opened.shows("ana")


def gold(opened: Watched, _sample: str) -> None:
    for part in ("Rows", "Look again", "Versions"):
        opened.visit(f"/gold?part={quote(part)}")
        opened.check()
    opened.visit("/gold?part=Promote")
    expect(opened.tab.page.get_by_label("The right answer")).to_be_visible(timeout=30_000)
    opened.shows(PAYLOADS[-1], f" says {PAYLOADS[0]}")


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


def test_even_a_page_that_forgot_to_escape_runs_nothing_and_asks_nobody(base: str, watched: Callable[[str], Watched]):
    opened = watched(base)
    left: list[str] = []
    opened.tab.page.on("response", lambda response: left.append(response.url))
    opened.tab.open("/")
    for payload in PAYLOADS:
        if payload == LEADS_AWAY:
            continue
        opened.tab.page.evaluate(
            "(html) => { const box = document.createElement('div'); document.body.append(box);"
            " box.append(document.createRange().createContextualFragment(html)) }",
            payload,
        )
    opened.tab.page.wait_for_timeout(500)
    assert opened.tab.page.evaluate("window.ranNumbers") == []
    assert opened.tab.page.evaluate("window.refusedByPolicy.length") > 20
    assert [url for url in left if BEACON in url] == []
