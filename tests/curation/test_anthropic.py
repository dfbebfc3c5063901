"""Anthropic's Messages API through the real SDK."""

import pytest
from starlette.responses import JSONResponse

from curation.asker import Ask, Failure
from curation.records import Message, Reply, ToolCall
from curation.task import TeacherTable
from tests.curation.asking import FREE, asker_in
from tests.curation.scripted import Scripted

SCHEMA = {"title": "verdict", "type": "object", "properties": {"verdict": {"type": "string"}}}


def message(*blocks: dict, stop: str = "end_turn") -> dict:
    usage = {"input_tokens": 7, "output_tokens": 3, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 2}
    return {
        "id": "m1", "type": "message", "role": "assistant", "model": "claude", "stop_reason": stop, "usage": usage,
        "content": list(blocks) or [{"type": "text", "text": "hello"}],
    }  # fmt: skip


def model_at(server: Scripted, **fields) -> TeacherTable:
    table = {"name": "c", "use": "anthropic", "model": "claude-sonnet-5", "base_url": f"http://{server.host}"}
    return TeacherTable.model_validate({**table, "price": FREE, "api_key_env": "KEY", "timeout": 20, **fields})


def ask_one(asker, model, turns=None, **fields) -> Reply | Failure:
    request = asker.request(model, turns or [Message(role="user", content="hi")], **fields)
    (answer,) = asker.ask([Ask(request, model)], "sample").values()
    return answer


def test_a_request_has_its_system_apart_a_cap_and_the_schema_in_output_config(tmp_path):
    with Scripted(lambda body: message()) as server, asker_in(tmp_path) as asker:
        turns = [Message(role="system", content="be kind"), Message(role="user", content="hi")]
        ask_one(asker, model_at(server), turns, answer_schema=SCHEMA)
        (body,), (headers,) = server.bodies, server.headers
    assert body["system"] == "be kind"
    assert [m["role"] for m in body["messages"]] == ["user"]
    assert body["max_tokens"] == 1024
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}
    assert headers["anthropic-version"] == "2026-10-21"
    assert headers["x-api-key"] == "sk-secret-123456"


def test_thinking_tool_calls_and_usage_are_read(tmp_path):
    blocks = (
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "text", "text": "let me look"},
        {"type": "tool_use", "id": "t1", "name": "look_up", "input": {"id": "1"}},
    )
    with Scripted(lambda body: message(*blocks, stop="tool_use")) as server, asker_in(tmp_path) as asker:
        tool = {"name": "look_up", "parameters": {"type": "object"}, "strict": True}
        reply = ask_one(asker, model_at(server), tools=[tool])
        assert server.bodies[0]["tools"] == [{"name": "look_up", "input_schema": {"type": "object"}}]
    assert isinstance(reply, Reply)
    assert (reply.text, reply.reasoning, reply.stop) == ("let me look", "hm", "tool_call")
    assert reply.tool_calls == (ToolCall(name="look_up", arguments='{"id": "1"}', id="t1"),)
    assert (reply.usage.input, reply.usage.cached_input, reply.usage.output) == (14, 5, 3)


def test_a_conversation_with_a_tool_result_is_sent_as_this_api_wants_it(tmp_path):
    call = ToolCall(name="look_up", arguments='{"id": 1}', id="t1")
    turns = [
        Message(role="user", content="where"),
        Message(role="assistant", content="looking", tool_calls=(call,)),
        Message(role="tool", content="here", tool_call_id="t1"),
    ]
    with Scripted(lambda body: message()) as server, asker_in(tmp_path) as asker:
        ask_one(asker, model_at(server), turns)
        sent = server.bodies[0]["messages"]
    assert sent[1]["content"][1] == {"type": "tool_use", "id": "t1", "name": "look_up", "input": {"id": 1}}
    assert sent[2] == {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "here"}],
    }


@pytest.mark.parametrize(
    ("stop", "read"), [("max_tokens", "length"), ("refusal", "refusal"), ("pause_turn", "other"), (None, "other")]
)
def test_a_reply_says_how_it_ended(tmp_path, stop, read):
    with Scripted(lambda body: message(stop=stop)) as server, asker_in(tmp_path, truncated_retry_factor=1) as asker:
        reply = ask_one(asker, model_at(server))
    assert isinstance(reply, Reply)
    assert reply.stop == read


def test_an_overloaded_api_is_asked_again(tmp_path):
    answers = [
        JSONResponse({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}, 529),
        message(),
    ]
    with Scripted(lambda body: answers.pop(0)) as server, asker_in(tmp_path) as asker:
        assert isinstance(ask_one(asker, model_at(server)), Reply)
        assert server.calls == 2


def test_a_temperature_which_this_version_of_the_api_refuses_is_never_sent(tmp_path):
    refusal = {"type": "error", "error": {"type": "invalid_request_error", "message": "temperature: not supported"}}
    with Scripted(lambda body: JSONResponse(refusal, 400)) as server, asker_in(tmp_path) as asker:
        failed = ask_one(asker, model_at(server, params={"temperature": 0.2}))
        assert server.calls == 0
    assert isinstance(failed, Failure)
    assert failed.kind == "invalid_parameter"
    assert "temperature does not exist in version 2026-10-21" in failed.words


def test_a_cap_that_would_need_streaming_is_refused_before_it_is_sent(tmp_path):
    with Scripted(lambda body: message()) as server, asker_in(tmp_path) as asker:
        failed = ask_one(asker, model_at(server, params={"max_tokens": 50_000}))
        assert server.calls == 0
    assert isinstance(failed, Failure)
    assert "21333" in failed.words
