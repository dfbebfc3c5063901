"""Commands for reviewers and for looking: review create, status, close, export; dashboard."""

import getpass
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from curation.errors import InputError
from dashboard.cli.opening import at, require, workspace
from dashboard.cli.output import Json, facts, json_line, say, table

PANEL = "People"
StudyName = Annotated[str, typer.Argument(metavar="STUDY", help="The study's name.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(no_args_is_help=True, help="Blind review studies: create, status, close, export.")
    group.command(epilog="Example:  stillhouse review create tone --kind pairwise -n 60 --rater ana --rater ben")(
        create
    )
    group.command(epilog="Example:  stillhouse review status tone --json")(status)
    group.command(epilog="Example:  stillhouse review close tone")(close)
    group.command(epilog="Example:  stillhouse review export tone --out votes.jsonl")(export)
    app.add_typer(group, name="review", rich_help_panel=PANEL)
    app.command(rich_help_panel=PANEL, epilog="Example:  stillhouse -C support dashboard --port 8600")(dashboard)


def create(
    context: typer.Context,
    study: StudyName,
    kind: Annotated[
        Literal["pairwise", "single"], typer.Option("--kind", help="Which of two, or accept / reject one.")
    ] = "pairwise",
    n: Annotated[int, typer.Option("-n", min=1, help="At most so many items.")] = 60,
    overlap: Annotated[int, typer.Option("--overlap", min=1, help="Different raters per item.")] = 2,
    version: Annotated[str, typer.Option("--version", help="The version it is drawn from.")] = "head",
    question: Annotated[str | None, typer.Option("--question", metavar="TEXT", help="What raters are asked.")] = None,
    rater: Annotated[
        list[str] | None, typer.Option("--rater", metavar="NAME", help="Only these may rate; repeatable.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Which items are drawn.")] = 0,
    as_json: Json = False,
) -> None:
    """Draw a blind study from a version; raters answer it on the Review page."""
    from judges.review import ReviewService

    with workspace(context) as opened:
        made = ReviewService(opened.store).create(
            study,
            version,
            kind=kind,
            n=n,
            overlap=overlap,
            question=question,
            seed=seed,
            raters=rater or None,
            actor=getpass.getuser(),
        )
    if as_json:
        json_line(made.model_dump(mode="json"))
        return
    say(f"Study {made.name!r}: {made.items} items, {made.overlap} raters each, from version {made.version}")
    say("Next: stillhouse dashboard, page Review; `stillhouse review status` shows how far it is")


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

    with workspace(context) as opened:
        report = ReviewService(opened.store).close(study, getpass.getuser())
    if as_json:
        json_line(report)
    else:
        facts({k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in report.items()})


def export(
    context: typer.Context,
    study: StudyName,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where the votes go.", show_default="STUDY-votes.jsonl")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a closed study's votes as JSONL; they name the teachers, so an open study is refused."""
    from curation.store.durable import write_durably
    from curation.store.reviews import Reviews

    with workspace(context) as opened:
        reviews = Reviews(opened.store.state)
        if not reviews.study(study).closed:
            raise InputError(f"study {study!r} is open, and its votes name the teachers; `review close {study}` first")
        votes = reviews.ballots(study)
    target = at(context).path(out or Path(f"{study}-votes.jsonl"))
    lines = [json.dumps({"study": study, **vote.model_dump(mode="json"), "winner": vote.winner}) for vote in votes]
    write_durably(target, "".join(line + "\n" for line in lines).encode())
    if as_json:
        json_line({"votes": len(votes), "path": str(target)})
    else:
        say(f"Wrote {len(votes)} votes to {target}")


def dashboard(
    context: typer.Context,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Where to serve it, on this machine only; 0: a free one.")
    ] = 8501,
    reviewer: Annotated[bool, typer.Option("--reviewer", help="Serve the Review page alone, for raters.")] = False,
) -> None:
    """Open the pages: Overview, Samples, Scrub, Judges, Review, Gold, Provenance, Gate. Ctrl-C ends it."""
    from dashboard import launch

    require("dashboard", "the dashboard")
    with workspace(context) as opened:
        root = opened.root
    raise typer.Exit(launch.serve(root, port, reviewer=reviewer))
