"""The journal: claims, settlements and money commit together, and the dead hold nothing back."""

import pytest

from curation.records import Message, Reply, Request, Usage
from curation.store.replies import Claim, Settlement
from tests.curation.asking import replies_in


def request(text: str) -> Request:
    return Request(provider="p", host="h", api_version="1", model="m", messages=(Message(role="user", content=text),))


def reply_to(asked: Request, text: str = "fine") -> Reply:
    return Reply(key=asked.key, text=text, stop="end", model="m", usage=Usage(input=3, output=2))


def test_a_claim_is_taken_until_it_is_settled_and_then_answered_with_the_reply(tmp_path):
    replies = replies_in(tmp_path)
    mine, other, asked = replies.new_owner(), replies.new_owner(), request("a")
    assert replies.commit(mine, [Claim(asked, "sample")]) == ["yours"]
    assert replies.commit(other, [Claim(asked, "sample")]) == ["taken"]
    replies.commit(mine, settlements=[Settlement(asked.key, "reply", reply=reply_to(asked))])
    assert replies.commit(other, [Claim(asked, "sample")]) == [reply_to(asked)]
    assert replies.request(asked.key) == asked.model_dump(mode="json")
    mine.close()
    other.close()


def test_a_failure_frees_the_claim_and_caches_nothing(tmp_path):
    replies = replies_in(tmp_path)
    owner, asked = replies.new_owner(), request("a")
    replies.commit(owner, [Claim(asked, "sample")])
    replies.commit(owner, settlements=[Settlement(asked.key, "server", "500")])
    assert replies.find([asked.key]) == {}
    assert replies.commit(owner, [Claim(asked, "sample")]) == ["yours"]
    assert [a["outcome"] for a in replies.attempts(asked.key)] == ["server"]
    owner.close()


def test_the_claim_of_an_owner_that_is_gone_is_taken_at_once_and_counts_as_lost_money(tmp_path):
    replies = replies_in(tmp_path)
    gone, asked = replies.new_owner(), request("a")
    replies.commit(gone, [Claim(asked, "sample", reserve=0.25)], cap=1.0)
    gone.close()
    owner = replies.new_owner()
    assert replies.commit(owner, [Claim(asked, "sample", reserve=0.25)], cap=1.0) == ["yours"]
    spent = replies.spending()
    assert (spent.known, spent.held, spent.reserved) == (0.0, 0.25, 0.25)
    assert [a["outcome"] for a in replies.attempts(asked.key)] == ["lost"]
    owner.close()


def test_a_sweep_settles_what_the_dead_left_and_leaves_the_living_alone(tmp_path):
    replies = replies_in(tmp_path)
    gone, alive = replies.new_owner(), replies.new_owner()
    replies.commit(gone, [Claim(request("a"), "sample")])
    replies.commit(alive, [Claim(request("b"), "sample")])
    gone.close()
    owner = replies.new_owner()
    assert (replies.sweep(owner), replies.sweep(owner)) == (1, 0)
    assert replies.commit(owner, [Claim(request("b"), "sample")]) == ["taken"]
    for each in (alive, owner):
        each.close()


def test_reservations_of_one_batch_count_against_the_cap_before_they_are_spent(tmp_path):
    replies = replies_in(tmp_path)
    owner = replies.new_owner()
    claims = [Claim(request(str(i)), "sample", reserve=0.4) for i in range(4)]
    assert replies.commit(owner, claims, cap=1.0) == ["yours", "yours", "wait_for_money", "wait_for_money"]
    settled = [Settlement(c.request.key, "reply", reply=reply_to(c.request), cost=0.4) for c in claims[:2]]
    assert replies.commit(owner, claims[2:], settled, cap=1.0) == ["over_budget", "over_budget"]
    assert replies.spending().total == pytest.approx(0.8)
    owner.close()


def test_thousands_of_replies_are_found_at_once(tmp_path):
    replies = replies_in(tmp_path)
    owner = replies.new_owner()
    requests = [request(str(i)) for i in range(2500)]
    replies.commit(owner, [Claim(r, "sample") for r in requests])
    replies.commit(owner, settlements=[Settlement(r.key, "reply", reply=reply_to(r)) for r in requests])
    assert len(replies.find(r.key for r in requests)) == 2500
    owner.close()
