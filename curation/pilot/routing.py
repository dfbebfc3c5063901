"""Which teacher a pilot proposes for which tag: the cheapest that is not shown to be worse than the best."""

from collections.abc import Mapping, Sequence
from typing import Literal

import polars as pl

from curation.intervals import Share
from curation.pilot.report import ACCEPTED, CLUSTER, JUDGED, VALID, Candidate, Route
from curation.tables import TeacherTable

FEW = 30
"""With fewer answers than this no teacher is proposed: a rule of thumb, at which an interval is some 35 points wide."""

Measure = Literal["agreement with gold", "acceptance by the judges", "valid answers"]
MEASURES: tuple[Measure, ...] = ("agreement with gold", "acceptance by the judges", "valid answers")
MARKS = {
    "teacher": pl.String,
    "tags": pl.List(pl.String),
    "measure": pl.String,
    "cluster": pl.String,
    "mark": pl.Boolean,
}
"""One row per answer and measure: whether it passed."""


def marks_of(samples: pl.DataFrame, gold: pl.DataFrame) -> pl.DataFrame:
    """The marks of drawn samples (after the steps) and of gold samples (with a column `right`)."""
    agreement, acceptance, valid = MEASURES
    parts = [
        _marks(gold, pl.col("right"), agreement),
        _marks(samples.filter(JUDGED), ACCEPTED, acceptance),
        _marks(samples, VALID, valid),
    ]
    return pl.concat([pl.DataFrame(schema=MARKS), *parts])


def _marks(rows: pl.DataFrame, mark: pl.Expr, measure: Measure) -> pl.DataFrame:
    columns = {"measure": pl.lit(measure), "cluster": CLUSTER, "mark": mark.fill_null(value=False)}
    return rows.select("teacher", "tags", **columns).cast(MARKS)  # pyright: ignore[reportArgumentType] - a plain schema


def propose(
    marks: pl.DataFrame, teachers: Sequence[TeacherTable], tags: Sequence[str], costs: Mapping[str, float | None]
) -> tuple[Route, ...]:
    """One route for all prompts, then one for each tag of the drawn prompts; `costs` are dollars per 1,000 answers."""
    return tuple(_route(marks, teachers, tag, costs) for tag in (None, *tags))


def _route(
    marks: pl.DataFrame, teachers: Sequence[TeacherTable], tag: str | None, costs: Mapping[str, float | None]
) -> Route:
    mine = marks if tag is None else marks.filter(pl.col("tags").list.contains(tag))
    asked = [t.name for t in teachers if (not t.tags or tag in t.tags) and t.name in costs]
    if not asked:
        return _none(tag, None, (), "no teacher is asked for every prompt" if tag is None else "no teacher answered")
    shown: tuple[str, tuple[Candidate, ...]] | None = None
    for measure in MEASURES:
        candidates = _candidates(mine.filter(pl.col("measure") == measure), asked, costs)
        if candidates and min(c.share.n for c in candidates) >= FEW and len(candidates) == len(asked):
            return _chosen(tag, measure, candidates)
        shown = shown or ((measure, candidates) if candidates else None)
    if shown is None:
        return _none(tag, None, (), "nothing was measured")
    n = min(c.share.n for c in shown[1])
    return _none(tag, *shown, f"too few to tell (n = {n}; {FEW} wanted)")


def _candidates(marks: pl.DataFrame, asked: Sequence[str], costs: Mapping[str, float | None]) -> tuple[Candidate, ...]:
    found: list[Candidate] = []
    for name in asked:
        rows = marks.filter(pl.col("teacher") == name).select("cluster", "mark").iter_rows()
        if (share := Share.of(rows)) is not None:
            found.append(Candidate(teacher=name, share=share, usd_per_1000=costs[name]))
    return tuple(found)


def _none(tag: str | None, measure: str | None, candidates: tuple[Candidate, ...], words: str) -> Route:
    return Route(tag=tag, measure=measure, candidates=candidates, proposed=None, words=words)


def _chosen(tag: str | None, measure: str, candidates: tuple[Candidate, ...]) -> Route:
    best = max(candidates, key=lambda c: c.share.share)
    equal = [c for c in candidates if c.share.high >= best.share.share]
    priced = [c for c in equal if c.usd_per_1000 is not None]
    chosen = min(priced, key=lambda c: (c.usd_per_1000 or 0.0, -c.share.share)) if priced else best
    words = f"{chosen.teacher}: {measure} {chosen.share.words} at {_dollars(chosen)} (n = {chosen.share.n})"
    if chosen is not best:
        words += f"; {best.teacher}, with {best.share.words} at {_dollars(best)}, is not shown to be better"
    elif not priced:
        words += "; the best one, because no price is known"
    elif len(equal) > 1:
        words += "; no other is both as good and cheaper"
    if unknown := [c.teacher for c in equal if c.usd_per_1000 is None and priced]:
        words += f"; not compared for cost, price unknown: {', '.join(unknown)}"
    return Route(tag=tag, measure=measure, candidates=candidates, proposed=chosen.teacher, words=words)


def _dollars(candidate: Candidate) -> str:
    known = candidate.usd_per_1000
    if not known:
        return "an unknown price" if known is None else "no cost"
    return f"${known:.4f} per 1,000 answers"


def toml_lines(routes: Sequence[Route], teachers: Sequence[str], *, untagged: bool) -> tuple[str, ...]:
    """What to paste into task.toml: `tags` per teacher. A tag that was too rare to tell goes where all prompts go.

    `untagged` says that some prompts carry no tag: they are asked of teachers without tags alone.
    """
    everywhere = routes[0].proposed
    if everywhere is None:
        return ()
    for_tag = {r.tag: r.proposed or everywhere for r in routes[1:] if r.tag is not None}
    lines: list[str] = []
    for name in teachers:
        mine = sorted(tag for tag, teacher in for_tag.items() if teacher == name)
        whole = name == everywhere and (untagged or set(for_tag.values()) <= {everywhere})
        lines.append(f"# [[teachers]] {name}")
        if whole:
            lines.append("tags = []")
        elif mine:
            lines.append(f"tags = [{', '.join(_quoted(tag) for tag in mine)}]")
        else:
            lines.append("# no tag is proposed for it: take its table out")
    if untagged and set(for_tag.values()) - {everywhere}:
        lines.append(f"# {everywhere} has no tags because some prompts carry none; it then answers every prompt")
    return tuple(lines)


def _quoted(tag: str) -> str:
    return '"' + tag.replace("\\", "\\\\").replace('"', '\\"') + '"'
