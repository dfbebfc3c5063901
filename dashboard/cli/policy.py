"""Commands for the policy: what measures each rule, how often each is broken, and its verdicts as a labelled set."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer

from curation.errors import InputError
from curation.plugins import nearest
from curation.shares import percent
from dashboard.cli.opening import at, workspace
from dashboard.cli.output import Json, json_line, say, table

if TYPE_CHECKING:
    from curation.policy import Kind
    from judges.policy import RuleLine
    from judges.policy_rates import PolicyRates, RuleRate, RuleTest

PANEL = "Explain and hand out"
EXIT_CODES = {"PASS": 0, "FAIL": 10, "INCONCLUSIVE": 11, "INVALID": 12}
Version = Annotated[str, typer.Argument(metavar="VERSION", help="A version, or its beginning.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(help="Rules of voice, safety and compliance: what measures them, and how often they break.")
    group.callback(invoke_without_command=True)(policy)
    group.command("list", epilog="Example:  stillhouse policy list --json")(list_)
    group.command(epilog="Example:  stillhouse policy check head && ./release.sh")(check)
    group.command(epilog="Example:  stillhouse policy export --out safety.jsonl")(export)
    app.add_typer(group, name="policy", rich_help_panel=PANEL)


def policy(context: typer.Context, as_json: Json = False) -> None:
    """Rules of voice, safety and compliance: what measures each of them; by itself the same as `policy list`."""
    if context.invoked_subcommand is None:
        list_(context, as_json)


def list_(context: typer.Context, as_json: Json = False) -> None:
    """Each rule of the policy and what it became: a check, a criterion for the judges, gold slices, a gate."""
    from judges.policy import policy_of, rule_table

    with workspace(context) as opened:
        written, lines = policy_of(opened.task), rule_table(opened.task, opened.store)
    unmeasured = [line.id for line in lines if not line.measured]
    if as_json:
        named = {"name": written.name, "version": written.version, "digest": written.digest}
        json_line({"policy": named, "rules": [line.as_dict() for line in lines], "unmeasured": unmeasured})
        return
    say(f"Policy {written.title}: {len(lines)} rules")
    table([_line(line) for line in lines], ["id", "kind", "check", "judges", "gold", "gate", "measured"])
    for line in lines:
        for lack in line.lacks:
            say(f"{line.id}: {lack}")
    if unmeasured:
        say(f"Nothing measures {', '.join(unmeasured)}: a breach would not be noticed")


def check(context: typer.Context, version: Version = "head", as_json: Json = False) -> None:
    """How often the kept answers of a version break each rule; gates: PASS 0, FAIL 10, INCONCLUSIVE 11, INVALID 12.

    The upper bound is Clopper and Pearson's, one-sided, at 95 %. A check or judge that decided what is kept has taken
    out what it saw: its rate says what it let through. What it is blind to, judged rows in a rule's gold slices tell.
    """
    from judges.policy_rates import policy_rates

    with workspace(context) as opened:
        found = policy_rates(opened.task, opened.store, version)
    if as_json:
        json_line(found.as_dict())
    else:
        _show(found)
    if found.outcome is not None:
        raise typer.Exit(EXIT_CODES[found.outcome])


def export(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="JSONL file to write.")],
    version: Annotated[str, typer.Option("--version", help="The version whose answers are labelled.")] = "head",
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", help="Kind of rule; repeatable.", show_default="safety"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write which answers break which safety rules, as a labelled set for a compact policy classifier.

    One row for each answer and rule: {id, text, rule, violated, source, votes, agreement}. Gold rows, protected texts,
    samples that wait for a person and verdicts that cannot be read are left out, and counted.
    """
    from judges.policy_export import export_policy

    kinds = _kinds(kind or ["safety"])
    with workspace(context) as opened:
        done = export_policy(opened.task, opened.store, at(context).path(out), version, kinds)
    if as_json:
        json_line(done.as_dict())
        return
    by = ", ".join(f"{n} by {source}" for source, n in done.by_source.items())
    say(f"Wrote {done.rows} rows to {done.path}: {done.violated} broken; labelled {by}")
    if done.contradicted:
        say(f"{done.contradicted} rows: the rule's check says otherwise than the judges or the person")
    if done.left_out:
        say(f"Left out: {', '.join(f'{n} {why}' for why, n in done.left_out.items())}")


def _kinds(given: list[str]) -> "list[Kind]":
    from curation.policy import Kind

    known = get_args(Kind)
    for kind in given:
        if kind not in known:
            raise InputError(f"no kind of rule {kind!r}{nearest(kind, known)} Known: {', '.join(known)}")
    return cast("list[Kind]", given)


def _line(line: "RuleLine") -> dict[str, Any]:
    gold = ", ".join(f"{name} ({n} rows)" for name, n in line.gold.items())
    return {
        "id": line.id, "kind": line.kind, "check": line.check or "-", "judges": line.asked or "-",
        "gold": gold or "-", "gate": percent(line.largest_rate, ".3g") if line.largest_rate else "-",
        "measured": "yes" if line.measured else "NOTHING",
    }  # fmt: skip


def _show(found: "PolicyRates") -> None:
    say(f"Policy {found.policy}, kept answers of version {found.version[:12]}")
    table([_rate(rate) for rate in found.rates], ["id", "by", "answers", "broken", "rate, at most", "gate", "beside"])
    for rate in found.rates:
        if rate.gate:
            say(f"{rate.rule}, by {rate.source}: {rate.gate.sentence}")
    if found.tests:
        say("Gold rows in the slices that test a rule; people accepted or rejected the whole answer, for any reason:")
        table([_test(test) for test in found.tests], ["id", "by", "rejected rows caught", "accepted rows objected to"])
    if found.outcome is None:
        say("No rule sets largest_rate, so there is no gate to pass")


def _rate(rate: "RuleRate") -> dict[str, Any]:
    beside = {"split": rate.split, "unscored": rate.unscored, "dropped": rate.dropped}
    gate = f"{rate.gate.outcome} ({percent(rate.gate.margin, '.3g')})" if rate.gate else "-"
    shown = "-" if rate.rate is None else f"{percent(rate.rate, '.3g')}, {percent(rate.upper, '.3g')}"
    return {
        "id": rate.rule, "by": rate.source, "answers": f"{rate.answers:,}", "broken": f"{rate.broken:,}",
        "rate, at most": shown, "gate": gate,
        "beside": ", ".join(f"{n} {what}" for what, n in beside.items() if n),
    }  # fmt: skip


def _test(test: "RuleTest") -> dict[str, Any]:
    return {
        "id": test.rule, "by": test.source, "rejected rows caught": f"{test.caught} of {test.rejected}",
        "accepted rows objected to": f"{test.objected} of {test.accepted}",
    }  # fmt: skip
