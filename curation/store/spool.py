"""Prompts laid aside on disk while a run works on them, so that a million of them take no memory.

The file has no name: it is gone with the process, however that ends. Only scrubbed prompts are laid here.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from curation.records import Prompt

BLOCK = 1 << 18


class Spool:
    """Prompts in the order they were added; may be read any number of times, also while others read it."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by close()
        self._count = 0

    def add(self, prompt: Prompt) -> None:
        """One more prompt, at the end."""
        self._file.write(prompt.model_dump_json(exclude_defaults=True).encode() + b"\n")
        self._count += 1

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Prompt]:
        self._file.flush()
        offset, rest = 0, b""
        while block := os.pread(self._file.fileno(), BLOCK, offset):
            offset += len(block)
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                yield Prompt.model_validate_json(line)

    def close(self) -> None:
        """Give back the disk space."""
        self._file.close()

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
