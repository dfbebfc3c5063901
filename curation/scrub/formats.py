"""Files as rows of fields, block by block, and back: JSON lines, JSON, CSV, text. What was not changed stays as it was.

A row that cannot be read is set aside with its line and the reason; the others go on. A file that is not UTF-8 is
refused as a whole: half of it would be guesswork.
"""

import codecs
import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from typing import Any, BinaryIO, Literal, NamedTuple, Protocol

from curation.errors import InputError

Format = Literal["jsonl", "json", "csv", "parquet", "text"]
ENDINGS: dict[str, Format] = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet",
    ".txt": "text", ".text": "text", ".md": "text", ".log": "text", ".eml": "text",
}  # fmt: skip
BLOCK = 1 << 18
"""Characters handled at a time."""
PIECE = 1 << 14
"""Characters of a text that are looked at as one: whole paragraphs, as many as fit."""
LONGEST_PARAGRAPH = 1 << 20
"""A longer one is cut between lines or words, or where it has neither, anywhere."""
LONGEST_FIELD = 1 << 26
BOM = "\ufeff"


class Row(NamedTuple):
    """One row: where it stands, its fields, and how it was written."""

    line: int
    fields: dict[str, Any]
    raw: str


class Aside(NamedTuple):
    """A row that was not written, and why."""

    file: str
    line: int
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """As the report shows it."""
        return self._asdict()


@dataclass
class Block:
    """Some rows, what was set aside among them, and how many bytes of the file they take."""

    rows: list[Row] = field(default_factory=list[Row])
    aside: list[Aside] = field(default_factory=list[Aside])
    size: int = 0


class Shape(Protocol):
    """One format: how its rows are read and written."""

    def blocks(self, source: BinaryIO) -> Iterator[Block]:
        """The file in blocks; InputError where it is not UTF-8."""
        ...

    def begin(self) -> str:
        """What stands before the rows; known once the first block was read."""
        ...

    def written(self, row: Row, fields: Mapping[str, Any]) -> str:
        """A row with other fields, as it is written."""
        ...

    def end(self) -> str:
        """What stands after the rows."""
        ...


class _Lines:
    """What formats made of lines share."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._head = ""

    def begin(self) -> str:
        """A byte order mark, where there was one."""
        return self._head

    def end(self) -> str:
        """Nothing."""
        return ""

    def _lines(self, source: BinaryIO) -> Iterator[tuple[int, str]]:
        """Numbered lines with their ends."""
        for number, raw in enumerate(source, 1):
            line = self._decoded(raw, number)
            if number == 1 and line.startswith(BOM):
                self._head, line = BOM, line[1:]
            yield number, line

    def _decoded(self, raw: bytes, line: int) -> str:
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            words = f"{self.name}: line {line} is not UTF-8 (byte {error.start + 1} of the line)"
            raise InputError(f"{words}; save the file as UTF-8") from error


class JsonLines(_Lines):
    """An object a line."""

    def blocks(self, source: BinaryIO) -> Iterator[Block]:
        """Blocks of lines; an empty line is kept and is no row."""
        block = Block()
        for number, line in self._lines(source):
            block.size += len(line)
            try:
                block.rows.append(Row(number, parsed(line.rstrip("\r\n")) if line.strip() else {}, line))
            except ValueError as error:
                block.aside.append(Aside(self.name, number, str(error)))
            if block.size >= BLOCK:
                yield block
                block = Block()
        yield block

    def written(self, row: Row, fields: Mapping[str, Any]) -> str:
        """The object anew, on a line that ends as the old one did."""
        return dumped(fields) + row.raw[len(row.raw.rstrip("\r\n")) :]


class Json(_Lines):
    """One object, or an array of them; read as a whole."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._array = False
        self._first = True

    def blocks(self, source: BinaryIO) -> Iterator[Block]:
        """Blocks of the array's objects."""
        data = source.read()
        text = self._decoded(data, 1).removeprefix(BOM)
        try:
            value = parsed(text, anything=True)
        except ValueError as error:
            raise InputError(f"{self.name}: {error}") from error
        self._array = isinstance(value, list)
        block = Block(size=len(data))
        for number, item in enumerate(value if isinstance(value, list) else [value], 1):
            if isinstance(item, dict):
                block.rows.append(Row(number, item, ""))
            else:
                block.aside.append(Aside(self.name, number, f"a JSON {type(item).__name__}, not an object"))
            if len(block.rows) == 1000:
                yield block
                block = Block()
        yield block

    def begin(self) -> str:
        """The array's bracket."""
        return "[" if self._array else ""

    def written(self, row: Row, fields: Mapping[str, Any]) -> str:
        """The object, after a comma where one stands before it."""
        comma, self._first = ("" if self._first else ","), False
        return f"{comma}\n{dumped(fields)}" if self._array else dumped(fields)

    def end(self) -> str:
        """The array's other bracket."""
        return "\n]\n" if self._array else "\n"


class Csv(_Lines):
    """A header and records; the delimiter is the header's most frequent of comma, semicolon and tab."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.header: list[str] = []
        self._delimiter = ","
        self._taken: list[str] = []

    def begin(self) -> str:
        """The header as it was."""
        return self._head + self._header_line

    _header_line = ""

    def blocks(self, source: BinaryIO) -> Iterator[Block]:
        """Blocks of records; one with another number of fields than the header is set aside."""
        csv.field_size_limit(LONGEST_FIELD)
        lines = (line for _, line in self._lines(source))
        self._read_header(lines)
        reader = csv.reader(self._tapped(lines), delimiter=self._delimiter)
        block, number = Block(), self._header_line.count("\n")
        while (record := self._record(reader)) is not None:
            raw = "".join(self._taken)
            line, number = number + 1, number + max(raw.count("\n"), 1)
            block.size += len(raw)
            if isinstance(record, str):
                block.aside.append(Aside(self.name, line, record))
            elif len(record) == len(self.header):
                block.rows.append(Row(line, dict(zip(self.header, record, strict=True)), raw))
            elif record:
                words = f"{len(record)} columns, the header has {len(self.header)}"
                block.aside.append(Aside(self.name, line, words))
            if block.size >= BLOCK:
                yield block
                block = Block()
        yield block

    def written(self, row: Row, fields: Mapping[str, Any]) -> str:
        """The record anew: every field quoted where every field was."""
        stripped = row.raw.rstrip("\r\n")
        every = len(fields) > 0 and row.raw.count('"') >= 2 * len(fields) and stripped[-1:] == '"'
        out = StringIO()
        quoting: Literal[0, 1] = csv.QUOTE_ALL if every else csv.QUOTE_MINIMAL
        csv.writer(out, delimiter=self._delimiter, lineterminator="", quoting=quoting).writerow(fields.values())
        return out.getvalue() + row.raw[len(stripped) :]

    def _read_header(self, lines: Iterator[str]) -> None:
        first = next(lines, "")
        self._delimiter = max(",;\t", key=first.count)
        self._taken = [first]
        self.header = next(csv.reader(self._tapped(lines, first), delimiter=self._delimiter), [])
        self._header_line = "".join(self._taken)
        if len(set(self.header)) < len(self.header):
            twice = next(name for name in self.header if self.header.count(name) > 1)
            raise InputError(f"{self.name}: the column {twice!r} occurs twice; give each a name of its own")

    def _tapped(self, lines: Iterator[str], first: str | None = None) -> Iterator[str]:
        """The lines, noted as they are taken."""
        if first is not None:
            yield first
        for line in lines:
            self._taken.append(line)
            yield line

    def _record(self, reader: Iterator[list[str]]) -> list[str] | str | None:
        """The next record, why it cannot be read, or None at the end."""
        self._taken = []
        try:
            return next(reader, None)
        except csv.Error as error:
            return f"not CSV: {error}"


class Text(_Lines):
    """Plain text, looked at in runs of whole paragraphs: what lies between two blank lines is never cut."""

    def blocks(self, source: BinaryIO) -> Iterator[Block]:
        """Runs of paragraphs, each a row of its own."""
        line, rest, block = 1, "", Block()
        for text in self._decoded_runs(source):
            rest += text
            while len(rest) > PIECE and (cut := _cut(rest)):
                _add(block, line, rest[:cut])
                line, rest = line + rest.count("\n", 0, cut), rest[cut:]
                if block.size >= BLOCK:
                    yield block
                    block = Block()
        if rest:
            _add(block, line, rest)
        yield block

    def written(self, row: Row, fields: Mapping[str, Any]) -> str:
        """The text itself."""
        return str(fields["text"])

    def _decoded_runs(self, source: BinaryIO) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")()
        at = 0
        try:
            while data := source.read(BLOCK):
                text = decoder.decode(data)
                if at == 0 and text.startswith(BOM):
                    self._head, text = BOM, text[1:]
                yield text
                at += len(data)
            yield decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            words = f"{self.name}: not UTF-8 near byte {at + error.start + 1}; save the file as UTF-8"
            raise InputError(words) from error


SHAPES: dict[Format, type[JsonLines | Json | Csv | Text]] = {
    "jsonl": JsonLines, "json": Json, "csv": Csv, "text": Text,
}  # fmt: skip


def _add(block: Block, line: int, piece: str) -> None:
    block.rows.append(Row(line, {"text": piece}, piece))
    block.size += len(piece)


def _cut(text: str) -> int:
    """Where a long text is cut: after the last blank line of a piece, or else the next one; 0 to read on."""
    if (at := max(text.rfind("\n\n", 0, PIECE) + 2, text.rfind("\n\r\n", 0, PIECE) + 3)) > 3:
        return at
    if after := [at + len(mark) for mark in ("\n\n", "\n\r\n") if (at := text.find(mark, PIECE - 3)) >= 0]:
        return min(*after, LONGEST_PARAGRAPH)
    if len(text) < LONGEST_PARAGRAPH:
        return 0
    return max(text.rfind("\n", 0, LONGEST_PARAGRAPH) + 1, 0) or text.rfind(" ", 0, LONGEST_PARAGRAPH) + 1 or len(text)


def parsed(line: str, *, anything: bool = False) -> Any:
    """A line's JSON object; ValueError says why it is none.

    A key that occurs twice is refused: only one of its values would be seen, and the other written as it was.
    """
    try:
        value = json.loads(line, object_pairs_hook=_unique, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} (column {error.colno})") from error
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not anything and not isinstance(value, dict):
        raise ValueError(f"a JSON {type(value).__name__}, not an object")
    return value


def dumped(value: Any) -> str:
    """JSON on one line; a lone surrogate, which UTF-8 cannot hold, is escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isascii() or text.encode("utf-8", "ignore").decode() == text else json.dumps(value)


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        # A key may be personal data itself; only one that looks like a field's name is told.
        raise ValueError(f"the key {twice!r} occurs twice" if twice.isidentifier() else "a key occurs twice")
    return found


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def written(shape: Shape, block: Block, cleaned: Iterable[Mapping[str, Any] | None]) -> str:
    """A block as it is written; None stands for a row that is as it was."""
    return "".join(
        row.raw if fields is None and row.raw else shape.written(row, row.fields if fields is None else fields)
        for row, fields in zip(block.rows, cleaned, strict=True)
    )
