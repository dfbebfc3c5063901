"""What would go if a source were forgotten: rows, votes, gold rows, versions and students; nothing is changed.

There is no command that forgets. A sealed version keeps its rows, and a run makes the next version from the prompts
that are there then, so the way is to take the lines out of their files and run; this counts what that leaves behind.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import polars as pl

from curation.errors import InputError
from curation.store.evaluations import Evaluations
from curation.store.gold import Gold
from curation.store.query import Query
from curation.store.review_touched import touched
from curation.store.store import Store

Kind = Literal["file", "prompt", "group", "teacher"]
KINDS: tuple[Kind, ...] = get_args(Kind)
CLAUSES: dict[Kind, str] = {
    "file": "starts_with(source, $value || ':')",
    "prompt": "(prompt_id = $value OR parent = $value)",
    "group": '"group" = $value',
    "teacher": "teacher = $value",
}
"""What belongs to a source; what was varied from a prompt belongs to it too."""


@dataclass(frozen=True)
class Forgetting:
    """What depends on a source, counted over every version."""

    rows: dict[str, int]
    """Rows of the version looked at, by state."""
    prompts: int
    versions: pl.DataFrame
    """version, rows: every version that holds such rows, newest first."""
    votes: int
    studies: tuple[str, ...]
    """Studies with an item about such a row."""
    gold: tuple[str, ...]
    """Gold rows made from such a row, as `set: row`."""
    students: tuple[str, ...]
    """Students that were taught from a version that holds such rows."""


def forgetting(store: Store, query: Query, kind: Kind, value: str) -> Forgetting:
    """Count what depends on a source; every version is looked through. InputError where nothing is named."""
    if not value.strip():
        raise InputError("name the source: a file, a prompt, a group or a teacher")
    where, given = CLAUSES[kind], {"value": value.strip()}
    states = query.sql(f"SELECT state, count(*) AS n FROM samples WHERE {where} GROUP BY ALL ORDER BY n DESC", given)
    prompts = query.sql(f"SELECT count(DISTINCT prompt_id) AS n FROM samples WHERE {where}", given)
    asked = touched(store.state)
    gold = _gold(store)
    versions, belong = _held(store, where, given, sorted({t.sample for t in asked} | set(gold.values())))
    about = [t for t in asked if t.sample in belong]
    return Forgetting(
        rows={str(state): int(n) for state, n in states.iter_rows()},
        prompts=int(prompts["n"][0]),
        versions=versions,
        votes=sum({t.item: t.votes for t in about}.values()),
        studies=tuple(sorted({t.study for t in about})),
        gold=tuple(row for row, sample in gold.items() if sample in belong),
        students=_students(store, set(versions["version"])),
    )


def _gold(store: Store) -> dict[str, str]:
    """`set: row` of every gold row that was made from a sample, and which."""
    gold = Gold(store.state)
    return {f"{name}: {item.id}": item.sample for name in gold.names() for item in gold.items(name) if item.sample}


def _held(store: Store, where: str, given: dict[str, Any], ids: list[str]) -> tuple[pl.DataFrame, set[str]]:
    """(version, rows) of every version that holds rows of the source; and which of some samples are such rows."""
    rows: list[dict[str, str | int]] = []
    belong: set[str] = set()
    for version in reversed(store.versions.list()):
        with Query(store, version) as query:
            n = int(query.sql(f"SELECT count(*) AS n FROM samples WHERE {where}", given)["n"][0])
            if n:
                rows.append({"version": version, "rows": n})
            if n and ids:
                among = f"SELECT id FROM samples WHERE {where} AND id IN (SELECT unnest($ids))"
                belong |= set(query.sql(among, {**given, "ids": ids})["id"])
    return pl.DataFrame(rows, schema={"version": pl.String, "rows": pl.Int64}), belong


def _students(store: Store, versions: set[str]) -> tuple[str, ...]:
    return tuple(sorted({e.student for e in Evaluations(store.state).list() if e.version in versions}))
