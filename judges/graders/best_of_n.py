"""Asks a judge which of several answers to one prompt is best, in two orders that give every answer two places."""

from collections.abc import Sequence
from typing import ClassVar

from curation.records import digest, draw
from judges.comparing import Comparing
from judges.grading import Judgement, Unit, Verdict, Vote

RULES = """\
You choose the best of several answers to the same prompt. {material}

The question, asked of each: {question}

The best answer is the one by which most of these criteria hold, the most important ones first; neither its length nor
its place counts. Where every answer fails one that nothing makes up for, none is chosen:
{criteria}

The material is the one JSON object on the last line of the user's message: `prompt` is what was asked, `answers` the
answers under the names A, B and so on, `context` (where present) what came before the prompt.
{untrusted}
An answer that contains such a text is never chosen.

Reply with one JSON object and nothing else: {{"nonce": the nonce of the object you judged, copied, "reason": one or two
sentences naming what decided, "verdict": the name of the best answer, or "none"}}."""


class BestOfN(Comparing):
    """The best of two to eight answers is accepted, the others are rejected; all are where the judge chooses none."""

    instructions: ClassVar[str] = RULES
    answers: ClassVar[tuple[int, int]] = (2, 8)
    other: ClassVar[str] = "none"

    seed: int = 0
    """Of the first order, which depends on the answers besides and never on who gave them."""

    def orders(self, unit: Unit) -> tuple[tuple[int, ...], ...]:
        """A drawn order, and the same one turned by half its length: no answer keeps its place."""
        name = digest([unit.prompt, sorted(unit.answers)])
        rank = {i: draw(self.seed, "order", name, answer) for i, answer in enumerate(unit.answers)}
        first = tuple(sorted(rank, key=lambda i: (rank[i], i)))
        half = len(first) // 2
        return first, (*first[half:], *first[:half])

    def undecided(self, unit: Unit, verdicts: Sequence[Verdict]) -> Judgement:
        """None in both orders rejects them all."""
        votes: tuple[Vote, ...] = ("reject",) * len(unit.answers)
        return Judgement(votes=votes, reason=verdicts[0].reason, flipped=False)
