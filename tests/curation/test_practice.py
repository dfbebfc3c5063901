"""The practice server, asked by the real SDKs over real HTTP."""

import concurrent.futures
import json
import re
from collections import Counter
from pathlib import Path

import anthropic
import httpx2
import openai
import pytest

from curation.errors import InputError, ProviderError, TaskError
from curation.llm.practice import PROFILES, Faults, KeyEntry, PracticeServer, Profile, profiles, read_key, server_for
from curation.llm.practice.rewording import reword
from curation.records import draw
from curation.task import AnswerTable, PracticeTable, Task, TaskTable, VaryTable

LABELS = ("delivery_status", "delivery_problem", "refund_request", "refund_status")
ANSWER = AnswerTable(
    format="json",
    field="intent",
    labels=LABELS,
    extract=("order_id",),
    schema={
        "type": "object",
        "properties": {
            "intent": {"enum": list(LABELS)},
            "urgency": {"enum": ["low", "normal", "high"]},
            "order_id": {"type": ["string", "null"]},
            "needs_clarification": {"type": "boolean"},
            "reply": {"type": "string"},
        },
    },
)
CLIENT = httpx2.Client(timeout=10)
NO_ERRORS = {family: Profile(wire=profile.wire) for family, profile in PROFILES.items()}


@pytest.fixture(scope="module", autouse=True)
def _close_the_client():
    yield
    CLIENT.close()


def entry(i: int, difficulty: float = 0.5) -> KeyEntry:
    order = f"ORD-{i:06d}"
    answer = {
        "intent": LABELS[i % 4],
        "urgency": "normal",
        "order_id": order,
        "needs_clarification": False,
        "reply": f"About {order}: we will look into it.",
    }
    return KeyEntry(
        id=f"k{i}", text=f"Message {i} about order {order}. Please look.", answer=answer, difficulty=difficulty
    )


KEY = [entry(i) for i in range(400)]


def server(**settings) -> PracticeServer:
    return PracticeServer(KEY, **{"seed": 7, "answer": ANSWER, "profiles": NO_ERRORS, **settings})


def chat_body(text: str, model: str = "alder-large", **more) -> dict:
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


def post(url: str, body: dict, attempt: int = 1) -> httpx2.Response:
    headers = {"authorization": "Bearer any", "x-stillhouse-attempt": str(attempt)}
    return CLIENT.post(f"{url}/v1/chat/completions", json=body, headers=headers)


def test_the_openai_sdk_reads_a_chat_answer_with_its_label_probabilities():
    with (
        server() as open_server,
        openai.OpenAI(base_url=f"{open_server.url}/v1", api_key="any", max_retries=0) as client,
    ):
        reply = client.chat.completions.create(**chat_body(KEY[5].text, logprobs=True, top_logprobs=4))
    answer = json.loads(reply.choices[0].message.content)
    assert answer == KEY[5].answer
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    tokens = reply.choices[0].logprobs.content
    assert "".join(t.token for t in tokens) == reply.choices[0].message.content
    label = next(t for t in tokens if t.token == answer["intent"])
    assert {t.token for t in label.top_logprobs} == set(LABELS)


def test_the_openai_sdk_reads_an_answer_on_the_responses_wire():
    with (
        server() as open_server,
        openai.OpenAI(base_url=f"{open_server.url}/v1", api_key="any", max_retries=0) as client,
    ):
        reply = client.responses.create(
            model="cedar-large",
            input=[{"role": "user", "content": KEY[3].text}],
            include=["message.output_text.logprobs"],
            top_logprobs=3,
        )
    assert json.loads(reply.output_text) == KEY[3].answer
    assert reply.status == "completed"
    assert reply.usage.output_tokens == len(reply.output[0].content[0].logprobs)


def test_the_anthropic_sdk_reads_an_answer_and_a_token_limit_cuts_it():
    with server() as open_server, anthropic.Anthropic(base_url=open_server.url, api_key="any", max_retries=0) as client:
        turn = [{"role": "user", "content": KEY[9].text}]
        whole = client.messages.create(model="birch-large", max_tokens=300, messages=turn)
        short = client.messages.create(model="birch-large", max_tokens=10, messages=turn)
    assert json.loads(whole.content[0].text) == KEY[9].answer
    assert whole.stop_reason == "end_turn"
    assert (short.stop_reason, short.usage.output_tokens) == ("max_tokens", 10)


@pytest.mark.parametrize("wire", ["openai-chat", "openai-responses", "anthropic"])
def test_a_refusal_arrives_in_the_form_of_its_wire(wire):
    profiles_ = {"alder": Profile(wire=wire, refusal=1.0)}
    with server(profiles=profiles_) as s:
        refused = next(
            e for e in KEY if s.behaviour.answer("alder-large", profiles_["alder"], e.text).stop == "refusal"
        )
        turn = [{"role": "user", "content": refused.text}]
        with (
            openai.OpenAI(base_url=f"{s.url}/v1", api_key="any", max_retries=0) as oai,
            anthropic.Anthropic(base_url=s.url, api_key="any", max_retries=0) as ant,
        ):
            match wire:
                case "openai-chat":
                    words = oai.chat.completions.create(model="alder-large", messages=turn).choices[0].message.refusal
                case "openai-responses":
                    words = oai.responses.create(model="alder-large", input=turn).output[0].content[0].refusal
                case _:
                    reply = ant.messages.create(model="alder-large", max_tokens=99, messages=turn)
                    assert reply.stop_reason == "refusal"
                    words = reply.stop_details.explanation
    assert words


def test_errors_are_raised_as_the_sdks_know_them():
    with (
        server() as s,
        openai.OpenAI(base_url=f"{s.url}/v1", api_key="bad-key", max_retries=0) as bad,
        openai.OpenAI(base_url=f"{s.url}/v1", api_key="no-quota", max_retries=0) as poor,
        openai.OpenAI(base_url=f"{s.url}/v1", api_key="any", max_retries=0) as good,
        anthropic.Anthropic(base_url=s.url, api_key="any", max_retries=0) as ant,
    ):
        with pytest.raises(openai.AuthenticationError):
            bad.chat.completions.create(**chat_body("x"))
        with pytest.raises(openai.RateLimitError) as quota:
            poor.chat.completions.create(**chat_body("x"))
        assert quota.value.code == "insufficient_quota"
        with pytest.raises(openai.NotFoundError) as unknown:
            good.chat.completions.create(**chat_body("x", model="aldr-large"))
        assert unknown.value.code == "model_not_found"
        with pytest.raises(openai.BadRequestError) as hot:
            good.chat.completions.create(**chat_body("x", temperature=3))
        assert hot.value.param == "temperature"
        with pytest.raises(openai.BadRequestError) as long:
            good.chat.completions.create(**chat_body("word " * 40_000))
        assert long.value.code == "context_length_exceeded"
        with pytest.raises(anthropic.NotFoundError) as missing:
            ant.messages.create(model="nobody", max_tokens=5, messages=[{"role": "user", "content": "x"}])
        assert missing.value.type == "not_found_error"


def test_every_fault_can_be_met_and_carries_its_status():
    rates = {"rate_limited": 0.2, "server_error": 0.2, "overloaded": 0.2, "timeout": 0.2, "garbage": 0.1}
    with server(faults=Faults(**rates, hang=0.0)) as s:
        replies = [post(s.url, chat_body(e.text)) for e in KEY[:80]]
        limited = next(r for r in replies if r.status_code == 429)
        assert float(limited.headers["retry-after"]) == 0.1
        seen = Counter(r.status_code for r in replies)
        assert {429, 500, 503, 504, 200} == set(seen)
        assert s.stats().by_status == {str(k): v for k, v in sorted(seen.items())}
        assert post(s.url, chat_body(KEY[0].text), attempt=4).json()["choices"]


def test_replies_and_faults_do_not_depend_on_the_order_of_arrival():
    spoiled = {"profiles": PROFILES, "faults": Faults(rate_limited=0.2, server_error=0.1)}
    bodies = [chat_body(e.text, model=m) for e in KEY[:60] for m in ("alder-large", "dogwood-small")]
    with server(**spoiled) as s:
        forwards = [post(s.url, b) for b in bodies]
    with server(**spoiled) as s, concurrent.futures.ThreadPoolExecutor(8) as pool:
        backwards = list(pool.map(lambda b: post(s.url, b), reversed(bodies)))
    assert [(r.status_code, r.content) for r in forwards] == [(r.status_code, r.content) for r in reversed(backwards)]


def test_the_server_counts_what_it_answered_twice():
    with server() as s:
        for text in (KEY[0].text, KEY[1].text, KEY[0].text):
            post(s.url, chat_body(text))
        assert CLIENT.get(f"{s.url}/practice/stats").json() == {
            "answered": 3,
            "answered_twice": 1,
            "by_status": {"200": 3},
            "most_in_flight": 1,
            "batches": 0,
        }


def test_another_seed_or_sample_index_errs_elsewhere():
    world, other = server(profiles=PROFILES), server(profiles=PROFILES, seed=8)
    wrong = {e.id for e in KEY if "wrong" in world.injected("cedar-large", e.text)}
    assert wrong != {e.id for e in KEY if "wrong" in other.injected("cedar-large", e.text)}
    assert wrong != {e.id for e in KEY if "wrong" in world.injected("cedar-large", e.text, index=1)}


def test_the_stated_rates_hold_and_wrong_answers_are_plausible():
    hard = [entry(i, difficulty=draw(0, i)) for i in range(4000)]
    profile = PROFILES["cedar"]
    world = server().__class__(hard, seed=3, answer=ANSWER)
    said = [world.behaviour.answer("cedar-large", profile, e.text) for e in hard]
    rates = Counter(name for s in said for name in s.injected)
    for name in ("wrong", "malformed", "refusal", "truncated", "leak", "duplicate"):
        stated = getattr(profile, name)
        assert abs(rates[name] / len(hard) - stated) < 0.25 * stated + 0.004, name
    clean = [(s, e) for s, e in zip(said, hard, strict=True) if s.injected == ("wrong",)]
    assert all(json.loads(s.text)["intent"] in set(LABELS) - {e.answer["intent"]} for s, e in clean)
    easy, difficult = (
        [s for s, e in zip(said, hard, strict=True) if low <= e.difficulty < low + 0.3] for low in (0, 0.7)
    )
    assert _share(difficult, "wrong") > 2 * _share(easy, "wrong")


def test_families_err_together_more_than_chance_would_have_it():
    world = server(profiles=PROFILES)
    alder = {e.id for e in KEY if "wrong" in world.injected("alder-large", e.text)}
    birch = {e.id for e in KEY if "wrong" in world.injected("birch-large", e.text)}
    assert len(alder & birch) > 1.5 * len(alder) * len(birch) / len(KEY)


def test_reported_probabilities_are_calibrated_as_stated():
    many = [entry(i, difficulty=draw(1, i)) for i in range(4000)]
    world = PracticeServer(many, seed=5, answer=ANSWER)
    bins: dict[int, list[tuple[float, bool]]] = {}
    for e in many:
        said = world.behaviour.answer("alder-large", PROFILES["alder"], e.text)
        if said.label and said.probabilities:
            sure = said.probabilities[said.label]
            bins.setdefault(int(sure * 5), []).append((sure, said.label == e.answer["intent"]))
    gaps = [abs(_mean([s for s, _ in b]) - _mean([r for _, r in b])) * len(b) for b in bins.values()]
    assert sum(gaps) / len(many) < 0.03


def test_a_judge_accepts_right_and_rejects_wrong_answers_and_errs_at_its_rate():
    def verdict(model: str, e: KeyEntry, answer: dict) -> bool:
        line = json.dumps({"nonce": "n", "prompt": e.text, "answer": json.dumps(answer)})
        schema = {"name": "verdict", "schema": {"title": "verdict", "type": "object", "properties": {}}}
        body = chat_body(f"Judge this.\n{line}", model, response_format={"type": "json_schema", "json_schema": schema})
        text = post(s.url, body).json()["choices"][0]["message"]["content"]
        return json.loads(text)["verdict"] == "accept"

    with server() as s:
        assert verdict("dogwood-large", KEY[0], KEY[0].answer)
        assert not verdict("dogwood-large", KEY[0], {**KEY[0].answer, "intent": LABELS[1]})
        assert not verdict("dogwood-large", KEY[0], {**KEY[0].answer, "order_id": None})
    with server(profiles={"oak": Profile(judge=0.2)}) as s:
        missed = sum(not verdict("oak-large", e, e.answer) for e in KEY)
    assert 0.12 < missed / len(KEY) < 0.28


def test_a_rewording_keeps_order_numbers_and_is_answered_like_its_original():
    vary = VaryTable(per_prompt=2)
    with server(vary=vary) as s:
        for style in vary.styles:
            line = json.dumps({"text": KEY[8].text, "style": style, "variant": 1})
            schema = {"name": "rewording", "schema": {"title": "rewording"}}
            body = chat_body(f"Reword.\n{line}", response_format={"type": "json_schema", "json_schema": schema})
            words = json.loads(post(s.url, body).json()["choices"][0]["message"]["content"])["text"]
            assert "ORD-000008" in words
            assert words == reword(KEY[8].text, style, 1)
            assert json.loads(post(s.url, chat_body(words)).json()["choices"][0]["message"]["content"]) == KEY[8].answer


def test_a_prompt_that_is_not_in_the_key_is_answered_from_the_nearest_one_and_marked():
    world = server()
    assert "unknown_prompt" in world.injected("alder-large", "Message 7 about an order, please look into it")
    said = world.behaviour.answer("alder-large", NO_ERRORS["alder"], "Message 7 about an order, please look into it")
    assert json.loads(said.text)["order_id"] is None


def test_the_key_is_met_by_its_scrubbed_text_and_read_once(tmp_path: Path):
    path = tmp_path / "key.jsonl"
    rows = [e.model_copy(update={"text": f"{e.text} From amy@example.com"}) for e in KEY[:3]]
    path.write_text("".join(r.model_dump_json() + "\n" for r in rows))
    task = Task(
        task=TaskTable(name="t"),
        answer=ANSWER,
        practice=PracticeTable(
            key="key.jsonl", families={"alder": {"wrong": 0, "other": 0, "malformed": 0, "refusal": 0}}
        ),
    ).rooted_at(tmp_path)
    world = server_for(task, lambda text: re.sub(r"\S+@\S+", "[EMAIL]", text))
    path.rename(tmp_path / "elsewhere.jsonl")
    with world as s:
        assert "unknown_prompt" not in s.injected("alder-large", f"{KEY[1].text} From [EMAIL]")
        assert "unknown_prompt" in s.injected("alder-large", rows[1].text)


def test_a_mistake_in_the_practice_table_or_the_key_is_one_clear_line(tmp_path: Path):
    (tmp_path / "key.jsonl").write_text('{"id": "a", "text": "x", "answer": "y"}\n{"id": "b"}\n')
    with pytest.raises(InputError, match=r"line 2: text"):
        read_key(tmp_path / "key.jsonl")
    (tmp_path / "key.jsonl").write_text("")
    bad = PracticeTable(key="key.jsonl", families={"alder": {"wrnog": 0.5}})
    with pytest.raises(TaskError, match="did you mean 'wrong'"):
        server_for(Task(task=TaskTable(name="t"), practice=bad).rooted_at(tmp_path), str)
    with server() as s, pytest.raises(ProviderError, match="port"), server(port=int(s.url.rpartition(":")[2])):
        pass


def test_the_table_in_the_docstring_is_the_profile_that_is_used():
    rows = [
        [c.strip() for c in line.strip("|").split("|")]
        for line in (profiles.__doc__ or "").splitlines()
        if line.startswith("| ") and "family" not in line
    ]
    names = (
        "wrong",
        "other",
        "malformed",
        "refusal",
        "truncated",
        "verbose",
        "leak",
        "duplicate",
        "voice",
        "sharpness",
        "judge",
        "gullible",
    )
    stated = {r[0]: Profile(wire=r[1], **dict(zip(names, map(float, r[2:]), strict=True))) for r in rows}  # pyright: ignore
    assert stated == PROFILES


def _share(said: list, name: str) -> float:
    return _mean([name in s.injected for s in said])


def _mean(values: list) -> float:
    return sum(values) / len(values)
