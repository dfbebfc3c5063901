"""People review blind: a study is drawn from a version, shown in both orders, and closed with its agreement."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import polars as pl
from pydantic import JsonValue

from curation.errors import InputError
from curation.records import Record, sample_of
from curation.store.gold import GoldItem, GoldVersion
from curation.store.review_draws import ReviewDraws
from curation.store.reviews import CHOICES as CHOICES
from curation.store.reviews import Item, Kind, Presentation, Reviews, Shown, Study
from curation.store.store import Store
from judges.gold import GoldService
from judges.study import draw_items
from judges.study_beside import Beside
from judges.study_report import report_of

LEASE_SECONDS = 900
"""How long an item shown and not answered stays with its rater."""

QUESTIONS: dict[Kind, str] = {
    "pairwise": "Which answer would you rather send?",
    "single": "Is this answer good enough to teach from?",
}


class Drawn(NamedTuple):
    """In words how the items of a study were drawn, and the probability of each, in item order."""

    how: str
    probabilities: Sequence[float]


class RaterProgress(Record):
    """How far one rater is: nothing about the others' votes."""

    done: int
    skipped: int
    left: int


class StudyStatus(Record):
    """How far a study is: votes wanted and given, votes of each rater."""

    study: Study
    wanted: int
    given: int
    complete_items: int
    by_rater: dict[str, int]


class ReviewService:
    """Everything a page or command needs to run a review study on one workspace."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reviews = Reviews(store.state)

    def create(  # noqa: PLR0913 - a study is declared by these options, each of them optional
        self,
        name: str,
        version: str = "head",
        *,
        kind: Kind = "pairwise",
        n: int = 100,
        overlap: int = 2,
        question: str | None = None,
        seed: int = 0,
        raters: Iterable[str] | None = None,
        actor: str = "engine",
    ) -> Study:
        """Draw up to `n` items from the kept samples of a version and open a study on them.

        A pairwise item is two different answers of different teachers to one prompt. Raises InputError when the
        version holds none, the name is taken, or the numbers make no study.
        """
        if not name or n < 1 or overlap < 1:
            raise InputError("a study needs a name, n of at least 1 and an overlap of at least 1")
        named = tuple(raters) if raters is not None else None
        if named is not None and len(set(named)) < overlap:
            raise InputError(f"{len(set(named))} raters cannot give every item {overlap} votes; name more raters")
        version = self._store.versions.resolve(version)
        items = draw_items(self._store.versions.samples(version), kind, n, seed)
        if not items:
            what = (
                "a kept answer"
                if kind == "single"
                else "two different kept answers of different teachers to one prompt"
            )
            raise InputError(f"version {version[:12]} does not hold {what}, so there is nothing to review")
        return self.open_on(
            name, version, items, kind=kind, overlap=overlap, question=question, seed=seed, raters=named, actor=actor
        )

    def open_on(  # noqa: PLR0913 - a study is declared by these options, each of them optional
        self,
        name: str,
        version: str,
        items: Sequence[Item],
        *,
        kind: Kind = "single",
        overlap: int = 1,
        question: str | None = None,
        seed: int = 0,
        raters: tuple[str, ...] | None = None,
        drawn: Drawn | None = None,
        actor: str = "engine",
    ) -> Study:
        """Open a study on items chosen elsewhere; `drawn` keeps how likely each was to be chosen.

        InputError where there are none or the name is taken.
        """
        if not items:
            raise InputError(f"there is nothing to review, so study {name!r} was not opened")
        study = Study(
            name=name,
            version=version,
            kind=kind,
            question=question or QUESTIONS[kind],
            overlap=overlap,
            seed=seed,
            raters=raters,
            items=len(items),
            opened="",
        )
        opened = self._reviews.open(study, items, self._store.ledger, actor)
        if drawn is not None:
            ReviewDraws(self._store.state).record(name, drawn.how, drawn.probabilities, self._store.ledger, actor)
        return opened

    def studies(self) -> list[Study]:
        """Every study, oldest first."""
        return self._reviews.studies()

    def next(self, study: str, rater: str, limit: int = 10) -> list[Presentation]:
        """Up to `limit` items to show this rater, unanswered ones first; empty when nothing is left."""
        _may_rate(self._reviews.study(study), rater)
        return self._reviews.serve(study, rater, limit, LEASE_SECONDS)

    def vote(self, token: str, rater: str, choice: str, reason: str | None = None, dwell_ms: int = 0) -> bool:
        """Record a vote; False when this presentation already holds one, so sending it again is harmless.

        Raises UnknownRecord for a token never shown to this rater, InputError for a choice the study does not
        offer or a closed study.
        """
        return self._reviews.vote(token, rater, choice, reason, max(0, dwell_ms), self._store.ledger)

    def undo(self, token: str) -> bool:
        """Take a vote back (the vote stays on record); False when there is none to take back."""
        return self._reviews.undo(token, self._store.ledger, LEASE_SECONDS)

    def progress(self, study: str, rater: str) -> RaterProgress:
        """How far this rater is."""
        found = self._reviews.study(study)
        mine = [p for p in self._reviews.presented(study) if p.rater == rater]
        count = {state: sum(p.state == state for p in mine) for state in ("done", "skipped")}
        full = _complete(self._reviews.presented(study), found.overlap)
        touched = {p.position for p in mine if p.state != "open"}
        left = 0 if found.closed else len(set(range(found.items)) - full - touched)
        return RaterProgress(done=count["done"], skipped=count["skipped"], left=left)

    def status(self, study: str) -> StudyStatus:
        """How far the study is."""
        found = self._reviews.study(study)
        ballots = [b for b in self._reviews.ballots(study) if b.choice != "skip"]
        raters = sorted({b.rater for b in ballots})
        return StudyStatus(
            study=found,
            wanted=found.items * found.overlap,
            given=len(ballots),
            complete_items=len(_complete(self._reviews.presented(study), found.overlap)),
            by_rater={r: sum(b.rater == r for b in ballots) for r in raters},
        )

    def close(self, study: str, actor: str = "engine") -> dict[str, JsonValue]:
        """Close the study and give its report; closing a closed study gives the report it was closed with."""
        found = self._reviews.study(study)
        if found.report is not None:
            return found.report
        report = report_of(found, self._reviews.ballots(study), Beside.of(self._store, found))
        return self._reviews.close(study, report, self._store.ledger, actor).report or report

    def promote(
        self, sample_id: str, gold_name: str, actor: str, *, answer: JsonValue = None, slice_name: str | None = None
    ) -> GoldVersion:
        """Put a reviewed sample into a gold set, with its own answer or a corrected one; the set's new version.

        Raises InputError for a sample nobody has voted on, UnknownRecord for one the head version does not hold.
        """
        votes = [v for v in self._reviews.votes_for(sample_id) if v["choice"] != "skip"]
        if not votes:
            raise InputError(f"sample {sample_id} has no review vote yet; only a reviewed sample can become gold")
        row = self._reviewed_row(sample_id, str(votes[-1]["study"]))
        own: JsonValue = row["answer"] if row["labels"] is None else json.loads(row["labels"])
        item = GoldItem(
            id=row["prompt_id"],
            text=sample_of(row).prompt,
            answer=own if answer is None else answer,
            slice=slice_name,
            sample=sample_id,
        )
        return GoldService(self._store).add(gold_name, [item], actor=actor, note=f"promoted sample {sample_id}")

    def _reviewed_row(self, sample_id: str, study: str) -> dict[str, Any]:
        """The sample's row in the version that was reviewed."""
        samples = self._store.versions.samples(self._reviews.study(study).version)
        return samples.row(by_predicate=pl.col("id") == sample_id, named=True)


def _may_rate(study: Study, rater: str) -> None:
    if not rater.strip():
        raise InputError("a rater needs a name")
    if study.raters is not None and rater not in study.raters:
        raise InputError(f"{rater!r} is not a rater of study {study.name!r}")


def _complete(presented: list[Shown], overlap: int) -> set[int]:
    """Positions of the items that have all their votes."""
    done = Counter(p.position for p in presented if p.state == "done")
    return {position for position, votes in done.items() if votes >= overlap}
