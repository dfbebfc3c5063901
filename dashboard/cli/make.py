"""Commands that make the dataset and say how it stands: run, status, cost."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dashboard.cli.opening import at, workspace
from dashboard.cli.output import Json, facts, json_line, say, table

if TYPE_CHECKING:
    from curation.run import RunReport
    from curation.workspace import Workspace

PANEL = "Make the dataset"


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(rich_help_panel=PANEL, epilog="Example:  stillhouse -C support run --until judges")(run)
    app.command(rich_help_panel=PANEL, epilog="Example:  stillhouse -C support status --json")(status)
    app.command(rich_help_panel=PANEL, epilog="Example:  stillhouse -C support cost")(cost)


def run(
    context: typer.Context,
    until: Annotated[
        str | None, typer.Option("--until", metavar="STEP", help="Stop after this stage or step; nothing is sealed.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask what has not been asked yet, decide about every sample, and seal a version.

    A second run asks nobody and reports the same version; a run that was stopped goes on where it was.
    """
    from dashboard.cli.progress import shown

    try:
        with workspace(context) as opened, shown() as progress:
            report = opened.run(progress=progress, until=until)
    except KeyboardInterrupt:
        print("stillhouse: stopped; every reply so far is kept, and the next run goes on from here", file=sys.stderr)
        raise
    if as_json:
        json_line(report.as_dict())
    else:
        _tell(context, report, until)


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
    if report.unjudged:
        say(f"{report.unjudged} kept samples were graded by no judge; the dataset card says so.")
    if report.bad_lines:
        say(f"{len(report.bad_lines)} lines of the prompt files could not be read and were set aside.")
    here = at(context).command
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


def cost(context: typer.Context, as_json: Json = False) -> None:
    """What each run called and paid, and the budget."""
    with workspace(context) as opened:
        runs = [{"run": r["run"], "at": r["started"], **(r["report"] or {})} for r in opened.store.runs.list()]
        budget = opened.task.budget.usd
    paid = sum(r.get("cost_usd") or 0.0 for r in runs)
    if as_json:
        json_line({"budget_usd": budget, "paid_usd": paid, "runs": runs})
        return
    table(runs, ["run", "at", "calls", "cost_usd", "seconds"])
    say(f"Paid ${paid:.4f} in all; the budget of one run is {'not set' if budget is None else f'${budget:.2f}'}.")
