"""Scores a run against the answer key of simulated teachers: which injected faults were caught, which good rows lost.

Beside the practice server, this is the only reader of the answer key; nothing in a run depends on it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from pydantic import JsonValue

from curation.records import sample_of

REDUNDANT = frozenset({"duplicate", "exact_duplicate", "near_duplicate", "protected", "quota"})
"""Reasons that are no verdict on an answer; a good row dropped for one of these was not wronged."""


@dataclass(frozen=True)
class FaultRow:
    """One kind of injected fault: how many samples carry it and what became of them."""

    fault: str
    injected: int
    caught: int
    mended: int
    """The answer that counts no longer has it: it was repaired, or asked again."""
    missed: int


@dataclass(frozen=True)
class FaultTable:
    """Injected faults by kind, and the fault-free samples that were dropped all the same."""

    rows: tuple[FaultRow, ...]
    clean: int
    wrongly_dropped: int
    kept_wrong_share: float
    raw_wrong_share: float

    def as_dict(self) -> dict[str, JsonValue]:
        """For `demo --json`."""
        return {
            "simulated_teachers": True,
            "faults": {r.fault: {k: v for k, v in vars(r).items() if k != "fault"} for r in self.rows},
            "clean": self.clean,
            "wrongly_dropped": self.wrongly_dropped,
            "raw_wrong_share": round(self.raw_wrong_share, 4),
            "kept_wrong_share": round(self.kept_wrong_share, 4),
        }


Injected = Callable[[str, str, int], Iterable[str]]
"""(practice model, prompt text, sample index) -> the faults put into that reply: `PracticeServer.injected`."""


def fault_table(samples: pl.DataFrame, models: Mapping[str, str], injected_by: Injected) -> FaultTable:
    """Join each sample with the faults its simulated teacher injected into it.

    `models` maps the teacher names of task.toml to practice models. A fault counts as caught when its sample is not
    kept; a leak also when the answer was edited, since scrubbing it is the cure. A reply that was cut, refused or in
    no readable form, and came right when it was repaired or asked again, is mended and no longer has that fault.
    """
    injected, caught, mended = Counter[str](), Counter[str](), Counter[str]()
    clean = wrongly = answered = wrong = kept = kept_wrong = 0
    for row in samples.iter_rows(named=True):
        faults, cured = _faults(row, models, injected_by)
        answered += 1
        wrong += bool({"wrong", "other"} & faults)
        kept += row["state"] == "kept"
        kept_wrong += row["state"] == "kept" and bool({"wrong", "other"} & faults)
        clean += not faults
        wrongly += not faults and row["state"] == "dropped" and row["reason"] not in REDUNDANT
        injected.update(faults | cured)
        mended.update(cured)
        caught.update(f for f in faults if row["state"] != "kept" or (f == "leak" and row["edited"]))
    rows = tuple(FaultRow(f, n, caught[f], mended[f], n - caught[f] - mended[f]) for f, n in injected.most_common())
    return FaultTable(rows, clean, wrongly, kept_wrong / max(kept, 1), wrong / max(answered, 1))


def _faults(row: Mapping[str, Any], models: Mapping[str, str], injected_by: Injected) -> tuple[set[str], set[str]]:
    """The faults a sample has, and those its first reply had and the answer that counts has no more."""
    sample = sample_of(row)
    faults = set(injected_by(models[sample.teacher], sample.prompt, sample.index))
    cured = faults & ({"malformed", "refusal"} if sample.mode in ("repaired", "reasked") else set())
    cured |= faults & {"truncated"} if sample.stop != "length" else set()
    return faults - cured, cured
