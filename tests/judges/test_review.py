"""Raters see opaque items in both orders, each presentation takes one vote, and the study closes with its agreement."""

import json
import subprocess
import sys

import pytest

from curation.errors import InputError, UnknownRecord
from curation.store.reviews import Reviews
from curation.store.store import Store
from curation.task import Environment
from judges.gold import GoldService
from judges.review import ReviewService
from tests.conftest import ROOT
from tests.judges.houses import TEACHERS, sealed
from tests.postgres import server

QUESTION = "Which answer would you rather send?"


def vote_all(service, study, rater, choose):
    """Vote on everything this rater is shown; the number of votes."""
    given = 0
    while batch := service.next(study, rater, limit=4):
        for item in batch:
            given += service.vote(item.token, rater, choose(item), dwell_ms=900)
    return given


def test_only_texts_and_a_random_token_reach_a_rater(store):
    service = ReviewService(store)
    service.create("s", n=10, seed=1)
    shown = json.dumps([p.model_dump() for p in service.next("s", "ana")])
    ids = store.versions.samples("head")["id"].to_list()
    assert not [name for name in (*TEACHERS, *ids, "request", "p1") if name in shown]
    assert {len(p.token) for p in service.next("s", "ana")} == {32}


def test_two_raters_see_every_item_in_both_orders(store):
    service = ReviewService(store)
    service.create("s", n=10, seed=1)
    assert vote_all(service, "s", "ana", lambda p: "a") == 10
    assert vote_all(service, "s", "bob", lambda p: "a") == 10
    assert service.status("s").complete_items == 10
    report = service.close("s")
    assert report["both_orders"] == 10
    assert report["position"]["share"] == 1.0
    assert report["alpha"] < 0  # always taking pane A is not agreement


def test_a_second_vote_on_a_presentation_changes_nothing_until_the_first_is_taken_back(store):
    service = ReviewService(store)
    service.create("s", n=3)
    token = service.next("s", "ana")[0].token
    assert [service.vote(token, "ana", "a"), service.vote(token, "ana", "b")] == [True, False]
    assert [service.undo(token, "ana"), service.undo(token, "ana")] == [True, False]
    assert service.next("s", "ana")[0].token == token
    assert service.vote(token, "ana", "b")
    assert [b.choice for b in Reviews(store.state).ballots("s")] == ["b"]
    assert [e.kind for e in store.ledger.events() if e.kind.startswith("vote")] == ["vote", "vote_undone", "vote"]


def test_a_token_of_another_rater_is_refused(store):
    service = ReviewService(store)
    service.create("s", n=3)
    token = service.next("s", "ana")[0].token
    with pytest.raises(UnknownRecord, match="not shown to this rater"):
        service.vote(token, "bob", "a")
    with pytest.raises(UnknownRecord):
        service.vote("f" * 32, "ana", "a")


def test_a_revisited_item_keeps_its_token_and_its_order(store):
    service = ReviewService(store)
    service.create("s", n=5)
    assert service.next("s", "ana", limit=5) == service.next("s", "ana", limit=5)


def test_a_skipped_item_goes_to_another_rater_and_counts_as_no_vote(store):
    service = ReviewService(store)
    service.create("s", n=1, overlap=1)
    assert vote_all(service, "s", "ana", lambda p: "skip") == 1
    assert service.progress("s", "ana").model_dump() == {
        "done": 0, "skipped": 1, "left": 0, "practice_left": 0,
    }  # fmt: skip
    assert vote_all(service, "s", "bob", lambda p: "tie") == 1
    assert service.close("s")["votes"] == 1


def test_an_item_whose_lease_ran_out_is_given_to_someone_else(store):
    service, tables = ReviewService(store), Reviews(store.state)
    service.create("s", n=1, overlap=1)
    left = tables.serve("s", "ana", 10, lease_seconds=0)
    assert len(tables.serve("s", "bob", 10, lease_seconds=900)) == 1
    assert service.next("s", "ana") == []
    assert service.vote(left[0].token, "ana", "a")  # a late vote is a vote: it was paid for with a person's time


def test_votes_are_part_of_what_is_known_about_a_sample(store):
    service = ReviewService(store)
    service.create("s", n=1, overlap=1)
    shown = service.next("s", "ana")[0]
    service.vote(shown.token, "ana", "a", reason="the other one invents a number")
    by_answer = {row["answer"]: row["id"] for row in store.versions.samples("head").to_dicts()}
    tables = Reviews(store.state)
    assert [v["choice"] for v in tables.votes_for(by_answer[shown.a])] == ["preferred"]
    (other,) = tables.votes_for(by_answer[shown.b])
    assert (other["choice"], other["rater"], other["reason"]) == (
        "other_preferred", "ana", "the other one invents a number",
    )  # fmt: skip


def test_a_closed_study_takes_no_vote_and_keeps_its_report(store):
    service = ReviewService(store)
    service.create("s", kind="single", n=4, overlap=2)
    for rater in ("ana", "bob"):
        for item in service.next("s", rater, limit=3):
            assert item.b is None
            service.vote(item.token, rater, "reject" if item.a.startswith("answer 1") else "accept")
    waiting = service.next("s", "ana")[0].token
    report = service.close("s")
    assert (report["votes"], report["agreement"], report["raters"]["ana"]["votes"]) == (6, 1.0, 3)
    assert service.close("s") == report
    assert service.next("s", "ana") == []
    with pytest.raises(InputError, match="closed"):
        service.vote(waiting, "ana", "accept")


def test_the_same_seed_draws_the_same_study_in_another_workspace(store, tmp_path):
    with sealed(tmp_path / "elsewhere") as other:
        texts = []
        for house in (store, other):
            service = ReviewService(house)
            service.create("s", n=6, seed=5)
            texts.append([(p.prompt, p.a) for p in service.next("s", "ana")])
    assert texts[0] == texts[1]


def test_a_study_that_cannot_be_drawn_says_what_is_missing(tmp_path):
    with sealed(tmp_path, n=0) as empty, pytest.raises(InputError, match="two different kept answers"):
        ReviewService(empty).create("s")


def test_a_choice_the_study_does_not_offer_is_refused(store):
    service = ReviewService(store)
    service.create("s", kind="single", n=1)
    with pytest.raises(InputError, match="accept, reject, skip"):
        service.vote(service.next("s", "ana")[0].token, "ana", "a")


def test_a_reviewed_sample_becomes_gold_and_an_unreviewed_one_does_not(store):
    service = ReviewService(store)
    service.create("s", kind="single", n=1, overlap=1)
    service.vote(service.next("s", "ana")[0].token, "ana", "accept")
    reviewed = Reviews(store.state).ballots("s")[0].first_sample
    unreviewed = next(i for i in store.versions.samples("head")["id"] if i != reviewed)
    assert service.promote(reviewed, "gold", "ana").number == 1
    (item,) = GoldService(store).items("gold")
    assert item.text.startswith("question ")
    assert item.sample == reviewed
    with pytest.raises(InputError, match="no review vote"):
        service.promote(unreviewed, "gold", "ana")


def rate_alone(root, rater, environment=None):
    """Another process: vote on everything, sending each vote twice."""
    with Store.create(root, environment) as store:
        service, given = ReviewService(store), 0
        while batch := service.next("s", rater, limit=5):
            for item in batch:
                given += service.vote(item.token, rater, "a")
                given += service.vote(item.token, rater, "b")
    return given


def write_alone(root, events, environment=None):
    """A third process: writes to the same database all the while, as a run does."""
    with Store.create(root, environment) as store:
        return [store.ledger.append("run", {"n": n}) for n in range(events)]


def elsewhere(call):
    """Evaluate a call of this module's functions in a fresh process."""
    code = f"from pathlib import PosixPath; from tests.judges.test_review import *; print(json.dumps({call}))"
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def said(process):
    """What a process returned."""
    out, _ = process.communicate()
    assert process.returncode == 0
    return json.loads(out)


def rate_in_three_processes(root, environment=None):
    """Two raters vote on 40 items while a third process writes; the report of the closed study."""
    with sealed(root, 40, environment) as store:
        ReviewService(store).create("s", n=40)
        raters = [elsewhere(f"rate_alone({root!r}, {rater!r}, {environment!r})") for rater in ("ana", "bob")]
        writer = elsewhere(f"write_alone({root!r}, 150, {environment!r})")
        assert [said(r) for r in raters] == [40, 40]
        assert len(said(writer)) == 150
        assert store.ledger.verify() == []
        assert len(store.ledger.events("vote")) == 80
        return ReviewService(store).close("s")


def test_two_processes_vote_while_a_third_writes_and_every_vote_counts_once(tmp_path):
    report = rate_in_three_processes(tmp_path)
    assert (report["votes"], report["both_orders"], report["items_with_two_votes"]) == (80, 40, 40)


@pytest.mark.postgres
def test_the_same_holds_on_postgresql(tmp_path):
    with server() as url:
        report = rate_in_three_processes(tmp_path, Environment({"DATABASE_URL": url}))
    assert (report["votes"], report["both_orders"], report["items_with_two_votes"]) == (80, 40, 40)
