"""OpenAI's wire formats as data: what is sent, what a body says, and what is missing from a body is named."""

import json
from typing import Any

import pytest

from curation.errors import AskFailed
from curation.llm.openai_wire import read_chat, read_response, responses_body
from curation.llm.protocol import kind_of
from curation.records import Message, Reply, Request
from curation.signals import signal_of
from curation.task import AnswerTable


def request(**params) -> Request:
    turns = (Message(role="user", content="hi"),)
    return Request(provider="openai", host="h", api_version="chat/v1", model="m", messages=turns, params=params)


def token(text: str, *top: str) -> dict[str, Any]:
    return {"token": text, "logprob": -0.1, "top_logprobs": [{"token": t, "logprob": -0.1} for t in top]}


def choice(text: str | None, index: int = 0, finish: str = "stop", **fields) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, **fields.pop("message", {})}
    return {"index": index, "finish_reason": finish, "message": message, **fields}


def said(text: str, *top: str, index: int = 0) -> dict[str, Any]:
    return choice(text, index, logprobs={"content": [token(text, *top)]})


def chat(*choices: dict[str, Any], asked: Request | None = None, **fields) -> Reply:
    return read_chat(asked or request(), json.dumps({"id": "c", "choices": choices, **fields}), "h")


def response(*items: dict[str, Any], asked: Request | None = None, **fields) -> Reply:
    body = {"id": "r", "status": "completed", "output": items, **fields}
    return read_response(asked or request(), json.dumps(body), "h")


def spoken(text: str, **fields) -> dict[str, Any]:
    return {"type": "message", "content": [{"type": "output_text", "text": text, **fields}]}


# --- further choices -------------------------------------------------------------------------------------------


def test_choices_after_the_first_are_kept_in_their_order_with_how_each_ended():
    call = {"id": "c1", "function": {"name": "look_up", "arguments": "{}"}}
    reply = chat(
        said("three", index=3),
        choice(None, 2, "tool_calls", message={"tool_calls": [call]}),
        choice("cut", 1, "length"),
        said("first", index=0),
        asked=request(n=4),
    )
    assert (reply.text, reply.stop) == ("first", "end")
    assert [(o.text, o.stop) for o in reply.others] == [("cut", "length"), ("", "tool_call"), ("three", "end")]
    assert reply.others[1].tool_calls[0].name == "look_up"
    assert reply.others[2].logprobs
    assert reply.others[2].logprobs[0].token == "three"
    assert reply.ignored == ()


def test_one_choice_leaves_nothing_beside_it():
    assert chat(choice("only")).others == ()


def test_an_answer_without_any_choice_is_unreadable():
    with pytest.raises(AskFailed, match="without any choice"):
        chat()


# --- what was asked for and is missing -------------------------------------------------------------------------


@pytest.mark.parametrize("logprobs", [None, {"content": None}, {"content": []}])
def test_log_probabilities_that_were_asked_for_and_are_missing_are_named(logprobs):
    reply = chat(choice("fine", logprobs=logprobs), asked=request(logprobs=True, top_logprobs=3))
    assert reply.logprobs is None
    assert reply.ignored == ("logprobs",)


def test_alternatives_that_were_asked_for_and_are_missing_are_named():
    asked = request(logprobs=True, top_logprobs=3)
    assert chat(said("fine"), asked=asked).ignored == ("top_logprobs",)
    assert chat(said("fine", "fine", "good"), asked=asked).ignored == ()
    assert chat(said("fine"), asked=request(logprobs=True)).ignored == ()


def test_fewer_choices_than_asked_for_are_named():
    assert chat(choice("one"), asked=request(n=3)).ignored == ("n",)
    assert chat(choice("one"), choice("two", 1), asked=request(n=3)).ignored == ("n",)
    assert chat(choice("one"), choice("two", 1), asked=request(n=2)).ignored == ()
    assert chat(choice("one"), asked=request(n=2, logprobs=True)).ignored == ("logprobs", "n")


@pytest.mark.parametrize("params", [{}, {"logprobs": False}, {"n": 1}, {"logprobs": None, "n": None}])
def test_nothing_is_missing_from_an_answer_that_was_asked_for_nothing_more(params):
    assert chat(choice("fine"), asked=request(**params)).ignored == ()


@pytest.mark.parametrize(
    "silent",
    [
        choice(None, message={"refusal": "No."}),
        choice("", finish="content_filter"),
        choice(None, finish="tool_calls", message={"tool_calls": [{"id": "c", "function": {"name": "f"}}]}),
    ],
)
def test_a_refusal_a_filter_and_a_tool_call_have_no_log_probabilities_anywhere(silent):
    assert chat(silent, asked=request(logprobs=True)).ignored == ()
    assert chat(silent, choice("two", 1), asked=request(logprobs=True, n=2)).ignored == ("logprobs",)


def test_a_response_names_what_is_missing_from_it():
    asked = request(logprobs=True, top_logprobs=2)
    assert response(spoken("fine", logprobs=[]), asked=asked).ignored == ("logprobs",)
    assert response(spoken("fine", logprobs=[token("fine")]), asked=asked).ignored == ("top_logprobs",)
    assert response(spoken("fine", logprobs=[token("fine", "good")]), asked=asked).ignored == ()
    assert response(spoken("fine"), asked=request(n=2)).ignored == ("n",)
    refused = {"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}
    assert response(refused, asked=asked).ignored == ()


# --- tier, thoughts, truncation --------------------------------------------------------------------------------


def test_the_service_tier_that_was_used_is_read_in_both_formats():
    assert chat(choice("x"), service_tier="flex").tier == "flex"
    assert response(spoken("x"), service_tier="default").tier == "default"
    assert chat(choice("x")).tier is None
    assert response(spoken("x")).tier is None


def test_thoughts_are_read_whole_or_summed_up():
    whole = {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]}
    summed = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "short"}]}
    reply = response(whole, summed, spoken("fine"))
    assert (reply.text, reply.reasoning) == ("fine", "hm\nshort")
    assert chat(choice("fine", message={"reasoning_content": "hm"})).reasoning == "hm"


@pytest.mark.parametrize(
    ("used", "fields", "stop"),
    [
        (50, {}, "length"),
        (49, {}, "end"),
        (50, {"incomplete_details": None}, "end"),
        (50, {"incomplete_details": {"reason": "content_filter"}, "status": "incomplete"}, "filtered"),
    ],
)
def test_a_server_that_never_says_incomplete_has_cut_an_answer_that_used_every_token_allowed(used, fields, stop):
    usage = {"input_tokens": 1, "output_tokens": used}
    assert response(spoken("x"), asked=request(max_tokens=50), usage=usage, **fields).stop == stop


def test_a_response_is_never_streamed_and_leaves_nothing_with_the_provider():
    body = responses_body(request(max_tokens=50))
    assert (body["stream"], body["store"], body["max_output_tokens"]) == (False, False, 50)


def test_a_prompt_longer_than_llama_cpp_reads_is_too_long():
    assert kind_of(400, "400", "exceed_context_size_error") == "too_long"


# --- tokens that are not in the text ---------------------------------------------------------------------------


def labelled(text: str, *tokens: dict[str, Any]) -> dict[str, float] | None:
    reply = chat(choice(text, logprobs={"content": tokens}), asked=request(logprobs=True))
    return signal_of(reply, AnswerTable(format="label", labels=("yes", "no")))


def test_a_signal_is_read_where_the_text_begins_among_the_tokens():
    plain = (token("yes", "yes", "no"), token(""))
    assert labelled("yes", *plain) == {"no": 0.5, "yes": 0.5}
    assert labelled("yes", token("<think>"), token("no"), token("</think>"), *plain) == {"no": 0.5, "yes": 0.5}
    assert labelled("yes", token(" yes", " yes", "no")) == {"no": 0.5, "yes": 0.5}


def test_tokens_that_spell_another_text_give_no_signal():
    assert labelled("yes", token("no", "no", "yes")) is None
    assert labelled("yes é", token("yes", "yes", "no"), token(" \ufffd"), token("\ufffd")) == {"no": 0.5, "yes": 0.5}
