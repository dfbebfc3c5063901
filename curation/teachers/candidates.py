"""Ask for several different answers at once, each with the probability the teacher gives it.

Verbalized sampling, after Zhang et al. (2025), arXiv 2510.01171: a model asked for a distribution names answers it
would not give when asked again and again, and no sampling parameter is needed, which some providers no longer take.
"""

from typing import Annotated, ClassVar, cast

from pydantic import Field, JsonValue

from curation.asking import Asking, Said, Way
from curation.errors import ReplyUnreadable
from curation.records import Prompt, Reply
from curation.tables import AnswerTable
from curation.wrapping import FORMS, answer_in, closed, inner_schema, instructed, object_in, own_part, share_in

INSTRUCTION = (
    "Give {n} different answers to the message, such as you might give it on {n} occasions, each with the probability "
    "from 0.0 to 1.0 that you would give it{tail}. Reply with one JSON object and nothing else: "
    '{{"candidates": [{{"answer": <one answer>, "probability": <its probability>}}, ...]}} with exactly {n} '
    "candidates. {form}"
)
TAIL = "; take them from the tails of what you might say, each less probable than {below:g}"


class Candidates(Way):
    """All n answers of a prompt in one request: sample j is candidate j, its probability the column `confidence`."""

    many: ClassVar[bool] = True

    below: Annotated[float, Field(gt=0, le=1)] | None = None
    """Ask for unlikely answers only, each less probable than this; for diversity rather than for the likeliest."""

    def __call__(self, prompt: Prompt, answer: AnswerTable, n: int = 1) -> Asking:
        """The prompt, told to give n answers with probabilities."""
        tail = "" if self.below is None else TAIL.format(below=self.below)
        words = INSTRUCTION.format(n=n, tail=tail, form=FORMS[answer.format])
        return Asking(instructed(prompt.messages, words), _schema(answer, n), self.template)

    def read(self, reply: Reply, answer: AnswerTable, index: int) -> Said:
        """Candidate `index`; ReplyUnreadable where fewer came, naming how many, or this one is malformed."""
        candidates = object_in(reply.text).get("candidates")
        if not isinstance(candidates, list):
            raise ReplyUnreadable("there is no list of candidates in it")
        if index >= len(candidates):
            raise ReplyUnreadable(f"{len(candidates)} candidates came, sample {index + 1} was asked for")
        candidate = candidates[index]
        if not isinstance(candidate, dict):
            raise ReplyUnreadable(f"candidate {index + 1} is not an object")
        return Said(answer_in(candidate, answer), reply.reasoning, share_in(candidate, "probability"))

    def part(self, reply: Reply, index: int) -> Reply:
        """The candidate's own words with their own log-probabilities."""
        return own_part(reply, index)


def _schema(answer: AnswerTable, n: int) -> dict[str, JsonValue] | None:
    inner = inner_schema(answer, "#/properties/candidates/items/properties/answer")
    if inner is None:
        return None
    item = {
        k: v for k, v in closed("", {"answer": inner[0], "probability": {"type": "number"}}).items() if k != "title"
    }
    whole = {"type": "array", "items": item, "minItems": n, "maxItems": n}
    return closed("candidates", {"candidates": cast("JsonValue", whole)}) | inner[1]
