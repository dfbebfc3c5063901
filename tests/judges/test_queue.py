"""Samples judges disagree on are queued for people with a kept probability, so that an estimate can weigh them back."""

import numpy as np
import polars as pl
import pytest

from curation.errors import InputError
from curation.records import SAMPLES, Decision, Message, decisions_frame, draw, message_row
from curation.store.review_draws import ReviewDraws
from curation.store.reviews import Reviews
from curation.store.store import Store
from judges.acceptance import acceptance
from judges.queue import open_queue, probabilities, queue
from judges.review import ReviewService

N = 600


def vote(judge, said):
    return {"judge": judge, "family": judge, "vote": said, "reason": "", "weight": 1.0}


def good(i):
    """What a person would say: judges agree on three quarters of the samples, and are right about those."""
    return draw(1, "good", i) < (0.95 if i % 4 else 0.3)


def decision(ident, i):
    first, second = ("accept", "accept") if i % 4 else ("accept", "reject")
    votes = [vote("birch", first), vote("cedar", second)]
    share = 1.0 if i % 4 else 0.6
    return Decision(
        sample=ident, step="judges", action="keep", reason="judge_agreed", words="", number=share,
        evidence={"votes": votes, "majority": "agreed"},
    )  # fmt: skip


@pytest.fixture
def store(tmp_path):
    with Store.create(tmp_path) as opened:
        rows = [
            {
                **dict.fromkeys(SAMPLES), "id": opened.sample_id(f"{i:064x}", 0), "position": i, "teacher": "alder",
                "index": 0, "prompt_id": f"p{i}", "request_key": f"{i:064x}", "answer": f"answer {i}",
                "messages": [message_row(Message(role="user", content=f"question {i}"))],
                "state": "kept", "judged": "agreed", "edited": False, "control": False,
            }
            for i in range(N)
        ]  # fmt: skip
        frame = pl.DataFrame(rows, schema=SAMPLES)
        decisions = decisions_frame(decision(row["id"], i) for i, row in enumerate(rows))
        opened.versions.seal(frame, decisions, recipe="0" * 64, steps=[], facts={})
        yield opened


def reviewed(store, name, n):
    """A person answers every queued sample as `good` says; the study is closed."""
    study = open_queue(store, name, n, seed=3)
    service = ReviewService(store)
    while shown := service.next(name, "ana", 20):
        for item in shown:
            service.vote(item.token, "ana", "accept" if good(int(item.a.split()[1])) else "reject")
    service.close(name)
    return study


def test_what_judges_disagree_on_is_drawn_more_often_and_everything_has_a_chance(store):
    decisions = store.versions.decisions()
    keys = {i: (k, x) for i, k, x in store.versions.samples().select("id", "request_key", "index").iter_rows()}
    chances = {q.probability for q in queue(decisions, keys, 200, 0)}
    assert len(chances) == 2
    assert max(chances) == 1.0
    assert 0 < min(chances) < 0.2


def test_inclusion_probabilities_sum_to_what_was_asked_for():
    weights = np.random.default_rng(0).uniform(0.05, 1, 1000)
    assert probabilities(weights, 80).sum() == pytest.approx(80)
    assert probabilities(weights, 5000).tolist() == [1.0] * 1000


def test_the_queue_is_the_same_for_the_same_samples_and_seed(store):
    decisions = store.versions.decisions()
    keys = {i: (k, x) for i, k, x in store.versions.samples().select("id", "request_key", "index").iter_rows()}
    assert queue(decisions, keys, 60, 7) == queue(decisions, keys, 60, 7)
    assert queue(decisions, keys, 60, 7) != queue(decisions, keys, 60, 8)


def test_the_probability_of_every_queued_sample_is_kept_and_in_the_ledger(store):
    study = open_queue(store, "doubtful", 60)
    assert len(ReviewDraws(store.state).of("doubtful")) == study.items
    (event,) = store.ledger.events("review_drawn")
    assert len(event.body["probabilities"]) == study.items


def test_people_s_labels_from_the_queue_are_weighed_back_to_all_kept_samples(store):
    truth = np.mean([good(i) for i in range(N)])
    reviewed(store, "doubtful", 220)
    found = acceptance(store)
    assert found.estimate.total == N
    assert found.estimate.low < truth < found.estimate.high
    queued = ReviewDraws(store.state).of("doubtful")
    assert found.estimate.n == len(queued)
    unweighted = np.mean([float(b.winner == "accept") for b in Reviews(store.state).ballots("doubtful")])
    assert unweighted < truth - 0.1
    assert f"of the {N} kept samples" in found.words


def test_no_estimate_is_made_without_a_closed_study(store):
    open_queue(store, "doubtful", 60)
    assert acceptance(store) is None


def test_a_version_no_judge_saw_has_nothing_to_queue(tmp_path):
    with Store.create(tmp_path) as opened:
        frame = pl.DataFrame(schema=SAMPLES)
        opened.versions.seal(frame, decisions_frame([]), recipe="0" * 64, steps=[], facts={})
        with pytest.raises(InputError, match="came before a judge"):
            open_queue(opened, "doubtful", 10)
