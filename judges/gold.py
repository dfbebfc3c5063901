"""The gold set as people and commands use it: versions, import with a quarantine, single additions, texts."""

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import JsonValue, ValidationError

from curation.errors import InputError
from curation.records import Record
from curation.store.gold import Gold, GoldItem, GoldVersion
from curation.store.store import Store


class BadGoldLine(Record):
    """A line of a gold file that could not be read, and why."""

    file: str
    line: int
    reason: str


class GoldImport(Record):
    """What an import did: `rows = kept + quarantined`; `changed` counts kept rows that were new or different."""

    name: str
    version: int
    rows: int
    kept: int
    changed: int
    quarantined: tuple[BadGoldLine, ...]


class GoldService:
    """Reads and writes the gold sets of one workspace."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._gold = Gold(store.state)

    def names(self) -> list[str]:
        """The gold sets there are."""
        return self._gold.names()

    def versions(self, name: str) -> list[GoldVersion]:
        """The versions of one set, oldest first."""
        return self._gold.versions(name)

    def items(self, name: str, number: int | None = None) -> list[GoldItem]:
        """The rows of one version (default: the newest)."""
        return self._gold.items(name, number)

    def texts(self) -> list[str]:
        """What no training sample may resemble."""
        return self._gold.texts()

    def add(self, name: str, items: Sequence[GoldItem], *, actor: str, note: str = "") -> GoldVersion:
        """Add or replace rows; the version that holds them (the present one when nothing changed)."""
        return self._gold.put(name, items, ledger=self._store.ledger, actor=actor, note=note)[0]

    def import_file(self, path: Path, *, name: str = "gold", actor: str = "engine") -> GoldImport:
        """Import JSONL rows {id, text, answer, slice}; a bad line is named and set aside, the others go in.

        Raises InputError when the file cannot be read or holds no good row.
        """
        try:
            lines = path.read_bytes().splitlines()
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}") from error
        good: dict[str, GoldItem] = {}
        bad: list[BadGoldLine] = []
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            read = _read(line, set(good))
            if isinstance(read, GoldItem):
                good[read.id] = read
            else:
                bad.append(BadGoldLine(file=path.name, line=number, reason=read))
        if not good:
            first = f"; line {bad[0].line}: {bad[0].reason}" if bad else ""
            raise InputError(f"{path} holds no gold row{first}. A row is {{id, text, answer, slice}}")
        note = f"import of {path.name}"
        version, changed = self._gold.put(name, list(good.values()), ledger=self._store.ledger, actor=actor, note=note)
        return GoldImport(
            name=name,
            version=version.number,
            rows=len(good) + len(bad),
            kept=len(good),
            changed=changed,
            quarantined=tuple(bad),
        )


def _read(line: bytes, seen: set[str]) -> GoldItem | str:
    """The row in a line, or the reason why there is none."""
    try:
        value: JsonValue = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        return f"not UTF-8 (byte {error.start})"
    except ValueError as error:
        return f"not JSON: {error}"
    if not isinstance(value, dict):
        return "not a JSON object"
    try:
        item = GoldItem.model_validate({k: value[k] for k in ("id", "text", "answer", "slice") if k in value})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"id {item.id!r} was on an earlier line" if item.id in seen else item
