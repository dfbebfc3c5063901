"""Scrubs files: as many rows out as in, each with its personal data masked; the input is never written over.

The rows are read, scrubbed and written in blocks, so that memory stays bounded. Nothing raw is kept: a report holds
kinds, offsets and counts.
"""

import os
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, BinaryIO, NamedTuple, cast

from pydantic import JsonValue

from curation.errors import InputError
from curation.plugins import nearest
from curation.progress import Progress, Silent
from curation.scrub.formats import ENDINGS, SHAPES, Aside, Block, Csv, Format, Row, Shape, written
from curation.scrub.scrubber import Scrubber
from curation.scrub.values import Looks, constant

CRASHES = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""Errors of a scrubber at one row: that row is set aside, never passed on, and the others go on."""
IN_A_NAME = frozenset({"EMAIL", "PHONE", "CARD", "IBAN", "NATIONAL_ID", "IP", "SECRET"})
"""What has no business in a column's name: there it is data, or the header is missing."""
INSIDE = "\x1f"
"""Between the parts of a path inside a nested field; no column's name holds it."""
TOLD = 100
"""Rows set aside or uncertain that a report lists; all are counted."""


class Spot(NamedTuple):
    """One masked place of a file, without its value."""

    line: int
    path: str
    entity: str
    start: int
    end: int


@dataclass
class FileReport:
    """What became of a file."""

    file: str
    format: str
    rows: int = 0
    spans: Counter[str] = field(default_factory=Counter[str])
    zones: Counter[str] = field(default_factory=lambda: Counter({"clean": 0, "masked": 0, "uncertain": 0}))
    characters: int = 0
    seconds: float = 0.0
    set_aside: int = 0
    aside: list[Aside] = field(default_factory=list[Aside])
    uncertain: list[int] = field(default_factory=list[int])
    left_alone: set[str] = field(default_factory=set[str])
    """Columns that were not looked at: numbers, bytes."""

    @property
    def characters_per_second(self) -> float:
        """Speed of the scrubbing alone, without what it loads at first."""
        return self.characters / self.seconds if self.seconds > 0 else 0.0

    def as_dict(self) -> dict[str, Any]:
        """As the last line of `--json`."""
        return {
            "file": self.file,
            "format": self.format,
            "rows": self.rows,
            "set_aside": self.set_aside,
            "spans": dict(sorted(self.spans.items())),
            "zones": dict(self.zones),
            "characters": self.characters,
            "characters_per_second": round(self.characters_per_second, 1),
            "aside": [a.as_dict() for a in self.aside],
            "uncertain_lines": self.uncertain,
            "left_alone": sorted(self.left_alone),
        }


@dataclass(frozen=True)
class Clean:
    """A row's fields after scrubbing; `fields` is None where nothing was changed or the row could not be scrubbed."""

    fields: dict[str, JsonValue] | None
    spots: tuple[Spot, ...]
    zone: str
    crash: str = ""


@dataclass(frozen=True)
class Wish:
    """How a file is read: the columns to look at (default: all that hold strings), and where each span is told."""

    columns: tuple[str, ...] | None = None
    told: Callable[[Spot], None] | None = None

    def wants(self, name: str, value: Any) -> bool:
        """Whether a field is looked at: all strings and nested values, or exactly the named ones."""
        return isinstance(value, str | dict | list) if self.columns is None else name in self.columns


def format_of(path: Path, given: str | None) -> Format:
    """The format of a file, by its ending unless it is given; InputError names the known ones."""
    known = sorted({*SHAPES, "parquet"})
    if given is not None:
        if given not in known:
            raise InputError(f"no format {given!r}{nearest(given, known)} Known: {', '.join(known)}")
        return cast("Format", given)
    found = ENDINGS.get(path.suffix.lower())
    if found is None:
        raise InputError(f"{path}: cannot tell the format from its name; say --format {'|'.join(known)}")
    return found


def scrub_stream(
    source: BinaryIO,
    out: BinaryIO | None,
    scrubber: Scrubber,
    report: FileReport,
    wish: Wish | None = None,
    progress: Progress | None = None,
) -> None:
    """Scrub rows of `report.format` from one stream to another, counting into the report."""
    wish, progress = wish or Wish(), progress or Silent()
    shape = SHAPES[cast("Format", report.format)](report.file)
    names = _Names(scrubber, report.file)
    warm(scrubber)
    first = True
    for block in shape.blocks(source):
        if first:
            _check_header(shape, wish, names)
        names.note(block.rows, wish)
        text = _scrubbed(shape, block, scrubber, report, wish, names)
        if out is not None:
            out.write(((shape.begin() if first else "") + text).encode("utf-8"))
        first = False
        progress.advance(block.size >> 10)
    names.check(wish)
    if out is not None:
        out.write(shape.end().encode("utf-8"))


def warm(scrubber: Scrubber) -> None:
    """Have a scrubber load what it loads at its first text, which is not its speed."""
    scrubber.scrub("Ann Lee of 1 Main Street, 2026-01-31, wrote to ann@example.com from 192.0.2.1 about 4111.")


def cleaned(rows: Sequence[Row], scrubber: Scrubber, wish: Wish, report: FileReport) -> list[Clean]:
    """Every row scrubbed; where the scrubber fails on them, one by one."""
    began = perf_counter()
    try:
        done = _looked(rows, scrubber, wish)
    except CRASHES:
        done = [_alone(row, scrubber, wish) for row in rows]
    report.seconds += perf_counter() - began
    report.characters += sum(_length(v) for row in rows for k, v in row.fields.items() if wish.wants(k, v))
    for row, clean in zip(rows, done, strict=True):
        if clean.crash:
            set_aside(report, [Aside(report.file, row.line, f"the scrubber failed: {clean.crash}")])
        elif row.fields:
            count(report, row.line, clean, wish)
    return done


def count(report: FileReport, line: int, clean: Clean, wish: Wish) -> None:
    """Add one row to the report."""
    report.rows += 1
    report.zones[clean.zone] += 1
    report.spans.update(spot.entity for spot in clean.spots)
    if clean.zone == "uncertain" and len(report.uncertain) < TOLD:
        report.uncertain.append(line)
    for spot in clean.spots if wish.told else ():
        cast("Callable[[Spot], None]", wish.told)(spot)


def set_aside(report: FileReport, rows: Iterable[Aside]) -> None:
    """Count rows that are not written, and keep the first of them."""
    for aside in rows:
        report.set_aside += 1
        if len(report.aside) < TOLD:
            report.aside.append(aside)


@contextmanager
def output_at(path: Path, source: Path | None) -> Generator[BinaryIO]:
    """A file that appears under its name once it is whole; InputError when it is the input itself."""
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file")
    if source is not None and path.exists() and source.exists() and path.samefile(source):
        raise InputError(f"{path} is the input; write to another file, so that nothing is lost")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def check_columns(wanted: Sequence[str] | None, known: Iterable[str], file: str) -> None:
    """InputError naming the nearest column when one was asked for that the file does not have."""
    names = list(known)
    for name in wanted or ():
        if name not in names:
            raise InputError(f"{file} has no column {name!r}{nearest(name, names)} It has {', '.join(names)}")


class _Names:
    """The columns of a file: which there are, and what a name that holds data becomes."""

    def __init__(self, scrubber: Scrubber, file: str) -> None:
        self._scrubber = scrubber
        self._file = file
        self._masked: dict[str, str] = {}

    def note(self, rows: Sequence[Row], wish: Wish) -> None:
        """Look at the names that are new."""
        new = {name for row in rows for name in row.fields} - self._masked.keys()
        for name, seen in zip(sorted(new), self._scrubber.scrub_many(sorted(new)), strict=True):
            data = wish.columns is None and any(span.entity in IN_A_NAME for span in seen.spans)
            self._masked[name] = seen.text if data else name

    def renamed(self, fields: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """The fields under names that hold no data; two names that became one are numbered."""
        found: dict[str, JsonValue] = {}
        for name, value in fields.items():
            short = self._masked.get(name, name)
            found[short if short not in found else f"{short} {len(found) + 1}"] = value
        return found

    def hide(self, fields: Iterable[str]) -> bool:
        """Whether one of the names is not written as it is."""
        return any(self._masked.get(name, name) != name for name in fields)

    def check(self, wish: Wish) -> None:
        """InputError when a column that was asked for is in no row."""
        if self._masked:
            check_columns(wish.columns, sorted(set(self._masked.values())), self._file)


def _check_header(shape: Shape, wish: Wish, names: _Names) -> None:
    """A CSV file's columns are known at once; a first line that holds data is no header."""
    if isinstance(shape, Csv):
        check_columns(wish.columns, shape.header, shape.name)
        names.note([Row(1, dict.fromkeys(shape.header), "")], Wish())
        if names.hide(shape.header):
            raise InputError(f"{shape.name}: the first line holds personal data; a CSV file begins with a header line")


def _scrubbed(shape: Shape, block: Block, scrubber: Scrubber, report: FileReport, wish: Wish, names: _Names) -> str:
    """One block as it is written."""
    set_aside(report, block.aside)
    if not isinstance(shape, Csv):
        report.left_alone |= {
            name for row in block.rows for name, v in row.fields.items() if not wish.wants(name, v) and _holds(v)
        }
    done = cleaned(block.rows, scrubber, wish, report)
    kept = [(row, clean) for row, clean in zip(block.rows, done, strict=True) if not clean.crash]
    fields = [
        names.renamed(clean.fields or row.fields) if clean.fields is not None or names.hide(row.fields) else None
        for row, clean in kept
    ]
    return written(shape, Block([row for row, _ in kept]), fields)


def _looked(rows: Sequence[Row], scrubber: Scrubber, wish: Wish) -> list[Clean]:
    looks = [Looks() for _ in rows]
    later = [
        {
            name: look.value(cast("JsonValue", value), (constant(name),), _lead(name))
            for name, value in row.fields.items()
            if wish.wants(name, value)
        }
        for row, look in zip(rows, looks, strict=True)
    ]
    Looks.scrub_all(scrubber, looks)
    return [
        _clean(row, look, {name: make() for name, make in fields.items()})
        for row, look, fields in zip(rows, looks, later, strict=True)
    ]


def _lead(name: str) -> str:
    """What is read before a field's text: the last word of its path; nothing before `text`, which says nothing."""
    word = next((part for part in reversed(name.split(INSIDE)) if not part.isdigit()), name)
    return "" if word == "text" else word


def _alone(row: Row, scrubber: Scrubber, wish: Wish) -> Clean:
    try:
        return _looked([row], scrubber, wish)[0]
    except CRASHES as error:
        return Clean(None, (), "uncertain", type(error).__name__)


def _clean(row: Row, look: Looks, fields: Mapping[str, JsonValue]) -> Clean:
    spots = tuple(
        Spot(row.line, p.path.replace(INSIDE, "."), p.span.entity.lower(), p.span.start, p.span.end)
        for p in sorted(look.places, key=lambda p: (p.path, p.span.start))
    )
    zone = "uncertain" if look.uncertain else "masked" if spots else "clean"
    changed = any(row.fields[name] != value for name, value in fields.items())
    return Clean({**row.fields, **fields} if changed else None, spots, zone)


def _length(value: Any) -> int:
    """Characters of all strings in a value."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(len(str(k)) + _length(v) for k, v in cast("dict[str, Any]", value).items())
    return sum(map(_length, cast("list[Any]", value))) if isinstance(value, list) else 0


def _holds(value: Any) -> bool:
    """Whether a field that is not looked at could hold something: a number or bytes, not a truth value or nothing."""
    return value is not None and not isinstance(value, bool)
