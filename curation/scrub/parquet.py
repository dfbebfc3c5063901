"""Scrubs Parquet files: every column that holds strings, also inside lists and structs; types and the rest stay."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from curation.errors import InputError
from curation.progress import Progress, Silent
from curation.scrub.files import INSIDE, FileReport, Wish, check_columns, cleaned, warm
from curation.scrub.formats import Row
from curation.scrub.scrubber import Scrubber

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 1024
"""Rows handled at a time."""


def scrub_parquet(
    path: Path,
    out: BinaryIO | None,
    scrubber: Scrubber,
    report: FileReport,
    wish: Wish | None = None,
    progress: Progress | None = None,
) -> None:
    """Scrub a Parquet file, counting into the report; the rows keep their order and their types."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    wish, progress = wish or Wish(), progress or Silent()
    try:
        file = pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise InputError(f"{path}: not Parquet: {error}") from error
    with file:
        schema = file.schema_arrow
        check_columns(wish.columns, schema.names, path.name)
        names = [f.name for f in schema if _strings(f.type) and (wish.columns is None or f.name in wish.columns)]
        report.left_alone |= set(schema.names) - set(names)
        warm(scrubber)
        writer = None if out is None else pq.ParquetWriter(out, schema)
        line = 1
        for batch in file.iter_batches(batch_size=BATCH):
            clean = _scrubbed(batch, names, line, (scrubber, wish, report))
            line += batch.num_rows
            if writer is not None:
                writer.write_batch(clean)
            progress.advance(batch.num_rows)
        if writer is not None:
            writer.close()


def rows_of(path: Path) -> int:
    """How many rows a Parquet file says it has; 0 where it cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_metadata(path).num_rows
    except pa.ArrowInvalid:
        return 0


def _strings(kind: "pa.DataType") -> bool:
    """Whether a type holds strings, at whatever depth."""
    import pyarrow.types as kinds

    if kinds.is_dictionary(kind):
        return _strings(kind.value_type)
    if kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind):
        return True
    return any(_strings(kind.field(i).type) for i in range(kind.num_fields))


def _scrubbed(
    batch: "pa.RecordBatch", names: Sequence[str], line: int, how: tuple[Scrubber, Wish, FileReport]
) -> "pa.RecordBatch":
    import pyarrow as pa

    scrubber, wish, report = how
    columns = {name: _values(batch, name, report.file, line) for name in names}
    rows = [
        Row(line + i, {path: text for name in names for path, text in _leaves(columns[name][i], name)}, "")
        for i in range(batch.num_rows)
    ]
    looked = Wish(columns=None, told=wish.told)  # the paths are of the wished columns alone
    for i, clean in enumerate(cleaned(rows, scrubber, looked, report)):
        if clean.crash:
            raise InputError(
                f"{report.file}: the scrubber failed at row {line + i} ({clean.crash}); nothing was written"
            )
        for name in names if clean.fields is not None else ():
            fields = cast("dict[str, str]", clean.fields)
            columns[name][i] = _mapped(columns[name][i], name, fields.__getitem__)
    for name in names:
        at = batch.schema.get_field_index(name)
        field = batch.schema.field(at)
        batch = batch.set_column(at, field, pa.array(columns[name], type=field.type))
    return batch


def _values(batch: "pa.RecordBatch", name: str, file: str, line: int) -> list[Any]:
    try:
        return batch.column(name).to_pylist()
    except UnicodeDecodeError as error:
        words = f"{file}: column {name!r} is not UTF-8 in rows {line} to {line + batch.num_rows - 1}"
        raise InputError(words) from error


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """The strings of a value with their paths."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, item in cast("dict[str, Any]", value).items():
            yield from _leaves(item, f"{path}{INSIDE}{name}")
    elif isinstance(value, list | tuple):
        for i, item in enumerate(cast("Sequence[Any]", value)):
            yield from _leaves(item, f"{path}{INSIDE}{i}")


def _mapped(value: Any, path: str, clean: Callable[[str], str]) -> Any:
    """The value with each string replaced by what its path leads to."""
    if isinstance(value, str):
        return clean(path)
    if isinstance(value, dict):
        return {
            name: _mapped(item, f"{path}{INSIDE}{name}", clean) for name, item in cast("dict[str, Any]", value).items()
        }
    if isinstance(value, list | tuple):
        items = [_mapped(item, f"{path}{INSIDE}{i}", clean) for i, item in enumerate(cast("Sequence[Any]", value))]
        return items if isinstance(value, list) else tuple(items)
    return value
