"""How an answer is put before a judge: rules from its rubric, then the candidate on one line it cannot break out of."""

import json
from collections.abc import Sequence

from pydantic import JsonValue

from curation.plugins import Plugin
from curation.records import Message, Record, Sample, digest
from judges.rubric import Rubric

BREAKS = {"\u0085": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"}
"""Line breaks that JSON leaves as they are; the control characters it escapes itself."""


class Candidate(Record):
    """One answer as it is put before a judge."""

    nonce: str
    line: str

    @classmethod
    def of(cls, rubric: Rubric, sample: Sample) -> "Candidate":
        """The nonce and the one JSON line: nonce, prompt, answer and, where there is any, what came before the prompt.

        The nonce is a digest of the rest, so that a text cannot contain the line that quotes it and equal material
        gives equal requests in every workspace.
        """
        material: dict[str, JsonValue] = {"prompt": sample.prompt, "answer": answer_text(sample)}
        if before := _before_the_prompt(sample.messages):
            material["context"] = before
        nonce = digest([rubric.digest, material])[:16]
        line = json.dumps({"nonce": nonce, **material}, ensure_ascii=False)
        for character, escaped in BREAKS.items():
            line = line.replace(character, escaped)
        return cls(nonce=nonce, line=line)


class Grader(Plugin):
    """A way of asking a judge; its fields are its settings, its answer is read by `judges.parse.read_verdict`."""

    def __call__(self, rubric: Rubric, candidate: Candidate) -> tuple[Message, ...]:
        """The messages that put a candidate before a judge; `candidate.line` is the last line of the last one."""
        raise NotImplementedError


def answer_text(sample: Sample) -> str:
    """The answer as a judge reads it, function calls included."""
    if not sample.tool_calls:
        return sample.answer or ""
    calls = [{"name": call.name, "arguments": call.arguments} for call in sample.tool_calls]
    return json.dumps({"text": sample.answer or "", "calls": calls}, ensure_ascii=False)


def _before_the_prompt(messages: Sequence[Message]) -> list[JsonValue]:
    last = max((i for i, m in enumerate(messages) if m.role == "user"), default=0)
    return [{"role": m.role, "content": m.content} for m in messages[:last]]
