"""A policy's verdicts as a labelled set, for teaching a compact classifier: one row for each answer and rule.

The label is a person's where a person ruled on the rule, else what most judges said by name, else what the rule's own
check found. Kept and dropped answers are in it, because breaches are mostly among the dropped. Gold rows, whatever
resembles a protected text, and samples that still wait for a person are not.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import polars as pl
from pydantic import JsonValue

from curation.decontaminate import ProtectStep
from curation.errors import InputError
from curation.policy import Kind, Policy, PolicyRule
from curation.policy_checks import check_of
from curation.quarantine import STEP
from curation.records import Record, Sample, sample_of
from curation.run import protected_texts
from curation.scrub.scrubber import Scrubber
from curation.select import arm_of
from curation.store.durable import write_durably
from curation.store.store import Store
from curation.store.verdicts import Verdicts
from curation.store.versions import HEAD
from curation.task import AnswerTable, Task
from judges.grading import answer_text
from judges.policy import policy_of, rubrics_of
from judges.policy_rates import SaidByJudge, judge_votes, together

Source = Literal["check", "judge", "human"]


class Labelled(Record):
    """One answer, one rule, and whether the answer breaks it."""

    id: str
    """The sample's."""
    text: str
    """Prompt and answer as they are stored: scrubbed."""
    rule: str
    violated: bool
    source: Source
    votes: int
    agreement: float
    """The share of the votes that say so: a weight."""


class Exported(Record):
    """What was written, and what was left out by why."""

    path: str
    version: str
    rules: tuple[str, ...]
    rows: int
    violated: int
    by_source: dict[str, int]
    contradicted: int
    """Rows whose check says otherwise than the judges or person whose word was taken."""
    left_out: dict[str, int]

    def as_dict(self) -> dict[str, JsonValue]:
        """The line `policy export --json` prints."""
        return self.model_dump(mode="json")


class Label(NamedTuple):
    """What one source says."""

    violated: bool
    source: Source
    votes: int = 1
    agreement: float = 1.0


def export_policy(
    task: Task, store: Store, out: Path, version: str = HEAD, kinds: Sequence[Kind] = ("safety",)
) -> Exported:
    """Write the labelled set of a version as JSON lines; InputError where nothing can be labelled."""
    policy, found = policy_of(task), store.versions.resolve(version)
    rules = [rule for rule in policy.rules if rule.kind in kinds]
    if not rules:
        raise InputError(f"the policy {policy.name!r} has no rule of kind {' or '.join(kinds)}")
    verdicts = Verdicts(store.replies_db).read()
    votes = judge_votes(verdicts, policy, rubrics_of(task))
    samples, left_out = leaving(task, store, store.versions.samples(found))
    left_out["gold"] = len({v.subject for v in verdicts if v.kind == "gold"})
    known = Labeller(policy, task.answer, votes, approved(store.versions.decisions(found)), left_out)
    pairs = [pair for rule in rules for pair in known.rows(rule, samples)]
    rows = [row for row, _ in pairs]
    if not rows:
        raise InputError(f"no answer of version {found[:12]} can be labelled by {', '.join(r.id for r in rules)}")
    lines = (json.dumps(row.model_dump(), ensure_ascii=False).encode() + b"\n" for row in rows)
    write_durably(out, b"".join(lines))
    return Exported(
        path=str(out),
        version=found,
        rules=tuple(rule.id for rule in rules),
        rows=len(rows),
        violated=sum(row.violated for row in rows),
        by_source=dict(Counter(row.source for row in rows)),
        contradicted=sum(against for _, against in pairs),
        left_out={why: n for why, n in left_out.items() if n},
    )


def leaving(task: Task, store: Store, samples: pl.DataFrame) -> tuple[list[Sample], Counter[str]]:
    """The answers that may leave, and how many were left out because they wait, are protected or hold no answer."""
    left_out: Counter[str] = Counter()
    waiting = samples.filter(pl.col("state") == "quarantined")
    left_out["quarantined"] = waiting.height
    rest = samples.filter(pl.col("state") != "quarantined")
    may = arm_of(rest, "raw")
    left_out["unanswered or held back"] = rest.height - may.height
    texts = protected_texts(task, store, Scrubber.today(task.scrub, store.keys.scrub))
    alike = ProtectStep(task.protect, texts)(may).decisions["sample"]
    clean = may.filter(~pl.col("id").is_in(alike.implode()))
    left_out["protected"] = may.height - clean.height
    return [sample_of(row) for row in clean.iter_rows(named=True)], left_out


def approved(decisions: pl.DataFrame) -> frozenset[tuple[str, str]]:
    """Sample and rule where a person let through what the rule's check had held: to them, it does not break it."""
    mine = decisions.filter((pl.col("step") == STEP) & (pl.col("reason") == "approved"))
    known = ((sample, json.loads(evidence or "{}")) for sample, evidence in mine["sample", "evidence"].iter_rows())
    return frozenset((sample, evidence["rule"]) for sample, evidence in known if "rule" in evidence)


@dataclass(frozen=True)
class Labeller:
    """All that is known about answers and rules; `left_out` counts what cannot be labelled."""

    policy: Policy
    answer: AnswerTable
    votes: SaidByJudge
    approved: frozenset[tuple[str, str]]
    left_out: Counter[str]

    def rows(self, rule: PolicyRule, samples: Iterable[Sample]) -> Iterator[tuple[Labelled, bool]]:
        """Each answer the rule applies to with its label, and whether the rule's check says otherwise."""
        check = check_of(rule, self.policy)
        applies, look = check.applying(), check.open(self.answer) if rule.has_check else None
        for sample in samples:
            found = None if look is None else look(sample) is not None
            label = self._label(rule, sample, found) if applies(sample) else "rule does not apply"
            if isinstance(label, str):
                self.left_out[label] += 1
                continue
            text = f"{sample.prompt}\n\n{answer_text(sample)}"
            row = Labelled(id=sample.id, text=text, rule=rule.id, **label._asdict())
            yield row, found is not None and found != label.violated

    def _label(self, rule: PolicyRule, sample: Sample, found: bool | None) -> Label | str:
        """What is known of one answer and rule, or why nothing is."""
        if (sample.id, rule.id) in self.approved:
            return Label(violated=False, source="human")
        said = together(self.votes.get((sample.id, rule.id), {}).values())
        if said.violated is not None:
            return Label(said.violated, "judge", said.readable, round(said.agreement, 4))
        if said.readable:
            return "split"
        if found is not None:
            return Label(found, "check")
        return "unscored" if said.unscored else "nobody was asked"
