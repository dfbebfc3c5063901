"""Gate decisions in the state store: append-only, each with a ledger event in the same transaction."""

import json
from collections.abc import Mapping

import sqlalchemy as sa
from pydantic import JsonValue

from curation.records import Record, canonical
from curation.store.database import STATE, Database, now
from curation.store.ledger import Ledger

GATE_DECISIONS = sa.Table(
    "gate_decisions",
    STATE,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("candidate", sa.String, nullable=False),
    sa.Column("baseline", sa.String, nullable=False),
    sa.Column("outcome", sa.String, nullable=False),
    sa.Column("sentence", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),  # canonical JSON: the decision and the settings it was made by
    sa.Column("at", sa.String, nullable=False),
)


class GateRecord(Record):
    """One recorded gate decision about two evaluations, with the settings it was made by."""

    seq: int
    candidate: str
    baseline: str
    outcome: str
    sentence: str
    body: dict[str, JsonValue]
    at: str


class Gates:
    """The gate decisions table."""

    def __init__(self, database: Database) -> None:
        database.ensure(STATE)
        self._database = database

    def save(
        self, candidate: str, baseline: str, outcome: str, sentence: str, body: Mapping[str, JsonValue], ledger: Ledger
    ) -> None:
        """Append one decision and its ledger event."""
        row = {"candidate": candidate, "baseline": baseline, "outcome": outcome}
        with self._database.write() as connection:
            connection.execute(
                GATE_DECISIONS.insert().values(
                    **row, sentence=sentence, body=canonical(body).decode(), at=now(connection)
                )
            )
            ledger.append_in(connection, "gate", {**row, **body})

    def list(self) -> list[GateRecord]:
        """Every decision, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(GATE_DECISIONS).order_by(GATE_DECISIONS.c.seq)).mappings().all()
        return [GateRecord(**{**row, "body": json.loads(row["body"])}) for row in rows]
