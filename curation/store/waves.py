"""Standing studies in the state store: what is asked every time, how often, and the waves that were opened.

A series holds one rubric for ever: whoever changes what is asked begins a new series, because a score under another
question is another score. Rows are only appended; the last one of a name says what holds now.
"""

from collections.abc import Sequence
from typing import Annotated

import sqlalchemy as sa
from pydantic import Field, JsonValue, model_validator
from sqlalchemy.exc import IntegrityError

from curation.errors import InputError, UnknownRecord
from curation.records import Record, text_digest
from curation.store.database import STATE, Database, now
from curation.store.ledger import Ledger
from curation.store.review_records import Criterion, Kind

SERIES = sa.Table(
    "review_series",
    STATE,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("rubric", sa.JSON, nullable=False),
    sa.Column("schedule", sa.JSON, nullable=False),
    sa.Column("at", sa.String, nullable=False),
)
WAVES = sa.Table(
    "review_waves",
    STATE,
    sa.Column("study", sa.String, primary_key=True),
    sa.Column("name", sa.String, nullable=False, index=True),
    sa.Column("series", sa.Integer, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("version", sa.String, nullable=False),
    sa.Column("seed", sa.Integer, nullable=False),
    sa.Column("at", sa.String, nullable=False),
    sa.UniqueConstraint("name", "series", "number"),
)
PLACES = sa.Table(
    "review_wave_items",
    STATE,
    sa.Column("study", sa.ForeignKey("review_waves.study"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("probability", sa.Float),
    sa.Column("anchor", sa.Integer),
)


class Rubric(Record):
    """What is asked in every wave of a series, word for word; `teacher` is whose wins are counted, of pairs."""

    kind: Kind
    question: Annotated[str, Field(min_length=1)]
    criteria: tuple[Criterion, ...] = ()
    guideline: str | None = None
    teacher: str | None = None
    anchors: Annotated[int, Field(ge=0, le=500)] = 5

    @model_validator(mode="after")
    def _counts_something(self) -> "Rubric":
        if (self.kind == "pairwise") != (self.teacher is not None):
            raise ValueError("name the teacher whose wins are counted for a pairwise study, and for no other kind")
        return self

    @property
    def guideline_digest(self) -> str | None:
        """The digest that votes cast under this guideline hold."""
        return None if self.guideline is None else text_digest(self.guideline)


class Schedule(Record):
    """When a wave is due, and how it is drawn: every so many new samples, or every day with a new one."""

    every_new: Annotated[int | None, Field(ge=1)] = None
    daily: bool = False
    n: Annotated[int, Field(ge=1)] = 20
    overlap: Annotated[int, Field(ge=1)] = 1
    raters: tuple[str, ...] | None = None
    seed: int = 0

    @model_validator(mode="after")
    def _one_rule(self) -> "Schedule":
        if (self.every_new is not None) == self.daily:
            raise ValueError("say either every how many new samples a wave is due, or that one is due daily")
        if self.raters is not None and len(set(self.raters)) < self.overlap:
            raise ValueError(f"{len(set(self.raters))} raters cannot give every item {self.overlap} votes")
        return self


class Series(Record):
    """A standing study as it holds now: its name, which series it is in, what is asked and how often."""

    name: str
    number: int
    rubric: Rubric
    schedule: Schedule
    at: str


class Wave(Record):
    """One wave: the study it is, and the version that was head when it was drawn."""

    study: str
    name: str
    series: int
    number: int
    version: str
    seed: int
    at: str = ""


class Place(Record):
    """One item of a wave: how likely it was to be drawn, or which of the anchors that come every time it is."""

    probability: float | None = None
    anchor: int | None = None


class Waves:
    """The tables of standing studies."""

    def __init__(self, database: Database) -> None:
        database.ensure(STATE)
        self._database = database

    def declare(self, name: str, rubric: Rubric, schedule: Schedule, ledger: Ledger, actor: str) -> Series:
        """Say what is asked and how often; another rubric begins the next series, the same words change nothing."""
        try:
            with self._database.write() as connection:
                return _declared(connection, name, (rubric, schedule), ledger, actor)
        except IntegrityError as error:
            raise InputError(
                f"another process declared {name!r} at the same moment; look at it and try again"
            ) from error

    def now(self, name: str) -> Series:
        """What holds of a standing study; UnknownRecord naming the known ones."""
        every = self.declared()
        found = next((s for s in reversed(every) if s.name == name), None)
        if found is None:
            known = ", ".join(sorted({s.name for s in every})) or "none; `stillhouse review standing NAME --daily`"
            raise UnknownRecord(f"no standing study {name!r}. Known: {known}")
        return found

    def declared(self) -> list[Series]:
        """Everything that was declared, oldest first within each name."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(SERIES).order_by(SERIES.c.name, SERIES.c.revision)).mappings()
            return [_series(row) for row in rows]

    def waves(self, name: str) -> list[Wave]:
        """The waves of a standing study, oldest first."""
        query = sa.select(WAVES).where(WAVES.c.name == name).order_by(WAVES.c.series, WAVES.c.number)
        with self._database.read() as connection:
            return [Wave(**row) for row in connection.execute(query).mappings()]

    def studies(self) -> set[str]:
        """The names of all studies that are waves."""
        with self._database.read() as connection:
            return set(connection.execute(sa.select(WAVES.c.study)).scalars())

    def places(self, study: str) -> list[Place]:
        """The items of a wave, by position."""
        query = sa.select(PLACES.c.probability, PLACES.c.anchor).where(PLACES.c.study == study)
        with self._database.read() as connection:
            return [Place(**row) for row in connection.execute(query.order_by(PLACES.c.position)).mappings()]

    def clock(self) -> str:
        """The database's clock, which says what day it is."""
        with self._database.read() as connection:
            return now(connection)

    def begin(self, wave: Wave, places: Sequence[Place], ledger: Ledger, actor: str) -> bool:
        """Claim the next wave of a series before its study is opened; False where another process was first.

        The claim holds all that the study is made from, so that a process that dies here leaves nothing undecided.
        """
        try:
            with self._database.write() as connection:
                wave = wave.model_copy(update={"at": now(connection)})
                connection.execute(WAVES.insert().values(wave.model_dump()))
                rows = [{"study": wave.study, "position": k, **p.model_dump()} for k, p in enumerate(places)]
                connection.execute(PLACES.insert(), rows)
                drawn: list[JsonValue] = [p.model_dump(mode="json") for p in places]
                ledger.append_in(connection, "wave_begun", {**wave.model_dump(mode="json"), "items": drawn}, actor)
        except IntegrityError:
            return False
        return True


def _declared(
    connection: sa.Connection, name: str, wanted: tuple[Rubric, Schedule], ledger: Ledger, actor: str
) -> Series:
    rubric, schedule = wanted
    query = sa.select(SERIES).where(SERIES.c.name == name).order_by(SERIES.c.revision.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    last = _series(row) if row else None
    if last is not None and (last.rubric, last.schedule) == wanted:
        return last
    same = last is not None and last.rubric == rubric
    number = (last.number if last else 0) + (not same)
    said = Series(name=name, number=number, rubric=rubric, schedule=schedule, at=now(connection))
    revision = row["revision"] + 1 if row else 1
    connection.execute(SERIES.insert().values(revision=revision, **said.model_dump(mode="json")))
    ledger.append_in(connection, "standing_declared", said.model_dump(mode="json", exclude={"at"}), actor)
    return said


def _series(row: sa.RowMapping) -> Series:
    return Series.model_validate({name: row[name] for name in Series.model_fields})
