"""Two people judge a study by keyboard in a real browser; nothing that reaches them names a source."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from curation.store.review_records import Criterion, Design, Draft
from curation.store.reviews import Ballot, Kind, Reviews
from curation.store.store import Store
from judges.review import ReviewService, StudyStatus
from tests.browser.conftest import Tab, free_port, served
from tests.dashboard.house import SECRETS

pytestmark = [pytest.mark.browser, pytest.mark.journey]

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
        secrets = [word for word in SECRETS if word != "practice"]  # a word of the card's own, too
        assert [word for word in (*secrets, "prompts.jsonl", "customer-", *ids(floor)) if word in carried] == []
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


def saved(tab: Tab) -> None:
    expect(tab.page.locator("#saved")).to_have_text("All saved", timeout=30_000)


def test_the_six_verdicts_of_a_pair_are_one_key_each(floor: Floor, tab: Callable[[str], Tab]):
    opened = rater(tab, floor.base, "ana", floor.study("six"))
    for key in "123456":
        press(opened, key)
    saved(opened)
    assert sorted(b.choice for b in floor.ballots("six")) == ["a", "a_much", "b", "b_much", "both_bad", "tie"]


def test_an_answer_is_rejected_with_a_reason_in_two_keys(floor: Floor, tab: Callable[[str], Tab]):
    study = floor.study("single", "single", overlap=1)
    opened = rater(tab, floor.base, "zoe", study)
    press(opened, "x")
    opened.page.keyboard.press("4")
    press(opened, "a")
    press(opened, "2")
    opened.page.keyboard.press("Enter")
    expect(opened.page.locator("#done")).to_have_text("3 of 12")
    saved(opened)
    said = sorted((b.choice, b.reason or "") for b in floor.ballots(study))
    assert said == [("accept", ""), ("reject", ""), ("reject", "unsafe or personal")]


def test_an_item_is_skipped_or_flagged_with_a_reason_in_two_keys(floor: Floor, tab: Callable[[str], Tab]):
    study = floor.study("passed")
    opened = rater(tab, floor.base, "ana", study)
    for keys in ("s3", "f1"):
        press(opened, keys[0])
        opened.page.keyboard.press(keys[1])
    press(opened, "s")
    opened.page.keyboard.press("Escape")  # thought better of it
    press(opened, "3")
    saved(opened)
    said = sorted((b.choice, b.reason or "") for b in floor.ballots(study))
    assert said == [("flag", "personal data"), ("skip", "unclear"), ("tie", "")]


RUBRIC = Design(
    criteria=(
        Criterion(name="tone", question="Is it friendly?", anchors=("rude", "flat", "warm")),
        Criterion(name="style", question="Is it plain?", anchors=("muddled", "plain")),
    )
)


def test_digits_score_the_criterion_that_is_lit_and_then_give_the_verdict(floor: Floor, tab: Callable[[str], Tab]):
    study = floor.study("rubric", "single", overlap=1, design=RUBRIC, guideline="Be strict about tone.")
    opened = rater(tab, floor.base, "ana", study)
    expect(opened.page.get_by_role("group", name="tone")).to_contain_text("3warm")
    opened.page.keyboard.press("3")
    opened.page.keyboard.press("ArrowUp")  # back to the first one
    opened.page.keyboard.press("2")
    opened.page.keyboard.press("1")
    press(opened, "1")  # all are scored: accept
    saved(opened)
    assert [(b.choice, b.details.scores) for b in floor.ballots(study)] == [("accept", {"tone": 2, "style": 1})]
    opened.page.keyboard.press("h")
    expect(opened.page.get_by_text("Be strict about tone.")).to_be_visible()
    expect(opened.page.get_by_role("complementary", name="Guidelines")).to_contain_text("muddled")


def test_an_edit_shows_what_it_changes_and_goes_with_the_vote(floor: Floor, tab: Callable[[str], Tab]):
    study = floor.study("edited", "edit", overlap=1)
    opened = rater(tab, floor.base, "ana", study)
    press(opened, "w")
    expect(opened.page.locator("#notice")).to_contain_text("Nothing is changed yet")
    opened.page.keyboard.press("d")
    field = opened.page.locator("#edit")
    before = field.input_value()
    field.fill(before.replace("normal", "high") + " <b>yes</b>")
    assert opened.page.locator("#diff del").all_text_contents() == ["normal"]
    assert opened.page.locator("#diff ins").all_text_contents() == ["high", " <b>yes</b>"]
    opened.page.keyboard.press("Escape")
    opened.page.keyboard.press("a")
    expect(opened.page.locator("#notice")).to_contain_text("You have changed the answer")
    field.focus()
    opened.page.keyboard.press("Control+Enter")
    saved(opened)
    kept = [(b.choice, b.details.edit) for b in floor.ballots(study)]
    assert kept == [("edit", before.replace("normal", "high") + " <b>yes</b>")]


def test_text_is_marked_by_keyboard_and_by_mouse_and_a_mark_can_be_taken_away(floor: Floor, tab: Callable[[str], Tab]):
    study = floor.study("marked", "spans", overlap=1, design=Design(tags=("name", "number")))
    opened = rater(tab, floor.base, "ana", study)
    text = opened.page.locator("#a .text").text_content() or ""
    words = text.split()
    opened.page.keyboard.press("v")
    opened.page.keyboard.press("ArrowRight")
    opened.page.keyboard.press("Shift+ArrowRight")
    opened.page.keyboard.press("2")
    box = opened.page.locator("#a .text").bounding_box()
    assert box is not None
    opened.page.mouse.dblclick(box["x"] + 20, box["y"] + 10)
    opened.page.get_by_role("group", name="Mark as").get_by_text("name").click()
    expect(opened.page.locator("#marks li")).to_have_count(2)
    opened.page.get_by_role("button", name="Take the mark away: name").click()
    press(opened, "w")
    saved(opened)
    (ballot,) = floor.ballots(study)
    assert [text[s.start : s.end] for s in ballot.details.spans] == [" ".join(words[1:3])]
    assert (ballot.choice, ballot.details.spans[0].tag) == ("marked", "number")


def test_keys_typed_into_a_comment_are_words_and_go_with_the_verdict(floor: Floor, tab: Callable[[str], Tab]):
    study = floor.study("commented")
    opened = rater(tab, floor.base, "ana", study)
    opened.page.keyboard.press("m")
    opened.page.locator("#comment").press_sequentially("12 u s <b>no</b>")
    opened.page.keyboard.press("Escape")
    press(opened, "5")
    saved(opened)
    said = [(b.choice, b.reason, b.details.comment) for b in floor.ballots(study)]
    assert said == [("b_much", None, "12 u s <b>no</b>")]


def test_a_verdict_chosen_with_shift_is_sent_with_the_comment(floor: Floor, tab: Callable[[str], Tab]):
    study = floor.study("chosen")
    opened = rater(tab, floor.base, "ana", study)
    press(opened, "Shift+Digit4")
    opened.page.keyboard.press("m")
    opened.page.locator("#comment").press_sequentially("shorter")
    assert floor.ballots(study) == []
    opened.page.keyboard.press("Control+Enter")
    saved(opened)
    assert [(b.choice, b.details.comment) for b in floor.ballots(study)] == [("b", "shorter")]


def test_what_was_written_is_kept_within_two_seconds_and_is_there_in_another_tab(
    floor: Floor, tab: Callable[[str], Tab]
):
    study = floor.study("drafted", "edit")
    opened = rater(tab, floor.base, "ana", study)
    opened.page.keyboard.press("m")
    opened.page.locator("#comment").press_sequentially("half a thought")
    opened.page.locator("#edit").fill("A better answer")
    opened.page.wait_for_timeout(2_000)
    with Store.open(floor.workspace) as store:
        drafts = {i.token: i.draft for i in ReviewService(store).next(study, "ana", 10)}
    assert drafts[opened.token() or ""] == Draft(comment="half a thought", edit="A better answer")
    other = rater(tab, floor.base, "ana", study)
    expect(other.page.locator("#comment")).to_have_value("half a thought")
    expect(other.page.locator("#edit")).to_have_value("A better answer")
    other.page.reload()
    other.card()
    expect(other.page.locator("#comment")).to_have_value("half a thought")


def test_any_vote_is_taken_back_from_the_list_and_the_last_one_with_u_even_after_a_reload(
    floor: Floor, tab: Callable[[str], Tab]
):
    study = floor.study("history")
    opened = rater(tab, floor.base, "ana", study)
    first, second, third = (press(opened, key) for key in "123")
    saved(opened)
    opened.page.reload()
    opened.card()
    opened.page.keyboard.press("l")
    rows = opened.page.locator("#history li")
    expect(rows).to_have_count(3, timeout=30_000)
    expect(rows.nth(2)).to_contain_text("A is much better")
    rows.nth(2).get_by_role("button").click()
    expect(opened.page.locator("#card")).to_have_attribute("data-token", first or "", timeout=30_000)
    expect(rows).to_have_count(2, timeout=30_000)
    opened.page.keyboard.press("u")
    expect(opened.page.locator("#card")).to_have_attribute("data-token", third or "", timeout=30_000)
    saved(opened)
    assert [b.choice for b in floor.ballots(study)] == ["a"]
    assert second not in (first, third)


def test_votes_waiting_when_the_tab_is_reloaded_are_still_delivered_once(house: Path, tab: Callable[[str], Tab]):
    port = free_port()
    with served(house, port=port) as base:
        opened = rater(tab, base, "ana", "tone")
    press(opened, "1")
    press(opened, "2")
    press(opened, "6")
    opened.page.keyboard.press("u")
    expect(opened.page.locator("#waiting")).to_have_text("4 votes waiting, keep this tab open", timeout=10_000)
    with served(house, port=port):
        opened.page.goto(f"{base}/review?study=tone&rater=ana")
        opened.card()
        saved(opened)
        expect(opened.page.locator("#done")).to_have_text("2 of 12")
        press(opened, "5")
        saved(opened)
    with Store.open(house) as store:
        said = sorted(b.choice for b in Reviews(store.state).ballots("tone"))
        assert said == ["a", "a_much", "b_much"]


def test_a_pause_gives_the_items_to_the_others_and_going_on_takes_them_again(floor: Floor, tab: Callable[[str], Tab]):
    study = floor.study("paused", overlap=1)
    opened = rater(tab, floor.base, "ana", study)
    press(opened, "1")
    saved(opened)
    opened.page.keyboard.press("p")
    expect(opened.page.get_by_text("are back with the others")).to_be_visible(timeout=30_000)
    with Store.open(floor.workspace) as store:
        service = ReviewService(store)
        assert len(service.next(study, "ben", 20)) == 11
        service.release(study, "ben")
    assert opened.token() is None
    opened.page.keyboard.press("Enter")  # the button to go on has the focus
    expect(opened.page.locator("#verdicts button").first).to_be_visible(timeout=30_000)
    press(opened, "1")
    saved(opened)
    assert floor.status(study).by_rater == {"ana": 2}


def test_an_item_left_for_later_comes_back_and_keys_show_in_the_sheet(floor: Floor, tab: Callable[[str], Tab]):
    study = floor.study("later")
    opened = rater(tab, floor.base, "ana", study)
    first = opened.token()
    opened.page.keyboard.press("n")
    assert opened.token() != first
    judged = walk(opened, "2")
    assert judged[-1] == first
    assert len(judged) == 12
    opened.page.keyboard.press("?")
    expect(opened.page.locator("#help")).to_contain_text("Both are bad")
    opened.page.keyboard.press("Escape")
    expect(opened.page.locator("#help")).to_be_hidden()


def test_raw_text_and_whole_texts_are_shown_for_both_panes_at_once(floor: Floor, tab: Callable[[str], Tab]):
    opened = rater(tab, floor.base, "ana", floor.study("raw"))
    panes = [opened.page.locator(f"#{pane} .text") for pane in "ab"]
    for pane in panes:
        expect(pane.locator("dl")).to_be_visible()
    opened.page.keyboard.press("t")
    opened.page.keyboard.press("e")
    for pane in panes:
        expect(pane).to_contain_text('{"intent"')
        expect(pane).to_have_class("text expanded")


def test_practice_does_not_count_and_says_what_the_gold_set_says(floor: Floor, tab: Callable[[str], Tab]):
    study = floor.study("practised", "single", overlap=1, design=Design(practice=2, gold="gold"))
    opened = rater(tab, floor.base, "ana", study)
    expect(opened.page.locator("#practice")).to_have_text("Practice: these do not count.")
    for key, said in (("x", "otherwise"), ("a", "so too")):
        shown = press(opened, key)
        if key == "x":
            opened.page.keyboard.press("1")
        expect(opened.page.locator("#feedback")).to_contain_text(said, timeout=30_000)
        expect(opened.page.locator("#card")).to_have_attribute("data-token", shown or "")  # read before it goes
        press(opened, "Enter")
        expect(opened.page.locator("#card")).not_to_have_attribute("data-token", shown or "")
    expect(opened.page.locator("#practice")).to_be_hidden()
    expect(opened.page.locator("#feedback")).to_be_hidden()
    expect(opened.page.locator("#done")).to_have_text("0 of 12")
    saved(opened)
    assert floor.ballots(study) == []


def test_of_two_tabs_of_one_rater_only_the_newer_answers_until_the_older_is_taken_up(floor: Floor, browser: Browser):
    study = floor.study("tabs")
    with browser.new_context(viewport={"width": 1400, "height": 1000}) as context:
        tabs = [Tab(context.new_page(), floor.base) for _ in range(2)]
        for opened in tabs:
            opened.open(f"/review?study={study}&rater=ana")
            opened.card()
        older, newer = tabs
        expect(older.page.locator("#older")).to_be_visible()
        press(older, "1")
        press(newer, "2")
        saved(newer)
        older.page.get_by_role("button", name="Go on here").click()
        expect(newer.page.locator("#older")).to_be_visible()
        press(older, "4")  # the item the newer tab has answered: a second vote on it would be one too many
        saved(older)
    assert [b.choice for b in floor.ballots(study)] == ["a"]


def test_at_the_end_raters_guess_whether_answers_come_from_one_model(floor: Floor, tab: Callable[[str], Tab]):
    study = floor.study("guessed", overlap=1, design=Design(guesses=True))
    opened = rater(tab, floor.base, "ana", study)
    walk(opened, "2", most=12)
    expect(opened.page.get_by_text("Did the same model write both answers?")).to_be_visible(timeout=30_000)
    asked = walk(opened, "123")
    assert 2 <= len(asked) <= 10
    expect(opened.page.get_by_text("You have judged everything")).to_be_visible(timeout=30_000)
    with Store.open(floor.workspace) as store:
        events = [e for e in store.ledger.events() if "guess" in e.kind]
    assert len(events) >= len(asked)


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
