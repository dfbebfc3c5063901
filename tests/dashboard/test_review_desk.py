"""A rater's queue between two votes: what is left of it goes out again, until more happened than a vote."""

import secrets
from dataclasses import replace

import pytest

from curation.errors import StillhouseError
from curation.people import OWNER
from curation.store.reviews import Reviews
from dashboard.review_desk import FRESH_SECONDS, PREFETCH, REFILL, Act, Desk, Wants
from judges.review import ReviewService
from tests.judges.houses import sealed

ITEMS = 30


@pytest.fixture
def desk(tmp_path):
    with sealed(tmp_path, ITEMS) as store:
        study = ReviewService(store).create("s", n=ITEMS, overlap=2)
        yield Desk(store, OWNER, study, "ana")


def queue(desk, **wants):
    return [entry["token"] for entry in desk.card(Wants(**wants))["queue"]]


def do(desk, kind, token, **said):
    desk.apply(Act(id=secrets.token_hex(8), kind=kind, token=token, **said))


def vote(desk, token):
    do(desk, "vote", token, choice="a", dwell_ms=900)


def shown(desk):
    """How many items were taken from the study for this rater."""
    return len(Reviews(desk.store.state).presented("s"))


def test_a_queue_is_filled_again_once_few_are_left_and_keeps_its_order(desk):
    """Mutation: dashboard/review_desk.py: return len(self.items) > REFILL => return len(self.items) > 99 + REFILL"""
    first = queue(desk)
    for place, token in enumerate(first[: PREFETCH - REFILL], start=1):
        assert shown(desk) == PREFETCH
        vote(desk, token)
        assert queue(desk)[: PREFETCH - place] == first[place:]
    assert shown(desk) == 2 * PREFETCH - REFILL
    assert len(queue(desk)) == PREFETCH


def test_a_queue_that_is_old_is_asked_for_anew(desk):
    """Mutation: dashboard/review_desk.py: time.monotonic() - self.since < FRESH_SECONDS => True"""
    vote(desk, queue(desk)[0])
    desk.hand = replace(desk.hand, since=desk.hand.since - FRESH_SECONDS)
    assert len(queue(desk)) == PREFETCH


def test_an_item_taken_back_is_first_again(desk):
    """Mutation: dashboard/review_desk.py: hand, self.hand = self.hand, None => hand = self.hand"""
    first = queue(desk)
    vote(desk, first[0])
    assert queue(desk) == first[1:]
    do(desk, "undo", first[0])
    assert queue(desk) == first


def test_what_was_begun_on_an_item_comes_with_it(desk):
    token = queue(desk)[0]
    do(desk, "draft", token, choice="a", details={"comment": "not yet"})
    assert desk.card(Wants())["queue"][0]["draft"] == {"choice": "a", "comment": "not yet"}


def test_a_vote_that_is_refused_and_a_pause_leave_nothing_in_hand(desk):
    first = queue(desk)
    with pytest.raises(StillhouseError):
        do(desk, "vote", first[0], choice="accept")
    assert desk.hand is None
    assert queue(desk) == first
    assert queue(desk, paused=True) == []
    assert desk.hand is None
    vote(desk, first[0])
    desk.service.close("s")
    with pytest.raises(StillhouseError):
        vote(desk, first[1])
    assert desk.card(Wants())["closed"]
