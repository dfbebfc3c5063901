"""Commands for reviewers and for looking: review create, status, close, export, import; dashboard."""

import getpass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from dashboard.cli import invites, standing, studies
from dashboard.cli.opening import at, workspace
from dashboard.cli.output import Json, json_line, say, table

PANEL = "People"
StudyName = Annotated[str, typer.Argument(metavar="STUDY", help="The study's name.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(no_args_is_help=True, help="Blind review studies: create, status, close, export, import.")
    studies.register_in(group)
    group.command(epilog="Example:  stillhouse review status tone --json")(status)
    group.command(epilog="Example:  stillhouse review close tone")(close)
    group.command(epilog="Example:  stillhouse review export tone --out votes.jsonl")(export)
    group.command("import", epilog="Example:  stillhouse review import ratings.jsonl --study earlier")(import_)
    standing.register_in(group)
    app.add_typer(group, name="review", rich_help_panel=PANEL)
    invites.register_in(group, app, PANEL)


def status(
    context: typer.Context,
    study: Annotated[str | None, typer.Argument(metavar="STUDY", help="One study; all when left out.")] = None,
    as_json: Json = False,
) -> None:
    """How far the studies are; nothing about who won until a study is closed."""
    from judges.review import ReviewService

    with workspace(context) as opened:
        service = ReviewService(opened.store)
        names = [study] if study else [s.name for s in service.studies()]
        found = [service.status(name) for name in names]
    rows: list[dict[str, Any]] = [
        {
            "study": s.study.name,
            "kind": s.study.kind,
            "items": s.study.items,
            "complete": s.complete_items,
            "votes": s.given,
            "wanted": s.wanted,
            "raters": s.by_rater,
            "closed": s.study.closed,
        }
        for s in found
    ]
    if as_json:
        json_line({"studies": rows})
    elif rows:
        table(rows, ["study", "kind", "items", "complete", "votes", "wanted", "raters", "closed"])
    else:
        say("No study yet. Next: stillhouse review create NAME")


def close(context: typer.Context, study: StudyName, as_json: Json = False) -> None:
    """Close a study and show its agreement; closing it again shows the same report."""
    from judges.review import ReviewService
    from judges.study_words import sentences

    with workspace(context) as opened:
        report = ReviewService(opened.store).close(study, getpass.getuser())
    if as_json:
        json_line(report)
    else:
        for line in sentences(report):
            say(line)


def export(
    context: typer.Context,
    study: StudyName,
    form: Annotated[
        Literal["jsonl", "argilla", "labelstudio"],
        typer.Option("--format", help="A line for each vote, Argilla's records, or Label Studio's tasks."),
    ] = "jsonl",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where the votes go.", show_default="STUDY-votes.jsonl")
    ] = None,
    names: Annotated[
        bool, typer.Option("--names", help="Write raters' names; they have pseudonyms of this workspace otherwise.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a closed study with its votes; they name the teachers, so an open study is refused.

    Every format is read by `review import`. Argilla's records are those of its SDK 2.0 to 2.8 (`from_json`). Label
    Studio's tasks are those of 1.x (Import), and the labelling configuration that fits them comes beside the file, as
    `.xml`. The ledger says that sources were named (`review_unblinded`). What raters wrote themselves is written as it
    is.
    """
    from curation.store.durable import write_durably
    from judges.review_files import export_study
    from judges.review_labelstudio_tasks import labelling_config

    with workspace(context) as opened:
        data, votes = export_study(opened.store, study, form, names=names, actor=getpass.getuser())
        config = labelling_config(opened.store, study) if form == "labelstudio" else None
    target = at(context).path(out or Path(f"{study}-votes.{'jsonl' if form == 'jsonl' else 'json'}"))
    write_durably(target, data)
    written = {"votes": votes, "path": str(target)}
    if config is not None:
        written["config"] = str(_beside(target))
        write_durably(_beside(target), config)
    if as_json:
        json_line(written)
        return
    say(f"Wrote {votes} votes to {target}, {'with names of raters' if names else 'raters under other names'}")
    if config is not None:
        say(f"Next: import it into a Label Studio project whose labelling configuration is {_beside(target)}")


def _beside(target: Path) -> Path:
    """Where the labelling configuration of a file goes."""
    beside = target.with_suffix(".xml")
    return target.with_name(f"{target.name}.xml") if beside == target else beside


def import_(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="JSONL {item, prompt, a, b, rater, choice}, Argilla's records, or Label Studio's JSON or JSON-MIN.",
        ),
    ],
    study: Annotated[str, typer.Option("--study", metavar="NAME", help="What the study is called here.")],
    version: Annotated[
        str | None, typer.Option("--version", metavar="V", help="Its items are samples of this version.")
    ] = None,
    question: Annotated[str | None, typer.Option("--question", metavar="TEXT", help="What raters were asked.")] = None,
    column: Annotated[
        list[str] | None, typer.Option("--column", metavar="OURS=THEIRS", help="What a column is called; repeatable.")
    ] = None,
    choice: Annotated[
        list[str] | None,
        typer.Option("--choice", metavar="THEIRS=OURS", help="What a choice means, or a label as it is; repeatable."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Import finished ratings as a closed study; a bad row is named and set aside: rows = kept + quarantined.

    `choice` is a_much, a, tie, b, b_much, both_bad, skip or flag about the two answers of a row as its rater saw them;
    accept, reject, skip or flag about one. Rows may also say reason, dwell_ms, at, swap, first_teacher, second_teacher
    and the label settled on as `final`. What Argilla or Label Studio exported is told by its shape; --column then names
    its fields and questions.
    """
    from judges.review_files import Claims, import_study
    from judges.review_ratings import Reading

    reading = Reading(columns=dict(_named(c) for c in column or ()), choices=dict(_named(c) for c in choice or ()))
    claims = Claims(question, version)
    with workspace(context) as opened:
        found = import_study(opened.store, at(context).path(file), study, reading, claims, getpass.getuser())
    if as_json:
        json_line(found.model_dump(mode="json"))
        return
    say(f"Study {found.study!r}: {found.votes} votes of {len(found.raters)} raters on {found.items} items, closed")
    say(f"{found.rows} rows = {found.kept} kept + {len(found.quarantined)} set aside")
    if found.suggestions:
        say(f"{found.suggestions} suggestions of models are nobody's vote and were left out")
    for bad in found.quarantined:
        say(f"set aside {bad.file}:{bad.line}: {bad.reason}")
    say(f"Next: stillhouse review close {found.study} shows its agreement")


def _named(given: str) -> tuple[str, str]:
    """Both sides of `one=other`; a word alone stands for itself."""
    one, equals, other = given.partition("=")
    return one, other if equals else one
