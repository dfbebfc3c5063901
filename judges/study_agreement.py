"""How far the raters of a study agree: on the verdict, on how strong it is, on each criterion, under each guideline."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from pydantic import JsonValue

from curation.store.reviews import Ballot, Study
from judges.agreement import (
    PairAgreement,
    Units,
    agreement_matrix,
    cohen_kappa,
    gwet_ac1,
    krippendorff_alpha,
    raw_agreement,
)
from judges.chance import Measure
from judges.resampling import DRAWS, Figure, Sums, cluster_numbers
from judges.study_beside import Beside
from judges.study_figures import bounds, figure_row, rounded

Said = Callable[[Ballot], str | int | None]
"""What of a vote is compared; None where it says nothing of it."""


def agreement(study: Study, votes: Sequence[Ballot], beside: Beside) -> dict[str, JsonValue]:
    """Alpha and AC1 of all raters; kappa of two, and of every two of more. A rater's first vote on an item counts."""
    said = _by_rater(votes, study.items, lambda b: b.winner)
    prompts = [item.prompt for item in beside.items]
    units = _units(said, study.items)
    alpha = krippendorff_alpha(units, clusters=prompts, draws=DRAWS, seed=study.seed)
    ac1 = gwet_ac1(units, clusters=prompts, draws=DRAWS, seed=study.seed)
    pairs = agreement_matrix(said, prompts, seed=study.seed)  # type: ignore[arg-type]
    two = pairs[0] if len(pairs) == 1 else None
    return {
        "alpha": rounded(alpha.value),
        "alpha_ci": bounds(alpha.interval),
        "items_with_two_votes": alpha.units,
        "ac1": rounded(ac1.value) if ac1.units else None,
        "ac1_ci": bounds(ac1.interval) if ac1.units else None,
        "kappa": rounded(cohen_kappa(*said.values())) if two else None,
        "kappa_ci": bounds(two.kappa.interval) if two else None,
        "agreement": rounded(raw_agreement(*said.values())) if two else None,
        "pairs": [_pair(p) for p in pairs],
        "note": _note(alpha.value, alpha.units),
    }


def strength(study: Study, votes: Sequence[Ballot], beside: Beside) -> dict[str, JsonValue]:
    """How strongly answers were preferred, from 2 (the first, much) to -2, and the ordinal alpha of that.

    `both_bad` compares nothing and counts as no rating here.
    """
    said = [b.points for b in votes]
    return {
        "said": {str(p): said.count(p) for p in (2, 1, 0, -1, -2)},
        "alpha": figure_row(_alpha(votes, study, beside, lambda b: b.points, "ordinal")),
        "meaning": "2: the first answer is much better, -2: the second is; the alpha is ordinal. Win rates count who "
        "won, not how strongly",
    }


def criteria(study: Study, votes: Sequence[Ballot], beside: Beside) -> dict[str, JsonValue]:
    """Of each criterion the mean score with its interval, of every teacher's answers too where one was shown."""
    known = {c.name: len(c.anchors) for c in beside.design.criteria}
    names = list(dict.fromkeys([*known, *sorted({name for b in votes for name in b.details.scores})]))
    rows: dict[str, JsonValue] = {}
    for name in names:
        scored = [b for b in votes if name in b.details.scores]
        teachers = sorted({b.first_teacher for b in scored} - {""}) if study.kind != "pairwise" else []
        rows[name] = {
            **_mean_score(scored, name, beside, study.seed),
            "points": known.get(name),
            "alpha": figure_row(_alpha(scored, study, beside, _score_of(name), "ordinal")),
            "teachers": {
                t: _mean_score([b for b in scored if b.first_teacher == t], name, beside, study.seed) for t in teachers
            },
        }
    return rows


def by_guideline(study: Study, votes: Sequence[Ballot], beside: Beside) -> list[JsonValue]:
    """The alpha of the votes cast under each guideline, in the order they came into force; empty where it never did.

    An item whose votes were cast under two guidelines has them apart, so only votes under one text are compared.
    """
    first: dict[str, str] = {}
    for ballot in sorted(votes, key=lambda b: b.at):
        if ballot.guideline is not None:
            first.setdefault(ballot.guideline, ballot.at)
    rows: list[JsonValue] = []
    for digest, at in first.items():
        under = [b for b in votes if b.guideline == digest]
        alpha = figure_row(_alpha(under, study, beside, lambda b: b.winner, "nominal"))
        rows.append({"guideline": digest, "since": at, "votes": len(under), "alpha": alpha})
    return rows


def _score_of(name: str) -> Said:
    return lambda ballot: ballot.details.scores.get(name)


def _mean_score(scored: Sequence[Ballot], name: str, beside: Beside, seed: int) -> dict[str, JsonValue]:
    if not scored:
        return {"value": None, "ci": None, "n": 0}
    parts_NF = np.array([[b.details.scores[name], 1.0] for b in scored])
    clusters = cluster_numbers([beside.items[b.position].prompt for b in scored], len(scored))
    mean = Sums(parts_NF, clusters, draws=DRAWS, seed=seed).figure(lambda sums_DF: sums_DF[:, 0] / sums_DF[:, 1])
    return figure_row(mean)


def _alpha(votes: Sequence[Ballot], study: Study, beside: Beside, said: Said, measure: Measure) -> Figure:
    """Krippendorff's alpha of what votes say, with its interval over prompts; undefined without two on an item."""
    units = _units(_by_rater(votes, study.items, said), study.items)
    if not any(sum(r is not None for r in unit) > 1 for unit in units):
        return Figure(value=None, units=0, clusters=0, left_out=len(units))
    prompts = [item.prompt for item in beside.items]
    return krippendorff_alpha(units, measure=measure, clusters=prompts, draws=DRAWS, seed=study.seed)


def _by_rater(votes: Sequence[Ballot], items: int, said: Said) -> Mapping[str, list[str | int | None]]:
    """What each rater said of each item; a rater's first vote on an item counts."""
    first: dict[tuple[int, str], str | int | None] = {}
    for ballot in votes:
        first.setdefault((ballot.position, ballot.rater), said(ballot))
    return {r: [first.get((i, r)) for i in range(items)] for r in sorted({b.rater for b in votes})}


def _units(said: Mapping[str, Sequence[str | int | None]], items: int) -> Units:
    return list(zip(*said.values(), strict=True)) if said else [()] * items


def _pair(pair: PairAgreement) -> dict[str, JsonValue]:
    why = None
    if pair.kappa.value is None:
        why = "they share no item" if not pair.n else "both always said the same, so kappa cannot be told from a habit"
    return {
        "raters": [pair.first, pair.second],
        "n": pair.n,
        "agreement": rounded(pair.raw.value),
        "kappa": figure_row(pair.kappa),
        "ac1": figure_row(pair.ac1),
        "why": why,
    }


def _note(alpha: float | None, units: int) -> str | None:
    if alpha is not None:
        return None
    if units == 0:
        return "no item has two votes, so agreement cannot be told"
    return f"all votes on {units} items are the same, so agreement cannot be told from a habit"
