"""An answer inside a JSON object with more beside it: the schema of the whole, and the answer taken out again."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from types import EllipsisType
from typing import Any, cast

from pydantic import JsonValue

from curation.answers import load_json
from curation.errors import ReplyUnreadable
from curation.records import Message, Reply, TokenLogprob
from curation.tables import AnswerTable

TEXT: dict[str, JsonValue] = {"type": "string"}
SHARED = ("$defs", "definitions")
"""Where a schema keeps the parts it points to with `#/$defs/...`; these stay at the top of the whole."""

FORMS = {
    "text": "`answer` is a string: the answer itself, word for word as you would have given it alone.",
    "label": "`answer` is a string: the one label you would have given alone and nothing else.",
    "json": "`answer` is the JSON object that is asked for, not a string.",
}


def plain_schema(answer: AnswerTable) -> dict[str, JsonValue] | None:
    """The schema of the bare answer; None where it is not JSON or has none."""
    return answer.json_schema if answer.format == "json" else None


def closed(title: str, properties: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """An object with exactly these properties, as strict structured output wants it."""
    return {
        "title": title,
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def inner_schema(answer: AnswerTable, at: str) -> tuple[dict[str, JsonValue], dict[str, JsonValue]] | None:
    """The schema of an answer that stands at the JSON pointer `at`, and what must stand at the top of the whole.

    None for a JSON task without a schema: an open object is nothing a provider can enforce.
    """
    if answer.format != "json":
        return TEXT, {}
    if answer.json_schema is None:
        return None
    own = {k: v for k, v in answer.json_schema.items() if k not in ("$schema", "$id", *SHARED)}
    shared = {k: answer.json_schema[k] for k in SHARED if k in answer.json_schema}
    return cast("dict[str, JsonValue]", _moved(own, at)), cast("dict[str, JsonValue]", _moved(shared, at))


def _moved(value: JsonValue, at: str) -> JsonValue:
    """References to the schema's own top follow it to where it now stands."""
    if isinstance(value, list):
        return [_moved(v, at) for v in value]
    if not isinstance(value, dict):
        return value
    moved = {k: _moved(v, at) for k, v in value.items()}
    pointer = value.get("$ref")
    if isinstance(pointer, str) and pointer.startswith("#") and not pointer.startswith(("#/$defs/", "#/definitions/")):
        moved["$ref"] = f"{at}{pointer[1:]}"
    return moved


def instructed(messages: Sequence[Message], words: str) -> tuple[Message, ...]:
    """The conversation with one more instruction in its system message; the user's own turns stay as they are."""
    at = next((i for i, m in enumerate(messages) if m.role == "system"), None)
    if at is None:
        return (Message(role="system", content=words), *messages)
    told = messages[at].model_copy(update={"content": f"{messages[at].content}\n\n{words}"})
    return (*messages[:at], told, *messages[at + 1 :])


def object_in(text: str) -> dict[str, JsonValue]:
    """The JSON object a reply consists of; ReplyUnreadable where it is anything else."""
    value: Any = load_json(text)
    if not isinstance(value, dict):
        raise ReplyUnreadable(f"a JSON {type(value).__name__}, not an object")
    return cast("dict[str, JsonValue]", value)


def answer_in(value: Mapping[str, JsonValue], answer: AnswerTable) -> str:
    """The answer under the key `answer`, as the text of a sample; ReplyUnreadable where it is not of the task's form.

    >>> answer_in({"answer": {"city": "Köln"}}, AnswerTable(format="json"))
    '{"city": "Köln"}'
    """
    inner = value.get("answer")
    if answer.format == "json":
        if not isinstance(inner, dict):
            raise ReplyUnreadable(f"'answer' is {_kind(value, 'answer')}, not a JSON object")
        return json.dumps(inner, ensure_ascii=False)
    return words_in(value, "answer")


def words_in(value: Mapping[str, JsonValue], key: str) -> str:
    """The text under a key; ReplyUnreadable where there is none or it is blank."""
    inner = value.get(key)
    if not isinstance(inner, str):
        raise ReplyUnreadable(f"{key!r} is {_kind(value, key)}, not text")
    if not inner.strip():
        raise ReplyUnreadable(f"{key!r} is empty")
    return inner


def share_in(value: Mapping[str, JsonValue], key: str) -> float:
    """The number from 0 to 1 under a key; ReplyUnreadable for anything else, so that 95 is never taken for 0.95."""
    inner = value.get(key)
    if isinstance(inner, bool) or not isinstance(inner, int | float):
        raise ReplyUnreadable(f"{key!r} is {_kind(value, key)}, not a number")
    if not 0 <= inner <= 1:
        raise ReplyUnreadable(f"{key!r} is {inner:g}, not between 0 and 1")
    return float(inner)


def _kind(value: Mapping[str, JsonValue], key: str) -> str:
    match value.get(key, ...):
        case EllipsisType():
            return "missing"
        case None:
            return "null"
        case bool():
            return "true or false"
        case dict():
            return "an object"
        case list():
            return "a list"
        case str():
            return "text"
        case _:
            return "a number"


# --- what the provider reported about the answer's own tokens ---------------------------------------------------

ANSWER = re.compile(r'"answer"\s*:\s*')


def own_part(reply: Reply, index: int = 0) -> Reply:
    """A reply cut to its index-th inner answer, with the log-probabilities of that answer's tokens alone.

    So the signal and the mean log-probability of a sample are about its answer, not about the words around it.
    """
    span = next(islice(_spans(reply.text), index, None), None)
    if span is None:
        return reply.model_copy(update={"logprobs": None})
    start, end = span
    tokens = None if reply.logprobs is None else tuple(_between(reply.logprobs, start, end))
    return reply.model_copy(update={"text": reply.text[start:end], "logprobs": tokens})


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Where each inner answer begins and ends; of a string without its quotes."""
    at, decoder = 0, json.JSONDecoder()
    while match := ANSWER.search(text, at):
        try:
            _, at = decoder.raw_decode(text, match.end())
        except (ValueError, RecursionError):
            return
        quoted = text[match.end()] == '"'
        yield match.end() + quoted, at - quoted


def _between(tokens: Sequence[TokenLogprob], start: int, end: int) -> Iterator[TokenLogprob]:
    """The tokens from start to end; of the first, what it holds of the text before is cut off, alternatives alike."""
    at = 0
    for token in tokens:
        before, at = at, at + len(token.token)
        if at <= start or before >= end:
            continue
        skip = max(0, start - before)
        top = tuple((o[skip:], p) for o, p in token.top if o[:skip] == token.token[:skip])
        yield TokenLogprob(token=token.token[skip:], logprob=token.logprob, top=top)
