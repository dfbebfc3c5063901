"""What stands beside a gold set: the guideline that the labels of a version follow, and the seal that ends changes."""

import sqlalchemy as sa

from curation.records import Record, text_digest
from curation.store.database import STATE, now

GUIDELINES = sa.Table(
    "gold_guidelines",
    STATE,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
)
GUIDED = sa.Table(
    "gold_version_guidelines",
    STATE,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.ForeignKey("gold_guidelines.digest"), nullable=False),
)
SEALS = sa.Table(
    "gold_seals",
    STATE,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("actor", sa.String, nullable=False),
    sa.Column("at", sa.String, nullable=False),
)


class GoldSeal(Record):
    """A gold set that can no longer be changed: at which version it was sealed, by whom and when."""

    name: str
    number: int
    actor: str
    at: str


def guidelines_of(connection: sa.Connection, name: str) -> dict[int, str]:
    """The digest of the guideline of each version of a set that has one."""
    rows = connection.execute(sa.select(GUIDED).where(GUIDED.c.name == name))
    return {row.number: row.digest for row in rows}


def guideline_text(connection: sa.Connection, digest: str) -> str | None:
    """The text of a guideline."""
    return connection.execute(sa.select(GUIDELINES.c.text).where(GUIDELINES.c.digest == digest)).scalar()


def keep_guideline(connection: sa.Connection, text: str) -> str:
    """Keep the text of a guideline; its digest."""
    digest = text_digest(text)
    if guideline_text(connection, digest) is None:
        connection.execute(GUIDELINES.insert().values(digest=digest, text=text))
    return digest


def write_guideline(connection: sa.Connection, name: str, number: int, guideline: str) -> None:
    """Say which guideline, given as its text, the labels of a version follow."""
    digest = keep_guideline(connection, guideline)
    connection.execute(GUIDED.insert().values(name=name, number=number, digest=digest))


def seal_of(connection: sa.Connection, name: str) -> GoldSeal | None:
    """The seal of a set; None while it can be changed."""
    row = connection.execute(sa.select(SEALS).where(SEALS.c.name == name)).mappings().first()
    return GoldSeal(**row) if row else None


def write_seal(connection: sa.Connection, name: str, number: int, actor: str) -> GoldSeal:
    """Seal a set at its newest version."""
    seal = GoldSeal(name=name, number=number, actor=actor, at=now(connection))
    connection.execute(SEALS.insert().values(seal.model_dump()))
    return seal
