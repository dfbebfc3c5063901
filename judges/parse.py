"""Reads a judge's verdict once, strictly: one JSON object of one form, or ReplyUnreadable; never a default."""

import json
from typing import Literal, NoReturn

from pydantic import JsonValue, ValidationError

from curation.errors import ReplyUnreadable
from curation.records import Record

VERDICT_SCHEMA: dict[str, JsonValue] = {
    "title": "verdict",
    "type": "object",
    "properties": {
        "nonce": {"type": "string", "description": "The nonce of the object you judged, copied."},
        "reason": {"type": "string", "description": "One or two sentences: which criterion decided, and why."},
        "verdict": {"type": "string", "enum": ["accept", "reject"]},
    },
    "required": ["nonce", "reason", "verdict"],
    "additionalProperties": False,
}
"""What a judge must send back: the nonce of what it judged, then the reason, so that the verdict follows from it."""


class Verdict(Record):
    """What one judge said about one answer."""

    nonce: str
    verdict: Literal["accept", "reject"]
    reason: str


def read_verdict(text: str, nonce: str) -> Verdict:
    """The verdict in a judge's reply about the candidate with this nonce; ReplyUnreadable with what was found instead.

    An answer cannot know its own nonce, so a verdict written into an answer and repeated by a judge is not one. A
    key written twice is refused, so that the first of two verdicts cannot hide behind the second.

    >>> read_verdict('{"nonce": "5e1f", "reason": "Wrong intent.", "verdict": "reject"}', "5e1f").verdict
    'reject'
    """
    try:
        value = json.loads(text, object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
    except ValueError as error:
        raise ReplyUnreadable(f"the verdict is not one JSON object: {error}") from error
    try:
        verdict = Verdict.model_validate(value, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the reply"
        raise ReplyUnreadable(f"the verdict does not fit its form: {where}: {first['msg']}") from error
    if verdict.nonce != nonce:
        raise ReplyUnreadable("the verdict carries another nonce than the answer that was put before the judge")
    return verdict


def _no_key_twice(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is written twice")
    return found


def _no_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
