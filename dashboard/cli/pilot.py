"""Commands before the money is spent: `run --pilot`, which compares the teachers, and advise."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dashboard.cli.opening import at, workspace
from dashboard.cli.output import Json, json_line, say, table

if TYPE_CHECKING:
    from curation.intervals import Share
    from curation.pilot.advice import Advice, Criterion, Money
    from curation.pilot.report import PilotReport, Route, TeacherFigures

PANEL = "Make the dataset"
SHOWN_TAGS = 8


def register(app: typer.Typer) -> None:
    """Add these commands."""
    epilog = "Example:  stillhouse -C support advise --monthly-requests 200000 --serving-usd-month 90"
    app.command(rich_help_panel=PANEL, epilog=epilog)(advise)


# --- run --pilot -----------------------------------------------------------------------------------------------


def pilot_run(context: typer.Context, n: int, *, as_json: bool) -> None:
    """`run --pilot N`: every teacher on the same prompts, compared."""
    from dashboard.cli.progress import shown

    try:
        with workspace(context) as opened, shown() as progress:
            report = opened.pilot(n, progress=progress)
    except KeyboardInterrupt:
        print("stillhouse: stopped; every reply so far is kept, and the next pilot goes on from here", file=sys.stderr)
        raise
    if as_json:
        json_line(report.model_dump(mode="json"))
    else:
        _tell(context, report)


def _tell(context: typer.Context, report: "PilotReport") -> None:
    columns = ["teacher", "$/1,000", "p50 s", "p95 s", "valid", "checks", "words", "gold", "judges"]
    table([_teacher_row(t) for t in report.teachers], columns)
    say(
        f"{report.prompts} of {report.of} prompts and {report.gold} gold rows · {report.calls} calls · "
        f"{_dollars(report.cost_usd)} · {report.seconds:.1f} s. In [ ]: 95 % intervals. Nothing was sealed."
    )
    for teacher in report.teachers:
        if words := _troubles(teacher):
            say(f"{teacher.teacher}: {words}")
    for sentence in report.sentences():
        say(sentence)
    _tell_routes(report)
    here = at(context).command
    enough = (route := report.route()) is not None and route.proposed is not None
    more = f"{here} run --pilot {4 * report.prompts}     (these were too few to tell)"
    say(f"Next: {f'{here} advise --monthly-requests N' if enough else more}")


def _teacher_row(t: "TeacherFigures") -> dict[str, Any]:
    seconds, words = t.seconds, t.words
    return {
        "teacher": t.teacher,
        "$/1,000": ("unknown" if t.usd_per_1000 is None else f"{t.usd_per_1000:.4f}") if t.answers else "not asked",
        "p50 s": f"{seconds.p50:.2f}" if seconds else "",
        "p95 s": f"{seconds.p95:.2f}" if seconds else "",
        "valid": _share(t.valid),
        "checks": _share(t.checks),
        "words": f"{words.p50:.0f}, p90 {words.p90:.0f}" if words else "",
        "gold": _share(t.gold),
        "judges": _share(t.rubric),
    }


def _share(share: "Share | None") -> str:
    return share.words if share else ""


def _troubles(t: "TeacherFigures") -> str:
    """How the answers became readable, and what was wrong with the others."""
    counts = {
        **t.modes, "refused": t.refusals, "cut off": t.truncated, "unreadable": t.unreadable, **t.failures,
    }  # fmt: skip
    said = ", ".join(f"{n} {what}" for what, n in counts.items() if n)
    dropped = ", ".join(f"{n} {reason}" for reason, n in t.dropped.items())
    return f"{said}; not past the checks: {dropped}" if dropped else said


def _tell_routes(report: "PilotReport") -> None:
    told = [r for r in report.routes if r.proposed or r.tag is None]
    say()
    say("Proposed routing: the cheapest teacher that is not shown to be worse than the best.")
    for route in told:
        say(f"  {_tag(route)}: {route.words}")
    if rare := [str(r.tag) for r in report.routes if r not in told]:
        more = f" and {len(rare) - SHOWN_TAGS} more" if len(rare) > SHOWN_TAGS else ""
        say(f"  no proposal of their own, too few to tell: {', '.join(rare[:SHOWN_TAGS])}{more}")
    for line in report.toml:
        say(f"  {line}")


def _tag(route: "Route") -> str:
    return "all prompts" if route.tag is None else f"tag {route.tag!r}"


def _dollars(cost: float | None) -> str:
    return "cost unknown" if cost is None else f"${cost:,.4f}"


# --- advise ----------------------------------------------------------------------------------------------------


def advise(
    context: typer.Context,
    monthly_requests: Annotated[
        int | None, typer.Option("--monthly-requests", min=0, metavar="N", help="How often the model is asked a month.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="NAME", help="The teacher in use today.", show_default="the first asked"),
    ] = None,
    serving_usd_month: Annotated[
        float | None,
        typer.Option(
            "--serving-usd-month", min=0, metavar="USD", help="A month of serving a student.",
            show_default="[hours] serving, all month",
        ),
    ] = None,
    training_usd: Annotated[
        float | None,
        typer.Option(
            "--training-usd", min=0, metavar="USD", help="Training it, once.", show_default="[hours] training, 2 hours"
        ),
    ] = None,
    review_usd: Annotated[float, typer.Option("--review-usd", min=0, metavar="USD", help="Human review, once.")] = 0.0,
    horizon_months: Annotated[
        float, typer.Option("--horizon-months", min=0, metavar="MONTHS", help="How soon it must pay for itself.")
    ] = 12.0,
    samples: Annotated[
        int, typer.Option("--samples", min=1, metavar="N", help="Samples the dataset would take.")
    ] = 5_000,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Should you distil? Yes, no, or pilot more, from the newest pilot; asks nobody.

    Each criterion comes with its number, its threshold and its effect, and where the answer is not yes, with what else
    would save money. What is not known is called unknown and never counted as 0.
    """
    from curation.pilot.advice import Wishes

    wishes = Wishes(monthly_requests, model, serving_usd_month, training_usd, review_usd, horizon_months, samples)
    with workspace(context) as opened:
        advice = opened.advise(wishes)
    if as_json:
        json_line(advice.model_dump(mode="json"))
    else:
        _tell_advice(context, advice)


def _tell_advice(context: typer.Context, advice: "Advice") -> None:
    say(f"Should you distil? {advice.verdict.upper()}: {advice.because}")
    table([_criterion_row(c) for c in advice.criteria], ["criterion", "number", "threshold", "effect"])
    _tell_money(advice.money)
    if advice.verdict != "yes" and advice.alternatives:
        say()
        say("Without a student (the savings do not add up):")
        rows = [
            {"instead": a.name, "saves $/month": _plain(a.saved_usd_month), "how": a.words} for a in advice.alternatives
        ]
        table(rows, ["instead", "saves $/month", "how"], limit=200)
    here = at(context).command
    following = {"yes": "run", "pilot more": "run --pilot 200", "no": "run --pilot 50     (after a change)"}
    say(f"Next: {here} {following[advice.verdict]}")


def _criterion_row(c: "Criterion") -> dict[str, Any]:
    effect = f"{c.effect}, decisive" if c.decisive else c.effect
    return {"criterion": c.name, "number": c.shown, "threshold": c.threshold, "effect": effect}


def _tell_money(money: "Money") -> None:
    say(
        f"{money.model} today: {_plain(money.usd_month_today)} $/month · a student: {_plain(money.serving_usd_month)} "
        f"$/month, once {_plain(money.once_usd)} $ (dataset {_plain(money.dataset_usd)}, judges "
        f"{_plain(money.judges_usd)}, training {_plain(money.training_usd)}, review {_plain(money.review_usd)})"
    )
    say(f"Assumed: {'; '.join(money.assumed)}")
    say("Most thresholds are rules of thumb; --json says where each comes from.")


def _plain(dollars: float | None) -> str:
    return "unknown" if dollars is None else f"{dollars:,.2f}"
