"""Files that are whole or not there at all: temporary file, fsync, rename, fsync of the folder."""

import hashlib
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from curation.errors import WorkspaceError


def write_durably(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Put bytes under a name; an existing file is replaced whole or not at all. WorkspaceError as `written_durably`."""
    with written_durably(path, mode=mode) as file:
        file.write(data)


@contextmanager
def written_durably(path: Path, *, mode: int = 0o600) -> Generator[IO[bytes]]:
    """A file to write to; on leaving it is durable under its name, or not there at all.

    Raises WorkspaceError when the disk is full or the folder cannot be written. A failed fsync is never retried.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise WorkspaceError(
            f"cannot write {path}: {error.strerror or error}; nothing was lost, free space and run again"
        ) from error


def sync_folder(folder: Path) -> None:
    """fsync a folder, so that a rename in it survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
