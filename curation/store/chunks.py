"""Immutable Parquet files named by the SHA-256 of their bytes: a table is a list of chunk digests."""

import hashlib
import io
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from curation.errors import Corrupt
from curation.store.durable import write_durably
from curation.store.layout import Layout

MAX_ROWS = 100_000


class Chunks:
    """The chunks folder: what is put there is never changed, and never read without checking its digest."""

    def __init__(self, layout: Layout) -> None:
        self._folder = layout.chunks

    def path(self, digest: str) -> str:
        """Where a chunk lies."""
        return str(self._folder / f"{digest}.parquet")

    def put(self, frame: pl.DataFrame) -> str:
        """Store at most 100,000 rows; the digest names them. Putting equal bytes again changes nothing."""
        if frame.height > MAX_ROWS:
            raise ValueError(f"a chunk holds at most {MAX_ROWS:,} rows, not {frame.height:,}")
        buffer = io.BytesIO()
        frame.write_parquet(buffer, compression="zstd")
        data = buffer.getvalue()
        digest = hashlib.sha256(data).hexdigest()
        path = self._folder / f"{digest}.parquet"
        if not path.exists() or path.read_bytes() != data:
            write_durably(path, data, mode=0o444)
        return digest

    def put_all(self, frame: pl.DataFrame) -> list[str]:
        """Store a table of any length as chunks, in order; an empty table is one empty chunk."""
        starts = range(0, max(frame.height, 1), MAX_ROWS)
        return [self.put(frame.slice(start, MAX_ROWS)) for start in starts]

    def bytes(self, digest: str) -> bytes:
        """A chunk's bytes, checked; Corrupt when they are missing or not what was put."""
        path = self._folder / f"{digest}.parquet"
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise Corrupt(f"chunk {path.name} is missing; restore it from a backup") from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise Corrupt(f"chunk {path.name} does not hold the bytes it is named after; restore it from a backup")
        return data

    def get(self, digest: str) -> pl.DataFrame:
        """A chunk as a table; Corrupt when its bytes do not match its name."""
        return pl.read_parquet(io.BytesIO(self.bytes(digest)))

    def get_all(self, digests: Sequence[str], schema: Mapping[str, Any]) -> pl.DataFrame:
        """Several chunks as one table of the given schema."""
        if not digests:
            return pl.DataFrame(schema=schema)
        return pl.concat([self.get(digest) for digest in digests]).cast(pl.Schema(schema))
