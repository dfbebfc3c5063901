"""Runs any list of steps over samples and counts what became of each.

A step takes a polars frame of the samples still alive and returns an Outcome: a frame of decisions and, for a step
that edits, new columns. Dropped samples keep their row and their reason for ever.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import polars as pl
from pydantic import JsonValue

from curation.records import DECISIONS


@dataclass(frozen=True)
class Outcome:
    """What one step decided: `decisions` has the DECISIONS schema; `columns` holds `id` and replaced columns.

    `notices` are lines a person should read: what is odd about the table as a whole.
    """

    decisions: pl.DataFrame
    columns: pl.DataFrame | None = None
    notices: tuple[str, ...] = ()


class Step(Protocol):
    """A part of the pipeline; `scope` says whether it may be run chunk by chunk."""

    @property
    def name(self) -> str:
        """The name decisions carry."""
        ...

    @property
    def scope(self) -> Literal["sample", "table"]:
        """`sample`: looks at one row at a time; `table`: needs all rows."""
        ...

    def __call__(self, samples: pl.DataFrame) -> Outcome:
        """Decide about samples (schema SAMPLES, all with state `kept`)."""
        ...

    def describe(self) -> dict[str, JsonValue]:
        """Settings, for the recipe and the manifest; equal settings give equal decisions."""
        ...


Overrule = Callable[[pl.DataFrame, Outcome], Outcome]
"""A person's say: given the samples a step saw and its outcome, the outcome that counts."""


def _untold(_: str) -> None:
    """Nobody listens."""


def apply(
    samples: pl.DataFrame,
    steps: Sequence[Step],
    overrule: Overrule | None = None,
    notice: Callable[[str], None] = _untold,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Run the steps in order over the living samples; (all samples with final state, all decisions)."""
    decisions: list[pl.DataFrame] = []
    for step in steps:
        living = samples.filter(pl.col("state") == "kept")
        outcome = step(living)
        for line in outcome.notices:
            notice(f"{step.name}: {line}")
        if overrule is not None:
            outcome = overrule(living, outcome)
        samples = _settle(samples, outcome)
        decisions.append(outcome.decisions)
    return samples, pl.concat([pl.DataFrame(schema=DECISIONS), *decisions])


def _settle(samples: pl.DataFrame, outcome: Outcome) -> pl.DataFrame:
    if outcome.columns is not None:
        samples = samples.update(outcome.columns, on="id", how="left", include_nulls=True)
    edited = outcome.decisions.filter(pl.col("action") == "edit")["sample"].unique().implode()
    final = (
        outcome.decisions.filter(pl.col("action").is_in(["drop", "quarantine", "fail"]))
        .group_by("sample", maintain_order=True)
        .first()
        .select(
            pl.col("sample").alias("id"),
            pl.col("action")
            .replace_strict({"drop": "dropped", "quarantine": "quarantined", "fail": "failed"})
            .alias("state"),
            "reason",
            "step",
        )
    )
    return samples.update(final, on="id", how="left").with_columns(edited=pl.col("edited") | pl.col("id").is_in(edited))
