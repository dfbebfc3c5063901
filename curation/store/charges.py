"""Hours of machines, in the ledger of replies.db beside the attempts: what training, serving and judging cost by time.

Hours are booked when they are over, so no budget can hold them back; a process that is killed books none.
"""

from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from curation.store.database import REPLIES, Database, now

Kind = Literal["training", "serving", "judging"]

CHARGES = sa.Table(
    "charges", REPLIES,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("what", sa.String, nullable=False),  # a model by its name in task.toml, or a student
    sa.Column("hours", sa.Float, nullable=False),
    sa.Column("usd_per_hour", sa.Float, nullable=False),
    sa.Column("cost", sa.Float, nullable=False),
    sa.Column("run", sa.Integer),  # null: not part of a run
    sa.Column("detail", sa.String, nullable=False),
    sa.Column("at", sa.String, nullable=False),
)  # fmt: skip


@dataclass(frozen=True)
class Charge:
    """So many hours of one machine at a declared price; `what` used it, `detail` says where the price stands."""

    kind: Kind
    what: str
    hours: float
    usd_per_hour: float
    run: int | None = None
    detail: str = ""
    at: str = ""

    @property
    def cost(self) -> float:
        """Dollars."""
        return self.hours * self.usd_per_hour


class Charges:
    """The table of charges; every write is one transaction, durable when it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.ensure(REPLIES)

    def add(self, *charges: Charge) -> None:
        """Book them, at the time of the database's clock."""
        if not charges:
            return
        with self._database.write() as connection:
            at = now(connection)
            rows = [{**vars(c), "cost": c.cost, "at": at} for c in charges]
            connection.execute(sa.insert(CHARGES), rows)

    def list(self) -> list[Charge]:
        """All of them, oldest first."""
        columns = [CHARGES.c[name] for name in Charge.__dataclass_fields__]
        with self._database.read() as connection:
            return [Charge(**row) for row in connection.execute(sa.select(*columns).order_by(CHARGES.c.id)).mappings()]
