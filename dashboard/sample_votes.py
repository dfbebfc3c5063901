"""What people said of one sample in studies that are closed, beyond their choice: comments, scores, edits, marks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from curation.store.reviews import Ballot, Reviews
from curation.store.store import Store
from dashboard.marking import Spot as Mark
from judges.study import conversation


@dataclass(frozen=True)
class Said:
    """One vote's details about one sample; the marks lie in the texts as the rater was shown them."""

    rater: str
    study: str
    comment: str
    scores: tuple[tuple[str, int], ...]
    edit: str | None
    answer: tuple[Mark, ...]
    prompt: tuple[Mark, ...]


def said_of(store: Store, card: Mapping[str, Any]) -> list[Said]:
    """The votes on a sample that say more than a choice; `card` holds none of an open study."""
    reviews = Reviews(store.state)
    studies = dict.fromkeys(vote["study"] for vote in card.get("reviews") or [])
    about = [
        _said(ballot, study, str(card["id"]))
        for study in studies
        for ballot in reviews.ballots(study)
        if card["id"] in (ballot.first_sample, ballot.second_sample)
    ]
    return [
        said for said in about if said.comment or said.scores or said.edit is not None or said.answer or said.prompt
    ]


def shown_prompt(card: Mapping[str, Any]) -> str:
    """The prompt as raters are shown it, in which their marks lie."""
    return conversation(card["row"]["messages"])


def _said(ballot: Ballot, study: str, ident: str) -> Said:
    details = ballot.details
    own = "a" if (ballot.first_sample == ident) != ballot.swap else "b"
    marks = {
        pane: tuple(Mark(s.start, s.end, s.tag) for s in details.spans if s.pane == pane) for pane in ("prompt", own)
    }
    return Said(
        rater=ballot.rater,
        study=study,
        comment=details.comment or "",
        scores=tuple(sorted(details.scores.items())),
        edit=details.edit,
        answer=marks[own],
        prompt=marks["prompt"],
    )
