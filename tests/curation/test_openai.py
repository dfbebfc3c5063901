"""OpenAI's wire formats through the real SDK: what is sent is what was asked, what comes back is read strictly."""

import pytest

from curation.asker import Ask
from curation.llm.openai_wire import is_strict
from curation.llm.practice import KeyEntry, PracticeServer
from curation.records import Message, Reply, ToolCall
from curation.task import AnswerTable, TeacherTable
from tests.curation.asking import asker_in, asks, openai_model
from tests.curation.scripted import Scripted, chat, error

SCHEMA = {
    "title": "triage", "type": "object", "properties": {"intent": {"type": "string"}}, "required": ["intent"],
    "additionalProperties": False,
}  # fmt: skip
TOOL = {"name": "look_up", "parameters": {"type": "object", "properties": {"id": {"type": "string"}}}}


def one(asker, model, messages=None, **fields) -> Reply:
    request = asker.request(model, messages or [Message(role="user", content="hi")], **fields)
    (reply,) = asker.ask([Ask(request, model)], "sample").values()
    assert isinstance(reply, Reply), reply
    return reply


def test_a_chat_request_carries_messages_schema_tools_and_every_parameter(tmp_path):
    model_params = {"max_tokens": 50, "temperature": 0.5, "top_k": 7}
    with Scripted(lambda body: chat()) as server, asker_in(tmp_path) as asker:
        model = openai_model(server.url, params=model_params, api_key_env="KEY")
        call = ToolCall(name="look_up", arguments='{"id": "1"}', id="c1")
        turns = [
            Message(role="system", content="be kind"),
            Message(role="user", content="hi"),
            Message(role="assistant", tool_calls=(call,)),
            Message(role="tool", content="found", tool_call_id="c1"),
        ]
        one(asker, model, turns, answer_schema=SCHEMA, tools=[TOOL])
        (body,) = server.bodies
        assert server.headers[0]["authorization"] == "Bearer sk-secret-123456"
    assert [m["role"] for m in body["messages"]] == ["system", "user", "assistant", "tool"]
    assert body["messages"][2]["tool_calls"][0]["function"]["arguments"] == '{"id": "1"}'
    assert body["response_format"]["json_schema"] == {"name": "triage", "schema": SCHEMA, "strict": True}
    assert body["tools"] == [{"type": "function", "function": TOOL}]
    assert {k: body[k] for k in model_params} == model_params


def test_a_schema_is_left_out_where_the_model_takes_none(tmp_path):
    with Scripted(lambda body: chat()) as server, asker_in(tmp_path) as asker:
        one(asker, openai_model(server.url, structured=False), answer_schema=SCHEMA)
        assert "response_format" not in server.bodies[0]


def test_only_a_closed_schema_is_sent_as_strict():
    assert is_strict(SCHEMA)
    assert not is_strict({"type": "object", "properties": {"a": SCHEMA | {"required": []}}, "required": ["a"]})


@pytest.mark.parametrize(
    ("choice", "stop", "text"),
    [
        ({"finish_reason": "length", "message": {"content": "cut"}}, "length", "cut"),
        ({"finish_reason": "content_filter", "message": {"content": ""}}, "filtered", ""),
        ({"finish_reason": "stop", "message": {"content": None, "refusal": "No."}}, "refusal", "No."),
        ({"finish_reason": "tool_calls", "message": {"tool_calls": [{"id": "c", "function": {"name": "f"}}]}},
         "tool_call", ""),
    ],
)  # fmt: skip
def test_a_reply_says_how_it_ended(tmp_path, choice, stop, text):
    with Scripted(lambda body: chat() | {"choices": [choice]}) as server, asker_in(tmp_path) as asker:
        reply = one(asker, openai_model(server.url, params={}))
    assert (reply.stop, reply.text) == (stop, text)


def test_a_filtered_request_is_a_terminal_refusal_and_is_not_asked_again(tmp_path):
    with Scripted(lambda body: error(400, "content_filter")) as server, asker_in(tmp_path) as asker:
        for _ in range(2):
            assert one(asker, openai_model(server.url)).stop == "filtered"
        assert server.calls == 1


def response(**fields) -> dict:
    text = {"type": "output_text", "text": "hello", "annotations": []}
    usage = {"input_tokens": 8, "output_tokens": 3, "output_tokens_details": {"reasoning_tokens": 2}}
    return {
        "id": "r1", "object": "response", "model": "scripted", "status": "completed", "usage": usage,
        "output": [{"type": "reasoning", "summary": []}, {"type": "message", "content": [text]}], **fields,
    }  # fmt: skip


def test_a_response_request_leaves_nothing_with_the_provider_and_is_read_back(tmp_path):
    with Scripted(lambda body: response()) as server, asker_in(tmp_path) as asker:
        model = openai_model(server.url, use="openai-responses", params={"max_tokens": 50, "logprobs": True})
        reply = one(asker, model, answer_schema=SCHEMA)
        (body,) = server.bodies
    assert (reply.text, reply.stop, reply.usage.input, reply.usage.reasoning) == ("hello", "end", 8, 2)
    assert body["store"] is False
    assert body["max_output_tokens"] == 50
    assert body["include"] == ["message.output_text.logprobs"]
    assert body["text"]["format"]["name"] == "triage"


def test_an_incomplete_response_was_cut_and_a_failed_one_is_asked_again(tmp_path):
    answers = [response(status="failed", output=[], error={"code": "server_error", "message": "oops"})]
    answers.append(response(status="incomplete", incomplete_details={"reason": "max_output_tokens"}))
    with Scripted(lambda body: answers.pop(0)) as server, asker_in(tmp_path) as asker:
        reply = one(asker, openai_model(server.url, use="openai-responses", params={}))
        assert server.calls == 2
    assert reply.stop == "length"


def test_log_probabilities_come_through_both_wire_formats_of_the_practice_server(tmp_path):
    answer = AnswerTable(format="label", labels=("refund", "other", "delivery"))
    practice = PracticeServer([KeyEntry(id="1", text="hi", answer="refund")], seed=1, answer=answer)
    with practice as server, asker_in(tmp_path, url=server.url) as asker:
        for family in ("alder", "cedar"):
            params = {"max_tokens": 20, "logprobs": True, "top_logprobs": 3}
            model = TeacherTable(name=family, use="practice", model=f"{family}-large", params=params)
            reply = one(asker, model)
            assert reply.logprobs
            assert {token for token, _ in reply.logprobs[0].top} == {"refund", "other", "delivery"}


def test_samples_of_one_prompt_are_different_requests(tmp_path):
    answer = AnswerTable(format="label", labels=("refund", "other"))
    entries = [KeyEntry(id=str(i), text=f"hi {i}", answer="refund", difficulty=1.0) for i in range(20)]
    with PracticeServer(entries, seed=1, answer=answer) as server, asker_in(tmp_path, url=server.url) as asker:
        for family in ("alder", "birch", "cedar"):
            model = TeacherTable(name=family, use="practice", model=f"{family}-small", params={"max_tokens": 20})
            wanted = [
                Ask(asker.request(model, [Message(role="user", content=e.text)], index=index), model)
                for e in entries
                for index in range(4)
            ]
            answers = asker.ask(wanted, "sample")
            texts = [[answers[a.request.key].text for a in wanted[i : i + 4]] for i in range(0, 80, 4)]
            assert any(len(set(t)) > 1 for t in texts)
        assert server.stats().answered_twice == 0


def test_asks_for_a_model_the_practice_server_does_not_have_name_the_nearest(tmp_path):
    from curation.errors import ProviderError

    with PracticeServer([], seed=1, answer=AnswerTable()) as server, asker_in(tmp_path, url=server.url) as asker:
        model = TeacherTable(name="t", use="practice", model="alder-huge")
        with pytest.raises(ProviderError, match="no model 'alder-huge'; did you mean 'alder-large'"):
            asker.ask(asks(asker, model, ["hi"]), "sample")
