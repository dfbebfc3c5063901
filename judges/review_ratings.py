"""Reads a file of finished ratings, JSONL or Argilla's records, into one rating after another or why there is none.

A line of JSONL is one rating: {item, prompt, a, b, rater, choice}, where `choice` is about `a` and `b` as this rater
saw them. A line without rater and choice is an item that nobody rated.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, cast

from pydantic import ConfigDict, Field, JsonValue, ValidationError, field_validator, model_validator

from curation.records import Record
from curation.store.review_records import Details, Kind
from judges.gold_rows import text_of
from judges.review_argilla import is_record, ratings_of, suggestions_in
from judges.study import conversation

Row = dict[str, Any]
ROLE = {"role", "content"}
UNKEPT = re.compile("[\0\ud800-\udfff]")
Text = Annotated[str, Field(min_length=1)]


class Reading(Record):
    """How a file's own words are read: `columns` ours -> theirs, `choices` theirs -> ours.

    A choice that is no side, tie or verdict (`full_refusal`) is known only where `choices` names it.
    """

    columns: dict[str, str] = Field(default_factory=dict)
    choices: dict[str, str] = Field(default_factory=dict)


class Own(Record):
    """What only this house says of a vote: the kind of its study, what came with it, digests of guideline and texts."""

    kind: Kind | None = None
    details: Details = Details()
    guideline: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    shown: dict[str, Annotated[str, Field(pattern="^[0-9a-f]{64}$")]] = Field(default_factory=dict)


class Rating(Record):
    """One rating as a file tells it; `swap` says that `a` is the item's second answer, None where nothing says so.

    `first_sample` and the like are about the item, whatever order this rater saw. `final` is what was settled on.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    item: Text
    prompt: Text
    a: str
    b: str | None = None
    rater: Text | None = None
    choice: str | None = None
    reason: str | None = None
    dwell_ms: Annotated[int, Field(ge=0, lt=2**31)] = 0
    at: str | None = None
    swap: bool | None = None
    first_sample: str | None = None
    second_sample: str | None = None
    first_teacher: str = ""
    second_teacher: str = ""
    question: str | None = None
    final: str | None = None
    stillhouse: Own = Own()

    @field_validator("item", "choice", "final", mode="before")
    @classmethod
    def _word(cls, value: JsonValue) -> JsonValue:
        """Numbers name items and choices as well as words do."""
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("a", "b", mode="before")
    @classmethod
    def _answer(cls, value: JsonValue) -> str:
        """An answer that is no string (`true`, an object) is read as gold rows read it: as its JSON."""
        return text_of(value)

    @field_validator("prompt", mode="before")
    @classmethod
    def _chat(cls, value: JsonValue) -> JsonValue:
        """A chat is read as raters read it."""
        turns = [t for t in value if isinstance(t, dict) and t.keys() >= ROLE] if isinstance(value, list) else []
        return conversation(turns) if turns and turns == value else value

    @field_validator("at")
    @classmethod
    def _moment(cls, value: str | None) -> str | None:
        """A time in the form of every other one here."""
        if value is None:
            return None
        moment = datetime.fromisoformat(value)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"

    @model_validator(mode="after")
    def _whole(self) -> "Rating":
        if (self.rater is None) != (self.choice is None):
            raise ValueError("a vote has both a rater and a choice")
        if any(UNKEPT.search(value) for value in self.model_dump().values() if isinstance(value, str)):
            raise ValueError("a text holds a NUL or half a character, which no database keeps")
        return self


def read_ratings(data: bytes, reading: Reading) -> Iterator[tuple[int, Rating | str]]:
    """Each rating of a file, or the reason why a row is none, with its line (its number in a JSON array)."""
    for line, value in _entries(data):
        if isinstance(value, str):
            yield line, value
        elif is_record(value):
            for row in ratings_of(value, reading.columns):
                yield line, row if isinstance(row, str) else _rating(row, reading, {})
        else:
            yield line, _rating(value, reading, reading.columns)


def count_suggestions(data: bytes) -> int:
    """How many suggestions of models the records of a file hold."""
    return sum(suggestions_in(value) for _, value in _entries(data) if not isinstance(value, str) and is_record(value))


def _entries(data: bytes) -> Iterator[tuple[int, Row | str]]:
    """The JSON objects of a file with their line; an array's entries with their number."""
    if data.lstrip().startswith(b"["):
        whole = _parsed(data)
        values = enumerate(cast("list[Any]", whole), start=1) if isinstance(whole, list) else [(1, whole)]
    else:
        values = ((k, _parsed(line)) for k, line in enumerate(data.splitlines(), start=1) if line.strip())
    for line, value in values:
        yield line, cast("Row", value) if isinstance(value, dict | str) else "not a JSON object"


def _parsed(data: bytes) -> object:
    """A JSON value that is no plain text, or why it cannot be read."""
    try:
        value = json.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        return f"not UTF-8 (byte {error.start})"
    except (ValueError, RecursionError) as error:
        return f"not JSON: {error}"
    return "not a JSON object" if isinstance(value, str) else value


def _rating(row: Row, reading: Reading, columns: Mapping[str, str]) -> Rating | str:
    found = row | {ours: row[theirs] for ours, theirs in columns.items() if theirs in row}
    found.setdefault("item", found.get("id"))
    try:
        rating = Rating.model_validate({k: v for k, v in found.items() if v is not None})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return ": ".join(filter(None, [".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")]))
    words = {name: reading.choices.get(word, word) for name in ("choice", "final") if (word := getattr(rating, name))}
    return rating.model_copy(update=words)
