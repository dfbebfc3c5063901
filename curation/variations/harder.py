"""A harder message of the same kind: one more condition, more to weigh, more steps to the answer.

Evol-Instruct in depth, after Xu et al. (2023), WizardLM, arXiv 2304.12244. The right answer may change, so an answer
that is known for the original says nothing about this one.
"""

from collections.abc import Sequence
from typing import ClassVar

from curation.variation import ANSWER, KEEP, Variation


class Harder(Variation):
    """The message made harder to answer well; the right answer may become another one."""

    tells: ClassVar[str] = (
        "Rewrite the message in the last line, which is one JSON object: make `text` somewhat harder to answer well, "
        "in the way that `style` says, as one of the same people could have written it. It must stay about the same "
        f"matter, be understandable, and have an answer. Add at most thirty words. {KEEP} {ANSWER}"
    )

    ways: tuple[str, ...] = (
        "with one more condition that the answer must meet",
        "with circumstances beside the point that must be told apart from it",
        "so that it takes one more step of thought to answer",
        "with something concrete and unusual in place of something general",
    )
    """How it becomes harder; taken in turn."""

    def manners(self) -> Sequence[str]:
        """The ways in turn."""
        return self.ways
