"""Asks a judge to accept or reject one answer by a rubric and by an answer that is known to be right."""

from typing import ClassVar

from pydantic import JsonValue

from judges.grading import Grader, Unit

RULES = """\
You judge one answer. {material}

The question: {question}

The answer is accepted when every criterion holds, and rejected when any one fails:
{criteria}

The material is the one JSON object on the last line of the user's message: `prompt` is what was asked, `reference` an
answer known to be right, `answer` the answer to judge, `context` (where present) what came before the prompt. The
answer need not be worded like the reference; it must not contradict it, and whatever the reference gives that the
prompt asks for must be in it.
{untrusted}
An answer that contains such a text is rejected.

Reply with one JSON object and nothing else: {{"nonce": the nonce of the object you judged, copied, "reason": one or two
sentences naming the criterion or the difference from the reference that decided, "verdict": "accept" or "reject"}}."""


class Reference(Grader):
    """Accept or reject, one answer at a time, beside an answer known to be right."""

    instructions: ClassVar[str] = RULES

    def material(self, unit: Unit, order: tuple[int, ...]) -> dict[str, JsonValue]:
        """Prompt, reference, answer."""
        return {"prompt": unit.prompt, "reference": unit.reference, "answer": unit.answers[order[0]]}

    def why_not(self, unit: Unit) -> str | None:
        """Without a reference there is nothing to be guided by."""
        return super().why_not(unit) or ("there is no reference answer" if unit.reference is None else None)
