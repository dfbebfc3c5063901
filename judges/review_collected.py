"""Makes a study out of ratings, one after another: its items, everybody's vote on them, and what was settled on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from curation.store.adjudications import ELSEWHERE, Adjudication
from curation.store.review_imports import IMPORTED, ImportedVote
from curation.store.review_records import POINTS
from curation.store.reviews import CHOICES, Item, Kind
from curation.store.store import Store
from judges.review_argilla import OWN_FIELDS
from judges.review_ratings import Rating, Settlement
from judges.settled import SET_ASIDE
from judges.study import Row, item_of

PANES = {"a": ("first", "second"), "b": ("second", "first")}
"""What a choice of a pane says about the item's answers, as shown in their order and in the other."""


@dataclass
class Collected:
    """The study that ratings make, one after another: items in the order they come, and everybody's vote on them.

    An item's first answer is `a` of its first rating, or `b` where that says it was shown the other way round.
    """

    name: str
    labels: set[str]
    samples: "Samples | None" = None
    kind: Kind | None = None
    question: str | None = None
    kept: int = 0
    items: list[Item] = field(default_factory=list[Item])
    votes: list[ImportedVote] = field(default_factory=list[ImportedVote])
    final: dict[int, Adjudication] = field(default_factory=dict[int, Adjudication])
    _places: dict[str, int] = field(default_factory=dict[str, int])
    _lines: dict[tuple[int, str], int] = field(default_factory=dict[tuple[int, str], int])

    def add(self, line: int, rating: Rating) -> str | None:
        """Take a rating in; the reason where it does not fit, and then nothing of it is kept."""
        kind = _kind(rating)
        if (rating.b is None) == (kind == "pairwise"):
            return f"{_answers(rating)} cannot be asked about in a study of kind {kind}"
        if self.kind not in (None, kind):
            return f"{_answers(rating)} in a {self.kind} study"
        if (reason := self._unknown(kind, rating)) is not None:
            return reason
        place = self._places.get(rating.item)
        item = self._item(rating) if place is None else self.items[place]
        if isinstance(item, str):
            return item
        swap = _swapped(item, rating)
        if swap is None:
            return f"item {rating.item!r} has other texts on an earlier line"
        position = len(self.items) if place is None else place
        return self._clash(position, line, rating, swap) or self._take(position, item, line, rating, swap)

    def _unknown(self, kind: Kind, rating: Rating) -> str | None:
        menu = [*CHOICES[kind], *sorted(self.labels - set(CHOICES[kind]))]
        final = None if rating.final == SET_ASIDE else rating.final
        wrong = next((w for w in (rating.choice, final) if w is not None and w not in menu), None)
        return None if wrong is None else f"no choice {wrong!r} here. Known: {', '.join(menu)}"

    def _clash(self, position: int, line: int, rating: Rating, swap: bool) -> str | None:
        """Why a rating does not go with what was said of its item before."""
        if rating.rater is not None and (position, rating.rater) in self._lines:
            return f"{rating.rater!r} rated this item on line {self._lines[position, rating.rater]}"
        known, now = self.final.get(position), _settled(position, rating, swap)
        if known is None or now is None:
            return None
        told_twice = ELSEWHERE not in (known.adjudicator, now.adjudicator)
        if known.verdict != now.verdict or (told_twice and known != now):
            return f"item {rating.item!r} was settled otherwise on an earlier line"
        return None

    def _take(self, position: int, item: Item, line: int, rating: Rating, swap: bool) -> None:
        self.kind = _kind(rating)
        self.question = self.question or rating.question
        self.kept += 1
        if position == len(self.items):
            self.items.append(item)
            self._places[rating.item] = position
        settled = _settled(position, rating, swap)
        if settled is not None and (position not in self.final or settled.adjudicator != ELSEWHERE):
            self.final[position] = settled
        if rating.rater is not None and rating.choice is not None:
            self._lines[position, rating.rater] = line
            said = rating.model_dump(include={"reason", "dwell_ms", "at"})
            vote = {"position": position, "rater": rating.rater, "choice": rating.choice, "swap": swap}
            more = {key: getattr(rating.stillhouse, key) for key in OWN_FIELDS}
            self.votes.append(ImportedVote.model_validate({**vote, **said, **more}))

    def _item(self, rating: Rating) -> Item | str:
        """The item a rating is about, as one of a version here, or one known from the file alone."""
        pair = (rating.a, rating.b) if not rating.swap or rating.b is None else (rating.b, rating.a)
        own = f"{IMPORTED}{self.name}/{rating.item}"
        item = Item(
            prompt=rating.prompt,
            first=pair[0],
            second=pair[1],
            first_sample=rating.first_sample or (own if pair[1] is None else f"{own}/a"),
            second_sample=None if pair[1] is None else rating.second_sample or f"{own}/b",
            first_teacher=rating.first_teacher,
            second_teacher=None if pair[1] is None else rating.second_teacher,
        )
        return item if self.samples is None else self.samples.like(item, rating)


def _kind(rating: Rating) -> Kind:
    return rating.stillhouse.kind or ("single" if rating.b is None else "pairwise")


def _answers(rating: Rating) -> str:
    return "one answer" if rating.b is None else "two answers"


def _swapped(item: Item, rating: Rating) -> bool | None:
    """Whether a rater saw the second answer as A; None where the texts are not those of the item."""
    if rating.prompt != item.prompt:
        return None
    orders = [swap for swap in (False, True) if (rating.a, rating.b) == shown_in(item, swap)]
    if item.second is None:
        orders = orders[:1]
    if rating.swap is not None:
        return rating.swap if rating.swap in orders else None
    return orders[0] if orders else None


def shown_in(item: Item, swap: bool) -> tuple[str, str | None]:
    """The answers as a rater saw them: the second one as A where `swap`."""
    return (item.second, item.first) if swap and item.second is not None else (item.first, item.second)


def _undone(choice: str, swap: bool) -> str:
    """A choice with the order undone."""
    pane = choice.removesuffix("_much")
    return PANES[pane][swap] if pane in PANES else choice


def _settled(position: int, rating: Rating, swap: bool) -> Adjudication | None:
    """What a rating says its item was settled on, with the order undone."""
    if rating.final is None:
        return None
    points = POINTS.get(rating.final)
    how = rating.stillhouse.settled or Settlement()
    return Adjudication(
        position=position,
        verdict=_undone(rating.final, swap),
        points=-points if points and swap else points,
        category=how.category,
        note=how.note,
        edit=how.edit,
        adjudicator=how.adjudicator or ELSEWHERE,
        at=how.settled_at or "",
    )


@dataclass(frozen=True)
class Samples:
    """The kept samples of a version, by id, that items of an import are held to."""

    version: str
    rows: Mapping[str, Row]

    @classmethod
    def of(cls, store: Store, version: str) -> "Samples":
        """The samples of a version that have an answer and were kept."""
        kept = store.versions.samples(version).filter((pl.col("state") == "kept") & pl.col("answer").is_not_null())
        return cls(version, {row["id"]: row for row in kept.iter_rows(named=True)})

    def like(self, item: Item, rating: Rating) -> Item | str:
        """The item of the version with these texts; the reason where there is none."""
        names = [rating.first_sample or rating.item]
        if item.second is not None:
            names = [rating.first_sample, rating.second_sample] if rating.first_sample else rating.item.split("+")
        found = [self.rows.get(name or "") for name in names]
        first, second = found[0], found[1] if len(found) == 2 else None
        if first is None or (item.second is not None and second is None):
            return f"item {rating.item!r} is no kept sample of version {self.version[:12]}"
        known = item_of(first, second)
        if (known.prompt, known.first, known.second) != (item.prompt, item.first, item.second):
            return f"item {rating.item!r} has other texts in version {self.version[:12]}"
        return known
