"""Asks a judge to accept or reject one answer and reads how sure it is from the probabilities of its verdict."""

import re
from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field, JsonValue

from curation.errors import ReplyUnreadable
from curation.records import Reply
from curation.signals import probabilities_at
from curation.task import ModelTable
from judges.graders.pointwise import RULES
from judges.grading import Grader, Judgement, Put, Unit, Verdict, Vote
from judges.parse import Form, last_object
from judges.rubric import Rubric

VERDICT = re.compile(r'"verdict"\s*:\s*"')
"""Within a string of JSON the second quote would have a backslash before it, so this finds the key alone."""


class Logprob(Grader):
    """Accept where the judge holds acceptance probable enough, be the word it happened to say another.

    The probabilities of what is on the menu are made to sum to 1. A model that reports none leaves the answer
    unscored, by name: its bare words would be another measure under the same name.
    """

    instructions: ClassVar[str] = RULES
    settled_here: ClassVar[frozenset[str]] = frozenset({"longest", "threshold"})

    threshold: Annotated[float, Field(gt=0, le=1)] = 0.5
    """The least probability of acceptance that accepts."""
    alternatives: Annotated[int, Field(ge=2, le=20)] = 5
    """Tokens asked for at each place; some servers give five at most."""

    @property
    def params(self) -> dict[str, JsonValue]:
        """Log-probabilities, with what else could have been said."""
        return {"logprobs": True, "top_logprobs": self.alternatives}

    def form(self, rubric: Rubric, answers: int) -> Form:
        """Accept or reject; two verdicts in one reply must agree, since the word alone does not decide here."""
        return Form(favourable=())

    def refuses(self, model: ModelTable) -> str | None:
        """Anthropic's wire format has no log-probabilities."""
        from curation.llm.practice.profiles import PROFILES, profile_of

        practised = profile_of(model.model, PROFILES) if model.use == "practice" else None
        if model.use != "anthropic" and (practised is None or practised.wire != "anthropic"):
            return None
        return (
            f"judge {model.name!r}: {model.model} is asked over a wire format without log-probabilities, which the "
            'grader "logprob" needs; take another judge, or another grader'
        )

    def read(self, rubric: Rubric, put: Put, reply: Reply) -> Verdict:
        """The verdict with the probability of acceptance as its score."""
        verdict = super().read(rubric, put, reply)
        if not any(len(token.top) > 1 for token in reply.logprobs or ()):
            raise ReplyUnreadable(f"{reply.model} reported no log-probabilities of what else it could have said")
        start = last_object(reply.text).start
        found = VERDICT.search(reply.text, start)
        shares = probabilities_at(reply, found.end(), self.form(rubric, 1).menu) if found else None
        if shares is None:
            raise ReplyUnreadable(f"the verdict is not among the tokens that {reply.model} reported")
        return verdict.model_copy(update={"score": shares["accept"]})

    def concluded(self, unit: Unit, puts: Sequence[Put], verdicts: Sequence[Verdict]) -> Judgement:
        """Accepted from the threshold on."""
        (verdict,) = verdicts
        score = verdict.score or 0.0
        vote: Vote = "accept" if score >= self.threshold else "reject"
        return Judgement(votes=(vote,), reason=verdict.reason, score=score)
