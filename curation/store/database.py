"""The transactional store: SQLite by default, PostgreSQL by DATABASE_URL, behind SQLAlchemy Core.

Two databases: `replies.db` (bulk writes, so that they never make a reviewer wait) and `state.db`. Each group of
tables lives in its own module on one of the two MetaData objects and is created when first opened.
SQLite before 3.51.3 can corrupt a WAL when two connections write and checkpoint at the same instant; where that
version is found, an inter-process file lock serialises write transactions.
"""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

import sqlalchemy as sa
from filelock import FileLock, Timeout
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError
from sqlalchemy.schema import CreateSchema

from curation.errors import Corrupt, StoreBusy, WorkspaceError

STATE = sa.MetaData()
REPLIES = sa.MetaData()

BUSY_SECONDS = 30
POLL_SECONDS = 0.004
"""How often a waiting writer looks again; a write takes a few milliseconds, and a rater waits for it."""


def wal_reset_race(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> bool:
    """Whether this SQLite has the WAL-reset race (3.7.0 to 3.51.2, save the fixed 3.44.6+ and 3.50.7+).

    >>> wal_reset_race((3, 40, 1)), wal_reset_race((3, 51, 3)), wal_reset_race((3, 50, 7))
    (True, False, False)
    """
    if version >= (3, 51, 3) or version < (3, 7, 0):
        return False
    return not ((3, 50, 7) <= version < (3, 51, 0) or (3, 44, 6) <= version < (3, 45, 0))


class Database:
    """One transactional store; `write()` gives a connection inside one immediate transaction, `read()` a reader."""

    def __init__(self, engine: sa.Engine, lock: FileLock | None) -> None:
        self.engine = engine
        self._lock = lock
        self._threads = RLock()  # the threads of one process queue here, and only one of them polls for the file
        self._made: frozenset[str] = frozenset()

    @classmethod
    def sqlite(cls, path: Path, metadata: sa.MetaData) -> "Database":
        """Open or create a SQLite file: WAL, synchronous=FULL, foreign keys on, BEGIN IMMEDIATE for writes."""
        path.parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(
            f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}
        )
        event.listen(engine, "connect", _sqlite_pragmas)
        lock = FileLock(path.with_suffix(".lock"), timeout=BUSY_SECONDS) if wal_reset_race() else None
        database = cls(engine, lock)
        database.create(metadata)
        return database

    @classmethod
    def url(cls, url: str, metadata: sa.MetaData, schema: str) -> "Database":
        """Open a PostgreSQL database, with the tables in a schema of their own."""
        try:
            engine = sa.create_engine(url, pool_pre_ping=True)
        except (ArgumentError, ModuleNotFoundError) as error:
            raise WorkspaceError(
                f"DATABASE_URL cannot be used: {error}; it looks like postgresql+psycopg://user@host/name "
                "and needs `pip install stillhouse[postgres]`"
            ) from error
        engine = engine.execution_options(schema_translate_map={None: schema})
        database = cls(engine, None)
        with database.write() as connection:
            _one_at_a_time(connection)
            connection.execute(CreateSchema(schema, if_not_exists=True))
        database.create(metadata)
        return database

    def create(self, metadata: sa.MetaData) -> None:
        """Create the tables that do not exist yet."""
        with self.write() as connection:
            _one_at_a_time(connection)
            metadata.create_all(connection)
        self._made = self._made | set(metadata.tables)

    def ensure(self, metadata: sa.MetaData) -> None:
        """Create tables of modules imported since this database was opened; nothing to do, no lock."""
        if not self._made >= set(metadata.tables):
            self.create(metadata)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is a SQLite file (else PostgreSQL)."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def write(self) -> Generator[sa.Connection]:
        """A connection in one write transaction, committed on leaving; StoreBusy after 30 s of waiting."""
        with self._locked(), _stated(), self.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE" if self.is_sqlite else "BEGIN")
            try:
                yield connection
                connection.commit()
            finally:
                connection.rollback()  # does nothing after the commit

    @contextmanager
    def _locked(self) -> Generator[None]:
        if self._lock is None:
            yield
            return
        busy = f"somebody else has been writing for {BUSY_SECONDS} s; try again"
        if not self._threads.acquire(timeout=BUSY_SECONDS):
            raise StoreBusy(busy)
        try:
            try:
                self._lock.acquire(poll_interval=POLL_SECONDS)
            except Timeout as error:
                raise StoreBusy(busy) from error
            try:
                yield
            finally:
                self._lock.release()
        finally:
            self._threads.release()

    @contextmanager
    def read(self) -> Generator[sa.Connection]:
        """A connection for reading; it never blocks a writer."""
        with _stated(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Generator[sa.Connection]:
        """A connection for reading whose statements all see one moment, whatever is written meanwhile."""
        with self.read() as connection:
            connection.exec_driver_sql("BEGIN" if self.is_sqlite else "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            yield connection

    def close(self) -> None:
        """Give back every connection; the last one checkpoints the WAL, which is a write."""
        with self._locked():
            self.engine.dispose()


def now(connection: sa.Connection) -> str:
    """The database's clock, ISO 8601 in UTC with milliseconds; one clock for all processes."""
    if connection.dialect.name == "sqlite":
        return str(connection.exec_driver_sql("select strftime('%Y-%m-%dT%H:%M:%fZ','now')").scalar_one())
    return str(
        connection.exec_driver_sql(
            "select to_char(clock_timestamp() at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
        ).scalar_one()
    )


def _sqlite_pragmas(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_SECONDS * 1000}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _one_at_a_time(connection: sa.Connection) -> None:
    """On PostgreSQL, `create if not exists` of two processes at once can collide; SQLite's write lock is enough."""
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql("select pg_advisory_xact_lock(71051)")


@contextmanager
def _stated() -> Generator[None]:
    try:
        yield
    except DatabaseError as error:
        if type(error) not in (OperationalError, DatabaseError):  # the others are about a row: the caller's to handle
            raise
        raise _explained(error) from error


def _explained(error: DatabaseError) -> WorkspaceError:
    text = " ".join(str(error.orig).split())
    if "locked" in text or "busy" in text:
        return StoreBusy(f"the store was busy for {BUSY_SECONDS} s: {text}; try again")
    if "disk is full" in text or "full" in text:
        return WorkspaceError("the disk is full; nothing already paid was lost, free space and run again")
    if "malformed" in text or "not a database" in text:
        return Corrupt(f"the store is damaged: {text}; restore it from a backup")
    return WorkspaceError(f"the store cannot be used: {text}")
