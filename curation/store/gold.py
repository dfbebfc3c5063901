"""The gold sets in the state store: hand-curated answers, versioned, never trained on.

A change closes the rows it replaces and opens new ones under the next version number, so every earlier version
can still be read. Rows are never updated otherwise and never deleted.
"""

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from pydantic import Field, JsonValue

from curation.errors import InputError, UnknownRecord
from curation.records import Record, canonical, digest, text_digest
from curation.store.database import STATE, Database, now
from curation.store.gold_guides import (
    GoldSeal,
    guideline_text,
    guidelines_of,
    seal_of,
    write_guideline,
    write_seal,
)
from curation.store.gold_judged import Judged as Judged
from curation.store.gold_judged import decided_in, judged_in, write_judged
from curation.store.ledger import Ledger

GOLD_VERSIONS = sa.Table(
    "gold_versions",
    STATE,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("items", sa.Integer, nullable=False),
    sa.Column("actor", sa.String, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("at", sa.String, nullable=False),
)
GOLD_ITEMS = sa.Table(
    "gold_items",
    STATE,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("name", sa.String, nullable=False, index=True),
    sa.Column("item", sa.String, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),  # canonical JSON
    sa.Column("slice", sa.String),
    sa.Column("sample", sa.String, index=True),  # the reviewed sample it was promoted from
    sa.Column("opened", sa.Integer, nullable=False),
    sa.Column("closed", sa.Integer),
    sa.UniqueConstraint("name", "item", "opened"),
)


class GoldItem(Record):
    """One gold row: a message, the right answer to it, and the slice it belongs to.

    `judged` is what people said about one answer, or about two; `answer` is None where no right one is known.
    """

    id: str
    text: str
    answer: JsonValue
    slice: str | None = None
    sample: str | None = None
    judged: Judged | None = None


class GoldVersion(Record):
    """One version of a gold set: its number, the digests of its rows and its guideline, who made it and why."""

    name: str
    number: int
    digest: str
    items: int
    actor: str
    note: str
    at: str
    guideline: str | None = None


class GoldChange(Record):
    """What a new version of a set changes, as thought out on version `based_on`.

    `put` is added or takes the place of rows of the same id, `remove` names rows taken out. A `guideline` of None
    keeps the text before, an empty one takes it away. `facts` go into the ledger beside the version.
    """

    based_on: int
    note: str
    put: tuple[GoldItem, ...] = ()
    remove: tuple[str, ...] = ()
    guideline: str | None = None
    facts: dict[str, JsonValue] = Field(default_factory=dict)


class Gold:
    """The gold tables. Anyone may read; writing needs the ledger, which records each new version."""

    def __init__(self, database: Database) -> None:
        database.ensure(STATE)
        self._database = database

    def names(self) -> list[str]:
        """The gold sets there are."""
        with self._database.read() as connection:
            return list(connection.execute(sa.select(GOLD_VERSIONS.c.name).distinct().order_by("name")).scalars())

    def texts(self) -> list[str]:
        """Every text in the newest version of any set, sorted: what no training sample may resemble."""
        query = sa.select(GOLD_ITEMS.c.text).where(GOLD_ITEMS.c.closed.is_(None)).distinct()
        with self._database.read() as connection:
            return sorted(connection.execute(query).scalars())

    def versions(self, name: str) -> list[GoldVersion]:
        """The versions of one set, oldest first; UnknownRecord when there is no such set."""
        query = sa.select(GOLD_VERSIONS).where(GOLD_VERSIONS.c.name == name).order_by(GOLD_VERSIONS.c.number)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
            guided = guidelines_of(connection, name)
        if not rows:
            known = ", ".join(self.names()) or "none; `stillhouse gold import FILE` makes one"
            raise UnknownRecord(f"no gold set {name!r}. Known: {known}")
        return [GoldVersion(**row, guideline=guided.get(row["number"])) for row in rows]

    def guideline(self, name: str, number: int | None = None) -> str | None:
        """The text that the labels of a version (default: the newest) follow; None where nobody stated it."""
        versions = {v.number: v for v in self.versions(name)}
        found = versions.get(max(versions) if number is None else number)
        if found is None or found.guideline is None:
            return None
        with self._database.read() as connection:
            return guideline_text(connection, found.guideline)

    def sealed(self, name: str) -> GoldSeal | None:
        """The seal of a set; None while it can be changed."""
        with self._database.read() as connection:
            return seal_of(connection, name)

    def items(self, name: str, number: int | None = None) -> list[GoldItem]:
        """The rows of one version (default: the newest), in id order."""
        known = [v.number for v in self.versions(name)]
        if number is not None and number not in known:
            raise UnknownRecord(f"gold set {name!r} has versions 1 to {known[-1]}, not {number}")
        with self._database.read() as connection:
            return _items(connection, name, known[-1] if number is None else number)

    def decided(self, name: str) -> dict[str, str]:
        """When the verdict and votes of each judged row became what they are: its id, and the time."""
        with self._database.read() as connection:
            numbers = decided_in(connection, name)
            times = sa.select(GOLD_VERSIONS.c.number, GOLD_VERSIONS.c.at).where(GOLD_VERSIONS.c.name == name)
            at = {row.number: row.at for row in connection.execute(times)}
        return {item: at[number] for item, number in numbers.items()}

    def holding(self, sample: str) -> list[dict[str, JsonValue]]:
        """The gold rows promoted from a sample: set, item, versions it was opened and closed in."""
        query = sa.select(GOLD_ITEMS).where(GOLD_ITEMS.c.sample == sample).order_by(GOLD_ITEMS.c.seq)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [{k: row[k] for k in ("name", "item", "opened", "closed")} for row in rows]

    def put(
        self,
        name: str,
        items: Sequence[GoldItem],
        *,
        ledger: Ledger,
        actor: str,
        note: str = "",
        guideline: str | None = None,
    ) -> tuple[GoldVersion, int]:
        """Add rows, or replace rows already there, under a guideline (default: the one before); (version, changed).

        Equal rows change nothing, and when nothing changed no new version is made. InputError for a sealed set.
        """
        with self._database.write() as connection:
            _alone(connection)
            last = _last(connection, name)
            held = {i.id: i for i in _items(connection, name, last.number)} if last else {}
            changed = {i.id: i for i in items if held.get(i.id) != i}
            before = last.guideline if last else None
            same = guideline is None or text_digest(guideline) == before
            if last and not changed and same:
                return last, 0
            if seal := seal_of(connection, name):
                raise InputError(is_sealed(seal))
            number = last.number + 1 if last else 1
            _replace(connection, name, list(changed.values()), number)
            if guideline is None and before is not None:
                guideline = guideline_text(connection, before)
            version = _open_version(connection, name, number, {"actor": actor, "note": note}, guideline)
            ledger.append_in(connection, "gold", version.model_dump(exclude={"at"}, exclude_none=True), actor)
        return version, len(changed)

    def change(self, name: str, change: GoldChange, *, ledger: Ledger, actor: str) -> GoldVersion:
        """Make the version that a change leads to; rows taken out stay readable in the versions before.

        InputError for a sealed set, and where another version was made since the change was thought out.
        """
        with self._database.write() as connection:
            _alone(connection)
            last = self.versions(name)[-1]
            if seal := seal_of(connection, name):
                raise InputError(is_sealed(seal))
            if last.number != change.based_on:
                raise InputError(
                    f"gold set {name!r} is at version {last.number} by now (by {last.actor}), and this was thought out "
                    f"on version {change.based_on}; look at it again"
                )
            number = last.number + 1
            _close(connection, name, change.remove, number)
            _replace(connection, name, list(change.put), number)
            guideline = change.guideline
            if guideline is None and last.guideline is not None:
                guideline = guideline_text(connection, last.guideline)
            by = {"actor": actor, "note": change.note}
            version = _open_version(connection, name, number, by, guideline or None)
            body = version.model_dump(exclude={"at"}, exclude_none=True) | change.facts
            ledger.append_in(connection, "gold", body, actor)
        return version

    def seal(self, name: str, *, ledger: Ledger, actor: str) -> GoldSeal:
        """Let nobody change a set any more; the seal it has where it is sealed already."""
        with self._database.write() as connection:
            _alone(connection)
            last = self.versions(name)[-1]
            if seal := seal_of(connection, name):
                return seal
            body: dict[str, JsonValue] = {"name": name, "number": last.number, "digest": last.digest}
            ledger.append_in(connection, "gold_sealed", body, actor)
            return write_seal(connection, name, last.number, actor)


def is_sealed(seal: GoldSeal) -> str:
    """Why a sealed set cannot be changed, and what to do instead."""
    return (
        f"gold set {seal.name!r} was sealed at version {seal.number} by {seal.actor} and can no longer be changed; "
        f"start a new set: --set {seal.name}-{seal.number + 1}"
    )


def _alone(connection: sa.Connection) -> None:
    """On PostgreSQL let one writer at a time number the versions; on SQLite the write transaction already does."""
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql("select pg_advisory_xact_lock(71052)")


def _last(connection: sa.Connection, name: str) -> GoldVersion | None:
    query = sa.select(GOLD_VERSIONS).where(GOLD_VERSIONS.c.name == name).order_by(GOLD_VERSIONS.c.number.desc())
    row = connection.execute(query.limit(1)).mappings().first()
    return GoldVersion(**row, guideline=guidelines_of(connection, name).get(row["number"])) if row else None


def _items(connection: sa.Connection, name: str, number: int) -> list[GoldItem]:
    table = GOLD_ITEMS.c
    query = sa.select(GOLD_ITEMS).where(
        table.name == name, table.opened <= number, sa.or_(table.closed.is_(None), table.closed > number)
    )
    said = judged_in(connection, name, number)
    return [
        GoldItem(
            id=r["item"],
            text=r["text"],
            answer=json.loads(r["answer"]),
            slice=r["slice"],
            sample=r["sample"],
            judged=said.get((r["item"], r["opened"])),
        )
        for r in connection.execute(query.order_by(table.item)).mappings()
    ]


def _close(connection: sa.Connection, name: str, items: Sequence[str], number: int) -> None:
    """Let rows end before a version."""
    table = GOLD_ITEMS.c
    for item in items:
        connection.execute(
            GOLD_ITEMS.update()
            .where(table.name == name, table.item == item, table.closed.is_(None))
            .values(closed=number)
        )


def _replace(connection: sa.Connection, name: str, items: list[GoldItem], number: int) -> None:
    _close(connection, name, [item.id for item in items], number)
    for item in items:
        connection.execute(
            GOLD_ITEMS.insert().values(
                name=name,
                item=item.id,
                text=item.text,
                answer=canonical(item.answer).decode(),
                slice=item.slice,
                sample=item.sample,
                opened=number,
            )
        )
    write_judged(connection, name, number, ((item.id, item.judged) for item in items))


def _covered(item: GoldItem) -> dict[str, JsonValue]:
    """What a version's digest covers of a row; a row nobody judged reads as it did before rows could be judged."""
    return item.model_dump(mode="json", exclude={"sample"} if item.judged else {"sample", "judged"})


def _open_version(
    connection: sa.Connection, name: str, number: int, by: dict[str, str], guideline: str | None
) -> GoldVersion:
    rows = [_covered(i) for i in _items(connection, name, number)]
    values: dict[str, Any] = {"name": name, "number": number, "digest": digest(rows), "items": len(rows), **by}
    values["at"] = now(connection)
    connection.execute(GOLD_VERSIONS.insert().values(values))
    if guideline is not None:
        write_guideline(connection, name, number, guideline)
    return GoldVersion(**values, guideline=None if guideline is None else text_digest(guideline))
