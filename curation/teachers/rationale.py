"""Ask for the steps that lead to an answer before the answer, kept in a column of their own for a student to learn.

After Hsieh et al. (2023), Distilling Step-by-Step, arXiv 2305.02301: rationales are a second target in training, not
part of the answer, so the student need not write them when it serves.
"""

from typing import Annotated

from pydantic import Field, JsonValue

from curation.asking import Asking, Said, Way
from curation.records import Prompt, Reply
from curation.tables import AnswerTable
from curation.wrapping import FORMS, TEXT, answer_in, closed, inner_schema, instructed, object_in, own_part, words_in

INSTRUCTION = (
    "Think the message through step by step before you answer it. Reply with one JSON object and nothing else: "
    '{{"rationale": "<the steps that lead to the answer, in at most {words} words>", "answer": <the answer>}}. {form}'
)


class Rationale(Way):
    """The reasons first, then the answer: reasons go to the column `rationale`, the answer stays what it always is."""

    most_words: Annotated[int, Field(ge=5, le=2000)] = 120
    """How long the rationale may be; its tokens are paid for."""

    def __call__(self, prompt: Prompt, answer: AnswerTable, n: int = 1) -> Asking:
        """The prompt, told to give reasons and answer in one object."""
        words = INSTRUCTION.format(words=self.most_words, form=FORMS[answer.format])
        return Asking(instructed(prompt.messages, words), _schema(answer), self.template)

    def read(self, reply: Reply, answer: AnswerTable, index: int) -> Said:
        """The answer and the rationale beside it; ReplyUnreadable where either is missing."""
        value = object_in(reply.text)
        return Said(answer_in(value, answer), rationale=words_in(value, "rationale"))

    def part(self, reply: Reply, index: int) -> Reply:
        """The inner answer with its own log-probabilities."""
        return own_part(reply)


def _schema(answer: AnswerTable) -> dict[str, JsonValue] | None:
    inner = inner_schema(answer, "#/properties/answer")
    return None if inner is None else closed("rationale", {"rationale": TEXT, "answer": inner[0]}) | inner[1]
