"""Batches at a provider that says odd things about them: nothing is sent twice, and a person is told what matters."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from curation.errors import AskFailed, ProviderError
from curation.llm.batches.keep import Keeper
from curation.llm.batches.office import BatchSettings, Office
from curation.llm.batches.submit import custom_id, recover
from curation.llm.batches.wire import Found, Line, Remote
from curation.llm.journal import Journal
from curation.llm.lane import Rules
from curation.llm.work import Round
from curation.records import Message, Reply, Request
from curation.store.batches import NewBatch
from curation.store.replies import Claim
from curation.task import SamplingTable
from tests.curation.asking import replies_in

ID = "0123456789ab"


@dataclass
class OddDesk:
    """A provider whose answers a test writes down."""

    looks: list[Any] = field(default_factory=list)
    found: Any = field(default_factory=Found)
    lines: list[dict[str, Any]] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    dialect: str = "odd"
    provider: str = "p"
    host: str = "h"
    most_requests: int = 10
    most_bytes: int = 1000

    async def look(self, remote_id):
        return said(self.looks.pop(0) if len(self.looks) > 1 else self.looks[0])

    async def find(self, batch, known, since):
        return said(self.found)

    async def cancel(self, remote_id):
        self.cancelled.append(remote_id)

    async def fetch(self, remote, what, to):
        to.write(b"".join(json.dumps(line).encode() + b"\n" for line in self.lines))
        return what == "output"

    def read(self, line: Line, request: Request):
        if "kind" in line.content:
            return AskFailed(line.content["kind"], "refused")
        return Reply(key=request.key, text="fine", stop="end", model="m")


def said(answer):
    if isinstance(answer, AskFailed):
        raise answer
    return answer


def request(text: str) -> Request:
    return Request(provider="p", host="h", api_version="1", model="m", messages=(Message(role="user", content=text),))


REQUESTS = [request(str(i)) for i in range(3)]
NAMES = [custom_id(ID, r.key) for r in REQUESTS]


class Bench:
    """An office at an odd desk with one batch of three requests, in the state a test wants."""

    def __init__(self, tmp_path, desk: OddDesk, **settings):
        self.replies, self.notices = replies_in(tmp_path), []
        self.owner = self.replies.new_owner()
        journal = Journal(self.replies, self.owner, None)
        rules = Rules(SamplingTable(attempts=3), "m", None, "batch")
        chosen = BatchSettings(**{"poll": 0.01, "settle": 0.0, "notice": self.notices.append, **settings})
        self.office = Office("m", desk, journal, rules, chosen)
        self.round = Round("sample", on_done=lambda _: None)
        claims = [Claim(r, "sample", 0.1, name) for r, name in zip(REQUESTS, NAMES, strict=True)]
        self.replies.enqueue(self.owner, NewBatch(ID, "p", "h", "m", "odd", "sample"), claims, cap=None)

    def at(self, state: str, **values):
        return self.office.batches.update(ID, state=state, sent_at=True, **values)

    def look(self, times: int = 1):
        async def several():
            keeper = Keeper(self.office, self.round)
            with keeper.held:
                for _ in range(times):
                    over = await keeper.look(())
            return over

        return asyncio.run(several())

    def close(self):
        self.owner.close()


@pytest.fixture
def bench(tmp_path):
    made = []

    def make(desk, **settings):
        made.append(Bench(tmp_path, desk, **settings))
        return made[-1]

    yield make
    for each in made:
        each.close()


def remote(status="completed", phase="ended", **fields) -> Remote:
    return Remote(**{"id": "r1", "status": status, "phase": phase, "output": "f", **fields})


def test_while_the_list_does_not_answer_nothing_is_sent_and_nothing_is_freed(bench):
    here = bench(OddDesk(found=AskFailed("unknown_model", "404 no such page")))
    batch = here.at("sending")
    with pytest.raises(ProviderError, match="nothing is sent a second time"):
        asyncio.run(recover(here.office, batch))
    assert here.office.batches.get(ID).state == "sending"
    assert len(here.office.batches.holders(r.key for r in REQUESTS)) == 3


def test_a_batch_that_turns_up_twice_keeps_the_first_and_cancels_the_other(bench):
    first, second = remote(created_at=1.0), remote(id="r2", created_at=2.0)
    here = bench(OddDesk(found=Found((second, first))))
    batch = asyncio.run(recover(here.office, here.at("sending")))
    assert (batch.state, batch.remote_id, here.office.desk.cancelled) == ("created", "r1", ["r2"])
    assert "exists twice" in here.notices[0]


def test_one_that_might_be_ours_is_waited_for_however_long_it_takes(bench):
    here = bench(OddDesk(found=Found((), (remote("in_progress", "working"),))))
    for _ in range(3):
        assert asyncio.run(recover(here.office, here.at("sending"))).state == "sending"


def test_absence_is_believed_only_after_a_while_and_then_everything_is_free(bench):
    here = bench(OddDesk(), settle=3600)
    assert asyncio.run(recover(here.office, here.at("sending"))).state == "sending"
    earlier = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
    batch = here.office.batches.update(ID, sent_at=earlier)
    assert asyncio.run(recover(here.office, batch)).state == "cancelled"
    assert not here.office.batches.holders(r.key for r in REQUESTS)
    assert here.replies.spending().reserved == 0


def test_a_batch_out_for_twenty_hours_is_told_once(bench):
    here = bench(OddDesk(looks=[remote("in_progress", "working")]))
    here.at("created", remote_id="r1")
    here.office.batches.update(ID, sent_at=(datetime.now(UTC) - timedelta(hours=21)).isoformat())
    assert not here.look(times=3)
    assert [line for line in here.notices if "out for 21 hours" in line] == here.notices
    assert len(here.notices) == 1


def test_a_batch_this_key_may_not_see_is_an_error_that_keeps_its_requests(bench):
    here = bench(OddDesk(looks=[AskFailed("unknown_model", "404")]))
    here.at("created", remote_id="r1")
    assert not here.look(times=2)
    with pytest.raises(ProviderError, match="another key"):
        here.look(times=3)
    assert here.office.batches.get(ID).is_open


def test_a_server_that_does_not_answer_is_asked_again(bench):
    here = bench(OddDesk(looks=[AskFailed("timeout", "late"), AskFailed("server", "500"), remote()]))
    here.office.desk.lines = [{"custom_id": name} for name in NAMES]
    here.at("created", remote_id="r1")
    (batch,) = here.look(times=3)
    assert (batch.state, here.office.batches.counts(ID)) == ("collected", {"reply": 3})


def test_every_request_has_one_outcome_and_strange_lines_are_told(bench):
    lines = [{"custom_id": NAMES[1]}, {"custom_id": NAMES[1], "kind": "server"}, {"custom_id": "who"}, {"a": 1}]
    here = bench(OddDesk(looks=[remote()], lines=lines))
    here.at("created", remote_id="r1")
    (batch,) = here.look()
    assert here.office.batches.counts(batch.id) == {"reply": 1, "missing": 2}
    assert [a["outcome"] for a in here.replies.attempts(REQUESTS[1].key)] == ["reply"]
    for part in ("3 = 1 ok + 2 missing", "1 lines were unreadable", "1 lines were repeated", "about no request of"):
        assert part in here.notices[0]


def test_a_batch_that_failed_for_one_line_fails_that_request_and_frees_the_others(bench):
    from curation.llm.batches.wire import Problem

    here = bench(OddDesk(looks=[remote("failed", "failed", problems=(Problem("invalid_value", "no", 2),))]))
    here.at("created", remote_id="r1")
    (batch,) = here.look()
    assert batch.state == "failed"
    assert [a["outcome"] for a in here.replies.attempts(REQUESTS[1].key)] == ["invalid_parameter"]
    assert not here.replies.attempts(REQUESTS[0].key)
    assert not here.office.batches.holders(r.key for r in REQUESTS)


def test_a_batch_refused_as_a_whole_stops_the_run_and_holds_nothing(bench):
    from curation.llm.batches.wire import Problem

    problems = (Problem("billing_hard_limit_reached", "no money"),)
    here = bench(OddDesk(looks=[remote("failed", "failed", problems=problems)]))
    here.at("created", remote_id="r1")
    with pytest.raises(ProviderError, match="no money"):
        here.look()
    assert here.office.batches.get(ID).state == "failed"
    assert here.replies.spending().reserved == 0


def test_a_batch_another_process_looks_after_is_left_to_it(bench):
    from curation.store.batches import alone

    here = bench(OddDesk(looks=[remote()]))
    here.at("created", remote_id="r1")
    with alone(here.office.house, ID) as mine:
        assert mine
        assert not here.look()
    assert here.office.batches.get(ID).state == "created"
