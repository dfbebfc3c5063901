"""What the practice server lets in, announces and bills, over real HTTP."""

import asyncio
import concurrent.futures
import hashlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import anthropic
import httpx2
import openai
import pytest

from curation.llm.practice import PROFILES, Faults, KeyEntry, Limits, PracticeServer, Profile
from curation.llm.practice.echo import echo_of
from curation.llm.practice.limits import Bucket, go_duration
from curation.task import AnswerTable

KEY = [
    KeyEntry(id=f"k{i}", text=f"Message {i}: where is it?", answer=("refund", "delivery", "login")[i % 3])
    for i in range(60)
]
ANSWER = AnswerTable(format="label", labels=("refund", "delivery", "login"))
NO_ERRORS = {family: Profile(wire=profile.wire) for family, profile in PROFILES.items()}
LONG = "You answer with one label. " * 200  # 5,400 characters, 1,350 tokens


@pytest.fixture(scope="module")
def client() -> Iterator[httpx2.Client]:
    with httpx2.Client(timeout=20) as opened:
        yield opened


def server(**settings) -> PracticeServer:
    return PracticeServer(KEY, **{"seed": 7, "answer": ANSWER, "profiles": NO_ERRORS, **settings})


def post(client: httpx2.Client, url: str, i: int = 0, name: str | None = None, **more) -> httpx2.Response:
    body = {"model": "alder-large", "messages": [{"role": "user", "content": KEY[i].text}], **more}
    headers = {"authorization": "Bearer any"} | ({"x-client-request-id": name} if name else {})
    return client.post(f"{url}/v1/chat/completions", json=body, headers=headers)


def test_more_in_flight_than_the_hidden_limit_are_refused_at_once_and_no_header_says_why(client):
    limits = Limits(concurrency=5)
    with server(limits=limits, latency_ms=600, jitter=False) as s, concurrent.futures.ThreadPoolExecutor(12) as pool:
        started = time.monotonic()
        replies = list(pool.map(lambda i: (post(client, s.url, i), time.monotonic() - started), range(12)))
    assert [r.status_code for r, _ in replies].count(200) == 5
    assert s.stats().most_in_flight == 5
    refused = [(r, took) for r, took in replies if r.status_code == 429]
    assert all(took < 0.6 for _, took in refused)
    assert not any("ratelimit" in h or h == "retry-after" for r, _ in refused for h in r.headers)
    assert refused[0][0].json()["error"]["code"] == "rate_limit_exceeded"


def test_announced_requests_a_minute_are_counted_down_and_retry_after_is_when_one_fits(client):
    with server(limits=Limits(requests_per_minute=120, burst_seconds=2)) as s:
        replies = [post(client, s.url, i) for i in range(6)]
        assert [r.status_code for r in replies] == [200, 200, 200, 200, 429, 429]
        assert [r.headers["x-ratelimit-remaining-requests"] for r in replies[:4]] == ["3", "2", "1", "0"]
        assert replies[0].headers["x-ratelimit-limit-requests"] == "120"
        assert replies[0].headers["x-ratelimit-reset-requests"].endswith("ms")
        time.sleep(float(replies[5].headers["retry-after"]))
        assert post(client, s.url, 6).status_code == 200


def test_a_request_is_charged_its_input_and_its_token_limit_for_each_choice_when_it_is_let_in(client):
    with server(limits=Limits(tokens_per_minute=6_000, burst_seconds=10)) as s:
        first = post(client, s.url, max_tokens=200, n=2)
        spent = 1000 - first.json()["usage"]["prompt_tokens"] - 400
        assert abs(int(first.headers["x-ratelimit-remaining-tokens"]) - spent) <= 100  # it refills meanwhile
        assert [post(client, s.url, i, max_tokens=500).status_code for i in (1, 2)] == [200, 429]


def test_the_anthropic_wire_announces_input_and_output_tokens_apart_with_the_time_of_the_reset():
    limits = Limits(requests_per_minute=60, tokens_per_minute=6000, burst_seconds=60)
    with (
        server(limits=limits) as s,
        anthropic.Anthropic(base_url=s.url, api_key="any", max_retries=0) as sdk,
    ):
        turn = [{"role": "user", "content": KEY[1].text}]
        raw = sdk.messages.with_raw_response.create(model="birch-large", max_tokens=3000, messages=turn)
        names = ("requests", "input-tokens", "output-tokens")
        told = {n: raw.headers[f"anthropic-ratelimit-{n}-remaining"] for n in names}
        assert (told["requests"], told["output-tokens"]) == ("59", "3000")
        reset = datetime.fromisoformat(raw.headers["anthropic-ratelimit-output-tokens-reset"])
        assert 25 < (reset - datetime.now(UTC)).total_seconds() <= 31
        with pytest.raises(anthropic.RateLimitError) as refused:
            sdk.messages.create(model="birch-large", max_tokens=4000, messages=turn)
        assert 8 < float(refused.value.response.headers["retry-after"]) <= 10


def test_a_bucket_refills_evenly_and_never_asks_for_more_than_it_holds():
    now = [0.0]
    bucket = Bucket(per_minute=60, burst_seconds=10, clock=lambda: now[0])
    assert bucket.lacks(25) == 0
    bucket.take(25)
    assert bucket.lacks(1) == pytest.approx(1)
    now[0] = 0.5
    assert bucket.lacks(1) == pytest.approx(0.5)
    assert bucket.fills() == pytest.approx(9.5)
    now[0] = 100.0
    assert bucket.level == 10
    assert [go_duration(s) for s in (0, 0.0001, 59.9995, 63.2)] == ["0s", "1ms", "1m0s", "1m3.2s"]


def test_a_client_that_waits_as_told_gets_all_that_is_allowed(client):
    with server(limits=Limits(requests_per_minute=3000, burst_seconds=0.1)) as s:
        started, accepted = time.monotonic(), 0
        while time.monotonic() - started < 1.5:
            reply = post(client, s.url, accepted % 60)
            accepted += reply.status_code == 200
            time.sleep(float(reply.headers.get("retry-after", 0)))
        allowed = 5 + (time.monotonic() - started) * 50
    assert 0.6 < accepted / allowed <= 1.02


def test_every_reply_is_billed_what_it_reported_under_the_clients_own_id(client):
    with server(profiles={"alder": Profile(reasoning=20)}) as s:
        named = post(client, s.url, 1, "mine").json()["usage"]
        post(client, s.url, 2, "mine")
        post(client, s.url, 3)
        told = client.get(f"{s.url}/practice/billing").json()
    assert set(told["requests"]) == {"mine", "mine#2", "request#1"}
    assert told["requests"]["mine"] == {
        "model": "alder-large",
        "tier": "default",
        "input": named["prompt_tokens"],
        "output": named["completion_tokens"],
        "cached": 0,
        "reasoning": named["completion_tokens_details"]["reasoning_tokens"],
    }
    assert told["requests"]["mine"]["reasoning"] == 20
    assert told["totals"]["output"] == sum(r["output"] for r in told["requests"].values())


def test_hidden_reasoning_eats_the_token_limit_and_may_leave_no_words(client):
    with server(profiles={"alder": Profile(reasoning=20)}) as s:
        reply = post(client, s.url, 1, max_tokens=12).json()
    assert (reply["choices"][0]["message"]["content"], reply["choices"][0]["finish_reason"]) == ("", "length")
    assert reply["usage"]["completion_tokens"] == 12


def test_a_reply_whose_client_is_gone_is_billed_and_a_fault_is_not(client):
    with server(latency_ms=300, jitter=False) as s:
        with pytest.raises(httpx2.ReadTimeout), httpx2.Client(timeout=0.1) as hasty:
            post(hasty, s.url, 1, "gone")
        assert list(client.get(f"{s.url}/practice/billing").json()["requests"]) == ["gone"]
    with server(faults=Faults(server_error=0.5, garbage=0.5, until_attempt=0)) as s:
        for i in range(8):
            post(client, s.url, i)
        assert client.get(f"{s.url}/practice/billing").json()["totals"]["requests"] == 0


def test_flex_is_reported_as_such_and_when_there_is_none_nothing_is_billed(client):
    with server() as s:
        assert post(client, s.url, 1, service_tier="flex").json()["service_tier"] == "flex"
        assert post(client, s.url, 1).json()["service_tier"] == "default"
        with openai.OpenAI(base_url=f"{s.url}/v1", api_key="any", max_retries=0) as sdk:
            reply = sdk.responses.create(model="cedar-large", input=KEY[1].text, service_tier="flex")
        assert reply.service_tier == "flex"
        tiers = [r["tier"] for r in client.get(f"{s.url}/practice/billing").json()["requests"].values()]
        assert tiers == ["flex", "default", "flex"]
    with server(faults=Faults(flex_unavailable=1)) as s:
        refused = post(client, s.url, 1, service_tier="flex")
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "resource_unavailable")
        assert post(client, s.url, 1).status_code == 200
        assert client.get(f"{s.url}/practice/billing").json()["totals"]["requests"] == 1


def test_a_long_system_prompt_is_cached_input_on_every_wire_and_a_short_one_is_not():
    with (
        server(limits=Limits(cached_input=True)) as s,
        openai.OpenAI(base_url=f"{s.url}/v1", api_key="any", max_retries=0) as oai,
        anthropic.Anthropic(base_url=s.url, api_key="any", max_retries=0) as ant,
    ):
        turn = {"role": "user", "content": KEY[1].text}
        chat = oai.chat.completions.create(model="alder-large", messages=[{"role": "system", "content": LONG}, turn])
        response = oai.responses.create(model="cedar-large", instructions=LONG, input=[turn])
        message = ant.messages.create(model="birch-large", max_tokens=50, system=LONG, messages=[turn])
        short = oai.chat.completions.create(model="alder-large", messages=[{"role": "system", "content": "Hi"}, turn])
        bills = list(s.billed()["requests"].values())
    assert chat.usage.prompt_tokens_details.cached_tokens == 1280
    assert response.usage.input_tokens_details.cached_tokens == 1280
    assert message.usage.cache_read_input_tokens == 1280
    assert message.usage.input_tokens + 1280 == chat.usage.prompt_tokens
    assert short.usage.prompt_tokens_details.cached_tokens == 0
    assert [(b["input"], b["cached"]) for b in bills[:3]] == [(chat.usage.prompt_tokens, 1280)] * 3


@pytest.mark.parametrize("gone", ["temperature", "top_p", "top_k"])
def test_the_anthropic_wire_refuses_sampling_parameters_whatever_their_value(gone):
    with server() as s, anthropic.Anthropic(base_url=s.url, api_key="any", max_retries=0) as sdk:
        turn = [{"role": "user", "content": KEY[1].text}]
        with pytest.raises(anthropic.BadRequestError) as refused:
            sdk.messages.create(model="birch-large", max_tokens=50, messages=turn, extra_body={gone: 1})
    assert refused.value.type == "invalid_request_error"
    assert gone in str(refused.value)


def test_n_choices_are_the_samples_of_as_many_indexes_and_all_are_paid_for(client):
    with server(profiles={"alder": PROFILES["alder"]}) as s:
        one, two, three = (post(client, s.url, 4, seed=i).json() for i in range(3))
        many = post(client, s.url, 4, n=3).json()
    singles = [x["choices"][0]["message"] for x in (one, two, three)]
    assert [c["message"] for c in many["choices"]] == singles
    assert [c["index"] for c in many["choices"]] == [0, 1, 2]
    assert many["usage"]["completion_tokens"] == sum(x["usage"]["completion_tokens"] for x in (one, two, three))


def test_a_server_may_drop_logprobs_and_n_without_a_word(client):
    with server(faults=Faults(drops=("logprobs", "n"))) as s:
        reply = post(client, s.url, 1, n=3, logprobs=True, top_logprobs=2).json()
    assert [c["logprobs"] for c in reply["choices"]] == [None]


def test_a_straggler_gets_its_answer_late(client):
    with server(faults=Faults(slow=1, hang=0.3)) as s:
        started = time.monotonic()
        assert post(client, s.url, 1).json()["choices"][0]["message"]["content"] == KEY[1].answer
        assert time.monotonic() - started >= 0.3


def test_replies_to_one_turn_are_the_bytes_they_were_when_the_shipped_task_was_made(client):
    paths = {"openai-chat": "chat/completions", "openai-responses": "responses", "anthropic": "messages"}
    seen = hashlib.sha256()
    with server(profiles=PROFILES) as s:
        for family, profile in PROFILES.items():
            for i, entry in enumerate(KEY):
                turn = [{"role": "user", "content": entry.text}]
                body: dict = {"model": f"{family}-{('large', 'small')[i % 2]}", "metadata": {"user_id": f"s-{i % 3}"}}
                match profile.wire:
                    case "openai-chat":
                        body |= {"messages": turn, "logprobs": True, "top_logprobs": 3, "max_tokens": 9 + i}
                    case "openai-responses":
                        body |= {"input": turn, "include": ["message.output_text.logprobs"]}
                    case "anthropic":
                        body |= {"messages": turn, "max_tokens": 200, "system": "Be kind."}
                reply = client.post(f"{s.url}/v1/{paths[profile.wire]}", content=json.dumps(body))
                assert reply.status_code == 200
                seen.update(reply.content)
    assert seen.hexdigest() == "8aac11771332b816c6b96c5ed069b74d8512df0461d794bded492c71ad8ba132"


def test_chunked_pipelined_and_closing_requests_are_all_understood():
    body = json.dumps({"model": "alder-large", "messages": [{"role": "user", "content": KEY[2].text}]}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
    whole = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    chunks = b"%x\r\n%b\r\n%x;x=y\r\n%b\r\n0\r\n\r\n" % (10, body[:10], len(body) - 10, body[10:])
    chunked = head + b"Connection: close\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n" + chunks
    with server() as s, socket.create_connection(("127.0.0.1", int(s.url.rpartition(":")[2])), 10) as line:
        for piece in (whole + chunked[:90], chunked[90:-8], chunked[-8:]):
            line.sendall(piece)
            time.sleep(0.05)
        said = b"".join(iter(lambda: line.recv(65536), b""))
    assert said.count(b"HTTP/1.1 200 OK") == 2
    assert said.count(b"HTTP/1.1 100 Continue") == 1
    assert said.count(b'"content":"login"') == 2


def test_the_server_alone_answers_each_question_with_its_own_digest():
    command = [sys.executable, "-m", "curation.llm.practice", "--latency-ms", "5", "--concurrency", "50"]
    texts = [f"row {i}" for i in range(40)]

    async def ask_all(url: str) -> list[str | None]:
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as sdk:
            turns = [[{"role": "user", "content": t}] for t in texts]
            create = sdk.chat.completions.create
            replies = await asyncio.gather(*(create(model="alder-large", messages=t) for t in turns))
            return [r.choices[0].message.content for r in replies]

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            answers = asyncio.run(ask_all(process.stdout.readline().strip()))
        finally:
            process.kill()
    assert answers == [echo_of(t) for t in texts]
