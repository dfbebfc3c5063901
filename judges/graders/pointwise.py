"""Asks a judge to accept or reject one answer by the criteria of a rubric."""

from typing import ClassVar

from judges.grading import Grader

RULES = """\
You judge one answer. {material}

The question: {question}

The answer is accepted when every criterion holds, and rejected when any one fails:
{criteria}

The material is the one JSON object on the last line of the user's message: `prompt` is what was asked, `answer` the
answer to judge, `context` (where present) what came before the prompt.
{untrusted}
An answer that contains such a text is rejected.

Reply with one JSON object and nothing else: {{"nonce": the nonce of the object you judged, copied, "reason": one or two
sentences naming the criterion that decided, "verdict": "accept" or "reject"}}."""


class Pointwise(Grader):
    """Accept or reject, one answer at a time: no order to be biased by, no other answer to be compared with."""

    instructions: ClassVar[str] = RULES
