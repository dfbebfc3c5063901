"""The command that replays published verdicts of judges, or somebody's own: `evidence`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dashboard.cli.opening import at
from dashboard.cli.output import Json, json_line, say, table
from dashboard.cli.progress import late

if TYPE_CHECKING:
    from judges.evidence.findings import Cell, Findings, Sheet

PANEL = "Decide"
ALL_CELLS = 40
"""With more published figures than this only those that deviate are listed one by one."""

SOME_ABSENT = 10


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command(rich_help_panel=PANEL, epilog="Example:  stillhouse evidence llmbar --data llmbar --json")(evidence)


def evidence(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="llmbar, pandalm, xsum, xstest, prometheus, label_errors; or verdicts, for your own."
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="DIR",
            help="The data set's own folder; for verdicts your JSONL file.",
            show_default="its folder below STILLHOUSE_SHARED_DATA",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Replay published verdicts: every published figure beside ours, and what judges and panels are worth.

    A verdict that could not be read is counted and is never a vote. `verdicts` reads one JSON object a line: item,
    judge (or rater, for a person), verdict (null where it could not be read), and where known label, order (as_is or
    swapped; the verdict names the answer, not its place) and cluster. --json: "cells" published figures were compared,
    "deviations" of them differ from the printed digits.
    """
    from curation.task import Environment
    from judges.evidence.sets import replay

    with late() as progress:
        given = None if data is None else at(context).path(data)
        found = replay(name, given, Environment.read().shared_data, progress)
    if as_json:
        json_line(found.as_dict())
        return
    _tell(found)


def _tell(found: "Findings") -> None:
    """The report for a person: published beside ours, then every table, then what deviates or is absent."""
    if 0 < len(found.cells) <= ALL_CELLS:
        _cells("Published beside ours", found.cells)
    for sheet in found.sheets:
        _sheet(sheet)
    if len(found.cells) > ALL_CELLS and found.deviations:
        _cells("Deviations", found.deviations)
    for line in _ending(found):
        say(line)


def _ending(found: "Findings") -> list[str]:
    """What is absent, what a person should know, and the count that matters last."""
    lines = [f"Absent, so not compared: {what}" for what in found.absent[:SOME_ABSENT]]
    if (more := len(found.absent) - SOME_ABSENT) > 0:
        lines.append(f"... and {more} more; --json names all of them.")
    lines += found.remarks
    if found.cells:
        lines.append(f"{len(found.cells)} published figures compared, {len(found.deviations)} deviations.")
    elif found.absent:
        lines.append("No published figure could be compared.")
    return lines


def _cells(title: str, cells: Sequence["Cell"]) -> None:
    say(title)
    rows = [
        {"figure": c.name, "published": c.published, "ours": c.ours, "equal": "yes" if c.equal else "NO"} for c in cells
    ]
    table(rows, ["figure", "published", "ours", "equal"])


def _sheet(sheet: "Sheet") -> None:
    say(sheet.title)
    table([{k: _short(v) for k, v in row.items()} for row in sheet.rows], sheet.columns)
    if sheet.note:
        say(sheet.note)
        say()


def _short(value: object) -> object:
    """Shares with three digits, so that a table fits; None as a dash."""
    if value is None:
        return "-"
    if isinstance(value, list):
        return ", ".join(str(_short(v)) for v in value)
    return f"{value:.3f}" if isinstance(value, float) else value
