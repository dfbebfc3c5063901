"""Turns the votes on one sample into its decision, with the votes, their weights and the plain majority as evidence."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from curation.records import Action, Decision, Sample
from judges.aggregate import Fit, PanelVote, Ruling, majority


@dataclass(frozen=True)
class Judged:
    """A sample's ruling (`agreed`, `rejected`, `split`, `unjudged`), its decision, and the votes behind them."""

    judged: str
    decision: Decision
    votes: tuple[PanelVote, ...]
    cluster: str


def ruled(sample: Sample, votes: Sequence[PanelVote], fit: Fit | None, quorum: int) -> Judged:
    """What becomes of a sample: judges that earned a vote decide, else what was said is advice."""
    plain = majority(votes, quorum)
    weights = fit.weights if fit else {}
    voters = [v for v in votes if fit is not None and may_vote(fit, v.judge)]
    if fit is None or not voters:
        action, reason, words, number = "keep", "unjudged", _advice(votes, plain), None
        judged = "unjudged"
    else:
        ruling = fit.rule(votes, quorum, sample.tags)
        action, reason, words = _words(ruling, len(voters), quorum)
        judged, number = ruling.judged, ruling.share
    said: list[JsonValue] = [{**v.as_evidence(), "weight": round(weights.get(v.judge, 0.0), 4)} for v in votes]
    evidence: dict[str, JsonValue] = {"votes": said, "majority": plain.judged}
    decision = Decision(
        sample=sample.id,
        step="judges",
        action=action,
        reason=reason,
        words=words,
        number=number,
        evidence=evidence if votes else None,
    )
    return Judged(judged, decision, tuple(votes), sample.group or sample.prompt_id)


def may_vote(fit: Fit, judge: str) -> bool:
    """Whether a judge, or one that counts as the same judge, has earned a vote on all gold rows or in some slice."""
    alike = next((group for group in fit.same if judge in group), (judge,))
    return any(weights.get(name, 0.0) > 0 for weights in (fit.weights, *fit.slice_weights.values()) for name in alike)


def _advice(votes: Sequence[PanelVote], plain: Ruling) -> str:
    if not votes:
        return "no judge may judge it"
    scored = plain.accept + plain.reject
    return f"advice only, no judge has earned a vote: {plain.accept} of {scored} readable verdicts accept it"


def _words(ruling: Ruling, voters: int, quorum: int) -> tuple[Action, str, str]:
    """Action, reason code and words of a ruling."""
    scored = ruling.accept + ruling.reject
    share = "" if ruling.share is None else f", weighted share of acceptance {ruling.share:.2f}"
    match ruling.judged:
        case "agreed":
            return "keep", "judge_agreed", f"{ruling.accept} of {scored} judges accepted it{share}"
        case "rejected":
            return "drop", "judge_rejected", f"{ruling.reject} of {scored} judges rejected it{share}"
        case "split":
            reason = "judge_abstained" if ruling.abstained else "judge_split"
            return "quarantine", reason, f"{ruling.accept} of {scored} judges accepted it{share}: {ruling.why}"
        case "unjudged":
            return "quarantine", "judge_unscored", f"{scored} of {voters} verdicts can be counted, {quorum} needed"
