"""Which of our entities a gold file's type stands for; the map is `types.toml`, and a project may add to it."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from curation.errors import InputError
from curation.plugins import nearest

INDIRECT = "indirect"
"""What tells something about a person without naming one (title, age, nationality): scored apart."""


def normal(gold_type: str) -> str:
    """A type's name as it is looked up.

    >>> normal("Date of-birth")
    'DATE_OF_BIRTH'
    """
    return re.sub(r"[\s-]+", "_", gold_type.strip()).upper()


@cache
def shipped() -> Mapping[str, str]:
    """Gold type -> our entity, as this project ships it."""
    return MappingProxyType(
        _turned(tomllib.loads((files("curation.goldspans") / "types.toml").read_text(encoding="utf-8")))
    )


def read_types(path: Path) -> Mapping[str, str]:
    """The shipped map with what a file of the same form adds or moves; InputError for a file that has another form."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    for entity, names in table.items():
        if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
            raise InputError(f'{path}: {entity} is not a list of gold types; write {entity} = ["NAME", "OTHER"]')
    return MappingProxyType({**shipped(), **_turned(table)})


def entity_of(gold_type: str, types: Mapping[str, str], where: str) -> str:
    """Our entity for a gold type, or `indirect`; InputError lists the known types."""
    entity = types.get(normal(gold_type))
    if entity is None:
        raise InputError(
            f"{where}: no gold type {gold_type!r}{nearest(normal(gold_type), types)} "
            f"Known: {', '.join(sorted(types))}. Say what it is in a TOML file, "
            f'`account = ["{normal(gold_type)}"]`, and name the file with --types'
        )
    return entity


def _turned(table: Mapping[str, Iterable[str]]) -> dict[str, str]:
    return {normal(name): entity for entity, names in table.items() for name in names}
