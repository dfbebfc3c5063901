"""Recorded replies are found by what was asked; a missing one fails its own row."""

import json
from pathlib import Path

import pytest

from curation.asker import Failure
from curation.errors import InputError, ProviderError
from curation.records import Reply
from curation.task import TeacherTable
from tests.curation.asking import asker_in, asks, by_text, replies_in


def recording(root: Path, rows: list[dict]) -> TeacherTable:
    (root / "r.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    return TeacherTable(name="old", use="replay", model="m1", path="r.jsonl")


def test_a_reply_is_found_by_the_last_user_message_and_the_model(tmp_path):
    rows = [
        {"prompt": "hello ", "response": "from m2", "model": "m2"},
        {"prompt": "hello ", "response": "from m1", "model": "m1"},
        {"messages": [{"role": "user", "content": "bye"}], "answer": "anyone's"},
    ]
    model = recording(tmp_path, rows)
    with asker_in(tmp_path) as asker:
        wanted = asks(asker, model, ["hello", "bye", "never recorded"])
        answers = by_text(asker.ask(wanted, "sample"), wanted)
        assert (asker.calls, asker.cost_usd) == (0, 0.0)
    assert [answers[t].text for t in ("hello", "bye")] == ["from m1", "anyone's"]
    assert isinstance(answers["never recorded"], Failure)
    assert "r.jsonl holds no reply" in answers["never recorded"].words


def test_hundreds_of_missing_replies_never_stop_the_run(tmp_path):
    model = recording(tmp_path, [{"text": "one", "answer": "1"}])
    with asker_in(tmp_path) as asker:
        answers = asker.ask(asks(asker, model, ["one", *map(str, range(300))]), "sample")
    assert sum(isinstance(a, Reply) for a in answers.values()) == 1


def test_an_edited_recording_is_seen_and_the_request_can_be_explained(tmp_path):
    for answer in ("first", "second"):
        model = recording(tmp_path, [{"text": "one", "answer": answer}])
        with asker_in(tmp_path) as asker:
            wanted = asks(asker, model, ["one"])
            assert [a.text for a in asker.ask(wanted, "sample").values()] == [answer]
    journal = replies_in(tmp_path)
    key = wanted[0].request.key
    assert journal.find([key])[key].text == "second"
    assert journal.request(key)["messages"][0]["content"] == "one"


def test_a_broken_recording_is_named_with_its_line(tmp_path):
    model = recording(tmp_path, [{"text": "one", "answer": "1"}, {"text": "two"}])
    with asker_in(tmp_path) as asker, pytest.raises(InputError, match=r"r\.jsonl:2"):
        asker.ask(asks(asker, model, ["one"]), "sample")


def test_a_replay_without_a_path_says_what_to_write(tmp_path):
    model = TeacherTable(name="old", use="replay", model="m1")
    with asker_in(tmp_path) as asker, pytest.raises(ProviderError, match="path ="):
        asker.ask(asks(asker, model, ["one"]), "sample")


def test_the_real_outputs_of_eight_models_are_all_found(shared_data, tmp_path):
    for file in sorted((shared_data / "self_instruct" / "predictions").glob("*.jsonl")):
        name = file.name.removesuffix("_predictions.jsonl")
        model = TeacherTable(name=name, use="replay", model=name, path=str(file))
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        with asker_in(tmp_path) as asker:
            wanted = asks(asker, model, [r["prompt"] for r in rows])
            answers = by_text(asker.ask(wanted, "sample"), wanted)
        assert [answers[r["prompt"]].text for r in rows] == [r["response"] for r in rows]
