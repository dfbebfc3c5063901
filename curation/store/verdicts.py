"""Every verdict of every judge, append-only: what was said about what, read by which parser, or why it is unscored.

They lie beside the replies they were read from, so that bulk writes never make a reviewer wait. Reading the same
reply about the same subject with the same parser again adds nothing; another parser, rubric, judge or order adds.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import sqlalchemy as sa
from pydantic import JsonValue
from sqlalchemy.dialects.sqlite import insert as insert_or

from curation.records import Record, digest
from curation.store.database import REPLIES, Database, now

Kind = Literal["sample", "gold", "canary"]
"""What a verdict is about: a sample of the dataset, a row people judged, or a planted candidate."""
PART = 500

VERDICTS = sa.Table(
    "verdicts",
    REPLIES,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("key", sa.String(64), nullable=False, unique=True),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("subject", sa.String, nullable=False, index=True),
    sa.Column("judge", sa.String, nullable=False, index=True),
    sa.Column("model", sa.String, nullable=False),
    sa.Column("family", sa.String, nullable=False),
    sa.Column("rubric", sa.String(64), nullable=False),
    sa.Column("grader", sa.String(64), nullable=False),
    sa.Column("parser", sa.Integer, nullable=False),
    sa.Column("request", sa.String(64), nullable=False),
    sa.Column("order", sa.JSON, nullable=False),
    sa.Column("verdict", sa.String),  # on the grader's menu; null: unscored
    sa.Column("reason", sa.Text, nullable=False),  # the judge's, or why it is unscored; emptied with its reply
    sa.Column("items", sa.JSON),
    sa.Column("score", sa.Float),
    sa.Column("at", sa.String, nullable=False),
)


class VerdictRow(Record):
    """One judge's verdict on one way of putting a subject before it.

    `subject` is a sample's id (two joined by `+` for a pair), `gold/SET/ROW` or `canary/KIND/DIGEST`; `order` says
    which of its answers stood where; `items` holds a checklist's answers by criterion; `score` is a probability.
    """

    kind: Kind
    subject: str
    judge: str
    model: str
    family: str
    rubric: str
    grader: str
    parser: int
    request: str
    order: tuple[int, ...]
    verdict: str | None
    reason: str
    items: dict[str, bool] | None = None
    score: float | None = None

    @property
    def key(self) -> str:
        """Digest of everything that can change the verdict; the request's key covers model, rubric, text and order."""
        return digest([self.subject, self.judge, self.request, self.grader, self.parser])


class Verdicts:
    """The verdicts table."""

    def __init__(self, database: Database) -> None:
        database.ensure(REPLIES)
        self._database = database

    def add(self, verdicts: Sequence[VerdictRow]) -> None:
        """Append those that are not there yet, in small transactions."""
        for start in range(0, len(verdicts), PART):
            part = verdicts[start : start + PART]
            with self._database.write() as connection:
                at = now(connection)
                rows = [{"key": v.key, **v.model_dump(mode="json"), "at": at} for v in part]
                connection.execute(insert_or(VERDICTS).on_conflict_do_nothing(), rows)

    def read(self, kind: Kind | None = None, subjects: Iterable[str] | None = None) -> list[VerdictRow]:
        """Verdicts in the order they came, of one kind or about some subjects where given."""
        query = sa.select(VERDICTS).order_by(VERDICTS.c.seq)
        if kind is not None:
            query = query.where(VERDICTS.c.kind == kind)
        wanted = None if subjects is None else set(subjects)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings()
            return [_row(row) for row in rows if wanted is None or row["subject"] in wanted]

    def erase_before(self, day: str) -> None:
        """Empty what judges wrote before a day (ISO date), as their replies are; what they decided stays."""
        with self._database.write() as connection:
            old = (VERDICTS.c.at < day, VERDICTS.c.reason != "")
            connection.execute(sa.update(VERDICTS).where(*old).values(reason=""))

    def counts(self) -> list[dict[str, JsonValue]]:
        """How many verdicts each judge gave on what, and how many of them could not be scored."""
        c = VERDICTS.c
        unscored = sa.func.sum(sa.case((c.verdict.is_(None), 1), else_=0)).label("unscored")
        query = sa.select(c.judge, c.kind, sa.func.count().label("verdicts"), unscored).group_by(c.judge, c.kind)
        with self._database.read() as connection:
            return [dict(row) for row in connection.execute(query.order_by(c.judge, c.kind)).mappings()]


def _row(row: sa.RowMapping) -> VerdictRow:
    return VerdictRow(**{name: row[name] for name in VerdictRow.model_fields})
