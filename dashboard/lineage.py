"""How far the rows of a version can be traced: source, teacher and request of every row, counted at once.

Counted in SQL and by the beginnings of keys, so that a million rows take about a second; no row is read whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from curation.llm.terms_registry import Terms, terms_of
from curation.store.journal_keys import DIGITS, beginnings, held, journalled
from curation.store.query import Query
from curation.store.store import Store
from curation.store.versions import Manifest
from dashboard.queries import models_of

SOURCED = "regexp_matches(source, '.:[0-9]+$')"
"""Whether a row names the file and the line that it came from."""
KEYED = "length(request_key) = 64"


@dataclass(frozen=True)
class Lineage:
    """How many rows of a version can be traced, and what the others lack; a row may lack several things."""

    rows: int
    complete: int
    """Rows with file and line, a teacher the manifest names, and a request in the journal where anybody was asked."""
    no_source: int
    no_teacher: int
    no_request: int
    """Asked, as the version says, by a request that is not in this workspace's journal."""
    unasked: int
    """Rows whose prompt was held before anybody was asked: they need no request."""

    @property
    def share(self) -> float | None:
        """The share of rows that can be traced; None of no rows."""
        return self.complete / self.rows if self.rows else None

    @property
    def missing(self) -> str:
        """What the others lack, in words; empty where nothing is missing."""
        lacks = {
            "no file and line": self.no_source,
            "a teacher the manifest does not name": self.no_teacher,
            "no request in this workspace's journal": self.no_request,
        }
        return "; ".join(f"{n:,} with {what}" for what, n in lacks.items() if n)


def lineage(store: Store, query: Query, manifest: Manifest) -> Lineage:
    """Count what is known of every row; the journal is looked through once."""
    named = {str(m.get("name")) for m in models_of(manifest)}
    groups = query.sql(
        f"SELECT teacher, coalesce({SOURCED}, false) AS sourced, count(*) AS n,"
        " sum((coalesce(request_key, '') = '')::int)::BIGINT AS unasked,"
        f" string_agg(CASE WHEN {KEYED} THEN substr(request_key, 1, {DIGITS:d}) ELSE '' END, '') AS keys"
        " FROM samples GROUP BY ALL"
    )
    known = journalled(store.replies_db)
    # Of each group the rows that need no request or have it in the journal.
    traced = groups["unasked"] + pl.Series([held(beginnings(keys), known) for keys in groups["keys"]], dtype=pl.Int64)
    groups = groups.with_columns(traced=traced, named=pl.col("teacher").is_in(named))
    return Lineage(
        rows=int(groups["n"].sum()),
        complete=int(groups.filter("sourced", "named")["traced"].sum()),
        no_source=int(groups.filter(~pl.col("sourced"))["n"].sum()),
        no_teacher=int(groups.filter(~pl.col("named"))["n"].sum()),
        no_request=int(groups["n"].sum()) - int(traced.sum()),
        unasked=int(groups["unasked"].sum()),
    )


# --- tables ----------------------------------------------------------------------------------------------------


def sources(query: Query) -> pl.DataFrame:
    """source, rows, kept: how many rows came from each file, the largest first; `(none)` names no file and line."""
    # By source first: three teachers answered the line of a file, and its digits are taken off once.
    found = query.sql(
        "SELECT rtrim(source, '0123456789') AS begins, rtrim(source, '0123456789') <> source AS numbered,"
        " sum(rows)::BIGINT AS rows, sum(kept)::BIGINT AS kept FROM (SELECT coalesce(source, '') AS source,"
        " count(*) AS rows, count(*) FILTER (state = 'kept') AS kept FROM samples GROUP BY ALL) GROUP BY ALL"
    )
    lined = pl.col("numbered") & pl.col("begins").str.ends_with(":") & (pl.col("begins").str.len_chars() > 1)
    named = pl.when(lined).then(pl.col("begins").str.strip_suffix(":")).otherwise(pl.lit("(none)"))
    return (
        found.group_by(source=named)
        .agg(pl.col("rows").sum(), pl.col("kept").sum())
        .sort("rows", "source", descending=[True, False])
    )


def teachers(query: Query) -> pl.DataFrame:
    """teacher, model, backend, rows, kept: who answered, as the providers named it in their replies."""
    return query.sql(
        "SELECT teacher, coalesce(model, 'not stated') AS model, coalesce(fingerprint, '') AS backend,"
        " count(*) AS rows, count(*) FILTER (state = 'kept') AS kept FROM samples GROUP BY ALL"
        " ORDER BY rows DESC, teacher, model, backend"
    )


def terms(manifest: Manifest, answered: pl.DataFrame) -> pl.DataFrame:
    """One row for each teacher: its terms of use, what they say of the task's use, and the rows under them.

    `answered` is what `teachers` gives. A teacher that no manifest names has unknown terms.
    """
    use = str(manifest.facts.get("use") or "")
    declared = {str(m.get("name")): m for m in models_of(manifest)}
    counts = answered.group_by("teacher").agg(pl.col("rows").sum(), pl.col("kept").sum())
    by_teacher = {name: (rows, kept) for name, rows, kept in counts.iter_rows()}
    rows: list[dict[str, Any]] = []
    for name in sorted({*declared, *by_teacher}):
        found = _terms_of(declared.get(name, {}))
        own, kept = by_teacher.get(name, (0, 0))
        rows.append(
            {
                "teacher": name,
                "family": str(declared.get(name, {}).get("family") or "unknown"),
                "terms": found.name,
                "allows": found.allows(use) if use else "unknown",
                "read": "never" if found.retrieved is None else found.retrieved.isoformat(),
                "rows": own,
                "kept": kept,
                "url": found.url,
            }
        )
    return pl.DataFrame(rows, schema=_TERMS)


_TERMS: dict[str, type[pl.DataType]] = {
    **dict.fromkeys(("teacher", "family", "terms", "allows", "read"), pl.String),
    **dict.fromkeys(("rows", "kept"), pl.Int64),
    "url": pl.String,
}


def _terms_of(model: Mapping[str, Any]) -> Terms:
    """The terms that the files shipped with this release say a model is under."""
    return terms_of(str(model.get("provider") or ""), str(model.get("model") or ""))
