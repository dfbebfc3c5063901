"""What each look at the judges found, append-only: qualification on gold, weights, effective votes, bias.

A report is kept as the JSON its maker wrote; `judges.trial.PanelReport` is its form.
"""

import json
from collections.abc import Mapping

import sqlalchemy as sa
from pydantic import JsonValue

from curation.records import canonical
from curation.store.database import STATE, Database, now
from curation.store.ledger import Ledger

PANELS = sa.Table(
    "panels",
    STATE,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("at", sa.String, nullable=False),
)


class Panels:
    """The panels table."""

    def __init__(self, database: Database) -> None:
        database.ensure(STATE)
        self._database = database

    def save(self, report: Mapping[str, JsonValue], event: Mapping[str, JsonValue], ledger: Ledger) -> None:
        """Append a report, with `event` in the ledger, where it says anything that the last one did not."""
        body = canonical(report).decode()
        with self._database.write() as connection:
            last = connection.execute(sa.select(PANELS.c.body).order_by(PANELS.c.seq.desc()).limit(1)).scalar()
            if last == body:
                return
            connection.execute(PANELS.insert().values(body=body, at=now(connection)))
            ledger.append_in(connection, "panel", event)
        ledger.publish()

    def newest(self) -> tuple[dict[str, JsonValue], str] | None:
        """The last report and when it was made; None where no judge was looked at yet."""
        query = sa.select(PANELS.c.body, PANELS.c.at).order_by(PANELS.c.seq.desc()).limit(1)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else (json.loads(row.body), row.at)
