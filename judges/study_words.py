"""A study's report as sentences for a person, each figure with its interval and its n."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import JsonValue

from curation.shares import percent

Row = Mapping[str, Any]
PASSED = {"skip": "skipped", "flag": "flagged"}
NAMED = 20
"""So many votes on other texts are named; the report holds them all."""


def sentences(report: Mapping[str, JsonValue]) -> list[str]:
    """What the report of a closed study says, the most general first; figures that older reports lack are left out."""
    return [
        line
        for part in (
            *(_votes, _agreement, _strength, _criteria, _guidelines, _sides, _won, _lengths, _accepted, _work),
            *(_known, _settled, _again, _shown, _judges, _blinding, _pace),
        )
        for line in part(report)
    ]


def share(row: Row | None, key: str = "share", ci: str = "ci") -> str:
    """`62 % [54, 70]`, or that it cannot be told.

    >>> share({"share": 0.62, "ci": [0.54, 0.7]})
    '62 % [54, 70]'
    """
    if row is None or row.get(key) is None:
        return "not to be told"
    bounds: list[float] = row.get(ci) or []
    inner = ", ".join(f"{100 * bound:.0f}" for bound in bounds)
    return percent(row[key]) + (f" [{inner}]" if inner else "")


def _figure(value: float | None, ci: Any) -> str:
    return "undefined" if value is None else f"{value:.2f}" + (f" [{ci[0]:.2f}, {ci[1]:.2f}]" if ci else "")


def _shows(row: Row) -> str:
    return "; too few votes to show any" if row["mde"] is None else f"; shows {100 * row['mde']:.0f} points or more"


def _votes(report: Row) -> Iterator[str]:
    flagged = f", {report['flagged']} flagged" if report.get("flagged") else ""
    yield (
        f"Study {report['study']!r}: {report['votes']} votes on {report['items']} items, {report['skipped']} skipped"
        f"{flagged}"
    )
    for choice, reasons in (report.get("passed") or {}).items():
        if reasons:
            told = ", ".join(f"{n} {reason}" for reason, n in reasons.items())
            yield f"  {sum(reasons.values())} {PASSED[choice]}: {told}"


def _agreement(report: Row) -> Iterator[str]:
    n = report["items_with_two_votes"]
    yield f"Agreement on {n} items with two votes or more: alpha {_figure(report['alpha'], report['alpha_ci'])}" + (
        f", AC1 {_figure(report['ac1'], report['ac1_ci'])}" if report.get("ac1") is not None else ""
    )
    if report["note"]:
        yield f"  {report['note']}"
    for pair in report.get("pairs", ()):
        kappa = _figure(pair["kappa"]["value"], pair["kappa"]["ci"])
        yield f"  {' and '.join(pair['raters'])}: kappa {kappa} on {pair['n']} items"


def _strength(report: Row) -> Iterator[str]:
    found = report.get("strength")
    if found and any(found["said"].values()):
        alpha = found["alpha"]
        much = found["said"]["2"] + found["said"]["-2"]
        yield (
            f"How strongly: alpha (ordinal) {_figure(alpha['value'], alpha['ci'])} on {alpha['n']} items; "
            f"{much} of {sum(found['said'].values())} votes say much better"
        )


def _criteria(report: Row) -> Iterator[str]:
    for name, row in (report.get("criteria") or {}).items():
        if row["n"]:
            most = f" of {row['points']} points" if row["points"] else ""
            alpha = _figure(row["alpha"]["value"], row["alpha"]["ci"])
            yield f"{name}: mean {_figure(row['value'], row['ci'])}{most}, {row['n']} scores, alpha (ordinal) {alpha}"


def _guidelines(report: Row) -> Iterator[str]:
    found = report.get("guidelines") or ()
    for k, row in enumerate(found if len(found) > 1 else ()):
        when = "since the guideline was changed" if k else "under the first guideline"
        alpha = _figure(row["alpha"]["value"], row["alpha"]["ci"])
        yield f"Votes {when} ({row['guideline'][:8]}): alpha {alpha} on {row['alpha']['n']} items, {row['votes']} votes"


def _sides(report: Row) -> Iterator[str]:
    if (found := report.get("position")) is not None:
        yield f"Pane A was chosen in {share(found)} of {found['decided']} decided votes; 50 % is fair"
        if words := found.get("alarm") or found.get("why"):
            yield f"  {words}"


def _won(report: Row) -> Iterator[str]:
    for name, row in ((report.get("win_rates") or {}).get("teachers") or {}).items():
        even = row["why"] or f"at equal lengths {share(row, 'controlled', 'controlled_ci')}"
        yield f"{name} won {share(row, 'rate')} of {row['n']} votes on {row['prompts']} prompts{_shows(row)}; {even}"


def _lengths(report: Row) -> Iterator[str]:
    for name, row in ((report.get("verbosity") or {}).get("raters") or {}).items():
        if row["value"] is not None:
            yield (
                f"{name}: correlation with length {_figure(row['value'], row['ci'])}, chose the longer answer in "
                f"{share(row['longer'])} of {row['longer']['n']} votes"
            )


def _work(report: Row) -> Iterator[str]:
    if (edits := report.get("edits")) is not None and edits["edited"]["n"]:
        changed = f"; of an edited one {share(edits['changed'], 'value')} changed" if edits["answers"] else ""
        yield f"Edited: {share(edits['edited'])} of {edits['edited']['n']} votes{changed}"
    for tag, row in (report.get("spans") or {}).items():
        yield f"Marked {tag}: {row['spans']} places in {row['items']} items, by {share(row)} of {row['n']} votes"


def _again(report: Row) -> Iterator[str]:
    for name, row in ((report.get("self_consistency") or {}).get("raters") or {}).items():
        yield f"{name} said the same of items seen again: {share(row)} of {row['n']}"


def _shown(report: Row) -> Iterator[str]:
    found = report.get("shown") or {}
    if wrong := found.get("differ"):
        yield f"{len(wrong)} votes were on other texts than the version holds:"
        for row in wrong[:NAMED]:
            yield f"  item {row['item']}, {row['rater']}: {', '.join(row['panes'])} ({', '.join(row['samples'])})"
    elif found.get("checked"):
        yield f"All {found['checked']} votes checked were on exactly the texts of the version"


def _accepted(report: Row) -> Iterator[str]:
    found = report.get("acceptance")
    if found is not None and found["all"]["n"]:
        for name, row in [("All answers", found["all"]), *found["teachers"].items()]:
            yield f"{name}: {share(row)} of {row['n']} votes accept{_shows(row)}"


def _known(report: Row) -> Iterator[str]:
    for key, what in (("gold", "the gold rows say"), ("adjudicated", "was settled on")):
        for name, row in ((report.get(key) or {}).get("raters") or {}).items():
            yield f"{name} said what {what}: {share(row)} of {row['n']} votes"


def _settled(report: Row) -> Iterator[str]:
    found = report.get("adjudicated") or {}
    if found.get("n"):
        over = found["overruled"]
        yield f"{found['n']} items were settled; of {over['n']} with a majority it was overruled in {share(over)}"
        causes = [f"{name} {row['items']}" for name, row in found["by_category"].items()]
        if causes:
            yield f"  why raters differed: {', '.join(causes)}"


def _blinding(report: Row) -> Iterator[str]:
    found = report.get("blinding") or {}
    if found.get("n"):
        index = _figure(found["index"], found["ci"])
        held = {True: "nobody is shown to tell them", False: "raters could tell them", None: found["why"]}[
            found["held"]
        ]
        yield f"Blinding index {index} of {found['n']} guesses (0: sources cannot be told): {held}"


def _judges(report: Row) -> Iterator[str]:
    found = report.get("judges") or {}
    if found.get("panel"):
        for name, row in [("The panel", found["panel"]), *found["by_judge"].items()]:
            yield f"{name} ruled as most raters: {share(row)} of {row['n']} items, kappa {_kappa(row)}"
    elif found:
        yield f"Judges beside people: {found['why']}"


def _kappa(row: Row) -> str:
    return _figure(row["kappa"]["value"], row["kappa"]["ci"])


def _pace(report: Row) -> Iterator[str]:
    for name, row in report["raters"].items():
        if row.get("timed"):
            fast = share(row["under_1s"])
            seconds = f"median {row['median_dwell_ms'] / 1000:.1f} s, 90 % within {row['p90_dwell_ms'] / 1000:.1f} s"
            yield f"{name}: {row['votes']} votes, {seconds}, under one second {fast}"
