"""Studies that were rated elsewhere: kept whole and closed, with their votes, in the tables of every other study."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

import sqlalchemy as sa
from pydantic import Field, JsonValue

from curation.errors import InputError
from curation.records import Record, digest
from curation.store.adjudications import Adjudication, keep_settled
from curation.store.database import STATE, Database, now
from curation.store.ledger import Ledger
from curation.store.review_records import PASSED, Ballot, Details, Item, Study
from curation.store.review_tables import DETAILS, ITEMS, OWN, SHOWN, STUDIES, VOTES

IMPORTED = "imported/"
"""What the version of an imported study begins with, and the name of an answer that is no sample here."""


class ImportedVote(Record):
    """One vote of a finished study: who said what about which item, in which order it was shown to them."""

    position: int
    rater: str
    choice: str
    swap: bool = False
    reason: str | None = None
    dwell_ms: Annotated[int, Field(ge=0)] = 0
    at: str | None = None
    """When it was given; the time of the import where nobody knows."""
    details: Details = Details()
    guideline: str | None = None
    shown: dict[str, str] = Field(default_factory=dict)

    def ballot(self, item: Item) -> Ballot:
        """The vote with its item, as a report counts it."""
        said = dict(self) | {"at": self.at or ""}
        shown = item.model_dump(include={"first_sample", "second_sample", "first_teacher", "second_teacher"})
        return Ballot(**said, **shown)


class Finished(NamedTuple):
    """What a study holds that was rated elsewhere: its items, the votes on them, and what was settled on."""

    items: Sequence[Item]
    votes: Sequence[ImportedVote]
    settled: Sequence[Adjudication] = ()


class ReviewItems:
    """The items of studies, read."""

    def __init__(self, database: Database) -> None:
        database.ensure(STATE)
        self._database = database

    def of(self, study: str) -> list[Item]:
        """The items of a study, by position; what was planted among them is not of the study."""
        query = sa.select(*(ITEMS.c[name] for name in Item.model_fields)).where(ITEMS.c.study == study, OWN)
        with self._database.read() as connection:
            return [Item(**row) for row in connection.execute(query.order_by(ITEMS.c.position)).mappings()]


class ReviewImports:
    """Writes finished studies."""

    def __init__(self, database: Database) -> None:
        database.ensure(STATE)
        self._database = database

    def record(
        self,
        study: Study,
        finished: Finished,
        source: Mapping[str, JsonValue],
        *,
        ledger: Ledger,
        actor: str,
    ) -> Study:
        """Record a closed study with its votes and two ledger events, at once; InputError when the name is taken.

        The first event says where the votes came from (`source`) and holds their digest and that of what was settled,
        the second the report. What the study was settled on becomes its adjudications.
        """
        items, votes, settled = finished
        with self._database.write() as connection:
            if connection.execute(sa.select(STUDIES.c.name).where(STUDIES.c.name == study.name)).first():
                raise InputError(f"there is already a study {study.name!r}; choose another name")
            at = now(connection)
            study = study.model_copy(update={"opened": at, "closed": at, "items": len(items)})
            connection.execute(STUDIES.insert().values(study.model_dump(mode="json")))
            rows = [{"study": study.name, "position": i, **item.model_dump()} for i, item in enumerate(items)]
            connection.execute(ITEMS.insert(), rows)
            _votes(connection, study.name, votes, at)
            keep_settled(connection, study.name, settled, at)
            told = {**source, "votes": len(votes), "digest": digest([v.model_dump(mode="json") for v in votes])}
            if settled:
                told["settled"] = digest([made.model_dump(mode="json") for made in settled])
            opened = study.model_dump(mode="json", exclude={"opened", "closed", "report"})
            ledger.append_in(connection, "review_imported", {**opened, "source": told}, actor)
            ledger.append_in(connection, "review_closed", {"study": study.name, "report": study.report}, actor)
        return study


def _votes(connection: sa.Connection, study: str, votes: Sequence[ImportedVote], at: str) -> None:
    """Append each vote as the first turn of a presentation of its own."""
    query = sa.select(ITEMS.c.position, ITEMS.c.id).where(ITEMS.c.study == study)
    item = {row.position: row.id for row in connection.execute(query)}
    shown: list[dict[str, object]] = []
    said: list[dict[str, object]] = []
    for vote in votes:
        token, given = secrets.token_hex(16), vote.at or at
        state = "skipped" if vote.choice in PASSED else "done"
        row = {"token": token, "item": item[vote.position], "rater": vote.rater, "swap": vote.swap}
        shown.append({**row, "served": given, "expires": given, "state": state})
        told = {"token": token, "turn": 1, "choice": vote.choice, "reason": vote.reason}
        said.append({**told, "dwell_ms": vote.dwell_ms, "at": given})
    if votes:
        connection.execute(SHOWN.insert(), shown)
        connection.execute(VOTES.insert(), said)
        _details(connection, {row["token"]: vote for row, vote in zip(shown, votes, strict=True)})


def _details(connection: sa.Connection, votes: Mapping[object, ImportedVote]) -> None:
    """Keep what came with votes, of those that hold anything beside the choice."""
    rich = {token: v for token, v in votes.items() if v.guideline or v.shown or v.details != Details()}
    if not rich:
        return
    query = sa.select(VOTES.c.token, VOTES.c.seq).where(VOTES.c.token == sa.bindparam("wanted"))
    rows: list[dict[str, object]] = []
    for token, vote in rich.items():
        seq = connection.execute(query, {"wanted": token}).one().seq
        details = vote.details.model_dump(mode="json", exclude_defaults=True)
        rows.append({"vote": seq, "details": details, "guideline": vote.guideline, "shown": vote.shown})
    connection.execute(DETAILS.insert(), rows)
