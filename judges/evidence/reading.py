"""Reads the files of a data set strictly: the first entry that is not of its shape is named by file and place."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from curation.errors import InputError
from curation.rows import read_rows

M = TypeVar("M", bound=BaseModel)


def lines_of(path: Path, shape: type[M]) -> list[M]:
    """The rows of a JSONL or CSV file; InputError `FILE:LINE: what is wrong` for the first wrong one."""
    return [row for _, row in numbered(path, shape)]


def numbered(path: Path, shape: type[M]) -> list[tuple[int, M]]:
    """The rows of a JSONL or CSV file, each with its line number; InputError for the first wrong one, or for none."""
    found: list[tuple[int, M]] = []
    for line in read_rows(path):
        if line.row is None:
            raise InputError(f"{path}:{line.number}: {line.reason}")
        found.append((line.number, _shaped(line.row, shape, f"{path}:{line.number}")))
    if not found:
        raise InputError(f"{path} holds no rows")
    return found


def entries_of(path: Path, shape: type[M]) -> list[M]:
    """The entries of a JSON array; InputError naming the file and the number of the first wrong one."""
    entries = json_of(path)
    if not isinstance(entries, list) or not entries:
        raise InputError(f"{path}: a JSON array of objects is expected")
    return [_shaped(entry, shape, f"{path}, entry {n}") for n, entry in enumerate(entries, 1)]


def json_of(path: Path) -> Any:
    """What a JSON file holds; InputError where it is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: not JSON: {error}") from error


def present(paths: Iterable[Path], absent: list[str]) -> list[Path]:
    """Those of the files that are there; the others are written into `absent`."""
    found: list[Path] = []
    for path in paths:
        if path.is_file():
            found.append(path)
        else:
            absent.append(str(path))
    return found


def required(path: Path) -> Path:
    """The file, InputError where it is not there: without it there is nothing to replay."""
    if not path.is_file():
        raise InputError(f"{path} is absent: without it there is nothing to replay")
    return path


def _shaped(entry: object, shape: type[M], where: str) -> M:
    try:
        return shape.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"{where}: {f'{field}: ' if field else ''}{first['msg'].removeprefix('Value error, ')}"
        ) from error
