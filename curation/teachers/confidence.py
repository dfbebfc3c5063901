"""Ask for the answer and how probable it is that it is right, in the teacher's own words.

After Tian et al. (2023), Just Ask for Calibration, arXiv 2305.14975: models tuned with human feedback state
probabilities that are better calibrated than those of their tokens, and no log-probabilities are needed.
"""

from pydantic import JsonValue

from curation.asking import Asking, Said, Way
from curation.records import Prompt, Reply
from curation.tables import AnswerTable
from curation.wrapping import FORMS, answer_in, closed, inner_schema, instructed, object_in, own_part, share_in

INSTRUCTION = (
    "Answer the message and say how probable it is that your answer is right, from 0.0 (surely wrong) to 1.0 (surely "
    'right). Reply with one JSON object and nothing else: {{"answer": <the answer>, "confidence": <the probability>}}. '
    "{form}"
)


class Confidence(Way):
    """The answer with its stated probability, kept in the column `confidence`."""

    def __call__(self, prompt: Prompt, answer: AnswerTable, n: int = 1) -> Asking:
        """The prompt, told to answer and state a probability in one object."""
        words = INSTRUCTION.format(form=FORMS[answer.format])
        return Asking(instructed(prompt.messages, words), _schema(answer), self.template)

    def read(self, reply: Reply, answer: AnswerTable, index: int) -> Said:
        """The answer and its probability; ReplyUnreadable where either is missing or the number is none from 0 to 1."""
        value = object_in(reply.text)
        return Said(answer_in(value, answer), reply.reasoning, share_in(value, "confidence"))

    def part(self, reply: Reply, index: int) -> Reply:
        """The inner answer with its own log-probabilities."""
        return own_part(reply)


def _schema(answer: AnswerTable) -> dict[str, JsonValue] | None:
    inner = inner_schema(answer, "#/properties/answer")
    number: dict[str, JsonValue] = {"type": "number", "minimum": 0, "maximum": 1}
    return None if inner is None else closed("confidence", {"answer": inner[0], "confidence": number}) | inner[1]
