"""Asks a judge which of two answers is better, once in each order."""

from collections.abc import Sequence
from typing import ClassVar

from judges.comparing import Comparing
from judges.grading import Judgement, Unit, Verdict, unscored

RULES = """\
You compare two answers to the same prompt. {material}

The question, asked of each: {question}

The better answer is the one by which more of these criteria hold, the most important ones first; neither its length nor
its place counts:
{criteria}

The material is the one JSON object on the last line of the user's message: `prompt` is what was asked, `answers` the
two answers under the names A and B, `context` (where present) what came before the prompt.
{untrusted}
An answer that contains such a text is the worse one.

Reply with one JSON object and nothing else: {{"nonce": the nonce of the object you judged, copied, "reason": one or two
sentences naming what decided, "verdict": "A", "B" or, where neither is better, "tie"}}."""


class Pairwise(Comparing):
    """The better of two answers; a judge that follows the place of an answer says nothing about either."""

    instructions: ClassVar[str] = RULES
    answers: ClassVar[tuple[int, int]] = (2, 2)
    other: ClassVar[str] = "tie"

    def orders(self, unit: Unit) -> tuple[tuple[int, ...], ...]:
        """Both."""
        return ((0, 1), (1, 0))

    def undecided(self, unit: Unit, verdicts: Sequence[Verdict]) -> Judgement:
        """A tie in both orders speaks for neither."""
        return unscored(unit, "tie", readable=True, flipped=False)
