"""Studies that were rated elsewhere: kept whole and closed, with their votes, in the tables of every other study."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Annotated

import sqlalchemy as sa
from pydantic import Field, JsonValue

from curation.errors import InputError
from curation.records import Record, digest
from curation.store.database import STATE, Database, now
from curation.store.ledger import Ledger
from curation.store.reviews import ITEMS, SHOWN, STUDIES, VOTES, Ballot, Item, Study

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

    def ballot(self, item: Item) -> Ballot:
        """The vote with its item, as a report counts it."""
        said = self.model_dump() | {"at": self.at or ""}
        shown = item.model_dump(include={"first_sample", "second_sample", "first_teacher", "second_teacher"})
        return Ballot(**said, **shown)


class ReviewItems:
    """The items of studies, read."""

    def __init__(self, database: Database) -> None:
        database.ensure(STATE)
        self._database = database

    def of(self, study: str) -> list[Item]:
        """The items of a study, by position."""
        query = sa.select(*(ITEMS.c[name] for name in Item.model_fields)).where(ITEMS.c.study == study)
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
        items: Sequence[Item],
        votes: Sequence[ImportedVote],
        source: Mapping[str, JsonValue],
        *,
        ledger: Ledger,
        actor: str,
    ) -> Study:
        """Record a closed study with its votes and two ledger events, at once; InputError when the name is taken.

        The first event says where the votes came from (`source`) and holds their digest, the second the report.
        """
        with self._database.write() as connection:
            if connection.execute(sa.select(STUDIES.c.name).where(STUDIES.c.name == study.name)).first():
                raise InputError(f"there is already a study {study.name!r}; choose another name")
            at = now(connection)
            study = study.model_copy(update={"opened": at, "closed": at, "items": len(items)})
            connection.execute(STUDIES.insert().values(study.model_dump(mode="json")))
            rows = [{"study": study.name, "position": i, **item.model_dump()} for i, item in enumerate(items)]
            connection.execute(ITEMS.insert(), rows)
            _votes(connection, study.name, votes, at)
            told = {**source, "votes": len(votes), "digest": digest([v.model_dump(mode="json") for v in votes])}
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
        state = "skipped" if vote.choice == "skip" else "done"
        row = {"token": token, "item": item[vote.position], "rater": vote.rater, "swap": vote.swap}
        shown.append({**row, "served": given, "expires": given, "state": state})
        told = {"token": token, "turn": 1, "choice": vote.choice, "reason": vote.reason}
        said.append({**told, "dwell_ms": vote.dwell_ms, "at": given})
    if votes:
        connection.execute(SHOWN.insert(), shown)
        connection.execute(VOTES.insert(), said)
