"""How likely each item of a review study was to be drawn, where it was not drawn evenly from all that could have been.

What people said about rows drawn with known probabilities can be weighted back to what it was drawn from.
"""

import sqlalchemy as sa
from pydantic import JsonValue

from curation.store.database import STATE, Database
from curation.store.ledger import Ledger
from curation.store.review_records import Drawn

DRAWS = sa.Table(
    "review_draws",
    STATE,
    sa.Column("study", sa.String, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("probability", sa.Float, nullable=False),
)


class ReviewDraws:
    """The table of drawing probabilities."""

    def __init__(self, database: Database) -> None:
        database.ensure(STATE)
        self._database = database

    def of(self, study: str) -> dict[int, float]:
        """The probability of each item of a study, by its position; empty where none was kept."""
        query = sa.select(DRAWS.c.position, DRAWS.c.probability).where(DRAWS.c.study == study)
        with self._database.read() as connection:
            return {row.position: row.probability for row in connection.execute(query)}


def keep_draws(connection: sa.Connection, study: str, drawn: Drawn, ledger: Ledger, actor: str) -> None:
    """Keep the probability of each item of a study, in item order, and say in the ledger how it was drawn."""
    rows = [{"study": study, "position": i, "probability": p} for i, p in enumerate(drawn.probabilities)]
    connection.execute(DRAWS.insert(), rows)
    told: dict[str, JsonValue] = {"study": study, "how": drawn.how, "probabilities": list(drawn.probabilities)}
    ledger.append_in(connection, "review_drawn", told, actor)
