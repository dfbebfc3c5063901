"""Brings in a study that was rated elsewhere, as a closed one, and writes closed ones out: JSONL, Argilla's records."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, NamedTuple

import polars as pl
from pydantic import JsonValue

from curation.errors import InputError
from curation.people import OWNER, Person
from curation.records import Record
from curation.store.adjudications import ELSEWHERE, Adjudication
from curation.store.review_imports import IMPORTED, ImportedVote, ReviewImports, ReviewItems
from curation.store.reviews import CHOICES, Ballot, Item, Kind, Reviews, Study
from curation.store.store import Store
from judges.pseudonyms import pseudonym
from judges.review import QUESTIONS
from judges.review_argilla import OWN, OWN_FIELDS, own_part, record_of
from judges.review_ratings import Rating, Reading, count_suggestions, read_ratings
from judges.study import Row, item_of
from judges.study_beside import Beside
from judges.study_report import report_of

Format = Literal["jsonl", "argilla"]
SIDES = {"a": ("first", "second"), "b": ("second", "first")}
"""What a choice of a pane says about the item's answers, as shown in their order and in the other."""


class BadRating(Record):
    """A rating that was set aside; `line` is the entry's number where the file is one JSON array."""

    file: str
    line: int
    reason: str


class StudyImport(Record):
    """What an import kept: `rows = kept + quarantined`, a row being a rating, or an item that nobody rated.

    `final` counts items with a label that was settled on; `suggestions` what models suggested in Argilla's records,
    which is nobody's vote and left out.
    """

    study: str
    kind: Kind
    items: int
    rows: int
    kept: int
    quarantined: tuple[BadRating, ...]
    votes: int
    raters: tuple[str, ...]
    final: int
    suggestions: int


class Claims(NamedTuple):
    """What a study that comes in is declared to be: what raters were asked, and the version it is from, if any here."""

    question: str | None = None
    version: str | None = None


UNCLAIMED = Claims()


def import_study(
    store: Store,
    path: Path,
    name: str,
    reading: Reading | None = None,
    claims: Claims = UNCLAIMED,
    actor: str = "engine",
) -> StudyImport:
    """Import finished ratings as a closed study with its report; a bad row is named and set aside.

    Where `claims` names a version, its items must be samples of that version, word for word. Raises InputError when
    the file cannot be read or holds no good row, or the name is taken.
    """
    reading = reading or Reading()
    if not name.strip():
        raise InputError("a study needs a name")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    version = None if claims.version is None else store.versions.resolve(claims.version)
    collected = Collected(name, set(reading.choices.values()), None if version is None else _Samples.of(store, version))
    bad: list[BadRating] = []
    for line, rating in read_ratings(data, reading):
        reason = rating if isinstance(rating, str) else collected.add(line, rating)
        if reason is not None:
            shown = reason.encode("utf-8", "backslashreplace").decode()  # it may quote half a character of the file
            bad.append(BadRating(file=path.name, line=line, reason=shown))
    if collected.kind is None:
        first = f"; line {bad[0].line}: {bad[0].reason}" if bad else ""
        raise InputError(f"{path} holds no rating{first}. A row is {{item, prompt, a, b, rater, choice}}")
    study = _study(collected, claims.question, version or f"{IMPORTED}{sha256(data).hexdigest()[:32]}")
    source: dict[str, JsonValue] = {
        "file": path.name,
        "sha256": sha256(data).hexdigest(),
        "rows": collected.kept + len(bad),
        "kept": collected.kept,
        "quarantined": len(bad),
    }
    study = study.model_copy(update={"report": _report(store, study, collected, source)})
    final: dict[str, JsonValue] = {str(position): label for position, label in sorted(collected.final.items())}
    if final:
        source["final"] = final
    ReviewImports(store.state).record(study, collected.items, collected.votes, source, ledger=store.ledger, actor=actor)
    return StudyImport(
        study=name,
        kind=study.kind,
        items=study.items,
        rows=collected.kept + len(bad),
        kept=collected.kept,
        quarantined=tuple(bad),
        votes=len(collected.votes),
        raters=study.raters or (),
        final=len(final),
        suggestions=count_suggestions(data),
    )


def _study(collected: "Collected", question: str | None, version: str) -> Study:
    kind = collected.kind or "single"
    per_item: dict[int, int] = {}
    for vote in collected.votes:
        per_item[vote.position] = per_item.get(vote.position, 0) + 1
    return Study(
        name=collected.name,
        version=version,
        kind=kind,
        question=question or collected.question or QUESTIONS[kind],
        overlap=max(per_item.values(), default=1),
        seed=0,
        raters=tuple(sorted({v.rater for v in collected.votes})),
        items=len(collected.items),
        opened="",
    )


def _report(
    store: Store, study: Study, collected: "Collected", source: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """The report as of any study, marked as imported, with the raters beside what was settled on."""
    ballots = [vote.ballot(collected.items[vote.position]) for vote in collected.votes]
    settled = {k: Adjudication(position=k, verdict=v, adjudicator=ELSEWHERE, at="") for k, v in collected.final.items()}
    beside = replace(Beside.of(store, study, collected.items), settled=settled)
    return {**report_of(study, ballots, beside), "imported": dict(source)}


@dataclass
class Collected:
    """The study that ratings make, one after another: items in the order they come, and everybody's vote on them.

    An item's first answer is `a` of its first rating, or `b` where that says it was shown the other way round.
    """

    name: str
    labels: set[str]
    samples: "_Samples | None" = None
    kind: Kind | None = None
    question: str | None = None
    kept: int = 0
    items: list[Item] = field(default_factory=list[Item])
    votes: list[ImportedVote] = field(default_factory=list[ImportedVote])
    final: dict[int, str] = field(default_factory=dict[int, str])
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
        wrong = next((w for w in (rating.choice, rating.final) if w is not None and w not in menu), None)
        return None if wrong is None else f"no choice {wrong!r} here. Known: {', '.join(menu)}"

    def _clash(self, position: int, line: int, rating: Rating, swap: bool) -> str | None:
        """Why a rating does not go with what was said of its item before."""
        if rating.rater is not None and (position, rating.rater) in self._lines:
            return f"{rating.rater!r} rated this item on line {self._lines[position, rating.rater]}"
        final = self.final.get(position)
        if rating.final is not None and final not in (None, _undone(rating.final, swap)):
            return f"item {rating.item!r} was settled otherwise on an earlier line"
        return None

    def _take(self, position: int, item: Item, line: int, rating: Rating, swap: bool) -> None:
        self.kind = _kind(rating)
        self.question = self.question or rating.question
        self.kept += 1
        if position == len(self.items):
            self.items.append(item)
            self._places[rating.item] = position
        if rating.final is not None:
            self.final[position] = _undone(rating.final, swap)
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
    orders = [swap for swap in (False, True) if (rating.a, rating.b) == _shown(item, swap)]
    if item.second is None:
        orders = orders[:1]
    if rating.swap is not None:
        return rating.swap if rating.swap in orders else None
    return orders[0] if orders else None


def _shown(item: Item, swap: bool) -> tuple[str, str | None]:
    return (item.second, item.first) if swap and item.second is not None else (item.first, item.second)


def _undone(choice: str, swap: bool) -> str:
    """A choice with the order undone."""
    pane = choice.removesuffix("_much")
    return SIDES[pane][swap] if pane in SIDES else choice


@dataclass(frozen=True)
class _Samples:
    """The kept samples of a version, by id, that items of an import are held to."""

    version: str
    rows: Mapping[str, Row]

    @classmethod
    def of(cls, store: Store, version: str) -> "_Samples":
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


def export_study(
    store: Store, name: str, form: Format = "jsonl", *, names: bool = False, who: Person = OWNER, actor: str = "engine"
) -> tuple[bytes, int]:
    """A closed study as a file, and how many votes it holds; InputError for an open one, whose raters could read it.

    Raters have pseudonyms that are stable within the workspace, unless `names`. The file names the sources, so whoever
    writes it needs the right to see them, and the ledger says that it was written.
    """
    who.require("unblind", name)
    study = Reviews(store.state).study(name)
    if study.closed is None:
        raise InputError(f"study {name!r} is open, and its votes name the teachers; `review close {name}` first")
    items = ReviewItems(store.state).of(name)
    ballots = [b if names else _masked(store, b) for b in Reviews(store.state).ballots(name)]
    by_item = {k: list(given) for k, given in groupby(ballots, key=lambda b: b.position)}
    told: dict[str, JsonValue] = {"study": name, "to": "file", "format": form, "rater_names": names}
    store.ledger.append("review_unblinded", {**told, "votes": len(ballots)}, actor)
    if form == "argilla":
        records = [record_of(study, k, item, by_item.get(k, [])) for k, item in enumerate(items)]
        return json.dumps(records, ensure_ascii=False, indent=1).encode(), len(ballots)
    lines = [line for k, item in enumerate(items) for line in _lines(study, k, item, by_item.get(k, []))]
    return _jsonl(lines), len(ballots)


def _masked(store: Store, ballot: Ballot) -> Ballot:
    return ballot.model_copy(update={"rater": pseudonym(store, ballot.rater)})


def _lines(study: Study, position: int, item: Item, ballots: Sequence[Ballot]) -> list[dict[str, Any]]:
    """A line for each vote on an item; one without a vote where there is none."""

    def texts(swap: bool) -> dict[str, Any]:
        a, b = _shown(item, swap)
        about = {"study": study.name, "question": study.question, "item": str(position), "prompt": item.prompt}
        return {**about, "a": a} | ({} if b is None else {"b": b})

    if not ballots:
        names = {"first_sample", "second_sample", "first_teacher", "second_teacher"}
        known = {**texts(False), "position": position, **item.model_dump(include=names)}
        return [known | _own(own_part(study, None))]
    return [
        {**texts(b.swap), **b.model_dump(mode="json", exclude=OWN_FIELDS), "winner": b.winner}
        | _own(own_part(study, b))
        for b in ballots
    ]


def _own(part: Mapping[str, Any]) -> dict[str, Any]:
    return {OWN: part} if part else {}


def _jsonl(lines: Iterable[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
