"""Checks: each looks at one sample and says drop, quarantine or nothing; `ChecksStep` runs those the task declares.

A check is one file in `curation/checks/`. It decides from its own settings and the sample. One that must know what a
good answer looks like overrides `open(answer)`, which the step calls once, before the first sample.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, cast

import polars as pl
from pydantic import JsonValue

from curation.pipeline import Outcome
from curation.plugins import Plugin
from curation.records import Action, Decision, Sample, decisions_frame, sample_of
from curation.task import AnswerTable


@dataclass(frozen=True)
class Drop:
    """A sample is out: the reason as a code for counting, in words for reading, with the number that decided."""

    reason: str
    words: str
    number: float | None = None
    evidence: Mapping[str, JsonValue] | None = None

    action: ClassVar[Action] = "drop"


@dataclass(frozen=True)
class Quarantine(Drop):
    """A sample waits for a person."""

    action: ClassVar[Action] = "quarantine"


Opened = Callable[[Sample], Drop | None]
"""A check ready to look at samples; Quarantine is a Drop whose action differs."""


class Check(Plugin):
    """Looks at one sample; `action` is what happens to one that it objects to."""

    action: Literal["drop", "quarantine"] = "drop"

    def __call__(self, sample: Sample) -> Drop | Quarantine | None:
        """What is wrong with the sample, or None."""
        raise NotImplementedError

    def open(self, answer: AnswerTable) -> Opened:
        """The check made ready for one task; TaskError when its settings and [answer] do not fit."""
        return self

    def against(
        self, reason: str, words: str, number: float | None = None, evidence: Mapping[str, JsonValue] | None = None
    ) -> Drop | Quarantine:
        """The objection, as a drop or a quarantine as `action` says."""
        kind = Drop if self.action == "drop" else Quarantine
        return kind(reason, words, number, evidence)


def text_of(sample: Sample, field: str | None) -> str:
    """The text a check reads: the answer, or one string field of its labels ('' where there is none)."""
    if field is None:
        return sample.answer or ""
    value = (sample.labels or {}).get(field)
    return value if isinstance(value, str) else ""


def quote(text: str, most: int = 60) -> str:
    """Untrusted text for a sentence: on one line, shortened."""
    plain = " ".join(text.split())
    return repr(plain if len(plain) <= most else plain[: most - 1] + "…")


@dataclass(frozen=True)
class ChecksStep:
    """Step `checks`: the checks in file order; the first that objects decides, and the evidence names it."""

    checks: Sequence[tuple[str, Plugin]]
    answer: AnswerTable
    name: str = "checks"
    scope: Literal["sample", "table"] = "sample"

    @cached_property
    def opened(self) -> list[tuple[str, Opened]]:
        """The checks made ready for the task's answer."""
        return [(name, cast("Check", check).open(self.answer)) for name, check in self.checks]

    def __call__(self, samples: pl.DataFrame) -> Outcome:
        """One decision for each sample a check objects to."""
        found = (self._decide(row) for row in samples.iter_rows(named=True))
        return Outcome(decisions_frame(d for d in found if d is not None))

    def describe(self) -> dict[str, JsonValue]:
        """Each check's settings, in order."""
        return {"checks": [{"name": name, **check.model_dump(mode="json")} for name, check in self.checks]}

    def _decide(self, row: Mapping[str, Any]) -> Decision | None:
        sample = sample_of(row)
        for name, check in self.opened:
            if (found := check(sample)) is not None:
                return Decision(
                    sample=sample.id,
                    step=self.name,
                    action=found.action,
                    reason=found.reason,
                    words=found.words,
                    number=found.number,
                    evidence={"check": name, **(found.evidence or {})},
                )
        return None
