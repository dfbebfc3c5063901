"""Commands that say what a review study asks: review create, review guideline."""

import getpass
from pathlib import Path
from typing import Annotated, Literal

import typer

from dashboard.cli.opening import at, workspace
from dashboard.cli.output import Json, json_line, say

StudyName = Annotated[str, typer.Argument(metavar="STUDY", help="The study's name.")]
ITEMS, HIDDEN = "What is asked", "What is planted, and hidden from raters"


def register_in(group: typer.Typer) -> None:
    """Add these commands to the group `review`."""
    group.command(epilog="Example:  stillhouse review create tone --kind pairwise -n 60 --rater ana --rater ben")(
        create
    )
    group.command(epilog="Example:  stillhouse review guideline tone guideline.md")(guideline)


def create(
    context: typer.Context,
    study: StudyName,
    kind: Annotated[
        Literal["pairwise", "single", "edit", "spans"],
        typer.Option(
            "--kind",
            help="Which of two, on five points; accept or reject one; correct one; mark what should not be in it.",
            rich_help_panel=ITEMS,
        ),
    ] = "pairwise",
    n: Annotated[int, typer.Option("-n", min=1, help="At most so many items.")] = 60,
    overlap: Annotated[int, typer.Option("--overlap", min=1, help="Different raters per item.")] = 2,
    version: Annotated[str, typer.Option("--version", help="The version it is drawn from.")] = "head",
    question: Annotated[
        str | None, typer.Option("--question", metavar="TEXT", help="What raters are asked.", rich_help_panel=ITEMS)
    ] = None,
    criterion: Annotated[
        list[str] | None,
        typer.Option(
            "--criterion",
            metavar="NAME",
            help="Also score helpfulness, harmlessness, style, tone or faithfulness; repeatable.",
            rich_help_panel=ITEMS,
        ),
    ] = None,
    criteria: Annotated[
        Path | None,
        typer.Option(
            "--criteria",
            metavar="FILE",
            help="Your own criteria: TOML, a table for each with `question` and `anchors`, lowest first.",
            rich_help_panel=ITEMS,
        ),
    ] = None,
    guideline: Annotated[
        Path | None,
        typer.Option("--guideline", metavar="FILE", help="What raters can read with H.", rich_help_panel=ITEMS),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="TAG", help="What a span may be marked as; repeatable.", rich_help_panel=ITEMS),
    ] = None,
    practice: Annotated[
        int, typer.Option("--practice", min=0, max=50, help="Items to practise on first, which do not count.")
    ] = 0,
    repeats: Annotated[
        float,
        typer.Option(
            "--repeats",
            min=0,
            max=0.5,
            help="Share of a rater's items that come again, sides swapped.",
            rich_help_panel=HIDDEN,
        ),
    ] = 0.0,
    gold: Annotated[
        str | None,
        typer.Option("--gold", metavar="SET", help="A gold set to practise on and to plant.", rich_help_panel=HIDDEN),
    ] = None,
    gold_share: Annotated[
        float,
        typer.Option("--gold-share", min=0, max=0.5, help="Share of its rows among the items.", rich_help_panel=HIDDEN),
    ] = 0.0,
    guesses: Annotated[
        bool, typer.Option("--guesses", help="Ask at the end whether two answers were written by one model.")
    ] = False,
    rater: Annotated[
        list[str] | None, typer.Option("--rater", metavar="NAME", help="Only these may rate; repeatable.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Which items are drawn.")] = 0,
    as_json: Json = False,
) -> None:
    """Draw a blind study from a version; raters answer it on the Review page."""
    from curation.store.review_records import Design
    from judges.criteria import criteria_of
    from judges.review import ReviewService

    place = at(context)
    design = Design(
        criteria=criteria_of(criterion or (), place.path(criteria) if criteria else None),
        tags=tuple(tag or ()),
        practice=practice,
        repeats=repeats,
        gold=gold,
        gold_share=_needs(gold_share, gold),
        guesses=guesses,
    )
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
            design=design,
            guideline=read_text(place.path(guideline)) if guideline else None,
            actor=getpass.getuser(),
        )
    if as_json:
        json_line({**made.model_dump(mode="json"), "design": design.model_dump(mode="json", exclude={"guideline"})})
        return
    say(f"Study {made.name!r}: {made.items} items, {made.overlap} raters each, from version {made.version}")
    say("Next: stillhouse dashboard, page Review; `stillhouse review status` shows how far it is")


def guideline(
    context: typer.Context,
    study: StudyName,
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="The new guideline; shows it without.")] = None,
    as_json: Json = False,
) -> None:
    """Show the guideline of a study, or put another in force; the report tells agreement before and after."""
    from judges.review import ReviewService

    text = None if file is None else read_text(at(context).path(file))
    with workspace(context) as opened:
        service = ReviewService(opened.store)
        if text is not None:
            service.set_guideline(study, text, getpass.getuser())
        found, digest = service.guideline(study), service.design(study).guideline
        service.status(study)  # says so where there is no such study
    if as_json:
        json_line({"study": study, "guideline": digest, "text": found})
    elif text is not None:
        say(f"Votes from now on follow guideline {(digest or '')[:12]}; earlier ones keep theirs")
    else:
        say(found or f"Study {study!r} has no guideline. Next: stillhouse review guideline {study} FILE")


def read_text(file: Path) -> str:
    """A text file; InputError where it cannot be read."""
    from curation.errors import InputError

    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read as text: {error}") from error


def _needs(gold_share: float, gold: str | None) -> float:
    if gold_share and not gold:
        raise typer.BadParameter("name the gold set whose rows are planted: --gold SET", param_hint="--gold-share")
    return gold_share
