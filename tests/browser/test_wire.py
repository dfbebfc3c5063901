"""Nothing that reaches a rater's browser names a source, and nothing around the texts lets one be guessed."""

import base64
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest
from playwright.sync_api import Browser, expect

from curation.store.gold import GoldItem
from curation.store.review_records import Criterion, Design, Details, Item, Kind
from curation.store.store import Store
from judges.gold import GoldService
from judges.review import CHOICES, ReviewService
from judges.study import draw_items
from tests.browser import naming, planted, wire
from tests.browser.conftest import served
from tests.browser.desk import walk_card, walk_native

pytestmark = [pytest.mark.browser, pytest.mark.journey]

COMMENT = "commentmark"
"""Begins what another rater wrote."""
GOLD = "goldmark"
QUALITY = Criterion(name="clear", question="How clear is it?", anchors=("not at all", "somewhat", "wholly"))
ITEMS, PRACTICE = 4, 1
MANY = 420
RATERS = 42


@dataclass(frozen=True)
class Floor:
    """A served workspace, what is planted in it, and where it is served to raters alone."""

    workspace: Path
    base: str
    planted: planted.Planted

    def study(self, name: str, kind: Kind, question: str | None = None) -> str:
        """A study of two raters with all there is: practice, gold, repeats, and the other rater's votes and words."""
        gold = {"gold": GOLD, "gold_share": 0.25} if kind == "single" else {}
        design = Design(
            criteria=(QUALITY,) if kind == "single" else (), practice=PRACTICE,
            repeats=0.25, tags=("name", "number") if kind == "spans" else (), guesses=kind == "pairwise", **gold,
        )  # fmt: skip
        with Store.open(self.workspace) as store:
            service = ReviewService(store)
            service.create(
                name, kind=kind, n=ITEMS, raters=["ana", "ben"], question=question, design=design,
                guideline="Read both to the end. A short answer may be the better one.",
            )  # fmt: skip
            while shown := service.next(name, "ben"):
                for one in shown:
                    choice = next(c for c in CHOICES[kind] if c in ("tie", "reject", "clean"))
                    service.vote(one.token, "ben", choice, None, 2000, details=Details(comment=f"{COMMENT} of ben"))
        return name

    def secrets(self) -> list[str]:
        return [*self.planted.secrets(), COMMENT, GOLD]


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    workspace = planted.build(tmp_path_factory.mktemp("wire") / "work space", MANY)
    with Store.open(workspace) as store:
        rows = [GoldItem(id=f"promptmark-g{i}", text=f"Gold question {i}", answer=f"gold {i}") for i in range(8)]
        GoldService(store).add(GOLD, rows, actor="lead", note="first")
        found = planted.planted(store)
    with served(workspace, reviewer=True, extra=wire.AGENT_API) as base:
        yield Floor(workspace, base, found)


@pytest.mark.parametrize("ui", ["card", "native"])
@pytest.mark.parametrize("kind", list(CHOICES))
def test_a_rater_who_walks_a_study_to_its_end_is_told_nothing_of_its_sources(
    floor: Floor, browser: Browser, kind: str, ui: str
):
    study = floor.study(f"{kind} by {ui}", cast(Kind, kind))
    address = {"study": study, "rater": "ana", **({"ui": "native"} if ui == "native" else {})}
    with wire.listening(browser, floor.base) as heard:
        heard.tab.open("/review?" + "&".join(f"{k}={v.replace(' ', '+')}" for k, v in address.items()))

        def each() -> None:
            heard.look()
            if len(heard.channels["document"]) in (1, ITEMS):
                heard.hear("agent", wire.ask_agent(floor.base, "review", **address))

        if ui == "card":
            heard.tab.card()
        judged = (walk_card if ui == "card" else walk_native)(heard.tab, kind, each)
        expect(heard.tab.page.get_by_text("You have judged everything").first).to_be_visible(timeout=30_000)
        if ui == "card":
            for key in ("l", "h", "?"):
                heard.tab.page.keyboard.press(key)
                heard.tab.page.wait_for_timeout(200)
                heard.look()
        heard.hear("agent", wire.ask_agent(floor.base, "review", **address))
        with Store.open(floor.workspace) as store:
            ReviewService(store).close(study)
        heard.tab.page.reload()
        expect(heard.tab.page.get_by_text("This study is closed").first).to_be_visible(timeout=30_000)
        heard.look()
    assert len(set(judged)) >= ITEMS + PRACTICE
    listened(floor, heard, ui)
    assert wire.leaks(heard.channels, floor.secrets()) == {}
    assert (heard.tab.abroad(), heard.tab.errors) == ([], [])


def listened(floor: Floor, heard: wire.Listened, ui: str) -> None:
    """Proves that the texts shown were seen on every way they come, so that a name beside them would have been."""
    ways = ("received", "document", "agent", *(("component",) if ui == "card" else ()))
    for way in ways:
        said = "\n".join(heard.channels[way])
        assert sum(prompt in said for prompt in floor.planted.prompts) >= (1 if way == "agent" else ITEMS), way
    assert any("/review" in asked for asked in heard.channels["requests"])
    assert any("/review" in address for address in heard.channels["address"])
    assert len(heard.channels["sent"]) > ITEMS


def test_a_leak_planted_in_a_study_is_found_on_every_way_to_the_browser(floor: Floor, browser: Browser):
    sample = floor.planted.hashes[2][:8]
    question = f"Is it better than {planted.TEACHERS[0].upper()}? {sample} {planted.SCORES['judge']}"
    study = floor.study("told", "pairwise", question)
    with wire.listening(browser, floor.base) as heard:
        heard.tab.open(f"/review?study={study}&rater=ana&from={planted.TEACHERS[1]}")
        heard.tab.card()
        heard.tab.page.keyboard.press("m")
        heard.tab.page.locator("#comment").press_sequentially(f"{COMMENT} familymark")
        heard.tab.page.wait_for_timeout(2500)
        heard.look()
        asked = {"study": study, "rater": "ana"}
        heard.hear("agent", wire.ask_agent(floor.base, "review", **asked))
    found = wire.leaks(heard.channels, floor.secrets())
    for way in ("received", "component", "document", "agent"):
        assert {"zetalith", sample, "0.64192"} <= set(found[way]), way
    for way in ("requests", "address"):
        assert "omegrad" in found[way]
    assert {COMMENT, "familymark"} <= set(found["sent"])


def test_names_hidden_by_an_encoding_or_a_hash_are_found_too(floor: Floor):
    secrets = floor.secrets()
    for name in planted.TEACHERS:
        for before in ("", "x", "xy", "by "):
            hidden = base64.b64encode(f"{before}{name} wrote this".encode()).decode()
            assert wire.leaks({"way": [f"<i data-x='{hidden}'>"]}, secrets)
        for digest in planted.digests(name):
            assert wire.leaks({"way": [digest[:8]]}, secrets)
        assert wire.leaks({"way": [name.encode().hex()]}, secrets)
    texts = [*floor.planted.prompts, *floor.planted.writers]
    assert wire.leaks({"way": texts}, secrets) == {}


# --- what stands around the texts -------------------------------------------------------------------------------------


def serve(floor: Floor, name: str, kind: Kind, items: list[Item] | None = None) -> list[naming.Pane]:
    """Every answer of a study of one vote an item, as many raters are served it."""
    with Store.open(floor.workspace) as store:
        version = store.versions.resolve("head")
        drawn = items or draw_items(store.versions.samples(version), kind, MANY, 0)
        ReviewService(store).open_on(name, version, drawn, kind=kind, overlap=1)
    queues = [wire.frames(floor.base, "review", study=name, rater=f"rater {i}") for i in range(RATERS)]
    return naming.panes(queues, floor.planted.writers)


def told_apart(floor: Floor, name: str, kind: Kind) -> list[naming.Named]:
    """How well sources are named in a study; where better than by chance, in a second one too.

    One interval in a hundred leaves .5 out although nothing leaks; two in a row are one in ten thousand.
    """
    tried: list[naming.Named] = []
    while len(tried) < 2 and not (tried and tried[-1].by_chance):
        panes = serve(floor, f"{name} {len(tried)}", kind)
        assert len({p.token for p in panes}) == MANY
        tried.append(naming.name_sources(panes))
    return tried


@pytest.fixture(scope="module")
def pairs(floor: Floor) -> list[naming.Pane]:
    return serve(floor, "pairs", "pairwise")


def test_lengths_ids_order_and_timings_of_pairs_name_no_source(floor: Floor, pairs: list[naming.Pane]):
    assert len({p.token for p in pairs}) == MANY
    found = naming.name_sources(pairs)
    print("pairwise:", found)
    if not found.by_chance:  # one in a hundred; a leak is there the second time too
        found = told_apart(floor, "again", "pairwise")[-1]
    assert found.by_chance, found


def test_lengths_ids_order_and_timings_of_single_answers_name_no_source(floor: Floor):
    found = told_apart(floor, "alone", "single")[-1]
    print("single:", found)
    assert found.by_chance, found


def test_answers_served_in_the_order_of_their_sources_are_told_apart(floor: Floor):
    with Store.open(floor.workspace) as store:
        drawn = draw_items(store.versions.samples("head"), "single", MANY, 0)
    ordered = sorted(drawn, key=lambda item: item.first_teacher)
    found = naming.name_sources(serve(floor, "in order", "single", ordered))
    print("in order:", found)
    assert found.low > 0.9


def test_a_source_that_stands_on_one_side_or_comes_later_is_told_apart(pairs: list[naming.Pane]):
    first, chance = planted.TEACHERS[0], random.Random(5)
    left = {p.cluster for p in pairs if (p.source == first) == (p.side == 1)}
    fewer = {p.cluster for p in pairs if p.cluster in left or chance.random() < 0.4}  # seven in ten on the left
    beside = naming.name_sources([p for p in pairs if p.cluster in fewer])
    later = naming.name_sources([replace(p, at=p.at + 0.1 * (p.source == first)) for p in pairs])
    longer = naming.name_sources([replace(p, around=p.around + (p.source == first)) for p in pairs])
    print("on one side:", beside, "later:", later, "longer:", longer)
    assert min(found.low for found in (beside, later, longer)) > 0.5
