"""Two people judge a study by keyboard in a real browser; nothing that reaches them names a source."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from curation.store.reviews import Ballot, Kind, Reviews
from curation.store.store import Store
from judges.review import ReviewService, StudyStatus
from tests.browser.conftest import Tab, free_port, served
from tests.dashboard.house import SECRETS

pytestmark = pytest.mark.browser

DWELL = 450


def press(tab: Tab, key: str) -> str | None:
    """Press a key once the item has been on screen long enough to count; the token that was shown."""
    shown = tab.token()
    tab.page.wait_for_timeout(DWELL)
    tab.page.keyboard.press(key)
    return shown


def walk(tab: Tab, keys: str, most: int = 50) -> list[str]:
    """Judge every item offered, with the keys in turn; the tokens judged."""
    judged: list[str] = []
    for place in range(most):
        if (shown := press(tab, keys[place % len(keys)])) is None:
            break
        judged.append(shown)
    expect(tab.page.locator("#saved")).to_have_text("All saved", timeout=30_000)
    return judged


def rater(new: Callable[[str], Tab], base: str, name: str, study: str) -> Tab:
    opened = new(base)
    opened.open(f"/review?study={study}&rater={name}")
    opened.card()
    return opened


@dataclass(frozen=True)
class Floor:
    """One served workspace; each test opens a study of its own on it."""

    workspace: Path
    base: str

    def study(self, name: str, kind: Kind = "pairwise", **options: Any) -> str:
        with Store.open(self.workspace) as store:
            return ReviewService(store).create(name, kind=kind, n=12, **options).name

    def status(self, study: str) -> StudyStatus:
        with Store.open(self.workspace) as store:
            return ReviewService(store).status(study)

    def ballots(self, study: str) -> list[Ballot]:
        with Store.open(self.workspace) as store:
            return Reviews(store.state).ballots(study)


@pytest.fixture(scope="module")
def floor(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    workspace = shutil.copytree(built, tmp_path_factory.mktemp("floor") / "work space")
    with served(workspace) as base:
        yield Floor(workspace, base)


def test_two_raters_walk_a_study_to_its_end_and_learn_nothing_of_its_sources(floor: Floor, tab: Callable[[str], Tab]):
    study = floor.study("walk", raters=["ana", "ben"])
    tabs = [rater(tab, floor.base, name, study) for name in ("ana", "ben")]
    judged = [walk(opened, keys) for opened, keys in zip(tabs, ("123456", "52"), strict=True)]
    for opened in tabs:
        expect(opened.page.get_by_text("You have judged everything")).to_be_visible()
        carried = "\n".join([opened.page.content(), *opened.received, *opened.requests]).lower()
        assert "charged twice" in carried  # so the wire was really listened to
        assert [word for word in (*SECRETS, "prompts.jsonl", "customer-", *ids(floor)) if word in carried] == []
        assert opened.abroad() == []
    status = floor.status(study)
    assert [len(j) for j in judged] == [12, 12]
    assert len({token for j in judged for token in j}) == 24
    assert status.by_rater == {"ana": 12, "ben": 12}
    assert (status.complete_items, status.given) == (12, 24)


def ids(floor: Floor) -> list[str]:
    """Beginnings of the version's and the samples' ids: enough to look something up."""
    with Store.open(floor.workspace) as store:
        return [store.versions.list()[0][:12], *(i[:12] for i in store.versions.samples()["id"])]


def test_a_key_held_down_is_one_vote(floor: Floor, tab: Callable[[str], Tab]):
    study = floor.study("held")
    opened = rater(tab, floor.base, "ana", study)
    opened.page.wait_for_timeout(DWELL)
    for _ in range(30):  # without a key-up each further one is a repeat
        opened.page.keyboard.down("2")
        opened.page.wait_for_timeout(30)
    opened.page.keyboard.up("2")
    expect(opened.page.locator("#done")).to_have_text("1 of 12")
    expect(opened.page.locator("#saved")).to_have_text("All saved", timeout=30_000)
    assert floor.status(study).by_rater == {"ana": 1}


def test_hammering_never_records_more_votes_than_items_were_shown(floor: Floor, tab: Callable[[str], Tab]):
    study = floor.study("hammered")
    opened = rater(tab, floor.base, "ana", study)
    shown: set[str | None] = set()
    for _ in range(40):
        shown.add(opened.token())
        opened.page.keyboard.press("1")
        opened.page.wait_for_timeout(40)
    expect(opened.page.locator("#saved")).to_have_text("All saved", timeout=30_000)
    assert 0 < floor.status(study).given <= len(shown)


def test_a_vote_taken_back_can_be_given_again_and_both_stay_on_record(floor: Floor, tab: Callable[[str], Tab]):
    study = floor.study("undone")
    opened = rater(tab, floor.base, "ana", study)
    first = press(opened, "1")
    opened.page.keyboard.press("u")
    expect(opened.page.locator("#card")).to_have_attribute("data-token", first or "")
    press(opened, "4")
    expect(opened.page.locator("#saved")).to_have_text("All saved", timeout=30_000)
    with Store.open(floor.workspace) as store:
        kinds = [e.kind for e in store.ledger.events() if e.body.get("presentation") == first]
    assert kinds == ["vote", "vote_undone", "vote"]
    assert floor.status(study).by_rater == {"ana": 1}


def test_an_answer_is_rejected_with_a_reason_in_two_keys(floor: Floor, tab: Callable[[str], Tab]):
    study = floor.study("single", "single", overlap=1)
    opened = rater(tab, floor.base, "zoe", study)
    press(opened, "x")
    opened.page.keyboard.press("4")
    press(opened, "a")
    press(opened, "s")
    expect(opened.page.locator("#done")).to_have_text("3 of 12")
    expect(opened.page.locator("#saved")).to_have_text("All saved", timeout=30_000)
    said = [(b.choice, b.reason) for b in floor.ballots(study)]
    assert sorted(said) == [("accept", None), ("reject", "unsafe or personal"), ("skip", None)]


def test_keys_typed_into_a_comment_are_words_and_go_with_the_verdict(floor: Floor, tab: Callable[[str], Tab]):
    study = floor.study("commented")
    opened = rater(tab, floor.base, "ana", study)
    opened.page.keyboard.press("m")
    opened.page.locator("#comment").press_sequentially("12 u s <b>no</b>")
    opened.page.keyboard.press("Escape")
    press(opened, "5")
    expect(opened.page.locator("#saved")).to_have_text("All saved", timeout=30_000)
    assert [(b.choice, b.reason) for b in floor.ballots(study)] == [("b", "much better: 12 u s <b>no</b>")]


def test_a_study_closed_meanwhile_says_so_and_takes_no_vote(floor: Floor, tab: Callable[[str], Tab]):
    study = floor.study("closing")
    opened = rater(tab, floor.base, "ana", study)
    with Store.open(floor.workspace) as store:
        ReviewService(store).close(study)
    press(opened, "1")
    expect(opened.page.get_by_text("closed").first).to_be_visible(timeout=30_000)
    assert floor.status(study).given == 0


WRITER = """
import sys
from pathlib import Path
from curation.store.store import Store
with Store.open(Path(sys.argv[1])) as store:
    print("writing", flush=True)
    while not Path(sys.argv[2]).exists():
        run = store.runs.start("run")
        store.runs.finish(run, {"samples": 1})
        store.ledger.append("note", {"run": run})
"""


def test_two_raters_vote_while_another_process_writes_and_nobody_is_locked_out(
    floor: Floor, tmp_path: Path, tab: Callable[[str], Tab]
):
    study, stop = floor.study("busy", raters=["ana", "ben"]), tmp_path / "stop"
    command = [sys.executable, "-c", WRITER, str(floor.workspace), str(stop)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as writer:
        try:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"writing\n"
            tabs = [rater(tab, floor.base, name, study) for name in ("ana", "ben")]
            for place in range(12):
                for opened in tabs:
                    press(opened, "25"[place % 2])
            for opened in tabs:
                expect(opened.page.locator("#saved")).to_have_text("All saved", timeout=60_000)
                expect(opened.page.locator("#notice")).to_be_hidden()
        finally:
            stop.touch()
            _, said = writer.communicate(timeout=60)
        assert writer.returncode == 0, said.decode()
    assert b"locked" not in (floor.workspace / "server.log").read_bytes()
    assert floor.status(study).by_rater == {"ana": 12, "ben": 12}
    with Store.open(floor.workspace) as store:
        assert len(store.runs.list()) > 2
        assert store.ledger.verify() == []


def test_votes_cast_while_the_server_is_dead_arrive_when_it_is_back(house: Path, tab: Callable[[str], Tab]):
    port = free_port()
    with served(house, port=port) as base:
        opened = rater(tab, base, "ana", "tone")
        press(opened, "1")
        expect(opened.page.locator("#saved")).to_have_text("All saved", timeout=30_000)
    press(opened, "2")
    press(opened, "4")
    expect(opened.page.locator("#saved")).to_have_text("2 waiting to be saved")
    with served(house, port=port):
        expect(opened.page.locator("#saved")).to_have_text("All saved", timeout=60_000)
    with Store.open(house) as store:
        assert ReviewService(store).status("tone").by_rater == {"ana": 3}


def test_a_reviewers_server_serves_no_page_that_names_a_source(house: Path, tab: Callable[[str], Tab]):
    with served(house, reviewer=True) as base:
        opened = tab(base)
        for path in ("/samples", "/provenance", "/", "/review"):
            opened.open(path)
            expect(opened.page.get_by_text("Not authenticated").first).to_be_visible(timeout=30_000)
        assert opened.page.get_by_role("dialog").count() == 0
        carried = "\n".join([opened.page.content(), *opened.received]).lower()
    assert [word for word in SECRETS if word in carried] == []
