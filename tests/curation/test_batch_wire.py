"""What providers' batch interfaces say is read tolerantly: unknown statuses, missing fields, every shape of a line."""

import json

import pytest

from curation.errors import AskFailed
from curation.llm.batches.wire import AnthropicBatch, Line, OpenAIBatch, read_anthropic, read_line, read_openai
from curation.records import Message, Reply, Request

REQUEST = Request(provider="p", host="h", api_version="1", model="m", messages=(Message(role="user", content="q"),))


def read(request: Request, text: str, host: str) -> Reply:
    body = json.loads(text)
    if "says" not in body:
        raise AskFailed("unreadable", f"{host} says nothing")
    return Reply(key=request.key, text=body["says"], stop="end", model="m")


def openai_line(**content):
    return read_openai(Line("x", {"custom_id": "x", **content}), REQUEST, "h", read, frozenset({"content_filter"}))


def anthropic_line(**result):
    return read_anthropic(Line("x", {"custom_id": "x", "result": result}), REQUEST, "h", read)


def answered(status, body):
    return openai_line(response={"status_code": status, "request_id": "r", "body": body}, error=None)


def test_the_body_is_found_in_the_response_or_where_an_imitation_puts_it():
    assert answered(200, {"says": "a", "choices": []}).text == "a"
    assert openai_line(response={"says": "b", "choices": []}).text == "b"


@pytest.mark.parametrize(
    ("came", "kind"),
    [
        (lambda: answered(200, None), "unreadable"),
        (lambda: answered(200, {"choices": []}), "unreadable"),
        (lambda: answered(0, None), "server"),
        (lambda: answered(None, {}), "server"),
        (lambda: answered(500, {"error": {"message": "m"}}), "server"),
        (lambda: answered(400, {"error": {"message": "m", "code": "invalid_value"}}), "invalid_parameter"),
        (lambda: answered(400, {"error": {"message": "m", "code": "context_length_exceeded"}}), "too_long"),
        (lambda: answered(429, {"error": {"message": "m", "code": "insufficient_quota"}}), "quota"),
        (lambda: openai_line(response=None, error={"code": "503", "message": "m"}), "overloaded"),
        (lambda: openai_line(response=None, error={"code": "what", "message": "m"}), "invalid_parameter"),
        (lambda: openai_line(), "server"),
        (lambda: anthropic_line(type="errored", error={"error": {"type": "billing_error", "message": "m"}}), "quota"),
        (lambda: anthropic_line(type="errored", error={"error": {"type": "overloaded_error"}}), "overloaded"),
        (lambda: anthropic_line(type="errored", error={"type": "invalid_request_error"}), "invalid_parameter"),
        (lambda: anthropic_line(type="succeeded", message={"no": 1}), "unreadable"),
        (lambda: anthropic_line(type="succeded"), "unreadable"),
        (lambda: anthropic_line(), "unreadable"),
    ],
)
def test_each_way_a_line_may_fail_has_its_own_class(came, kind):
    failed = came()
    assert isinstance(failed, AskFailed)
    assert failed.kind == kind


def test_a_refusal_for_good_is_a_reply_and_not_an_error():
    assert answered(400, {"error": {"message": "m", "code": "content_filter"}}).stop == "filtered"


@pytest.mark.parametrize("code", ["batch_expired", "expired"])
def test_expired_and_cancelled_lines_are_neither_answers_nor_failures(code):
    assert openai_line(response=None, error={"code": code, "message": "m"}) == "expired"
    assert openai_line(response=None, error={"code": "batch_cancelled"}) == "cancelled"
    assert [anthropic_line(type=t) for t in ("expired", "canceled")] == ["expired", "cancelled"]


@pytest.mark.parametrize("text", [b"", b"\n", b'{"custom_id": "a', b"[1]", b'"a"', b'{"id": "a"}', b'{"custom_id": 7}'])
def test_a_line_about_nothing_is_no_line(text):
    assert read_line(text) is None


@pytest.mark.parametrize(
    ("fields", "phase"),
    [
        ({"status": "validating"}, "working"),
        ({"status": "cancelling"}, "working"),
        ({"status": "canceling"}, "working"),
        ({"status": "validated"}, "working"),
        ({"status": "done"}, "ended"),
        ({"status": "expired"}, "ended"),
        ({"status": "failed"}, "failed"),
        ({"status": "failed", "output_file_id": "f"}, "ended"),
        ({"status": "donne"}, "unknown"),
        ({"status": "donne", "output_file_id": "f"}, "unknown"),
        ({"status": "donne", "output_file_id": "f", "request_counts": {"total": 2, "completed": 2}}, "ended"),
        ({}, "unknown"),
    ],
)
def test_a_status_is_an_end_only_where_that_is_sure(fields, phase):
    assert OpenAIBatch.model_validate({"id": "b", **fields}).remote().phase == phase


def test_everything_that_may_be_null_may_be_null():
    names = [n for n in OpenAIBatch.model_fields if n not in ("id", "status")]
    remote = OpenAIBatch.model_validate({"id": "b", "status": "in_progress", **dict.fromkeys(names)}).remote()
    assert (remote.output, remote.errors, remote.problems, remote.total) == (None, None, (), None)


def test_why_a_batch_failed_is_read_from_a_list_an_object_or_words():
    listed = {"data": [{"code": "token_limit_exceeded", "message": "m", "line": None}]}
    for errors, code in ((listed, "token_limit_exceeded"), ({"code": "c", "message": "m"}, "c"), ("words", "")):
        problems = OpenAIBatch.model_validate({"id": "b", "status": "failed", "errors": errors}).remote().problems
        assert [p.code for p in problems] == [code]


def test_the_number_of_requests_in_a_message_batch_is_the_sum_of_its_counts():
    counts = {"processing": 3, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
    remote = AnthropicBatch.model_validate({"id": "b", "processing_status": "in_progress", "request_counts": counts})
    assert (remote.remote().total, remote.remote().phase) == (3, "working")
