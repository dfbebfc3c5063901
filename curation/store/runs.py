"""One row per run of a command: when, and the report it ended with; time, cost and calls live here."""

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from pydantic import JsonValue

from curation.records import canonical
from curation.store.database import STATE, Database, now
from curation.store.ledger import Ledger

runs = sa.Table(
    "runs",
    STATE,
    sa.Column("run", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("command", sa.Text, nullable=False),
    sa.Column("started", sa.String(32), nullable=False),
    sa.Column("finished", sa.String(32)),  # null while it runs, or for ever when it was killed
    sa.Column("report", sa.Text),  # canonical JSON
)


class Runs:
    """The runs of this workspace."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._database = database
        self._ledger = ledger

    def start(self, command: str) -> int:
        """A run begins; its number."""
        with self._database.write() as connection:
            values = {"command": command, "started": now(connection)}
            return int(connection.execute(sa.insert(runs).values(values).returning(runs.c.run)).scalar_one())

    def finish(self, run: int, report: Mapping[str, JsonValue]) -> None:
        """A run ends with its report, which the ledger records too."""
        with self._database.write() as connection:
            values = {"finished": now(connection), "report": canonical(report).decode()}
            connection.execute(sa.update(runs).where(runs.c.run == run).values(values))
            self._ledger.append_in(connection, "run", {"run": run, "report": dict(report)})
        self._ledger.publish()

    def last(self) -> dict[str, Any] | None:
        """The last run that finished: {run, command, started, finished, report}; None when none did."""
        return next((run for run in reversed(self.list()) if run["finished"]), None)

    def list(self) -> list[dict[str, Any]]:
        """Every run, oldest first; `finished` and `report` are None for one that did not end."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(runs).order_by(runs.c.run)).mappings().all()
        return [{**row, "report": json.loads(row["report"]) if row["report"] else None} for row in rows]
