"""What a way of asking is: the messages it sends, the stages that follow, and what it reads out of a reply."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import JsonValue

from curation.plugins import Plugin
from curation.records import Message, Prompt, Reply, digest
from curation.tables import AnswerTable


@dataclass(frozen=True)
class Asking:
    """A prompt turned into what is sent to a teacher; `template` is part of the request key.

    `params` are added to the teacher's own parameters for this request (such as `n`); these win.
    """

    messages: tuple[Message, ...]
    answer_schema: dict[str, JsonValue] | None
    template: str
    params: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])


@dataclass(frozen=True)
class Said:
    """What a way of asking reads out of a reply: the answer itself, why, and how sure the teacher says it is (0..1)."""

    text: str
    rationale: str | None = None
    confidence: float | None = None


class Way(Plugin):
    """A way of asking: one file in curation/teachers/; its fields are the keys of `ask_with`."""

    many: ClassVar[bool] = False
    """Whether one request serves all n samples of a prompt; sample j is then read with index j."""

    @property
    def template(self) -> str:
        """The digest of the way with its settings: part of the request key, so a changed setting asks again."""
        return digest([self.plugin_name(), self.model_dump(mode="json")])

    def __call__(self, prompt: Prompt, answer: AnswerTable, n: int = 1) -> Asking:
        """The first request for a prompt."""
        raise NotImplementedError

    def then(self, prompt: Prompt, answer: AnswerTable, replies: Sequence[Reply]) -> Asking | None:
        """The next stage, given one readable reply per stage so far; None when nothing more is asked.

        Raises ReplyUnreadable where the last reply decides how to go on and cannot be read.
        """
        return None

    def final(self, replies: Sequence[Reply]) -> int:
        """Which of the stages' replies is the answer, once `then` asks no more; the last one unless a way says else."""
        return -1

    def part(self, reply: Reply, index: int) -> Reply:
        """The reply as sample `index` sees it: its own text, stop reason, tool calls and log-probabilities."""
        return reply

    def read(self, reply: Reply, answer: AnswerTable, index: int) -> Said:
        """What a final reply says; ReplyUnreadable where it cannot be read."""
        return Said(reply.text, rationale=reply.reasoning)
