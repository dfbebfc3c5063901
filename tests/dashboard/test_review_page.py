"""The review page without its card (`?ui=native`): every kind of study by plain buttons and fields, no browser."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from curation.store.review_records import Criterion, Design
from curation.store.reviews import Ballot, Kind, Reviews
from curation.store.store import Store
from dashboard.launch import WORKSPACE
from judges.review import ReviewService
from tests.dashboard.house import SECRETS

RUBRIC = Design(
    criteria=(
        Criterion(name="tone", question="Is it friendly?", anchors=("rude", "flat", "warm")),
        Criterion(name="style", question="Is it plain?", anchors=("muddled", "plain")),
    )
)
DWELL = 0.45


@pytest.fixture
def workspace(house: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(WORKSPACE, str(house))
    return house


class Rater:
    """Somebody at the native page of a study opened for them."""

    def __init__(self, workspace: Path, kind: Kind, **options: Any) -> None:
        self.workspace = workspace
        self.study = f"native {kind}"
        with Store.open(workspace) as store:
            ReviewService(store).create(self.study, kind=kind, n=4, overlap=1, **options)
        self.app = AppTest.from_string("from dashboard.views import review\nreview.render()", default_timeout=30)
        for name, value in (("study", self.study), ("rater", "ana"), ("ui", "native")):
            self.app.query_params[name] = value
        self.app.run()
        assert not self.app.exception, self.app.exception[0].message

    def press(self, label: str, *, wait: float = DWELL) -> None:
        time.sleep(wait)
        next(b for b in self.app.button if b.label == label).click()
        self.app.run()
        assert not self.app.exception, self.app.exception[0].message

    def field(self, label: str) -> Any:
        return next(f for f in [*self.app.text_area, *self.app.text_input] if f.label == label)

    def words(self) -> str:
        return "\n".join(str(e.value) for e in [*self.app.text, *self.app.info, *self.app.warning])

    def ballots(self) -> list[Ballot]:
        with Store.open(self.workspace) as store:
            return Reviews(store.state).ballots(self.study)


Opens = Callable[..., Rater]


@pytest.fixture
def opens(workspace: Path) -> Opens:
    return lambda kind, **options: Rater(workspace, kind, **options)


def test_pairs_are_judged_to_the_end_and_each_verdict_arrives(opens: Opens):
    rater = opens("pairwise")
    for label in ("A is much better", "Equally good", "B is better", "Both are bad"):
        rater.press(label)
    assert sorted(b.choice for b in rater.ballots()) == ["a_much", "b", "both_bad", "tie"]
    assert "You have judged everything" in rater.words()


def test_an_answer_is_rejected_with_a_reason_and_its_scores_and_comment(opens: Opens):
    rater = opens("single", design=RUBRIC)
    assert "1 rude; 2 flat; 3 warm" in rater.words()
    rater.app.button_group[0].set_value("2")
    rater.app.run()
    rater.field("Comment").set_value("not quite")
    rater.press("Reject")
    rater.press("Incomplete")
    ballot = rater.ballots()[0]
    assert (ballot.choice, ballot.reason) == ("reject", "incomplete")
    assert (ballot.details.scores, ballot.details.comment) == ({"tone": 2}, "not quite")


def test_a_corrected_answer_is_kept_with_the_vote_and_an_unchanged_one_is_no_edit(opens: Opens):
    rater = opens("edit")
    rater.press("Accept my edit")
    assert "differs from the one shown" in rater.words()
    field = rater.field("Your edit")
    field.set_value(field.value + " And sorry.")
    rater.press("Accept my edit")
    assert [(b.choice, (b.details.edit or "")[-11:]) for b in rater.ballots()] == [("edit", " And sorry.")]


def test_words_are_marked_wherever_they_stand_in_the_answer(opens: Opens):
    rater = opens("spans", design=Design(tags=("name", "number")))
    rater.press("These are all the marks")
    assert "nothing is marked" in rater.words()
    rater.field("Words to mark, as they stand in the answer").set_value("urgency")
    rater.press("Mark")
    rater.press("These are all the marks")
    ballot = rater.ballots()[0]
    assert ballot.choice == "marked"
    assert [(s.pane, s.tag, s.end - s.start) for s in ballot.details.spans] == [("a", "name", 7)]


def test_an_item_is_skipped_or_flagged_with_a_reason(opens: Opens):
    rater = opens("pairwise")
    rater.press("Skip")
    rater.press("Too long")
    rater.press("Flag")
    rater.press("Personal data")
    assert {(b.choice, b.reason) for b in rater.ballots()} == {("skip", "too long"), ("flag", "personal data")}


def test_a_press_sooner_than_anybody_reads_is_not_taken(opens: Opens):
    rater = opens("pairwise")
    rater.press("A is better")
    for _ in range(3):
        rater.press("A is better", wait=0)
    assert len(rater.ballots()) == 1


def test_a_press_about_an_item_no_longer_on_screen_is_not_taken(opens: Opens):
    rater = opens("pairwise")
    time.sleep(DWELL)
    stale = next(b for b in rater.app.button if b.label == "A is better")
    with Store.open(rater.workspace) as store:  # another tab was faster
        token = str(stale.key).split("_")[0]
        assert ReviewService(store).vote(token, "ana", "tie")
    stale.click()
    rater.app.run()
    assert [b.choice for b in rater.ballots()] == ["tie"]


def test_any_vote_of_ones_own_is_taken_back_from_the_list(opens: Opens):
    rater = opens("pairwise")
    rater.press("A is better")
    rater.press("B is better")
    assert len(rater.ballots()) == 2
    backs = [b for b in rater.app.button if b.label == "Take back"]
    assert [b.proto.shortcut for b in backs] == ["u", ""]
    backs[1].click()
    rater.app.run()
    assert [b.choice for b in rater.ballots()] == ["b"]


def test_a_pause_gives_the_items_back_and_going_on_takes_them_again(opens: Opens):
    rater = opens("pairwise")
    rater.press("Pause")
    with Store.open(rater.workspace) as store:
        assert len(ReviewService(store).next(rater.study, "ben", 10)) == 4
    assert "Paused" in rater.words()
    rater.press("Go on")
    assert "4 items are with other raters" in rater.words()


def test_what_was_written_is_there_again_after_a_reload(opens: Opens):
    rater = opens("single")
    rater.field("Comment").set_value("half a thought")
    rater.app.run()
    again = AppTest.from_string("from dashboard.views import review\nreview.render()", default_timeout=30)
    for name, value in (("study", rater.study), ("rater", "ana"), ("ui", "native")):
        again.query_params[name] = value
    again.run()
    assert next(f for f in again.text_area if f.label == "Comment").value == "half a thought"


def test_every_key_of_the_page_names_nothing_but_a_token_and_our_own_words(opens: Opens):
    rater = opens("pairwise")
    keys = [str(element.key) for element in [*rater.app.button, *rater.app.text_area]]
    assert keys
    assert not [key for key in keys if any(word in key.lower() for word in (*SECRETS, "prompts", "native"))]


def test_practice_is_said_to_be_practice(opens: Opens):
    rater = opens("single", design=Design(practice=1))
    assert "these do not count" in rater.words()
    rater.press("Accept")
    assert "these do not count" not in rater.words()
    assert rater.ballots() == []


def test_a_closed_study_tells_a_rater_how_many_of_their_votes_came_too_late(workspace: Path):
    """Mutation: dashboard/views/review.py: thanks(house.store(), study, rater) => "Thank you. Your votes count." """
    ana = Rater(workspace, "single")
    with Store.open(workspace) as store:
        service = ReviewService(store)
        late = [shown.token for shown in service.next(ana.study, "ana")][:2]
        service.release(ana.study, "ana")
        for shown in service.next(ana.study, "ben"):
            service.vote(shown.token, "ben", "accept")
        service.vote(late[0], "ana", "accept")
        ana.app.run()
        assert "except" not in ana.words()
        service.close(ana.study)
        ana.app.run()
        assert "Your votes count, except one that came when its item had all it needed" in ana.words()
        ana.app.query_params["rater"] = "ben"
        ana.app.session_state["rater"] = "ben"
        ana.app.run()
        assert "Thank you. Your votes count." in ana.words()
