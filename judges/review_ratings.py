"""Reads a file of finished ratings into one rating after another or why there is none: JSONL, Argilla, Label Studio.

A line of JSONL is one rating: {item, prompt, a, b, rater, choice}, where `choice` is about `a` and `b` as this rater
saw them. A line without rater and choice is an item that nobody rated. `final` is what the item was settled on, said of
the panes of its line as `choice` is, or `set_aside` where it is not to be decided.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple, TypeVar, cast

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, ValidationError, field_validator, model_validator

from curation.records import Record
from curation.store.adjudications import Category
from curation.store.review_records import Details, Kind
from judges import review_argilla as argilla
from judges import review_labelstudio as labelstudio
from judges.gold_rows import text_of
from judges.settled import EDIT, EDIT_LENGTH
from judges.study import conversation

Row = dict[str, Any]
ROLE = {"role", "content"}
UNKEPT = re.compile("[\0\ud800-\udfff]")
Text = Annotated[str, Field(min_length=1)]
Kept = TypeVar("Kept", bound=Record)


class Reading(Record):
    """How a file's own words are read: `columns` ours -> theirs, `choices` theirs -> ours.

    A choice that is no side, tie or verdict (`full_refusal`) is known only where `choices` names it.
    """

    columns: dict[str, str] = Field(default_factory=dict)
    choices: dict[str, str] = Field(default_factory=dict)


def moment_of(value: str) -> str:
    """A time in the form of every other one here; one without a zone is taken as UTC.

    >>> moment_of("2026-01-02T03:04:05+01:00")
    '2026-01-02T02:04:05.000Z'
    """
    moment = datetime.fromisoformat(value)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


Moment = Annotated[str, AfterValidator(moment_of)]
"""A time in the form of every other one here."""


class Settlement(Record):
    """What only this house says of a label settled on: why raters differed, by whom and when it was settled."""

    category: Category | None = None
    note: str = ""
    settled_at: Moment | None = None
    adjudicator: Text | None = None
    edit: Annotated[str, Field(min_length=1, max_length=EDIT_LENGTH)] | None = None
    """The corrected answer that stands, where that is what the item was settled on."""

    @model_validator(mode="after")
    def _kept_whole(self) -> "Settlement":
        return _kept(self)


class Own(Record):
    """What only this house says of a vote: the kind of its study, what came with it, digests of guideline and texts.

    `settled` is about the item and what it was settled on.
    """

    kind: Kind | None = None
    details: Details = Details()
    guideline: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    shown: dict[str, Annotated[str, Field(pattern="^[0-9a-f]{64}$")]] = Field(default_factory=dict)
    settled: Settlement | None = None


class Rating(Record):
    """One rating as a file tells it; `swap` says that `a` is the item's second answer, None where nothing says so.

    `first_sample` and the like are about the item, whatever order this rater saw. `final` is what was settled on, with
    `a` and `b` in the order of this rating.
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
    at: Moment | None = None
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

    @model_validator(mode="after")
    def _whole(self) -> "Rating":
        if (self.rater is None) != (self.choice is None):
            raise ValueError("a vote has both a rater and a choice")
        if self.stillhouse.settled is not None and self.final is None:
            raise ValueError("it says how it was settled and not on what; `final` is missing")
        if self.final != EDIT and self.stillhouse.settled is not None and self.stillhouse.settled.edit is not None:
            raise ValueError(f"an edit stands only where `final` is {EDIT!r}")
        return _kept(self)


def _kept(record: Kept) -> Kept:
    """The record itself where every database keeps its texts."""
    if any(UNKEPT.search(value) for value in record.model_dump().values() if isinstance(value, str)):
        raise ValueError("a text holds a NUL or half a character, which no database keeps")
    return record


def read_ratings(data: bytes, reading: Reading) -> Iterator[tuple[int, Rating | str]]:
    """Each rating of a file, or the reason why a row is none, with its line (its number in a JSON array)."""
    for line, value in _entries(data):
        if isinstance(value, str):
            yield line, value
        elif (tool := _tool(value)) is not None:
            for row in tool.ratings_of(value, reading.columns):
                yield line, row if isinstance(row, str) else _rating(row, reading, {})
        else:
            yield line, _rating(value, reading, reading.columns)


class _Tool(NamedTuple):
    """What reads the objects that another tool writes."""

    knows: Callable[[Row], bool]
    ratings_of: Callable[[Row, Mapping[str, str]], list[Row | str]]
    suggestions_in: Callable[[Row], int]


_TOOLS = (
    _Tool(argilla.is_record, argilla.ratings_of, argilla.suggestions_in),
    _Tool(labelstudio.is_task, labelstudio.ratings_of, labelstudio.suggestions_in),
)


def _tool(value: Row) -> _Tool | None:
    """The tool that wrote a JSON object, told by its shape; None for a rating."""
    return next((tool for tool in _TOOLS if tool.knows(value)), None)


def count_suggestions(data: bytes) -> int:
    """How many suggestions of models the records or tasks of a file hold."""
    rows = [value for _, value in _entries(data) if not isinstance(value, str)]
    return sum(tool.suggestions_in(value) for value in rows if (tool := _tool(value)) is not None)


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
