"""Brings in a study rated elsewhere, as a closed one, and writes closed ones out: JSONL, Argilla, Label Studio."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import chain, groupby
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import JsonValue

from curation.errors import InputError
from curation.people import OWNER, Person
from curation.records import Record
from curation.store.adjudications import ELSEWHERE, Adjudication, Adjudications
from curation.store.review_imports import IMPORTED, Finished, ReviewImports, ReviewItems
from curation.store.reviews import Ballot, Item, Kind, Reviews, Study
from curation.store.store import Store
from judges.conflicts import seen
from judges.pseudonyms import pseudonym
from judges.review import QUESTIONS
from judges.review_argilla import OWN, OWN_FIELDS, own_part, record_of
from judges.review_collected import Collected, Samples, shown_in
from judges.review_labelstudio_tasks import task_of
from judges.review_ratings import Reading, count_suggestions, read_ratings
from judges.study_beside import Beside
from judges.study_report import report_of

Format = Literal["jsonl", "argilla", "labelstudio"]


class BadRating(Record):
    """A rating that was set aside; `line` is the entry's number where the file is one JSON array."""

    file: str
    line: int
    reason: str


class StudyImport(Record):
    """What an import kept: `rows = kept + quarantined`, a row being a rating, or an item that nobody rated.

    `final` counts items with a label that was settled on; `suggestions` what models suggested in another tool's,
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
    collected = Collected(name, set(reading.choices.values()), None if version is None else Samples.of(store, version))
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
    settled = [made for _, made in sorted(collected.final.items())]
    if settled:
        source["final"] = {str(made.position): made.verdict for made in settled}
    finished = Finished(collected.items, collected.votes, settled)
    ReviewImports(store.state).record(study, finished, source, ledger=store.ledger, actor=actor)
    return StudyImport(
        study=name,
        kind=study.kind,
        items=study.items,
        rows=collected.kept + len(bad),
        kept=collected.kept,
        quarantined=tuple(bad),
        votes=len(collected.votes),
        raters=study.raters or (),
        final=len(settled),
        suggestions=count_suggestions(data),
    )


def _study(collected: Collected, question: str | None, version: str) -> Study:
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


def _report(store: Store, study: Study, collected: Collected, source: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The report as of any study, marked as imported, with the raters beside what was settled on."""
    ballots = [vote.ballot(collected.items[vote.position]) for vote in collected.votes]
    beside = replace(Beside.of(store, study, collected.items), settled=collected.final)
    return {**report_of(study, ballots, beside), "imported": dict(source)}


def export_study(
    store: Store, name: str, form: Format = "jsonl", *, names: bool = False, who: Person = OWNER, actor: str = "engine"
) -> tuple[bytes, int]:
    """A closed study as a file, and how many votes it holds; InputError for an open one, whose raters could read it.

    Raters and adjudicators have pseudonyms that are stable within the workspace, unless `names`. The file names the
    sources, so whoever writes it needs the right to see them, and the ledger says that it was written.

    A settled item says so on each of its lines, and once in its record of Argilla's: `final` is the decision that
    stands, about the panes `a` and `b` of that line or record (`set_aside` where there is none to be made), and
    `stillhouse.settled` holds its cause (`category`), `note`, `settled_at`, `adjudicator` and, where that is the
    decision, the `edit` that stands. Earlier decisions on the item and the gold set that it should go into stay in the
    house.
    """
    who.require("unblind", name)
    study = Reviews(store.state).study(name)
    if study.closed is None:
        raise InputError(f"study {name!r} is open, and its votes name the teachers; `review close {name}` first")
    items = ReviewItems(store.state).of(name)
    ballots = [b if names else _masked(store, b) for b in Reviews(store.state).ballots(name)]
    by_item = {k: list(given) for k, given in groupby(ballots, key=lambda b: b.position)}
    settled = Adjudications(store.state).standing(name)
    if not names:
        settled = {k: _unnamed(store, made) for k, made in settled.items()}
    told: dict[str, JsonValue] = {"study": name, "to": "file", "format": form, "rater_names": names}
    store.ledger.append("review_unblinded", {**told, "votes": len(ballots), "settled": len(settled)}, actor)
    if form != "jsonl":
        told_as = record_of if form == "argilla" else task_of
        records = [told_as(study, k, item, by_item.get(k, []), settled.get(k)) for k, item in enumerate(items)]
        return json.dumps(records, ensure_ascii=False, indent=1).encode(), len(ballots)
    lines = [_lines(study, k, item, by_item.get(k, []), settled.get(k)) for k, item in enumerate(items)]
    return _jsonl(chain.from_iterable(lines)), len(ballots)


def _masked(store: Store, ballot: Ballot) -> Ballot:
    return ballot.model_copy(update={"rater": pseudonym(store, ballot.rater)})


def _unnamed(store: Store, made: Adjudication) -> Adjudication:
    if made.adjudicator == ELSEWHERE:
        return made
    return made.model_copy(update={"adjudicator": pseudonym(store, made.adjudicator)})


def _lines(
    study: Study, position: int, item: Item, ballots: Sequence[Ballot], settled: Adjudication | None
) -> list[dict[str, Any]]:
    """A line for each vote on an item; one without a vote where there is none."""

    def texts(swap: bool) -> dict[str, Any]:
        a, b = shown_in(item, swap)
        about = {"study": study.name, "question": study.question, "item": str(position), "prompt": item.prompt}
        final = {} if settled is None else {"final": seen(settled.verdict, settled.points, swap=swap)}
        return {**about, "a": a} | ({} if b is None else {"b": b}) | final

    if not ballots:
        names = {"first_sample", "second_sample", "first_teacher", "second_teacher"}
        known = {**texts(False), "position": position, **item.model_dump(include=names)}
        return [known | _own(own_part(study, None, settled))]
    return [
        {**texts(b.swap), **b.model_dump(mode="json", exclude=OWN_FIELDS), "winner": b.winner}
        | _own(own_part(study, b, settled))
        for b in ballots
    ]


def _own(part: Mapping[str, Any]) -> dict[str, Any]:
    return {OWN: part} if part else {}


def _jsonl(lines: Iterable[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
