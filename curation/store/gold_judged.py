"""What people said about the answers of a gold row: the verdict judges are measured against, in a table of its own.

The table is joined to the gold rows by set, row and the version that opened it, so that a workspace made before it
existed keeps its tables and the digests of its versions.
"""

from collections.abc import Iterable
from typing import Annotated, Literal, Self

import sqlalchemy as sa
from pydantic import Field, model_validator

from curation.records import Message, Record, canonical
from curation.store.database import STATE

Said = Literal["accept", "reject", "first", "second"]
"""What people decided: about one answer, or which of two they would rather send."""

GOLD_JUDGED = sa.Table(
    "gold_judged",
    STATE,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("item", sa.String, primary_key=True),
    sa.Column("opened", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("body", sa.Text, nullable=False),  # canonical JSON
)


class Judged(Record):
    """An answer people accepted or rejected, or two of which they preferred one.

    `votes` holds what each rater said, with the order undone; `teachers` the name of each answer's teacher, empty
    where nobody knows; `probability` how likely the row was to be drawn, None where nobody knows.
    """

    messages: Annotated[tuple[Message, ...], Field(min_length=1)]
    answers: Annotated[tuple[str, ...], Field(min_length=1, max_length=2)]
    verdict: Said
    votes: dict[str, str] = Field(default_factory=dict)
    teachers: tuple[str, ...] = ()
    probability: Annotated[float, Field(gt=0, le=1)] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        """A verdict is about as many answers as there are, and each answer has a teacher's name or an empty one."""
        wanted = 1 if self.verdict in ("accept", "reject") else 2
        if len(self.answers) != wanted:
            raise ValueError(
                f"the verdict {self.verdict!r} is about {wanted} answer{'s' * (wanted > 1)}, not {len(self.answers)}"
            )
        if self.teachers and len(self.teachers) != wanted:
            raise ValueError(f"{len(self.teachers)} teachers are named for {wanted} answers")
        return self


def judged_in(connection: sa.Connection, name: str, number: int) -> dict[tuple[str, int], Judged]:
    """What people said about the rows of a set up to a version, by row and the version that opened it."""
    table = GOLD_JUDGED.c
    query = sa.select(GOLD_JUDGED).where(table.name == name, table.opened <= number)
    return {(r.item, r.opened): Judged.model_validate_json(r.body) for r in connection.execute(query)}


def decided_in(connection: sa.Connection, name: str) -> dict[str, int]:
    """The version in which what people said about each row last became other than before, by row."""
    table = GOLD_JUDGED.c
    before = sa.func.lag(table.body).over(partition_by=table.item, order_by=table.opened).label("before")
    said = sa.select(table.item, table.opened, table.body, before).where(table.name == name).subquery()
    new = sa.or_(said.c.before.is_(None), said.c.before != said.c.body)
    query = sa.select(said.c.item, sa.func.max(said.c.opened).label("last")).where(new).group_by(said.c.item)
    return {row.item: row.last for row in connection.execute(query)}


def write_judged(connection: sa.Connection, name: str, number: int, said: Iterable[tuple[str, Judged | None]]) -> None:
    """Keep what people said about the rows opened by a version."""
    rows = [
        {"name": name, "item": item, "opened": number, "body": canonical(judged.model_dump(mode="json")).decode()}
        for item, judged in said
        if judged is not None
    ]
    if rows:
        connection.execute(GOLD_JUDGED.insert(), rows)
