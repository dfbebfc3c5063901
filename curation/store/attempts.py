"""The tables of replies.db and the money in them: requests, replies, claims in flight, and every attempt ever made.

An attempt is never changed once written, except that one whose cost was not known may be settled later from what
the provider says (`Replies.reconcile`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import sqlalchemy as sa

from curation.records import Reply, Request, Usage
from curation.store.database import REPLIES, now

Purpose = Literal["sample", "judge", "vary"]

REQUESTS = sa.Table(
    "requests", REPLIES,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("purpose", sa.String, nullable=False),
    sa.Column("name", sa.String, nullable=False),  # of the teacher or judge in task.toml
    sa.Column("model", sa.String, nullable=False),
    sa.Column("host", sa.String, nullable=False),
    sa.Column("parent", sa.String(64), index=True),  # the request whose reply this one asks about again
    sa.Column("why", sa.String),  # in a word: truncated, empty, invalid, next stage
    sa.Column("cap", sa.Integer),  # on the length of the reply
    sa.Column("terms", sa.String),  # terms of use as checked before it was sent
    sa.Column("region", sa.String),
    sa.Column("zero_retention", sa.Boolean),
    sa.Column("scrub", sa.String),  # what it was scrubbed with before it was sent; "off": it was not
    sa.Column("bytes", sa.Integer),  # of the request, its keys and settings included
    sa.Column("body", sa.Text),  # null: erased by [rules] keep_days
    sa.Column("at", sa.String, nullable=False),
)  # fmt: skip
sa.Index("requests_cap", REQUESTS.c.model, REQUESTS.c.cap)
ANSWERS = sa.Table(
    "replies", REPLIES,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("body", sa.Text),  # null: erased by [rules] keep_days; it stays bought
    sa.Column("at", sa.String, nullable=False),
)  # fmt: skip
CLAIMS = sa.Table(
    "claims", REPLIES,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("wire", sa.String, nullable=False),
    sa.Column("owner", sa.String, nullable=False),
    sa.Column("reserved", sa.Float, nullable=False),
    sa.Column("price", sa.String),
    sa.Column("at", sa.String, nullable=False),
)  # fmt: skip
ATTEMPTS = sa.Table(
    "attempts", REPLIES,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("key", sa.String(64), nullable=False, index=True),
    sa.Column("wire", sa.String, nullable=False),  # the id the provider was given for this attempt
    sa.Column("owner", sa.String, nullable=False),
    sa.Column("outcome", sa.String, nullable=False),  # reply, lost, or a FailureKind
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("tier", sa.String),
    sa.Column("input_tokens", sa.Integer),
    sa.Column("cached_tokens", sa.Integer),
    sa.Column("output_tokens", sa.Integer),
    sa.Column("reasoning_tokens", sa.Integer),
    sa.Column("cost", sa.Float),  # null: not known
    sa.Column("held", sa.Float, nullable=False),  # counted against the budget while the cost is not known
    sa.Column("price", sa.String),  # the row of the price table the cost was worked out with
    sa.Column("seconds", sa.Float),  # from sending to the answer; null: in a batch, or the process was lost
    sa.Column("at", sa.String, nullable=False),
    sqlite_autoincrement=True,  # ids only ever grow, so a sum can be kept up to date from the last one seen
)  # fmt: skip


@dataclass(frozen=True)
class About:
    """What is recorded beside a request: who is asked, what it follows up, and under which rules it was sent."""

    name: str = ""
    parent: str | None = None
    terms: str | None = None
    region: str | None = None
    zero_retention: bool = False
    why: str | None = None
    cap: int | None = None
    scrub: str | None = None


@dataclass(frozen=True)
class Claim:
    """The wish to buy a reply now, with the most it may cost; `wire` is what the provider will know the attempt by."""

    request: Request
    purpose: Purpose
    reserve: float = 0.0
    wire: str = ""
    price: str | None = None
    about: About = field(default_factory=About)


@dataclass(frozen=True)
class Settlement:
    """What became of one attempt: a reply, or a failure in words; `cost` is None where it is not known,
    and `held` then counts against the budget."""

    key: str
    outcome: str
    words: str = ""
    reply: Reply | None = None
    cost: float | None = 0.0
    held: float = 0.0
    wire: str = ""
    tier: str | None = None
    price: str | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Spending:
    """Dollars of this workspace, all runs together: known costs, unknown ones at their cap, reservations in flight."""

    known: float
    held: float
    reserved: float

    @property
    def total(self) -> float:
        """What counts against the budget."""
        return self.known + self.held + self.reserved


class Tally:
    """Known and held dollars of all attempts, brought up to date from the last attempt seen instead of summed anew.

    Attempts whose cost was not known when they were seen are asked for again, because they may be settled later.
    """

    def __init__(self) -> None:
        self._last = 0
        self._known = 0.0

    def spending(self, connection: sa.Connection, reserved: float) -> Spending:
        """The sums as they stand inside this transaction."""
        last, known = connection.execute(
            sa.select(
                sa.func.coalesce(sa.func.max(ATTEMPTS.c.id), self._last),
                sa.func.coalesce(sa.func.sum(ATTEMPTS.c.cost), 0.0),
            ).where(ATTEMPTS.c.id > self._last, ATTEMPTS.c.held == 0)
        ).one()
        self._last, self._known = int(last), self._known + float(known)
        settled, held = connection.execute(_UNSURE).one()
        return Spending(self._known + float(settled), float(held), reserved)


_UNSURE = sa.select(
    sa.func.coalesce(sa.func.sum(ATTEMPTS.c.cost), 0.0),
    sa.func.coalesce(sa.func.sum(sa.case((ATTEMPTS.c.cost.is_(None), ATTEMPTS.c.held), else_=0.0)), 0.0),
).where(ATTEMPTS.c.held > 0)
sa.Index("attempts_held", ATTEMPTS.c.held, sqlite_where=ATTEMPTS.c.held > 0)


def record_attempts(connection: sa.Connection, owner: str, settlements: Sequence[Settlement]) -> None:
    """Append attempts to the per-attempt ledger."""
    at = now(connection)
    connection.execute(sa.insert(ATTEMPTS), [_row(s, owner, at) for s in settlements])


def _row(s: Settlement, owner: str, at: str) -> dict[str, object]:
    usage = s.reply.usage if s.reply else Usage()
    tier = s.tier or (s.reply.tier if s.reply else None)
    return {
        "key": s.key, "wire": s.wire, "owner": owner, "outcome": s.outcome, "words": s.words, "tier": tier,
        "input_tokens": usage.input, "cached_tokens": usage.cached_input,
        "output_tokens": usage.output, "reasoning_tokens": usage.reasoning,
        "cost": s.cost, "held": s.held, "price": s.price, "seconds": s.seconds, "at": at,
    }  # fmt: skip


def lose(connection: sa.Connection, claims: Sequence[sa.Row[tuple[object, ...]]]) -> None:
    """The owner died with these in flight: nobody knows whether they were charged, so their reservation is kept."""
    if not claims:
        return
    at = now(connection)
    words = "the process that asked ended before the reply was journalled"
    connection.execute(
        sa.insert(ATTEMPTS),
        [
            {"key": r.key, "wire": r.wire, "owner": r.owner, "outcome": "lost", "words": words,
             "cost": None if r.reserved else 0.0, "held": r.reserved, "price": r.price, "at": at}
            for r in claims
        ],
    )  # fmt: skip
    connection.execute(sa.delete(CLAIMS).where(CLAIMS.c.key.in_([r.key for r in claims])))
