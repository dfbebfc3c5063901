"""Prompts read line by line."""

import json
from pathlib import Path

import pytest

from curation.reading import BadLine, read_prompts
from curation.records import Prompt
from curation.task import Task, read_task

TASK = """
[task]
name = "t"
kind = "classify"
seed = 5

[prompts]
system = "Answer with one word."
template = "Message: {text}"

[answer]
format = "label"
labels = ["refund", "other"]

[[teachers]]
name = "a"
use = "practice"
model = "alder-large"
weight = 3.0
n = 2

[[teachers]]
name = "b"
use = "practice"
model = "birch-large"

[[teachers]]
name = "c"
use = "practice"
model = "cedar-large"
tags = ["hard"]
"""


def read(task: Task) -> tuple[list[Prompt], list[BadLine]]:
    lines = list(read_prompts(task))
    return [p for p in lines if isinstance(p, Prompt)], [b for b in lines if isinstance(b, BadLine)]


def prompts_of(task: Task) -> list[Prompt]:
    return read(task)[0]


def task_in(root: Path, rows: list[dict] | bytes, extra: str = "") -> Task:
    (root / "prompts").mkdir(exist_ok=True)
    data = rows if isinstance(rows, bytes) else "".join(json.dumps(r) + "\n" for r in rows).encode()
    (root / "prompts" / "p.jsonl").write_bytes(data)
    (root / "task.toml").write_text(TASK + extra, encoding="utf-8")
    return read_task(root / "task.toml")


def test_a_row_becomes_a_prompt_with_system_message_and_template(tmp_path):
    row = {"id": "p1", "text": "where is {it}?", "group": 7, "tags": ["hard"], "channel": "mail"}
    prompts, bad = read(task_in(tmp_path, [row]))
    assert not bad
    (prompt,) = prompts
    assert [(m.role, m.content) for m in prompt.messages] == [
        ("system", "Answer with one word."),
        ("user", "Message: where is {it}?"),
    ]
    assert (prompt.group, prompt.tags, prompt.fields) == ("7", ("hard",), {"channel": "mail"})
    assert prompt.source == "prompts/p.jsonl:1"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"id": "x", "text": ', "not JSON"),
        (b'{"id": "x", "text": "caf\xe9"}', "not UTF-8"),
        (b'{"id": "x", "question": "?"}', "neither 'text' nor 'messages'; the line has 'id', 'question'"),
        (b'["x"]', "a JSON list"),
        (b'{"id": "x", "text": 3}', "'text' is 3"),
        (b'{"id": "x", "text": "  "}', "'text' is empty"),
        (b'{"id": "x", "messages": [{"role": "assistant", "content": "hi"}]}', "no user message"),
        (b'{"id": "good", "text": "again"}', "id 'good' was used before"),
        (b'{"id": "x", "messages": [{"role": "robot", "content": "hi"}]}', "role"),
    ],
)
def test_a_line_that_is_no_prompt_is_named_with_its_reason_and_the_others_stay(tmp_path, line, words):
    data = b'{"id": "good", "text": "one"}\n' + line + b'\n\n{"id": "also good", "text": "two"}'
    task = task_in(tmp_path, data)
    prompts, bad = read(task)
    assert [p.id for p in prompts] == ["good", "also good"]
    assert [(b.file, b.line) for b in bad] == [("prompts/p.jsonl", 2)]
    assert words in bad[0].reason


def test_equal_rows_without_ids_are_two_prompts_with_stable_names(tmp_path):
    task = task_in(tmp_path, [{"text": "same"}, {"text": "same"}, {"text": "other"}])
    prompts, bad = read(task)
    assert not bad
    assert len({p.id for p in prompts}) == 3
    assert [p.id for p in prompts_of(task)] == [p.id for p in prompts]
