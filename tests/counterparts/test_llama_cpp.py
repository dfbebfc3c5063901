"""llama.cpp's own server, asked through the provider a user would take: what it answers is what is recorded."""

import json
import math

import pytest
from jsonschema import validate

from curation.asker import Ask, Asker, Failure
from curation.records import Message, Reply
from curation.signals import signal_of
from curation.task import AnswerTable, TeacherTable
from tests.counterparts.serving import SLOTS
from tests.counterparts.tiny import ANSWERS, LONG, NAME, SHARES, THOUGHTFUL, UNCLEAR, UNCLEAR_JSON
from tests.curation.asking import asker_in, asks, openai_model

LABELS = tuple(SHARES)
SCHEMA = {
    "title": "triage", "type": "object", "properties": {"intent": {"enum": list(LABELS)}}, "required": ["intent"],
    "additionalProperties": False,
}  # fmt: skip


@pytest.fixture
def asker(tmp_path):
    with asker_in(tmp_path, truncated_retry_factor=1) as asker:
        yield asker


def table(url: str, use: str = "openai", **params) -> TeacherTable:
    return openai_model(url, use=use, model=NAME, params={"max_tokens": 60, **params})


def one(asker: Asker, model: TeacherTable, text: str, **fields) -> Reply:
    request = asker.request(model, [Message(role="user", content=text)], **fields)
    (reply,) = asker.ask([Ask(request, model)], "sample").values()
    assert isinstance(reply, Reply), reply
    return reply


@pytest.mark.parametrize("use", ["openai", "openai-responses"])
def test_an_answer_comes_with_its_model_and_the_tokens_it_took(llama_cpp, asker, use):
    for text, answer in ANSWERS.items():
        if text in (UNCLEAR, UNCLEAR_JSON, THOUGHTFUL):
            continue
        reply = one(asker, table(llama_cpp, use, temperature=0), text)
        assert [reply.text] == list(answer)
        assert (reply.stop, reply.model, reply.ignored) == ("end", NAME, ())
        assert reply.usage.input is not None
        assert reply.usage.output is not None
        assert reply.usage.input > 1
        assert 1 < reply.usage.output <= 20


@pytest.mark.parametrize("use", ["openai", "openai-responses"])
def test_an_answer_cut_at_max_tokens_says_so_in_both_wire_formats(llama_cpp, asker, use):
    reply = one(asker, table(llama_cpp, use, temperature=0, max_tokens=3), LONG)
    assert (reply.text, reply.stop, reply.usage.output) == ("one two three", "length", 3)


def test_a_cut_answer_is_asked_for_once_more_with_more_room(llama_cpp, tmp_path):
    with asker_in(tmp_path, truncated_retry_factor=8) as asker:
        reply = one(asker, table(llama_cpp, temperature=0, max_tokens=3), LONG)
        assert asker.calls == 2
    assert [reply.text] == list(ANSWERS[LONG])


def test_log_probabilities_are_those_of_the_model_and_sum_to_at_most_one(llama_cpp, tiny_model, asker):
    reply = one(asker, table(llama_cpp, temperature=1, logprobs=True, top_logprobs=5), UNCLEAR)
    assert reply.logprobs
    assert "".join(t.token for t in reply.logprobs) == reply.text
    exact = tiny_model.exact
    for token in reply.logprobs:
        assert len(token.top) == 5
        assert sum(math.exp(v) for _, v in token.top) <= 1 + 1e-5
        assert token.logprob <= max(v for _, v in token.top) + 1e-5
    first = reply.logprobs[0]
    assert first.logprob == pytest.approx(exact[first.token], abs=0.01)
    assert {t: v for t, v in first.top if t in LABELS} == pytest.approx({t: exact[t] for t in LABELS}, abs=0.01)


def test_the_signal_of_a_label_is_the_share_it_was_trained_with(llama_cpp, asker):
    reply = one(asker, table(llama_cpp, temperature=1, logprobs=True, top_logprobs=8), UNCLEAR)
    assert signal_of(reply, AnswerTable(format="label", labels=LABELS)) == pytest.approx(SHARES, abs=0.05)


def test_the_signal_of_a_field_is_found_although_the_server_takes_the_fence_out_of_the_text(llama_cpp, asker):
    model = table(llama_cpp, temperature=0, logprobs=True, top_logprobs=8)
    reply = one(asker, model, UNCLEAR_JSON, answer_schema=SCHEMA)
    assert reply.logprobs
    spelled = "".join(t.token for t in reply.logprobs)
    assert spelled.startswith("```json")
    assert not reply.text.startswith("```")
    answer = AnswerTable.model_validate({"format": "json", "schema": SCHEMA, "field": "intent"})
    assert signal_of(reply, answer) == pytest.approx(SHARES, abs=0.05)


@pytest.mark.parametrize("use", ["openai", "openai-responses"])
def test_a_thought_stands_beside_the_answer_in_both_wire_formats(llama_cpp, asker, use):
    reply = one(asker, table(llama_cpp, use, temperature=0), THOUGHTFUL)
    assert (reply.text, reply.reasoning, reply.stop) == ("delivery", "a parcel", "end")


def test_the_signal_of_a_label_is_read_after_the_thought(llama_cpp, asker):
    reply = one(asker, table(llama_cpp, temperature=0, logprobs=True, top_logprobs=8), THOUGHTFUL)
    signal = signal_of(reply, AnswerTable(format="label", labels=LABELS))
    assert signal is not None
    assert signal["delivery"] > 0.9


@pytest.mark.parametrize("text", [UNCLEAR_JSON, UNCLEAR, LONG])
@pytest.mark.parametrize("closed", [True, False])
def test_an_answer_to_a_schema_validates_whatever_the_model_would_have_said(llama_cpp, asker, text, closed):
    schema = SCHEMA if closed else {name: part for name, part in SCHEMA.items() if name != "additionalProperties"}
    reply = one(asker, table(llama_cpp, max_tokens=400, temperature=1), text, answer_schema=schema)
    assert reply.stop == "end"
    validate(json.loads(reply.text), schema)


def test_several_choices_of_one_request_are_kept_beside_the_first(llama_cpp, asker):
    reply = one(asker, table(llama_cpp, temperature=1, n=SLOTS, logprobs=True), UNCLEAR)
    assert len(reply.others) == SLOTS - 1
    assert reply.ignored == ()
    for choice in reply.others:
        assert choice.stop == "end"
        assert choice.text in LABELS
        assert choice.logprobs
        assert choice.logprobs[0].token == choice.text


def test_more_choices_than_the_server_gives_fail_in_its_own_words(llama_cpp, asker):
    (failure,) = asker.ask(asks(asker, table(llama_cpp, n=SLOTS + 1), [UNCLEAR]), "sample").values()
    assert isinstance(failure, Failure)
    assert f"between 1 <= value <= {SLOTS}" in failure.words


def test_samples_of_one_prompt_are_drawn_anew_and_a_seed_draws_the_same_again(llama_cpp, asker):
    def drawn(n: int, **params) -> list[str]:
        model = table(llama_cpp, temperature=1, **params)
        turns = [Message(role="user", content=UNCLEAR)]
        wanted = [Ask(asker.request(model, turns, index=i), model) for i in range(n)]
        answers = asker.ask(wanted, "sample")
        return [answers[a.request.key].text for a in wanted]

    assert set(drawn(32)) == set(LABELS)
    assert len(set(drawn(8, seed=7))) == 1
    assert len({drawn(1, seed=seed)[0] for seed in range(32)}) > 1


def test_the_responses_format_drops_log_probabilities_there_and_the_reply_says_it(llama_cpp, asker):
    reply = one(asker, table(llama_cpp, "openai-responses", logprobs=True), UNCLEAR)
    assert reply.text in LABELS
    assert reply.logprobs is None
    assert reply.ignored == ("logprobs",)


def test_a_prompt_longer_than_the_model_reads_fails_its_own_row(llama_cpp, asker):
    wanted = asks(asker, table(llama_cpp, temperature=0), ["where is my parcel", "hello " * 700])
    short, long = asker.ask(wanted, "sample").values()
    assert isinstance(short, Reply)
    assert isinstance(long, Failure)
    assert long.kind == "too_long"
