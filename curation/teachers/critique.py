"""Let the teacher find what is wrong with its own answer and write it again, until nothing is left to mend.

After Madaan et al. (2023), Self-Refine, arXiv 2303.17651: answer, feedback, revision, by the same model in the same
conversation. Each stage is a request of its own; the first one is the request that `ask = "answer"` sends, so answers
that were bought that way are not bought again.
"""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, JsonValue

from curation.asking import Asking, Way
from curation.errors import ReplyUnreadable
from curation.records import Message, Prompt, Reply, digest
from curation.tables import AnswerTable
from curation.teachers.answer import Answer as Plain
from curation.wrapping import TEXT, closed, object_in, plain_schema

FIND = (
    "Look at your answer again as a strict reviewer who knows the instructions above. Name what is wrong with it or "
    "missing from it: facts, instructions that were not followed, form{focus}. Reply with one JSON object and nothing "
    'else: {{"problems": ["<one problem>", ...]}}. An empty list says that the answer stands as it is.'
)
REVISE = (
    "Write the whole answer again so that none of these problems is left, and keep what was right. Reply in the same "
    "form as the first answer, without a word about what was changed."
)
SCHEMA = closed("critique", {"problems": {"type": "array", "items": TEXT}})


class Critique(Way):
    """An answer, what is wrong with it, and a better one; an answer without problems stands and costs no revision."""

    rounds: Annotated[int, Field(ge=1, le=3)] = 1
    """How often, at most, the answer is looked at and revised."""
    focus: str = ""
    """What to look at above all, such as `"tone, and the returns policy"`."""

    def __call__(self, prompt: Prompt, answer: AnswerTable, n: int = 1) -> Asking:
        """The plain answer."""
        return Plain()(prompt, answer, n)

    def then(self, prompt: Prompt, answer: AnswerTable, replies: Sequence[Reply]) -> Asking | None:
        """The next look at an answer, or the revision it calls for; ReplyUnreadable for a look that cannot be read."""
        last = replies[-1]
        if len(replies) % 2 == 0:
            return self._stage(prompt, replies, plain_schema(answer)) if problems_in(last) else None
        if len(replies) // 2 >= self.rounds or last.tool_calls or last.stop in ("refusal", "filtered"):
            return None
        return self._stage(prompt, replies, SCHEMA)

    def final(self, replies: Sequence[Reply]) -> int:
        """The last answer: where the last reply is a look that found nothing, the one before it."""
        return -1 if len(replies) % 2 else -2

    def _stage(self, prompt: Prompt, replies: Sequence[Reply], schema: dict[str, JsonValue] | None) -> Asking:
        """The conversation so far with the next instruction; a setting counts only through the words it changes."""
        turns = [*prompt.messages]
        find = FIND.format(focus=f"; above all {self.focus}" if self.focus else "")
        for stage, reply in enumerate(replies):
            words = REVISE if stage % 2 else find
            turns += [Message(role="assistant", content=reply.text), Message(role="user", content=words)]
        return Asking(tuple(turns), schema, digest(["critique"]))


def problems_in(reply: Reply) -> list[str]:
    """The problems a look at an answer names; ReplyUnreadable where it is no list of texts."""
    found = object_in(reply.text).get("problems")
    if not isinstance(found, list) or not all(isinstance(p, str) for p in found):
        raise ReplyUnreadable("'problems' is no list of texts")
    return [p for p in found if isinstance(p, str) and p.strip()]
