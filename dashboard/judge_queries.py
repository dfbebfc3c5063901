"""What the Judges page asks the store: figures of the panel's newest report, and the samples judges are in doubt on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import polars as pl

from curation.intervals import Interval, wilson
from curation.plugins import build
from curation.shares import percent
from curation.store.query import Query
from curation.store.store import Store
from curation.store.verdicts import Verdicts
from dashboard.queries import last_user
from judges.aggregate import Fit, Standing
from judges.agreement import PairAgreement
from judges.bias import Gap, leniency
from judges.grading import Grader
from judges.panel import gold_rows
from judges.parse import PARSER
from judges.resampling import Figure
from judges.trial import VALUE, PanelReport

ROLES = {"votes": "votes", "report_only": "advice only", "excluded": "excluded"}
"""A judge's role, and how the page says it."""
OUTCOMES = {
    "split": "why = 'judge_split'",
    "abstained": "why = 'judge_abstained'",
    "unscored": "why = 'judge_unscored'",
    "outvoted": "why IN ('judge_agreed', 'judge_rejected') AND accept > 0 AND reject > 0",
    "advice only": "why = 'unjudged' AND ((accept > 0 AND reject > 0) OR accept + reject = 0)",
}
"""What is doubtful about a sample, and the decisions of step `judges` that say so; the first ones wait for people."""
LEAST_ROWS = 5
"""Gold rows of a slice below which nothing is said of a judge there."""
PAGE_ROWS = 50
FEW_VOTES = 1.5
"""A panel of several judges worth fewer votes than this is hardly more than one judge."""

Bias = Literal["length", "leniency", "order"]
_FOREST = {
    **dict.fromkeys(("judge", "role", "label"), pl.String),
    **dict.fromkeys(("value", "low", "high"), pl.Float64),
}


# --- qualification ---------------------------------------------------------------------------------------------


def overall(fit: Fit) -> list[Standing]:
    """Every judge's standing on all gold rows, in the order of task.toml."""
    return [s for s in fit.standings if s.slice is None]


def accuracies(fit: Fit) -> pl.DataFrame:
    """judge, role, value, low, high, label: how often each judge is right on gold."""
    return _forest(
        (s, s.accuracy, s.low, s.high, f"{percent(s.accuracy)} of {s.n} rows, {ROLES[s.role]}")
        for s in overall(fit)
        if s.accuracy is not None
    )


def standing_rows(fit: Fit) -> pl.DataFrame:
    """One row a judge: its role, its weight, and what it showed on gold besides how often it is right."""
    return pl.DataFrame([_standing(s) for s in overall(fit)])


def _standing(s: Standing) -> dict[str, Any]:
    length = "" if s.longer_judge is None else f"{percent(s.longer_judge)}, people {percent(s.longer_human)}"
    return {
        "judge": s.judge,
        "role": [ROLES[s.role]],
        "weight": s.weight,
        "rows": s.n,
        "informedness": _bounded(s.informedness, s.informedness_low, s.informedness_high),
        "longer": length,
        "canaries": _of(s.canaries),
        "unreadable": _of(s.unreadable),
        "flipped": "not tried" if s.flipped is None else _of(s.flipped),
    }


def slice_cells(fit: Fit) -> pl.DataFrame:
    """judge, slice, role, accuracy, low, high, n, text: judges on the slices with enough gold rows."""
    rows = [
        {
            "judge": s.judge, "slice": s.slice, "role": ROLES[s.role], "accuracy": s.accuracy, "low": s.low,
            "high": s.high, "n": s.n, "weight": s.weight, "text": f"{percent(s.accuracy)} of {s.n}",
        }
        for s in fit.standings
        if s.slice is not None and s.n >= LEAST_ROWS
    ]  # fmt: skip
    return pl.DataFrame(rows)


# --- what the panel is worth -----------------------------------------------------------------------------------


def panel_rows(fit: Fit) -> pl.DataFrame:
    """who, kind, accuracy, text: the best judge alone, the panel counted two ways, and without each judge."""
    rows: list[tuple[str, str, float | None]] = []
    if fit.best_judge is not None:
        rows.append((f"{fit.best_judge} alone", "best single judge", fit.best_accuracy))
    rows += [
        ("panel, votes weighted", "panel", fit.weighted_accuracy),
        ("panel, every vote equal", "panel", fit.majority_accuracy),
        *((f"panel without {judge}", "one left out", accuracy) for judge, accuracy in fit.without.items()),
    ]
    return pl.DataFrame(
        [
            {"who": who, "kind": kind, "accuracy": accuracy, "text": percent(accuracy, ".1f")}
            for who, kind, accuracy in rows
            if accuracy is not None
        ],
        schema={"who": pl.String, "kind": pl.String, "accuracy": pl.Float64, "text": pl.String},
    )


def worth(fit: Fit) -> list[str]:
    """What the figures of the panel come to, in sentences."""
    said: list[str] = []
    value, best, panel = fit.effective.value, fit.best_accuracy, fit.weighted_accuracy
    if value is not None and fit.effective.judges > 1:
        nearly = ", hardly more than one judge" if value < FEW_VOTES else ""
        which = "different" if value > fit.effective.judges - 0.05 else "the same"
        said.append(
            f"{fit.effective.judges} judges count as {value:.2f}{nearly}: they tend to be wrong about {which} samples."
        )
    if best is not None and panel is not None:
        gap = 100 * (panel - best)
        beside = "as often right as" if abs(gap) < 0.05 else f"{abs(gap):.1f} points {'above' if gap > 0 else 'below'}"
        said.append(f"The weighted panel is {beside} its best judge, {fit.best_judge}, alone.")
    said += [f"{', '.join(group)} said the same every time: they count as one judge." for group in fit.same]
    if fit.risk is not None:
        said.append(f"Stated risk of a wrong ruling, at most {percent(fit.risk, '.1f')}: {_risk(fit)}")
    return said


def _risk(fit: Fit) -> str:
    if fit.risk_reached:
        return f"kept by leaving to people what has evidence below {fit.threshold:.2f}."
    return f"not shown to be kept, so the panel abstains: {fit.risk_words}."


# --- bias ------------------------------------------------------------------------------------------------------


def bias_rows(fit: Fit, lenient: dict[str, Gap]) -> dict[Bias, pl.DataFrame]:
    """Each bias that could be measured: judge, role, value, low, high, label; gaps are judge less people."""
    standings = overall(fit)
    length = _forest(
        (s, s.longer_judge - s.longer_human, s.longer_gap_low, s.longer_gap_high, None)
        for s in standings
        if s.longer_judge is not None and s.longer_human is not None
    )
    lenience = _forest(
        (s, gap.gap, *_bounds(gap.interval), None)
        for s in standings
        if (gap := lenient.get(s.judge)) is not None and gap.gap is not None
    )
    order = _forest(
        (s, s.flipped[0] / s.flipped[1], *_bounds(wilson(*s.flipped)), f"{s.flipped[0]} of {s.flipped[1]}")
        for s in standings
        if s.flipped is not None and s.flipped[1]
    )
    found: dict[Bias, pl.DataFrame] = {"length": length, "leniency": lenience, "order": order}
    return {kind: rows for kind, rows in found.items() if not rows.is_empty()}


def leniencies(store: Store, report: PanelReport) -> dict[str, Gap]:
    """How often each judge accepts the answers people judged, less how often people do; of single answers alone."""
    rows = {row.name: row for row in gold_rows(store) if row.judged.verdict in ("accept", "reject")}
    grader = cast("Grader", build("judges.graders", report.grader, {}, "the panel's report"))
    said = {
        (v.judge, v.subject): VALUE.get(v.verdict or "", np.nan)
        for v in Verdicts(store.replies_db).read("gold", rows)
        if (v.rubric, v.grader, v.parser) == (report.rubrics.get(v.judge), grader.digest, PARSER)
    }
    people = [VALUE[row.judged.verdict] for row in rows.values()]
    clusters = [row.item.text for row in rows.values()]
    found = {
        judge: leniency([said.get((judge, name), np.nan) for name in rows], people, clusters=clusters)
        for judge in report.rubrics
        if any(heard == judge for heard, _ in said)
    }
    return {judge: gap for judge, gap in found.items() if gap.gap is not None}


def _forest(rows: Iterable[tuple[Standing, float, float | None, float | None, str | None]]) -> pl.DataFrame:
    """A frame for a chart of dots with intervals; a label left out is the value in points."""
    return pl.DataFrame(
        [
            {
                "judge": s.judge, "role": ROLES[s.role], "label": label or f"{100 * value:+.0f} points",
                "value": value, "low": low, "high": high,
            }
            for s, value, low, high, label in rows
        ],
        schema=_FOREST,
    )  # fmt: skip


# --- agreement -------------------------------------------------------------------------------------------------


def agreement_cells(pairs: Sequence[PairAgreement]) -> pl.DataFrame:
    """first, second, kappa, same, text: every two judges both ways round, for a square."""
    return pl.DataFrame(
        [
            {
                "first": a, "second": b, "kappa": pair.kappa.value, "same": pair.raw.value, "samples": pair.n,
                "text": "-" if pair.kappa.value is None else f"{pair.kappa.value:.2f}",
            }
            for pair in pairs
            for a, b in ((pair.first, pair.second), (pair.second, pair.first))
        ],
        schema_overrides={"kappa": pl.Float64, "same": pl.Float64},
    )  # fmt: skip


def agreement_rows(pairs: Sequence[PairAgreement]) -> pl.DataFrame:
    """One row a pair of judges, every measure with its interval, beside a judge that does not look."""
    return pl.DataFrame(
        [
            {
                "judges": f"{pair.first}, {pair.second}",
                "samples": pair.n,
                "same": _figure(pair.raw, shares=True),
                "kappa": _figure(pair.kappa),
                "alpha": _figure(pair.alpha),
                "ac1": _figure(pair.ac1),
                "constant": f"{pair.constant.label} {percent(pair.constant.share)}" if pair.constant else "",
            }
            for pair in pairs
        ]
    )


# --- the queue -------------------------------------------------------------------------------------------------

_SAID = """
WITH read AS (
    SELECT sample, reason, number, json_extract_string(evidence, '$.votes[*].vote') AS votes
    FROM decisions WHERE step = 'judges' AND evidence IS NOT NULL
), said AS (
    SELECT sample, reason AS why, number,
        len(list_filter(votes, lambda v: v = 'accept')) AS accept,
        len(list_filter(votes, lambda v: v = 'reject')) AS reject,
        len(list_filter(votes, lambda v: v = 'unscored')) AS unscored
    FROM read
), doubts AS (
    SELECT *, CASE {cases} END AS outcome,
        coalesce(number, CASE WHEN accept + reject > 0 THEN accept / (accept + reject) ELSE 0.5 END) AS share
    FROM said
)
""".format(cases=" ".join(f"WHEN {where} THEN '{name}'" for name, where in OUTCOMES.items()))
"""The table `doubts`: every sample that came before a judge, with what is doubtful about it (null: nothing)."""
_ORDER = "(outcome NOT IN ('split', 'abstained', 'unscored')), abs(share - 0.5), position, teacher, index, id"


@dataclass(frozen=True)
class Doubt:
    """What a person has narrowed the doubtful samples to; None: all of them."""

    outcome: str | None = None
    teacher: str | None = None


def doubtful(query: Query, doubt: Doubt, page: int) -> tuple[pl.DataFrame, int]:
    """One page (from 1) of the samples judges are in doubt on, most doubtful first, and how many match.

    Those nobody could decide come first, then by how near the accepted share lies to one half.
    """
    these = f"FROM doubts JOIN samples ON samples.id = doubts.sample WHERE {_where(doubt)}"
    total = int(query.sql(f"{_SAID} SELECT count(*) AS n {these}")["n"][0])
    columns = "samples.id, outcome, accept, reject, unscored, samples.teacher, messages, answer"
    offset = PAGE_ROWS * (max(1, page) - 1)
    rows = query.sql(f"{_SAID} SELECT {columns} {these} ORDER BY {_ORDER} LIMIT {PAGE_ROWS:d} OFFSET {offset:d}")
    unread = pl.when(pl.col("unscored") > 0).then(pl.format(", {} unread", "unscored")).otherwise(pl.lit(""))
    votes = (pl.format("{} for, {} against", "accept", "reject") + unread).alias("votes")
    text = [c.str.slice(0, 400) for c in (last_user().alias("prompt"), pl.col("answer"))]
    return rows.select("id", "outcome", votes, "teacher", *text), total


def outcomes(query: Query) -> dict[str, int]:
    """How many samples there are of each kind of doubt that occurs, in the order of OUTCOMES."""
    counts = query.sql(f"{_SAID} SELECT outcome, count(*) AS n FROM doubts GROUP BY ALL")
    found = dict(counts.iter_rows())
    return {name: int(found[name]) for name in OUTCOMES if name in found}


def judged_teachers(query: Query) -> dict[str, int]:
    """The teachers of samples that came before a judge, each with how many did."""
    rows = query.sql(
        "SELECT teacher, count(*) AS n FROM samples JOIN decisions ON decisions.sample = samples.id"
        " WHERE decisions.step = 'judges' AND evidence IS NOT NULL GROUP BY ALL ORDER BY teacher"
    )
    return {teacher: int(n) for teacher, n in rows.iter_rows()}


def votes_on(steps: Sequence[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    """What the judges' step said about a sample in words, and each judge's vote, from the steps of `why`."""
    step = next((s for s in steps if s["step"] == "judges"), {})
    return step.get("words") or "", list((step.get("evidence") or {}).get("votes") or [])


def _where(doubt: Doubt) -> str:
    wanted = f"outcome = '{doubt.outcome}'" if doubt.outcome in OUTCOMES else "outcome IS NOT NULL"
    if doubt.teacher is None:
        return wanted
    name = doubt.teacher.replace("'", "''")
    return f"{wanted} AND samples.teacher = '{name}'"


# --- words -----------------------------------------------------------------------------------------------------


def _bounds(interval: Interval | None) -> tuple[float | None, float | None]:
    return (None, None) if interval is None else (interval.low, interval.high)


def _of(counts: tuple[int, int]) -> str:
    return f"{counts[0]} of {counts[1]}"


def _bounded(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if low is None or high is None else f"{value:.2f} [{low:.2f}, {high:.2f}]"


def _figure(figure: Figure, *, shares: bool = False) -> str:
    if figure.value is None:
        return "-"
    low, high = _bounds(figure.interval)
    if not shares:
        return _bounded(figure.value, low, high)
    return percent(figure.value) + ("" if low is None or high is None else f" [{100 * low:.0f}, {100 * high:.0f}]")
