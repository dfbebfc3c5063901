"""What the Overview asks of a version and of what was decided about it: five figures, where samples went, the cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import polars as pl

from curation.evaluation import Evaluation
from curation.intervals import wilson
from curation.shares import percent
from curation.store.charges import Charges
from curation.store.evaluations import Evaluations
from curation.store.gates import GateRecord, Gates
from curation.store.query import Query
from curation.store.reviews import Study
from curation.store.store import Store
from curation.store.versions import Manifest, steps_of
from dashboard import queries
from dashboard.lineage import Lineage
from dashboard.plain import plain
from judges.review import ReviewService

VERSIONS_SHOWN = 20
"""Versions up to which the sparkline goes back."""
FEW_ITEMS = 30
"""A slice with fewer items is drawn faint: its interval says little more than that."""


@dataclass(frozen=True)
class Figure:
    """One figure on top of the page; a `value` of None means there is nothing yet, and `command` makes it."""

    label: str
    value: str | None
    words: str
    page: str
    filters: Mapping[str, str] = field(default_factory=dict)
    delta: int | None = None
    trend: tuple[int, ...] = ()
    command: str | None = None


def figures(store: Store, manifest: Manifest, traced: Lineage | None) -> tuple[Figure, ...]:
    """The five figures of a version, in the order they are read."""
    return (_kept(store, manifest), _student(store), _agreement(store), _position(store), _traced(traced))


def _kept(store: Store, manifest: Manifest) -> Figure:
    kept = [store.versions.manifest(v).counts.get("kept", 0) for v in _until(store, manifest.version)]
    share = kept[-1] / manifest.records if manifest.records else 0.0
    return Figure(
        "Samples accepted",
        f"{kept[-1]:,}",
        f"{percent(share, '.1f')} of {manifest.records:,} generated",
        "samples",
        {"state": "kept"},
        delta=kept[-1] - kept[-2] if len(kept) > 1 else None,
        trend=tuple(kept) if len(kept) > 1 else (),
    )


def _until(store: Store, version: str) -> list[str]:
    known = store.versions.list()
    return known[: known.index(version) + 1][-VERSIONS_SHOWN:]


def _student(store: Store) -> Figure:
    label = "Student against baseline"
    decided = Gates(store.state).list()
    if decided:
        newest = decided[-1]
        ci, estimate = cast("list[float] | None", newest.body.get("ci")), newest.body.get("estimate")
        n = newest.body.get("n")
        if ci is None or not isinstance(estimate, int | float):
            return Figure(label, newest.outcome, "the comparison could not be made", "gate")
        said = f"95 % interval {100 * ci[0]:+.1f} to {100 * ci[1]:+.1f}, {n:,} items: {newest.outcome}"
        return Figure(label, f"{100 * estimate:+.1f} points", said, "gate")
    scores = queries.arm_scores(store)
    if scores.is_empty():
        return Figure(label, None, "no student was evaluated", "gate", command="stillhouse evaluate STUDENT")
    last = scores.row(-1, named=True)
    said = f"{last['arm']}, {_interval(last)}, {last['items']:,} items; no gate yet"
    return Figure("Student's accuracy", percent(last["accuracy"], ".1f"), said, "gate", command="stillhouse gate")


def newest_closed(store: Store, kind: str | None = None) -> Study | None:
    """The study that was closed last, of one kind where given."""
    closed = [s for s in ReviewService(store).studies() if s.closed and kind in (None, s.kind)]
    return max(closed, key=lambda s: s.closed or "", default=None)


def _agreement(store: Store) -> Figure:
    label, study = "Agreement of raters, α", newest_closed(store)
    if study is None or study.report is None:
        return Figure(label, None, "no study is closed", "review", command="stillhouse review close STUDY")
    alpha, ci = study.report.get("alpha"), cast("list[float | None] | None", study.report.get("alpha_ci"))
    raters = len(cast("dict[str, Any]", study.report.get("raters") or {}))
    of = f"{study.items:,} items x {raters} raters in {plain(study.name)}"
    if not isinstance(alpha, int | float):
        return Figure(label, "not defined", str(study.report.get("note") or of), "studies", {"study": study.name})
    between = f"95 % interval {ci[0]:.2f} to {ci[1]:.2f}, " if ci and None not in ci else ""
    return Figure(label, f"{alpha:.2f}", f"{between}{of}", "studies", {"study": study.name})


def _position(store: Store) -> Figure:
    label, study = "Pane A chosen", newest_closed(store, "pairwise")
    found = cast("dict[str, Any]", (study.report or {}).get("position") or {}) if study else {}
    if study is None or found.get("share") is None:
        said = "no study of pairs is closed" if study is None else f"nobody decided for a side in {plain(study.name)}"
        return Figure(label, None, said, "review", command="stillhouse review create NAME --kind pairwise")
    low, high = found["ci"]
    said = f"95 % interval {percent(low)} to {percent(high)}, {found['decided']:,} decided votes; 50 % is fair"
    return Figure(label, percent(found["share"]), said, "studies", {"study": study.name})


def _traced(traced: Lineage | None) -> Figure:
    value, said = share_traced(traced)
    return Figure("Provenance complete", value, said, "provenance")


def share_traced(traced: Lineage | None) -> tuple[str, str]:
    """The share of rows that can be traced, and what the others lack; of a version still being counted, that."""
    if traced is None:
        return "counting", "looking for the request of each row"
    said = traced.missing or f"all {traced.rows:,} rows name source, teacher and request"
    # Rounded down: 100 % is said of all rows alone.
    return "none" if traced.share is None else percent(int(1000 * traced.share) / 1000, ".3g"), said


# --- where samples went ----------------------------------------------------------------------------------------


def outcomes(query: Query) -> pl.DataFrame:
    """teacher, state, step, reason, n, answered, control: what became of the samples, counted together once."""
    return query.sql(
        "SELECT teacher, state, step, reason, count(*) AS n, count(stop) AS answered,"
        " coalesce(sum(control::int), 0)::BIGINT AS control FROM samples GROUP BY ALL ORDER BY ALL"
    )


def by_teacher(counts: pl.DataFrame) -> pl.DataFrame:
    """teacher, state, n: what became of each teacher's samples, from `outcomes`."""
    return counts.group_by("teacher", "state").agg(pl.col("n").sum()).sort("teacher", "state")


def funnel(counts: pl.DataFrame, manifest: Manifest) -> pl.DataFrame:
    """step, entered, ended, left, reason, reasoned: how many samples came to each step, and why most of them ended.

    Steps in the order they ran, those before the first (asking) ahead of them; from `outcomes`. A last row `kept` has
    what is left after all of them.
    """
    ended = counts.filter(pl.col("step").is_not_null()).group_by("step", "reason").agg(pl.col("n").sum())
    steps = steps_of(manifest)
    early = [s for s in ended["step"].unique().sort() if s not in steps]
    rows: list[dict[str, Any]] = []
    left = int(counts["n"].sum())
    for step in [*early, *steps]:
        why = ended.filter(step=step).sort("n", "reason", descending=[True, False])
        gone = int(why["n"].sum())
        reason, n = why.row(0, named=False)[1:] if gone else (None, 0)
        rows.append({"step": step, "entered": left, "ended": gone, "left": left - gone, "reason": reason, "most": n})
        left -= gone
    rows.append({"step": "kept", "entered": left, "ended": 0, "left": left, "reason": None, "most": 0})
    return pl.DataFrame(rows, schema=_FUNNEL)


_FUNNEL: dict[str, type[pl.DataType]] = {
    "step": pl.String,
    **dict.fromkeys(("entered", "ended", "left"), pl.Int64),
    "reason": pl.String,
    "most": pl.Int64,
}


# --- slices ----------------------------------------------------------------------------------------------------


def slices(store: Store) -> pl.DataFrame:
    """slice, who, accuracy, low, high, n: how the newest candidate and its baseline do in each slice of the holdout.

    Seeds of one arm are averaged inside a slice, and count as no more items; intervals are Wilson's and take items for
    independent, so that of a slice with few customers is too narrow. Empty where no holdout row names a slice.
    """
    everything = Evaluations(store.state).list()
    decided = Gates(store.state).list()
    sides = _sides(decided[-1], everything) if decided else {}
    if not sides and everything:
        newest = everything[-1]
        sides = {newest.arm or newest.student: [e for e in everything if _alike(e, newest)]}
    rows = [row for who, parts in sides.items() for row in _slice_rows(who, parts)]
    return pl.DataFrame(rows, schema=_SLICES).sort("slice", "who", maintain_order=True)


_SLICES: dict[str, type[pl.DataType]] = {
    **dict.fromkeys(("slice", "who"), pl.String),
    **dict.fromkeys(("accuracy", "low", "high"), pl.Float64),
    "n": pl.Int64,
}


def _alike(a: Evaluation, b: Evaluation) -> bool:
    return (a.arm or a.student, a.holdout, a.version, a.metric) == (b.arm or b.student, b.holdout, b.version, b.metric)


def _sides(gate: GateRecord, everything: Sequence[Evaluation]) -> dict[str, list[Evaluation]]:
    """The evaluations that the two sides of a decision were pooled from, by what they are called."""
    sides: dict[str, list[Evaluation]] = {}
    for joined in (gate.candidate, gate.baseline):
        parts = [e for e in everything if e.id in joined.split("+")]
        if parts:
            sides.setdefault(parts[0].arm or parts[0].student, parts)
    return sides


def _slice_rows(who: str, parts: Sequence[Evaluation]) -> list[dict[str, Any]]:
    found: dict[str, list[tuple[int, float]]] = {}
    for part in parts:
        for name, one in cast("dict[str, dict[str, Any]]", part.summary.get("slices") or {}).items():
            found.setdefault(name, []).append((int(one["n"]), float(one["accuracy"])))
    rows: list[dict[str, Any]] = []
    for name, seeds in found.items():
        n, accuracy = seeds[0][0], sum(a for _, a in seeds) / len(seeds)
        low, high = wilson(accuracy * n, n)
        rows.append({"slice": name, "who": who, "accuracy": accuracy, "low": low, "high": high, "n": n})
    return rows


def takeaway(found: pl.DataFrame) -> str:
    """The slice in which the first of the two sides does worst, in words."""
    own = found.filter(who=found["who"][0])
    worst = own.sort("accuracy", "slice").row(0, named=True)
    faint = " (few items)" if worst["n"] < FEW_ITEMS else ""
    return (
        f"Lowest: {worst['slice']}, {percent(worst['accuracy'], '.1f')} of {worst['n']:,} items, "
        f"{_interval(worst)}{faint}."
    )


def _interval(row: Mapping[str, Any]) -> str:
    return f"95 % interval {percent(row['low'], '.1f')} to {percent(row['high'], '.1f')}"


# --- cost ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    """What the finished runs report and the booked hours come to, and that for each accepted sample."""

    kept: int
    calls: int
    usd: float
    hours: float
    hours_usd: float

    @property
    def calls_each(self) -> float | None:
        """Calls for each accepted sample; None where none is accepted."""
        return self.calls / self.kept if self.kept else None

    @property
    def usd_each(self) -> float | None:
        """Dollars for each accepted sample, hours of machines included."""
        return (self.usd + self.hours_usd) / self.kept if self.kept else None


def cost(store: Store, manifest: Manifest) -> Cost:
    """What was spent on the workspace so far, over the accepted samples of a version."""
    reports = [run["report"] or {} for run in store.runs.list()]
    booked = Charges(store.replies_db).list()
    return Cost(
        kept=manifest.counts.get("kept", 0),
        calls=sum(int(r.get("calls") or 0) for r in reports),
        usd=sum(float(r.get("cost_usd") or 0.0) for r in reports),
        hours=sum(c.hours for c in booked),
        hours_usd=sum(c.cost for c in booked),
    )
