"""What a replay found: every published figure beside ours, further figures, and tables a person reads."""

import math
from collections.abc import Mapping, Sequence
from typing import Self

from pydantic import JsonValue

from curation.intervals import Interval
from curation.records import Record

Row = dict[str, JsonValue]


class Cell(Record):
    """One published figure as it was printed, and ours printed the same way."""

    name: str
    published: str
    ours: str

    @property
    def equal(self) -> bool:
        """Whether ours has the printed digits."""
        return self.published == self.ours


class Sheet(Record):
    """A table with its title; `note` says how its figures are counted."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""

    @classmethod
    def of(cls, title: str, headings: Mapping[str, str], rows: Sequence[Row], note: str = "") -> Self:
        """A table of those figures of each row that have a heading; headings of several words may wrap."""
        shown = tuple({heading: row.get(name) for name, heading in headings.items()} for row in rows)
        return cls(title=title, columns=tuple(headings.values()), rows=shown, note=note)


class Findings(Record):
    """All that one replay found."""

    name: str
    cells: tuple[Cell, ...]
    figures: dict[str, JsonValue]
    sheets: tuple[Sheet, ...] = ()
    absent: tuple[str, ...] = ()
    """Files and rows that a published figure needs and that are not there: such a figure is not compared."""
    remarks: tuple[str, ...] = ()
    """Sentences a person should read."""

    @property
    def deviations(self) -> tuple[Cell, ...]:
        """The cells where ours is not the printed one."""
        return tuple(cell for cell in self.cells if not cell.equal)

    def as_dict(self) -> dict[str, JsonValue]:
        """The fixed shape for --json; what deviates or is absent is named among the figures."""
        named: dict[str, JsonValue] = {}
        if self.deviations:
            named["deviating"] = [cell.model_dump(mode="json") for cell in self.deviations]
        if self.absent:
            named["absent"] = list(self.absent)
        return {
            "name": self.name,
            "cells": len(self.cells),
            "deviations": len(self.deviations),
            "figures": {**self.figures, **named},
        }


def printed(value: float | None, digits: int = 3) -> str:
    """A figure with as many digits as the published one has.

    >>> printed(0.85249), printed(None)
    ('0.852', 'undefined')
    """
    return "undefined" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def figure(value: float | None) -> float | None:
    """A figure for JSON: six digits, None where it is undefined.

    >>> figure(2 / 3), figure(float("nan"))
    (0.666667, None)
    """
    return None if value is None or math.isnan(value) else round(float(value), 6)


def bounds(interval: Interval | None) -> list[JsonValue]:
    """An interval for JSON: [low, high], both None where it is unknown.

    >>> bounds(Interval(0.25, 0.5))
    [0.25, 0.5]
    """
    return [None, None] if interval is None else [figure(interval.low), figure(interval.high)]


def compared(figures: Sequence[tuple[str, str, float | int | None]]) -> tuple[Cell, ...]:
    """Cells from (name, the published digits, ours), ours printed with as many digits.

    >>> compared([("kappa", "0.85", 0.8523)])[0].equal
    True
    """
    return tuple(
        Cell(name=name, published=published, ours=printed(ours, len(published.partition(".")[2])))
        for name, published, ours in figures
    )
