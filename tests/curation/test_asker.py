"""Asking over real HTTP: nothing bought twice, nothing lost, one failure its own, the budget a hard cap."""

import asyncio
import signal
import subprocess
import sys
import traceback
from collections import Counter
from pathlib import Path

import pytest

from curation.asker import Failure
from curation.errors import BudgetError, ProviderError, RunStopped
from curation.llm.practice import Faults, KeyEntry, PracticeServer
from curation.records import Reply
from curation.task import AnswerTable, TeacherTable
from tests.curation.asking import asker_in, asks, by_text, openai_model, replies_in
from tests.curation.scripted import Scripted, chat, error, free_port, said

TEXTS = [f"text {i}" for i in range(30)]
ROOT = Path(__file__).parents[2]


def echo(body):
    return chat(f"about {said(body)}")


def test_every_reply_comes_back_under_the_key_of_its_own_request(tmp_path):
    async def shuffled(body):
        await asyncio.sleep(0.001 * (hash(said(body)) % 17))
        return echo(body)

    with Scripted(shuffled) as server, asker_in(tmp_path) as asker:
        wanted = asks(asker, openai_model(server.url), TEXTS)
        answers = by_text(asker.ask(wanted, "sample"), wanted)
    assert {text: reply.text for text, reply in answers.items()} == {t: f"about {t}" for t in TEXTS}


def test_what_is_journalled_is_never_asked_again_and_a_new_text_makes_exactly_its_call(tmp_path):
    """Regression 3.

    Mutation: curation/store/replies.py: rows = [{"key": r.key, "body": r.model_dump_json(), "at": at} for r in replies]
        => rows = [{"key": r.key, "body": r.model_dump_json(), "at": at} for r in replies[:1]]
    """
    with Scripted(echo) as server:
        for texts, calls in ((TEXTS, 30), (TEXTS, 0), ([*TEXTS, "one more"], 1)):
            with asker_in(tmp_path) as asker:
                asker.ask(asks(asker, openai_model(server.url), texts), "sample")
                assert asker.calls == calls
        assert server.calls == 31


def test_an_edited_system_prompt_asks_all_again_and_reverting_it_asks_none(tmp_path):
    """Regression 2.

    Mutation: curation/records.py: written = canonical(self.model_dump(mode="json"))
        => written = canonical(self.model_dump(mode="json", exclude={"messages": {0}}))
    """
    with Scripted(echo) as server, asker_in(tmp_path) as asker:
        for system, calls in (("be kind", 30), ("be brief", 60), ("be kind", 60)):
            asker.ask(asks(asker, openai_model(server.url), TEXTS, system), "sample")
            assert asker.calls == server.calls == calls


def test_two_asks_with_one_key_are_one_purchase(tmp_path):
    with Scripted(echo) as server, asker_in(tmp_path) as asker:
        answers = asker.ask(asks(asker, openai_model(server.url), ["same"] * 5), "sample")
        assert (len(answers), server.calls) == (1, 1)


def test_one_bad_request_of_a_hundred_fails_only_its_own_row_and_only_it_is_tried_again(tmp_path):
    """Regression 5.

    Mutation: curation/llm/fates.py: if self._same[1] < self._sampling.stop_after_identical_errors:
        => if self._same[1] < 1:
    """

    def answer(body):
        return error(400, "invalid_value", "bad text") if said(body) == "text 17" else echo(body)

    with Scripted(answer) as server, asker_in(tmp_path) as asker:
        wanted = asks(asker, openai_model(server.url), [f"text {i}" for i in range(100)])
        answers = by_text(asker.ask(wanted, "sample"), wanted)
        failed = {t: a for t, a in answers.items() if isinstance(a, Failure)}
        assert (len(answers), list(failed)) == (100, ["text 17"])
        assert (failed["text 17"].kind, failed["text 17"].attempts) == ("invalid_parameter", 1)
        before = server.calls
        asker.ask(wanted, "sample")
        assert server.calls == before + 1


def test_identical_bad_parameters_stop_the_run_after_as_many_calls_as_allowed(tmp_path):
    with Scripted(lambda body: error(400, None, "temperature is not supported")) as server, asker_in(tmp_path) as asker:
        with pytest.raises(RunStopped, match="5 requests in a row"):
            asker.ask(asks(asker, openai_model(server.url), TEXTS), "sample")
        assert server.calls == 5


def test_a_reply_that_is_always_cut_costs_two_calls_and_is_kept(tmp_path):
    """Regression 6.

    Mutation: curation/llm/work.py: again = len(turns) > 1 and turns[-2].reply.stop == "length"
        => again = len(turns) > 2
    """
    with Scripted(lambda body: chat("cut", finish="length")) as server:
        for calls in (60, 0):
            with asker_in(tmp_path) as asker:
                answers = asker.ask(asks(asker, openai_model(server.url), TEXTS), "sample")
                assert asker.calls == calls
                assert {a.stop for a in answers.values()} == {"length"}
        assert Counter(b["max_tokens"] for b in server.bodies) == {50: 30, 100: 30}


def test_when_the_longer_request_is_refused_the_cut_reply_is_kept(tmp_path):
    def answer(body):
        return chat("cut", finish="length") if body["max_tokens"] == 50 else error(400, None, "max_tokens is too large")

    with Scripted(answer) as server, asker_in(tmp_path) as asker:
        answers = asker.ask(asks(asker, openai_model(server.url), TEXTS[:3]), "sample")
    assert [a.text for a in answers.values()] == ["cut"] * 3


@pytest.mark.parametrize(("status", "code"), [(401, "invalid_api_key"), (404, "model_not_found"), (402, None)])
def test_a_refusal_that_all_would_meet_stops_in_one_line_and_loses_nothing(tmp_path, status, code):
    with Scripted(echo) as server, asker_in(tmp_path) as asker:
        asker.ask(asks(asker, openai_model(server.url), TEXTS[:10]), "sample")
        server.answer = lambda body: error(status, code, "Incorrect API key provided: sk-secret-123456")
        with pytest.raises(ProviderError) as caught:
            asker.ask(asks(asker, openai_model(server.url, api_key_env="KEY"), TEXTS), "sample")
        assert "\n" not in str(caught.value)
        assert server.host in str(caught.value)
        assert "secret" not in "".join(traceback.format_exception(caught.value))
        assert server.calls == 11  # ten paid, one refused
        server.answer = echo
        asker.ask(asks(asker, openai_model(server.url), TEXTS), "sample")
        assert server.calls == 31


def test_nobody_listening_ends_in_one_line_that_names_the_host(tmp_path):
    port = free_port()
    with asker_in(tmp_path, attempts=2) as asker, pytest.raises(ProviderError, match=f"127.0.0.1:{port}"):
        asker.ask(asks(asker, openai_model(f"http://127.0.0.1:{port}/v1"), TEXTS), "sample")


def test_a_missing_key_is_named_before_anything_is_sent(tmp_path):
    with asker_in(tmp_path) as asker, pytest.raises(ProviderError, match="NOT_SET is not set"):
        asker.ask(asks(asker, openai_model("http://127.0.0.1:9/v1", api_key_env="NOT_SET"), TEXTS), "sample")


def test_the_usual_key_is_not_sent_to_another_host(tmp_path):
    with Scripted(echo) as server, asker_in(tmp_path) as asker:
        asker.ask(asks(asker, openai_model(server.url), ["hello"]), "sample")
        assert not any("usual" in value for value in server.headers[0].values())


def test_a_retry_does_not_wait_for_stragglers(tmp_path):
    """The slow reply comes only after the flaky request was asked for the second time: else it is given up.

    Regression 16.

    Mutation: curation/llm/lane.py: while self._later and self._later[0][0] <= now and len(works) < most:
        => while self._later and not self._limiter.running and len(works) < most:
    """
    seen: Counter[str] = Counter()
    retried = asyncio.Event()

    async def answer(body):
        seen[said(body)] += 1
        if said(body) == "slow":
            await retried.wait()
        if said(body) == "flaky" and seen["flaky"] == 1:
            return error(500)
        if said(body) == "flaky":
            retried.set()
        return echo(body)

    with Scripted(answer) as server, asker_in(tmp_path) as asker:
        wanted = asks(asker, openai_model(server.url), ["first", "slow", "flaky"])
        answers = asker.ask(wanted, "sample")
    assert all(isinstance(a, Reply) for a in answers.values())
    assert seen == {"first": 1, "slow": 1, "flaky": 2}


def test_what_cannot_be_read_is_asked_again_and_never_becomes_an_empty_answer(tmp_path):
    async def never(body):
        return {"object": "error"}

    with Scripted(never) as server, asker_in(tmp_path, attempts=2) as asker:
        (failed,) = asker.ask(asks(asker, openai_model(server.url), ["hello"]), "sample").values()
    assert isinstance(failed, Failure)
    assert (failed.kind, failed.attempts, server.calls) == ("unreadable", 2, 2)


def test_a_reply_that_takes_too_long_is_given_up_and_asked_again(tmp_path):
    seen: Counter[str] = Counter()

    async def answer(body):
        seen[said(body)] += 1
        if seen[said(body)] == 1:
            await asyncio.sleep(3)
        return echo(body)

    with Scripted(answer) as server, asker_in(tmp_path) as asker:
        wanted = asks(asker, openai_model(server.url, timeout=0.5), ["hello"])
        (reply,) = asker.ask(wanted, "sample").values()
        attempts = replies_in(tmp_path).attempts(wanted[0].request.key)
    assert isinstance(reply, Reply)
    assert [a["outcome"] for a in attempts] == ["timeout", "reply"]


def test_every_fault_of_the_practice_server_is_weathered_in_all_three_wire_formats(tmp_path):
    entries = [KeyEntry(id=t, text=t, answer="yes") for t in TEXTS]
    faults = Faults(rate_limited=0.15, server_error=0.1, overloaded=0.1, garbage=0.1, retry_after=0.05)
    answer = AnswerTable(format="label", labels=("yes", "no"))
    practice = PracticeServer(entries, seed=4, answer=answer, faults=faults)
    with practice as server, asker_in(tmp_path, url=server.url, attempts=5) as asker:
        wanted = [
            ask
            for family in ("alder", "birch", "cedar")
            for ask in asks(asker, TeacherTable(name=family, use="practice", model=f"{family}-large"), TEXTS)
        ]
        answers = asker.ask(wanted, "sample")
        stats = server.stats()
    assert all(isinstance(a, Reply) for a in answers.values())
    assert (stats.answered, stats.answered_twice) == (90, 0)
    assert {"429", "500", "503", "529"} <= set(stats.by_status)
    assert asker.calls > 90


def test_asking_works_inside_a_running_loop_and_from_a_coroutine(tmp_path):
    with Scripted(echo) as server, asker_in(tmp_path) as asker:

        async def notebook():
            first = asker.ask(asks(asker, openai_model(server.url), ["a"]), "sample")
            second = await asker.ask_all(asks(asker, openai_model(server.url), ["a", "b"]), "sample")
            return len(first), len(second)

        assert asyncio.run(notebook()) == (1, 2)
        assert asker.calls == 2


def test_what_was_interrupted_can_be_asked_again_at_once(tmp_path):
    started, release = asyncio.Event(), asyncio.Event()

    async def answer(body):
        started.set()
        await release.wait()
        return echo(body)

    with Scripted(answer) as server, asker_in(tmp_path) as asker:

        async def interrupted():
            task = asyncio.ensure_future(asker.ask_all(asks(asker, openai_model(server.url), ["a"]), "sample"))
            while not server.calls:
                await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        asyncio.run(interrupted())
        server.answer = echo
        answers = asker.ask(asks(asker, openai_model(server.url), ["a"]), "sample")
        release.set()
    assert [a.text for a in answers.values()] == ["about a"]


# --- money -----------------------------------------------------------------------------------------------------

PRICE = {"input": 1000.0, "output": 10000.0}  # dollars per million: a reply of (100, 50) tokens costs 0.60


def test_the_budget_is_never_exceeded_with_sixteen_in_flight(tmp_path):
    with Scripted(lambda body: chat("paid", usage=(100, 50))) as server:
        with asker_in(tmp_path, budget=10.0) as asker:
            model = openai_model(server.url, price=PRICE, concurrency=16)
            with pytest.raises(BudgetError, match="every reply paid for is kept"):
                asker.ask(asks(asker, model, TEXTS), "sample")
        spent = replies_in(tmp_path).spending()
        bought = server.calls
        assert asker.cost_usd == pytest.approx(0.6 * bought)
        assert spent.total == pytest.approx(0.6 * bought)
        assert 8.0 < spent.total <= 10.0
        with asker_in(tmp_path, budget=100.0) as asker:
            asker.ask(asks(asker, model, TEXTS), "sample")
    assert server.calls == 30


def test_a_reply_without_usage_has_an_unknown_cost_and_counts_with_the_most_it_may_have_cost(tmp_path):
    with Scripted(lambda body: chat("paid", usage=None)) as server, asker_in(tmp_path, budget=10.0) as asker:
        asker.ask(asks(asker, openai_model(server.url, price=PRICE), ["a"]), "sample")
        spent = replies_in(tmp_path).spending()
    assert asker.cost_usd is None
    assert spent.known == 0
    assert spent.held > 0.5


@pytest.mark.parametrize(
    ("budget", "model", "words"),
    [(None, "gpt-4o-mini", "no budget"), (5.0, "nobody-sells-this", "no price is known")],
)
def test_a_paid_run_without_a_budget_or_a_price_is_refused_before_the_first_call(tmp_path, budget, model, words):
    table = TeacherTable(name="t", use="openai", model=model, api_key_env="KEY", params={"max_tokens": 5})
    with asker_in(tmp_path, budget=budget) as asker, pytest.raises(BudgetError, match=words):
        asker.ask(asks(asker, table, ["a"]), "sample")


# --- processes -------------------------------------------------------------------------------------------------


def process(root: Path, url: str, texts: int, concurrency: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.curation.asking", str(root), url, str(texts), str(concurrency)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("seconds", [2, pytest.param(90, marks=pytest.mark.slow)])
def test_two_processes_on_one_workspace_never_buy_the_same_reply_twice_however_slow_it_is(tmp_path, seconds):
    async def slow(body):
        await asyncio.sleep(seconds)
        return echo(body)

    with Scripted(slow) as server:
        both = [process(tmp_path, server.url, 6, 3) for _ in range(2)]
        out = [p.communicate(timeout=280)[0].split() for p in both]
        assert [o[0] for o in out] == ["6", "6"]
        assert sum(int(o[1]) for o in out) == server.calls == 6


def test_a_killed_process_costs_at_most_what_it_had_in_flight(tmp_path):
    async def slow(body):
        await asyncio.sleep(0.05)
        return echo(body)

    with Scripted(slow) as server:
        killed = process(tmp_path, server.url, 40, 4)
        while server.calls < 20:
            assert killed.poll() is None
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
        out, _ = process(tmp_path, server.url, 40, 4).communicate(timeout=120)
        assert out.split()[0] == "40"
        assert server.calls <= 44
        assert len(server.finished) == 40
        assert not list((tmp_path / ".stillhouse" / "locks").glob("asker-*.lock"))
