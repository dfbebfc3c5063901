"""People review blind: a study is drawn from a version, shown in both orders, and closed with its agreement."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl
from pydantic import JsonValue

from curation.errors import InputError
from curation.people import OWNER, Person
from curation.records import Record, sample_of
from curation.store.gold import GoldItem, GoldVersion
from curation.store.review_own import OwnWork
from curation.store.review_records import Design, Details, Draft, Past, RaterProgress, Said
from curation.store.review_records import Drawn as Drawn
from curation.store.reviews import CHOICES as CHOICES
from curation.store.reviews import PASSED, Item, Kind, Opening, Presentation, Reviews, Shown, Study
from curation.store.store import Store
from judges.adjudication import promote_settled
from judges.gold import GoldService
from judges.planting import plants_of, spare_items
from judges.study_beside import Beside
from judges.study_report import report_of

LEASE_SECONDS = 900
"""How long an item shown and not answered stays with its rater."""

QUESTIONS: dict[Kind, str] = {
    "pairwise": "Which answer would you rather send?",
    "single": "Is this answer good enough to teach from?",
    "edit": "Is this answer right as it stands? Correct it where it is not.",
    "spans": "Is there anything in this answer that should not be there? Mark it.",
}


PLAIN = Design()
"""No criteria, nothing planted."""


class StudyStatus(Record):
    """How far a study is: votes wanted and given, votes of each rater."""

    study: Study
    wanted: int
    given: int
    complete_items: int
    by_rater: dict[str, int]


class ReviewService:
    """Everything a page or command needs to run a review study on one workspace, for one person."""

    def __init__(self, store: Store, who: Person = OWNER) -> None:
        self._store = store
        self._reviews = Reviews(store.state)
        self._who = who

    # --- opening -----------------------------------------------------------------------------------------------

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
        design: Design = PLAIN,
        guideline: str | None = None,
        actor: str = "engine",
    ) -> Study:
        """Draw up to `n` items from the kept samples of a version and open a study on them.

        A pairwise item is two different answers of different teachers to one prompt. Raises InputError when the
        version holds none, the name is taken, or the numbers make no study.
        """
        self._who.require("open_study", name)
        if not name or n < 1 or overlap < 1:
            raise InputError("a study needs a name, n of at least 1 and an overlap of at least 1")
        named = tuple(raters) if raters is not None else None
        if named is not None and len(set(named)) < overlap:
            raise InputError(f"{len(set(named))} raters cannot give every item {overlap} votes; name more raters")
        version = self._store.versions.resolve(version)
        items, spare = spare_items(self._store.versions.samples(version), kind, n, design.practice, seed)
        if not items:
            what = (
                "two different kept answers of different teachers to one prompt"
                if kind == "pairwise"
                else "a kept answer"
            )
            raise InputError(f"version {version[:12]} does not hold {what}, so there is nothing to review")
        return self.open_on(
            name, version, items, kind=kind, overlap=overlap, question=question, seed=seed, raters=named,
            design=design, guideline=guideline, spare=spare, actor=actor,
        )  # fmt: skip

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
        design: Design = PLAIN,
        guideline: str | None = None,
        spare: Sequence[Item] = (),
        drawn: Drawn | None = None,
        actor: str = "engine",
    ) -> Study:
        """Open a study on items chosen elsewhere; `drawn` keeps how likely each was to be chosen.

        `spare` are items to practise on. InputError where there are no items or the name is taken.
        """
        self._who.require("open_study", name)
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
        plants = plants_of(self._store, design, kind, items, spare)
        opening = Opening(
            study=study,
            items=tuple(items),
            design=design,
            guideline=guideline,
            plants=tuple(plants),
            drawn=drawn,
        )
        return self._reviews.open(opening, self._store.ledger, actor)

    # --- what is asked -----------------------------------------------------------------------------------------

    def studies(self) -> list[Study]:
        """Every study this person has to do with, oldest first."""
        return [s for s in self._reviews.studies() if self._who.study in (None, s.name)]

    def design(self, study: str) -> Design:
        """How a study is asked, with the digest of the guideline in force."""
        return self._reviews.design(study)

    def guideline(self, study: str) -> str | None:
        """The text of the guideline in force."""
        return self._reviews.guideline(study)

    def set_guideline(self, study: str, text: str, actor: str = "engine") -> str:
        """Put another guideline in force for the votes to come; its digest."""
        self._who.require("open_study", study)
        return self._reviews.set_guideline(study, text, self._store.ledger, actor)

    # --- a rater's own -----------------------------------------------------------------------------------------

    def next(self, study: str, rater: str, limit: int = 10) -> list[Presentation]:
        """Up to `limit` items to show this rater, unanswered ones first; empty when nothing is left."""
        self._rates(study, rater)
        return self._reviews.serve(study, rater, limit, LEASE_SECONDS)

    def vote(  # noqa: PLR0913 - what a rater says of one item, most of it optional
        self,
        token: str,
        rater: str,
        choice: str,
        reason: str | None = None,
        dwell_ms: int = 0,
        *,
        details: Details | None = None,
        act: str | None = None,
    ) -> bool:
        """Record a vote; False when this presentation already holds one, so sending it again is harmless.

        `act` names the deed, so that the same one sent again after an undo is told from a new vote. Raises
        UnknownRecord for a token never shown to this rater, InputError for what the study does not offer or a closed
        study.
        """
        self._who.require("rate", self._reviews.study_of(token, rater), rater)
        said = Said(choice=choice, reason=reason, dwell_ms=max(0, dwell_ms), details=details or Details(), act=act)
        return self._reviews.vote(token, rater, said, self._store.ledger)

    def undo(self, token: str, rater: str, *, act: str | None = None) -> bool:
        """Take a vote back (the vote stays on record); False when there is none to take back."""
        self._who.require("rate", self._reviews.study_of(token, rater), rater)
        return self._reviews.undo(token, rater, act, self._store.ledger, LEASE_SECONDS)

    def draft(self, token: str, rater: str, draft: Draft) -> None:
        """Keep what a rater has begun to say about an item; UnknownRecord for a token never shown to them."""
        self._who.require("rate", self._reviews.study_of(token, rater), rater)
        self._reviews.draft(token, rater, draft)

    def release(self, study: str, rater: str) -> int:
        """Give back the items a rater holds and has not answered, for a pause; how many."""
        self._rates(study, rater)
        return self._reviews.release(study, rater)

    def progress(self, study: str, rater: str) -> RaterProgress:
        """How far this rater is."""
        return self._own(study, rater).progress()

    def history(self, study: str, rater: str, limit: int = 50) -> list[Past]:
        """The rater's own votes, newest first."""
        return self._own(study, rater).history(limit)

    def feedback(self, study: str, token: str, rater: str) -> str | None:
        """What is known to be right about a practice item this rater has answered; None where nothing is."""
        known = self._own(study, rater).feedback(token)
        if known is None:
            return None
        choice, swapped, right = known
        wanted = {"first": "b" if swapped else "a", "second": "a" if swapped else "b"}.get(right, right)
        agreed = choice.removesuffix("_much") == wanted
        words = {"a": "A is better", "b": "B is better"}.get(wanted, f"{wanted} it")
        return f"The gold set says so too: {words}." if agreed else f"The gold set says otherwise: {words}."

    def _own(self, study: str, rater: str) -> OwnWork:
        return OwnWork(self._store.state, self._rates(study, rater), self._reviews.design(study), rater)

    def _rates(self, name: str, rater: str) -> Study:
        """The study, of which this person may act as this rater."""
        self._who.require("rate", name, rater)
        study = self._reviews.study(name)
        if not rater.strip():
            raise InputError("a rater needs a name")
        if study.raters is not None and rater not in study.raters:
            raise InputError(f"{rater!r} is not a rater of study {study.name!r}")
        return study

    # --- its owner's -------------------------------------------------------------------------------------------

    def status(self, study: str) -> StudyStatus:
        """How far the study is."""
        self._who.require("see_study", study)
        found = self._reviews.study(study)
        ballots = [b for b in self._reviews.ballots(study) if not b.passed]
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
        self._who.require("close_study", study)
        found = self._reviews.study(study)
        if found.report is not None:
            return found.report
        report = report_of(found, self._reviews.ballots(study), Beside.of(self._store, found))
        closed = self._reviews.close(study, report, self._store.ledger, actor)
        promote_settled(self._store, study, actor)
        return closed.report or report

    def promote(
        self, sample_id: str, gold_name: str, actor: str, *, answer: JsonValue = None, slice_name: str | None = None
    ) -> GoldVersion:
        """Put a reviewed sample into a gold set, with its own answer or a corrected one; the set's new version.

        Raises InputError for a sample nobody has voted on, UnknownRecord for one the head version does not hold.
        """
        self._who.require("curate_gold")
        votes = [v for v in self._reviews.votes_for(sample_id) if v["choice"] not in PASSED]
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


def _complete(presented: list[Shown], overlap: int) -> set[int]:
    """Positions of the items that have all their votes."""
    done = Counter(p.position for p in presented if p.state == "done")
    return {position for position, votes in done.items() if votes >= overlap}
