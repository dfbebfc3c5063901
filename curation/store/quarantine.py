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
    ruling: Literal["approve", "correct"]
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

    def add(self, ruling: Ruling) -> None:
        """Append a ruling and its ledger event in one transaction."""
        body = {"sample": ruling.sample, "ruling": ruling.ruling, "why": ruling.why}
        with self._database.write() as connection:
            connection.execute(RULINGS.insert().values(**ruling.model_dump(), at=now(connection)))
            self._ledger.append_in(connection, "quarantine", body, ruling.by)
        self._ledger.publish()

    def list(self) -> list[Ruling]:
        """The newest ruling on every sample, oldest first."""
        newest = sa.select(sa.func.max(RULINGS.c.seq)).group_by(RULINGS.c.sample)
        columns = [RULINGS.c[name] for name in Ruling.model_fields]
        query = sa.select(*columns).where(RULINGS.c.seq.in_(newest.scalar_subquery())).order_by(RULINGS.c.seq)
        with self._database.read() as connection:
            return [Ruling.model_validate(dict(row)) for row in connection.execute(query).mappings()]
