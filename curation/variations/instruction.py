"""The same instruction in other words: the system message is paraphrased, the user's text is left alone.

After Honovich et al. (2022), Unnatural Instructions, arXiv 2212.09689, where paraphrases of instructions made a data
set several times as large at little cost. One paraphrase serves all prompts with the same system message, so a whole
run asks for a handful.
"""

from collections.abc import Sequence
from typing import ClassVar

from curation.records import Message, Prompt
from curation.variation import ANSWER, Variation


class Instruction(Variation):
    """The system message in other words, one paraphrase for all prompts that share it; the right answer stays.

    A prompt without a system message has nothing to paraphrase and gets no variant of this kind.
    """

    tells: ClassVar[str] = (
        "The last line is one JSON object; its `text` is an instruction that an assistant is given. Write it again in "
        "other words, in the given `style`, so that an assistant who follows it does exactly the same. Keep every "
        "label, field name, number, format, example and anything in brackets or quotes letter by letter. "
        + ANSWER.replace("message", "instruction")
    )

    styles: tuple[str, ...] = ("in other words", "as short as it can be", "as a list of rules", "in full detail")
    """The styles, taken in turn."""

    def manners(self) -> Sequence[str]:
        """The styles in turn."""
        return self.styles

    def source(self, prompt: Prompt) -> str | None:
        """The system message, where there is one."""
        return next((m.content for m in prompt.messages if m.role == "system" and m.content.strip()), None)

    def applied(self, prompt: Prompt, words: str) -> tuple[Message, ...]:
        """The prompt with its first system message in other words."""
        source = self.source(prompt)
        at = next(i for i, m in enumerate(prompt.messages) if m.role == "system" and m.content == source)
        told = prompt.messages[at].model_copy(update={"content": words})
        return (*prompt.messages[:at], told, *prompt.messages[at + 1 :])
