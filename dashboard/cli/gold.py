"""Commands for the gold sets: gold list, start, add, import, create, promote, errors, seal."""

import getpass
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import JsonValue

from curation.errors import InputError
from dashboard.cli import gold_changing
from dashboard.cli.gold_starting import SliceBy, start
from dashboard.cli.opening import at, workspace
from dashboard.cli.output import Json, clean, json_line, say, table

if TYPE_CHECKING:
    from curation.store.gold import GoldItem, GoldVersion
    from judges.gold import GoldService

PANEL = "People"
Name = Annotated[str, typer.Option("--set", metavar="NAME", help="Which gold set.")]
Guideline = Annotated[
    Path | None, typer.Option("--guideline", metavar="FILE", help="The text its labels follow; kept with the version.")
]
By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who decides.", show_default="your login")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(no_args_is_help=True, help="What people know to be right; guarded, and never trained on.")
    group.command("list", epilog="Example:  stillhouse gold list --items")(list_)
    group.command(epilog="Example:  stillhouse gold start -n 50 --here")(start)
    group.command(
        epilog="""Example:  stillhouse gold add --id g-200 --text "my parcel?" --answer '{"intent": "delivery"}'"""
    )(add)
    group.command("import", epilog="Example:  stillhouse gold import gold/gold.jsonl")(import_)
    group.command(epilog="Example:  stillhouse gold create --from tone --set tone --slice-by tag")(create)
    group.command(epilog="Example:  stillhouse gold promote SAMPLE --by maria")(promote)
    group.command(epilog="Example:  stillhouse gold errors --set gold --review second-look")(errors)
    gold_changing.register(group)
    group.command(epilog="Example:  stillhouse gold seal --set gold --by maria")(seal)
    app.add_typer(group, name="gold", rich_help_panel=PANEL)


def list_(
    context: typer.Context,
    items: Annotated[bool, typer.Option("--items", help="Also the rows of the newest versions.")] = False,
    as_json: Json = False,
) -> None:
    """The gold sets: versions, guideline, slices, raters; never exported for training, checked against at every run."""
    from judges.gold import GoldService

    with workspace(context) as opened:
        gold = GoldService(opened.store)
        sets = [_told(gold, name) for name in gold.names()]
        rows = [{"set": n, **_row(i)} for n in gold.names() for i in gold.items(n)] if items else []
    versions = [{**v, "sealed": _mark(v, s["sealed"])} for s in sets for v in s["versions"]]
    if as_json:
        json_line({"versions": versions, "sets": sets, **({"items": rows} if items else {})})
        return
    if not versions:
        say("No gold set yet. Next: stillhouse gold start, or: stillhouse gold import FILE")
        return
    table(versions, ["name", "number", "items", "actor", "note", "at"])
    for told in sets:
        _tell_beside(told)
    slices = [{"set": s["name"], **each} for s in sets for each in s["slices"]]
    table(slices, ["set", "slice", "rows", "accepts", "rejects", "pairs"])
    if raters := [{"set": s["name"], **each} for s in sets for each in s["raters"]]:
        table(raters, ["set", "rater", "votes", "as_decided"])
    if rows:
        table(rows, ["set", "id", "text", "answer", "verdict", "slice"])


def _told(gold: "GoldService", name: str) -> dict[str, Any]:
    """What `gold list` says of one set."""
    seal = gold.sealed(name)
    return {
        "name": name,
        "versions": [v.model_dump() for v in gold.versions(name)],
        "guideline": gold.guideline(name),
        "sealed": seal.model_dump() if seal else None,
        "slices": [s.model_dump() for s in gold.slices(name)],
        "raters": [r.model_dump() for r in gold.raters(name)],
    }


def _tell_beside(told: dict[str, Any]) -> None:
    """The guideline and the seal of a set, where it has them."""
    if digest := told["versions"][-1]["guideline"]:
        first = (told["guideline"] or "").strip().partition("\n")[0]
        say(f"{told['name']}: guideline {digest[:12]}, {first!r}")
    if seal := told["sealed"]:
        say(f"{told['name']}: sealed at version {seal['number']} by {seal['actor']}, {seal['at']}")


def _mark(version: dict[str, Any], seal: dict[str, Any] | None) -> str | None:
    """When a version was sealed."""
    return seal["at"] if seal and seal["number"] == version["number"] else None


def _row(item: "GoldItem") -> dict[str, Any]:
    return {**item.model_dump(mode="json"), "verdict": item.judged.verdict if item.judged else None}


def add(
    context: typer.Context,
    text: Annotated[str, typer.Option("--text", metavar="TEXT", help="The message.")],
    answer: Annotated[str, typer.Option("--answer", metavar="ANSWER", help="The right answer: JSON, or plain text.")],
    ident: Annotated[str, typer.Option("--id", metavar="ID", help="The row's name; an existing one is replaced.")],
    slice_name: Annotated[str | None, typer.Option("--slice", metavar="NAME", help="The slice it belongs to.")] = None,
    name: Name = "gold",
    by: By = None,
    as_json: Json = False,
) -> None:
    """Add one row to a gold set, or replace one: a new version of the set."""
    from curation.store.gold import GoldItem
    from judges.gold import GoldService

    item = GoldItem(id=ident, text=text, answer=_json_or_text(answer), slice=slice_name)
    with workspace(context) as opened:
        version = GoldService(opened.store).add(name, [item], actor=by or getpass.getuser(), note=f"added {ident}")
    _recorded(version, as_json)


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSONL rows {id, text, answer, slice, verdict}.")],
    name: Name = "gold",
    guideline: Guideline = None,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Import a gold set; a bad line is named and set aside: rows = kept + quarantined.

    A verdict (accept, reject) is about `shown` where a row has it, else about `answer`; of two answers in `shown`
    it says first or second.
    """
    from judges.gold import GoldService

    with workspace(context) as opened:
        report = GoldService(opened.store).import_file(
            at(context).path(file), name=name, actor=by or getpass.getuser(), guideline=_text(context, guideline)
        )
    if as_json:
        json_line(report.model_dump(mode="json"))
        return
    say(f"Gold set {report.name!r}, version {report.version}: {report.kept} rows kept, {report.changed} new or changed")
    for bad in report.quarantined:
        print(clean(f"set aside {bad.file}:{bad.line}: {bad.reason}"))


def promote(
    context: typer.Context,
    sample: Annotated[str, typer.Argument(metavar="ID", help="A reviewed sample's id.")],
    answer: Annotated[
        str | None, typer.Option("--answer", metavar="ANSWER", help="A corrected answer.", show_default="its own")
    ] = None,
    slice_name: Annotated[str | None, typer.Option("--slice", metavar="NAME", help="The slice it belongs to.")] = None,
    name: Name = "gold",
    by: By = None,
    as_json: Json = False,
) -> None:
    """Put a reviewed sample into a gold set; the next run keeps everything like it out of training."""
    from judges.review import ReviewService

    with workspace(context) as opened:
        version = ReviewService(opened.store).promote(
            sample,
            name,
            by or getpass.getuser(),
            answer=None if answer is None else _json_or_text(answer),
            slice_name=slice_name,
        )
    _recorded(version, as_json)


def create(
    context: typer.Context,
    study: Annotated[str, typer.Option("--from", metavar="STUDY", help="A closed review study.")],
    name: Name = "gold",
    slice_by: Annotated[SliceBy | None, typer.Option("--slice-by", help="What becomes a row's slice.")] = None,
    guideline: Guideline = None,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Put what most raters of a study said into a gold set, with every vote; ties are left out and counted."""
    from judges.gold import GoldService

    with workspace(context) as opened:
        made = GoldService(opened.store).create_from_study(
            study, name, by or getpass.getuser(), slice_by=slice_by, guideline=_text(context, guideline)
        )
    if as_json:
        json_line(made.model_dump())
        return
    kept = f"{made.rows} of {made.items} items kept, {made.changed} new or changed"
    say(f"Gold set {name!r}, version {made.version}: {kept}")
    say(f"Left out: {made.tied} tied, {made.undecided} called equal or both bad, {made.unrated} without a vote")


def errors(
    context: typer.Context,
    name: Name = "gold",
    n: Annotated[int, typer.Option("-n", "--n", min=1, help="At most so many rows.")] = 20,
    review: Annotated[
        str | None, typer.Option("--review", metavar="STUDY", help="Open a blind study of these rows.")
    ] = None,
    overlap: Annotated[int, typer.Option("--overlap", min=1, help="Different raters per row of the study.")] = 2,
    by: By = None,
    as_json: Json = False,
) -> None:
    """The rows whose label is most likely wrong, and why: raters, judges or a nearly equal row say otherwise.

    Raters count who saw the row where it lay hidden in a study, once that is closed; what they flagged is named.
    """
    from judges.gold_again import open_again, suspects_of

    with workspace(context) as opened:
        found = suspects_of(opened.store, name, opened.task.answer)
        made = None
        if review is not None:
            who = by or getpass.getuser()
            made = open_again(opened.store, name, review, found[:n], overlap=overlap, actor=who)
    rows = [{"set": name, "score": s.score, "why": "; ".join(s.reasons), **_row(s.row)} for s in found[:n]]
    if as_json:
        study = {"study": made[0].model_dump(mode="json"), "left_out": made[1]} if made else {}
        json_line({"suspects": rows, "of": len(found), **study})
        return
    if rows:
        table(rows, ["id", "score", "text", "verdict", "slice", "why"], limit=100)
        say(f"{len(rows)} of {len(found)} rows that something speaks against; the score only orders them")
    else:
        say(f"Nothing speaks against a label of gold set {name!r}")
    command = at(context).command
    if made:
        left = f"; {made[1]} rows of the other kind were left out" if made[1] else ""
        say(f"Study {review!r}: {made[0].items} rows, {overlap} raters each{left}")
        say(f"Next: {command} dashboard, page Review; then: {command} review close {review}")
        say(f"      {command} gold create --from {review} --set {name}     (puts the new verdicts in place of the old)")
    elif rows:
        say(f"Next: {command} gold errors --set {name} --review STUDY     (people look at them again, blind)")


def seal(context: typer.Context, name: Name = "gold", by: By = None, as_json: Json = False) -> None:
    """Let nobody change a gold set any more; what it measures stays comparable. There is no way back."""
    from judges.gold import GoldService

    with workspace(context) as opened:
        made = GoldService(opened.store).seal(name, by or getpass.getuser())
    if as_json:
        json_line(made.model_dump())
    else:
        say(f"Gold set {made.name!r} is sealed at version {made.number}, by {made.actor} at {made.at}")


def _text(context: typer.Context, file: Path | None) -> str | None:
    """What a file given on the command line holds."""
    if file is None:
        return None
    path = at(context).path(file)
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the guideline {path} cannot be read: {error}") from error


def _json_or_text(given: str) -> JsonValue:
    """An answer as JSON where it is a JSON object, else the text itself."""
    try:
        value: JsonValue = json.loads(given)
    except ValueError:
        return given
    return value if isinstance(value, dict) else given


def _recorded(version: "GoldVersion", as_json: bool) -> None:
    if as_json:
        json_line(version.model_dump())
    else:
        say(f"Gold set {version.name!r} is at version {version.number} with {version.items} rows")
