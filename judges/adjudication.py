"""Settles what raters flagged or disagree on: the most valuable item first, blind to sources and to who said what.

Decisions are about the answers as the adjudicator sees them and are kept with the order undone. They never change a
vote; a report and gold rows made from a study take them over the majority.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import get_args

from pydantic import JsonValue

from curation.errors import InputError
from curation.people import OWNER, Person
from curation.records import Record
from curation.store.adjudications import Adjudication, Adjudications, Category, Settling, View, same_person
from curation.store.gold import GoldVersion
from curation.store.review_imports import IMPORTED, ReviewItems
from curation.store.review_records import PASSED, POINTS, Ballot
from curation.store.reviews import CHOICES, Reviews, Study
from curation.store.store import Store
from judges.agreement import krippendorff_alpha
from judges.conflicts import CONFLICT, FLAGGED, SIDES, Conflict, by_item, flipped, shown_to, value_of
from judges.gold import GoldService
from judges.gold_rows import VERDICTS, rows_of_study
from judges.resampling import DRAWS
from judges.settled import SET_ASIDE, by_category, edit_that_stands, overruled
from judges.study_figures import figure_row
from judges.study_report import majority_of

CATEGORIES: tuple[Category, ...] = get_args(Category)


class AdjudicationFigures(Record):
    """How adjudication of a study stands; shares and alphas come with interval and n.

    `open` items are in dispute or flagged by a rater, and not settled; `flagged` ones are those of them with a flag.
    `agreed` ones have two votes or more, no dispute and no flag, `barred` ones are open and the adjudicator voted on
    them or passed them on. `oldest` is when the oldest open item got its last vote or flag. `before` and `after` are
    the alphas of votes cast before and since the guideline last changed, None where it never did.
    """

    open: int
    flagged: int
    settled: int
    agreed: int
    barred: int
    oldest: str | None
    overruled: dict[str, JsonValue]
    categories: dict[str, JsonValue]
    alpha: dict[str, JsonValue]
    before: dict[str, JsonValue] | None
    after: dict[str, JsonValue] | None


class AdjudicationService:
    """Everything a page or command needs to settle the disputed items of a study."""

    def __init__(self, store: Store, who: Person = OWNER) -> None:
        self._store = store
        self._who = who
        self._reviews = Reviews(store.state)
        self._adjudications = Adjudications(store.state)

    # --- what there is to settle -------------------------------------------------------------------------------

    def queue(self, study: str, adjudicator: str, limit: int = 10, threshold: float = CONFLICT) -> list[Conflict]:
        """Up to `limit` items that are not settled and are worth `threshold` or more, the most valuable first.

        Those a rater flagged come before all others. A threshold below CONFLICT adds items on which raters agreed:
        STRENGTH those they agreed on to different degrees, 0 all of them. Deferred items come last; those the
        adjudicator voted on, flagged or skipped are left to somebody else.
        """
        found = self._may(study, adjudicator)
        ballots = by_item(self._reviews.ballots(study))
        settled = self._adjudications.standing(study)
        values = {k: v for k, given in ballots.items() if (v := value_of(given)) is not None and v >= threshold}
        mine = self._own(study, adjudicator)
        wanted = [k for k in values if k not in settled and k not in mine]
        before = self._adjudications.deferred(study, adjudicator)
        wanted.sort(key=lambda k: (before.get(k, 0), -values[k], k))
        return self._shown(found, adjudicator, {k: ballots[k] for k in wanted[:limit]}, settled)

    def settled(self, study: str, adjudicator: str, limit: int = 50) -> list[Conflict]:
        """Items that are settled, the newest decision first, to be looked at and settled again."""
        found = self._may(study, adjudicator)
        settled = self._adjudications.standing(study)
        mine = self._own(study, adjudicator)
        newest = sorted((k for k in settled if k not in mine), key=lambda k: (settled[k].at, -k), reverse=True)[:limit]
        ballots = by_item(self._reviews.ballots(study))
        return self._shown(found, adjudicator, {k: ballots.get(k, []) for k in newest}, settled)

    def choices(self, study: str) -> tuple[str, ...]:
        """What may be decided: what raters could say, and that the item is set aside.

        In a study rated elsewhere with labels of its own, those labels.
        """
        found = self._reviews.study(study)
        usual = tuple(word for word in CHOICES[found.kind] if word not in PASSED)
        if not found.version.startswith(IMPORTED):
            return (*usual, SET_ASIDE)
        said = {b.winner for b in self._reviews.ballots(study) if not b.passed}
        said |= {a.verdict for a in self._adjudications.history(study)}
        labels = sorted(said - set(usual) - SIDES.keys() - {SET_ASIDE})
        return (*(labels or usual), SET_ASIDE)

    def is_closed(self, study: str) -> bool:
        """Whether a study is closed, so that what its items are made of may be named."""
        return self._reviews.study(study).closed is not None

    # --- settling it -------------------------------------------------------------------------------------------

    def decide(  # noqa: PLR0913 - one argument for each thing a decision says
        self,
        token: str,
        adjudicator: str,
        choice: str,
        category: str,
        note: str = "",
        promote_to: str | None = None,
        edit: str | None = None,
    ) -> Adjudication:
        """Settle an item, or settle it again; the last decision stands.

        With `promote_to` the item goes into that gold set with this verdict: at once where the study is closed, else
        when it closes, because gold rows name teachers and raters. In an edit study `edit` is the text that stands
        where the choice is `edit`: one of the raters' or another; where they made one and the same, it may be left out.
        Raises Forbidden where the adjudicator voted on it, UnknownRecord for a token not shown to them, InputError for
        a choice, category, promotion or edit that cannot be.
        """
        view = self._adjudications.view(token, adjudicator)
        self._may(view.study, adjudicator)
        known: dict[str, Category] = {word: word for word in CATEGORIES}
        if category not in known:
            raise InputError(f"no category {category!r}. Known: {', '.join(CATEGORIES)}")
        offered = self.choices(view.study)
        if choice not in offered:
            raise InputError(f"no choice {choice!r} here. Known: {', '.join(offered)}")
        undone = flipped(choice) if view.swap else choice
        verdict = {"a": "first", "b": "second"}.get(undone.removesuffix("_much"), undone)
        gold = self._may_promote(view.study, verdict, promote_to)
        settling = Settling(
            verdict=verdict,
            points=POINTS.get(undone),
            category=known[category],
            note=note.strip(),
            gold=gold,
            edit=self._edit(view, choice, edit),
        )
        made = self._adjudications.settle(token, adjudicator, settling, self._store.ledger)
        if gold is not None and self.is_closed(view.study):
            promote_settled(self._store, view.study, adjudicator, only={view.position})
        return made

    def defer(self, token: str, adjudicator: str) -> None:
        """Leave an item for later: it comes after the others of this adjudicator."""
        self._may(self._adjudications.view(token, adjudicator).study, adjudicator)
        self._adjudications.defer(token, adjudicator, self._store.ledger)

    def _edit(self, view: View, choice: str, wanted: str | None) -> str | None:
        """The text that stands, of a study whose raters may edit; no other has one."""
        if self._reviews.study(view.study).kind != "edit":
            if wanted is not None:
                raise InputError(f"study {view.study!r} asks for no edits")
            return None
        votes = [b for b in self._reviews.ballots(view.study) if b.position == view.position]
        return edit_that_stands(choice, wanted, ReviewItems(self._store.state).of(view.study)[view.position], votes)

    def _may_promote(self, study: str, verdict: str, name: str | None) -> str | None:
        if name is None:
            return None
        self._who.require("curate_gold", study)
        gold = GoldService(self._store)
        if not name.strip():
            raise InputError("name the gold set that the item should go into")
        if verdict not in VERDICTS:
            raise InputError(
                "a gold row says which answer is better, or whether one is accepted; this decision does not"
            )
        if name.strip() in gold.names() and gold.sealed(name.strip()):
            raise InputError(f"gold set {name.strip()!r} is sealed and takes no row any more")
        return name.strip()

    # --- how it stands -----------------------------------------------------------------------------------------

    def figures(self, study: str, adjudicator: str | None = None) -> AdjudicationFigures:
        """How adjudication stands."""
        self._who.require("adjudicate", study, adjudicator)
        found = self._reviews.study(study)
        ballots = self._reviews.ballots(study)
        votes = [b for b in ballots if not b.passed]
        settled = self._adjudications.standing(study)
        items = ReviewItems(self._store.state).of(study)
        values = {k: v for k, given in by_item(ballots).items() if (v := value_of(given)) is not None}
        waiting = {k for k, v in values.items() if v >= CONFLICT and k not in settled}
        told = by_item([b for b in ballots if b.choice != "skip"])
        last = {k: max(b.at for b in given) for k, given in told.items() if k in waiting}
        in_force = self._reviews.design(study).guideline
        former = [b for b in votes if b.guideline != in_force]
        changed = bool(former) and in_force is not None
        return AdjudicationFigures(
            open=len(waiting),
            flagged=sum(values[k] >= FLAGGED for k in waiting),
            settled=len(settled),
            agreed=sum(v < CONFLICT and k not in settled for k, v in values.items()),
            barred=len(waiting & self._own(study, adjudicator)) if adjudicator else 0,
            oldest=min(last.values(), default=None),
            overruled=overruled(majority_of(votes), settled, items),
            categories=by_category(settled, items),
            alpha=_alpha(votes, found.seed),
            before=_alpha(former, found.seed) if changed else None,
            after=_alpha([b for b in votes if b.guideline == in_force], found.seed) if changed else None,
        )

    def _may(self, study: str, adjudicator: str) -> Study:
        self._who.require("adjudicate", study, adjudicator)
        if not adjudicator.strip():
            raise InputError("an adjudicator needs a name")
        return self._reviews.study(study)

    def _own(self, study: str, adjudicator: str) -> set[int]:
        """Positions of the items this person voted on."""
        voters = self._adjudications.voters(study)
        return {k for k, who in voters.items() if any(same_person(name, adjudicator) for name in who)}

    def _shown(
        self,
        study: Study,
        adjudicator: str,
        ballots: Mapping[int, Sequence[Ballot]],
        settled: Mapping[int, Adjudication],
    ) -> list[Conflict]:
        """The items of these votes, in their order, as the adjudicator sees them."""
        raters = {k: list(dict.fromkeys(b.rater for b in given)) for k, given in ballots.items()}
        views = self._adjudications.views(study.name, adjudicator, raters)
        items = ReviewItems(self._store.state).of(study.name)
        return [shown_to(views[k], study, items[k], given, settled) for k, given in ballots.items()]


def promote_settled(store: Store, study: str, actor: str, *, only: Collection[int] | None = None) -> list[GoldVersion]:
    """Put settled items of a closed study into the gold sets their decisions name; the sets' newest versions.

    `only` names the positions meant, where not all are. A set that was sealed in the meantime is left as it is.
    """
    found = Reviews(store.state).study(study)
    if found.closed is None:
        raise InputError(f"study {study!r} is open, and gold rows name teachers; `stillhouse review close {study}`")
    wanted: dict[str, set[int]] = {}
    for position, settled in Adjudications(store.state).standing(study).items():
        if settled.gold is not None and (only is None or position in only):
            wanted.setdefault(settled.gold, set()).add(position)
    gold = GoldService(store)
    open_sets = {name for name in wanted if name not in gold.names() or gold.sealed(name) is None}
    return [
        gold.add(
            name,
            rows_of_study(store, found, only=wanted[name]).rows,
            actor=actor,
            note=f"settled in study {study}",
        )
        for name in sorted(open_sets)
    ]


def _alpha(votes: Sequence[Ballot], seed: int) -> dict[str, JsonValue]:
    units = [[b.winner for b in given] for given in by_item(votes).values()]
    return figure_row(krippendorff_alpha(units, draws=DRAWS, seed=seed))
