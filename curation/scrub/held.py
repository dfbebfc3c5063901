"""Rulings on prompts that scrubbing held back before any teacher was asked: approved, or with more of them masked.

The next run applies a ruling: an approved prompt is asked as it is masked, a corrected one with what a person pointed
out masked as well. Neither the ruling nor the training row it leaves holds a value.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import polars as pl
from pydantic import JsonValue

from curation.errors import InputError, UnknownRecord
from curation.people import OWNER, Person
from curation.plugins import known, nearest
from curation.records import Message, Prompt, message_of
from curation.scrub.before import Gone, Original, original
from curation.scrub.examples import example
from curation.scrub.prompts import held_key
from curation.scrub.scrubber import RULE, Scrubber
from curation.scrub.spans import Span, masked, resolved
from curation.store.scrub_rulings import Mark, PromptRuling, PromptRulings
from curation.store.store import Store
from curation.tables import ENTITIES
from curation.task import Task

IS_HELD = (pl.col("state") == "quarantined") & (pl.col("request_key") == "") & (pl.col("step") == "scrub")
"""The rows of prompts that were held back: no request was ever keyed for them."""


class Piece(NamedTuple):
    """A piece of masked text that is personal, wherever it stands, and its kind."""

    text: str
    kind: str


class Doubt(NamedTuple):
    """A place in a masked prompt that scored just below the cut; offsets are code points of the message."""

    message: int
    start: int
    end: int
    entity: str
    score: float


@dataclass(frozen=True)
class HeldPrompt:
    """One prompt that waits; its messages are masked already."""

    id: str
    key: str
    """What a ruling names it by: the digest of its masked messages."""
    messages: tuple[Message, ...]
    reason: str
    words: str
    source: str
    parent: str | None = None
    ruling: PromptRuling | None = None

    @property
    def text(self) -> str:
        """The last user turn."""
        return Prompt(id=self.id, messages=self.messages).text


class HeldPrompts:
    """The prompts of the newest version that wait for a person, as far as `who` may see and rule."""

    def __init__(self, store: Store, task: Task, who: Person = OWNER) -> None:
        self._who = who
        self._store = store
        self._task = task
        self._rulings = PromptRulings(store.state, store.ledger)

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """What a person may say a piece of text is."""
        table = self._task.scrub
        return tuple(sorted({*known("curation.detectors"), *ENTITIES, *table.entities, *table.custom}))

    @cached_property
    def _scrubber(self) -> Scrubber:
        return Scrubber.today(self._task.scrub, self._store.keys.scrub)

    def prompts(self, samples: pl.DataFrame | None = None) -> list[HeldPrompt]:
        """Every held prompt in plan order, each once however many samples were planned of it."""
        held = (self._store.versions.samples() if samples is None else samples).filter(IS_HELD)
        if held.is_empty():
            return []
        words = self._store.versions.decisions().filter(
            (pl.col("step") == "scrub") & (pl.col("action") == "quarantine")
        )
        rows = (
            held.unique("prompt_id", keep="first", maintain_order=True)
            .join(words.select(pl.col("sample").alias("id"), "words"), on="id", how="left", maintain_order="left")
            .select("prompt_id", "messages", "reason", "words", "source", "parent")
        )
        rulings = self._rulings.newest()
        return [_held(row, rulings) for row in rows.iter_rows(named=True)]

    def one(self, prompt: str) -> HeldPrompt:
        """The held prompt of that id; UnknownRecord when none is held under it."""
        found = next((held for held in self.prompts() if held.id == prompt), None)
        if found is None:
            raise UnknownRecord(f"no prompt {prompt!r} is held in the newest version; `stillhouse quarantine list`")
        return found

    def doubts(self, texts: Sequence[str]) -> tuple[Doubt, ...]:
        """What is in doubt in the texts of a record; nothing where the doubt is about something masked already."""
        (seen,) = self._scrubber.scrub_records([texts])
        return tuple(
            Doubt(number, span.start, span.end, span.entity.lower(), span.score)
            for number, scrubbed in enumerate(seen)
            for span in scrubbed.doubts
        )

    def original(self, prompt: str) -> Original | Gone:
        """The text before it was masked, read from its file again; for a person's eyes, never to be stored."""
        self._who.require("see_raw")
        held = self.one(prompt)
        return original(held.source, held.key, held.parent, self._task, self._scrubber)

    def approve(self, prompt: str, by: str, why: str = "") -> PromptRuling:
        """Have the next run ask a held prompt as it is masked."""
        self._who.require("rule_on_held")
        return self._add(PromptRuling(prompt=self.one(prompt).key, ruling="approve", by=by, why=self._clean(why)))

    def rule_on(self, rows: pl.DataFrame, ruling: Literal["approve", "withdraw"], by: str, why: str = "") -> int:
        """Approve the held prompts among rows of the newest version, or take rulings on them back; on how many."""
        self._who.require("rule_on_held")
        held = rows.filter(IS_HELD).unique("prompt_id", keep="first", maintain_order=True)
        keys = [held_key_of(row) for row in held.iter_rows(named=True)]
        said = self._clean(why) if keys else ""
        self._rulings.add(*(PromptRuling(prompt=key, ruling=ruling, by=by, why=said) for key in keys))
        return len(keys)

    def correct(self, prompt: str, more: Sequence[Mark | Piece], by: str, why: str = "") -> PromptRuling:
        """Have the next run mask more of a held prompt and ask it; takes the place of an earlier ruling.

        InputError for a piece that does not occur or overlaps a placeholder, and for a kind that is not known.
        """
        self._who.require("rule_on_held")
        held = self.one(prompt)
        marks = self.marks(held, more)
        row = self._example(held, marks)
        said = self._clean(why)
        return self._add(PromptRuling(prompt=held.key, ruling="correct", marks=marks, example=row, by=by, why=said))

    def marks(self, held: HeldPrompt, more: Sequence[Mark | Piece]) -> tuple[Mark, ...]:
        """What a correction would mask: in order, overlapping ones made one. Raises as `correct` does."""
        if not more:
            raise InputError("say what else is personal in it, or approve it as it is")
        found = [mark for one in more for mark in self._found(held, one)]
        return tuple(
            Mark(message=number, start=span.start, end=span.end, entity=span.entity)
            for number in range(len(held.messages))
            for span in resolved([Span(m.entity, m.start, m.end) for m in found if m.message == number])
        )

    def masks(self, text: str) -> list[Span]:
        """Where something is masked already: placeholders, and where the task has them, invented values."""
        kinds = "|".join(re.escape(kind.upper()) for kind in (*self.kinds, RULE))
        found = [Span(m[1], *m.span()) for m in re.finditer(rf"\[({kinds})\]", text)]
        invented = self._scrubber.scrub(text).spans if self._scrubber.surrogates else ()
        return resolved([*found, *invented])

    def _found(self, held: HeldPrompt, more: Mark | Piece) -> Iterator[Mark]:
        kind = (more.entity if isinstance(more, Mark) else more.kind).strip().lower()
        if kind not in self.kinds:
            raise InputError(f"no kind {kind!r}{nearest(kind, self.kinds)} Known: {', '.join(self.kinds)}")
        places = [more] if isinstance(more, Mark) else list(_occurrences(held.messages, more.text.strip()))
        free = [place for place in places if self._free(held, place)]
        if not free:
            raise InputError(_refusal(held, more, there=bool(places)))
        # A piece inside a longer word is another word, unless it stands nowhere else.
        whole = [place for place in free if _whole(held.messages[place.message].content, place)]
        yield from (place.model_copy(update={"entity": kind.upper()}) for place in whole or free)

    def _free(self, held: HeldPrompt, place: Mark) -> bool:
        if not 0 <= place.message < len(held.messages):
            return False
        text = held.messages[place.message].content
        inside = 0 <= place.start < place.end <= len(text)
        return inside and not any(p.start < place.end and place.start < p.end for p in self.masks(text))

    def _example(self, held: HeldPrompt, marks: Sequence[Mark]) -> dict[str, JsonValue]:
        """The messages that were marked, as one training row."""
        parts: list[str] = []
        spans: list[Span] = []
        at = 0
        for number in sorted({mark.message for mark in marks}):
            text = held.messages[number].content
            own = [*self.masks(text), *(Span(m.entity, m.start, m.end) for m in marks if m.message == number)]
            spans += [Span(s.entity, s.start + at, s.end + at) for s in own]
            parts.append(text)
            at += len(text) + len("\n\n")
        text = "\n\n".join(parts)
        empty = [s for s in spans if text[s.start : s.end] == f"[{s.entity}]"]
        return example(text, empty, [s for s in spans if s not in empty], self._store.keys.workspace, held.key)

    def _clean(self, why: str) -> str:
        """A reason as it may be written down: who explains a mask is tempted to name the value."""
        return masked(why, self._scrubber.scrub(why).spans)

    def _add(self, ruling: PromptRuling) -> PromptRuling:
        self._rulings.add(ruling)
        return ruling


def training_rows(store: Store) -> list[dict[str, JsonValue]]:
    """What people's corrections teach the tagger: `{"text", "spans": [{"kind", "start", "end"}]}`, values invented."""
    newest = PromptRulings(store.state, store.ledger).newest().values()
    return [ruling.example for ruling in newest if ruling.ruling == "correct" and ruling.example is not None]


def held_key_of(row: Mapping[str, Any]) -> str:
    """What a ruling names a row of the samples table by, where its prompt was held back."""
    messages = tuple(message_of(message) for message in row["messages"])
    return held_key(Prompt(id=row["prompt_id"], messages=messages))


def _held(row: dict[str, Any], rulings: dict[str, PromptRuling]) -> HeldPrompt:
    messages = tuple(message_of(message) for message in row["messages"])
    key = held_key_of(row)
    return HeldPrompt(
        id=row["prompt_id"], key=key, messages=messages, reason=row["reason"] or "", words=row["words"] or "",
        source=row["source"] or "", parent=row["parent"], ruling=rulings.get(key),
    )  # fmt: skip


def _occurrences(messages: Sequence[Message], text: str) -> Iterator[Mark]:
    for number, message in enumerate(messages):
        for match in re.finditer(re.escape(text), message.content) if text else ():
            yield Mark(message=number, start=match.start(), end=match.end(), entity="")


def _whole(text: str, place: Mark) -> bool:
    before, first = text[place.start - 1 : place.start], text[place.start]
    last, after = text[place.end - 1], text[place.end : place.end + 1]
    return not (before.isalnum() and first.isalnum()) and not (last.isalnum() and after.isalnum())


def _refusal(held: HeldPrompt, more: Mark | Piece, *, there: bool) -> str:
    if isinstance(more, Mark):
        return (
            f"message {more.message}, {more.start} to {more.end} is no place in prompt {held.id}, or is masked already"
        )
    if there:
        return f"{more.text.strip()!r} is masked already in prompt {held.id}; name what stands beside the placeholder"
    return f"{more.text.strip()!r} does not occur in prompt {held.id} as it is masked"
