"""Files people already have become prompts; every row is kept or set aside with its line and reason."""

import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from curation.errors import InputError
from curation.importing import import_file
from curation.llm.replay import read_recording
from curation.records import text_digest


def write(path: Path, rows: list) -> Path:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
    return path


def rows_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_columns_are_mapped_to_fields_and_the_others_pass_through(tmp_path):
    source = tmp_path / "x.csv"
    source.write_text('frage,kunde,kanal\n"Wo ist, bitte,\nmein Paket?",k1,mail\nÄrger!,k2,web\n', encoding="utf-8")
    report = import_file(source, out=tmp_path / "prompts" / "x.jsonl", mapping={"frage": "text", "kunde": "group"})
    assert (report.in_rows, report.kept, report.quarantined) == (2, 2, 0)
    assert report.first[0].text == "Wo ist, bitte,\nmein Paket?"
    assert [(r["text"], r["group"], r["kanal"]) for r in rows_of(report.out)][1] == ("Ärger!", "k2", "web")


def test_in_is_kept_plus_quarantined_and_the_quarantine_says_why(tmp_path):
    source = tmp_path / "x.jsonl"
    source.write_bytes(b'{"text": "good"}\n{"text": "caf\xe9"}\n{"text": \n{"words": 1}\n{"text": "good"}\n')
    report = import_file(source, out=tmp_path / "prompts" / "x.jsonl")
    assert (report.in_rows, report.kept, report.quarantined) == (5, 2, 3)
    refused = rows_of(report.quarantine)
    assert [r["line"] for r in refused] == [2, 3, 4]
    assert ["UTF-8" in refused[0]["reason"], "JSON" in refused[1]["reason"], "'words'" in refused[2]["reason"]]
    assert len({r["id"] for r in rows_of(report.out)}) == 2


def test_a_csv_row_with_a_bad_byte_or_too_few_columns_costs_itself_alone(tmp_path):
    source = tmp_path / "x.csv"
    source.write_bytes(b"text,n\nfine,1\ncaf\xe9,2\nshort\nalso fine,3\n")
    report = import_file(source, out=tmp_path / "prompts" / "x.jsonl")
    assert (report.kept, report.quarantined) == (2, 2)
    assert [r["reason"].split(";")[0] for r in rows_of(report.quarantine)] == [
        "not UTF-8",
        "1 columns, the header has 2",
    ]


def test_a_mapped_column_that_is_not_there_is_named_with_the_nearest(tmp_path):
    source = write(tmp_path / "x.jsonl", [{"question": "?"}])
    with pytest.raises(InputError, match="no column 'qestion'; did you mean 'question'"):
        import_file(source, out=tmp_path / "o" / "x.jsonl", mapping={"qestion": "text"})


OPENAI = {
    "request": {"model": "gpt-4o-mini", "messages": [
        {"role": "developer", "content": "Be kind."}, {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
    ]},
    "response": {"model": "gpt-4o-mini", "choices": [{"message": {"role": "assistant", "content": "Hello"}}]},
}  # fmt: skip
RESPONSES = {
    "request": {"model": "gpt-5", "instructions": "Be kind.", "input": "Hi there"},
    "response": {"output": [{"type": "message", "content": [{"type": "output_text", "text": "Hello there"}]}]},
}
ANTHROPIC = {
    "request": {"model": "claude-sonnet-5", "system": "Be kind.", "messages": [{"role": "user", "content": "Hey"}]},
    "response": {"type": "message", "stop_reason": "end_turn", "content": [{"type": "text", "text": "Hello you"}]},
}


@pytest.mark.parametrize(
    ("row", "text", "answer"),
    [(OPENAI, "Hi", "Hello"), (RESPONSES, "Hi there", "Hello there"), (ANTHROPIC, "Hey", "Hello you")],
    ids=["chat", "responses", "anthropic"],
)
def test_a_request_log_becomes_a_prompt_and_a_recorded_reply(tmp_path, row, text, answer):
    report = import_file(write(tmp_path / "log.jsonl", [row]), out=tmp_path / "prompts" / "log.jsonl")
    (prompt,) = report.first
    assert [(m.role, m.content) for m in prompt.messages] == [("system", "Be kind."), ("user", text)]
    (recorded,) = read_recording(report.recording)
    assert (recorded.digest, recorded.answer) == (text_digest(text), answer)


def test_a_chat_ends_before_the_assistants_last_turn(tmp_path):
    chat = {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"},
                              {"from": "human", "value": "c"}, {"from": "gpt", "value": "d"}]}  # fmt: skip
    report = import_file(write(tmp_path / "c.jsonl", [chat]), out=tmp_path / "prompts" / "c.jsonl")
    assert [(m.role, m.content) for m in report.first[0].messages] == [
        ("user", "a"), ("assistant", "b"), ("user", "c"),
    ]  # fmt: skip
    assert read_recording(report.recording)[0].answer == "d"


def test_a_seeded_sample_is_stratified_and_the_same_every_time(tmp_path):
    rows = [{"text": f"t{i}", "kind": "rare" if i % 50 == 0 else "common"} for i in range(500)]
    source = write(tmp_path / "x.jsonl", rows)
    out = tmp_path / "prompts" / "x.jsonl"
    first = import_file(source, out=out, sample=50, stratify="kind", seed=1)
    drawn = rows_of(out)
    assert (first.kept, first.left_out, first.quarantined) == (50, 450, 0)
    assert Counter(r["kind"] for r in drawn) == {"common": 49, "rare": 1}
    import_file(source, out=out, sample=50, stratify="kind", seed=1)
    assert rows_of(out) == drawn
    import_file(source, out=out, sample=50, stratify="kind", seed=2)
    assert rows_of(out) != drawn


def test_all_of_banking77_is_kept_though_some_rows_are_equal(shared_data, tmp_path):
    source = shared_data / "banking77" / "train.csv"
    with source.open(encoding="utf-8", newline="") as file:
        expected = sum(1 for _ in csv.reader(file)) - 1
    report = import_file(source, out=tmp_path / "prompts" / "b.jsonl", mapping={"category": "intent"})
    assert report.in_rows == report.kept == expected == 10003
    assert len({r["id"] for r in rows_of(report.out)}) == 10003
