"""What people ruled about prompts that scrubbing held back: append-only, the newest ruling on a prompt holds.

A prompt is named by the digest of its masked text and a ruling's spans are offsets into that text, so no value that
was masked, nor one that a person points out, is ever written here.
"""

from typing import Literal

import sqlalchemy as sa
from pydantic import JsonValue

from curation.records import Record
from curation.store.database import STATE, Database, now
from curation.store.ledger import Ledger

RULINGS = sa.Table(
    "scrub_rulings",
    STATE,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("prompt", sa.String(64), nullable=False, index=True),
    sa.Column("ruling", sa.String, nullable=False),
    sa.Column("marks", sa.JSON, nullable=False),
    sa.Column("example", sa.JSON, nullable=True),
    sa.Column("by", sa.String, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("at", sa.String, nullable=False),
)


class Mark(Record):
    """A place in a masked prompt that a person says must be masked as well; offsets are code points."""

    message: int
    start: int
    end: int
    entity: str


class PromptRuling(Record):
    """What a person decided about one held prompt: it may be asked as it is masked, or with more of it masked."""

    prompt: str
    ruling: Literal["approve", "correct", "withdraw"]
    """A withdrawn ruling is as if nobody had ruled."""
    marks: tuple[Mark, ...] = ()
    example: dict[str, JsonValue] | None = None
    """A training row for the tagger: the text with an invented value in every masked place."""
    by: str
    why: str = ""


class PromptRulings:
    """The scrub_rulings table."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        database.ensure(STATE)
        self._database = database
        self._ledger = ledger

    def add(self, *rulings: PromptRuling) -> None:
        """Append rulings and their ledger events in one transaction."""
        with self._database.write() as connection:
            for ruling in rulings:
                row = ruling.model_dump(mode="json")
                body: dict[str, JsonValue] = {name: row[name] for name in ("prompt", "ruling", "marks", "why")}
                connection.execute(RULINGS.insert().values(**row, at=now(connection)))
                self._ledger.append_in(connection, "scrub_ruling", body, ruling.by)
        self._ledger.publish()

    def newest(self) -> dict[str, PromptRuling]:
        """The newest ruling on every prompt, by the prompt's digest; none where it was withdrawn."""
        latest = sa.select(sa.func.max(RULINGS.c.seq)).group_by(RULINGS.c.prompt)
        columns = [RULINGS.c[name] for name in PromptRuling.model_fields]
        stands = (RULINGS.c.seq.in_(latest.scalar_subquery()), RULINGS.c.ruling != "withdraw")
        query = sa.select(*columns).where(*stands).order_by(RULINGS.c.seq)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings()
            return {row["prompt"]: PromptRuling.model_validate(dict(row)) for row in rows}
