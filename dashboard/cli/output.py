"""What a command prints: one JSON object for machines, tables and sentences for people."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import polars as pl

Json = Annotated[bool, typer.Option("--json", help="End standard output with one JSON object.")]

NAMES = ("id", "run", "version", "study", "at", "started", "closed")
"""Columns that are never folded, so that they can be copied."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def clean(text: object, limit: int | None = None) -> str:
    """Text that a model or user wrote, safe on a terminal: control characters shown, not obeyed; cut at `limit`.

    >>> clean("ok\\x1b[2J")
    'ok\\\\x1b[2J'
    """
    plain = json.dumps(text, ensure_ascii=False) if isinstance(text, dict | list) else "" if text is None else str(text)
    shown = _CONTROL.sub(lambda m: f"\\x{ord(m[0]):02x}", plain)
    if limit is None:
        return shown
    line = " ".join(shown.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def json_line(value: Mapping[str, Any]) -> None:
    """The last line of standard output: one JSON object in ASCII."""
    print(json.dumps(value, default=str))


def say(words: str = "") -> None:
    """A line for a person, on standard output, wrapped nowhere."""
    print(clean(words))


def facts(pairs: Mapping[str, object]) -> None:
    """Names and values, aligned."""
    width = max((len(name) for name in pairs), default=0)
    for name, value in pairs.items():
        print(f"{name:<{width}}  {clean(value)}")


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], limit: int = 60) -> None:
    """Rows as a table as wide as the terminal; text from outside is shown as it is, without markup."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        drawn.add_column(column, no_wrap=column in NAMES)
    for row in rows:
        drawn.add_row(*(Text(clean(row.get(c), limit), overflow="fold") for c in columns))
    Console(highlight=False, soft_wrap=False).print(drawn)


def frame_rows(frame: "pl.DataFrame") -> list[dict[str, Any]]:
    """A frame's rows as plain values."""
    return frame.to_dicts()
