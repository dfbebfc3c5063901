"""The command that shows what providers work on in batches, and ends it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dashboard.cli.money import PANEL, dollars
from dashboard.cli.opening import at, workspace
from dashboard.cli.output import Json, json_line, say, table

if TYPE_CHECKING:
    from curation.store.batches import Batch


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command(rich_help_panel=PANEL, epilog="Example:  stillhouse -C support batches --cancel")(batches)


def batches(
    context: typer.Context,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Have the providers end open batches now; what was answered is kept.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show every batch sent to a provider: how far it is, what is reserved for it, and where its raw output lies.

    `run` collects what is ready; `run --no-wait` leaves the rest with the provider.
    """
    from dashboard.cli.progress import shown

    with workspace(context) as opened:
        if cancel:
            with shown() as progress:
                opened.cancel_batches(progress=progress)
        rows = [_row(batch, opened.store.batches.counts(batch.id)) for batch in opened.store.batches.all()]
    if as_json:
        json_line({"batches": rows})
        return
    if not rows:
        say('No batch was ever sent; mode = "batch" in the table of a teacher sends its requests in batches.')
        return
    shown_rows = [{**row, "reserved": dollars(row["reserved_usd"])} for row in rows]
    table(shown_rows, ["id", "model", "state", "requests", "reserved", "at"])
    if waiting := [row for row in rows if row["open"]]:
        say(f"{sum(row['requests'] for row in waiting)} requests wait. Next: {at(context).command} run")


def _row(batch: "Batch", counts: dict[str, int]) -> dict[str, Any]:
    return {
        "id": batch.id, "model": batch.model, "host": batch.host, "state": batch.state, "open": batch.is_open,
        "requests": batch.requests, "counts": counts,
        "reserved_usd": batch.reserved if batch.is_open else 0.0, "remote_id": batch.remote_id,
        "output": batch.output_path, "output_sha256": batch.output_sha256, "at": batch.at,
        "expires_at": batch.expires_at, "words": batch.words,
    }  # fmt: skip
