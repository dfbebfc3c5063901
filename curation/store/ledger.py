"""The append-only event log: each event carries the hash of the one before it, and the last is signed.

An event is stored as the bytes that were hashed, so nothing is re-encoded to check it. The checkpoint (how many
events, the hash of the last, a signature over both) changes in the same transaction as the log and is copied to
`.stillhouse/checkpoint.json`, so a log cut short, rewritten or rolled back no longer fits what was signed.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from pydantic import JsonValue
from sqlalchemy.exc import IntegrityError

from curation.errors import Corrupt
from curation.records import Record, canonical
from curation.store.database import STATE, Database, now
from curation.store.durable import write_durably
from curation.store.keys import Keys, signed_by
from curation.store.layout import Layout

GENESIS = "0" * 64

ledger_events = sa.Table(
    "ledger",
    STATE,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("record", sa.LargeBinary, nullable=False),  # canonical JSON of the Event
    sa.Column("hash", sa.LargeBinary, nullable=False),  # SHA-256 of `record`
)
checkpoints = sa.Table(
    "checkpoint",
    STATE,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),  # always 1
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("head", sa.LargeBinary, nullable=False),  # SHA-256 of the last event; empty before the first
    sa.Column("signature", sa.LargeBinary, nullable=False),
)


class Event(Record):
    """One thing that happened: a run, a seal, a vote, an unmasking, a gate."""

    seq: int
    at: str
    actor: str
    kind: str
    body: dict[str, JsonValue]
    prev: str


class Checkpoint(Record):
    """What was signed about the log: its length and the hash of its last event."""

    size: int
    head: str
    signature: str

    @staticmethod
    def message(size: int, head: str) -> bytes:
        """The bytes that are signed."""
        return b"stillhouse-checkpoint-1\n" + canonical({"head": head, "size": size})


class Ledger:
    """The event log in state.db."""

    def __init__(self, database: Database, keys: Keys, layout: Layout) -> None:
        self._database = database
        self._keys = keys
        self._file = layout.house / "checkpoint.json"
        self._begin()

    def append(self, kind: str, body: Mapping[str, JsonValue], actor: str = "engine") -> int:
        """Record an event in a transaction of its own; its sequence number."""
        with self._database.write() as connection:
            seq = self.append_in(connection, kind, body, actor)
        self.publish()
        return seq

    def append_in(
        self, connection: sa.Connection, kind: str, body: Mapping[str, JsonValue], actor: str = "engine"
    ) -> int:
        """Record an event in the caller's write transaction on state.db: both happen or neither does."""
        # The row lock orders writers on PostgreSQL; on SQLite the transaction already holds the write lock.
        last = connection.execute(sa.select(checkpoints).with_for_update()).one()
        event = Event(seq=last.size + 1, at=now(connection), actor=actor, kind=kind, body=dict(body), prev=_head(last))
        record = canonical(event.model_dump(mode="json"))
        hashed = hashlib.sha256(record).digest()
        connection.execute(sa.insert(ledger_events).values(seq=event.seq, record=record, hash=hashed))
        signature = self._keys.sign(Checkpoint.message(event.seq, hashed.hex()))
        connection.execute(sa.update(checkpoints).values(size=event.seq, head=hashed, signature=signature))
        return event.seq

    def publish(self) -> Checkpoint:
        """Copy the signed checkpoint out of the database, so that rolling the database back is found."""
        point = self.checkpoint()
        write_durably(self._file, canonical(point.model_dump()))
        return point

    def checkpoint(self) -> Checkpoint:
        """The checkpoint the database holds."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(checkpoints)).one()
        return Checkpoint(size=row.size, head=bytes(row.head).hex(), signature=bytes(row.signature).hex())

    def events(self, kind: str | None = None) -> list[Event]:
        """The events in order, of one kind where given; Corrupt when a stored event cannot be read."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(ledger_events).order_by(ledger_events.c.seq)).all()
        try:
            events = [Event.model_validate_json(row.record) for row in rows]
        except ValueError as error:
            raise Corrupt("the ledger holds an event that cannot be read; `stillhouse verify` names it") from error
        return [e for e in events if kind is None or e.kind == kind]

    def verify(self) -> list[str]:
        """What is wrong with the log, one line each: a changed, missing or added event, an unfitting signature."""
        published = self._file.read_bytes() if self._file.exists() else None  # first: the log may grow meanwhile
        with self._database.write() as connection:  # no event may come between the two queries
            points = connection.execute(sa.select(checkpoints).with_for_update()).all()
            rows = connection.execute(sa.select(ledger_events).order_by(ledger_events.c.seq)).all()
        problems: list[str] = []
        heads = [GENESIS]
        for place, row in enumerate(rows, start=1):
            if said := _wrong(row, place, heads[-1]):
                problems.append(f"ledger event {place}: {said}")
            heads.append(hashlib.sha256(bytes(row.record)).hexdigest())
        if len(points) != 1:
            problems.append(f"the ledger has {len(points)} checkpoints instead of 1")
        for point in points:
            problems += self._against(point.size, bytes(point.head).hex(), bytes(point.signature), heads, exact=True)
        return problems + ([] if published is None else self._published_problems(published, heads))

    def _published_problems(self, data: bytes, heads: list[str]) -> list[str]:
        try:
            point = Checkpoint.model_validate_json(data)
            signature = bytes.fromhex(point.signature)
        except ValueError:
            return [f"{self._file.name} cannot be read"]
        if canonical(point.model_dump()) != data:
            return [f"{self._file.name} is not the bytes that were written"]
        return self._against(point.size, point.head, signature, heads, exact=False)

    def _against(self, size: int, head: str, signature: bytes, heads: list[str], *, exact: bool) -> list[str]:
        held = len(heads) - 1
        if size == 0 and not head and held == 0:
            return []
        if not signed_by(self._keys.public, signature, Checkpoint.message(size, head)):
            return ["the signature of a ledger checkpoint does not fit"]
        if held < size:
            return [f"the ledger holds {held} events, but a signed checkpoint says {size}: its tail was cut off"]
        if exact and held > size:
            return [f"the ledger holds {held} events, but its signed checkpoint says {size}: events were added"]
        if heads[size] != head:
            return [f"ledger event {size} is not the one that was signed"]
        return []

    def _begin(self) -> None:
        with self._database.read() as connection:
            if connection.execute(sa.select(checkpoints.c.id)).first() is not None:
                return
        try:
            with self._database.write() as connection:
                if connection.execute(sa.select(ledger_events.c.seq)).first() is None:
                    connection.execute(sa.insert(checkpoints).values(id=1, size=0, head=b"", signature=b""))
        except IntegrityError:
            return  # another process made the same first row


def _head(point: sa.Row[Any]) -> str:
    return bytes(point.head).hex() or GENESIS


def _wrong(row: sa.Row[Any], place: int, prev: str) -> str | None:
    record = bytes(row.record)
    if hashlib.sha256(record).digest() != bytes(row.hash):
        return "its bytes do not match its hash"
    try:
        event = json.loads(record)
        stated = (event["seq"], event["prev"])
    except (ValueError, KeyError, TypeError):
        return "it cannot be read"
    if row.seq != place or stated[0] != place:
        return f"it is numbered {row.seq} in the table and {stated[0]} inside"
    return None if stated[1] == prev else "it does not follow the event before it"
