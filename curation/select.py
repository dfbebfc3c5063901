"""How much is kept: a quota drawn from the seed, unjudged samples held where the task says so, and a control arm.

Draws depend on the seed and a sample's request and index, never on its id, so equal work in another workspace keeps
the same rows.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl
from pydantic import JsonValue

from curation.answers import target
from curation.pipeline import Outcome
from curation.records import Decision, decisions_frame, draw
from curation.task import AnswerTable, SelectTable

Arm = Literal["curated", "raw", "control"]


@dataclass(frozen=True)
class SelectStep:
    """Step `select`: holds unjudged samples where [select] says so, then keeps at most `keep`, spread over labels."""

    table: SelectTable
    seed: int
    answer: AnswerTable
    name: str = "select"
    scope: Literal["sample", "table"] = "table"

    def __call__(self, samples: pl.DataFrame) -> Outcome:
        """Quarantine the unjudged where they are held; drop what exceeds its label's share of the quota."""
        held: list[Decision] = []
        if self.table.unjudged == "hold":
            unjudged = pl.col("judged").eq_missing("unjudged")
            held = [self._hold(ident) for ident in samples.filter(unjudged)["id"]]
            samples = samples.filter(~unjudged)
        return Outcome(decisions_frame([*held, *self._over_quota(samples)]))

    def describe(self) -> dict[str, JsonValue]:
        """The [select] table and the seed."""
        return {**self.table.model_dump(mode="json"), "seed": self.seed}

    def _hold(self, ident: str) -> Decision:
        words = "no judge of another family could grade it, and [select] unjudged is hold"
        return Decision(sample=ident, step=self.name, action="quarantine", reason="unjudged", words=words)

    def _over_quota(self, samples: pl.DataFrame) -> list[Decision]:
        keep = self.table.keep
        if keep is None or samples.height <= keep:
            return []
        groups: dict[str, list[tuple[float, int, str]]] = {}
        for place, row in enumerate(samples.select("id", "request_key", "index", "labels").iter_rows(named=True)):
            chance = draw(self.seed, "select", row["request_key"], row["index"])
            groups.setdefault(self._group(row), []).append((chance, place, row["id"]))
        shares = spread({name: len(rows) for name, rows in groups.items()}, keep, self.seed)
        over = [
            (place, ident, name)
            for name, rows in groups.items()
            for _, place, ident in sorted(rows)[shares[name] :]
        ]  # fmt: skip
        return [self._drop(ident, name, len(groups[name]), shares[name]) for _, ident, name in sorted(over)]

    def _group(self, row: Mapping[str, Any]) -> str:
        labels = None if row["labels"] is None else json.loads(row["labels"])
        return (target(labels, self.answer) or "") if self.table.per_label else ""

    def _drop(self, ident: str, group: str, found: int, share: int) -> Decision:
        of = f"label {group!r}" if group else "samples without a label" if self.table.per_label else "all samples"
        words = f"not drawn: {of}: {found} passed, the share of the quota of {self.table.keep} is {share}"
        return Decision(sample=ident, step=self.name, action="drop", reason="quota", words=words, number=share)


def spread(sizes: Mapping[str, int], quota: int, seed: int) -> dict[str, int]:
    """How many of each group fit a quota: equal shares, what small groups leave free goes to the others.

    >>> spread({"a": 100, "b": 3, "c": 100}, 23, seed=0)
    {'a': 10, 'b': 3, 'c': 10}
    """
    shares = dict.fromkeys(sizes, 0)
    left = min(quota, sum(sizes.values()))
    while left:
        open_groups = [g for g in sizes if shares[g] < sizes[g]]
        each = left // len(open_groups)
        if each == 0:
            open_groups = sorted(open_groups, key=lambda g: draw(seed, "spread", g))[:left]
            each = 1
        for group in open_groups:
            given = min(each, sizes[group] - shares[group])
            shares[group] += given
            left -= given
    return shares


HELD_BACK = ("scrub", "protected")
"""Steps whose drops and quarantines leave the house in no arm: personal data, and rows of protected sets."""


def arm_of(samples: pl.DataFrame, arm: Arm) -> pl.DataFrame:
    """The samples of one arm, in plan order: kept ones, all answered ones, or the random ones of the kept size.

    `raw` is what one would train on without curation, so it holds what checks, dedup and judges turned away.
    """
    taken = {"curated": pl.col("state") == "kept", "raw": pl.lit(value=True), "control": pl.col("control")}[arm]
    may_leave = pl.col("answer").is_not_null() & ~pl.col("step").fill_null("").is_in(HELD_BACK)
    return samples.filter(may_leave & taken)


def control_arm(samples: pl.DataFrame, seed: int) -> pl.DataFrame:
    """For all samples, `id` and `control`: a random draw from the raw arm, as many as were kept.

    The arm that curation must beat: the same number of rows, taken without looking.
    """
    kept = int((samples["state"] == "kept").sum())
    raw = arm_of(samples, "raw").select("request_key", "index", "position", "id")
    drawn = sorted((draw(seed, "control", key, index), place, ident) for key, index, place, ident in raw.iter_rows())
    chosen = [ident for _, _, ident in drawn[:kept]]
    return samples.select("id", control=pl.col("id").is_in(chosen))
