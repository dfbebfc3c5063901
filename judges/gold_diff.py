"""What changed between two versions of a gold set, row by row."""

from typing import Literal

from curation.records import Record
from curation.store.gold import Gold, GoldItem
from curation.store.store import Store


class RowChange(Record):
    """A row that one version holds and the other does not, or holds otherwise; `parts` names what differs."""

    id: str
    what: Literal["added", "taken out", "changed"]
    parts: tuple[str, ...]
    before: GoldItem | None
    after: GoldItem | None


def changes_between(store: Store, name: str, first: int, second: int) -> list[RowChange]:
    """The rows that differ between two versions, by id; UnknownRecord for a version there is not."""
    gold = Gold(store.state)
    before, after = ({row.id: row for row in gold.items(name, number)} for number in (first, second))
    found = [_change(ident, before.get(ident), after.get(ident)) for ident in sorted(before.keys() | after.keys())]
    return [change for change in found if change is not None]


def _change(ident: str, before: GoldItem | None, after: GoldItem | None) -> RowChange | None:
    if before == after:
        return None
    if before is None or after is None:
        what = "added" if before is None else "taken out"
        return RowChange(id=ident, what=what, parts=(), before=before, after=after)
    parts = [part for part in ("text", "answer", "slice") if getattr(before, part) != getattr(after, part)]
    said, says = before.judged, after.judged
    if said != says:
        same = said and says and said.verdict == says.verdict
        parts.append("votes" if same else "verdict")
    return RowChange(id=ident, what="changed", parts=tuple(parts or ("sample",)), before=before, after=after)
