"""Scrubbing: personal data in prompts and replies is replaced by its kind, `[EMAIL]`, before anybody else sees it.

The same value gives the same placeholder in prompt, answer and key, since a placeholder names only the kind. Spans
are in code points of the text that was given (a browser counts UTF-16 units: convert before showing them there).
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, cast

import polars as pl
from pydantic import JsonValue

from curation.answers import parse_answer
from curation.detecting import Detector, View
from curation.errors import ReplyUnreadable, TaskError
from curation.pipeline import Outcome
from curation.plugins import build, known
from curation.records import Decision, Prompt, canonical, decisions_frame
from curation.task import AllowEntry, AnswerTable, ScrubTable

PASSES = 3
"""Masking one value may uncover another; a text that still shows one after so many looks is masked as a whole."""

_DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class Span:
    """One masked place: its kind and its range in code points; `shape_only` where a checksum does not hold."""

    entity: str
    start: int
    end: int
    shape_only: bool = False


@dataclass(frozen=True)
class Scrubbed:
    """A scrubbed text; `uncertain` when something was found that could not be told apart from the rest."""

    text: str
    spans: tuple[Span, ...]
    uncertain: bool = False


@dataclass(frozen=True)
class Place:
    """A span inside a JSON value: `path` leads to the string (`reply`, `items.0.note`)."""

    path: str
    span: Span


@dataclass(frozen=True)
class Scrubber:
    """Detectors and the patterns they must leave alone; calling it twice changes nothing more.

    >>> scrubber = Scrubber.of(ScrubTable(), date(2026, 1, 1))
    >>> scrubber.scrub("Write to ana@example.com").text
    'Write to [EMAIL]'
    """

    detectors: tuple[tuple[str, Detector], ...]
    allowed: tuple[re.Pattern[str], ...]
    placeholder: re.Pattern[str]
    action: Literal["mask", "quarantine"]

    @classmethod
    def of(cls, table: ScrubTable, today: date) -> "Scrubber":
        """The scrubber a task declares; an allow-list entry past its date no longer counts."""
        where = "task.toml [scrub] entities"
        names = table.entities if table.enabled else ()
        detectors = tuple((name, cast("Detector", build("curation.scrub", name, {}, where))) for name in names)
        kinds = "|".join(re.escape(name.upper()) for name in sorted({*known("curation.scrub"), *names}))
        allowed = tuple(_pattern(entry) for entry in table.allow if _in_force(entry, today))
        return cls(detectors, allowed, re.compile(rf"\[(?:{kinds})\]"), table.action)

    def scrub(self, text: str) -> Scrubbed:
        """The text with every found value masked, and where each one was."""
        masked = [m.span() for m in self.placeholder.finditer(text)]
        spans: list[Span] = []
        uncertain = False
        for turn in range(PASSES):
            new, unbounded = self._look(text, masked)
            uncertain |= unbounded
            if not new:
                break
            if turn == PASSES - 1:
                return Scrubbed(f"[{new[0].entity}]", (Span(new[0].entity, 0, len(text)),), uncertain=True)
            spans += new
            masked = sorted([*masked, *((s.start, s.end) for s in new)])
        spans.sort(key=lambda s: s.start)
        return Scrubbed(_replace(text, spans), tuple(spans), uncertain)

    def scrub_value(self, value: JsonValue) -> JsonValue:
        """A JSON value with every string in it scrubbed (keys too, and numbers that look like an account)."""
        return self.scrub_json(value)[0]

    def scrub_json(self, value: JsonValue) -> tuple[JsonValue, list[Place], bool]:
        """A JSON value scrubbed, the places masked in it, and whether one of them is uncertain.

        A string is read beside its key: `{"phone": "123 4567"}` is a telephone number.
        """
        places: list[Place] = []
        clean, uncertain = self._walk(value, (), places)
        return clean, places, uncertain

    def describe(self) -> dict[str, JsonValue]:
        """Settings, for the recipe; only allow-list entries in force."""
        return {
            "entities": [name for name, _ in self.detectors],
            "action": self.action,
            "allow": [p.pattern for p in self.allowed],
        }

    def _look(self, text: str, masked: Sequence[tuple[int, int]]) -> tuple[list[Span], bool]:
        """Spans seen in the view where `masked` is hidden, apart from each other; and whether one is unbounded."""
        view = View.of(text, masked)
        digit = _DIGIT.search(view.text) is not None
        places = [
            (found.start, found.end, rank, found)
            for rank, (_, detector) in enumerate(self.detectors)
            if digit or not detector.needs_digit
            for found in detector(view.text)
        ]
        if not places:
            return [], False
        allowed = sorted(m.span() for pattern in self.allowed for m in pattern.finditer(view.text) if m.group())
        spans: list[Span] = []
        for start, end, rank, valid in _merged([(s, e, r, f.valid) for s, e, r, f in places]):
            for piece in _outside(start, end, allowed):
                if any(c.isalnum() for c in view.text[slice(*piece)]):
                    entity = self.detectors[rank][0].upper()
                    spans.append(Span(entity, *view.original(*piece), shape_only=not valid))
        return spans, any(not found.bounded for *_, found in places)

    def _walk(self, value: JsonValue, path: tuple[str, ...], places: list[Place]) -> tuple[JsonValue, bool]:
        match value:
            case str():
                return self._beside_key(value, path, places)
            case bool() | None:
                return value, False
            case int() | float():
                clean, uncertain = self._beside_key(str(value), path, places)
                return (value if clean == str(value) else clean), uncertain
            case list():
                done = [self._walk(item, (*path, str(i)), places) for i, item in enumerate(value)]
                return [item for item, _ in done], any(u for _, u in done)
            case dict():
                pairs = [(self.scrub(key).text, *self._walk(item, (*path, key), places)) for key, item in value.items()]
                return {key: item for key, item, _ in pairs}, any(u for *_, u in pairs)

    def _beside_key(self, value: str, path: tuple[str, ...], places: list[Place]) -> tuple[str, bool]:
        """Scrub a string as if its key stood before it."""
        key = next((p for p in reversed(path) if not p.isdigit()), None)
        lead = f"{key.replace('_', ' ')}: " if key else ""
        seen = self.scrub(lead + value)
        inside = [
            Span(s.entity, max(s.start - len(lead), 0), s.end - len(lead), s.shape_only)
            for s in seen.spans
            if s.end > len(lead)
        ]
        if inside:
            name = self.scrub(".".join(path)).text
            places.extend(Place(name, span) for span in inside)
        return _replace(value, inside), seen.uncertain


@dataclass(frozen=True)
class PromptQuarantine:
    """A prompt held back before anybody is asked; its text is masked already."""

    prompt: Prompt
    reason: str
    words: str


class PromptScrubber:
    """Scrubs prompts one by one: messages, columns and groups.

    Two groups that named two people stay two groups: they are numbered.
    """

    def __init__(self, scrubber: Scrubber) -> None:
        self._scrubber = scrubber
        self._groups: dict[str, str] = {}

    def __call__(self, prompt: Prompt) -> Prompt | PromptQuarantine:
        """The prompt as it may be asked, or held back for a person to look at."""
        masked, found, uncertain = _scrub_prompt(prompt, self._scrubber, self._groups)
        held_back = _held(self._scrubber, len(found), uncertain)
        return masked if held_back is None else PromptQuarantine(masked, *held_back)


def scrub_prompts(prompts: Iterable[Prompt], scrubber: Scrubber) -> tuple[list[Prompt], list[PromptQuarantine]]:
    """Every prompt scrubbed: those that may be asked, and those held back."""
    scrub = PromptScrubber(scrubber)
    scrubbed = [scrub(prompt) for prompt in prompts]
    clean = [p for p in scrubbed if isinstance(p, Prompt)]
    return clean, [p for p in scrubbed if isinstance(p, PromptQuarantine)]


def _scrub_prompt(prompt: Prompt, scrubber: Scrubber, groups: dict[str, str]) -> tuple[Prompt, list[Span], bool]:
    texts = [scrubber.scrub(m.content) for m in prompt.messages]
    fields, places, unsure = scrubber.scrub_json(prompt.fields)
    messages = tuple(
        m.model_copy(update={
            "content": text.text,
            "tool_calls": tuple(
                c.model_copy(update={"arguments": scrub_text_or_json(c.arguments, scrubber)[0]}) for c in m.tool_calls
            ),
        })
        for m, text in zip(prompt.messages, texts, strict=True)
    )  # fmt: skip
    masked = prompt.model_copy(
        update={"messages": messages, "fields": fields, "group": _scrub_group(prompt.group, scrubber, groups)}
    )
    spans = [span for text in texts for span in text.spans] + [place.span for place in places]
    return masked, spans, unsure or any(text.uncertain for text in texts)


def _scrub_group(group: str | None, scrubber: Scrubber, groups: dict[str, str]) -> str | None:
    if group is None:
        return None
    if group not in groups:
        seen = scrubber.scrub(group)
        groups[group] = f"{seen.text} {len(groups) + 1}" if seen.spans else group
    return groups[group]


def scrub_text_or_json(text: str, scrubber: Scrubber) -> tuple[str, list[Place], bool]:
    """A text scrubbed; one that is a JSON object or array is scrubbed value by value and stays JSON.

    An escape (`ana\\u0040example.com`) hides nothing then, and a masked number becomes a string.
    """
    try:
        value: Any = json.loads(text) if text.lstrip()[:1] in ("{", "[") else None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict | list):
        seen = scrubber.scrub(text)
        return seen.text, [Place("", span) for span in seen.spans], seen.uncertain
    clean, places, uncertain = scrubber.scrub_json(cast("JsonValue", value))
    unchanged = not places and clean == value
    return (text if unchanged else json.dumps(clean, ensure_ascii=False)), places, uncertain


@dataclass(frozen=True)
class ScrubReplies:
    """Step `scrub`: answers are scrubbed before a person sees them; the evidence names kinds and places, no value."""

    scrubber: Scrubber
    answer: AnswerTable
    name: str = "scrub"
    scope: Literal["sample", "table"] = "sample"

    def __call__(self, samples: pl.DataFrame) -> Outcome:
        """Edit the answers that hold personal data, and their labels with them."""
        decisions: list[Decision] = []
        columns: list[dict[str, str | None]] = []
        scrubbed = ("answer", "tool_calls", "rationale")
        for row in samples.select("id", "labels", *scrubbed).iter_rows(named=True):
            looked = {name: self._scrub(row[name]) for name in scrubbed}
            texts = {name: text for name, (text, _, _) in looked.items()}
            if any(texts[name] != row[name] for name in scrubbed):
                labels = row["labels"] if texts["answer"] == row["answer"] else self._labels(texts["answer"])
                columns.append({"id": row["id"], "labels": labels, **texts})
            places = [place for _, found, _ in looked.values() for place in found]
            decisions += self._decide(row["id"], places, uncertain=any(unsure for *_, unsure in looked.values()))
        schema: dict[str, type[pl.String]] = dict.fromkeys(("id", "labels", *scrubbed), pl.String)
        return Outcome(decisions_frame(decisions), pl.DataFrame(columns, schema=schema) if columns else None)

    def describe(self) -> dict[str, JsonValue]:
        """The scrubber's settings."""
        return self.scrubber.describe()

    def _scrub(self, text: str | None) -> tuple[str | None, list[Place], bool]:
        return (None, [], False) if text is None else scrub_text_or_json(text, self.scrubber)

    def _labels(self, answer: str | None) -> str | None:
        try:
            labels = None if answer is None else parse_answer(answer, self.answer)
        except ReplyUnreadable:
            return None
        return None if labels is None else canonical(labels).decode()

    def _decide(self, sample: str, places: list[Place], *, uncertain: bool) -> Iterator[Decision]:
        if not places and not uncertain:
            return
        evidence: dict[str, JsonValue] = {
            "spans": [
                {"type": p.span.entity, "path": p.path, "start": p.span.start, "end": p.span.end,
                 "shape_only": p.span.shape_only}
                for p in places
            ]
        }  # fmt: skip
        if places:
            words = _found_words(len(places), "the answer")
            yield Decision(
                sample=sample, step=self.name, action="edit", reason="personal_data", words=words,
                number=len(places), evidence=evidence,
            )  # fmt: skip
        if (held := _held(self.scrubber, len(places), uncertain)) is not None:
            yield Decision(sample=sample, step=self.name, action="quarantine", reason=held[0], words=held[1])


def _held(scrubber: Scrubber, found: int, uncertain: bool) -> tuple[str, str] | None:
    """Reason and words for holding a text back, or None."""
    if uncertain:
        return "scrub_uncertain", "a secret was found whose end could not be told; a person must look"
    if found and scrubber.action == "quarantine":
        return "personal_data", _found_words(found, "the text") + ", and [scrub] action is quarantine"
    return None


def _found_words(found: int, where: str) -> str:
    return f"{found} {'value' if found == 1 else 'values'} of personal data masked in {where}"


def _replace(text: str, spans: Sequence[Span]) -> str:
    parts: list[str] = []
    at = 0
    for span in spans:
        parts += (text[at : span.start], f"[{span.entity}]")
        at = span.end
    return "".join([*parts, text[at:]])


def _merged(places: list[tuple[int, int, int, bool]]) -> list[tuple[int, int, int, bool]]:
    """Overlapping places made one, so that no end sticks out; its kind is that of the valid, then the longest."""
    merged: list[tuple[int, int, int, bool]] = []
    lengths: list[tuple[bool, int]] = []
    for start, end, rank, valid in sorted(places):
        weight = (valid, end - start)
        if merged and start < merged[-1][1]:
            first, last, old_rank, old_valid = merged[-1]
            better = weight > lengths[-1]
            kind = (rank, valid) if better else (old_rank, old_valid)
            merged[-1] = (first, max(last, end), *kind)
            lengths[-1] = max(weight, lengths[-1])
        else:
            merged.append((start, end, rank, valid))
            lengths.append(weight)
    return merged


def _outside(start: int, end: int, allowed: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The parts of a range outside the allowed ranges."""
    for first, last in allowed:
        if last <= start or first >= end:
            continue
        if start < first:
            yield start, first
        start = max(start, last)
    if start < end:
        yield start, end


def _pattern(entry: AllowEntry) -> re.Pattern[str]:
    try:
        return re.compile(entry.pattern)
    except re.error as error:
        raise TaskError(f"task.toml [scrub] allow: {entry.pattern!r} is not a regular expression: {error}") from error


def _in_force(entry: AllowEntry, today: date) -> bool:
    try:
        return entry.until is None or date.fromisoformat(entry.until) >= today
    except ValueError as error:
        raise TaskError(f"task.toml [scrub] allow: until = {entry.until!r} is not a date like 2027-01-31") from error
