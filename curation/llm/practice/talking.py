"""How a practice model is asked beyond one plain question: in which turn of a talk, in which wrapping of the answer.

A wrapping is known by the title of the schema that is asked for: rationale, confidence, candidates, critique.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from curation.llm.practice.key import Answer, KeyBook, as_text
from curation.llm.practice.reading import Asked, Purpose, object_of
from curation.llm.practice.spoiling import Injected, Said, Who

CANDIDATES = 5
RATIONALES = (
    "The message can be read in more than one way, but its main request decides.",
    "What is asked for matters more here than how it is said.",
    "The details given point to one reading, and nothing in it speaks against that.",
    "I compared the readings that are possible and kept the one that explains every detail.",
)


@dataclass(frozen=True)
class Talk:
    """Where in a talk a request stands: which user turn since the prompt, how often problems were found so far."""

    purpose: Purpose = "answer"
    turn: int = 1
    revisions: int = 0
    wanted: int = CANDIDATES
    """Candidates asked for."""


FIRST = Talk()


@dataclass(frozen=True)
class Thought:
    """What a model holds to be the answer, before it is put into any shape."""

    answer: Answer
    label: str | None
    probabilities: Mapping[str, float] | None
    doubt: float
    injected: tuple[Injected, ...]

    @property
    def sure(self) -> float:
        """How probable the model holds its answer."""
        return (self.probabilities or {}).get(self.label or "", 1 - self.doubt)

    def said(self) -> Said:
        """The answer by itself."""
        return Said(as_text(self.answer), "end", self.label, self.probabilities, self.injected)

    def within(self, shape: dict[str, JsonValue]) -> Said:
        """The answer within an object that holds it under `answer` somewhere."""
        text = json.dumps(shape, ensure_ascii=False)
        at = text.find(self.label, text.find('"answer"')) if self.label else 0
        return Said(text, "end", self.label, self.probabilities, self.injected, label_at=max(0, at))


def talk_of(asked: Asked, book: KeyBook) -> tuple[str, Talk]:
    """The prompt a request is about and where its talk stands.

    The prompt is the last user turn that the key knows, else the last user turn.
    """
    users = [i for i, (role, _) in enumerate(asked.turns) if role == "user"]
    if len(users) < 2:
        return asked.text, Talk(asked.purpose, wanted=_wanted(asked.schema)) if asked.purpose != "answer" else FIRST
    at = next((i for i in reversed(users) if book.knows(asked.turns[i][1])), users[-1])
    replies = [object_of(words.strip()) for role, words in asked.turns[at:] if role == "assistant"]
    return asked.turns[at][1], Talk(
        purpose=asked.purpose,
        turn=sum(i >= at for i in users),
        revisions=sum(bool(reply.get("problems")) for reply in replies),
        wanted=_wanted(asked.schema),
    )


def carried(asked: Asked, keys: frozenset[str]) -> tuple[dict[str, Any], int]:
    """The JSON object in the last line of the last user turn that has one with these keys, and which turn asks now."""
    users = [words for role, words in asked.turns if role == "user"]
    for turn, words in enumerate(reversed(users), 1):
        line = object_of(words.rstrip().rpartition("\n")[2])
        if keys <= line.keys():
            return line, turn
    return asked.last_line(), 1


def with_rationale(who: Who, thought: Thought) -> Said:
    """First why, then the answer."""
    return thought.within({"rationale": who.pick("rationale", RATIONALES), "answer": _value(thought.answer)})


def with_confidence(who: Who, thought: Thought) -> Said:
    """The answer with how sure the model says it is: near to what it holds, as words are."""
    stated = min(0.99, max(0.01, thought.sure + 0.16 * (who.draw("confidence") - 0.5)))
    return thought.within({"answer": _value(thought.answer), "confidence": round(stated, 2)})


def as_candidates(thought: Thought, others: Sequence[tuple[Answer, float]]) -> Said:
    """The answer and others that it could have been, each with its probability."""
    rows = [(thought.answer, thought.sure), *others]
    listed: list[JsonValue] = [{"answer": _value(a), "probability": round(p, 4)} for a, p in rows]
    return thought.within({"candidates": listed})


def _value(answer: Answer) -> JsonValue:
    return answer if isinstance(answer, str) else dict(answer)


def _wanted(schema: Mapping[str, Any]) -> int:
    properties = schema.get("properties")
    listed = properties.get("candidates") if isinstance(properties, dict) else None
    if not isinstance(listed, dict):
        return CANDIDATES
    # Not every wire can enforce a count; there it stands among the words.
    said = re.search(r'"minItems": (\d+)', str(listed.get("description")))
    wanted = int(said[1]) if said else listed.get("minItems")
    return wanted if isinstance(wanted, int) and wanted > 0 else CANDIDATES
