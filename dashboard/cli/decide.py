"""Commands for samples that wait for a person: quarantine list, approve, correct, corrections."""

import getpass
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curation.errors import InputError
from dashboard.cli.opening import at, workspace
from dashboard.cli.output import Json, frame_rows, json_line, say, table

if TYPE_CHECKING:
    from curation.scrub.held import Piece
    from curation.store.quarantine import Ruling
    from curation.store.scrub_rulings import PromptRuling

PANEL = "People"
Sample = Annotated[str, typer.Argument(metavar="ID", help="The sample's id, or its beginning; or a held prompt's id.")]
By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who rules.", show_default="your login")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, for the ledger.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(no_args_is_help=True, help="Samples that wait for a person: list, approve, correct.")
    group.command("list", epilog="Example:  stillhouse quarantine list --limit 100")(list_)
    group.command(epilog="Example:  stillhouse quarantine approve 5d0c --why 'the judge misread the date'")(approve)
    group.command(epilog="Example:  stillhouse quarantine correct 5d0c --answer refund")(correct)
    group.command(epilog="Example:  stillhouse quarantine corrections -o corrections.jsonl")(corrections)
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
    if not frame.filter(pl.col("answer").is_null() & (pl.col("step") == "scrub")).is_empty():
        say("A prompt without an answer was held before it was asked: approve ID, or correct ID --mask 'TEXT=person'")


def approve(context: typer.Context, sample: Sample, by: By = None, why: Why = "", as_json: Json = False) -> None:
    """Let a sample through as it is, or a held prompt as it is masked; the next run applies it."""
    from curation.quarantine import Quarantine

    with workspace(context) as opened:
        ruling = Quarantine(opened.store, opened.task).approve(sample, by or getpass.getuser(), why)
    _recorded(sample, ruling, as_json)


def correct(
    context: typer.Context,
    sample: Sample,
    answer: Annotated[
        str | None, typer.Option("--answer", metavar="TEXT", help="The right answer, as a teacher would write it.")
    ] = None,
    mask: Annotated[
        list[str] | None,
        typer.Option(
            "--mask",
            metavar="TEXT=KIND",
            help="For a held prompt: a piece of it that is personal, wherever it stands. Repeatable.",
        ),
    ] = None,
    by: By = None,
    why: Why = "",
    as_json: Json = False,
) -> None:
    """Let a sample through with your answer, which must pass the task's checks, or a held prompt with more of it
    masked; the next run applies it."""
    from curation.quarantine import Quarantine

    if (answer is None) == (not mask):
        raise InputError("say either --answer TEXT, or for a held prompt --mask 'TEXT=KIND'")
    with workspace(context) as opened:
        quarantine, who = Quarantine(opened.store, opened.task), by or getpass.getuser()
        if answer is None:
            ruling = quarantine.mask(sample, [_piece(piece) for piece in mask or ()], who, why)
        else:
            ruling = quarantine.correct(sample, answer, who, why)
    _recorded(sample, ruling, as_json)


def corrections(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="JSONL file to write.")],
    as_json: Json = False,
) -> None:
    """Write what corrected prompts teach the tagger of names: their text, with every masked value invented."""
    from curation.scrub.held import training_rows

    with workspace(context) as opened:
        rows = training_rows(opened.store)
    path = at(context).path(out)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    if as_json:
        json_line({"file": str(path), "rows": len(rows)})
    else:
        say(f"Wrote {len(rows)} rows to {path}")


def _piece(given: str) -> "Piece":
    from curation.scrub.held import Piece

    text, equals, kind = given.rpartition("=")
    if not equals:
        raise InputError(f"--mask {given!r} names no kind; write it as 'TEXT=person'")
    return Piece(text, kind)


def _recorded(sample: str, ruling: "Ruling | PromptRuling", as_json: bool) -> None:
    from curation.store.scrub_rulings import PromptRuling

    on_prompt = isinstance(ruling, PromptRuling)
    ident = sample if on_prompt else ruling.sample
    if as_json:
        more = {"masks": len(ruling.marks)} if on_prompt else {}
        json_line({"sample": ident, "ruling": ruling.ruling, **more})
    elif on_prompt:
        say(f"Recorded: {ruling.ruling} {ident}. Next: stillhouse run asks this prompt and seals a version with it")
    else:
        say(f"Recorded: {ruling.ruling} {ident}. Next: stillhouse run (asks nobody) seals a version with it")
