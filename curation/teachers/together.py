"""Ask for n answers in one request through the provider's own parameter `n`, so that the prompt is paid for once."""

from typing import ClassVar

from curation.asking import Asking, Said, Way
from curation.errors import ReplyUnreadable
from curation.records import Prompt, Reply
from curation.tables import AnswerTable
from curation.wrapping import plain_schema


class Together(Way):
    """All n answers of a prompt as the n choices of one reply; for providers whose wire format has `n`."""

    many: ClassVar[bool] = True

    def __call__(self, prompt: Prompt, answer: AnswerTable, n: int = 1) -> Asking:
        """The prompt as it is, asked for n choices."""
        return Asking(prompt.messages, plain_schema(answer), self.template, {"n": n} if n > 1 else {})

    def read(self, reply: Reply, answer: AnswerTable, index: int) -> Said:
        """Choice `index`; ReplyUnreadable where fewer came than were asked for, naming how many."""
        own = self.part(reply, index)
        return Said(own.text, rationale=own.reasoning)

    def part(self, reply: Reply, index: int) -> Reply:
        """The choice alone, with its own stop reason, tool calls and log-probabilities; reasoning is the first's."""
        if index == 0:
            return reply
        if index > len(reply.others):
            ignored = "; the server ignored n" if "n" in reply.ignored else ""
            raise ReplyUnreadable(f"{1 + len(reply.others)} choices came, sample {index + 1} was asked for{ignored}")
        return reply.model_copy(update={**dict(reply.others[index - 1]), "reasoning": None, "others": ()})
