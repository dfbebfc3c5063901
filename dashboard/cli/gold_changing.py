"""Commands that take rows out of a gold set and bring back what a version changed: gold remove, undo."""

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from dashboard.cli.opening import workspace
from dashboard.cli.output import Json, json_line, say

if TYPE_CHECKING:
    from curation.store.store import Store
    from judges.gold_batches import GoldPlan

Name = Annotated[str, typer.Option("--set", metavar="NAME", help="Which gold set.")]
By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who decides.", show_default="your login")]
Dry = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")]


def register(group: typer.Typer) -> None:
    """Add these commands to `gold`."""
    group.command(epilog="Example:  stillhouse gold remove g-200 g-201 --dry-run")(remove)
    group.command(epilog="Example:  stillhouse gold undo --set gold --dry-run")(undo)


def remove(
    context: typer.Context,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Names of rows.")],
    name: Name = "gold",
    dry: Dry = False,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Take rows out of a gold set: a new version of it; the versions before keep them."""
    from judges.gold_batches import plan_removal

    with workspace(context) as opened:
        _carry_out(opened.store, plan_removal(opened.store, name, ids), by, dry, as_json)


def undo(
    context: typer.Context,
    number: Annotated[
        int | None,
        typer.Option("--version", metavar="N", min=1, help="What this version changed.", show_default="the newest"),
    ] = None,
    name: Name = "gold",
    dry: Dry = False,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Bring back what a gold set held before a version, as a new one; refused where later work would be lost."""
    from judges.gold_batches import plan_undo

    with workspace(context) as opened:
        _carry_out(opened.store, plan_undo(opened.store, name, number), by, dry, as_json)


def _carry_out(store: "Store", plan: "GoldPlan", by: str | None, dry: bool, as_json: bool) -> None:
    """Do what is planned, or only say it; what is blocked is a stated failure unless it was a dry run."""
    from judges.gold_batches import carry_out

    made = None if dry else carry_out(store, plan, by or getpass.getuser())
    if as_json:
        told = {"set": plan.name, "rows": plan.rows, "words": plan.words, "blocked": plan.change is None}
        json_line({**told, "version": made.number if made else None})
        return
    for line in plan.words:
        say(line)
    if made:
        say(f"Gold set {made.name!r} is at version {made.number} with {made.items} rows")
