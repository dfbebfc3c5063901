"""A reply that cannot be used as it is is repaired here, then asked again, and its sample says which."""

import json

import pytest

from curation.errors import TaskError
from curation.salvage import repaired
from tests.curation.running import JSON_ANSWER, run, teacher, write
from tests.curation.scripted import Scripted, chat, said

GOOD = '{"intent": "refund", "note": "asks for money"}'
TEXTS = [f"text {i}" for i in range(6)]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ("Sure! Here it is: {'a': 'b', 'c': True,} Hope it helps.", {"a": "b", "c": True}),
        ('{"a": "it\'s", "b": null,}', {"a": "it's", "b": None}),
        ('{"a": "é \\u00e9"}\n', {"a": "é é"}),
    ],
)
def test_punctuation_and_what_stands_around_an_object_are_set_right(written, read):
    assert json.loads(repaired(written) or "null") == read


@pytest.mark.parametrize(
    "written",
    [
        '{"a": "half a sent', '{"a": "whole", "b": "ha', '{"a": {"b": "c"}, "d": "e', "no object", '["a"]', "", "}{",
        '{"intent": refund, "note": "x"}',
    ],
)  # fmt: skip
def test_a_value_that_would_have_to_be_guessed_or_is_cut_is_not_repaired(written):
    assert repaired(written) is None


def workspace(tmp_path, server, extra="", answer=JSON_ANSWER):
    return write(tmp_path, answer + extra + teacher("t", server.url), TEXTS)


def test_almost_json_is_repaired_without_a_call_and_the_sample_says_so(tmp_path):
    with Scripted(lambda body: chat(f"```json\n{GOOD}\n```")) as server:
        report, samples, _ = run(workspace(tmp_path, server))
        assert server.calls == 6
    assert report.kept == 6
    assert {s["mode"] for s in samples} == {"repaired"}
    assert json.loads(samples[0]["answer"])["intent"] == "refund"


def test_what_the_provider_enforced_is_native_and_without_a_schema_sent_it_is_plain(tmp_path):
    with Scripted(lambda body: chat(GOOD)) as server:
        _, native, _ = run(workspace(tmp_path / "a", server))
        toml = JSON_ANSWER + teacher("t", server.url, structured=False)
        _, plain, _ = run(write(tmp_path / "b", toml, TEXTS))
    assert ({s["mode"] for s in native}, {s["mode"] for s in plain}) == ({"native"}, {"plain"})


def test_an_unreadable_answer_is_asked_again_once_with_the_problem_named_and_a_rerun_asks_nobody(tmp_path):
    def answer(body):
        return chat(GOOD if said(body).startswith("That answer cannot be read:") else '{"intent": "refund"}')

    with Scripted(answer) as server:
        root = workspace(tmp_path, server)
        report, samples, _ = run(root)
        assert (server.calls, report.calls, report.kept) == (12, 12, 6)
        assert {s["mode"] for s in samples} == {"reasked"}
        assert report.attempts == {"invalid": 6}
        again = [b for b in server.bodies if len(b["messages"]) == 3]
        assert all("'note' is a required property" in said(b) for b in again)
        assert run(root)[0].calls == 0


def test_an_answer_that_stays_unreadable_costs_two_calls_and_is_dropped_with_its_reason(tmp_path):
    with Scripted(lambda body: chat("I would say refund.")) as server:
        root = workspace(tmp_path, server)
        report, samples, _ = run(root)
        assert server.calls == 12
        assert report.dropped == {"unreadable": 6}
        assert {s["mode"] for s in samples} == {None}
        assert run(root)[0].calls == 0
        assert run(workspace(tmp_path / "b", server, "\n[sampling]\nreask_invalid = 0\n"))[0].calls == 6


def test_an_empty_reply_is_asked_again_once_and_is_never_an_answer(tmp_path):
    with Scripted(lambda body: chat("")) as server:
        root = workspace(tmp_path, server)
        report, samples, _ = run(root)
        assert (server.calls, report.failed) == (12, 6)
        assert {(s["state"], s["reason"], s["answer"]) for s in samples} == {("failed", "empty", None)}
        assert run(root)[0].calls == 0


def test_a_refusal_is_final_and_costs_one_call(tmp_path):
    def refuse(body):
        reply = chat("")
        reply["choices"][0]["message"]["refusal"] = "I cannot help with that."
        return reply

    with Scripted(refuse) as server:
        assert run(workspace(tmp_path, server))[0].calls == 6


def test_n_in_params_is_refused_because_nobody_would_read_the_other_answers(tmp_path):
    with Scripted(lambda body: chat(GOOD)) as server:
        toml = JSON_ANSWER + teacher("t", server.url, params={"max_tokens": 50, "n": 4})
        with pytest.raises(TaskError, match=r"n = 4 in params .* ask = \"together\""):
            run(write(tmp_path, toml, TEXTS))
        assert server.calls == 0


def test_candidates_that_came_too_few_are_asked_again_and_each_sample_gets_its_own(tmp_path):
    def candidates(*labels):
        return chat(json.dumps({"candidates": [{"answer": x, "probability": 0.4} for x in labels]}))

    def answer(body):
        again = said(body).startswith("That answer cannot be read:")
        return candidates("refund", "other", "refund") if again else candidates("refund")

    answer_table = '\n[answer]\nformat = "label"\nlabels = ["refund", "other"]\n'
    with Scripted(answer) as server:
        toml = answer_table + teacher("t", server.url, n=3, ask="candidates")
        report, samples, _ = run(write(tmp_path, toml, ["one"]))
        assert (server.calls, report.samples) == (2, 3)
    assert [s["answer"] for s in samples] == ["refund", "other", "refund"]
    assert {s["confidence"] for s in samples} == {0.4}
    assert len({s["id"] for s in samples}) == 3
