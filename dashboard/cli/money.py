"""What a workspace has cost and what a run would cost: the command `cost`, and what `run --plan` prints."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dashboard.cli.opening import at, workspace
from dashboard.cli.output import Json, facts, json_line, say, table

if TYPE_CHECKING:
    from curation.money.costs import Costs, Reconciled
    from curation.money.costs import Line as Paid
    from curation.money.estimating import Host, Line
    from curation.money.plan import PlanReport

PANEL = "Make the dataset"


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command(rich_help_panel=PANEL, epilog="Example:  stillhouse -C support cost --reconcile")(cost)


def dollars(usd: float | None) -> str:
    """Money with the fractions of a cent that single replies cost.

    >>> dollars(12.5), dollars(0.000123), dollars(0.0), dollars(None)
    ('$12.5000', '$0.000123', '$0', 'unknown')
    """
    if usd is None:
        return "unknown"
    return "$0" if usd == 0 else f"${usd:,.4f}" if abs(usd) >= 1 else f"${usd:.6f}"


# --- cost ------------------------------------------------------------------------------------------------------


def cost(
    context: typer.Context,
    settle: Annotated[
        bool,
        typer.Option(
            "--reconcile", help="First ask providers, where they can tell, about attempts whose cost is not known."
        ),
    ] = False,
    older: Annotated[
        float,
        typer.Option(
            "--older-than",
            metavar="SECONDS",
            min=0,
            help="With --reconcile: what a provider does not know of was never charged once it is so old.",
        ),
    ] = 600.0,
    as_json: Json = False,
) -> None:
    """What was spent, from the ledger of every attempt: by model, purpose and tier, and what the budget still allows.

    Known costs, costs not known (held at their cap) and reservations in flight count against the budget. Hours of
    machines (`hours` and `price.hour` in task.toml) are booked when they are over and do not.
    """
    from curation.money.costs import reconcile

    with workspace(context) as opened:
        settled = reconcile(opened.store, opened.environment, older) if settle else None
        costs = opened.costs()
    if as_json:
        json_line({**costs.as_dict(), **({"reconciled": settled.as_dict()} if settled else {})})
        return
    if settled is not None:
        _tell_settled(settled)
    _tell_costs(costs)
    if costs.spending.held and settled is None:
        say(f"Next: {at(context).command} cost --reconcile     (asks providers what is not known)")


def _tell_settled(settled: "Reconciled") -> None:
    say(
        f"Settled: {settled.charged} attempts were charged {dollars(settled.usd)}, "
        f"{settled.never_charged} never reached the provider."
    )
    for held in settled.held:
        say(f"Still held at {held.host}: {held.attempts} attempts, {dollars(held.usd)} at most; {held.why}.")
    say()


def _tell_costs(costs: "Costs") -> None:
    table([_paid(line) for line in costs.lines], ["name", "for", "tier", "calls", "cost", "held"])
    table([_tokens(line) for line in costs.lines], ["name", "for", "tokens in", "cached", "out", "reasoning"])
    if costs.charges:
        hours = [
            {"hours of": c.what, "for": c.kind, "hours": f"{c.hours:.4f}", "an hour": dollars(c.usd_per_hour),
             "cost": dollars(c.cost), "run": c.run}
            for c in costs.charges
        ]  # fmt: skip
        table(hours, ["hours of", "for", "hours", "an hour", "cost", "run"])
    runs = [{**run, "cost_usd": dollars(_number(run["cost_usd"]))} for run in costs.runs if run["calls"] is not None]
    if runs:
        table(runs, ["run", "at", "calls", "cost_usd", "seconds"])
    facts(_sums(costs))


def _paid(line: "Paid") -> dict[str, Any]:
    held = f"{dollars(line.held_usd)} for {line.unknown}" if line.unknown else ""
    return {
        "name": line.name, "for": line.purpose, "tier": line.tier, "calls": f"{line.calls:,}",
        "cost": dollars(line.usd), "held": held,
    }  # fmt: skip


def _tokens(line: "Paid") -> dict[str, Any]:
    return {
        "name": line.name, "for": line.purpose, "tokens in": f"{line.input_tokens:,}",
        "cached": f"{line.cached_tokens:,}", "out": f"{line.output_tokens:,}",
        "reasoning": f"{line.reasoning_tokens:,}",
    }  # fmt: skip


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _sums(costs: "Costs") -> dict[str, str]:
    spent = costs.spending
    unknown = sum(line.unknown for line in costs.lines)
    told = {
        "spent": f"{dollars(spent.known)} known",
        "held": f"{dollars(spent.held)} at most, for {unknown} attempts whose cost is not known" if unknown else "",
        "reserved": f"{dollars(spent.reserved)} for requests in flight or in batches" if spent.reserved else "",
        "failed attempts": f"{dollars(costs.total('failed_usd'))} of this brought no reply",
        "discarded replies": f"{dollars(costs.total('discarded_usd'))} of this went to replies that were asked again",
        "saved": f"{dollars(costs.total('saved_usd'))} by batch and flex, "
        f"{dollars(costs.total('cache_saved_usd'))} by cached input",
        "hours": f"{dollars(costs.hours_usd)} of machines, booked after the fact and not under the budget"
        if costs.charges
        else "",
        "budget": "not set"
        if costs.left_usd is None
        else f"{dollars(costs.budget_usd)} for this workspace; {dollars(costs.left_usd)} are left",
    }
    return {name: words for name, words in told.items() if words}


# --- run --plan ------------------------------------------------------------------------------------------------


def tell_plan(report: "PlanReport") -> None:
    """Print what a run would do."""
    columns = ["name", "for", "calls", "free", "tokens in", "out", "expected", "at most"]
    table([_planned(line) for line in report.lines], columns)
    if report.hosts:
        table([_host(host) for host in report.hosts], ["host", "bytes", "region", "zero retention", "terms"])
    for words in _plan_words(report):
        say(words)
    for reason in report.refused:
        say(f"Refused as it stands: {reason}")


def _planned(line: "Line") -> dict[str, Any]:
    return {
        "name": line.name, "for": line.purpose, "calls": f"{line.calls:,}", "free": f"{line.journalled:,}",
        "tokens in": f"{line.input_tokens:,}", "out": f"{line.output_tokens:,}",
        "expected": dollars(line.usd_expected), "at most": dollars(line.usd_most),
    }  # fmt: skip


def _host(host: "Host") -> dict[str, Any]:
    stays = "" if host.leaves_house else " (stays on this machine)"
    return {
        "host": host.host, "bytes": f"{host.bytes:,}{stays}", "region": host.region or "not stated",
        "zero retention": "yes" if host.zero_retention else "not stated", "terms": host.terms,
    }  # fmt: skip


def _plan_words(report: "PlanReport") -> list[str]:
    judged = any(line.purpose == "judge" and line.calls for line in report.lines)
    most = "at most " if judged else ""
    words = [
        f"{most}{report.calls:,} calls for {report.prompts:,} prompts; {report.journalled:,} answers are in the "
        "journal and free.",
        f"Expected: {dollars(report.usd_expected)}. The planned requests reserve {dollars(report.usd_most)} at most; "
        "what follows them up, and attempts that fail, come on top, within the budget.",
    ]
    if judged:
        words.append("answers planted to test the judges ([panel] canaries) come on top, about one in a hundred")
    if report.left_usd is not None:
        words.append(f"Budget: {dollars(report.budget_usd)}, of which {dollars(report.left_usd)} are left.")
    away = sum(h.bytes for h in report.hosts if h.leaves_house)
    words.append(f"{away:,} bytes of prompts and answers leave the house.")
    pace = "at the latency measured so far, each model at its `concurrency`"
    words.append(f"About {report.minutes:.1f} minutes, {pace}." if report.minutes is not None else _unknown(report))
    words += _bases(report)
    return [w[:1].upper() + w[1:] for w in words]


def _bases(report: "PlanReport") -> list[str]:
    """What the estimates rest on, and what is expected to follow the planned requests up."""
    asked = [line for line in report.lines if line.calls]
    by_basis: dict[str, list[str]] = {}
    for line in asked:
        by_basis.setdefault(line.basis, []).append(f"{line.name} ({line.purpose})")
    words = [f"Estimated {basis}: {', '.join(names)}." for basis, names in by_basis.items()]
    if more := sum(line.follow_ups for line in asked):
        words.append(
            f"About {more:,} requests are expected to follow those up, as they did so far; they are counted in."
        )
    return words


def _unknown(report: "PlanReport") -> str:
    return f"How long it takes is not known: {report.no_minutes}."
