"""The criteria a study may score answers on: five that come with anchors for every point, and those of a file."""

import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from curation.errors import InputError
from curation.store.review_records import Criterion

SHIPPED = Path(__file__).with_name("criteria.toml")


def criteria_of(names: Sequence[str], file: Path | None = None) -> tuple[Criterion, ...]:
    """The criteria of these names, from a TOML file where one is given, else the shipped ones.

    A file with no names gives all of its criteria. InputError for a name that is not there (with the nearest one), or
    a file that cannot be read.

    >>> [len(c.anchors) for c in criteria_of(["helpfulness", "tone"])]
    [5, 4]
    """
    known = _read(SHIPPED if file is None else file)
    wanted = names or ([] if file is None else list(known))
    for name in wanted:
        if name not in known:
            near = get_close_matches(name, known, 1)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            raise InputError(f"no criterion {name!r}{meant} Known: {', '.join(known)}")
    return tuple(known[name] for name in wanted)


@cache
def _read(file: Path) -> dict[str, Criterion]:
    try:
        tables: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
        return {name: Criterion(name=name, **table) for name, table in tables.items()}
    except (OSError, ValueError, TypeError) as error:
        told = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise InputError(
            f"{file} holds no criteria: {told}. It has a table for each, with `question` and `anchors`, lowest first"
        ) from error
