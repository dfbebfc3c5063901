"""Commands that begin: init, import, practice, doctor."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from curation.errors import InputError
from dashboard.cli.opening import at, workspace
from dashboard.cli.output import Json, clean, facts, json_line, say, table

PANEL = "Start"
Kind = Literal["classify", "extract", "summarise", "chat", "tools", "rewrite"]
Format = Literal["auto", "jsonl", "csv", "openai-log", "anthropic-log", "chats"]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(rich_help_panel=PANEL, epilog="Example:  stillhouse init support")(init)
    app.command(
        "import",
        rich_help_panel=PANEL,
        epilog="Example:  stillhouse import tickets.csv --map body=text --sample 500 --stratify product",
    )(import_)
    app.command(rich_help_panel=PANEL, epilog="Example:  stillhouse practice --port 8765")(practice)
    app.command(rich_help_panel=PANEL, epilog="Example:  stillhouse doctor --device")(doctor)


def init(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make; it may exist.")],
    prompts: Annotated[
        Path | None,
        typer.Option("--prompts", metavar="FILE", help="Your prompts (JSONL or CSV); without it, the shipped task."),
    ] = None,
    teacher: Annotated[
        str | None, typer.Option("--teacher", metavar="PROVIDER:MODEL", help="Who answers, e.g. openai:gpt-5-mini.")
    ] = None,
    kind: Annotated[Kind, typer.Option("--kind", help="What kind of task yours is.")] = "classify",
    labels: Annotated[str, typer.Option("--labels", metavar="A,B,C", help="The labels of a classify task.")] = "",
    budget: Annotated[float, typer.Option("--budget", min=0, help="The hard cap on money, in US dollars.")] = 5.0,
    mapping: Annotated[
        list[str] | None, typer.Option("--map", metavar="COLUMN=FIELD", help="How your columns are named.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a workspace: the shipped support task, or one for your own prompts."""
    from dashboard.cli import beginning

    root = at(context).path(directory)
    if prompts is None and teacher is None:
        made = beginning.shipped(root)
    elif prompts is None or teacher is None:
        raise typer.BadParameter("give --prompts and --teacher together, or neither for the shipped task")
    else:
        wishes = beginning.Wishes(teacher, kind, tuple(filter(None, labels.split(","))), budget)
        made = beginning.own(root, at(context).path(prompts), wishes, _mapping(mapping))
    if as_json:
        json_line(made.as_dict())
        return
    say(f"Made a workspace in {root}")
    facts({"task": made.task, "prompts": made.prompts, "signing key": made.fingerprint})
    if made.first:
        table(made.first, list(made.first[0]))
    say("Keep the signing key's fingerprint: `verify --key` checks every version against it.")
    say(f"Next: {made.next}")


def _mapping(given: list[str] | None) -> dict[str, str]:
    pairs = [text.partition("=") for text in given or ()]
    if wrong := next((c + eq + f for c, eq, f in pairs if not (c and eq and f)), None):
        raise typer.BadParameter(f"--map {wrong!r} is not COLUMN=FIELD")
    return {column: field for column, _, field in pairs}


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSONL, CSV, a request log or chats.")],
    format: Annotated[Format, typer.Option("--format", help="What the file is.")] = "auto",
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="COLUMN=FIELD", help="A column of the file and the field it becomes; repeatable."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where the prompts go.", show_default="prompts/NAME.jsonl"),
    ] = None,
    sample: Annotated[
        int | None, typer.Option("--sample", min=1, help="Keep a seeded random sample of so many.")
    ] = None,
    stratify: Annotated[
        str | None, typer.Option("--stratify", metavar="COLUMN", help="Spread the sample over this column's values.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="The sample's seed.")] = 0,
    as_json: Json = False,
) -> None:
    """Read prompts (and recorded answers) from a file, and show the first three rows as understood.

    A line that cannot be read is set aside with file, line and reason: in = kept + quarantined.
    """
    from dashboard.cli import beginning

    here = at(context)
    source = here.path(file)
    target = here.path(out) if out else here.directory / "prompts" / f"{source.stem}.jsonl"
    wishes = beginning.Import(format, _mapping(mapping), sample, stratify, seed)
    report = beginning.import_prompts(source, target, wishes)
    if as_json:
        json_line(report)
        return
    say("The first rows, as understood:")
    table(report["first"], ["id", "text", "group", "tags"], limit=80)
    facts({k: report[k] for k in ("in", "kept", "quarantined", "left_out", "out")})
    if report["quarantined"]:
        say(f"Set aside, each line with its reason: {report['quarantine']}")
    if report["recording"]:
        say(f'Recorded answers: {report["recording"]}; a teacher with use = "replay" and that path gives them.')


def practice(
    context: typer.Context,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8765,
) -> None:
    """Serve the practice teachers of this workspace until Ctrl-C, for your own client or a run in another window."""
    from dashboard.cli import practising

    with workspace(context) as opened:
        practising.serve(opened, port)


def doctor(
    context: typer.Context,
    device: Annotated[bool, typer.Option("--device", help="Also ask torch which device it finds (seconds).")] = False,
    as_json: Json = False,
) -> None:
    """Look at keys, optional parts, SQLite, disk and ports; each finding with its fix. Keys are never printed."""
    from dashboard.cli import doctoring

    findings = doctoring.examine(at(context).directory, device=device)
    bad = [f for f in findings if f.level == "bad"]
    if as_json:
        json_line({"ok": not bad, "findings": [vars(f) for f in findings]})
    else:
        for f in findings:
            mark = {"ok": "ok ", "note": " - ", "bad": "BAD"}[f.level]
            fix = f"   -> {f.fix}" if f.fix else ""
            print(clean(f"{mark} {f.what:<14} {f.found}{fix}"))
    if bad:
        raise InputError(
            f"{len(bad)} finding{'s' if len(bad) > 1 else ''} would stop a run: {bad[0].what}: {bad[0].fix}"
        )
