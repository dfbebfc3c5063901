"""Commands of standing studies: review standing declares one and shows its chart, review wave opens the next wave."""

import getpass
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from dashboard.cli.opening import at, workspace
from dashboard.cli.output import Json, json_line, say
from dashboard.cli.studies import read_text

if TYPE_CHECKING:
    from pydantic import BaseModel

    from curation.store.store import Store
    from curation.store.waves import Series

Name = Annotated[str, typer.Argument(metavar="NAME", help="What the standing study is called.")]
RUBRIC = "What is asked in every wave; changing any of it begins a new series"
Made = TypeVar("Made", bound="BaseModel")


def register_in(group: typer.Typer) -> None:
    """Add these commands to the group `review`."""
    group.command(epilog="Example:  stillhouse review standing tone --every-new 200 -n 40 --kind single --rater ana")(
        standing
    )
    group.command(epilog="Example:  stillhouse review wave tone")(wave)


def standing(
    context: typer.Context,
    name: Name,
    every_new: Annotated[
        int | None, typer.Option("--every-new", min=1, help="A wave is due whenever so many new samples are kept.")
    ] = None,
    daily: Annotated[bool, typer.Option("--daily", help="A wave is due every day on which a sample is new.")] = False,
    n: Annotated[int | None, typer.Option("-n", min=1, help="New items a wave, at most.", show_default="20")] = None,
    overlap: Annotated[
        int | None, typer.Option("--overlap", min=1, help="Different raters per item.", show_default="1")
    ] = None,
    rater: Annotated[
        list[str] | None, typer.Option("--rater", metavar="NAME", help="Only these may rate; repeatable.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Which items are drawn.", show_default="0")] = None,
    kind: Annotated[
        Literal["single", "edit", "spans", "pairwise"] | None,
        typer.Option("--kind", help="As of `review create`.", show_default="single", rich_help_panel=RUBRIC),
    ] = None,
    question: Annotated[
        str | None, typer.Option("--question", metavar="TEXT", help="What raters are asked.", rich_help_panel=RUBRIC)
    ] = None,
    criterion: Annotated[
        list[str] | None,
        typer.Option(
            "--criterion", metavar="NAME", help="A criterion to score too; repeatable.", rich_help_panel=RUBRIC
        ),
    ] = None,
    guideline: Annotated[
        Path | None,
        typer.Option("--guideline", metavar="FILE", help="What raters can read with H.", rich_help_panel=RUBRIC),
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option("--teacher", metavar="NAME", help="Of pairs: whose wins are counted.", rich_help_panel=RUBRIC),
    ] = None,
    anchors: Annotated[
        int | None,
        typer.Option(
            "--anchors", min=0, max=500, help="Items that come in every wave.", show_default="5", rich_help_panel=RUBRIC
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Declare a standing study, or change it: what is not said stays as it is. Without options, show its control chart.

    The score of each wave stands beside three-sigma limits drawn from the first waves of its series; an alarm is a wave
    beyond them, or eight in a row on one side of the line. Each rater's answers to the anchors have such a chart too.
    """
    schedule = {"every_new": every_new, "daily": daily or None, "n": n, "overlap": overlap, "seed": seed}
    schedule |= {"raters": tuple(rater) if rater else None}
    rubric = {"kind": kind, "question": question, "teacher": teacher, "anchors": anchors}
    rubric |= {"guideline": read_text(at(context).path(guideline)) if guideline else None}
    rubric |= {"criteria": _criteria(criterion) if criterion else None}
    given = (_said(rubric), _said(schedule))
    with workspace(context) as opened:
        if any(given):
            _declare(opened.store, name, *given)
        _show(opened.store, name, as_json=as_json)


def wave(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Open the next wave of a standing study where it is due; where it is not, say why. Made to be run by a clock."""
    from judges.standing import StandingService

    with workspace(context) as opened:
        found = StandingService(opened.store).wave(name, getpass.getuser())
    if as_json:
        json_line(found.model_dump(mode="json"))
    elif found.study is None:
        say(f"No wave was opened: {found.words}")
    else:
        say(f"Opened study {found.study}: {found.words}")


def _criteria(names: list[str]) -> tuple[Any, ...]:
    from judges.criteria import criteria_of

    return criteria_of(names, None)


def _said(options: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in options.items() if value is not None}


def _declare(store: "Store", name: str, rubric: Mapping[str, object], schedule: Mapping[str, object]) -> None:
    """Declare what is said, over what held before."""
    from curation.errors import UnknownRecord
    from curation.store.waves import Rubric, Schedule, Waves
    from judges.review import QUESTIONS
    from judges.standing import StandingService

    known: Series | None = None
    try:
        known = Waves(store.state).now(name)
    except UnknownRecord:
        if not schedule.keys() & {"every_new", "daily"}:
            raise  # nothing to change, and too little said to begin one
    asked: dict[str, Any] = {**(dict(known.rubric) if known else {"kind": "single"}), **rubric}
    asked.setdefault("question", QUESTIONS[asked["kind"]])
    often = {**(dict(known.schedule) if known else {}), **schedule}
    if "every_new" in schedule:
        often["daily"] = bool(schedule.get("daily"))
    elif schedule.get("daily"):
        often["every_new"] = None
    StandingService(store).declare(name, _made(Rubric, asked), _made(Schedule, often), getpass.getuser())


def _made(model: type[Made], fields: Mapping[str, object]) -> Made:
    from pydantic import ValidationError

    from curation.errors import InputError

    try:
        return model.model_validate(dict(fields))
    except ValidationError as error:
        said = error.errors(include_url=False)[0]
        where = f"{'.'.join(map(str, said['loc']))}: " if said["loc"] else ""
        raise InputError(where + said["msg"].removeprefix("Value error, ")) from error


def _show(store: "Store", name: str, *, as_json: bool) -> None:
    from curation.store.waves import Waves
    from judges.standing import StandingService
    from judges.standing_chart import standing_report
    from judges.standing_words import holds, standing_sentences

    due, series = StandingService(store).due(name), Waves(store.state).now(name)
    report = standing_report(store, name)
    if as_json:
        json_line({**report.model_dump(mode="json"), "due": due.model_dump(mode="json")})
        return
    say(holds(series))
    for line in standing_sentences(report, due):
        say(line)
    if due.due:
        say(f"Next: stillhouse review wave {name}")
