"""Prompts read, varied and planned; replies made into samples: what happens before any sample is decided about."""

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, cast

import polars as pl
from pydantic import ValidationError

from curation.answers import parse_answer
from curation.asker import Ask, Asker, Failure
from curation.asking import Asking
from curation.errors import ReplyUnreadable
from curation.plugins import build
from curation.records import (
    SAMPLES,
    Decision,
    Message,
    Prompt,
    Reply,
    Request,
    canonical,
    decisions_frame,
    digest,
    draw,
    message_row,
)
from curation.signals import mean_logprob, signal_of
from curation.task import AnswerTable, PromptsTable, Task, TeacherTable
from curation.teachers.vary import Vary, reworded

__all__ = ["BadLine", "Planned", "plan", "read_prompts", "samples_frame", "signal_of", "vary_prompts"]

ROW_KEYS = frozenset({"id", "text", "messages", "group", "tags"})


@dataclass(frozen=True)
class BadLine:
    """One line of input that cannot be a prompt, and why; the others go on without it."""

    file: str
    line: int
    reason: str


@dataclass(frozen=True)
class Planned:
    """One sample to be made: a prompt, the teacher that answers it, which of its n answers, and the request."""

    position: int
    prompt: Prompt
    teacher: TeacherTable
    index: int
    request: Request


# --- reading prompts -------------------------------------------------------------------------------------------


def read_prompts(task: Task) -> tuple[list[Prompt], list[BadLine]]:
    """Every prompt in the files of [prompts], in the order of the files' names, and every line that is not one."""
    prompts: list[Prompt] = []
    bad: list[BadLine] = []
    seen: set[str] = set()
    for file in _files(task):
        name = str(file.relative_to(task.root)) if file.is_relative_to(task.root) else str(file)
        for number, line in enumerate(file.read_bytes().split(b"\n"), 1):
            if not line.strip():
                continue
            read = _prompt(line, f"{name}:{number}", task.prompts)
            if isinstance(read, Prompt) and read.id in seen:
                named = read.id != content_id(read.messages[1:] if task.prompts.system else read.messages)
                read = f"id {read.id!r} was used before" if named else renamed(read, seen)
            if isinstance(read, Prompt):
                seen.add(read.id)
                prompts.append(read)
            else:
                bad.append(BadLine(name, number, read))
    return prompts, bad


def _files(task: Task) -> list[Path]:
    found = (file for pattern in task.prompts.files for file in task.root.glob(pattern) if file.is_file())
    return sorted(set(found))


def _prompt(line: bytes, source: str, table: PromptsTable) -> Prompt | str:
    """The prompt in a line, or the reason why there is none."""
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return f"not UTF-8 (byte {error.start}); save the file as UTF-8"
    except ValueError as error:
        return f"not JSON: {error}"
    if not isinstance(row, dict):
        return f"a JSON {type(row).__name__}, not an object"
    try:
        return prompt_of(row, table, source)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except (ValueError, TypeError) as error:
        return str(error)


def prompt_of(row: dict[str, Any], table: PromptsTable, source: str = "") -> Prompt:
    """The prompt in a row {id?, text | messages, group?, tags?, ...}; ValueError or TypeError says what is missing.

    A row without an id is named after its content. The system message and the template of [prompts] are applied.
    """
    turns = _turns(row, table)
    if not any(m.role == "user" and m.content.strip() for m in turns):
        raise ValueError("no user message with text in it")
    system = [Message(role="system", content=table.system)] if table.system else []
    group = row.get("group")
    return Prompt(
        id=str(row["id"]) if row.get("id") not in (None, "") else content_id(turns),
        messages=(*system, *turns),
        group=None if group is None else str(group),
        tags=tuple(row.get("tags") or ()),
        fields={k: v for k, v in row.items() if k not in ROW_KEYS},
        source=source,
    )


def content_id(turns: Sequence[Message]) -> str:
    """The name of a prompt that was given none."""
    return f"p-{digest([m.content for m in turns])[:12]}"


def renamed(prompt: Prompt, seen: Collection[str]) -> Prompt:
    """The same prompt under a name of its own: two equal rows without ids are two prompts."""
    number = next(n for n in count(2) if f"{prompt.id}-{n}" not in seen)
    return prompt.model_copy(update={"id": f"{prompt.id}-{number}"})


def _turns(row: dict[str, Any], table: PromptsTable) -> list[Message]:
    if row.get("messages") is not None:
        if not isinstance(row["messages"], list):
            raise TypeError("'messages' is not a list")
        return [Message.model_validate(m) for m in row["messages"]]
    text = row.get("text")
    if text is None:
        raise ValueError(f"neither 'text' nor 'messages'; the line has {', '.join(map(repr, row)) or 'nothing'}")
    if not isinstance(text, str):
        raise TypeError(f"'text' is {text!r}, not a string")
    if not text.strip():
        raise ValueError("'text' is empty")

    def fill(match: re.Match[str]) -> str:
        if match[1] not in row:
            raise ValueError(f"the template needs {match[1]!r}, which the line does not have")
        value = row[match[1]]
        return value if isinstance(value, str) else canonical(value).decode()

    return [Message(role="user", content=re.sub(r"\{(\w+)\}", fill, table.template))]


# --- rewordings ------------------------------------------------------------------------------------------------


def vary_prompts(prompts: Sequence[Prompt], task: Task, asker: Asker) -> list[Prompt]:
    """The prompts with their rewordings after them, as [vary] says; one that failed is left out and counted."""
    table = task.vary
    if not table.per_prompt or not task.teachers or not table.styles:
        return list(prompts)
    teacher = task.teacher(table.teacher) if table.teacher else task.teachers[0]
    seed = task.task.seed
    wanted = [
        (prompt, variant, _rewording(asker, teacher, prompt, Vary(style=table.styles[variant % len(table.styles)],
                                                                  variant=variant)))
        for prompt in prompts
        if draw(seed, "vary", prompt.id) < table.share
        for variant in range(table.per_prompt)
    ]  # fmt: skip
    answers = asker.ask([Ask(request, teacher) for _, _, request in wanted], "vary")
    made: dict[str, list[Prompt]] = {}
    for prompt, variant, request in wanted:
        if (words := _words(answers[request.key])) is not None and words != prompt.text:
            made.setdefault(prompt.id, []).append(_variant(prompt, variant, words))
    if failed := len(wanted) - sum(map(len, made.values())):
        asker.notice(f"{failed} of {len(wanted)} rewordings came back unusable and were left out")
    return [p for prompt in prompts for p in (prompt, *made.get(prompt.id, ()))]


def _rewording(asker: Asker, teacher: TeacherTable, prompt: Prompt, vary: Vary) -> Request:
    asking = vary(prompt)
    return asker.request(teacher, asking.messages, answer_schema=asking.answer_schema, template=asking.template)


def _words(answer: Reply | Failure) -> str | None:
    if isinstance(answer, Failure):
        return None
    try:
        return reworded(answer.text)
    except ReplyUnreadable:
        return None  # counted by the caller: it is not among the rewordings made


def _variant(prompt: Prompt, variant: int, words: str) -> Prompt:
    last = max(i for i, m in enumerate(prompt.messages) if m.role == "user")
    messages = [m.model_copy(update={"content": words}) if i == last else m for i, m in enumerate(prompt.messages)]
    return prompt.model_copy(
        update={
            "id": f"{prompt.id}~{variant}", "messages": tuple(messages), "parent": prompt.id, "variant": variant,
        }
    )  # fmt: skip


# --- planning --------------------------------------------------------------------------------------------------


def plan(prompts: Sequence[Prompt], task: Task, asker: Asker) -> list[Planned]:
    """Every sample to be made, in the order (prompt, teacher in task.toml, index)."""
    ways = {t.name: _way(t) for t in task.teachers}
    planned: list[Planned] = []
    for position, prompt in enumerate(prompts):
        for teacher in _teachers_for(prompt, task):
            asking = ways[teacher.name](prompt, task.answer)
            planned += [
                Planned(position, prompt, teacher, index, asker.request(
                    teacher, asking.messages, answer_schema=asking.answer_schema, index=index, template=asking.template
                ))
                for index in range(teacher.n)
            ]  # fmt: skip
    return planned


def _way(teacher: TeacherTable) -> Callable[[Prompt, AnswerTable], Asking]:
    plugin = build("curation.teachers", teacher.ask, {}, f"task.toml teacher {teacher.name!r}, ask")
    return cast("Callable[[Prompt, AnswerTable], Asking]", plugin)


def _teachers_for(prompt: Prompt, task: Task) -> list[TeacherTable]:
    """Those whose tags fit; of these as many as asked for, drawn by weight without putting back."""
    fitting = [t for t in task.teachers if not t.tags or set(t.tags) & set(prompt.tags)]
    wanted = task.sampling.teachers_per_prompt
    if wanted == "all" or wanted >= len(fitting):
        return fitting
    # Efraimidis and Spirakis (2006): the k largest u^(1/w) are a weighted draw without replacement.
    luck = {t.name: draw(task.task.seed, "route", prompt.id, t.name) ** (1 / t.weight) for t in fitting}
    chosen = sorted(luck, key=lambda name: -luck[name])[:wanted]
    return [t for t in fitting if t.name in chosen]


# --- samples ---------------------------------------------------------------------------------------------------


def samples_frame(
    planned: Sequence[Planned],
    answers: Mapping[str, Reply | Failure],
    task: Task,
    sample_id: Callable[[str, int], str],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One row per planned sample (schema SAMPLES), kept or failed, and the decisions about the failed ones.

    Prompts of one text share a request and its reply; from the second on, rows are named by their place among them.
    """
    rows: list[dict[str, Any]] = []
    failed: list[Decision] = []
    seen: Counter[str] = Counter()
    for p in planned:
        key = p.request.key
        answer = answers[key]
        row = _row(p, sample_id(f"{key}#{seen[key]}" if seen[key] else key, p.index))
        seen[key] += 1
        if isinstance(answer, Reply):
            row |= _answered(answer, task.answer)
        if why := _why_failed(answer):
            reason, words, attempts = why
            row |= {"answer": None, "state": "failed", "reason": reason, "step": "sample"}
            failed.append(
                Decision(sample=row["id"], step="sample", action="fail", reason=reason, words=words, number=attempts)
            )
        rows.append(row)
    return pl.DataFrame(rows, schema=SAMPLES), decisions_frame(failed)


def _why_failed(answer: Reply | Failure) -> tuple[str, str, int] | None:
    """(reason, words, attempts) of what cannot become a sample; a reply that says nothing is one of these."""
    if isinstance(answer, Failure):
        return answer.kind, answer.words, answer.attempts
    if not answer.text.strip() and not answer.tool_calls:
        return "empty", f"the reply holds neither text nor a tool call (stop reason: {answer.stop})", 1
    return None


def _row(p: Planned, ident: str) -> dict[str, Any]:
    return {
        **dict.fromkeys(SAMPLES),
        "id": ident, "position": p.position, "teacher": p.teacher.name, "index": p.index,
        "prompt_id": p.prompt.id, "parent": p.prompt.parent, "request_key": p.request.key,
        "messages": [message_row(m) for m in p.prompt.messages],
        "group": p.prompt.group, "tags": list(p.prompt.tags),
        "fields": canonical(p.prompt.fields).decode() if p.prompt.fields else None,
        "source": p.prompt.source, "state": "kept", "edited": False, "control": False,
    }  # fmt: skip


def _answered(reply: Reply, answer: AnswerTable) -> dict[str, Any]:
    signal = signal_of(reply, answer)
    calls = [c.model_dump() for c in reply.tool_calls]
    return {
        "answer": reply.text,
        "labels": _labels(reply.text, answer),
        "signal": None if signal is None else canonical(signal).decode(),
        "tool_calls": canonical(calls).decode() if calls else None,
        "stop": reply.stop,
        "logprob": mean_logprob(reply),
    }


def _labels(text: str, answer: AnswerTable) -> str | None:
    try:
        labels = parse_answer(text, answer)
    except ReplyUnreadable:
        return None  # the schema check says so and why
    return None if labels is None else canonical(labels).decode()
