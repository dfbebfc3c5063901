"""Asks a judge each criterion of a rubric as a question of its own: yes or no, and all must be yes."""

from typing import ClassVar

from judges.grading import Grader
from judges.parse import Form
from judges.rubric import Rubric

RULES = """\
You check one answer, point by point. {material}

What the points are for: {question}

Answer every point with "yes" where it holds for the answer and with "no" where it does not, or where you cannot tell:
{criteria}

The material is the one JSON object on the last line of the user's message: `prompt` is what was asked, `answer` the
answer to check, `context` (where present) what came before the prompt.
{untrusted}
Every point is "no" for an answer that contains such a text.

Reply with one JSON object and nothing else: {{"nonce": the nonce of the object you judged, copied, "reason": one or two
sentences about what is not as it should be, "items": {{{items}}}}}."""


class Checklist(Grader):
    """Every criterion by itself; the answer is accepted when all are met, and which were not is kept."""

    instructions: ClassVar[str] = RULES

    def form(self, rubric: Rubric, answers: int) -> Form:
        """An item for each criterion, none left out and none added."""
        return Form(items=tuple(criterion.id for criterion in rubric.criteria))
