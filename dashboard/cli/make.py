"""Commands that make the dataset and say how it stands: run, status."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dashboard.cli.opening import at, workspace
from dashboard.cli.output import Json, facts, json_line, say, table
from dashboard.cli.pilot import pilot_run

if TYPE_CHECKING:
    from curation.run import RunReport
    from curation.workspace import Workspace

PANEL = "Make the dataset"


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(rich_help_panel=PANEL, epilog="Example:  stillhouse -C support run --until judges")(run)
    app.command(rich_help_panel=PANEL, epilog="Example:  stillhouse -C support status --json")(status)


def run(
    context: typer.Context,
    until: Annotated[
        str | None, typer.Option("--until", metavar="STEP", help="Stop after this stage or step; nothing is sealed.")
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what would be asked, cost and leave the house; ask and spend nothing.")
    ] = False,
    pilot: Annotated[
        int | None,
        typer.Option(
            "--pilot", min=1, metavar="N", help="Ask every teacher N drawn prompts and compare them; nothing is sealed."
        ),
    ] = None,
    wait: Annotated[
        bool,
        typer.Option(
            " /--no-wait", help="Leave batches with the provider; run again to collect them.", show_default=False
        ),
    ] = True,
    as_json: Json = False,
) -> None:
    """Ask what has not been asked yet, decide about every sample, and seal a version.

    A second run asks nobody and reports the same version; a run that was stopped goes on where it was.
    """
    from dashboard.cli.progress import shown

    if pilot is not None and (plan or until is not None):
        raise typer.BadParameter("--pilot asks by itself: leave out --plan and --until")
    if plan:
        _plan(context, as_json)
        return
    if pilot is not None:
        pilot_run(context, pilot, as_json=as_json)
        return
    try:
        with workspace(context) as opened, shown() as progress:
            report = opened.run(progress=progress, until=until, wait=wait)
    except KeyboardInterrupt:
        print("stillhouse: stopped; every reply so far is kept, and the next run goes on from here", file=sys.stderr)
        raise
    if as_json:
        json_line(report.as_dict())
    else:
        _tell(context, report, until)


def _plan(context: typer.Context, as_json: bool) -> None:
    from dashboard.cli.money import tell_plan
    from dashboard.cli.progress import shown

    with workspace(context) as opened, shown() as progress:
        report = opened.plan(progress=progress)
    if as_json:
        json_line(report.as_dict())
        return
    tell_plan(report)
    say(f"Nothing was asked or spent. Next: {at(context).command} run")


def _tell(context: typer.Context, report: "RunReport", until: str | None) -> None:
    rows: list[dict[str, Any]] = [{"what became of them": "kept", "samples": report.kept}]
    rows += [{"what became of them": f"dropped: {reason}", "samples": n} for reason, n in report.dropped.items()]
    rows += [{"what became of them": "quarantined", "samples": report.quarantined}] if report.quarantined else []
    rows += [{"what became of them": "failed", "samples": report.failed}] if report.failed else []
    table(rows, ["what became of them", "samples"])
    say(
        f"{report.samples} samples from {report.prompts} prompts · {report.edited} of the kept ones edited · "
        f"{report.calls} calls · {_dollars(report.cost_usd)} · {report.seconds:.1f} s"
    )
    if report.attempts:
        say("On the way: " + ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in report.attempts.items()))
    if report.unjudged:
        say(f"No judge with a vote decided on {report.unjudged} kept samples; the dataset card says so.")
    if report.bad_lines:
        say(f"{len(report.bad_lines)} lines of the prompt files could not be read and were set aside.")
    here = at(context).command
    if report.waiting:
        say(f"{report.waiting} requests wait with the provider in batches; run again to collect them: {here} run")
        return
    if until is not None:
        say(f"Stopped after {until!r}: nothing was sealed. Next: {here} run")
        return
    say(f"Version {report.version} {'sealed' if report.new else 'is unchanged: nothing new to seal'}")
    if report.quarantined:
        say(f"Next: {here} quarantine list     ({report.quarantined} samples wait for a person)")
    say(f"Next: {here} dashboard           (or: verify, export head --format openai --out train.jsonl)")


def _dollars(cost: float | None) -> str:
    return "cost unknown" if cost is None else f"${cost:.4f}"


def status(context: typer.Context, as_json: Json = False) -> None:
    """How the workspace stands: its newest version, what became of the samples, and what waits for a person."""
    with workspace(context) as opened:
        standing = _standing(opened)
    if as_json:
        json_line(standing)
        return
    states = standing.pop("states")
    last = standing.pop("last_run") or {}
    facts({k: "none yet" if v is None else v for k, v in standing.items()})
    if states:
        table([{"state": k, "samples": v} for k, v in states.items()], ["state", "samples"])
    if last:
        say(f"Last run: {last['calls']} calls, {_dollars(last['cost_usd'])}, {last['seconds']} s")


def _standing(opened: "Workspace") -> dict[str, Any]:
    from curation.quarantine import Quarantine
    from curation.store.gold import Gold

    store = opened.store
    head = store.versions.head()
    counted = opened.samples().group_by("state").len().sort("state") if head else None
    states = dict(counted.iter_rows()) if counted is not None else {}
    waiting = Quarantine(store, opened.task).waiting().filter(_unruled()).height if head else 0
    runs = store.runs.list()
    return {
        "task": opened.task.task.name,
        "version": head,
        "versions": len(store.versions.list()),
        "states": states,
        "waiting": waiting,
        "gold": len(Gold(store.state).texts()),
        "runs": len(runs),
        "last_run": runs[-1].get("report") if runs else None,
        "fingerprint": store.fingerprint,
    }


def _unruled() -> Any:
    import polars as pl

    return pl.col("ruling").is_null()
