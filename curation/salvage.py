"""What is done about a reply that cannot be used as it is, in a stated order: repaired here, then asked again.

1. The provider enforces the schema (`structured`), where its wire format can: mode `native`.
2. JSON that is almost right is repaired without a call (`[sampling] repair`): mode `repaired`. A repair may take away
   what stands around the object and set right its punctuation; it never invents or cuts a value.
3. What still cannot be read is asked again, with the problem named (`reask_invalid`): mode `reasked`.

An empty reply is asked again (`reask_empty`), a truncated one with more room (`llm/work.py`), a refusal is final.
What remains unreadable is kept as it came, and the schema check drops it, saying why.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import json_repair
from pydantic import JsonValue

from curation.answers import load_json, parse_answer
from curation.asking import Asking, Said, Way
from curation.checks.schema import compile_schema, unlisted, worst
from curation.errors import ReplyUnreadable
from curation.llm.work import Next, Turn
from curation.records import Message, Mode, Prompt, Reply, Request
from curation.task import AnswerTable, SamplingTable

CORRECTION = "That answer cannot be read: {problem}. Answer again, in the form that was asked for and nothing else."
REASK, AGAIN = "|reask", "|again"
"""Marks in a request's template, and so in its key, of a question put again."""


@dataclass(frozen=True)
class Form:
    """The form an answer must have: how it is read, and mended where it can be."""

    answer: AnswerTable
    repair: bool

    @cached_property
    def _validator(self) -> Any:
        schema = self.answer.json_schema
        return compile_schema(schema, "task.toml [answer] schema") if schema else None

    def read(self, text: str) -> tuple[str, bool]:
        """The answer's text, and whether it had to be repaired; ReplyUnreadable, with the problem, where it cannot."""
        try:
            self._check(text)
        except ReplyUnreadable as problem:
            mended = self._mended(text)
            if mended is None:
                raise problem from None
            return mended, True
        return text, False

    def _check(self, text: str) -> None:
        labels = parse_answer(text, self.answer)
        if self._validator is not None and labels is not None:
            problem = worst(self._validator, cast("JsonValue", labels))
            if problem is not None:
                raise ReplyUnreadable(f"it breaks the schema {problem}")
        if (problem := unlisted(labels, self.answer)) is not None:
            raise ReplyUnreadable(problem)

    def _mended(self, text: str) -> str | None:
        if self.answer.format != "json" or not self.repair:
            return None
        mended = repaired(text)
        if mended is None:
            return None
        try:
            self._check(mended)
        except ReplyUnreadable:
            return None
        return mended


def repaired(text: str) -> str | None:
    """The one JSON object in a text, its punctuation set right; None where a value would be guessed or cut.

    >>> repaired("Here it is: ```json\\n{'a': 'b', }\\n```")
    '{"a": "b"}'
    >>> repaired('{"a": "half a sent') is None
    True
    """
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start or '"' in text[end:]:  # none, or one that was cut before it was closed
        return None
    inside = text[start : end + 1]
    try:
        load_json(inside)
    except ReplyUnreadable:
        value = json_repair.loads(inside, skip_json_loads=True)
        if not isinstance(value, dict) or not all(_stands_in(text, s) for s in _strings(value)):
            return None
        return json.dumps(value, ensure_ascii=False)
    return inside


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _strings(inner)


def _stands_in(text: str, value: str) -> bool:
    """Whether a string stands in the text in quotes of one kind, as the model wrote it."""
    written = {value, json.dumps(value, ensure_ascii=False)[1:-1], json.dumps(value)[1:-1]}
    return any(f"{q}{w}{q}" in text for w in written for q in ('"', "'"))


@dataclass(frozen=True)
class Reading:
    """What a chain of replies came to for one sample: the part of the reply that is its own, what it says, and how it
    became readable (`mode` is None where the answer has not the form asked for). `problem` says why there is none."""

    reply: Reply
    said: Said
    mode: Mode | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Salvage:
    """Follows one prompt's replies through the stages of its way of asking; a `Follow` for the asker."""

    way: Way
    prompt: Prompt
    form: Form
    sampling: SamplingTable
    n: int = 1
    """Samples read out of one reply."""

    def __call__(self, turns: Sequence[Turn]) -> Next | None:
        """The request that follows these turns, or None when the last one stands."""
        last = turns[-1]
        if last.reply.stop in ("refusal", "filtered", "length"):
            return None
        if _is_empty(last.reply):
            return self._again(turns)
        stages = stages_of(turns)
        replies = [stage[-1].reply for stage in stages]
        try:
            asking = self.way.then(self.prompt, self.form.answer, replies)
            if asking is None:
                self._require_readable(last.reply)
                return None
        except ReplyUnreadable as problem:
            return self._reask(stages[-1], str(problem))
        return Next(request=_asked(last.request, asking), why="next stage")

    def _require_readable(self, reply: Reply) -> None:
        """ReplyUnreadable where a sample that is to be read out of this reply cannot be."""
        if reply.tool_calls:
            return
        for index in range(self.n if "n" not in reply.ignored else 1):  # who ignores n would ignore it again
            self.form.read(self._said(reply, index)[0].text)

    def reading(self, turns: Sequence[Turn], index: int) -> Reading:
        """What sample `index` gets from these turns."""
        stage = self._final(turns)
        last = stage[-1]
        try:
            part = self.way.part(last.reply, index)
            said, unwrapped = self._said(last.reply, index)
        except ReplyUnreadable as problem:
            return Reading(last.reply, Said(""), problem=str(problem))
        try:
            text, mended = self.form.read(said.text)
        except ReplyUnreadable:
            return Reading(part, said)
        reasked = any(REASK in turn.request.template for turn in stage)
        mode: Mode = "native" if last.request.answer_schema is not None else "plain"
        mode = "repaired" if mended or unwrapped else "reasked" if reasked else mode
        return Reading(part, replace(said, text=text), mode)

    def declined(self, turns: Sequence[Turn]) -> bool:
        """Whether nothing usable came back: no reply at all, or a refusal for good."""
        return not turns or self._final(turns)[-1].reply.stop in ("refusal", "filtered")

    def _final(self, turns: Sequence[Turn]) -> list[Turn]:
        """The stage that holds the answer."""
        stages = stages_of(turns)
        place = self.way.final([stage[-1].reply for stage in stages])
        return stages[place if -len(stages) <= place < len(stages) else -1]

    def _said(self, reply: Reply, index: int) -> tuple[Said, bool]:
        """What the way reads, and whether the reply had to be repaired for it.

        A call of a tool, or a refusal, is taken as it stands.
        """
        if (reply.tool_calls and not reply.text.strip()) or reply.stop in ("refusal", "filtered"):
            return Said(reply.text, rationale=reply.reasoning), False
        try:
            return self.way.read(reply, self.form.answer, index), False
        except ReplyUnreadable:
            mended = repaired(reply.text) if self.form.repair else None
            if mended is None:
                raise
            return self.way.read(reply.model_copy(update={"text": mended}), self.form.answer, index), True

    def _again(self, turns: Sequence[Turn]) -> Next | None:
        asked = sum(1 for turn in turns if AGAIN in turn.request.template)
        if asked >= self.sampling.reask_empty:
            return None
        return Next(request=_marked(turns[-1].request, f"{AGAIN}{asked + 1}"), why="empty")

    def _reask(self, stage: Sequence[Turn], problem: str) -> Next | None:
        asked = sum(1 for turn in stage if REASK in turn.request.template)
        if asked >= self.sampling.reask_invalid:
            return None
        last = stage[-1]
        correction = Message(role="user", content=CORRECTION.format(problem=problem))
        messages = (*last.request.messages, Message(role="assistant", content=last.reply.text), correction)
        request = last.request.model_copy(update={"messages": messages})
        return Next(request=_marked(request, f"{REASK}{asked + 1}"), why="invalid")


def stages_of(turns: Sequence[Turn]) -> list[list[Turn]]:
    """Turns by stage: a question put again, or with more room, belongs to the stage of the one before it."""
    stages: list[list[Turn]] = []
    for turn in turns:
        before = stages[-1][-1].request if stages else None
        same = before is not None and turn.request.messages == before.messages
        put_again = before is not None and REASK in turn.request.template and turn.request.template != before.template
        if same or put_again:
            stages[-1].append(turn)
        else:
            stages.append([turn])
    return stages


def _is_empty(reply: Reply) -> bool:
    return not reply.text.strip() and not reply.tool_calls


def _marked(request: Request, mark: str) -> Request:
    return request.model_copy(update={"template": request.template.partition("|")[0] + mark})


def _asked(before: Request, asking: Asking) -> Request:
    """The next stage goes to the same model, with the parameters of the first and its own schema."""
    schema = asking.answer_schema if before.answer_schema is not None or asking.answer_schema is None else None
    return before.model_copy(
        update={
            "messages": asking.messages,
            "answer_schema": schema,
            "template": asking.template,
            "params": {**before.params, **asking.params},
        }
    )
