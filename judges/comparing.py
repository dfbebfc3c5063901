"""Answers compared with each other: shown in two orders, and a choice that follows the place is no choice."""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import JsonValue

from judges.grading import Grader, Judgement, Put, Unit, Verdict, Vote, unscored
from judges.parse import Form
from judges.rubric import Rubric

PLACES = "ABCDEFGH"


class Comparing(Grader):
    """Which of several answers is best: the winner is accepted, the others are rejected.

    Each order is a request of its own. Where the two disagree about the answers, both are unscored.
    """

    task: ClassVar[str] = "Compare the answers in this JSON object:"
    other: ClassVar[str]
    """What may be said instead of a place."""

    def material(self, unit: Unit, order: tuple[int, ...]) -> dict[str, JsonValue]:
        """The prompt and the answers by place."""
        return {"prompt": unit.prompt, "answers": {PLACES[k]: unit.answers[i] for k, i in enumerate(order)}}

    def form(self, rubric: Rubric, answers: int) -> Form:
        """A place, or what may be said instead; none of them is good news for whoever wrote into an answer."""
        return Form(menu=(*PLACES[:answers], self.other), favourable=())

    def concluded(self, unit: Unit, puts: Sequence[Put], verdicts: Sequence[Verdict]) -> Judgement:
        """The answer that won in every order; names of answers are A, B, ... as the unit lists them."""
        chosen = [self._named(put, verdict) for put, verdict in zip(puts, verdicts, strict=True)]
        if len(set(chosen)) > 1:
            words = f"says {chosen[0]} in one order and {chosen[1]} in the other"
            return unscored(unit, words, readable=True, flipped=True)
        if chosen[0] == self.other:
            return self.undecided(unit, verdicts)
        votes: tuple[Vote, ...] = tuple("accept" if PLACES[i] == chosen[0] else "reject" for i in _each(unit))
        return Judgement(votes=votes, reason=verdicts[0].reason, flipped=False)

    def undecided(self, unit: Unit, verdicts: Sequence[Verdict]) -> Judgement:
        """What follows when no answer was chosen, in either order."""
        raise NotImplementedError

    def _named(self, put: Put, verdict: Verdict) -> str:
        """The answer a verdict means, by its name in the unit."""
        if verdict.verdict == self.other:
            return self.other
        return PLACES[put.order[PLACES.index(verdict.verdict)]]


def _each(unit: Unit) -> range:
    return range(len(unit.answers))
