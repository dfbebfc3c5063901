"""The ledger adds up: by model, purpose and tier, with what failed, was discarded, was saved, and what nobody knows."""

import asyncio
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import httpx2
import pytest

from curation.asker import Ask, Next, Purpose, Turn
from curation.llm.practice.limits import Limits
from curation.llm.practice.profiles import Faults
from curation.llm.practice.server import PracticeServer
from curation.llm.prices import Price, price_named
from curation.money.costs import Costs, costs, reconcile
from curation.money.hours import book_asking, booked
from curation.records import Message, Request
from curation.store.charges import Charges
from curation.store.replies import About, Claim, Replies
from curation.store.store import Store
from curation.task import AnswerTable, Environment, TeacherTable, read_task
from tests.curation.asking import asker_in, asks, openai_model
from tests.curation.scripted import Scripted, chat, said

PRICE = {"input": 0.137, "output": 0.713}
TASK = '[task]\nname = "t"\n[budget]\nusd = 2.0\n'
NOBODY = Environment({})


@pytest.fixture
def store(tmp_path: Path):
    (tmp_path / "task.toml").write_text(TASK, encoding="utf-8")
    with Store.open(tmp_path) as opened:
        yield opened


def echo_server(**options) -> PracticeServer:
    return PracticeServer([], seed=1, answer=AnswerTable(), echo=True, **options)


def model_at(url: str, **fields) -> TeacherTable:
    table = {"model": "alder-large", "price": PRICE, "name": "alder", **fields}
    return openai_model(f"{url}/v1", **table)


def ask(root: Path, model: TeacherTable, texts: Sequence[str], purpose: Purpose = "sample", system: str | None = None):
    with asker_in(root, budget=2.0, attempts=1) as asker:
        return asker.ask(asks(asker, model, texts, system), purpose)


def costs_in(root: Path, store: Store) -> Costs:
    return costs(store, read_task(root / "task.toml"))


def usd(sent: int, back: int) -> float:
    return (sent * PRICE["input"] + back * PRICE["output"]) / 1e6


# --- what was paid -------------------------------------------------------------------------------------------------


def test_costs_are_told_by_model_and_purpose_with_the_tokens_they_are_worked_out_from(tmp_path, store):
    with Scripted(lambda body: chat(usage=(100, 7))) as server:
        model = openai_model(server.url, price=PRICE)
        ask(tmp_path, model, ["a", "b", "c"])
        ask(tmp_path, model, ["d"], "judge")
    told = costs_in(tmp_path, store)
    lines = {line.purpose: line for line in told.lines}
    assert (lines["sample"].calls, lines["sample"].input_tokens, lines["sample"].output_tokens) == (3, 300, 21)
    assert lines["sample"].usd == pytest.approx(usd(300, 21), abs=1e-12)
    assert lines["judge"].usd == pytest.approx(usd(100, 7), abs=1e-12)
    assert told.spending.known == pytest.approx(usd(400, 28), abs=1e-12)
    assert told.left_usd == pytest.approx(2.0 - usd(400, 28), abs=1e-12)


def test_a_tiers_discount_and_cached_input_are_told_against_the_standard_price(tmp_path, store):
    price = {**PRICE, "cached_input": 0.0137, "flex": 0.5}
    with echo_server(limits=Limits(cached_input=True)) as server:
        ask(tmp_path, model_at(server.url, price=price, mode="flex"), ["a"], system="be kind " * 1000)
        (bill,) = server.billed()["requests"].values()
    (line,) = costs_in(tmp_path, store).lines
    assert (line.tier, line.cached_tokens) == ("flex", bill["cached"])
    assert bill["cached"] > 1000
    full = (bill["input"] - bill["cached"]) * 0.137 + bill["cached"] * 0.0137 + bill["output"] * 0.713
    assert line.usd == pytest.approx(0.5 * full / 1e6, abs=1e-12)
    assert line.saved_usd == pytest.approx(line.usd, abs=1e-12)
    assert line.cache_saved_usd == pytest.approx(0.5 * bill["cached"] * (0.137 - 0.0137) / 1e6, abs=1e-12)


def test_a_cut_reply_that_was_asked_again_is_discarded_money_and_the_longer_one_is_not(tmp_path, store):
    def answer(body):
        cut = body["max_tokens"] == 50
        return chat("cut" if cut else "whole", finish="length" if cut else "stop", usage=(100, 50 if cut else 60))

    with Scripted(answer) as server:
        ask(tmp_path, openai_model(server.url, price=PRICE), ["a"])
    (line,) = costs_in(tmp_path, store).lines
    assert line.usd == pytest.approx(usd(200, 110), abs=1e-12)
    assert line.discarded_usd == pytest.approx(usd(100, 50), abs=1e-12)


def test_a_reply_that_the_next_stage_builds_on_is_not_discarded(tmp_path, store):
    def follow(turns: Sequence[Turn]) -> Next | None:
        last = turns[-1].request
        longer = last.model_copy(update={"messages": (*last.messages, Message(role="user", content="better"))})
        return Next(request=longer, why="next stage") if len(turns) == 1 else None

    with Scripted(lambda body: chat()) as server, asker_in(tmp_path, budget=2.0) as asker:
        (first,) = asks(asker, openai_model(server.url, price=PRICE), ["a"])
        asker.ask([Ask(first.request, first.model, follow)], "sample")
    (line,) = costs_in(tmp_path, store).lines
    assert (line.calls, line.discarded_usd) == (2, 0.0)


def test_an_attempt_that_brought_nothing_and_may_have_been_charged_is_held_at_its_cap_and_told_as_failed(
    tmp_path, store
):
    with Scripted(lambda body: chat() if said(body) == "a" else {"nothing": "here"}) as server:
        ask(tmp_path, openai_model(server.url, price=PRICE), ["a", "b"])
    told = costs_in(tmp_path, store)
    (line,) = told.lines
    assert (line.calls, line.unknown) == (2, 1)
    assert line.held_usd == told.spending.held == line.failed_usd > 0
    assert line.usd == told.spending.known == pytest.approx(usd(10, 5), abs=1e-12)


def test_what_is_written_while_costs_are_read_is_in_all_of_them_or_in_none(store):
    replies = Replies(store.replies_db)
    owner = replies.new_owner()
    asked = Request(provider="openai", host="h", api_version="1", model="m", messages=())
    with store.replies_db.snapshot() as moment:
        counted = [moment.exec_driver_sql("select count(*) from claims").scalar()]
        replies.commit(owner, [Claim(asked, "sample", 0.25)])
        counted.append(moment.exec_driver_sql("select count(*) from claims").scalar())
    assert counted == [0, 0]
    assert replies.spending().reserved == 0.25
    owner.close()


# --- settling what is not known ------------------------------------------------------------------------------------


TEXTS = [f"text {i}" for i in range(12)]


def test_what_timed_out_here_and_was_charged_there_is_settled_at_the_bill_and_what_never_was_at_nothing(
    tmp_path, store
):
    with echo_server(faults=Faults(slow=0.3, garbage=0.3, hang=2.0)) as server:
        ask(tmp_path, model_at(server.url, timeout=1.5), TEXTS)
        time.sleep(1.0)
        held = costs_in(tmp_path, store).spending.held
        done = reconcile(store, NOBODY, patience=0.0)
        bills = server.billed()["requests"].values()
    spent = costs_in(tmp_path, store).spending
    assert held > done.usd > 0
    assert done.never_charged > 0
    assert (done.held, spent.held) == ((), 0.0)
    assert spent.known == pytest.approx(sum(usd(b["input"], b["output"]) for b in bills), abs=1e-12)


def test_what_a_server_may_still_be_working_on_is_not_called_free(tmp_path, store):
    with echo_server(faults=Faults(garbage=0.5)) as server:
        ask(tmp_path, model_at(server.url), TEXTS)
        done = reconcile(store, NOBODY, patience=60.0)
    assert (done.charged, done.never_charged) == (0, 0)
    assert done.held[0].why == "it may still be worked on; ask again later"
    assert costs_in(tmp_path, store).spending.held == pytest.approx(done.held[0].usd)


def test_a_server_that_was_started_anew_does_not_make_an_attempt_free_by_not_knowing_it(tmp_path, store):
    with echo_server(faults=Faults(garbage=0.5)) as server:
        port = int(server.url.rpartition(":")[2])
        ask(tmp_path, model_at(server.url), TEXTS)
    with echo_server(port=port):
        done = reconcile(store, NOBODY, patience=0.0)
    assert done.never_charged == 0
    assert "started anew" in done.held[0].why


def lost(store: Store, host: str, wire: str, price: Price) -> Request:
    """A request to a host whose process died with it in flight."""
    asked = Request(provider="openai", host=host, api_version="1", model="alder-large", messages=())
    replies = Replies(store.replies_db)
    owner = replies.new_owner()
    replies.commit(owner, [Claim(asked, "sample", 0.25, wire, price.id, About("t"))], cap=2.0)
    owner.close()
    return asked


def test_a_provider_that_cannot_tell_is_named_and_its_attempts_stay_held(tmp_path, store):
    lost(store, "api.openai.com", "sh-1", Price(vendor="stated", model="m", since=date(2026, 1, 1), input=1, output=1))
    done = reconcile(store, NOBODY, patience=0.0)
    assert [(h.host, h.attempts, h.usd) for h in done.held] == [("api.openai.com", 1, 0.25)]
    assert "tells nobody" in done.held[0].why
    assert costs_in(tmp_path, store).spending.held == 0.25


def test_an_attempt_the_server_charged_twice_costs_both_bills_at_the_price_of_its_day(tmp_path, store):
    price = Price(vendor="stated", model="alder-large", since=date(2026, 1, 1), **PRICE)
    body = {"model": "alder-large", "messages": [{"role": "user", "content": "hello"}]}
    with echo_server() as server, httpx2.Client(trust_env=False) as client:
        lost(store, server.url.removeprefix("http://"), "sh-twice", price)
        for _ in range(2):
            client.post(f"{server.url}/v1/chat/completions", json=body, headers={"x-client-request-id": "sh-twice"})
        done = reconcile(store, NOBODY, patience=0.0)
        bills = list(server.billed()["requests"].values())
    assert (len(bills), done.charged) == (2, 1)
    assert done.usd == pytest.approx(sum(usd(b["input"], b["output"]) for b in bills), abs=1e-12)


def test_a_price_in_the_ledger_can_be_read_back_with_its_rates():
    stated = Price(vendor="stated", model="a b@c", since=date(2026, 3, 1), cached_input=1e-05, batch=0.5, **PRICE)
    assert price_named(stated.id) == stated
    table = price_named("openai/gpt-4o-mini@2024-07-18")
    assert table is not None
    assert table.output == 0.6
    assert price_named("openai/gpt-99@2024-07-18") is None


# --- hours ---------------------------------------------------------------------------------------------------------

HOURS = """
[hours]
serving = 2.0
judging = 3.0
[[teachers]]
name = "rented"
use = "openai"
model = "m"
base_url = "https://gpu.example.test/v1"
price = { hour = 4.5 }
[[teachers]]
name = "here"
use = "local"
model = "m"
[[teachers]]
name = "here-too"
use = "local"
model = "n"
[[teachers]]
name = "sold"
use = "openai"
model = "gpt-4o-mini"
[[judges]]
name = "here"
use = "openai"
model = "m"
base_url = "http://localhost:8080/v1"
price = { input = 0, output = 0 }
"""


def test_a_run_books_hours_for_rented_models_and_for_this_machine_once_for_all_that_share_it(tmp_path, store):
    (tmp_path / "task.toml").write_text(TASK + HOURS, encoding="utf-8")
    task = read_task(tmp_path / "task.toml")
    asked = {
        ("sample", "rented"): 3600.0, ("sample", "here"): 1800.0, ("sample", "here-too"): 900.0,
        ("sample", "sold"): 7200.0, ("judge", "here"): 360.0,
    }  # fmt: skip
    book_asking(store, task, asked, 7)
    told = costs(store, task)
    assert [(c.kind, c.what, c.hours, c.usd_per_hour, c.run, c.detail) for c in told.charges] == [
        ("serving", "rented", 1.0, 4.5, 7, "price.hour"),
        ("serving", "here", 0.5, 2.0, 7, "[hours] serving"),
        ("judging", "here", 0.1, 3.0, 7, "[hours] judging"),
    ]
    assert told.hours_usd == pytest.approx(4.5 + 1.0 + 0.3)
    assert told.spending.total == 0


def test_hours_are_booked_also_for_what_failed_and_never_without_a_declared_price(store):
    def fails() -> None:
        with booked(store, "training", "student", 3600.0):
            time.sleep(0.05)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    with booked(store, "training", "student", None):
        pass
    (charge,) = Charges(store.replies_db).list()
    assert (charge.kind, charge.what) == ("training", "student")
    assert 0.05 <= charge.cost < 5


def test_an_asker_says_how_long_each_model_was_being_asked(tmp_path):
    async def slow(body):
        await asyncio.sleep(0.2)
        return chat()

    with Scripted(slow) as server, asker_in(tmp_path) as asker:
        asker.ask(asks(asker, openai_model(server.url), ["a"]), "judge")
        assert 0.2 <= asker.seconds["judge", "t"] < 5
        assert list(asker.seconds) == [("judge", "t")]
