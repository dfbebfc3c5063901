"""Commands for samples that wait for a person: quarantine list, approve, correct."""

import getpass
from typing import Annotated

import typer

from dashboard.cli.opening import workspace
from dashboard.cli.output import Json, frame_rows, json_line, say, table

PANEL = "People"
Sample = Annotated[str, typer.Argument(metavar="ID", help="The sample's id, or its beginning.")]
By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who rules.", show_default="your login")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, for the ledger.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(no_args_is_help=True, help="Samples that wait for a person: list, approve, correct.")
    group.command("list", epilog="Example:  stillhouse quarantine list --limit 100")(list_)
    group.command(epilog="Example:  stillhouse quarantine approve 5d0c --why 'the judge misread the date'")(approve)
    group.command(epilog="Example:  stillhouse quarantine correct 5d0c --answer refund")(correct)
    app.add_typer(group, name="quarantine", rich_help_panel=PANEL)


def list_(
    context: typer.Context,
    all_: Annotated[bool, typer.Option("--all", help="Also those already ruled on.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Show at most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """The samples of the newest version that no step would decide about."""
    import polars as pl

    from curation.quarantine import Quarantine

    with workspace(context) as opened:
        frame = Quarantine(opened.store, opened.task).waiting()
    frame = frame if all_ else frame.filter(pl.col("ruling").is_null())
    if as_json:
        json_line({"waiting": frame.height, "samples": frame_rows(frame.head(limit))})
        return
    short = frame.head(limit).with_columns(pl.col("id").str.head(12))
    table(frame_rows(short), ["id", "reason", "prompt", "answer", *(["ruling"] if all_ else [])])
    say(f"{frame.height} wait; `stillhouse why ID` says more, then: quarantine approve ID, or correct ID --answer TEXT")


def approve(context: typer.Context, sample: Sample, by: By = None, why: Why = "", as_json: Json = False) -> None:
    """Let a sample through as it is; the next run applies it."""
    from curation.quarantine import Quarantine

    with workspace(context) as opened:
        ruling = Quarantine(opened.store, opened.task).approve(sample, by or getpass.getuser(), why)
    _recorded(ruling.sample, ruling.ruling, as_json)


def correct(
    context: typer.Context,
    sample: Sample,
    answer: Annotated[
        str, typer.Option("--answer", metavar="TEXT", help="The right answer, as a teacher would write it.")
    ],
    by: By = None,
    why: Why = "",
    as_json: Json = False,
) -> None:
    """Let a sample through with your answer, which must pass the task's checks; the next run applies it."""
    from curation.quarantine import Quarantine

    with workspace(context) as opened:
        ruling = Quarantine(opened.store, opened.task).correct(sample, answer, by or getpass.getuser(), why)
    _recorded(ruling.sample, ruling.ruling, as_json)


def _recorded(sample: str, ruling: str, as_json: bool) -> None:
    if as_json:
        json_line({"sample": sample, "ruling": ruling})
    else:
        say(f"Recorded: {ruling} {sample}. Next: stillhouse run (asks nobody) seals a version with it")
