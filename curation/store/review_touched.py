"""What people have been asked about and how much they did: counted in the database, no vote told."""

from typing import NamedTuple

import sqlalchemy as sa

from curation.store.database import STATE, Database
from curation.store.reviews import Reviews


class Touched(NamedTuple):
    """A sample in one item of a study, and the votes that item holds."""

    sample: str
    item: int
    study: str
    votes: int


def touched(database: Database) -> list[Touched]:
    """Every sample of every study's items; a pairwise item counts for both of its samples."""
    Reviews(database)  # its tables are made with it
    items, shown = STATE.tables["review_items"], STATE.tables["review_presentations"]
    votes = sa.func.count(shown.c.token).filter(shown.c.state == "done")
    of_item = (
        sa.select(items.c.id, items.c.study, items.c.first_sample, items.c.second_sample, votes.label("votes"))
        .join(shown, shown.c.item == items.c.id, isouter=True)
        .group_by(items.c.id, items.c.study, items.c.first_sample, items.c.second_sample)
    )
    with database.read() as connection:
        rows = connection.execute(of_item).all()
    sides = ((row, sample) for row in rows for sample in (row.first_sample, row.second_sample) if sample)
    return [Touched(sample, row.id, row.study, int(row.votes)) for row, sample in sides]


class Rater(NamedTuple):
    """How much one rater did in one study, what is planted among the items left out."""

    study: str
    rater: str
    votes: int
    passed: int
    """Skipped or flagged: the item goes to somebody else."""
    held: int
    """Shown and not answered yet."""
    last: str
    """When they were last shown something."""


def raters(database: Database) -> list[Rater]:
    """Every rater of every study, by study and name."""
    Reviews(database)
    studies, items = STATE.tables["review_studies"], STATE.tables["review_items"]
    shown = STATE.tables["review_presentations"]

    def n(*states: str) -> sa.ColumnElement[int]:
        return sa.func.count().filter(shown.c.state.in_(states))

    query = (
        sa.select(
            items.c.study, shown.c.rater, n("done", "surplus"), n("skipped"), n("open"), sa.func.max(shown.c.served)
        )
        .join(items, shown.c.item == items.c.id)
        .join(studies, studies.c.name == items.c.study)
        .where(items.c.position < studies.c["items"])
        .group_by(items.c.study, shown.c.rater)
        .order_by(items.c.study, shown.c.rater)
    )
    with database.read() as connection:
        return [Rater(*row) for row in connection.execute(query)]
