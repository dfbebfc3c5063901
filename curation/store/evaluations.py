"""Recorded evaluations in the state store: what a gate decides from."""

import sqlalchemy as sa

from curation.errors import UnknownRecord
from curation.evaluation import Evaluation
from curation.store.database import STATE, Database, now

EVALUATIONS = sa.Table(
    "evaluations",
    STATE,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("id", sa.String, nullable=False, index=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("at", sa.String, nullable=False),
)


class Evaluations:
    """The evaluations table: append-only, so measuring a student again keeps the earlier figures."""

    def __init__(self, database: Database) -> None:
        database.ensure(STATE)
        self._database = database

    def save(self, evaluation: Evaluation) -> None:
        """Append one evaluation; the newest of an id is the one that is loaded."""
        with self._database.write() as connection:
            connection.execute(
                EVALUATIONS.insert().values(id=evaluation.id, body=evaluation.model_dump_json(), at=now(connection))
            )

    def load(self, evaluation_id: str) -> Evaluation:
        """The newest evaluation of that id; UnknownRecord naming the known ones."""
        newest = sa.select(EVALUATIONS.c.body).where(EVALUATIONS.c.id == evaluation_id)
        with self._database.read() as connection:
            body = connection.execute(newest.order_by(EVALUATIONS.c.seq.desc()).limit(1)).scalar()
        if body is None:
            known = ", ".join(e.id for e in self.list()) or "none; `stillhouse evaluate` records one"
            raise UnknownRecord(f"no evaluation {evaluation_id!r}. Known: {known}")
        return Evaluation.model_validate_json(body)

    def list(self) -> list[Evaluation]:
        """The newest evaluation of every id, oldest first."""
        newest = sa.select(sa.func.max(EVALUATIONS.c.seq)).group_by(EVALUATIONS.c.id).scalar_subquery()
        query = sa.select(EVALUATIONS.c.body).where(EVALUATIONS.c.seq.in_(newest)).order_by(EVALUATIONS.c.seq)
        with self._database.read() as connection:
            return [Evaluation.model_validate_json(body) for body in connection.execute(query).scalars()]
