"""Passes what goes wrong rarely enough, by the exact upper bound of its rate; none in too few items proves nothing."""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated, NamedTuple

from pydantic import Field

from curation.evaluation import Evaluation
from curation.shares import percent
from judges.gate import GateDecision, GateRule, Outcome

Mark = tuple[str, float]
"""An item's cluster, and how far it goes wrong: 0 or 1, or the share of its repeats that do."""


class Bounds(NamedTuple):
    """A rate, its one-sided bounds, and what they rest on."""

    mean: float | None
    """Over clusters; None where there are none."""
    low: float
    high: float
    items: int
    clusters: int


class Rate(GateRule):
    """PASS when at most `margin` of the items surely go wrong, FAIL when surely more do, whatever the baseline does.

    The bounds are those of Clopper and Pearson (1934), each erring with alpha at most. Where items come in clusters
    the rate is the mean over clusters: for its upper bound a cluster counts when anything in it goes wrong, for its
    lower bound when everything does. With fewer clusters than would show the limit if nothing went wrong, the
    decision is INVALID (unless it is FAIL already) and says how many are needed: 2,995 for 0.1 % at alpha 0.05.
    """

    margin: Annotated[float, Field(gt=0, lt=1)]
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    max_unscored: Annotated[float, Field(ge=0, lt=1)] = 0.02
    min_clusters: Annotated[int, Field(ge=2)] = 2
    items: str = "items"
    groups: str = "groups"

    def __call__(self, candidate: Evaluation, baseline: Evaluation) -> GateDecision:
        """Decide from the candidate's items alone; one goes wrong as far as its score is below 1."""
        scored = [(i.cluster, 1 - i.score) for i in candidate.items if i.score is not None]
        return self.of(scored, len(candidate.items) - len(scored))

    def of(self, marks: Sequence[Mark], unscored: int = 0) -> GateDecision:
        """Decide from marks, and from how many items beside them nobody could score."""
        total, found = len(marks) + unscored, bounds_of(marks, self.alpha)
        if unscored > self.max_unscored * total:
            cause = f"{unscored:,} of {total:,} {self.items} have no score, more than {percent(self.max_unscored)}"
            return self._decision("INVALID", found, f"The rate cannot be told: {cause}: INVALID.")
        outcome, therefore = self._outcome(found)
        decision = self._decision(outcome, found, f"{self._said(found)}, {therefore}: {outcome}.")
        if outcome == "INVALID":
            return decision
        return decision.model_copy(update={"estimate": found.mean, "ci": (found.low, found.high)})

    def _outcome(self, found: Bounds) -> tuple[Outcome, str]:
        limit = f"the allowed {percent(self.margin, '.3g')}"
        if found.low > self.margin:
            return "FAIL", f"which is surely more than {limit}"
        needed = max(none_needed(self.margin, self.alpha), self.min_clusters)
        if found.clusters < needed:
            what = f"{found.clusters:,} {self.groups} show nothing about {limit}"
            return "INVALID", f"and {what}: {needed:,} without any are needed"
        if found.high > self.margin:
            return "INCONCLUSIVE", f"which does not settle whether it is more than {limit}"
        return "PASS", f"so it is at most {limit}"

    def _said(self, found: Bounds) -> str:
        if found.mean is None:
            return f"Nobody looked at any {self.items}"
        bound = f"at most {percent(found.high, '.3g')} at {percent(1 - self.alpha, 'g')} confidence"
        return f"{percent(found.mean, '.3g')} of {found.items:,} {self.items} go wrong ({bound})"

    def _decision(self, outcome: Outcome, found: Bounds, sentence: str) -> GateDecision:
        return GateDecision(
            outcome=outcome,
            estimate=None,
            ci=None,
            margin=self.margin,
            n=found.items,
            clusters=found.clusters,
            alpha_spent=0.0 if outcome == "INVALID" else self.alpha,
            sentence=sentence,
        )


def bounds_of(marks: Sequence[Mark], alpha: float) -> Bounds:
    """The rate that marks show, each bound erring with alpha at most; the whole of 0..1 of no marks.

    >>> bounds_of([("a", 1), ("a", 0), ("b", 0)], 0.05).mean
    0.25
    """
    shares: dict[str, list[float]] = defaultdict(list)
    for cluster, share in marks:
        shares[cluster].append(share)
    n = len(shares)
    return Bounds(
        mean=math.fsum(math.fsum(s) / len(s) for s in shares.values()) / n if n else None,
        low=lower_bound(sum(min(s) == 1 for s in shares.values()), n, alpha),
        high=upper_bound(sum(max(s) > 0 for s in shares.values()), n, alpha),
        items=len(marks),
        clusters=n,
    )


def upper_bound(events: int, n: int, alpha: float) -> float:
    """The one-sided upper bound of Clopper and Pearson: a larger rate would give so few events with alpha at most.

    >>> round(upper_bound(0, 100, 0.05), 4), round(upper_bound(3, 3, 0.05), 4)
    (0.0295, 1.0)
    """
    from scipy.special import betaincinv

    return 1.0 if events >= n else float(betaincinv(events + 1, n - events, 1 - alpha))


def lower_bound(events: int, n: int, alpha: float) -> float:
    """The one-sided lower bound of Clopper and Pearson.

    >>> round(lower_bound(100, 100, 0.05), 4), lower_bound(0, 100, 0.05)
    (0.9705, 0.0)
    """
    from scipy.special import betaincinv

    return 0.0 if events <= 0 else float(betaincinv(events, n - events + 1, alpha))


def none_needed(limit: float, alpha: float = 0.05) -> int:
    """How many items without a single event show a rate of at most `limit`.

    >>> [none_needed(limit) for limit in (0.01, 0.005, 0.001)]
    [299, 598, 2995]
    """
    return math.ceil(math.log(alpha) / math.log1p(-limit))
