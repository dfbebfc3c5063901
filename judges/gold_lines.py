"""Reads a line of a gold file: a message with its right answer, and where people judged one, what they said."""

import json
from typing import Any, cast

from pydantic import JsonValue, ValidationError

from curation.store.gold import GoldItem
from judges.gold_rows import VERDICTS, right_answer, text_of

PLAIN = ("id", "text", "answer", "slice")
BESIDE = ("messages", "votes", "teachers", "probability")
"""What a judged row may say besides; whatever else a row holds is left alone."""


def read_line(line: bytes, seen: set[str]) -> GoldItem | str:
    """The row in a line, or the reason why there is none.

    >>> read_line(b'{"id": "g1", "text": "hi", "answer": "hello", "verdict": "reject"}', set()).judged.answers
    ('hello',)
    """
    try:
        value: JsonValue = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        return f"not UTF-8 (byte {error.start})"
    except ValueError as error:
        return f"not JSON: {error}"
    if not isinstance(value, dict):
        return "not a JSON object"
    plain: dict[str, Any] = {k: value[k] for k in PLAIN if k in value}
    if value.get("verdict") is not None:
        if isinstance(wrong := _judged(value, plain), str):
            return wrong
        plain |= wrong
    try:
        item = GoldItem.model_validate(plain)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"id {item.id!r} was on an earlier line" if item.id in seen else item


def _judged(value: dict[str, JsonValue], plain: dict[str, Any]) -> dict[str, Any] | str:
    """The fields of a row about which people passed a verdict: on `shown`, else on `answer`."""
    verdict = value["verdict"]
    if verdict not in VERDICTS:
        return f"verdict: {text_of(verdict)!r} is none of {', '.join(VERDICTS)}"
    if value.get("shown") is None and plain.get("answer") is None:
        return f"verdict: {verdict!r} is about no answer; give `answer`, or what was shown as `shown`"
    shown: JsonValue = value.get("shown", plain.get("answer"))
    pair = verdict in ("first", "second")
    if pair and not (isinstance(shown, list) and len(shown) == 2):
        return f"verdict: {verdict!r} is about two answers; give them as `shown`, a list of two"
    answers = [text_of(a) for a in cast("list[JsonValue]", shown)] if pair else [text_of(shown)]
    judged = {k: value[k] for k in BESIDE if value.get(k) is not None}
    judged.setdefault("messages", [{"role": "user", "content": plain.get("text", "")}])
    known = plain.get("answer")
    return {
        "answer": known if pair else right_answer(cast("Any", verdict), known, answers[0]),
        "judged": {**judged, "answers": answers, "verdict": verdict},
    }
