"""Reads an answer once, strictly: text in, labels out, or ReplyUnreadable with what was found."""

import json
import math
from typing import Any, cast

from pydantic import JsonValue

from curation.errors import ReplyUnreadable
from curation.task import AnswerTable

DEEPEST = 50
"""Layers of lists and objects a JSON answer may have; deeper ones are made to break parsers."""


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


def load_json(text: str) -> Any:
    """The value in a JSON text a model wrote; ReplyUnreadable where it is none, or none that could be stored.

    >>> load_json('[1, {"a": null}]')
    [1, {'a': None}]
    """
    try:
        value: Any = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair can be written in JSON and not stored
        _refuse_deep(value)
    except (ValueError, RecursionError) as error:
        raise ReplyUnreadable(f"not JSON: {error}") from error
    return value


def _object(text: str) -> dict[str, JsonValue]:
    value = load_json(text)
    if not isinstance(value, dict):
        raise ReplyUnreadable(f"a JSON {type(value).__name__}, not an object")
    return cast("dict[str, JsonValue]", value)


def _refuse_deep(value: Any, left: int = DEEPEST) -> None:
    if left < 0:
        raise ValueError(f"nested deeper than {DEEPEST}")
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            _refuse_deep(inner, left - 1)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _finite(number: str) -> float:
    if math.isinf(value := float(number)):
        raise ValueError(f"{number[:20]} is too large a number")
    return value
