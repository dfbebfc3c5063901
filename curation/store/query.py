"""Questions asked of a version in SQL: the only place that knows DuckDB, in memory and locked down.

The views `samples` and `decisions` read the version's chunks, `versions` and `runs` the state store; `placed` is
`samples` with the `chunk` a row lies in and its `place` there, both from 0 and in plan order, so that a page can be
read from where it lies. A query sees nothing else: no other file, no network, no extension, and the configuration
cannot be changed back.
"""

import json
from types import TracebackType
from typing import Any, Self

import duckdb
import polars as pl

from curation.errors import InputError
from curation.store.store import Store
from curation.store.versions import HEAD

_RUNS = {
    "run": pl.Int64,
    "command": pl.String,
    "started": pl.String,
    "finished": pl.String,
    "version": pl.String,
    "calls": pl.Int64,
    "cost_usd": pl.Float64,
    "report": pl.String,
}
_VERSIONS = {
    "version": pl.String,
    "place": pl.Int64,
    "records": pl.Int64,
    "kept": pl.Int64,
    "recipe": pl.String,
    "root": pl.String,
}


class Query:
    """A version opened for questions; a context manager. Each call uses a cursor of its own."""

    def __init__(self, store: Store, version: str = HEAD, *, memory: str = "1GB", threads: int = 2) -> None:
        manifest = store.versions.manifest(version)
        self.version = manifest.version
        self._connection = duckdb.connect(":memory:", config={"memory_limit": memory, "threads": threads})
        samples = [store.chunks.path(d) for d in manifest.samples]
        decisions = [store.chunks.path(d) for d in manifest.decisions]
        self._lock([*samples, *decisions])
        self._view("samples", samples)
        self._view("placed", samples, "file_index AS chunk, file_row_number AS place, *")
        self._view("decisions", decisions)
        self._table("versions", _versions(store))
        self._table("runs", _runs(store))
        self._connection.execute("SET lock_configuration=true")

    def _lock(self, files: list[str]) -> None:
        listed = ", ".join(_quoted(f) for f in files)
        for setting in (
            f"allowed_paths=[{listed}]",
            "autoinstall_known_extensions=false",
            "autoload_known_extensions=false",
            "allow_community_extensions=false",
            "temp_directory=''",
            "enable_external_access=false",
        ):
            self._connection.execute(f"SET {setting}")

    def _view(self, name: str, files: list[str], columns: str = "*") -> None:
        listed = ", ".join(_quoted(f) for f in files)
        self._connection.execute(f"CREATE VIEW {name} AS SELECT {columns} FROM read_parquet([{listed}])")

    def _table(self, name: str, frame: pl.DataFrame) -> None:
        self._connection.register("incoming", frame.to_arrow())
        self._connection.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming")
        self._connection.unregister("incoming")

    def sql(self, text: str, parameters: dict[str, Any] | None = None, *, limit: int | None = None) -> pl.DataFrame:
        """The rows of one SELECT, with a value for every `$name` in it; at most `limit` where given.

        Raises InputError with DuckDB's own words for anything else than one readable SELECT.
        """
        try:
            statements = duckdb.extract_statements(text)
        except duckdb.Error as error:
            raise InputError(f"the query cannot be read: {_first_line(error)}") from error
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise InputError("one SELECT is answered at a time; the views are samples, decisions, versions and runs")
        return self._ask(text, parameters, limit=limit)

    def _ask(self, text: str, parameters: dict[str, Any] | None = None, *, limit: int | None = None) -> pl.DataFrame:
        cursor = self._connection.cursor()
        try:
            cursor.execute("BEGIN TRANSACTION READ ONLY")  # a SELECT may hold an INSERT in a WITH
            relation = cursor.sql(text, params=parameters or {})
            return (relation if limit is None else relation.limit(limit)).pl()
        except duckdb.Error as error:
            raise InputError(f"the query failed: {_first_line(error)}") from error
        finally:
            cursor.close()

    def close(self) -> None:
        """Give the memory back."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _versions(store: Store) -> pl.DataFrame:
    manifests = [store.versions.manifest(version) for version in store.versions.list()]
    rows = [
        {
            "version": m.version,
            "place": place,
            "records": m.records,
            "kept": m.counts.get("kept", 0),
            "recipe": m.recipe,
            "root": m.root,
        }
        for place, m in enumerate(manifests, start=1)
    ]
    return pl.DataFrame(rows, schema=_VERSIONS)


def _runs(store: Store) -> pl.DataFrame:
    rows: list[dict[str, Any]] = []
    for run in store.runs.list():
        report = run["report"] or {}
        figures = {name: report.get(name) for name in ("version", "calls", "cost_usd")}
        rows.append({**run, **figures, "report": None if run["report"] is None else json.dumps(report)})
    return pl.DataFrame(rows, schema=_RUNS)


def _quoted(path: str) -> str:
    return "'" + path.replace("'", "''") + "'"


def _first_line(error: duckdb.Error) -> str:
    return str(error).strip().splitlines()[0]
