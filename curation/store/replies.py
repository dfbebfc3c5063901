"""The journal of every request and reply: what was bought, by whom it is being bought now, and what it cost.

Replies, claims, attempts and budget reservations lie in one store and commit together. A claim says that a living
process is buying a reply; its owner holds an OS lock for life, so a claim whose owner is gone is taken at once and
counted as a lost attempt at its reserved price, because the provider may have charged for it.
"""

import json
import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import sqlalchemy as sa
from filelock import FileLock, Timeout
from pydantic import JsonValue

from curation.records import Reply, Request
from curation.store.database import REPLIES, Database, now

Purpose = Literal["sample", "judge", "vary"]
Claimed = Reply | Literal["yours", "taken", "wait_for_money", "over_budget"]

REQUESTS = sa.Table(
    "requests", REPLIES,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("purpose", sa.String, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("at", sa.String, nullable=False),
)  # fmt: skip
ANSWERS = sa.Table(
    "replies", REPLIES,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("at", sa.String, nullable=False),
)  # fmt: skip
CLAIMS = sa.Table(
    "claims", REPLIES,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("owner", sa.String, nullable=False),
    sa.Column("reserved", sa.Float, nullable=False),
    sa.Column("at", sa.String, nullable=False),
)  # fmt: skip
ATTEMPTS = sa.Table(
    "attempts", REPLIES,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("key", sa.String(64), nullable=False, index=True),
    sa.Column("owner", sa.String, nullable=False),
    sa.Column("outcome", sa.String, nullable=False),  # reply, lost, or a FailureKind
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("input_tokens", sa.Integer),
    sa.Column("output_tokens", sa.Integer),
    sa.Column("cost", sa.Float),  # null: not known
    sa.Column("held", sa.Float, nullable=False),  # counted against the budget while the cost is not known
    sa.Column("at", sa.String, nullable=False),
)  # fmt: skip


@dataclass(frozen=True)
class Claim:
    """The wish to buy a reply now, with the most it may cost."""

    request: Request
    purpose: Purpose
    reserve: float = 0.0


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


class Owner:
    """The name under which a process claims; alive as long as its lock file is held."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.name = f"asker-{os.getpid()}-{secrets.token_hex(6)}"
        self._lock = FileLock(self._file(self.name), thread_local=False)  # closed by whichever thread is last
        self._lock.acquire()

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.lock"

    def is_alive(self, name: str) -> bool:
        """Whether the process behind a claim still lives; the lock file of a dead one is removed."""
        if name == self.name:
            return True
        file = self._file(name)
        if not file.exists():
            return False
        try:
            with FileLock(file, timeout=0):
                file.unlink(missing_ok=True)
        except Timeout:
            return True
        return False

    def close(self) -> None:
        """Stop claiming: what is still claimed is free for others."""
        self._file(self.name).unlink(missing_ok=True)
        self._lock.release()


class Replies:
    """The tables of replies.db; every write is one transaction, durable when it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.ensure(REPLIES)

    @property
    def house(self) -> Path:
        """The folder the store lies in (`.stillhouse`)."""
        return Path(self._database.engine.url.database or ".").parent

    def new_owner(self) -> Owner:
        """A name to claim under, for the life of this process or until closed."""
        return Owner(self.house / "locks")

    def request(self, key: str) -> dict[str, JsonValue] | None:
        """A request that was once claimed, as it was sent; None when there is none of that key."""
        with self._database.read() as connection:
            body = connection.execute(sa.select(REQUESTS.c.body).where(REQUESTS.c.key == key)).scalar()
        return None if body is None else json.loads(body)

    def find(self, keys: Iterable[str]) -> dict[str, Reply]:
        """The replies already journalled, by request key."""
        with self._database.read() as connection:
            return _replies(connection, list(keys))

    def attempts(self, key: str) -> list[dict[str, JsonValue]]:
        """Every attempt at a request, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(ATTEMPTS).where(ATTEMPTS.c.key == key).order_by(ATTEMPTS.c.id))
            return [dict(r) for r in rows.mappings()]

    def spending(self) -> Spending:
        """What this workspace has spent and reserved so far."""
        with self._database.read() as connection:
            return _spending(connection)

    def sweep(self, owner: Owner) -> int:
        """Settle the claims of processes that are gone as lost attempts; how many there were."""
        with self._database.write() as connection:
            rows = connection.execute(sa.select(CLAIMS)).all()
            dead = {name for name in {r.owner for r in rows} if not owner.is_alive(name)}
            lost = [r for r in rows if r.owner in dead]
            _lose(connection, lost)
        return len(lost)

    def commit(
        self, owner: Owner, claims: Sequence[Claim] = (), settlements: Sequence[Settlement] = (),
        *, cap: float | None = None,
    ) -> list[Claimed]:  # fmt: skip
        """Settle attempts and grant claims in one transaction; one answer per claim, in order.

        A claim is answered with the reply where there is one, `yours`, `taken` (another living process buys it),
        `wait_for_money` (it would exceed `cap`, but reservations are still open) or `over_budget`.
        """
        with self._database.write() as connection:
            _settle(connection, owner, settlements)
            return _grant(connection, owner, claims, cap) if claims else []

    def record(self, replies: Sequence[tuple[Request, Purpose, Reply]]) -> None:
        """Journal replies that cost nothing and were not claimed (recorded ones); a changed one replaces the old."""
        keys = [reply.key for _, _, reply in replies]
        with self._database.write() as connection:
            old = _replies(connection, keys)
            changed = [reply for _, _, reply in replies if old.get(reply.key) != reply]
            _forget(connection, [reply.key for reply in changed])
            _insert_requests(connection, [(request, purpose) for request, purpose, _ in replies])
            _insert_replies(connection, changed)


def _replies(connection: sa.Connection, keys: Sequence[str]) -> dict[str, Reply]:
    found: dict[str, Reply] = {}
    for part in _parts(keys):
        rows = connection.execute(sa.select(ANSWERS.c.key, ANSWERS.c.body).where(ANSWERS.c.key.in_(part)))
        found |= {key: Reply.model_validate_json(body) for key, body in rows}
    return found


def _spending(connection: sa.Connection) -> Spending:
    known, held = connection.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(ATTEMPTS.c.cost), 0.0),
            sa.func.coalesce(sa.func.sum(sa.case((ATTEMPTS.c.cost.is_(None), ATTEMPTS.c.held), else_=0.0)), 0.0),
        )
    ).one()
    reserved = connection.execute(sa.select(sa.func.coalesce(sa.func.sum(CLAIMS.c.reserved), 0.0))).scalar_one()
    return Spending(float(known), float(held), float(reserved))


def _settle(connection: sa.Connection, owner: Owner, settlements: Sequence[Settlement]) -> None:
    if not settlements:
        return
    at = now(connection)
    usage = {s.key: s.reply.usage for s in settlements if s.reply is not None}
    connection.execute(
        sa.insert(ATTEMPTS),
        [
            {
                "key": s.key, "owner": owner.name, "outcome": s.outcome, "words": s.words,
                "input_tokens": usage[s.key].input if s.key in usage else None,
                "output_tokens": usage[s.key].output if s.key in usage else None,
                "cost": s.cost, "held": s.held, "at": at,
            }
            for s in settlements
        ],
    )  # fmt: skip
    keys = [s.key for s in settlements]
    connection.execute(sa.delete(CLAIMS).where(CLAIMS.c.key.in_(keys), CLAIMS.c.owner == owner.name))
    bought = {s.reply.key: s.reply for s in settlements if s.reply is not None}
    known = _replies(connection, list(bought))
    _insert_replies(connection, [r for key, r in bought.items() if key not in known])


def _grant(connection: sa.Connection, owner: Owner, claims: Sequence[Claim], cap: float | None) -> list[Claimed]:
    keys = [c.request.key for c in claims]
    known = _replies(connection, keys)
    taken = {r.key: r for r in connection.execute(sa.select(CLAIMS).where(CLAIMS.c.key.in_(keys)))}
    dead = {name for name in {r.owner for r in taken.values()} if not owner.is_alive(name)}
    _lose(connection, [r for r in taken.values() if r.owner in dead])
    busy = {key for key, r in taken.items() if r.owner not in dead}
    spending = _spending(connection) if cap is not None else Spending(0.0, 0.0, 0.0)
    spent, reserved = spending.known + spending.held, spending.reserved
    answers: list[Claimed] = []
    mine: list[Claim] = []
    for key, claim in zip(keys, claims, strict=True):
        answer = known.get(key) or _verdict(key in busy, claim.reserve, cap, spent, reserved)
        if answer == "yours":
            reserved += claim.reserve
            busy.add(key)
            mine.append(claim)
        answers.append(answer)
    _insert_claims(connection, owner, mine)
    return answers


def _verdict(busy: bool, reserve: float, cap: float | None, spent: float, reserved: float) -> Claimed:
    if busy:
        return "taken"
    if cap is None or not reserve or spent + reserved + reserve <= cap:
        return "yours"
    return "wait_for_money" if reserved > 0 else "over_budget"


def _insert_claims(connection: sa.Connection, owner: Owner, claims: Sequence[Claim]) -> None:
    if not claims:
        return
    at = now(connection)
    connection.execute(
        sa.insert(CLAIMS),
        [{"key": c.request.key, "owner": owner.name, "reserved": c.reserve, "at": at} for c in claims],
    )
    _insert_requests(connection, [(c.request, c.purpose) for c in claims])


def _insert_requests(connection: sa.Connection, requests: Sequence[tuple[Request, Purpose]]) -> None:
    keyed = {request.key: (request, purpose) for request, purpose in requests}
    known: set[str] = set()
    for part in _parts(list(keyed)):
        known |= set(connection.execute(sa.select(REQUESTS.c.key).where(REQUESTS.c.key.in_(part))).scalars())
    at = now(connection)
    rows = [
        {"key": key, "purpose": purpose, "body": request.model_dump_json(), "at": at}
        for key, (request, purpose) in keyed.items()
        if key not in known
    ]
    if rows:
        connection.execute(sa.insert(REQUESTS), rows)


def _insert_replies(connection: sa.Connection, replies: Sequence[Reply]) -> None:
    if replies:
        at = now(connection)
        rows = [{"key": r.key, "body": r.model_dump_json(), "at": at} for r in replies]
        connection.execute(sa.insert(ANSWERS), rows)


def _forget(connection: sa.Connection, keys: Sequence[str]) -> None:
    for part in _parts(keys):
        connection.execute(sa.delete(ANSWERS).where(ANSWERS.c.key.in_(part)))


def _parts(keys: Sequence[str]) -> list[Sequence[str]]:
    """Keys in parts that fit one statement's parameters."""
    return [keys[start : start + 500] for start in range(0, len(keys), 500)]


def _lose(connection: sa.Connection, claims: Sequence[sa.Row[tuple[object, ...]]]) -> None:
    """The owner died with these in flight: nobody knows whether they were charged, so their reservation is kept."""
    if not claims:
        return
    at = now(connection)
    words = "the process that asked ended before the reply was journalled"
    connection.execute(
        sa.insert(ATTEMPTS),
        [
            {"key": r.key, "owner": r.owner, "outcome": "lost", "words": words, "cost": None if r.reserved else 0.0,
             "held": r.reserved, "at": at}
            for r in claims
        ],
    )  # fmt: skip
    connection.execute(sa.delete(CLAIMS).where(CLAIMS.c.key.in_([r.key for r in claims])))
