"""What waits in providers' batches: written here before anything is sent, and until it is collected nobody buys it.

A batch goes through intent, uploaded, sending, created, ended and collected; one that never reached the provider or
was refused as a whole ends as failed or cancelled and holds nothing. A request is open in at most one batch.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import sqlalchemy as sa
from filelock import FileLock, Timeout

from curation.errors import RETRYABLE, STOPS_RUN
from curation.records import Request
from curation.store.attempts import ATTEMPTS, REQUESTS, Claim, Purpose, Settlement
from curation.store.database import REPLIES, Database, now

State = Literal["intent", "uploaded", "sending", "created", "ended", "collected", "cancelled", "failed"]
OPEN: tuple[State, ...] = ("intent", "uploaded", "sending", "created", "ended")
"""States in which a batch holds its requests."""

AGAIN = frozenset({"expired", "cancelled", "missing"}) | RETRYABLE | STOPS_RUN
"""Outcomes of one request of a batch that say nothing about the request: it may be asked again."""

SLICE = 500

BATCHES = sa.Table(
    "batches", REPLIES,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("provider", sa.String, nullable=False),
    sa.Column("host", sa.String, nullable=False),
    sa.Column("model", sa.String, nullable=False),
    sa.Column("dialect", sa.String, nullable=False),
    sa.Column("purpose", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False, index=True),
    sa.Column("words", sa.Text),  # why it failed or was given up
    sa.Column("remote_file", sa.String),
    sa.Column("remote_id", sa.String),
    sa.Column("requests", sa.Integer, nullable=False),
    sa.Column("bytes", sa.Integer, nullable=False),
    sa.Column("tokens", sa.Integer, nullable=False),  # of input, estimated when it was packed
    sa.Column("input_tokens", sa.Integer),  # of input, as reported by its replies
    sa.Column("reserved", sa.Float, nullable=False),  # dollars its open requests may still cost
    sa.Column("price", sa.String),
    sa.Column("input_sha256", sa.String(64)),
    sa.Column("output_path", sa.String),  # relative to the house, as are the others
    sa.Column("output_sha256", sa.String(64)),
    sa.Column("error_path", sa.String),
    sa.Column("error_sha256", sa.String(64)),
    sa.Column("sent_at", sa.String),  # when creating it was first tried
    sa.Column("expires_at", sa.String),
    sa.Column("at", sa.String, nullable=False),
)  # fmt: skip
ITEMS = sa.Table(
    "batch_items", REPLIES,
    sa.Column("batch", sa.String(16), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("key", sa.String(64), nullable=False),
    sa.Column("custom_id", sa.String(64), nullable=False, unique=True),
    sa.Column("reserve", sa.Float, nullable=False),
    sa.Column("state", sa.String, nullable=False),  # open, done, requeued
    sa.Column("outcome", sa.String),  # as in the ledger
    sa.Column("words", sa.Text),
)  # fmt: skip
_IS_OPEN = ITEMS.c.state == "open"
sa.Index("batch_items_open", ITEMS.c.key, unique=True, sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN)


@dataclass(frozen=True)
class NewBatch:
    """A batch about to be written down; its requests come as claims whose `wire` is their custom id."""

    id: str
    provider: str
    host: str
    model: str
    dialect: str
    purpose: Purpose
    price: str | None = None


@dataclass(frozen=True)
class Batch:
    """A batch as it is written down."""

    id: str
    provider: str
    host: str
    model: str
    dialect: str
    purpose: Purpose
    state: State
    words: str | None
    remote_file: str | None
    remote_id: str | None
    requests: int
    bytes: int
    tokens: int
    input_tokens: int | None
    reserved: float
    price: str | None
    input_sha256: str | None
    output_path: str | None
    output_sha256: str | None
    error_path: str | None
    error_sha256: str | None
    sent_at: str | None
    expires_at: str | None
    at: str

    @property
    def is_open(self) -> bool:
        """Whether it still holds requests."""
        return self.state in OPEN


@dataclass(frozen=True)
class Item:
    """One request of a batch, with what became of it."""

    position: int
    key: str
    custom_id: str
    reserve: float
    state: Literal["open", "done", "requeued"]
    outcome: str | None
    words: str | None


@dataclass(frozen=True)
class Used:
    """Tokens that the replies to a batch reported, and how many of its requests cost what nobody knows."""

    input: int
    output: int
    unknown: int


# --- inside a transaction of the journal -----------------------------------------------------------------------


def open_keys(connection: sa.Connection, keys: Sequence[str]) -> set[str]:
    """Which of these wait in a batch that is not collected: nobody may buy them elsewhere."""
    return {
        key
        for part in _parts(keys)
        for key in connection.execute(sa.select(ITEMS.c.key).where(ITEMS.c.key.in_(part), _IS_OPEN)).scalars()
    }


def open_items() -> sa.Select[tuple[str]]:
    """The keys of all requests that wait in batches, as a query."""
    return sa.select(ITEMS.c.key).where(_IS_OPEN)


def open_reserve(connection: sa.Connection) -> float:
    """Dollars that open batches may still cost."""
    query = sa.select(sa.func.coalesce(sa.func.sum(BATCHES.c.reserved), 0.0)).where(BATCHES.c.state.in_(OPEN))
    return float(connection.execute(query).scalar_one())


def insert_batch(connection: sa.Connection, new: NewBatch, claims: Sequence[Claim]) -> None:
    """The intent: a batch and its requests, open from now on; nothing is written for a batch without any."""
    if not claims:
        return
    connection.execute(
        sa.insert(BATCHES),
        {
            **vars(new), "state": "intent", "requests": len(claims), "bytes": 0, "tokens": 0,
            "reserved": sum(c.reserve for c in claims), "at": now(connection),
        },
    )  # fmt: skip
    connection.execute(
        sa.insert(ITEMS),
        [
            {
                "batch": new.id, "position": position, "key": c.request.key, "custom_id": c.wire,
                "reserve": c.reserve, "state": "open",
            }
            for position, c in enumerate(claims)
        ],
    )  # fmt: skip


def close_items(connection: sa.Connection, settlements: Sequence[Settlement]) -> None:
    """Settle the requests of batches with their attempts, and give back their part of the reservation."""
    by_wire = {s.wire: s for s in settlements}
    freed: dict[str, float] = {}
    rows: list[dict[str, object]] = []
    for part in _parts(list(by_wire)):
        found = sa.select(ITEMS.c.batch, ITEMS.c.custom_id, ITEMS.c.reserve).where(
            ITEMS.c.custom_id.in_(part), _IS_OPEN
        )
        for batch, wire, reserve in connection.execute(found):
            s = by_wire[wire]
            freed[batch] = freed.get(batch, 0.0) + reserve
            state = "requeued" if s.outcome in AGAIN else "done"
            rows.append({"wire": wire, "now": state, "what": s.outcome, "why": s.words or None})
    if rows:
        update = sa.update(ITEMS).where(ITEMS.c.custom_id == sa.bindparam("wire"))
        values = {"state": sa.bindparam("now"), "outcome": sa.bindparam("what"), "words": sa.bindparam("why")}
        connection.execute(update.values(values), rows)
    for batch, reserve in freed.items():
        left = sa.case((BATCHES.c.reserved > reserve, BATCHES.c.reserved - reserve), else_=0.0)
        connection.execute(sa.update(BATCHES).where(BATCHES.c.id == batch).values(reserved=left))


# --- the table of its own --------------------------------------------------------------------------------------


class Batches:
    """The batches of one workspace; every write is one transaction, durable when it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, provider: str, host: str, model: str) -> list[Batch]:
        """The open batches of one model, oldest first."""
        mine = (BATCHES.c.provider == provider, BATCHES.c.host == host, BATCHES.c.model == model)
        return self._select(*mine, BATCHES.c.state.in_(OPEN))

    def open(self) -> list[Batch]:
        """Every open batch, oldest first."""
        return self._select(BATCHES.c.state.in_(OPEN))

    def all(self) -> list[Batch]:
        """Every batch there ever was, oldest first."""
        return self._select()

    def get(self, ident: str) -> Batch:
        """The batch of that id as it stands now."""
        return self._select(BATCHES.c.id == ident)[0]

    def remote_ids(self, host: str) -> set[str]:
        """What the provider calls the batches of this workspace that are known to be there."""
        query = sa.select(BATCHES.c.remote_id).where(BATCHES.c.host == host, BATCHES.c.remote_id.is_not(None))
        with self._database.read() as connection:
            return set(connection.execute(query).scalars())

    def tokens_per_byte(self, provider: str, host: str, model: str) -> float | None:
        """Input tokens per byte sent, as the replies of collected batches reported them; None without any."""
        query = sa.select(sa.func.sum(BATCHES.c.input_tokens), sa.func.sum(BATCHES.c.bytes)).where(
            BATCHES.c.provider == provider, BATCHES.c.host == host, BATCHES.c.model == model,
            BATCHES.c.state == "collected", BATCHES.c.input_tokens > 0,
        )  # fmt: skip
        with self._database.read() as connection:
            tokens, sent = connection.execute(query).one()
        return float(tokens) / float(sent) if tokens and sent else None

    def update(self, ident: str, **values: object) -> Batch:
        """Write down the next step of a batch; `sent_at=True` is the database's clock now."""
        with self._database.write() as connection:
            if values.get("sent_at") is True:
                values["sent_at"] = now(connection)
            connection.execute(sa.update(BATCHES).where(BATCHES.c.id == ident).values(values))
        return self.get(ident)

    def finish(self, ident: str, state: Literal["collected", "cancelled", "failed"], **values: object) -> Batch:
        """The end of a batch: what is still open in it is free to be asked elsewhere, and no money is held."""
        with self._database.write() as connection:
            freed = sa.update(ITEMS).where(ITEMS.c.batch == ident, _IS_OPEN)
            connection.execute(freed.values(state="requeued"))
            ended = sa.update(BATCHES).where(BATCHES.c.id == ident)
            connection.execute(ended.values(state=state, reserved=0.0, **values))
        return self.get(ident)

    def erase_files(self, house: Path, day: str) -> int:
        """Erase the raw files of batches that were over before a day (ISO date); their digests stay. How many."""
        erased = 0
        for batch in self._select(BATCHES.c.at < day, BATCHES.c.state.not_in(OPEN)):
            for file in (house / "batches" / batch.id).glob("*.jsonl"):
                file.unlink(missing_ok=True)
                erased += 1
        return erased

    def counts(self, ident: str) -> dict[str, int]:
        """How many requests of a batch came to which outcome; `open` for those not settled."""
        query = (
            sa.select(sa.func.coalesce(ITEMS.c.outcome, ITEMS.c.state), sa.func.count())
            .where(ITEMS.c.batch == ident)
            .group_by(sa.func.coalesce(ITEMS.c.outcome, ITEMS.c.state))
        )
        with self._database.read() as connection:
            return {str(name): int(number) for name, number in connection.execute(query)}

    def items(self, ident: str, *, only: str | None = None) -> Iterator[list[Item]]:
        """The requests of a batch in the order they were packed, in slices; `only` those in one state."""
        last = -1
        columns = [ITEMS.c[name] for name in Item.__dataclass_fields__]
        while True:
            query = sa.select(*columns).where(ITEMS.c.batch == ident, ITEMS.c.position > last)
            if only is not None:
                query = query.where(ITEMS.c.state == only)
            with self._database.read() as connection:
                rows = connection.execute(query.order_by(ITEMS.c.position).limit(SLICE)).mappings().all()
            if not rows:
                return
            yield [Item(**row) for row in rows]
            last = rows[-1]["position"]

    def named(self, ident: str, custom_ids: Iterable[str]) -> dict[str, Item]:
        """The requests of a batch by custom id; one of another batch is not among them."""
        columns = [ITEMS.c[name] for name in Item.__dataclass_fields__]
        found: dict[str, Item] = {}
        with self._database.read() as connection:
            for part in _parts(list(custom_ids)):
                query = sa.select(*columns).where(ITEMS.c.batch == ident, ITEMS.c.custom_id.in_(part))
                found |= {row["custom_id"]: Item(**row) for row in connection.execute(query).mappings()}
        return found

    def bodies(self, keys: Iterable[str]) -> dict[str, Request]:
        """The requests as they were claimed, by key; an erased one is not among them."""
        found: dict[str, Request] = {}
        with self._database.read() as connection:
            for part in _parts(list(keys)):
                query = sa.select(REQUESTS.c.key, REQUESTS.c.body).where(
                    REQUESTS.c.key.in_(part), REQUESTS.c.body.is_not(None)
                )
                found |= {key: Request.model_validate_json(body) for key, body in connection.execute(query)}
        return found

    def used(self, ident: str) -> Used:
        """What the ledger holds about the replies to a batch."""
        query = (
            sa.select(
                sa.func.coalesce(sa.func.sum(ATTEMPTS.c.input_tokens), 0),
                sa.func.coalesce(sa.func.sum(ATTEMPTS.c.output_tokens), 0),
                sa.func.coalesce(sa.func.sum(sa.case((ATTEMPTS.c.cost.is_(None), 1), else_=0)), 0),
            )
            .join(ITEMS, sa.and_(ITEMS.c.key == ATTEMPTS.c.key, ITEMS.c.custom_id == ATTEMPTS.c.wire))
            .where(ITEMS.c.batch == ident)
        )
        with self._database.read() as connection:
            return Used(*map(int, connection.execute(query).one()))

    def holders(self, keys: Iterable[str]) -> dict[str, str]:
        """The open batch each of these waits in; those that wait in none are not among them."""
        found: dict[str, str] = {}
        with self._database.read() as connection:
            for part in _parts(list(keys)):
                query = sa.select(ITEMS.c.key, ITEMS.c.batch).where(ITEMS.c.key.in_(part), _IS_OPEN)
                found |= {r.key: r.batch for r in connection.execute(query)}
        return found

    def _select(self, *where: sa.ColumnElement[bool]) -> list[Batch]:
        query = sa.select(BATCHES).where(*where).order_by(BATCHES.c.at, BATCHES.c.id)
        with self._database.read() as connection:
            return [Batch(**row) for row in connection.execute(query).mappings()]


@contextmanager
def alone(house: Path, ident: str) -> Generator[bool]:
    """Whether this process is the one that works on a batch, for as long as the block lasts."""
    folder = house / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"batch-{ident}.lock", thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _parts(keys: Sequence[str]) -> list[Sequence[str]]:
    return [keys[start : start + SLICE] for start in range(0, len(keys), SLICE)]
