"""Looks for events in the ledger: by kind, person, words and time, newest first, a page at a time in the database.

Nothing of an event is kept beside it to look for it by: what is searched is what was hashed and signed.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from curation.errors import Corrupt
from curation.store.database import Database
from curation.store.ledger import Event, ledger_events


@dataclass(frozen=True)
class Wanted:
    """What to look for; nothing given means every event.

    `text` is looked for in what an event says, without regard to upper and lower case; `since` and `until` are the
    beginnings of times in UTC, such as `2026-11-24`, both of them included. What an event of the kinds in `silent` says
    about a study in `unsaid` is not looked through, so that no search tells what a page would not show.
    """

    kinds: tuple[str, ...] = ()
    actor: str | None = None
    text: str | None = None
    since: str | None = None
    until: str | None = None
    silent: tuple[str, ...] = ()
    unsaid: tuple[str, ...] = ()


def find(database: Database, wanted: Wanted, number: int, start: int = 0) -> list[Event]:
    """Up to `number` events that fit, newest first, after the `start` newest ones; Corrupt for an unreadable one."""
    with database.read() as connection:
        query = sa.select(ledger_events.c.record).where(*_fits(connection, wanted))
        page = query.order_by(ledger_events.c.seq.desc()).limit(number).offset(start)
        records = connection.execute(page).scalars().all()
    try:
        return [Event.model_validate_json(bytes(record)) for record in records]
    except ValueError as error:
        raise Corrupt("the ledger holds an event that cannot be read; `stillhouse verify` names it") from error


def count(database: Database, wanted: Wanted) -> int:
    """How many events fit."""
    with database.read() as connection:
        query = sa.select(sa.func.count()).select_from(ledger_events).where(*_fits(connection, wanted))
        return int(connection.execute(query).scalar_one())


def values(database: Database, field: str) -> dict[str, int]:
    """How many events have each value of `kind` or `actor`, the most frequent first; reads every event."""
    with database.read() as connection:
        value = _field(connection, field)
        query = sa.select(value, sa.func.count()).group_by(value).order_by(sa.func.count().desc(), value)
        return {str(name): int(n) for name, n in connection.execute(query)}


def _fits(connection: sa.Connection, wanted: Wanted) -> Sequence[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.kinds:
        conditions.append(_field(connection, "kind").in_(wanted.kinds))
    if wanted.actor:
        conditions.append(_field(connection, "actor") == wanted.actor)
    if wanted.since:
        conditions.append(_field(connection, "at") >= wanted.since)
    if wanted.until:
        # `~` comes after every character of a time, so that the last day is in it whole.
        conditions.append(_field(connection, "at") <= f"{wanted.until}~")
    if wanted.text:
        conditions += _says(connection, wanted, wanted.text)
    return conditions


def _says(connection: sa.Connection, wanted: Wanted, text: str) -> list[sa.ColumnElement[bool]]:
    # As it is spelled in the stored JSON: a quotation mark in it has a backslash before it.
    spelled = json.dumps(text, ensure_ascii=False)[1:-1]
    conditions = [_text(connection).icontains(spelled, autoescape=True)]
    if wanted.unsaid and wanted.silent:
        silent = sa.or_(*(_field(connection, "kind").startswith(kind, autoescape=True) for kind in wanted.silent))
        study = sa.func.coalesce(_field(connection, "body", "study"), "")
        conditions.append(sa.not_(sa.and_(silent, study.in_(wanted.unsaid))))
    return conditions


def _text(connection: sa.Connection) -> sa.ColumnElement[str]:
    """The stored bytes as text, which both databases spell in their own way."""
    if connection.dialect.name == "sqlite":
        return sa.cast(ledger_events.c.record, sa.Text)
    return sa.func.convert_from(ledger_events.c.record, "UTF8", type_=sa.Text)


def _field(connection: sa.Connection, *path: str) -> sa.ColumnElement[str]:
    text = _text(connection)
    if connection.dialect.name == "sqlite":
        return sa.func.json_extract(text, "$." + ".".join(path), type_=sa.Text)
    return sa.func.jsonb_extract_path_text(sa.cast(text, JSONB), *path, type_=sa.Text)
