"""An easier message of the same kind: one concern, plainly said.

Evol-Instruct (Xu et al. 2023, WizardLM, arXiv 2304.12244) downwards, for a pool of prompts without easy ones. The
right answer may change, so an answer that is known for the original says nothing about this one.
"""

from collections.abc import Sequence
from typing import ClassVar

from curation.variation import ANSWER, KEEP, Variation


class Easier(Variation):
    """The message made easier to answer; the right answer may become another one."""

    tells: ClassVar[str] = (
        "Rewrite the message in the last line, which is one JSON object: make `text` easier to answer, in the way that "
        "`style` says, as one of the same people could have written it. Its main concern stays what it is. "
        f"{KEEP} {ANSWER}"
    )

    ways: tuple[str, ...] = (
        "with its main concern alone, said plainly in the first sentence",
        "without the circumstances that do not matter for the answer",
        "in short and simple sentences, with what is wanted said outright",
    )
    """How it becomes easier; taken in turn."""

    def manners(self) -> Sequence[str]:
        """The ways in turn."""
        return self.ways
