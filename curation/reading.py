"""Reads prompts, line by line: every line becomes a prompt or a reason why it is none."""

import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import count
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from curation.records import Message, Prompt, canonical, digest
from curation.task import PromptsTable, Task

ROW_KEYS = frozenset({"id", "text", "messages", "group", "tags"})


@dataclass(frozen=True)
class BadLine:
    """One line of input that cannot be a prompt, and why; the others go on without it."""

    file: str
    line: int
    reason: str


class Seen(Collection[str]):
    """The names used so far, eight bytes each, so that a million of them fit."""

    def __init__(self) -> None:
        self._names: set[int] = set()

    @staticmethod
    def _short(name: object) -> int:
        return int.from_bytes(blake2b(str(name).encode(), digest_size=8).digest(), "big")

    def __contains__(self, name: object) -> bool:
        return self._short(name) in self._names

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[str]:
        raise TypeError("names are kept as digests and cannot be listed")

    def add(self, name: str) -> None:
        """One more name."""
        self._names.add(self._short(name))


def read_prompts(task: Task) -> Iterator[Prompt | BadLine]:
    """Every line of the files of [prompts], in the order of the files' names: a prompt, or why it is none."""
    seen = Seen()
    for file in _files(task):
        name = str(file.relative_to(task.root)) if file.is_relative_to(task.root) else str(file)
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                read = _prompt(line.rstrip(b"\n"), f"{name}:{number}", task.prompts)
                if isinstance(read, Prompt) and read.id in seen:
                    named = read.id != content_id(read.messages[1:] if task.prompts.system else read.messages)
                    read = f"id {read.id!r} was used before" if named else renamed(read, seen)
                if isinstance(read, Prompt):
                    seen.add(read.id)
                    yield read
                else:
                    yield BadLine(name, number, read)


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
