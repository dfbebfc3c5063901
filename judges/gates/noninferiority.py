"""Passes a student that is not worse than the baseline by more than a margin, paired by item and clustered."""

from typing import Annotated

from pydantic import Field

from curation.evaluation import Evaluation, ItemScore
from curation.shares import percent
from judges.estimate import Estimate, paired_difference
from judges.gate import GateDecision, GateRule, Outcome
from judges.power import items_needed

Pair = tuple[ItemScore, ItemScore]


class Noninferiority(GateRule):
    """PASS when the lower bound of the paired difference lies above -margin, FAIL when the upper one lies below it.

    Both bounds err with alpha at most; anything between is INCONCLUSIVE, and a comparison that cannot be made
    (other items, too many without a score) is INVALID before any score is looked at.
    """

    margin: Annotated[float, Field(gt=0, lt=1)]
    alpha: Annotated[float, Field(gt=0, lt=0.5)]
    max_unscored: Annotated[float, Field(ge=0, lt=1)] = 0.02
    min_clusters: Annotated[int, Field(ge=2)] = 20
    items: str = "holdout items"
    groups: str = "groups"

    def __call__(self, candidate: Evaluation, baseline: Evaluation) -> GateDecision:
        """Decide from the items both evaluations scored."""
        if cause := _mismatch(candidate, baseline):
            return self._invalid(candidate, cause)
        others = {i.item: i for i in baseline.items}
        pairs = [(i, others[i.item]) for i in candidate.items]
        scored = [(a, b) for a, b in pairs if a.score is not None and b.score is not None]
        clusters = {a.cluster for a, _ in scored}
        if cause := self._unusable(len(pairs), len(scored), len(clusters)):
            return self._invalid(candidate, cause)
        estimate = paired_difference([_difference(p) for p in scored], [a.cluster for a, _ in scored], self.alpha)
        return self._decision(estimate, _said(candidate), _said(baseline))

    def _unusable(self, items: int, scored: int, clusters: int) -> str | None:
        unscored = items - scored
        if unscored > self.max_unscored * items:
            return (
                f"{unscored} of {items} {self.items} have no score, more than the allowed {percent(self.max_unscored)}"
            )
        if clusters < 2:
            return f"all items come from {clusters} of the {self.groups}, and at least 2 are needed"
        return None

    def _invalid(self, candidate: Evaluation, cause: str) -> GateDecision:
        return GateDecision(
            outcome="INVALID",
            estimate=None,
            ci=None,
            margin=self.margin,
            n=len(candidate.items),
            clusters=len({i.cluster for i in candidate.items}),
            alpha_spent=0.0,
            sentence=f"The comparison cannot be made: {cause}: INVALID.",
        )

    def _decision(self, estimate: Estimate, candidate: str, baseline: str) -> GateDecision:
        outcome, therefore = self._outcome(estimate)
        level = percent(1 - 2 * self.alpha, "g")
        sentence = (
            f"The {candidate} student is {_points(estimate.mean)} the {baseline} one on {estimate.n:,} {self.items} "
            f"from {estimate.clusters:,} {self.groups} ({level} interval {100 * estimate.low:.1f} to "
            f"{100 * estimate.high:.1f}), {therefore}: {outcome}."
        )
        return GateDecision(
            outcome=outcome,
            estimate=estimate.mean,
            ci=(estimate.low, estimate.high),
            margin=self.margin,
            n=estimate.n,
            clusters=estimate.clusters,
            alpha_spent=self.alpha,
            sentence=sentence,
        )

    def _outcome(self, estimate: Estimate) -> tuple[Outcome, str]:
        allowed = f"by more than the allowed {100 * self.margin:g} points"
        if estimate.high < -self.margin:
            return "FAIL", f"so it is worse {allowed}"
        if estimate.low <= -self.margin:
            return "INCONCLUSIVE", f"which does not settle whether it is worse {allowed}{self._enough(estimate)}"
        if estimate.clusters < self.min_clusters:
            return "INCONCLUSIVE", f"but fewer than {self.min_clusters} {self.groups} are too few to release on"
        return "PASS", f"so it is not worse {allowed}"

    def _enough(self, estimate: Estimate) -> str:
        """How many items would probably settle it, where more items can."""
        if estimate.mean <= -self.margin:
            return ""
        needed = items_needed(
            self.margin, estimate.sd, alpha=self.alpha, deff=max(1.0, estimate.deff), effect=min(0.0, estimate.mean)
        )
        return f" (about {needed:,} would)" if estimate.n < needed < 100 * estimate.n else ""


def _mismatch(candidate: Evaluation, baseline: Evaluation) -> str | None:
    """Why the two evaluations are not of the same items, or None."""
    if candidate.metric != baseline.metric:
        return f"one was measured by {candidate.metric}, the other by {baseline.metric}"
    if not candidate.items:
        return "the candidate was measured on no item"
    sides = [{i.item: (i.cluster, i.expected) for i in e.items} for e in (candidate, baseline)]
    if len(sides[0]) != len(candidate.items) or len(sides[1]) != len(baseline.items):
        return "an item was measured twice"
    if candidate.holdout != baseline.holdout or sides[0] != sides[1]:
        apart = len(set(sides[0].items()) ^ set(sides[1].items()))
        return f"the two were not measured on the same holdout (items that differ: {apart})"
    return None


def _difference(pair: Pair) -> float:
    candidate, baseline = pair
    return (candidate.score or 0.0) - (baseline.score or 0.0)


def _said(evaluation: Evaluation) -> str:
    return evaluation.arm or evaluation.student


def _points(mean: float) -> str:
    points = f"{abs(100 * mean):.1f}"
    if points == "0.0":
        return "as good as"
    return f"{points} points {'better' if mean > 0 else 'worse'} than"
