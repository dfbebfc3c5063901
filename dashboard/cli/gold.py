"""Commands for the gold sets: gold list, add, import, promote."""

import getpass
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import JsonValue

from dashboard.cli.opening import at, workspace
from dashboard.cli.output import Json, clean, json_line, say, table

if TYPE_CHECKING:
    from curation.store.gold import GoldVersion

PANEL = "People"
Name = Annotated[str, typer.Option("--set", metavar="NAME", help="Which gold set.")]
By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who decides.", show_default="your login")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(no_args_is_help=True, help="The guarded, hand-curated set: list, add, import, promote.")
    group.command("list", epilog="Example:  stillhouse gold list --items")(list_)
    group.command(
        epilog="""Example:  stillhouse gold add --id g-200 --text "my parcel?" --answer '{"intent": "delivery"}'"""
    )(add)
    group.command("import", epilog="Example:  stillhouse gold import gold/gold.jsonl")(import_)
    group.command(epilog="Example:  stillhouse gold promote SAMPLE --by maria")(promote)
    app.add_typer(group, name="gold", rich_help_panel=PANEL)


def list_(
    context: typer.Context,
    items: Annotated[bool, typer.Option("--items", help="Also the rows of the newest versions.")] = False,
    as_json: Json = False,
) -> None:
    """The gold sets, each with its versions; never exported for training, checked against at every run."""
    from judges.gold import GoldService

    with workspace(context) as opened:
        gold = GoldService(opened.store)
        versions = [v.model_dump() for name in gold.names() for v in gold.versions(name)]
        rows = [{"set": n, **i.model_dump()} for n in gold.names() for i in gold.items(n)] if items else []
    if as_json:
        json_line({"versions": versions, **({"items": rows} if items else {})})
        return
    table(versions, ["name", "number", "items", "actor", "note", "at"])
    if rows:
        table(rows, ["set", "id", "text", "answer", "slice"])
    if not versions:
        say("No gold set yet. Next: stillhouse gold import FILE, or review samples and promote them")


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
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSONL rows {id, text, answer, slice}.")],
    name: Name = "gold",
    by: By = None,
    as_json: Json = False,
) -> None:
    """Import a gold set; a bad line is named and set aside: rows = kept + quarantined."""
    from judges.gold import GoldService

    with workspace(context) as opened:
        report = GoldService(opened.store).import_file(at(context).path(file), name=name, actor=by or getpass.getuser())
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
