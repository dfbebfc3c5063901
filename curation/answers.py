"""Reads an answer once, strictly: text in, labels out, or ReplyUnreadable with what was found."""

import json
from typing import Any

from pydantic import JsonValue

from curation.errors import ReplyUnreadable
from curation.task import AnswerTable


def parse_answer(text: str, answer: AnswerTable) -> dict[str, JsonValue] | None:
    """The labels in an answer: the JSON object, `{"label": ...}` for a label task, None for free text.

    Raises ReplyUnreadable when a JSON answer is not one JSON object or a label is not on the list.

    >>> parse_answer("refund", AnswerTable(format="label", labels=("refund", "other")))
    {'label': 'refund'}
    """
    match answer.format:
        case "text":
            return None
        case "label":
            return {"label": _label(text.strip(), answer.labels)}
        case "json":
            return _object(text)


def target(labels: dict[str, JsonValue] | None, answer: AnswerTable) -> str | None:
    """The one value a classifier student learns from a sample's labels; None where there is none."""
    value = None if labels is None else labels.get(answer.field or "label")
    return value if isinstance(value, str) else None


def _label(text: str, labels: tuple[str, ...]) -> str:
    if labels and text not in labels:
        raise ReplyUnreadable(f"{text[:40]!r} is none of the {len(labels)} labels")
    return text


def _object(text: str) -> dict[str, JsonValue]:
    try:
        value: Any = json.loads(text, parse_constant=_refuse)
    except ValueError as error:
        raise ReplyUnreadable(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ReplyUnreadable(f"a JSON {type(value).__name__}, not an object")
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
