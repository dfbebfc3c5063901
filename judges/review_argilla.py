"""Argilla's records as ratings, and a closed study as its records: those of its SDK 2.0 to 2.8; 1.x feedback is read.

`dataset.records.to_json` writes a list of records whose `responses` hold, per question, what each user answered; it
leaves out whether a response was submitted. `to_list(flatten=True)` and Hugging Face exports have `QUESTION.responses`
with `.users` and `.status` instead; `Record.serialize` and the server have a list of responses. All of them are read.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple, cast
from uuid import NAMESPACE_URL, uuid5

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from curation.store.adjudications import ELSEWHERE, Adjudication
from curation.store.reviews import Ballot, Item, Study
from judges.conflicts import flipped, seen

Row = dict[str, Any]
RESPONSES = ".responses"
QUESTION = "choice"
DRAFT, DISCARDED = "draft", "discarded"
OWN = "stillhouse"
"""The one key of a row, and of a record's metadata, that holds what only this house knows how to say."""
OWN_FIELDS = {"details", "guideline", "shown"}
TOLD_BY_TEXTS = ("pairwise", "single")
"""Kinds of study that can be told by how many answers a row has."""
BESIDE = ("first_sample", "second_sample", "first_teacher", "second_teacher", "question", "final")
"""What a record's metadata may say about its item."""
TOLD = ("rater", "swap", "dwell_ms", "at", OWN)
"""What a vote says beside its choice and reason."""
_TOLD = TypeAdapter(Mapping[str, Mapping[str, Any]])


class Response(NamedTuple):
    """What one user answered, by question; `status` where the export holds it."""

    user: str
    values: Row
    status: str | None


class _Answer(BaseModel):
    """An entry of `responses`, in either of its shapes."""

    user_id: str | int | None = None
    status: str | None = None
    value: Any = None
    question_name: str | None = None
    values: dict[str, Any] | None = None


class _Record(BaseModel):
    """What is read of a record."""

    model_config = ConfigDict(extra="allow")

    id: str | int | None = None
    fields_: dict[str, Any] | None = Field(default=None, alias="fields")
    metadata: dict[str, Any] | None = None
    responses: dict[str, list[_Answer]] | list[_Answer] | None = None


def is_record(value: Mapping[str, Any]) -> bool:
    """Whether a JSON object is a record of Argilla's rather than a rating."""
    return "fields" in value or any(key.endswith(RESPONSES) for key in value)


def suggestions_in(record: Mapping[str, Any]) -> int:
    """How many suggestions of models a record holds; they are nobody's vote."""
    given = record.get("suggestions")
    flat = sum(key.endswith(".suggestion") and record[key] is not None for key in record)
    return flat + (len(cast("Sequence[Any]", given)) if isinstance(given, dict | list) else 0)


def ratings_of(value: Mapping[str, Any], columns: Mapping[str, str]) -> list[Row | str]:
    """A record's responses as rating rows, or the reason why one is none; a record without any is an item alone.

    `columns` names Argilla's field or question where it is not called `prompt`, `a`, `b` or `choice`.
    """
    try:
        record = _Record.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return [f"no record of Argilla's: {'.'.join(map(str, first['loc']))}: {first['msg']}"]
    extra: Row = record.model_extra or {}
    fields, metadata = (extra, extra) if record.fields_ is None else (record.fields_, record.metadata or {})
    item: Row = {"item": extra.get("_server_id") if record.id is None else record.id}
    item |= {ours: fields.get(columns.get(ours, ours)) for ours in ("prompt", "a", "b")}
    item |= {key: metadata[key] for key in BESIDE if metadata.get(key) is not None}
    if isinstance(own := metadata.get(OWN), str):
        item[OWN] = _parsed(own)
    responses = _responses(record)
    if not responses:
        return [item]
    question = _question(responses, columns)
    if question is None:
        names = ", ".join(sorted({name for r in responses for name in r.values}))
        return [f"its responses answer {names}; say which is the choice"] * len(responses)
    told = _told(metadata)
    return [_rating(item, response, question, told.get(response.user, {})) for response in responses]


def _rating(item: Row, response: Response, question: str, told: Mapping[str, Any]) -> Row | str:
    if not response.user:
        return "a response without its user"
    if response.status == DRAFT:
        return f"user {response.user}: a draft, not submitted"
    choice = "skip" if response.status == DISCARDED else response.values.get(question)
    if choice is None:
        return f"user {response.user}: no answer to question {question!r}"
    row = {**item, "reason": response.values.get("reason"), "choice": choice, "rater": response.user}
    row |= {key: told[key] for key in TOLD if key in told}
    own, said = item.get(OWN), row.get(OWN)
    if isinstance(own, dict) and isinstance(said, dict):
        row[OWN] = cast("Row", own) | cast("Row", said)
    if row.get("swap"):  # the fields of a record stand in one order; this rater saw them in the other
        row |= {"a": item["b"], "b": item["a"]}
        row |= {key: flipped(word) for key in ("choice", "final") if isinstance(word := row.get(key), str)}
    return row


def _told(metadata: Row) -> Mapping[str, Mapping[str, Any]]:
    """What our own export says of each response beside its value: the rater's name, the order shown, times."""
    try:
        return _TOLD.validate_json(metadata.get("votes") or "{}")
    except ValidationError:  # another tool's column of that name
        return {}


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text  # not ours: what reads the row says so


def own_part(study: Study, ballot: Ballot | None, settled: Adjudication | None = None) -> dict[str, JsonValue]:
    """What only this house knows how to say of a vote, or of an item without one; what is plain is left out.

    `settled` is what the item was settled on: its cause, note, time, adjudicator and standing edit come under its name.
    """
    part: dict[str, JsonValue] = {} if study.kind in TOLD_BY_TEXTS else {"kind": study.kind}
    if settled is not None:
        by = None if settled.adjudicator == ELSEWHERE else settled.adjudicator
        how = {"category": settled.category, "note": settled.note, "settled_at": settled.at, "adjudicator": by}
        how["edit"] = settled.edit
        part["settled"] = {key: value for key, value in how.items() if value}
    if ballot is None:
        return part
    said = ballot.model_dump(mode="json", include=OWN_FIELDS, exclude_defaults=True)
    return part | {key: value for key, value in said.items() if value}


def _question(responses: Sequence[Response], columns: Mapping[str, str]) -> str | None:
    """The question that holds the choice: the one named, or the only one."""
    names = {name for r in responses for name in r.values}
    wanted = columns.get(QUESTION, QUESTION)
    return wanted if wanted in names or not names else names.pop() if len(names) == 1 else None


def _responses(record: _Record) -> list[Response]:
    """A record's responses in whichever of the four shapes it has, one per user."""
    found: dict[str, Response] = {}
    given = record.responses
    parts = _in_list(given) if isinstance(given, list) else _in_dict(given) if given else _flat(record)
    for user, values, status in parts:
        known = found.get(user)
        found[user] = Response(user, {**(known.values if known else {}), **values}, status)
    return list(found.values())


def _in_list(given: Sequence[_Answer]) -> Iterator[Response]:
    for answer in given:
        said = {name: each.get("value") if isinstance(each, dict) else each for name, each in _values(answer).items()}
        yield Response(_name(answer.user_id), said, answer.status)


def _values(answer: _Answer) -> dict[str, Any]:
    return answer.values or ({} if answer.question_name is None else {answer.question_name: answer.value})


def _in_dict(given: Mapping[str, Sequence[_Answer]]) -> Iterator[Response]:
    for question, answers in given.items():
        for answer in answers:
            yield Response(_name(answer.user_id), {question: answer.value}, answer.status)


def _flat(record: _Record) -> Iterator[Response]:
    extra: Row = record.model_extra or {}
    for key, values in extra.items():
        if not key.endswith(RESPONSES) or not isinstance(values, list):
            continue
        users, states = _list(extra.get(f"{key}.users")), _list(extra.get(f"{key}.status"))
        for value, user, status in zip_longest(cast("list[Any]", values), users, states):
            yield Response(_name(user), {key.removesuffix(RESPONSES): value}, status)


def _list(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _name(user: object) -> str:
    return "" if user is None else str(user)


def record_of(
    study: Study, position: int, item: Item, ballots: Sequence[Ballot], settled: Adjudication | None = None
) -> dict[str, JsonValue]:
    """An item with its votes as a record of Argilla's 2.x SDK, as `to_json` writes and `from_json` reads them.

    A response says `a` for the first answer whatever order its rater saw; the order, the rater's name and the times
    stand in the metadata `votes`, and the teachers' names beside them: hide the metadata from annotators. What the item
    was settled on stands there as `final`, with `a` for the first answer too.
    """
    about = item.model_dump(include=set(BESIDE))
    told: dict[str, JsonValue] = {_user(b.rater): _telling(study, b) for b in ballots}
    own = own_part(study, None, settled)
    final = {} if settled is None else {"final": seen(settled.verdict, settled.points, swap=False)}
    choices: list[JsonValue] = [{"value": _choice(b), "user_id": _user(b.rater)} for b in ballots]
    reasons: list[JsonValue] = [{"value": b.reason, "user_id": _user(b.rater)} for b in ballots if b.reason is not None]
    fields: dict[str, JsonValue] = {"prompt": item.prompt, "a": item.first}
    responses: dict[str, JsonValue] = {QUESTION: choices}
    if item.second is not None:
        fields["b"] = item.second
    if reasons:
        responses["reason"] = reasons
    return {
        "id": f"{study.name}-{position}",
        "fields": fields,
        "metadata": {
            "study": study.name,
            "question": study.question,
            **{key: value for key, value in about.items() if value is not None},
            "votes": json.dumps(told),
            **final,
            **({OWN: json.dumps(own)} if own else {}),
        },
        "suggestions": {},
        "responses": responses,
        "vectors": {},
        "status": "completed" if ballots else "pending",
        "_server_id": None,
    }


def _telling(study: Study, ballot: Ballot) -> dict[str, JsonValue]:
    told: dict[str, JsonValue] = {
        "rater": ballot.rater, "swap": ballot.swap, "dwell_ms": ballot.dwell_ms, "at": ballot.at,
    }  # fmt: skip
    own = own_part(study, ballot)
    return {**told, OWN: own} if own else told


def _choice(ballot: Ballot) -> str:
    return flipped(ballot.choice) if ballot.swap else ballot.choice


def _user(rater: str) -> str:
    """A user's id as Argilla wants it, the same for the same name."""
    return str(uuid5(NAMESPACE_URL, f"rater:{rater}"))
