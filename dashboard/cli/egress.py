"""The command that lists what has left the house: `egress`."""

from typing import TYPE_CHECKING, Any

import typer

from dashboard.cli.opening import at, workspace
from dashboard.cli.output import Json, json_line, say, table

if TYPE_CHECKING:
    from curation.store.egress import Egress

PANEL = "Explain and hand out"


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command(rich_help_panel=PANEL, epilog="Example:  stillhouse -C support egress --json")(egress)


def egress(context: typer.Context, as_json: Json = False) -> None:
    """List what was sent where: host, region, requests, bytes, and what they were scrubbed with before.

    A request is counted once, its bytes as often as it was sent; "kept" is whether the provider may keep it, as its
    table in task.toml says. --json names the very scrubber beside the operating point. "off" under "scrubbed" means
    that [scrub] was switched off when it was sent.
    """
    from curation.store.egress import egress as read

    with workspace(context) as opened:
        lines = read(opened.store.replies_db)
    if as_json:
        json_line({"egress": [line.as_dict() for line in lines]})
        return
    if not lines:
        say(f"Nothing was sent to anybody yet. `{at(context).command} run --plan` shows what a run would send.")
        return
    table([_row(line) for line in lines], ["host", "name", "region", "requests", "sent", "MB", "scrubbed", "kept"])
    away = [line for line in lines if not line.at_home]
    total = f"{sum(line.bytes for line in away):,} bytes to {len({line.host for line in away})} hosts"
    say(f"Left this machine: {total if away else 'nothing'}.")


def _row(line: "Egress") -> dict[str, Any]:
    return {
        "host": f"{line.host} (here)" if line.at_home else line.host, "name": line.name,
        "region": line.region or "-", "requests": f"{line.requests:,}", "sent": f"{line.sent:,}",
        "MB": f"{line.bytes / 1e6:,.2f}",
        "scrubbed": (line.scrub or "not recorded").split(",")[0], "kept": "no" if line.zero_retention else "maybe",
    }  # fmt: skip
