"""The release gate: decides from two recorded evaluations, runs no model, and says so in one sentence."""

from collections.abc import Sequence
from statistics import fmean
from typing import Annotated, Literal, cast

from pydantic import Field, JsonValue

from curation.errors import InputError
from curation.evaluation import Evaluation, ItemScore
from curation.people import OWNER, Person
from curation.plugins import Plugin, build
from curation.records import Record, digest
from curation.store.evaluations import Evaluations
from curation.store.gates import Gates
from curation.store.store import Store
from curation.task import Table

Outcome = Literal["PASS", "FAIL", "INCONCLUSIVE", "INVALID"]


class GateTable(Table):
    """[gate]: what a student must show before it may be released."""

    rule: str = "noninferiority"
    """The rule, a plugin in judges/gates/."""
    baseline: str = "raw"
    """What the candidate is compared with: an arm, a student's name or an evaluation's id."""
    margin: Annotated[float, Field(gt=0, lt=1)] = 0.02
    """How much worse the candidate may be: 0.02 is two points of accuracy."""
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.025
    """Chance of passing a candidate that is worse by the whole margin; 0.025 goes with a 95 % interval."""
    max_unscored: Annotated[float, Field(ge=0, lt=1)] = 0.02
    """A larger share of items without a score makes the comparison INVALID."""
    min_clusters: Annotated[int, Field(ge=2)] = 20
    """With fewer groups of items a PASS is withheld."""
    items: str = "holdout items"
    """What one item is called in the sentence: `messy messages`."""
    groups: str = "groups"
    """What one cluster of items is called: `customers`."""


class GateDecision(Record):
    """What the gate decided; estimate and interval are None when it is INVALID."""

    outcome: Outcome
    estimate: float | None
    ci: tuple[float, float] | None
    margin: float
    n: int
    clusters: int
    alpha_spent: float
    sentence: str

    def as_dict(self) -> dict[str, JsonValue]:
        """The line `gate --json` prints."""
        return {
            "outcome": self.outcome,
            "estimate": None if self.estimate is None else round(self.estimate, 6),
            "ci": None if self.ci is None else [round(x, 6) for x in self.ci],
            "margin": self.margin,
            "n": self.n,
            "clusters": self.clusters,
            "alpha_spent": self.alpha_spent,
        }


class GateRule(Plugin):
    """A way of deciding: its fields are the settings of [gate] that it uses."""

    def __call__(self, candidate: Evaluation, baseline: Evaluation) -> GateDecision:
        """Decide about the candidate."""
        raise NotImplementedError


def decide(candidate: Evaluation, baseline: Evaluation, gate: GateTable) -> GateDecision:
    """The decision of the gate's rule about two evaluations of the same holdout."""
    settings = gate.model_dump(exclude={"rule", "baseline"})
    rule = cast("GateRule", build("judges.gates", gate.rule, settings, "task.toml [gate]"))
    return rule(candidate, baseline)


def decide_and_record(
    store: Store, candidate: Evaluation, baseline: Evaluation, gate: GateTable, who: Person = OWNER
) -> GateDecision:
    """Decide, and put the decision with its settings into the store and the ledger; Forbidden where `who` may not."""
    who.require("decide_gate")
    decision = decide(candidate, baseline, gate)
    settings = gate.model_dump(mode="json")
    body = {**decision.as_dict(), "settings": settings, "gate": digest(settings), "holdout": candidate.holdout}
    Gates(store.state).save(candidate.id, baseline.id, decision.outcome, decision.sentence, body, store.ledger)
    return decision


def evaluation_named(store: Store, name: str) -> Evaluation:
    """The evaluation of that id, or all of that student or arm pooled over their seeds; UnknownRecord otherwise."""
    table = Evaluations(store.state)
    everything = table.list()
    if any(e.id == name for e in everything):
        return table.load(name)
    of_student = [e for e in everything if e.student == name]
    chosen = of_student or [e for e in everything if e.arm == name]
    if not chosen:
        return table.load(name)
    newest = chosen[-1]
    return pool(
        [e for e in chosen if (e.holdout, e.version, e.metric) == (newest.holdout, newest.version, newest.metric)]
    )


def pool(evaluations: Sequence[Evaluation]) -> Evaluation:
    """One evaluation whose item scores are means over seeds, so that repeats count inside an item, not as items.

    An item unscored under any seed stays unscored. Raises InputError when the items differ.
    """
    first = evaluations[0]
    if len(evaluations) == 1:
        return first
    keys = [[(i.item, i.cluster, i.expected) for i in e.items] for e in evaluations]
    if any(k != keys[0] for k in keys[1:]):
        raise InputError(f"the evaluations of {first.arm or first.student} are not of the same items")
    items = tuple(_mean(scores) for scores in zip(*(e.items for e in evaluations), strict=True))
    name = f"{first.arm or first.student} ({len(evaluations)} seeds)"
    scored = [i.score for i in items if i.score is not None]
    summary: dict[str, JsonValue] = {"n": len(items), "accuracy": fmean(scored) if scored else None}
    ident = "+".join(e.id for e in evaluations)
    update = {"id": ident, "student": name, "seed": None, "items": items, "summary": summary}
    return first.model_copy(update=update)


def _mean(scores: Sequence[ItemScore]) -> ItemScore:
    values = [s.score for s in scores if s.score is not None]
    mean = fmean(values) if len(values) == len(scores) else None
    return scores[0].model_copy(update={"predicted": None, "score": mean, "confidence": None, "milliseconds": None})
