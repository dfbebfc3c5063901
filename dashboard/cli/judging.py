"""Commands for the judges: judges show, ask, queue."""

import getpass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curation.shares import percent
from dashboard.cli.opening import at, workspace
from dashboard.cli.output import Json, facts, json_line, say, table

if TYPE_CHECKING:
    from judges.acceptance import Acceptance
    from judges.aggregate import Fit
    from judges.trial import PanelReport

PANEL = "Decide"
SLICE = 10
"""Rows of a slice worth a line in a table."""


def register(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(no_args_is_help=True, help="The judges: what gold says about each, and what to look at next.")
    group.command(epilog="Example:  stillhouse judges show")(show)
    group.command(epilog="Example:  stillhouse judges ask")(ask)
    group.command(epilog="Example:  stillhouse judges queue doubtful -n 60")(queue)
    app.add_typer(group, name="judges", rich_help_panel=PANEL)


def show(context: typer.Context, as_json: Json = False) -> None:
    """What each judge has earned: accuracy on gold with its interval, role, weight, effective votes, agreement."""
    from judges.acceptance import acceptance
    from judges.panel import newest_report

    with workspace(context) as opened:
        report, at_ = newest_report(opened.store)
        people = acceptance(opened.store)
    if as_json:
        json_line({"at": at_, **report.model_dump(mode="json"), "acceptance": people.as_dict() if people else None})
    else:
        say(f"As of {at_}, {report.samples} samples judged by {report.grader}")
        tell(report, people, at(context).command)


def ask(context: typer.Context, as_json: Json = False) -> None:
    """Ask every judge about the rows people judged, within the budget, and show what they earned."""
    from dashboard.cli.progress import shown
    from judges.panel import ask_judges

    with workspace(context) as opened, shown() as progress:
        report = ask_judges(opened.store, opened.task, opened.environment, progress=progress)
    if as_json:
        json_line(report.model_dump(mode="json"))
    else:
        tell(report, None, at(context).command)


def queue(
    context: typer.Context,
    study: Annotated[str, typer.Argument(metavar="STUDY", help="Name of the new study.")],
    n: Annotated[int, typer.Option("-n", min=1, help="About so many samples.")] = 60,
    overlap: Annotated[int, typer.Option("--overlap", min=1, help="Different raters per sample.")] = 1,
    seed: Annotated[int, typer.Option("--seed", help="Which samples are drawn.")] = 0,
    as_json: Json = False,
) -> None:
    """Open a blind review of the samples judges disagree on; each is drawn with a probability that is kept."""
    from judges.queue import open_queue

    with workspace(context) as opened:
        made = open_queue(opened.store, study, n, seed=seed, overlap=overlap, actor=getpass.getuser())
    if as_json:
        json_line(made.model_dump(mode="json"))
        return
    say(f"Study {made.name!r}: {made.items} samples of version {made.version}")
    say(f"Next: {at(context).command} dashboard, page Review; then: {at(context).command} gold create --from {study}")


def tell(report: "PanelReport", people: "Acceptance | None", command: str) -> None:
    """The report for a person to read."""
    if report.fit is None:
        say(
            "No row of a gold set says what people think of an answer, so verdicts are advice and drop nothing.\n"
            f"Next: {command} gold start -n 50"
        )
    else:
        _tell_fit(report, report.fit)
    for refused in report.eligibility.refused:
        say(f"{refused.judge} has no vote there: {refused.words}")
    if report.agreement:
        table([_agreement(a) for a in report.agreement], ["judges", "samples", "same", "kappa", "AC1"])
    if people is not None:
        say(people.words)


def _tell_fit(report: "PanelReport", fit: "Fit") -> None:
    columns = ["judge", "family", "right on gold", "rows", "role", "weight"]
    table([_standing(s) for s in fit.standings if s.slice is None], [*columns, "why"])
    slices = [s for s in fit.standings if s.slice is not None]
    if shown := [_standing(s) | {"slice": s.slice} for s in slices if s.n >= SLICE]:
        table(shown, ["slice", "judge", *columns[2:]])
    if left := {s.slice for s in slices} - {row["slice"] for row in shown}:
        say(f"Slices with fewer than {SLICE} rows are not shown: {len(left)}; --json has them.")
    facts(_figures(report, fit))
    if fit.alarm:
        say(f"ALARM: {fit.alarm}")
    elif (fit.weighted_accuracy or 0) < (fit.best_accuracy or 0):
        say(f"On this gold the panel is no better than {fit.best_judge} alone; what it adds is where judges disagree.")


def _figures(report: "PanelReport", fit: "Fit") -> dict[str, Any]:
    said: dict[str, Any] = {
        "gold rows": f"{report.rows} used ({', '.join(f'{n} version {v}' for n, v in report.gold.items())})",
        "best judge": f"{fit.best_judge}, {percent(fit.best_accuracy)} of gold",
        "panel, weighted": f"{percent(fit.weighted_accuracy)} of gold (cross-validated)",
        "panel, majority": f"{percent(fit.majority_accuracy)} of gold",
        "effective votes": f"{fit.effective.value:.2f} [{fit.effective.low:.2f}, {fit.effective.high:.2f}]"
        if fit.effective
        else "not known",
    }
    for judge, accuracy in fit.without.items():
        said[f"without {judge}"] = f"{percent(accuracy)} of gold"
    return said


def _standing(s: Any) -> dict[str, Any]:
    return {
        "judge": s.judge,
        "family": s.family,
        "right on gold": f"{percent(s.accuracy)} [{100 * s.low:.0f}, {100 * s.high:.0f}]",
        "rows": s.n,
        "role": s.role.replace("_", " "),
        "weight": f"{s.weight:.2f}",
        "why": "; ".join(s.reasons),
    }


def _agreement(a: Any) -> dict[str, Any]:
    figures = {"same": a.raw, "kappa": a.kappa, "AC1": a.ac1}
    return {"judges": f"{a.first}, {a.second}", "samples": a.n, **{name: _figure(f) for name, f in figures.items()}}


def _figure(figure: Any) -> str:
    if figure.value is None:
        return "-"
    bounds = f" [{figure.interval.low:.2f}, {figure.interval.high:.2f}]" if figure.interval else ""
    return f"{figure.value:.2f}{bounds}"
