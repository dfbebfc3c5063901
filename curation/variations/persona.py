"""The same concern as somebody else would write it.

After Ge et al. (2024), Persona Hub, arXiv 2406.20094: who is speaking moves a model further from its habits than any
style does. The concern and every number, name and placeholder are kept; how it is told may change what is known about
the writer, so look at the answers of the slice `vary:persona` before trusting that they stay the same.
"""

from collections.abc import Sequence
from typing import ClassVar

from curation.variation import ANSWER, KEEP, Variation


class Persona(Variation):
    """The message as another person with the same concern would write it; the concern stays, the telling changes."""

    tells: ClassVar[str] = (
        "Write the message in the last line, which is one JSON object, again: say `text` as the person described in "
        "`style` would write it with exactly the same concern, in their vocabulary, length and mood. Add no facts that "
        f"change what should be done. {KEEP} {ANSWER}"
    )

    personas: tuple[str, ...] = (
        "a retired teacher who writes long and polite letters",
        "a student on a phone, in a hurry",
        "somebody who learnt the language late and writes simple sentences",
        "a shop owner who has written three times already and is losing patience",
        "an engineer who lists facts and leaves out feelings",
        "a worried parent who starts with the story and ends with the question",
    )
    """The people, taken in turn; name those your users are."""

    def manners(self) -> Sequence[str]:
        """The people in turn."""
        return self.personas
