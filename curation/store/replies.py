"""The journal of every request and reply: what was bought, by whom it is being bought now, and what it cost.

Replies, claims, attempts and budget reservations lie in one store and commit together. A claim says that a living
process is buying a reply; its owner holds an OS lock for life, so a claim whose owner is gone is taken at once and
counted as a lost attempt at its reserved price, because the provider may have charged for it. A request that waits
in a provider's batch belongs to that batch, whether any process lives or not.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import sqlalchemy as sa
from pydantic import JsonValue
from sqlalchemy.dialects.sqlite import insert as insert_or

from curation.records import Reply, Request
from curation.store.attempts import (
    ANSWERS,
    ATTEMPTS,
    CLAIMS,
    REQUESTS,
    About,
    Claim,
    Purpose,
    Settlement,
    Spending,
    Tally,
    lose,
    record_attempts,
)
from curation.store.batches import Batches, NewBatch, close_items, insert_batch, open_items, open_keys, open_reserve
from curation.store.database import REPLIES, Database, now
from curation.store.owner import Owner

__all__ = ["About", "Claim", "Claimed", "Owner", "Purpose", "Replies", "Settlement", "Spending"]

Claimed = Reply | Literal["yours", "taken", "wait_for_money", "over_budget", "erased", "held_back"]


class Replies:
    """The tables of replies.db; every write is one transaction, durable when it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tally = Tally()
        database.ensure(REPLIES)

    @property
    def house(self) -> Path:
        """The folder the store lies in (`.stillhouse`)."""
        return Path(self._database.engine.url.database or ".").parent

    @property
    def database(self) -> Database:
        """The store, for the tables that lie beside these."""
        return self._database

    def new_owner(self) -> Owner:
        """A name to claim under, for the life of this process or until closed."""
        return Owner(self.house / "locks")

    # --- reading -----------------------------------------------------------------------------------------------

    def request(self, key: str) -> dict[str, JsonValue] | None:
        """A request that was once claimed, as it was sent; None when there is none of that key."""
        with self._database.read() as connection:
            body = connection.execute(sa.select(REQUESTS.c.body).where(REQUESTS.c.key == key)).scalar()
        return None if body is None else json.loads(body)

    def about(self, key: str) -> dict[str, JsonValue] | None:
        """What was recorded beside a request (who was asked, terms, region); None when there is none of that key."""
        with self._database.read() as connection:
            query = sa.select(*(c for c in REQUESTS.c if c.name != "body")).where(REQUESTS.c.key == key)
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else dict(row)

    def find(self, keys: Iterable[str]) -> dict[str, Reply]:
        """The replies already journalled, by request key."""
        with self._database.read() as connection:
            return _replies(connection, list(keys))

    def caps_below(self, model: str, cap: int, most: int = 8) -> list[int]:
        """The caps on length, smaller than this one, that a model was ever asked with; the largest first."""
        caps: list[int] = []
        with self._database.read() as connection:
            while len(caps) < most:  # a step of the index each, however many requests share a cap
                query = sa.select(sa.func.max(REQUESTS.c.cap)).where(REQUESTS.c.model == model, REQUESTS.c.cap < cap)
                if (below := connection.execute(query).scalar()) is None:
                    break
                caps.append(cap := int(below))
        return caps

    def bought(self, keys: Iterable[str]) -> set[str]:
        """Which of these were bought, those since erased included; cheaper than reading the replies."""
        with self._database.read() as connection:
            return {
                key
                for part in _parts(list(keys))
                for key in connection.execute(sa.select(ANSWERS.c.key).where(ANSWERS.c.key.in_(part))).scalars()
            }

    def attempts(self, key: str) -> list[dict[str, JsonValue]]:
        """Every attempt at a request, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(ATTEMPTS).where(ATTEMPTS.c.key == key).order_by(ATTEMPTS.c.id))
            return [dict(r) for r in rows.mappings()]

    def spending(self) -> Spending:
        """What this workspace has spent and reserved so far."""
        with self._database.snapshot() as connection:
            return Tally().spending(connection, _reserved(connection))

    # --- writing -----------------------------------------------------------------------------------------------

    def sweep(self, owner: Owner) -> int:
        """Settle the claims of processes that are gone as lost attempts; how many there were."""
        with self._database.write() as connection:
            rows = connection.execute(sa.select(CLAIMS)).all()
            dead = {name for name in {r.owner for r in rows} if not owner.is_alive(name)}
            gone = [r for r in rows if r.owner in dead]
            lose(connection, gone)
        return len(gone)

    def commit(
        self, owner: Owner, claims: Sequence[Claim] = (), settlements: Sequence[Settlement] = (),
        *, release: Sequence[str] = (), cap: float | None = None,
    ) -> list[Claimed]:  # fmt: skip
        """Settle attempts, give back claims never used and grant new ones in one transaction; one answer per claim.

        A claim is answered with the reply where there is one, `yours`, `taken` (another living process or a batch
        buys it), `wait_for_money` (it would exceed `cap`, but reservations are still open), `over_budget` or `erased`.
        """
        tally, self._tally = self._tally, Tally()  # a transaction that fails leaves a sum that starts anew
        with self._database.write() as connection:
            if settlements:
                record_attempts(connection, owner.name, settlements)
                close_items(connection, [s for s in settlements if s.tier == "batch"])
                _insert_replies(connection, [s.reply for s in settlements if s.reply is not None])
            _unclaim(connection, owner, [*release, *(s.key for s in settlements)])
            answers = self._grant(connection, owner, claims, cap, tally) if claims else []
        self._tally = tally
        return answers

    def enqueue(self, owner: Owner, batch: NewBatch, claims: Sequence[Claim], *, cap: float | None) -> list[Claimed]:
        """Write down the intent to buy requests in one batch; those answered `yours` are in it, under their `wire`."""
        with self._database.write() as connection:
            return self._grant(connection, owner, claims, cap, Tally(), batch)

    def record(self, replies: Sequence[tuple[Request, Purpose, Reply]]) -> None:
        """Journal replies that cost nothing and were not claimed (recorded ones); a changed one replaces the old."""
        keys = [reply.key for _, _, reply in replies]
        with self._database.write() as connection:
            old = _replies(connection, keys)
            changed = [reply for _, _, reply in replies if old.get(reply.key) != reply]
            for part in _parts([reply.key for reply in changed]):
                connection.execute(sa.delete(ANSWERS).where(ANSWERS.c.key.in_(part)))
            _insert_requests(connection, [Claim(request, purpose) for request, purpose, _ in replies])
            _insert_replies(connection, changed)

    def unsettled(self) -> list[tuple[str, str, str]]:
        """(wire id, key, price) of the attempts whose cost is not known: what to ask the provider about."""
        query = sa.select(ATTEMPTS.c.wire, ATTEMPTS.c.key, ATTEMPTS.c.price).where(
            ATTEMPTS.c.held > 0, ATTEMPTS.c.cost.is_(None)
        )
        with self._database.read() as connection:
            return [(r.wire, r.key, r.price or "") for r in connection.execute(query)]

    def reconcile(self, costs: Mapping[str, float]) -> int:
        """Write down what the provider says unsettled attempts cost, by wire id; how many were settled."""
        with self._database.write() as connection:
            return sum(
                connection.execute(
                    sa.update(ATTEMPTS)
                    .where(ATTEMPTS.c.wire == wire, ATTEMPTS.c.held > 0, ATTEMPTS.c.cost.is_(None))
                    .values(cost=cost)
                ).rowcount
                for wire, cost in costs.items()
            )

    def erase_before(self, day: str) -> int:
        """Erase the bodies of requests and replies bought before a day (ISO date); they stay bought. How many.

        Files of batches go alike; what still waits in a batch is needed to read what comes home.
        """
        with self._database.write() as connection:
            for table in (REQUESTS, ANSWERS):
                old = (table.c.at < day, table.c.body.is_not(None), table.c.key.not_in(open_items()))
                done = connection.execute(sa.update(table).where(*old).values(body=None))
        Batches(self._database).erase_files(self.house, day)
        return done.rowcount

    @staticmethod
    def _grant(
        connection: sa.Connection, owner: Owner, claims: Sequence[Claim], cap: float | None, tally: Tally,
        batch: NewBatch | None = None,
    ) -> list[Claimed]:  # fmt: skip
        keys = [c.request.key for c in claims]
        known: dict[str, Claimed] = {**dict.fromkeys(_erased(connection, keys), "erased"), **_replies(connection, keys)}
        busy = _busy(connection, owner, keys)
        spending = Spending(0.0, 0.0, 0.0)
        if cap is not None:
            spending = tally.spending(connection, _reserved(connection))
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
        if batch is None:
            _insert_claims(connection, owner, mine)
        else:
            insert_batch(connection, batch, mine)
        _insert_requests(connection, mine)
        return answers


def _busy(connection: sa.Connection, owner: Owner, keys: Sequence[str]) -> set[str]:
    """The keys some living process or an open batch is buying."""
    taken = [
        row for part in _parts(keys) for row in connection.execute(sa.select(CLAIMS).where(CLAIMS.c.key.in_(part)))
    ]
    dead = {name for name in {r.owner for r in taken} if not owner.is_alive(name)}
    lose(connection, [r for r in taken if r.owner in dead])
    return {r.key for r in taken if r.owner not in dead} | open_keys(connection, keys)


def _verdict(busy: bool, reserve: float, cap: float | None, spent: float, reserved: float) -> Claimed:
    if busy:
        return "taken"
    if cap is None or not reserve or spent + reserved + reserve <= cap:
        return "yours"
    return "wait_for_money" if reserved > 0 else "over_budget"


def _reserved(connection: sa.Connection) -> float:
    claimed = connection.execute(sa.select(sa.func.coalesce(sa.func.sum(CLAIMS.c.reserved), 0.0))).scalar_one()
    return float(claimed) + open_reserve(connection)


def _replies(connection: sa.Connection, keys: Sequence[str]) -> dict[str, Reply]:
    found: dict[str, Reply] = {}
    for part in _parts(keys):
        query = sa.select(ANSWERS.c.key, ANSWERS.c.body).where(ANSWERS.c.key.in_(part), ANSWERS.c.body.is_not(None))
        found |= {key: Reply.model_validate_json(body) for key, body in connection.execute(query)}
    return found


def _erased(connection: sa.Connection, keys: Sequence[str]) -> set[str]:
    return {
        key
        for part in _parts(keys)
        for key in connection.execute(
            sa.select(ANSWERS.c.key).where(ANSWERS.c.key.in_(part), ANSWERS.c.body.is_(None))
        ).scalars()
    }


def _unclaim(connection: sa.Connection, owner: Owner, keys: Sequence[str]) -> None:
    for part in _parts(keys):
        connection.execute(sa.delete(CLAIMS).where(CLAIMS.c.key.in_(part), CLAIMS.c.owner == owner.name))


def _insert_claims(connection: sa.Connection, owner: Owner, claims: Sequence[Claim]) -> None:
    if not claims:
        return
    at = now(connection)
    connection.execute(
        sa.insert(CLAIMS),
        [
            {
                "key": c.request.key,
                "wire": c.wire,
                "owner": owner.name,
                "reserved": c.reserve,
                "price": c.price,
                "at": at,
            }
            for c in claims
        ],
    )


def _insert_requests(connection: sa.Connection, claims: Sequence[Claim]) -> None:
    if not claims:
        return
    at = now(connection)
    rows = [
        {
            "key": c.request.key, "purpose": c.purpose, "name": c.about.name, "model": c.request.model,
            "host": c.request.host, "parent": c.about.parent, "terms": c.about.terms, "region": c.about.region,
            "zero_retention": c.about.zero_retention, "why": c.about.why, "cap": c.about.cap, "scrub": c.about.scrub,
            "body": (body := c.request.model_dump_json()), "bytes": len(body.encode()), "at": at,
        }
        for c in claims
    ]  # fmt: skip
    connection.execute(insert_or(REQUESTS).on_conflict_do_nothing(), rows)


def _insert_replies(connection: sa.Connection, replies: Sequence[Reply]) -> None:
    if replies:
        at = now(connection)
        rows = [{"key": r.key, "body": r.model_dump_json(), "at": at} for r in replies]
        connection.execute(insert_or(ANSWERS).on_conflict_do_nothing(), rows)


def _parts(keys: Sequence[str]) -> list[Sequence[str]]:
    """Keys in parts that fit one statement's parameters."""
    return [keys[start : start + 500] for start in range(0, len(keys), 500)]
