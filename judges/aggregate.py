"""Turns the votes of a panel on one sample into one ruling: by majority, and by what each judge showed on gold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import JsonValue

from curation.records import Record
from curation.shares import percent
from judges.abstain import Threshold, threshold_for
from judges.effective import Effective, effective_interval, effective_votes
from judges.inversion import cluster_mean, inversion
from judges.qualify import Rules, Standing, VoteTable, slice_names, standings, twins
from judges.weighing import cross_validated, fitted, gold_weights, majority_sign, score, slice_of_rows, weighted_sign

__all__ = [
    "Effective", "Fit", "Judged", "PanelVote", "Rules", "Ruling", "Standing", "VoteTable",
    "effective_interval", "effective_votes", "fit", "gold_weights", "majority", "majority_sign", "weighted_sign",
]  # fmt: skip

Judged = Literal["agreed", "rejected", "split", "unjudged"]


class PanelVote(Record):
    """One judge's vote on one sample; `unscored` leaves the count and stays visible with its reason."""

    judge: str
    family: str
    vote: Literal["accept", "reject", "unscored"]
    reason: str

    def as_evidence(self) -> dict[str, JsonValue]:
        """The vote as a decision's evidence holds it."""
        return self.model_dump(mode="json")


class Ruling(Record):
    """What the panel made of a sample: `judged`, and how many of all its votes accepted, rejected, were not scored.

    `share` is the weighted accept share of the readable votes that weigh something. A share near one half is `split`;
    so is evidence too weak for the stated risk, and then the panel `abstained`. `why` is the ruling in words.
    """

    judged: Judged
    accept: int
    reject: int
    unscored: int
    share: float | None = None
    abstained: bool = False
    why: str = ""


def majority(votes: Sequence[PanelVote], quorum: int = 1) -> Ruling:
    """The majority of the scored votes; a tie is `split`, fewer scored votes than the quorum `unjudged`.

    >>> accept = PanelVote(judge="a", family="alder", vote="accept", reason="")
    >>> majority([accept, accept.model_copy(update={"vote": "unscored"})]).judged
    'agreed'
    """
    count = {kind: sum(v.vote == kind for v in votes) for kind in ("accept", "reject", "unscored")}
    accept, reject = count["accept"], count["reject"]
    judged: Judged
    if accept + reject < quorum:
        judged = "unjudged"
    elif accept == reject:
        judged = "split"
    else:
        judged = "agreed" if accept > reject else "rejected"
    share = accept / (accept + reject) if accept + reject else None
    return Ruling(judged=judged, accept=accept, reject=reject, unscored=count["unscored"], share=share)


class Fit(Record):
    """What gold taught about a panel: who votes with which weight, and when it leaves a sample to people.

    `majority_accuracy` is of all judges with equal votes; `weighted_accuracy` of the weighted votes, each row judged by
    weights from the other clusters' gold; in both a tie or no vote counts one half, as it does in the best qualified
    judge's `best_accuracy`. `without` is the weighted accuracy with one voting judge left out. `threshold` is the
    least evidence (log-odds) that is ruled on where a risk is stated. `same` are judges that count as one, the first of
    each group for all.
    """

    standings: tuple[Standing, ...]
    weights: dict[str, float]
    slice_weights: dict[str, dict[str, float]]
    margin: float = 0.1
    threshold: float
    risk: float | None
    risk_reached: bool | None
    risk_words: str = ""
    effective: Effective
    alarm: str | None
    majority_accuracy: float | None
    weighted_accuracy: float | None
    best_judge: str | None
    best_accuracy: float | None
    without: dict[str, float | None]
    same: tuple[tuple[str, ...], ...]

    def rule(self, votes: Sequence[PanelVote], quorum: int = 1, slices: Sequence[str] = ()) -> Ruling:
        """The weighted ruling on one sample, from the votes of the judges that may vote on it.

        A sample in several slices weighs each judge by its lowest weight there.
        """
        counted = majority(votes)
        weights = self._weights_here(votes, slices)
        heard = [v for v in votes if v.vote != "unscored" and weights.get(v.judge, 0.0) > 0]
        if len(heard) < quorum or not heard:
            why = self._why_unjudged(len(heard), quorum)
            return counted.model_copy(update={"judged": "unjudged", "share": None, "why": why})
        accept = sum(weights[v.judge] for v in heard if v.vote == "accept")
        total = sum(weights[v.judge] for v in heard)
        share = accept / total
        near = abs(share - 0.5) < self.margin or accept * 2 == total
        weak = None if near else self._too_weak(abs(2 * accept - total))
        judged: Judged = "split" if near or weak else "agreed" if share > 0.5 else "rejected"
        why = weak or f"{percent(share)} of the weight of {len(heard)} judges accepts it"
        return counted.model_copy(update={"judged": judged, "share": share, "abstained": bool(weak), "why": why})

    def _too_weak(self, strength: float) -> str | None:
        if self.risk_reached is False:
            return f"the panel abstains: {self.risk_words}"
        if strength < self.threshold - 1e-9:
            risk = f"the {self.threshold:.2f} that keeps the risk at {percent(self.risk or 0, '.3g')}"
            return f"the panel abstains: the evidence of its votes is {strength:.2f}, less than {risk}"
        return None

    def _why_unjudged(self, heard: int, quorum: int) -> str:
        if not any(self.weights.values()) and not any(any(w.values()) for w in self.slice_weights.values()):
            return "no judge has earned a vote on gold"
        return f"{heard} readable votes of judges with a vote here, {quorum} needed"

    def _weights_here(self, votes: Sequence[PanelVote], slices: Sequence[str]) -> dict[str, float]:
        """Weights for these votes; of judges that count as one, the first that gave a readable vote stands for all."""
        known = [self.slice_weights[s] for s in slices if s in self.slice_weights] or [self.weights]
        here = {v.judge: min(w.get(v.judge, 0.0) for w in known) for v in votes}
        readable = {v.judge for v in votes if v.vote != "unscored"}
        for group in self.same:
            weight = min(w.get(group[0], 0.0) for w in known)
            stands = next((judge for judge in group if judge in readable), None)
            here.update({judge: weight if judge == stands else 0.0 for judge in group})
        return here


def fit(table: VoteTable, rules: Rules = Rules(), seed: int = 0) -> Fit:  # noqa: B008 - rules are frozen
    """Learn from gold who may vote and with which weight; the same for the same table, rules and seed."""
    found = standings(table, rules, seed)
    gold = table.only(~np.isnan(table.gold_I))
    names = (*slice_names(gold.slices), None)
    role = {(s.slice, s.judge): s.role for s in found}
    allowed_SJ = np.array([[role[name, judge] == "votes" for judge in table.judges] for name in names], dtype=bool)
    weights_SJ = fitted(gold, allowed_SJ, rules.slice_prior)
    by_slice = {
        name: dict(zip(table.judges, map(float, row), strict=True)) for name, row in zip(names, weights_SJ, strict=True)
    }
    overall = by_slice.pop(None)
    panel = _Panel(gold, rules, seed)
    best = panel.best(allowed_SJ[-1])
    risk = panel.threshold(allowed_SJ, weights_SJ)
    return Fit(
        standings=tuple(s.model_copy(update={"weight": by_slice.get(s.slice or "", overall)[s.judge]}) for s in found),
        weights=overall,
        slice_weights={str(name): weights for name, weights in by_slice.items()},
        margin=rules.margin,
        threshold=0.0 if risk is None or risk.value is None else risk.value,
        risk=rules.risk,
        risk_reached=None if risk is None else risk.value is not None,
        risk_words="" if risk is None else risk.words,
        effective=effective_interval(gold.errors_IJ, gold.clusters, seed=seed),
        alarm=inversion(gold, found[: len(table.judges)], rules.least_gold),
        majority_accuracy=panel.accuracy(majority_sign(gold.votes_IJ)),
        weighted_accuracy=panel.weighted(allowed_SJ),
        best_judge=None if best is None else table.judges[best],
        best_accuracy=None if best is None else panel.alone(best),
        without={
            table.judges[j]: panel.without(allowed_SJ, j) for j in map(int, np.flatnonzero(allowed_SJ.any(axis=0)))
        },
        same=tuple(tuple(table.judges[j] for j in group) for group in twins(table.votes_IJ)),
    )


@dataclass(frozen=True)
class _Panel:
    """A panel on its gold rows, and how right it is there by weights from other rows."""

    gold: VoteTable
    rules: Rules
    seed: int

    def accuracy(self, sign_I: np.ndarray) -> float | None:
        mean = cluster_mean(score(sign_I, self.gold.gold_I), self.gold.cluster_I)
        return None if np.isnan(mean) else mean

    def sign(self, allowed_SJ: np.ndarray) -> np.ndarray:
        weights_IJ = cross_validated(self.gold, allowed_SJ, self.rules.slice_prior, self.seed)
        return weighted_sign(self.gold.votes_IJ, weights_IJ)

    def weighted(self, allowed_SJ: np.ndarray) -> float | None:
        return self.accuracy(self.sign(allowed_SJ)) if allowed_SJ.any() else None

    def without(self, allowed_SJ: np.ndarray, j: int) -> float | None:
        others_SJ = allowed_SJ.copy()
        others_SJ[:, j] = False
        return self.weighted(others_SJ)

    def alone(self, j: int) -> float:
        return 1 - cluster_mean(self.gold.errors_IJ[:, j], self.gold.cluster_I)

    def best(self, voting_J: np.ndarray) -> int | None:
        return max((int(j) for j in np.flatnonzero(voting_J)), key=self.alone, default=None)

    def threshold(self, allowed_SJ: np.ndarray, weights_SJ: np.ndarray) -> Threshold | None:
        """The least evidence to rule on, from the rows the panel would rule on otherwise; None without a risk."""
        if self.rules.risk is None:
            return None
        weights_IJ = weights_SJ[slice_of_rows(self.gold)]
        votes_IJ = np.where(np.isnan(self.gold.votes_IJ), 0.0, self.gold.votes_IJ)
        evidence_I, total_I = (votes_IJ * weights_IJ).sum(axis=1), (np.abs(votes_IJ) * weights_IJ).sum(axis=1)
        ruled_I = (np.abs(evidence_I) > 2 * self.rules.margin * total_I - 1e-9) & (np.abs(evidence_I) > 1e-12)
        wrong_I = 1 - score(self.sign(allowed_SJ), self.gold.gold_I)
        clusters = self.gold.cluster_I[ruled_I]
        return threshold_for(np.abs(evidence_I[ruled_I]).round(9), wrong_I[ruled_I], clusters, self.rules.risk)
