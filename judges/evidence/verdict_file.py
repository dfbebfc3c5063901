"""Reads a file of verdicts that somebody already has: one JSON object a line, in one strict form.

    {"item": "q-17", "judge": "gpt-4o", "verdict": "accept", "label": "reject", "cluster": "customer 3"}

- `item`: what was judged. `judge`: the model that says so, or `rater` instead: a person.
- `verdict`: a word (in any case), a number, true or false; null where it could not be read.
- `label` (optional): what is right. An item without one takes what most of its raters say.
- `order` (optional): `as_is` or `swapped`, for pairs asked about in both orders. The verdict then names the answer
  (1 or 2, first or second, or tie), not its place, so that a steady judge says the same in both orders.
- `cluster` (optional): items that err together, such as those of one conversation or customer.

Other fields are not read, and named in the report. A row that breaks this form stops the replay, named by file and
line. A verdict that is null, or no word of the labels' kind, is unscored: it is counted, and never a vote.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from curation.errors import InputError
from curation.records import Record
from judges.evidence.reading import numbered

Order = Literal["as_is", "swapped"]
PAIRS = (("1", "2"), ("first", "second"), ("accept", "reject"), ("pass", "fail"), ("yes", "no"), ("true", "false"))
"""Verdicts that belong together: labels of one kind alone still tell what the other one is."""
TIE = "tie"
"""May be said of any pair; it is readable, and a vote for neither side."""
NOTHING = frozenset({"", "null", "none", "unscored"})


def _as_text(value: object) -> object:
    return str(value).strip() if isinstance(value, str | int | float) else value


def _as_word(value: object) -> object:
    return str(value).strip().casefold() if isinstance(value, str | int | float) else value


Word = Annotated[str, BeforeValidator(_as_word)]
Name = Annotated[str, BeforeValidator(_as_text), Field(min_length=1)]


class Said(Record):
    """One row of the file."""

    model_config = ConfigDict(frozen=True, extra="allow")

    item: Name
    judge: Name | None = None
    rater: Name | None = None
    verdict: Word | None
    label: Annotated[Word, Field(min_length=1)] | None = None
    order: Order | None = None
    cluster: Name | None = None

    @model_validator(mode="after")
    def _one_voice(self) -> "Said":
        if (self.judge is None) == (self.rater is None):
            raise ValueError("either `judge` or `rater` names who says so")
        return self

    @property
    def who(self) -> str:
        """Whose verdict it is."""
        return self.judge or self.rater or ""


@dataclass
class Book:
    """All rows of a file by item and by who said it, and what contradicts what."""

    path: Path
    said: dict[str, dict[str, dict[Order | None, str | None]]] = field(default_factory=dict)
    """Item -> who -> order -> verdict, None where it is unscored."""
    labels: dict[str, str] = field(default_factory=dict)
    clusters: dict[str, str] = field(default_factory=dict)
    judges: set[str] = field(default_factory=set)
    raters: set[str] = field(default_factory=set)
    ignored: set[str] = field(default_factory=set)
    menu: tuple[str, ...] = ()
    """The verdicts there can be, without the tie; empty where the file has no label, so that any word is one."""
    rows: int = 0
    _lines: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def items(self) -> list[str]:
        """Every item, in file order."""
        return list(self.said)

    def cluster_of(self, items: Iterable[str]) -> list[str]:
        """Each item's cluster; its own where none is stated."""
        return [f"cluster {self.clusters[i]}" if i in self.clusters else f"item {i}" for i in items]

    def vote(self, item: str, who: str) -> str | None:
        """What a voice says of an item: None where it said nothing readable, or two things in two orders."""
        verdicts = set(self.said[item].get(who, {}).values())
        return next(iter(verdicts)) if len(verdicts) == 1 else None

    def write(self, line: int, row: Said) -> None:
        """Enter a row; InputError where it contradicts an earlier one."""
        self.rows += 1
        self.ignored |= set(row.model_extra or {})
        (self.judges if row.judge else self.raters).add(row.who)
        if both := self.judges & self.raters:
            raise InputError(f"{self.path}:{line}: {min(both)} is called a judge and a rater")
        orders = self.said.setdefault(row.item, {}).setdefault(row.who, {})
        if row.order in orders or (orders and None in {row.order, *orders}):
            raise InputError(
                f"{self.path}:{line}: {row.who} speaks of item {row.item} again; one row per item and order"
            )
        orders[row.order] = row.verdict
        self._once(self.labels, "label", line, row.item, row.label)
        self._once(self.clusters, "cluster", line, row.item, row.cluster)

    def close(self) -> None:
        """Once every row is in: know the menu, unscore what is not on it, and take labels from raters."""
        self.menu = menu_of(self.labels.values())
        self._unscore()
        for item, by_who in self.said.items():
            people = [v for who in by_who if who in self.raters and (v := self.vote(item, who)) is not None]
            if item not in self.labels and people:
                word, count = Counter(people).most_common(1)[0]
                self.labels.update({item: word} if 2 * count > len(people) and word != TIE else {})
        if not self.menu:
            self.menu = menu_of(self.labels.values())
            self._unscore()

    def _unscore(self) -> None:
        known = {*self.menu, TIE}
        for by_who in self.said.values():
            for orders in by_who.values():
                for order, verdict in orders.items():
                    if verdict in NOTHING or (self.menu and verdict not in known):
                        orders[order] = None

    def _once(self, known: dict[str, str], what: str, line: int, item: str, value: str | None) -> None:
        if value is None:
            return
        if known.setdefault(item, value) != value:
            first = self._lines[what, item]
            raise InputError(
                f"{self.path}:{line}: the {what} of item {item} is {value!r} here and {known[item]!r} on line {first}"
            )
        self._lines.setdefault((what, item), line)


def menu_of(labels: Iterable[str]) -> tuple[str, ...]:
    """The verdicts there can be, told from the labels.

    >>> menu_of(["accept", "accept"]), menu_of(["b", "c", "a"]), menu_of([])
    (('accept', 'reject'), ('a', 'b', 'c'), ())
    """
    found = set(labels)
    return next((pair for pair in PAIRS if found and found <= set(pair)), tuple(sorted(found)))


def read_book(path: Path) -> Book:
    """The file's rows, strictly; InputError `FILE:LINE: what is wrong` for the first wrong one."""
    book = Book(path)
    for line, row in numbered(path, Said):
        book.write(line, row)
    book.close()
    return book
