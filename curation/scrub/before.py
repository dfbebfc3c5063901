"""The text before it was scrubbed, read again from where it came: for a person's eyes and never to be written down."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, cast

import polars as pl
from pydantic import ValidationError

from curation.errors import InputError
from curation.reading import prompt_of
from curation.records import SAMPLES, Prompt
from curation.scrub.prompts import PromptQuarantine, PromptScrubber, held_key
from curation.scrub.replies import PARTS, ScrubReplies
from curation.scrub.scrubber import Scrubber
from curation.scrub.spans import Span
from curation.store.replies import Replies
from curation.store.store import Store
from curation.task import PromptsTable, Task


@dataclass(frozen=True)
class Original:
    """Raw texts, one for each message, with the spans that are masked in them. No text shows in its repr."""

    texts: tuple[str, ...] = field(repr=False)
    spans: tuple[tuple[Span, ...], ...]


@dataclass(frozen=True)
class Gone:
    """Why there is no text from before."""

    why: str


def original(source: str, key: str, parent: str | None, task: Task, scrubber: Scrubber) -> Original | Gone:
    """The prompt that stands at `source` (`file:line`) now, if it is masked as the prompt `key` was (`held_key`)."""
    if parent is not None:
        return Gone(f"it was varied from prompt {parent} and stands in no file")
    name, _, number = source.rpartition(":")
    if not name or not number.isdigit():
        return Gone("it does not say which file it came from")
    try:
        raw = _read(task.path(name), int(number), task.prompts, source)
    except (OSError, InputError):
        return Gone(f"{source} is not there any more, or holds no prompt")
    now = PromptScrubber(scrubber)([raw])[0]
    masked = now.prompt if isinstance(now, PromptQuarantine) else now
    if held_key(masked) != key:
        return Gone(f"{source} has changed since, or is masked otherwise now; run again")
    return Original(
        tuple(message.content for message in raw.messages),
        tuple(tuple(_spans(masked, f"messages.{i}")) for i in range(len(raw.messages))),
    )


def reply_before(store: Store, row: Mapping[str, Any], task: Task, scrubber: Scrubber) -> Original | Gone:
    """The reply that the answer of a sample (a row of the samples table) was scrubbed out of, from the journal."""
    reply = Replies(store.replies_db).find([row["request_key"]]).get(row["request_key"])
    if reply is None:
        return Gone("its reply is not in this workspace's journal")
    step = ScrubReplies(scrubber, task.answer)
    for text in (reply.text, *(other.text for other in reply.others)):
        raw = pl.DataFrame([{**row, **dict.fromkeys(PARTS), "answer": text}], schema=SAMPLES)
        columns = step(raw).columns
        if row["answer"] == (text if columns is None else columns["answer"][0]):
            return Original((text,), (scrubber.scrub(text).spans,))
    return Gone("its answer was mended or asked again, so no one reply holds it")


def _read(path: Path, number: int, table: PromptsTable, source: str) -> Prompt:
    """The prompt in one line of a file; InputError when there is none."""
    with path.open("rb") as lines:
        line = next(islice(lines, number - 1, None), b"")
    try:
        row = json.loads(line.decode("utf-8-sig"))
        return prompt_of(cast("dict[str, Any]", row), table, source)
    except (ValidationError, ValueError, TypeError, AttributeError) as error:
        # The cause would carry the line into a traceback.
        raise InputError(f"{source} holds no prompt ({type(error).__name__})") from None


def _spans(masked: Prompt, path: str) -> Sequence[Span]:
    entries = [cast("dict[str, Any]", entry) for entry in masked.masked]
    found = [
        Span(e["type"], e["start"], e["end"], e["shape_only"], e["score"], e["kind"])
        for e in entries
        if e["path"] == path
    ]
    return sorted(found, key=lambda span: span.start)
