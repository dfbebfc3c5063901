"""Who may vote: every judge's standing on gold, overall and in each slice, with the reasons as data."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.intervals import Interval, wilson
from curation.records import Record
from curation.shares import percent
from judges.resampling import cluster_numbers

Role = Literal["votes", "report_only", "excluded"]
TWINS = 20
"""Shared items on which two judges must say the same, every time, to count as one."""
DRAWS = 400
"""Bootstrap draws of the length preference's interval."""


class Rules(Record):
    """What a judge must show on gold before its vote counts, and when the panel leaves a sample to people."""

    least_gold: Annotated[int, Field(ge=1)] = 20
    """Fewer readable gold rows than this and a judge only reports."""
    floor: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """The lower bound of its accuracy must lie above this."""
    max_unreadable: Annotated[float, Field(ge=0, le=1)] = 0.02
    """Share of verdicts that may be unreadable; a judge shown to exceed it (lower bound) only reports."""
    max_flipped: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Share of rows on which it may say otherwise when the order is swapped; bars like `max_unreadable`."""
    max_length_gap: Annotated[float, Field(ge=0, le=1)] = 0.10
    """How far its preference for the longer answer may lie from people's; a gap shown to be wider bars."""
    max_canaries: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Share of planted answers it may accept; a judge shown to accept more (lower bound) is excluded."""
    slice_prior: Annotated[float, Field(gt=0)] = 10.0
    """Gold rows that its overall accuracy counts for in a slice."""
    margin: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    """A weighted share nearer to one half than this is a split."""
    risk: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of wrong rulings that may be; the panel abstains where gold does not show that it keeps to it."""


@dataclass(frozen=True)
class VoteTable:
    """The verdicts of J judges on I gold rows: 1.0 accept (or first), -1.0 reject (or second), nan for no vote."""

    judges: tuple[str, ...]
    votes_IJ: np.ndarray
    gold_I: np.ndarray
    clusters: tuple[str, ...]
    """Conversation or customer of each row; rows of one cluster err together and count once."""
    slices: tuple[str | None, ...]
    lengths_I: np.ndarray | None = None
    """Length of the answer; for pairs the first's less the second's."""
    flipped_IJ: np.ndarray | None = None
    """1.0 where the judge said otherwise when the order was swapped, 0.0 where not, nan where it was not tried."""
    unreadable_J: np.ndarray | None = None
    """Verdicts of each judge that could not be read, of `asked_J`."""
    asked_J: np.ndarray | None = None
    canaries_J: tuple[tuple[int, int], ...] | None = None
    """Canaries each judge (failed, was given)."""
    families: tuple[str, ...] = ()
    rows: int | None = None
    """Rows that `asked_J` is counted over, where the table holds only some of them."""

    @cached_property
    def cluster_I(self) -> np.ndarray:
        """The number of each row's cluster."""
        return cluster_numbers(self.clusters, len(self.gold_I))

    @cached_property
    def errors_IJ(self) -> np.ndarray:
        """1 wrong, 0 right, nan without gold or vote; no vote of a judge asked about every row is 0.5."""
        errors_IJ = np.where(np.isnan(self.votes_IJ), np.nan, (self.votes_IJ != self.gold_I[:, None]).astype(float))
        everywhere_J = (
            np.ones(len(self.judges), bool) if self.asked_J is None else self.asked_J >= (self.rows or len(self.gold_I))
        )
        errors_IJ = np.where(np.isnan(errors_IJ) & everywhere_J, 0.5, errors_IJ)
        return np.where(np.isnan(self.gold_I)[:, None], np.nan, errors_IJ)

    def only(self, rows_I: np.ndarray) -> "VoteTable":
        """The same judges on some of the rows; counts that are not by row stay whole."""
        keep = np.flatnonzero(rows_I)
        return VoteTable(
            self.judges,
            self.votes_IJ[keep],
            self.gold_I[keep],
            tuple(self.clusters[i] for i in keep),
            tuple(self.slices[i] for i in keep),
            None if self.lengths_I is None else self.lengths_I[keep],
            None if self.flipped_IJ is None else self.flipped_IJ[keep],
            self.unreadable_J,
            self.asked_J,
            self.canaries_J,
            self.families,
            self.rows or len(self.gold_I),
        )


class Standing(Record):
    """What gold says of one judge, overall (`slice` None) or in one slice, and the role that follows from it.

    `n` counts clusters with a readable vote on gold, `right` those answered rightly (a cluster by the share of its
    rows). `informedness` is sensitivity + specificity - 1: 0 for a judge that always says the same. `longer_judge` and
    `longer_human` are how often each prefers the longer answer, on the same rows; the gap's bounds are of their
    difference.
    """

    judge: str
    family: str = ""
    slice: str | None = None
    role: Role
    reasons: tuple[str, ...] = ()
    n: int
    right: float
    accuracy: float | None
    low: float
    high: float
    informedness: float | None = None
    informedness_low: float | None = None
    informedness_high: float | None = None
    unreadable: tuple[int, int] = (0, 0)
    flipped: tuple[int, int] | None = None
    longer_judge: float | None = None
    longer_human: float | None = None
    longer_gap_low: float | None = None
    longer_gap_high: float | None = None
    canaries: tuple[int, int] = (0, 0)
    weight: float = 0.0


def row_weights(cluster_I: np.ndarray, known_IJ: np.ndarray) -> np.ndarray:
    """How much of a row counts for a judge: one over the rows of its cluster that the judge has a vote on, else 0."""
    rows_CJ = np.zeros((cluster_I.max(initial=-1) + 1, known_IJ.shape[1]))
    np.add.at(rows_CJ, cluster_I, known_IJ.astype(float))
    return np.where(known_IJ, 1 / np.maximum(rows_CJ[cluster_I], 1), 0.0)


def twins(votes_IJ: np.ndarray) -> list[list[int]]:
    """Judges that said the same on every one of 20 or more shared items, in groups of their places."""
    groups: list[list[int]] = []
    grouped: set[int] = set()
    for j in range(votes_IJ.shape[1]):
        if j in grouped:
            continue
        both_IJ = ~np.isnan(votes_IJ[:, [j]]) & ~np.isnan(votes_IJ)
        apart_J = (both_IJ & (votes_IJ[:, [j]] != votes_IJ)).sum(axis=0)
        same = [
            k for k in np.flatnonzero((apart_J == 0) & (both_IJ.sum(axis=0) >= TWINS)) if k > j and k not in grouped
        ]
        if same:
            groups.append([j, *map(int, same)])
            grouped.update(groups[-1])
    return groups


def standings(table: VoteTable, rules: Rules, seed: int = 0) -> list[Standing]:
    """Every judge's standing on all gold rows, then in every slice; weights are 0 until the fit sets them.

    A slice with too little gold for a judge of its own leaves the judge the role it has overall.
    """
    same = {k: group[0] for group in twins(table.votes_IJ) for k in group[1:]}
    says = {k: f"says the same as {table.judges[j]} on every shared row: they count as one" for k, j in same.items()}
    overall = [qualified(s, rules, says.get(j)) for j, s in enumerate(_measured(table, None, seed))]
    found = list(overall)
    gold = zip(table.slices, ~np.isnan(table.gold_I), strict=True)
    for name in slice_names([s for s, known in gold if known]):
        part = table.only(np.array([s == name for s in table.slices]))
        for j, standing in enumerate(_measured(part, name, seed)):
            found.append(_in_slice(standing, overall[j], rules, says.get(j)))
    return found


def _in_slice(standing: Standing, overall: Standing, rules: Rules, twin: str | None) -> Standing:
    """A judge loses in a slice the vote it has overall where gold shows it unfit there, and earns one by qualifying."""
    if standing.n < rules.least_gold:
        few = (
            f"{standing.n} readable gold rows in this slice, {rules.least_gold} needed: its standing on all rows counts"
        )
        return standing.model_copy(update={"role": overall.role, "reasons": (few, *overall.reasons)})
    own = qualified(standing, rules, twin)
    if overall.role == "votes" and own.role == "report_only" and not _unfit(standing, rules):
        return own.model_copy(update={"role": "votes", "reasons": (*own.reasons, "its standing on all rows counts")})
    return own


def _measured(table: VoteTable, name: str | None, seed: int) -> list[Standing]:
    """The figures of every judge on the table, before any rule is applied."""
    right_IJ, share_IJ = right_and_counted(table)
    found: list[Standing] = []
    for j, judge in enumerate(table.judges):
        n, right = round(float(share_IJ[:, j].sum())), float(right_IJ[:, j].sum())
        low, high = wilson(right, n)
        found.append(
            Standing(
                judge=judge,
                family=table.families[j] if table.families else "",
                slice=name,
                role="report_only",
                n=n,
                right=right,
                accuracy=right / n if n else None,
                low=low,
                high=high,
                unreadable=_counts(table.unreadable_J, table.asked_J, j),
                flipped=_flips(table, j),
                canaries=table.canaries_J[j] if table.canaries_J else (0, 0),
            ).model_copy(update={**informedness(table, j), **length_preference(table, j, seed)})
        )
    return found


def right_and_counted(table: VoteTable) -> tuple[np.ndarray, np.ndarray]:
    """Per row and judge how much of a right vote, and of a vote, it counts for: a cluster of rows counts once."""
    known_IJ = ~np.isnan(table.votes_IJ) & ~np.isnan(table.gold_I)[:, None]
    share_IJ = row_weights(table.cluster_I, known_IJ)
    return np.where(table.votes_IJ == table.gold_I[:, None], share_IJ, 0.0), share_IJ


def qualified(standing: Standing, rules: Rules, twin: str | None = None) -> Standing:
    """The standing with the role that follows from its figures, and the reasons where it is not to vote."""
    out = [*([twin] if twin else []), *_untrusted(standing, rules)]
    bars = [*_unproven(standing, rules), *_unfit(standing, rules)]
    role: Role = "excluded" if out else "report_only" if bars else "votes"
    return standing.model_copy(update={"role": role, "reasons": (*out, *bars)})


def _untrusted(s: Standing, rules: Rules) -> list[str]:
    """What excludes a judge: it obeys the text it judges, or gold shows that it is worse than chance."""
    found: list[str] = []
    if wilson(*s.canaries).low > rules.max_canaries:
        found.append(
            f"accepted {s.canaries[0]} of {s.canaries[1]} planted answers, {percent(rules.max_canaries)} allowed"
        )
    if s.n >= rules.least_gold and s.high < rules.floor:
        found.append(f"shown to be right less often than {percent(rules.floor)}: {_interval(s)}")
    return found


def _unproven(s: Standing, rules: Rules) -> list[str]:
    """What a judge has yet to show, and more gold may."""
    if s.n < rules.least_gold:
        return [f"too little gold: {s.n} readable rows, {rules.least_gold} needed"]
    found: list[str] = []
    if s.low <= rules.floor <= s.high:
        found.append(f"not shown to be right more often than {percent(rules.floor)}: {_interval(s)}")
    if s.informedness is None or s.informedness_low is None:
        found.append("the gold rows are all of one verdict: a judge that always says it looks as good as any")
    elif s.informedness_low <= 0:
        bounds = f"[{s.informedness_low:.2f}, {s.informedness_high:.2f}]"
        found.append(f"not shown to do better than a constant verdict: informedness {s.informedness:.2f} {bounds}")
    return found


def _unfit(s: Standing, rules: Rules) -> list[str]:
    """What gold has shown against a judge: its verdicts are lost, turn with the order, or follow the length."""
    return [*_unsteady(s, rules), *_long(s, rules)]


def _unsteady(s: Standing, rules: Rules) -> list[str]:
    found: list[str] = []
    if wilson(*s.unreadable).low > rules.max_unreadable:
        lost = f"{s.unreadable[0]} of {s.unreadable[1]} verdicts unreadable"
        found.append(f"{lost}, {percent(rules.max_unreadable)} allowed")
    if s.flipped and wilson(*s.flipped).low > rules.max_flipped:
        turned = f"said otherwise on {s.flipped[0]} of {s.flipped[1]} swapped rows"
        found.append(f"{turned}, {percent(rules.max_flipped)} allowed")
    return found


def _long(s: Standing, rules: Rules) -> list[str]:
    if s.longer_gap_low is None or s.longer_gap_high is None:
        return []
    if s.longer_gap_low <= rules.max_length_gap and s.longer_gap_high >= -rules.max_length_gap:
        return []
    bounds = f"[{100 * s.longer_gap_low:+.0f}, {100 * s.longer_gap_high:+.0f}] points"
    return [
        f"prefers the longer answer on {percent(s.longer_judge)} of rows, people on {percent(s.longer_human)}: {bounds}"
    ]


def _interval(s: Standing) -> str:
    return f"{percent(s.accuracy)} [{100 * s.low:.0f}, {100 * s.high:.0f}] of {s.n} gold rows"


def _counts(some_J: np.ndarray | None, of_J: np.ndarray | None, j: int) -> tuple[int, int]:
    return (0, 0) if some_J is None or of_J is None else (int(some_J[j]), int(of_J[j]))


def _flips(table: VoteTable, j: int) -> tuple[int, int] | None:
    if table.flipped_IJ is None or np.isnan(table.flipped_IJ[:, j]).all():
        return None
    column_I = table.flipped_IJ[:, j].astype(float)
    return int(np.nansum(column_I)), int((~np.isnan(column_I)).sum())


def informedness(table: VoteTable, j: int) -> dict[str, float | None]:
    """Sensitivity + specificity - 1 of a judge, with Newcombe's hybrid-score bounds (1998); None on one-sided gold."""
    names = ("informedness", "informedness_low", "informedness_high")
    parts: list[tuple[float, Interval]] = []
    for side in (1.0, -1.0):
        known_I = (table.gold_I == side) & ~np.isnan(table.votes_IJ[:, j])
        share_I = row_weights(table.cluster_I, known_I[:, None])[:, 0]
        n, right = round(float(share_I.sum())), float(share_I[table.votes_IJ[:, j] == side].sum())
        if not n:
            return dict.fromkeys(names)
        parts.append((right / n, wilson(right, n)))
    (a, of_a), (b, of_b) = parts
    value = a + b - 1
    low = value - float(np.hypot(a - of_a.low, b - of_b.low))
    high = value + float(np.hypot(of_a.high - a, of_b.high - b))
    return dict(zip(names, (value, low, high), strict=True))


def length_preference(table: VoteTable, j: int, seed: int) -> dict[str, float | None]:
    """How often judge and people prefer the longer answer on the same rows, and the gap's bounds over drawn clusters.

    For pairs the longer of the two; for single answers those above the median length, rejected ones below it.
    """
    if table.lengths_I is None:
        return {}
    from judges.bias import side_preference  # brings scipy.stats, which a run that only rules does not need

    gap = side_preference(
        table.votes_IJ[:, j], table.gold_I, _longer(table.lengths_I), clusters=table.clusters, draws=DRAWS, seed=seed
    )
    low, high = gap.interval or (None, None)
    return {
        "longer_judge": gap.judge,
        "longer_human": gap.human,
        "longer_gap_low": low,
        "longer_gap_high": high,
    }


def _longer(lengths_I: np.ndarray) -> np.ndarray:
    """1.0 where accepting (or the first) means the longer answer, -1.0 the shorter, 0 where neither is."""
    lengths_I = lengths_I.astype(float)
    known_I = ~np.isnan(lengths_I)
    centre = 0.0 if (lengths_I[known_I] < 0).any() or not known_I.any() else float(np.median(lengths_I[known_I]))
    return np.where(known_I, np.sign(lengths_I - centre), 0.0)


def slice_names(slices: Sequence[str | None]) -> list[str]:
    """The slices that occur, sorted."""
    return sorted({s for s in slices if s is not None})
