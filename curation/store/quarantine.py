"""What people ruled about quarantined samples: append-only, the newest ruling on a sample holds."""

from typing import Literal

import sqlalchemy as sa

from curation.records import Record
from curation.store.database import STATE, Database, now
from curation.store.ledger import Ledger

RULINGS = sa.Table(
    "quarantine_rulings",
    STATE,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("request_key", sa.String, nullable=False),
    sa.Column("index", sa.Integer, nullable=False),
    sa.Column("sample", sa.String, nullable=False, index=True),
    sa.Column("ruling", sa.String, nullable=False),
    sa.Column("answer", sa.Text, nullable=True),
    sa.Column("by", sa.String, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("at", sa.String, nullable=False),
)


class Ruling(Record):
    """What a person decided about one quarantined sample; it holds for its request and index, on any later run."""

    request_key: str
    index: int
    sample: str
    ruling: Literal["approve", "correct", "withdraw"]
    """A withdrawn ruling is as if nobody had ruled."""
    answer: str | None = None
    """The person's answer, when they corrected it."""
    by: str
    why: str = ""


class Rulings:
    """The quarantine_rulings table."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        database.ensure(STATE)
        self._database = database
        self._ledger = ledger

    def add(self, *rulings: Ruling) -> None:
        """Append rulings and their ledger events in one transaction."""
        with self._database.write() as connection:
            for ruling in rulings:
                body = {"sample": ruling.sample, "ruling": ruling.ruling, "why": ruling.why}
                connection.execute(RULINGS.insert().values(**ruling.model_dump(), at=now(connection)))
                self._ledger.append_in(connection, "quarantine", body, ruling.by)
        self._ledger.publish()

    def list(self) -> list[Ruling]:
        """The newest ruling on every sample, oldest first; none where it was withdrawn."""
        newest = sa.select(sa.func.max(RULINGS.c.seq)).group_by(RULINGS.c.sample)
        columns = [RULINGS.c[name] for name in Ruling.model_fields]
        stands = (RULINGS.c.seq.in_(newest.scalar_subquery()), RULINGS.c.ruling != "withdraw")
        query = sa.select(*columns).where(*stands).order_by(RULINGS.c.seq)
        with self._database.read() as connection:
            return [Ruling.model_validate(dict(row)) for row in connection.execute(query).mappings()]
