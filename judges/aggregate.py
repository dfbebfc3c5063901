"""Turns the votes of a panel on one sample into one ruling."""

from collections.abc import Sequence
from typing import Literal

from pydantic import JsonValue

from curation.records import Record

Judged = Literal["agreed", "rejected", "split", "unjudged"]


class PanelVote(Record):
    """One judge's vote on one sample; `unscored` leaves the count and stays visible with its reason."""

    judge: str
    family: str
    vote: Literal["accept", "reject", "unscored"]
    reason: str

    def as_evidence(self) -> dict[str, JsonValue]:
        """The vote as a decision's evidence holds it."""
        return self.model_dump(mode="json")


class Ruling(Record):
    """What the panel made of a sample: `judged`, and how many accepted, rejected and could not be scored."""

    judged: Judged
    accept: int
    reject: int
    unscored: int


def majority(votes: Sequence[PanelVote], quorum: int = 1) -> Ruling:
    """The majority of the scored votes; a tie is `split`, fewer scored votes than the quorum `unjudged`.

    >>> accept = PanelVote(judge="a", family="alder", vote="accept", reason="")
    >>> majority([accept, accept.model_copy(update={"vote": "unscored"})]).judged
    'agreed'
    """
    count = {kind: sum(v.vote == kind for v in votes) for kind in ("accept", "reject", "unscored")}
    accept, reject = count["accept"], count["reject"]
    judged: Judged
    if accept + reject < quorum:
        judged = "unjudged"
    elif accept == reject:
        judged = "split"
    else:
        judged = "agreed" if accept > reject else "rejected"
    return Ruling(judged=judged, **count)
