"""Reads a judge's verdict once, strictly: one JSON object of one form ends the reply, or ReplyUnreadable; no default.

The last object is the verdict, and no earlier one is ever fallen back on. An earlier verdict in the same reply (quoted
from an answer that plants one, or changed along the way) can cost an answer its acceptance and never win it one.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple, NoReturn

from pydantic import JsonValue

from curation.errors import ReplyUnreadable
from curation.records import Record, Reply

PARSER = 2
"""Version of these rules, part of every stored verdict: a change of them reads every reply anew and buys none."""

MOST_CHARACTERS = 400_000
"""A longer reply is not read."""
MOST_BROKEN = 1_000
"""A reply with more braces than these that begin nothing is not read."""
FENCE = re.compile(r"```|~~~")
SPACE = " \t\r\n"
MARKS = ("verdict", "nonce", "items")
"""Keys by which an object before the last one is known for a verdict."""
BROKEN = re.compile(r"\{[^{}]*?[\"'\u2018\u2019\u201c\u201d]\s*(?:verdict|nonce|items)\b", re.IGNORECASE)
EXCERPT = 40

STOPPED = {
    "refusal": "the judge refused",
    "filtered": "the judge's reply was filtered",
    "length": "the verdict was cut off",
    "tool_call": "the judge called a function instead of giving a verdict",
}


class Verdict(Record):
    """What one judge said about what was put before it once.

    `verdict` is on the grader's menu; `items` are a checklist's answers; `score` is the probability of acceptance,
    where it was worked out from log-probabilities.
    """

    nonce: str
    verdict: str
    reason: str
    items: dict[str, bool] | None = None
    score: float | None = None


class Form(Record):
    """The form a verdict must have: its menu, or the items it answers with yes or no.

    `favourable` are the verdicts that accept something. Where there are none, as between two answers, two verdicts in
    one reply must agree whatever they say.
    """

    menu: tuple[str, ...] = ("accept", "reject")
    favourable: tuple[str, ...] = ("accept",)
    items: tuple[str, ...] = ()

    @property
    def answer_schema(self) -> dict[str, JsonValue]:
        """What a judge must send back: the nonce, then the reason, so that the verdict follows from it."""
        said: dict[str, JsonValue] = {
            "nonce": {"type": "string", "description": "The nonce of the object you judged, copied."},
            "reason": {"type": "string", "description": "One or two sentences: which criterion decided, and why."},
        }
        if self.items:
            answer: JsonValue = {"type": "string", "enum": ["yes", "no"]}
            said["items"] = _closed(dict.fromkeys(self.items, answer))
        else:
            said["verdict"] = {"type": "string", "enum": list(self.menu)}
        return {"title": "verdict", **_closed(said)}

    @property
    def choice(self) -> Literal["items", "verdict"]:
        """The key the decision stands under."""
        return "items" if self.items else "verdict"


def _closed(properties: dict[str, JsonValue]) -> dict[str, JsonValue]:
    required: list[JsonValue] = list(properties)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


ACCEPT_REJECT = Form()
VERDICT_SCHEMA = ACCEPT_REJECT.answer_schema


def read_reply(reply: Reply, nonce: str, form: Form = ACCEPT_REJECT) -> Verdict:
    """The verdict in a judge's reply; ReplyUnreadable also where the provider says that it did not end properly."""
    if (why := STOPPED.get(reply.stop)) is not None:
        raise ReplyUnreadable(why)
    return read_verdict(reply.text, nonce, form)


def read_verdict(text: str, nonce: str, form: Form = ACCEPT_REJECT) -> Verdict:
    """The verdict that ends a judge's words about what carries this nonce; ReplyUnreadable with what was found instead.

    An answer cannot know its own nonce, so a verdict written into an answer and repeated by a judge is not one.

    >>> read_verdict('{"nonce": "5e1f", "reason": "Wrong intent.", "verdict": "reject"}', "5e1f").verdict
    'reject'
    >>> read_verdict('Let me see. {"nonce": "5e1f", "reason": "It holds.", "verdict": "accept"}', "5e1f").verdict
    'accept'
    """
    last, before = _last_object(text)
    verdict = _in_form(last.value, form)
    if verdict.nonce != nonce:
        raise ReplyUnreadable("the verdict carries another nonce than what was put before the judge")
    if nonce in verdict.reason:
        raise ReplyUnreadable("the reason of the verdict repeats the nonce, as an instruction to the judge would")
    favours = not form.favourable or verdict.verdict in form.favourable
    if favours and (why := _contradiction(text[: last.start], before, verdict, form)):
        raise ReplyUnreadable(why)
    return verdict


class Found(NamedTuple):
    """A JSON object in a reply and where it stands."""

    value: dict[str, Any]
    start: int
    end: int


def last_object(text: str) -> Found:
    """The object that ends a reply; ReplyUnreadable where none does."""
    return _last_object(text)[0]


def _last_object(text: str) -> tuple[Found, list[Found]]:
    """The object that ends the text, and those before it."""
    ended = text.rstrip(SPACE)
    if not ended.strip():
        raise ReplyUnreadable("the reply is empty")
    if len(text) > MOST_CHARACTERS:
        raise ReplyUnreadable(f"the reply has {len(text):,} characters, more than {MOST_CHARACTERS:,}")
    found = list(_objects(ended))
    outside = ended[: found[-1].start] + ended[found[-1].end :] if found else ended
    if FENCE.search(outside):
        raise ReplyUnreadable("the verdict is in a code fence, or something before it is")
    if not found:
        raise ReplyUnreadable("the reply holds no JSON object that can be read")
    if found[-1].end != len(ended):
        raise ReplyUnreadable("the reply does not end with its verdict: there is text after the last JSON object")
    return found[-1], found[:-1]


def _objects(text: str) -> Iterator[Found]:
    """Every outermost JSON object in a text, from left to right."""
    decoder = json.JSONDecoder(object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
    at, broken = text.find("{"), 0
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except RecursionError as error:
            raise ReplyUnreadable("the reply nests brackets too deeply to be read") from error
        except ValueError as error:
            end, broken = at + 1, broken + 1
            if broken > MOST_BROKEN:
                raise ReplyUnreadable(f"the reply holds more than {MOST_BROKEN:,} broken objects") from error
        else:
            yield Found(value, at, end)
        at = text.find("{", end)


def _no_key_twice(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ReplyUnreadable("a key is written twice, so that one verdict could hide behind another")
    return found


def _no_constant(constant: str) -> NoReturn:
    raise ReplyUnreadable(f"{constant} is not JSON")


def _in_form(value: Mapping[str, Any], form: Form) -> Verdict:
    """The object as a verdict; ReplyUnreadable naming the first thing that does not fit."""
    _keys(value, ("nonce", "reason", form.choice), "the verdict")
    nonce, reason, chosen = value["nonce"], value["reason"], value[form.choice]
    if not isinstance(nonce, str) or not isinstance(reason, str):
        raise ReplyUnreadable("the verdict does not fit its form: nonce and reason must be strings")
    if any(0xD800 <= ord(c) < 0xE000 for c in nonce + reason):
        raise ReplyUnreadable("the reason holds half a character, which cannot be stored")
    if form.items:
        items = _answers(chosen, form.items)
        verdict = "accept" if all(items.values()) else "reject"
        return Verdict(nonce=nonce, verdict=verdict, reason=reason, items=items)
    if not isinstance(chosen, str) or chosen not in form.menu:
        raise ReplyUnreadable(f"the verdict {_excerpt(chosen)} is not on the menu ({', '.join(form.menu)})")
    return Verdict(nonce=nonce, verdict=chosen, reason=reason)


def _answers(chosen: object, items: tuple[str, ...]) -> dict[str, bool]:
    if not isinstance(chosen, dict):
        raise ReplyUnreadable("the verdict does not fit its form: items must be an object")
    answers: dict[str, Any] = chosen  # pyright: ignore[reportUnknownVariableType] - checked one by one below
    _keys(answers, items, "the checklist")
    for item, answer in answers.items():
        if not isinstance(answer, str) or answer not in ("yes", "no"):
            raise ReplyUnreadable(f"the checklist answers {item} with {_excerpt(answer)}, not with yes or no")
    return {item: answers[item] == "yes" for item in items}


def _keys(value: Mapping[str, Any], wanted: tuple[str, ...], where: str) -> None:
    for missing in (key for key in wanted if key not in value):
        raise ReplyUnreadable(f"{where} does not fit its form: {missing} is missing")
    for unknown in (key for key in value if key not in wanted):
        raise ReplyUnreadable(f"{where} does not fit its form: {_excerpt(unknown)} is not asked for")


def _excerpt(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT]}..."


def _contradiction(said: str, before: list[Found], verdict: Verdict, form: Form) -> str | None:
    """Why a verdict that accepts something may not count, given what the same reply said before it."""
    for found in before:
        for value in _marked(found.value):
            if not _agrees(value, verdict, form):
                return "the reply holds two verdicts that do not agree, or one that is not about this answer"
    rest = "".join(_between(said, before))
    if BROKEN.search(rest):
        return "a broken verdict stands before the last one"
    open_ = any(rest.count(begin) > rest.count(end) for begin, end in ("{}", "[]"))
    return "the last object stands inside brackets that are not closed" if open_ else None


def _marked(value: JsonValue) -> Iterator[dict[str, JsonValue]]:
    """The objects in a value, at any depth, that look like a verdict."""
    waiting: list[JsonValue] = [value]
    while waiting:
        match waiting.pop():
            case dict() as inner:
                if any(key.strip().lower() in MARKS for key in inner):
                    yield inner
                waiting += inner.values()
            case list() as listed:
                waiting += listed
            case _:
                pass


def _agrees(value: Mapping[str, JsonValue], verdict: Verdict, form: Form) -> bool:
    try:
        other = _in_form(value, form)
    except ReplyUnreadable:
        return False
    return (other.nonce, other.verdict, other.items) == (verdict.nonce, verdict.verdict, verdict.items)


def _between(text: str, found: list[Found]) -> Iterator[str]:
    at = 0
    for start, end in ((f.start, f.end) for f in found):
        yield text[at:start]
        at = end
    yield text[at:]
