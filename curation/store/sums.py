"""What the per-attempt ledger adds up to, and what it has measured of each model; only reads.

A reply is discarded when it was asked again (cut, empty, unreadable); one that the next stage of a way of asking
builds on is not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from curation.records import Request
from curation.store.attempts import ATTEMPTS, REQUESTS, Purpose
from curation.store.database import Database, now

NEXT_STAGE = "next stage"
RECENT = 300
"""So many of a model's last replies stand for it."""


@dataclass(frozen=True)
class Sum:
    """Attempts that are alike in all that a bill tells apart: tokens as reported, dollars as worked out then.

    `unknown` counts those whose cost is not known; `held` is what these may have cost at most.
    """

    name: str
    model: str
    host: str
    purpose: str
    tier: str | None
    price: str | None
    replied: bool
    discarded: bool
    calls: int
    input: int
    cached: int
    output: int
    reasoning: int
    cost: float
    held: float
    unknown: int


@dataclass(frozen=True)
class Unsettled:
    """An attempt whose cost is not known, and how long ago it was written down (seconds)."""

    wire: str
    name: str
    model: str
    host: str
    held: float
    price: str | None
    age: float


@dataclass(frozen=True)
class Measured:
    """What a model's last replies came to: tokens sent, of these cached, tokens back, and the requests they answer.

    `seconds` is how long an answer took on average; None where all came in batches.
    """

    replies: int
    input: int
    cached: int
    output: int
    seconds: float | None
    requests: tuple[Request, ...]


class Sums:
    """Reads attempts and requests together."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Sum]:
        """Every attempt ever made, summed."""
        attempt = _attempts().subquery()
        names = ("name", "model", "host", "purpose", "tier", "price", "replied", "discarded")
        groups = [attempt.c[n] for n in names]
        tokens = [_total(attempt.c[f"{n}_tokens"]).label(n) for n in ("input", "cached", "output", "reasoning")]
        unknown = attempt.c.cost.is_(None)
        query = sa.select(
            *groups, *tokens,
            sa.func.count().label("calls"),
            _total(attempt.c.cost).label("cost"),
            _total(sa.case((unknown, attempt.c.held), else_=0.0)).label("held"),
            _total(sa.case((unknown, 1), else_=0)).label("unknown"),
        ).group_by(*groups).order_by(*groups)  # fmt: skip
        with self._database.read() as connection:
            rows: list[dict[str, Any]] = [{**row} for row in connection.execute(query).mappings()]
        for row in rows:
            row |= {n: bool(row[n]) for n in ("replied", "discarded")}
        return [Sum(**row) for row in rows]

    def unsettled(self) -> list[Unsettled]:
        """The attempts whose cost is not known, oldest first."""
        names = [REQUESTS.c[n] for n in ("name", "model", "host")]
        columns = [ATTEMPTS.c[n] for n in ("wire", "held", "price", "at")]
        query = (
            sa.select(*columns, *names)
            .join(REQUESTS, REQUESTS.c.key == ATTEMPTS.c.key)
            .where(ATTEMPTS.c.held > 0, ATTEMPTS.c.cost.is_(None))
            .order_by(ATTEMPTS.c.id)
        )
        with self._database.read() as connection:
            present = datetime.fromisoformat(now(connection))
            rows = connection.execute(query).all()
        return [
            Unsettled(
                r.wire, r.name, r.model, r.host, r.held, r.price,
                (present - datetime.fromisoformat(r.at)).total_seconds(),
            )
            for r in rows
        ]  # fmt: skip

    def answered(self, host: str) -> Iterator[str]:
        """The wire ids of the paid attempts that a host answered, as the provider must know them too."""
        query = (
            sa.select(ATTEMPTS.c.wire)
            .join(REQUESTS, REQUESTS.c.key == ATTEMPTS.c.key)
            .where(REQUESTS.c.host == host, ATTEMPTS.c.outcome == "reply", ATTEMPTS.c.cost > 0)
        )
        with self._database.read() as connection:
            yield from connection.execute(query).scalars()

    def measured(self, purpose: Purpose, model: str, host: str) -> Measured | None:
        """The last replies of a model to requests of this purpose; None where none reported its tokens."""
        columns = [ATTEMPTS.c[f"{n}_tokens"] for n in ("input", "cached", "output")]
        query = (
            sa.select(*columns, ATTEMPTS.c.seconds, REQUESTS.c.body)
            .join(REQUESTS, REQUESTS.c.key == ATTEMPTS.c.key)
            .where(*_of(purpose, model, host), ATTEMPTS.c.input_tokens > 0, REQUESTS.c.body.is_not(None))
            .order_by(ATTEMPTS.c.id.desc())
            .limit(RECENT)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        if not rows:
            return None
        sent, cached, back = (sum(row[i] or 0 for row in rows) for i in range(3))
        took = [r.seconds for r in rows if r.seconds is not None]
        seconds = sum(took) / len(took) if took else None
        requests = tuple(Request.model_validate_json(r.body) for r in rows)
        return Measured(len(rows), sent, cached, back, seconds, requests)

    def mean_output(self, purpose: Purpose) -> float | None:
        """Tokens of an answer, over all models; None where none was reported."""
        query = (
            sa.select(sa.func.avg(ATTEMPTS.c.output_tokens))
            .join(REQUESTS, REQUESTS.c.key == ATTEMPTS.c.key)
            .where(REQUESTS.c.purpose == purpose, ATTEMPTS.c.outcome == "reply")
        )
        with self._database.read() as connection:
            mean = connection.execute(query).scalar()
        return None if mean is None else float(mean)

    def follow_ups(self, purpose: Purpose, name: str) -> float:
        """Further requests for each first one of a teacher or judge, as they were so far; 0 where nothing is known."""
        first = sa.case((REQUESTS.c.parent.is_(None), 1), else_=0)
        query = sa.select(sa.func.count(), _total(first)).where(REQUESTS.c.purpose == purpose, REQUESTS.c.name == name)
        with self._database.read() as connection:
            requests, firsts = map(int, connection.execute(query).one())
        return (requests - firsts) / firsts if firsts else 0.0


def _attempts() -> sa.Select[tuple[object, ...]]:
    """Every attempt with whose it was, whether a reply came, and whether that was asked again."""
    child = REQUESTS.alias("child")
    again = sa.exists().where(child.c.parent == ATTEMPTS.c.key, sa.func.coalesce(child.c.why, "") != NEXT_STAGE)
    replied = ATTEMPTS.c.outcome == "reply"
    names = [sa.func.coalesce(REQUESTS.c[n], "").label(n) for n in ("name", "model", "host", "purpose")]
    return sa.select(
        ATTEMPTS, *names,
        sa.case((replied, 1), else_=0).label("replied"),
        sa.case((sa.and_(replied, again), 1), else_=0).label("discarded"),
    ).select_from(ATTEMPTS.outerjoin(REQUESTS, REQUESTS.c.key == ATTEMPTS.c.key))  # fmt: skip


def _of(purpose: Purpose, model: str, host: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        REQUESTS.c.purpose == purpose, REQUESTS.c.model == model, REQUESTS.c.host == host,
        ATTEMPTS.c.outcome == "reply",
    )  # fmt: skip


def _total(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return sa.func.coalesce(sa.func.sum(column), 0)
