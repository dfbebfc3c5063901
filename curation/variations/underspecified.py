"""A message that lacks what is needed to answer it, so that asking back is the right reaction.

Kinds of missing information as in CLAMBER (Zhang et al. 2024, arXiv 2405.12063). The right answer of the original is
wrong here: the varied prompt carries the tag `ask_back`, so that a teacher asked with `ask = "clarify"` and
`tags = ["ask_back"]` can answer these, and checks and slices can tell them apart.
"""

from collections.abc import Sequence
from typing import ClassVar

from curation.variation import ANSWER, Variation


class Underspecified(Variation):
    """The message without something it cannot be answered without; the right reaction becomes a question."""

    tells: ClassVar[str] = (
        "Rewrite the message in the last line, which is one JSON object: leave out of `text` what `style` names, so "
        "that nobody could act on it without asking back, and change nothing else. The writer does not notice that it "
        f"is missing and does not mention it. Keep the language, and put nothing in its place. {ANSWER}"
    )
    loses: ClassVar[bool] = True
    tags: ClassVar[tuple[str, ...]] = ("ask_back",)

    ways: tuple[str, ...] = (
        "the one piece of information that is needed most: which order, product, account, place or date it is about",
        "what the writer wants to happen",
        "what the words it, that and this refer to",
    )
    """What is left out; taken in turn."""

    def manners(self) -> Sequence[str]:
        """The ways in turn."""
        return self.ways
