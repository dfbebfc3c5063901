"""Batches at the practice server, as the real SDKs see them over real HTTP."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from curation.llm.practice import PROFILES, BatchFaults, KeyEntry, Limits, PracticeServer, Profile
from curation.task import AnswerTable

LABELS = ("refund", "delivery", "login")
KEY = [KeyEntry(id=f"k{i}", text=f"Message {i}: where is it?", answer=LABELS[i % 3]) for i in range(60)]
ANSWER = AnswerTable(format="label", labels=LABELS)
NO_ERRORS = {family: Profile(wire=profile.wire) for family, profile in PROFILES.items()}
Row = dict[str, Any]


def server(**settings) -> PracticeServer:
    return PracticeServer(KEY, **{"seed": 7, "answer": ANSWER, "profiles": NO_ERRORS, **settings})


def chat_body(i: int, **more) -> Row:
    turn = {"role": "user", "content": KEY[i].text}
    return {"model": "alder-large", "messages": [turn], "max_tokens": 50, **more}


def chat_line(i: int, **more) -> Row:
    return {"custom_id": f"k_{i}", "method": "POST", "url": "/v1/chat/completions", "body": chat_body(i)} | more


def message_request(i: int, **more) -> Row:
    turn = {"role": "user", "content": KEY[i].text}
    return {"custom_id": f"k_{i}", "params": {"model": "birch-large", "max_tokens": 50, "messages": [turn]} | more}


class OpenAIBatches:
    """The calls a client makes, against one base url."""

    def __init__(self, sdk: openai.AsyncOpenAI) -> None:
        self.sdk = sdk

    async def create(self, lines: Sequence[Row], endpoint: str = "/v1/chat/completions", **more):
        content = "".join(json.dumps(line) + "\n" for line in lines).encode()
        file = await self.sdk.files.create(file=("requests.jsonl", content), purpose="batch")
        return await self.sdk.batches.create(input_file_id=file.id, endpoint=endpoint, completion_window="24h", **more)

    async def retrieve(self, batch):
        return await self.sdk.batches.retrieve(batch.id)

    async def ended(self, batch):
        """The batch when it is over, however slow the machine is."""
        while (seen := await self.retrieve(batch)).status in ("validating", "in_progress", "finalizing"):
            await asyncio.sleep(0.02)
        return seen

    async def rows(self, file_id: str | None) -> list[Row]:
        if file_id is None:
            return []
        content = await self.sdk.files.content(file_id)
        return [json.loads(line) for line in content.text.splitlines()]


@asynccontextmanager
async def openai_at(s: PracticeServer, base: str = "/v1", **more) -> AsyncIterator[OpenAIBatches]:
    async with openai.AsyncOpenAI(base_url=f"{s.url}{base}", api_key="any", max_retries=0, **more) as sdk:
        yield OpenAIBatches(sdk)


def anthropic_at(s: PracticeServer) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=s.url, api_key="any", max_retries=0)


def said(row: Row) -> str:
    return row["response"]["body"]["choices"][0]["message"]["content"]


def test_a_batch_goes_from_validating_to_completed_and_every_row_has_its_own_answer():
    async def run(s: PracticeServer):
        async with openai_at(s) as client:
            created = await client.create([chat_line(i) for i in range(40)], metadata={"run": "r1"})
            running = await client.retrieve(created)
            s.finish_batches()
            done = await client.retrieve(created)
            return created, running, done, await client.rows(done.output_file_id), s.batches()

    with server(batch_ms=None) as s:
        created, running, done, rows, held = asyncio.run(run(s))
        bills = s.billed()
    assert (created.status, running.status, done.status) == ("validating", "in_progress", "completed")
    assert (running.output_file_id, running.request_counts.total, done.error_file_id) == (None, 40, None)
    assert (done.request_counts.completed, done.request_counts.failed) == (40, 0)
    assert done.metadata == {"run": "r1"}
    assert {r["custom_id"]: said(r) for r in rows} == {f"k_{i}": KEY[i].answer for i in range(40)}
    assert [r["custom_id"] for r in rows] != [f"k_{i}" for i in range(40)]
    assert set(held[0].custom_ids) == {f"k_{i}" for i in range(40)}
    assert {b["tier"] for b in bills["requests"].values()} == {"batch"}
    assert (done.usage.input_tokens, done.usage.output_tokens) == (bills["totals"]["input"], bills["totals"]["output"])


def test_a_batch_on_the_responses_wire_answers_as_that_wire_does():
    async def run(s: PracticeServer) -> list[Row]:
        async with openai_at(s) as client:
            body = {"model": "cedar-large", "input": KEY[4].text}
            lines = [chat_line(4, url="/v1/responses", body=body)]
            created = await client.create(lines, endpoint="/v1/responses")
            return await client.rows((await client.ended(created)).output_file_id)

    with server() as s:
        row = asyncio.run(run(s))[0]
    assert row["response"]["body"]["output"][0]["content"][0]["text"] == KEY[4].answer


def test_a_batch_takes_its_time_and_is_done_when_that_is_over():
    async def run(s: PracticeServer) -> list[str]:
        async with openai_at(s) as client:
            batch, seen = await client.create([chat_line(i) for i in range(5)]), []
            while not seen or seen[-1] != "completed":
                seen.append((await client.retrieve(batch)).status)
                await asyncio.sleep(0.02)
            return seen

    with server(batch_ms=500) as s:
        started = time.monotonic()
        seen = asyncio.run(run(s))
        assert 0.4 < time.monotonic() - started < 5
    assert set(seen) - {"finalizing"} == {"in_progress", "completed"}


def test_lines_go_missing_come_twice_or_fail_as_wished_and_the_rest_is_whole():
    async def run(s: PracticeServer):
        async with openai_at(s) as client:
            batch = await client.create([chat_line(i) for i in range(50)])
            done = await client.ended(batch)
            return done, await client.rows(done.output_file_id), await client.rows(done.error_file_id)

    with server() as s:
        s.batch_faults = BatchFaults(missing=2, duplicated=1, server_errors=3, bad_requests=1, expired=0.2)
        done, rows, errors = asyncio.run(run(s))
        billed = s.billed()["requests"]
    expired = [e for e in errors if e["response"] is None]
    assert {e["error"]["code"] for e in expired} == {"batch_expired"}
    assert Counter(e["response"]["status_code"] for e in errors if e["response"]) == {500: 3, 400: 1}
    names = Counter(r["custom_id"] for r in rows)
    assert sorted(names.values())[-2:] == [1, 2]
    assert len(names) + len(errors) == 48
    assert 4 <= len(expired) <= 16
    assert set(billed) == set(names)
    assert all(said(r) == KEY[int(r["custom_id"][2:])].answer for r in rows)
    assert (done.status, done.request_counts.failed) == ("expired", 4)
    assert done.request_counts.completed == len(names) + 2  # the missing ones count as done


def test_a_torn_output_ends_in_the_middle_of_its_last_line():
    async def run(s: PracticeServer) -> str:
        async with openai_at(s) as client:
            done = await client.ended(await client.create([chat_line(i) for i in range(5)]))
            return (await client.sdk.files.content(done.output_file_id)).text

    with server() as s:
        s.batch_faults = BatchFaults(torn=True)
        *whole, torn = asyncio.run(run(s)).split("\n")
        assert len(s.billed()["requests"]) == 4
    assert len([json.loads(line) for line in whole]) == 4
    assert torn.startswith('{"id":"batch_req_')
    assert not torn.endswith("}")


@pytest.mark.parametrize(
    ("change", "code", "line"),
    [
        (lambda lines: lines[2].update(custom_id="k_0"), "duplicate_custom_id", 3),
        (lambda lines: lines[1]["body"].update(model="dogwood-large"), "mismatched_model", 2),
        (lambda lines: lines[1].update(url="/v1/responses"), "mismatched_endpoint", 2),
        (lambda lines: lines[0].pop("custom_id"), "missing_required_parameter", 1),
        (lambda lines: lines.clear(), "empty_file", None),
    ],
)
def test_a_wrong_input_file_fails_the_batch_after_it_was_created(change, code, line):
    async def run(s: PracticeServer):
        async with openai_at(s) as client:
            lines = [chat_line(i) for i in range(4)]
            change(lines)
            created = await client.create(lines)
            return created, await client.retrieve(created)

    with server() as s:
        created, failed = asyncio.run(run(s))
        assert s.billed()["totals"]["requests"] == 0
    assert (created.status, failed.status) == ("validating", "failed")
    assert [(e.code, e.line) for e in failed.errors.data] == [(code, line)]
    assert failed.output_file_id is None


def test_more_enqueued_tokens_than_allowed_fail_later_and_are_free_again_when_a_batch_ends():
    async def run(s: PracticeServer):
        async with openai_at(s) as client:
            lines = [chat_line(i) for i in range(10)]
            first = await client.create(lines)
            second = await client.create(lines)
            failed = await client.retrieve(second)
            s.finish_batches()
            third = await client.create(lines)
            return (await client.retrieve(first)).status, failed, (await client.retrieve(third)).status

    with server(batch_ms=None, limits=Limits(enqueued_tokens=150)) as s:
        first, failed, third = asyncio.run(run(s))
    assert (first, failed.status, third) == ("completed", "failed", "in_progress")
    assert failed.errors.data[0].code == "token_limit_exceeded"


def test_a_cancelled_batch_keeps_and_bills_what_was_reached():
    async def run(s: PracticeServer):
        async with openai_at(s) as client:
            created = await client.create([chat_line(i) for i in range(20)])
            await client.retrieve(created)
            cancelling = await client.sdk.batches.cancel(created.id)
            done = await client.retrieve(created)
            return cancelling, done, await client.rows(done.output_file_id)

    with server(batch_ms=None) as s:
        cancelling, done, rows = asyncio.run(run(s))
        assert set(s.billed()["requests"]) == {r["custom_id"] for r in rows}
    assert (cancelling.status, done.status, len(rows)) == ("cancelling", "cancelled", 10)


def test_batches_and_files_are_listed_page_by_page_the_newest_first():
    async def run(s: PracticeServer):
        async with openai_at(s) as client:
            made = [await client.create([chat_line(i)], metadata={"n": str(i)}) for i in range(5)]
            listed = [b async for b in client.sdk.batches.list(limit=2)]
            files = [f.id async for f in client.sdk.files.list(limit=3)]
            await client.sdk.files.delete(made[0].input_file_id)
            with pytest.raises(openai.NotFoundError):
                await client.sdk.files.content(made[0].input_file_id)
            with pytest.raises(openai.NotFoundError):
                await client.sdk.batches.retrieve("batch_of_somebody_else")
            return made, listed, files

    with server(batch_ms=None) as s:
        made, listed, files = asyncio.run(run(s))
    assert [b.id for b in listed] == [b.id for b in reversed(made)]
    assert [b.metadata["n"] for b in listed] == list("43210")
    assert set(files) == {b.input_file_id for b in made}


def test_a_create_that_hangs_has_made_a_batch_and_the_list_shows_it():
    async def run(s: PracticeServer):
        async with openai_at(s, timeout=0.4) as client:
            with pytest.raises(openai.APITimeoutError):
                await client.create([chat_line(0)], metadata={"intent": "i1"})
            listed = [b.metadata async for b in client.sdk.batches.list()]
            return listed, await client.create([chat_line(1)])

    with server(batch_ms=None) as s:
        s.batch_faults = BatchFaults(create_hangs=1.5)
        listed, second = asyncio.run(run(s))
        assert [set(b.custom_ids) for b in s.batches()] == [{"k_0"}, {"k_1"}]
    assert listed == [{"intent": "i1"}]
    assert second.status == "validating"


def test_the_compatible_variant_has_statuses_and_result_lines_of_its_own():
    async def run(s: PracticeServer):
        async with openai_at(s, "/compat/v1") as client:
            created = await client.create([chat_line(i) for i in range(6)])
            seen = [created.status, *[(await client.retrieve(created)).status for _ in range(2)]]
            s.finish_batches()
            done = await client.retrieve(created)
            async with openai_at(s) as other:
                assert [b async for b in other.sdk.batches.list()] == []
            assert (await client.sdk.chat.completions.create(**chat_body(3))).choices
            return [*seen, done.status], await client.rows(done.output_file_id), await client.rows(done.error_file_id)

    with server(batch_ms=None) as s:
        s.batch_faults = BatchFaults(bad_requests=1)
        seen, rows, errors = asyncio.run(run(s))
    assert seen == ["validating", "validated", "running", "done"]
    assert all("body" not in r["response"] for r in rows)
    answers = {r["custom_id"]: r["response"]["choices"][0]["message"]["content"] for r in rows}
    assert answers.items() <= {f"k_{i}": KEY[i].answer for i in range(6)}.items()
    assert len(rows) == 5
    assert errors[0]["error"]["code"] == "400"


def test_a_status_nobody_knows_is_told_once():
    async def run(s: PracticeServer) -> list[str]:
        async with openai_at(s) as client:
            batch = await client.create([chat_line(0)])
            return [(await client.retrieve(batch)).status for _ in range(2)]

    with server() as s:
        s.batch_faults = BatchFaults(status_once="validated")
        assert asyncio.run(run(s)) == ["validated", "completed"]


def test_a_message_batch_shows_no_progress_and_no_results_before_it_has_ended():
    async def run(s: PracticeServer):
        async with anthropic_at(s) as sdk:
            batches = sdk.messages.batches
            created = await batches.create(requests=[message_request(i) for i in range(12)])
            running = await batches.retrieve(created.id)
            with pytest.raises(anthropic.AnthropicError, match="results_url"):
                await batches.results(created.id)
            s.finish_batches()
            ended = await batches.retrieve(created.id)
            return created, running, ended, [r async for r in await batches.results(created.id)]

    with server(batch_ms=None) as s:
        created, running, ended, rows = asyncio.run(run(s))
        bills = s.billed()["requests"]
    assert created.request_counts == running.request_counts
    assert (running.processing_status, running.request_counts.processing) == ("in_progress", 12)
    assert (running.request_counts.succeeded, running.results_url) == (0, None)
    assert (ended.processing_status, ended.request_counts.succeeded) == ("ended", 12)
    assert {r.custom_id: r.result.message.content[0].text for r in rows} == {f"k_{i}": KEY[i].answer for i in range(12)}
    assert [r.custom_id for r in rows] != [f"k_{i}" for i in range(12)]
    assert {r.result.message.usage.service_tier for r in rows} == {"batch"}
    assert all(bills[r.custom_id]["output"] == r.result.message.usage.output_tokens for r in rows)


def test_parameters_in_a_message_batch_are_refused_row_by_row_and_only_in_its_results():
    async def run(s: PracticeServer):
        async with anthropic_at(s) as sdk:
            rows = [message_request(0, temperature=1), message_request(1, model="nobody"), message_request(2)]
            created = await sdk.messages.batches.create(requests=rows)
            await sdk.messages.batches.retrieve(created.id)
            return {r.custom_id: r.result async for r in await sdk.messages.batches.results(created.id)}

    with server() as s:
        results = asyncio.run(run(s))
        assert list(s.billed()["requests"]) == ["k_2"]
    assert [results[f"k_{i}"].type for i in range(3)] == ["errored", "errored", "succeeded"]
    assert results["k_0"].error.error.type == "invalid_request_error"
    assert results["k_1"].error.error.type == "not_found_error"


def test_custom_ids_of_a_message_batch_are_checked_when_it_is_created():
    async def run(s: PracticeServer) -> None:
        async with anthropic_at(s) as sdk:
            for bad in ("", "a.b", "x" * 65):
                with pytest.raises(anthropic.BadRequestError, match="custom_id"):
                    await sdk.messages.batches.create(requests=[message_request(0) | {"custom_id": bad}])
            with pytest.raises(anthropic.BadRequestError, match="unique"):
                await sdk.messages.batches.create(requests=[message_request(0)] * 2)

    with server() as s:
        asyncio.run(run(s))
        assert s.batches() == []


def test_a_canceled_message_batch_ends_with_partial_results_and_faults_have_their_types():
    async def run(s: PracticeServer):
        async with anthropic_at(s) as sdk:
            batches = sdk.messages.batches
            created = await batches.create(requests=[message_request(i) for i in range(30)])
            canceling = await batches.cancel(created.id)
            ended = await batches.retrieve(created.id)
            rows = [r async for r in await batches.results(created.id)]
            listed = [b.id async for b in batches.list(limit=1)]
            await batches.delete(created.id)
            return canceling, ended, rows, listed == [created.id]

    with server(batch_ms=None) as s:
        s.batch_faults = BatchFaults(server_errors=2, expired=0.3)
        canceling, ended, rows, listed = asyncio.run(run(s))
        assert len(s.billed()["requests"]) == ended.request_counts.succeeded
        assert s.batches() == []
    types = Counter(r.result.type for r in rows)
    assert (canceling.processing_status, ended.processing_status, listed) == ("canceling", "ended", True)
    assert types["canceled"] == 15
    assert {k: v for k, v in ended.request_counts.to_dict().items() if v} == types
    assert types["expired"] > 0


def test_a_batch_is_the_same_in_every_server_of_the_same_seed():
    async def run(s: PracticeServer) -> bytes:
        async with openai_at(s) as client:
            done = await client.ended(await client.create([chat_line(i) for i in range(30)]))
            return (await client.sdk.files.content(done.output_file_id)).content

    outputs = []
    for _ in range(2):
        with server(profiles=PROFILES) as s:
            s.batch_faults = BatchFaults(missing=3, expired=0.2)
            outputs.append(asyncio.run(run(s)))
    assert outputs[0] == outputs[1]


def test_a_key_that_is_refused_gets_no_batch():
    async def run(s: PracticeServer) -> None:
        async with openai.AsyncOpenAI(base_url=f"{s.url}/v1", api_key="bad-key", max_retries=0) as sdk:
            with pytest.raises(openai.AuthenticationError):
                await sdk.files.create(file=("x.jsonl", b"{}"), purpose="batch")

    with server() as s:
        asyncio.run(run(s))


@pytest.mark.parametrize("many", [3_000, pytest.param(25_000, marks=pytest.mark.slow)])
def test_a_large_batch_is_worked_on_while_others_are_served(many):
    async def run(s: PracticeServer):
        async with openai_at(s) as client:
            lines = [chat_line(i % 60, custom_id=f"k_{i}") for i in range(many)]
            batch, waits = await client.create(lines), []
            while (await client.retrieve(batch)).status != "completed":
                started = time.monotonic()
                await client.sdk.chat.completions.create(**chat_body(1))
                waits.append(time.monotonic() - started)
            done = await client.retrieve(batch)
            return waits, await client.rows(done.output_file_id)

    with server() as s:
        began = time.process_time()
        waits, rows = asyncio.run(run(s))
        assert time.process_time() - began < 60  # seconds of CPU of both sides, on a slow machine
    assert len(rows) == many
    assert all(said(r) == KEY[int(r["custom_id"][2:]) % 60].answer for r in rows)
    assert sorted(waits)[len(waits) // 2] < 1


def test_a_server_without_batches_lists_none():
    with server() as s, httpx2.Client() as client:
        assert client.get(f"{s.url}/v1/batches").json()["data"] == []
        assert client.get(f"{s.url}/v1/messages/batches").json()["data"] == []
        assert client.get(f"{s.url}/v1/nothing").status_code == 404
