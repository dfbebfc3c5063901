"""What the Samples page asks of a version: counts, pages and choices, each from few columns of few chunks.

Chunks lie in plan order, so a sample's place in the version is its chunk and its row there. A filter is counted part by
part (25,000 rows each); a page is then read from the parts its rows lie in, so the last page costs what the first does
and no version is ever read whole. Filters on short columns are counted at once. A filter on text has to read all there
is: it is looked through in plan order for as long as a page may take, and says how far it came.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from curation.store.query import Query
from dashboard.queries import PAGE_ROWS, last_user

SHORT = ("state", "reason", "step", "teacher", "judged", "edited")
"""Columns of few different values, counted together once for a version."""
PART = 25_000
"""Rows looked through between two looks at the clock."""
SECONDS = 0.3
"""How long one look may take before it says how far it came."""
SPARSE = 200
"""Matches in a part up to which their places are kept, so that a page of them needs no second look."""
GLANCE = 2_000
"""Samples at the beginning of a version that the choices of labels and tags are taken from."""
CHOICES = 50
"""Different values of a label field above which it is text and not a choice."""
TEXT_SHOWN = 400
OF_PROMPT = "prompt:"
"""What a search begins with that is for the samples of one prompt, by its id."""
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Filters:
    """What a person has narrowed the samples to; None everywhere means all of them. `label` is `field=value`."""

    state: str | None = None
    reason: str | None = None
    step: str | None = None
    teacher: str | None = None
    judged: str | None = None
    edited: str | None = None
    label: str | None = None
    tag: str | None = None
    group: str | None = None
    text: str | None = None
    marked: bytes | None = None
    """Where the only samples lie that are looked at, as numbers of eight bytes: `chunk * 2 ** 32 + place`."""

    @property
    def short(self) -> dict[str, str]:
        """Those on short columns, which the version's counts answer."""
        return {name: value for name in SHORT if (value := getattr(self, name)) is not None}

    @property
    def counted(self) -> bool:
        """Whether the version's counts alone say how many match."""
        return not (self.label or self.tag or self.group or self.text) and self.marked is None

    @property
    def reads_text(self) -> bool:
        """Whether prompts, answers or labels must be read to know; an id is found without."""
        return self.label is not None or not (self.text is None or _is_id(self.text))


class Spot(NamedTuple):
    """Where a sample lies: its chunk and its row there, from 0."""

    chunk: int
    place: int


class Part(NamedTuple):
    """Up to 25,000 rows of a chunk: how many of them match, and where where those are few."""

    chunk: int
    number: int
    matches: int
    places: tuple[int, ...] | None


@dataclass(frozen=True)
class Seen:
    """How far a filter has been looked through, and what matched so far."""

    parts: tuple[Part, ...] = ()
    looked: int = 0
    of: int = 0
    """Parts looked through, of all there are."""

    @property
    def total(self) -> int:
        """How many match as far as was looked."""
        return sum(part.matches for part in self.parts)

    @property
    def done(self) -> bool:
        """Whether all of the version was looked through, so that `total` is all there are."""
        return self.looked == self.of


@dataclass(frozen=True)
class Facts:
    """What is known of a version whatever the filter: it never changes, so it is asked once."""

    counts: pl.DataFrame
    """One row for each combination of the SHORT columns that occurs, with how often (n)."""
    labels: tuple[str, ...]
    tags: tuple[str, ...]
    groups: bool
    """Whether samples belong to groups."""
    rows: tuple[int, ...] = field(default=())
    """Rows of each chunk."""

    @property
    def parts(self) -> list[tuple[int, int]]:
        """Every part of the version in plan order: its chunk and its number there."""
        return [(chunk, number) for chunk, rows in enumerate(self.rows) for number in range(-(-rows // PART))]

    def rows_of(self, part: tuple[int, int]) -> int:
        """How many rows a part has."""
        chunk, number = part
        return min(PART, self.rows[chunk] - number * PART)


def _is_id(text: str) -> bool:
    return text.startswith(OF_PROMPT) or _ID.fullmatch(text) is not None


def facts(query: Query) -> Facts:
    """Count the version's short columns, and look at its first samples for labels and tags to choose from."""
    columns = ", ".join(SHORT)
    by_chunk = query.sql(f"SELECT {columns}, chunk, count(*) AS n FROM placed GROUP BY ALL")
    counts = by_chunk.group_by(SHORT).agg(pl.col("n").sum())
    first = query.sql(f'SELECT labels, tags, "group" FROM placed WHERE chunk = 0 AND place < {GLANCE:d}')
    known = dict(by_chunk.group_by("chunk").agg(pl.col("n").sum()).iter_rows())
    return Facts(
        counts.with_columns(edited=pl.col("edited").replace_strict({True: "yes", False: "no"}, default=None)),
        tuple(_labels(first["labels"])),
        tuple(first["tags"].explode().drop_nulls().unique().sort()),
        first["group"].is_not_null().any(),
        tuple(int(known.get(chunk, 0)) for chunk in range(max(known, default=-1) + 1)),
    )


def _labels(column: pl.Series) -> Iterator[str]:
    """`field=value` of every label field that has few values."""
    values: dict[str, set[str]] = {}
    for text in column.drop_nulls():
        for name, value in json.loads(text).items():
            if isinstance(value, str | int | float) and value != "":
                values.setdefault(name, set()).add(_written(value))
    for name in sorted(values):
        if len(values[name]) <= CHOICES:
            yield from (f"{name}={value}" for value in sorted(values[name]))


def _written(value: str | float) -> str:
    return value if isinstance(value, str) else json.dumps(value)


# --- counting --------------------------------------------------------------------------------------------------


def offered(known: Facts, filters: Filters, name: str) -> dict[str, int]:
    """The values a short column may be narrowed to beside the other short filters, with how many samples each leaves;
    the most frequent first."""
    counts = _narrowed(known.counts, {k: v for k, v in filters.short.items() if k != name})
    rows = counts.drop_nulls(name).group_by(name).agg(pl.col("n").sum()).sort("n", name, descending=[True, False])
    return {str(value): int(n) for value, n in rows.iter_rows()}


def kept_of(known: Facts, filters: Filters) -> tuple[int, int]:
    """How many samples the short filters leave, and how many of those are kept."""
    counts = _narrowed(known.counts, filters.short)
    return int(counts["n"].sum()), int(counts.filter(state="kept")["n"].sum())


def _narrowed(counts: pl.DataFrame, wanted: Mapping[str, str]) -> pl.DataFrame:
    return counts.filter([pl.col(name) == value for name, value in wanted.items()]) if wanted else counts


def look(query: Query, known: Facts, filters: Filters, seen: Seen | None = None, *, seconds: float = SECONDS) -> Seen:
    """Look on from where `seen` ended: to the end where the filter reads short columns alone, else for `seconds`.

    At least one part is looked through, so that asking again always comes to an end.
    """
    parts = known.parts
    seen = seen or Seen(of=len(parts))
    if filters == Filters():
        return Seen(tuple(Part(*part, known.rows_of(part), None) for part in parts), len(parts), len(parts))
    if not filters.reads_text:
        return seen if seen.done else replace(seen, parts=tuple(_matching(query, filters)), looked=len(parts))
    began = time.monotonic()
    first = seen.looked
    while not seen.done:
        spent = time.monotonic() - began
        if seen.looked > first and spent >= seconds:
            break
        fits = int((seen.looked - first) * (seconds - spent) / spent) if seen.looked > first else 1
        stride = _stride(parts, seen.looked, max(1, fits))
        found = _matching(query, filters, stride)
        seen = replace(seen, parts=(*seen.parts, *found), looked=seen.looked + len(stride))
    return seen


def _stride(parts: Sequence[tuple[int, int]], start: int, fits: int) -> Sequence[tuple[int, int]]:
    """The next parts to look through together, about as many as fit: some of one chunk, or several whole chunks.

    Whole chunks are read side by side, a chunk alone by one thread.
    """
    chunk, number = parts[start]
    within = [part for part in parts[start : start + fits] if part[0] == chunk]
    rest = [part for part in parts[start:] if part[0] == chunk]
    if number or len(within) < len(rest):
        return within
    whole = [part for part in parts[start : start + fits + 1] if part[0] != parts[min(start + fits, len(parts) - 1)][0]]
    return whole or within


def _matching(query: Query, filters: Filters, stride: Sequence[tuple[int, int]] = ()) -> list[Part]:
    """The parts with a match in plan order: of the whole version, or of a stride."""
    clauses, given = _clauses(filters)
    clauses += _within(stride)
    found = query.sql(
        f"SELECT chunk, place // {PART:d} AS number, count(*) AS n,"
        f" CASE WHEN count(*) <= {SPARSE:d} THEN list(place) END AS places"
        f" FROM placed {_where(clauses)} GROUP BY ALL ORDER BY ALL",
        given,
    )
    return [Part(int(c), int(p), int(n), tuple(sorted(at)) if at else None) for c, p, n, at in found.iter_rows()]


def _within(stride: Sequence[tuple[int, int]]) -> list[str]:
    """The condition that a row lies in some parts of one chunk, or in some whole chunks."""
    if not stride:
        return []
    (first, start), (last, end) = stride[0], stride[-1]
    if first != last:
        return [f"chunk BETWEEN {first:d} AND {last:d}"]
    return [f"chunk = {first:d}", f"place >= {start * PART:d}", f"place < {(end + 1) * PART:d}"]


def _where(clauses: Sequence[str]) -> str:
    return f"WHERE {' AND '.join(clauses)}" if clauses else ""


def _clauses(filters: Filters) -> tuple[list[str], dict[str, Any]]:
    """The conditions of a filter and the values bound in them: nothing a person typed is ever SQL."""
    given: dict[str, Any] = {k: v for k, v in filters.short.items() if k != "edited"}
    if filters.group is not None:
        given["group"] = filters.group
    clauses = [f'"{name}" = ${name}' for name in given]
    if filters.edited is not None:
        clauses.append("edited" if filters.edited == "yes" else "NOT edited")
    if filters.tag is not None:
        given["tag"] = filters.tag
        clauses.append("list_contains(tags, $tag)")
    if filters.marked is not None:
        given["marked"] = np.frombuffer(filters.marked, np.int64).tolist()
        clauses.append("chunk::BIGINT * 4294967296 + place IN (SELECT unnest($marked::BIGINT[]))")
    for written, bound in (_label(filters.label), _text(filters.text)):
        clauses += written
        given |= bound
    return clauses, given


def _label(label: str | None) -> tuple[list[str], dict[str, str]]:
    if label is None:
        return [], {}
    name, _, value = label.partition("=")
    pointer = "/" + name.replace("~", "~0").replace("/", "~1")
    # What cannot hold the value is not parsed: labels are canonical JSON, so a value has one spelling.
    spelled = json.dumps(value, ensure_ascii=False)[1:-1]
    clause = "CASE WHEN contains(labels, $spelled) THEN json_extract_string(labels, $pointer) = $value ELSE false END"
    return [clause], {"spelled": spelled, "pointer": pointer, "value": value}


def _text(text: str | None) -> tuple[list[str], dict[str, str]]:
    if not text:
        return [], {}
    if _is_id(text):
        column = "prompt_id" if text.startswith(OF_PROMPT) else "id"
        return [f"{column} = $text"], {"text": text.removeprefix(OF_PROMPT)}
    clause = (
        "(regexp_matches(answer, $pattern) OR starts_with(id, $text) OR prompt_id = $text"
        " OR len(list_filter(messages, lambda m: regexp_matches(m.content, $pattern))) > 0)"
    )
    return [clause], {"text": text, "pattern": f"(?is){re.escape(text)}"}


# --- reading ---------------------------------------------------------------------------------------------------


def spots(query: Query, filters: Filters, seen: Seen, start: int, number: int) -> list[Spot]:
    """Where the matches from the `start`th (from 0) lie, up to `number` of them, as far as was looked."""
    found: list[Spot] = []
    for part in seen.parts:
        if len(found) == number:
            break
        if start >= part.matches:
            start -= part.matches
            continue
        found += _spots_in(query, filters, part, start, number - len(found))
        start = 0
    return found


def _spots_in(query: Query, filters: Filters, part: Part, start: int, number: int) -> list[Spot]:
    places: Sequence[int] | None = part.places
    if places is not None:
        return [Spot(part.chunk, place) for place in places[start : start + number]]
    if filters == Filters():
        first = part.number * PART + start
        return [Spot(part.chunk, first + n) for n in range(min(number, part.matches - start))]
    clauses, given = _clauses(filters)
    where = _where([*clauses, *_within([(part.chunk, part.number)])])
    rows = query.sql(
        f"SELECT place FROM placed {where} ORDER BY place LIMIT {number:d} OFFSET {start:d}",
        given,
    )
    return [Spot(part.chunk, int(place)) for place in rows["place"]]


def rows_at(query: Query, where: Sequence[Spot], columns: Sequence[str]) -> pl.DataFrame:
    """These columns of the samples that lie there, in plan order, with their `chunk` and `place`."""
    names = ", ".join(f'"{name}"' for name in ("chunk", "place", *columns))
    by_chunk: dict[int, list[int]] = {}
    for spot in where:
        by_chunk.setdefault(spot.chunk, []).append(spot.place)
    selects = [
        f"SELECT {names} FROM placed WHERE chunk = {chunk:d} AND place IN ({', '.join(map(str, places))})"
        for chunk, places in by_chunk.items()
    ] or [f"SELECT {names} FROM placed LIMIT 0"]
    return query.sql(" UNION ALL ".join(selects)).sort("chunk", "place")


def page(query: Query, filters: Filters, seen: Seen, number: int) -> pl.DataFrame:
    """One page (from 1) of samples as a table for reading, as far as was looked."""
    where = spots(query, filters, seen, PAGE_ROWS * (max(1, number) - 1), PAGE_ROWS)
    rows = rows_at(query, where, ("id", "state", "reason", "teacher", "messages", "answer"))
    text = [last_user().alias("prompt"), pl.col("answer")]
    shown = (t.str.slice(0, TEXT_SHOWN) for t in text)
    return rows.select("id", "state", "reason", "teacher", *shown, "chunk", "place")


def ids(query: Query, filters: Filters) -> str:
    """The ids of all that match, one a line, in plan order; looks through all of the version."""
    clauses, given = _clauses(filters)
    found = query.sql(f"SELECT id FROM placed {_where(clauses)} ORDER BY chunk, place", given)
    return "".join(f"{ident}\n" for ident in found["id"])
