"""What a study found: how far raters agree, whether they favour a side, what won, how fast, and judges beside people.

Every figure has its n. `mde` beside it is the smallest difference from one half that this many votes could have shown
with power .8; where something cannot be told, `why` or `note` says why.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from statistics import median

import numpy as np
from pydantic import JsonValue

from curation.intervals import wilson
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
from judges.gold_rows import winner_of
from judges.preference import MEANING, win_rates
from judges.resampling import DRAWS
from judges.study_beside import Beside, gold_accuracy, judges_beside
from judges.study_figures import bounds, detectable, figure_row, rounded, share_row

FAST_MS = 1000
"""A vote given sooner than this cannot rest on a reading of the answers."""
FATES = {"tie": "tied", "both_bad": "bad", "accept": "accepted", "reject": "rejected"}


def report_of(study: Study, ballots: Sequence[Ballot], beside: Beside) -> dict[str, JsonValue]:
    """The report of a study from its standing votes; agreement is over votes with the order undone."""
    votes = [b for b in ballots if b.choice != "skip"]
    majority = majority_of(votes)
    pairwise = study.kind == "pairwise"
    return {
        "study": study.name,
        "version": study.version,
        "items": study.items,
        "votes": len(votes),
        "skipped": len(ballots) - len(votes),
        **_agreement(study, votes, beside),
        "majority": _counted(majority),
        "raters": {r: _pace([b for b in votes if b.rater == r]) for r in _raters(votes)},
        "self_consistency": _self_consistency(votes, beside),
        "position": position(votes) if pairwise else None,
        "both_orders": _both_orders(votes) if pairwise else None,
        "teachers": _by_teacher(votes),
        "win_rates": _win_rates(study, votes, beside) if pairwise else None,
        "acceptance": None if pairwise else _acceptance(votes, beside),
        "gold": gold_accuracy(votes, beside),
        "judges": judges_beside(beside, majority, study.seed),
    }


def majority_of(votes: Sequence[Ballot]) -> dict[int, str | None]:
    """What more raters said of each item than anything else, by position; None where they are tied."""
    ordered = sorted(votes, key=lambda b: b.position)
    return {k: winner_of([b.winner for b in given]) for k, given in groupby(ordered, key=lambda b: b.position)}


def _raters(votes: Sequence[Ballot]) -> list[str]:
    return sorted({b.rater for b in votes})


def _counted(majority: Mapping[int, str | None]) -> dict[str, JsonValue]:
    count = Counter(majority.values())
    undecided = count.pop(None, 0)
    return {"n": len(majority), "said": {str(k): count[k] for k in sorted(count, key=str)}, "undecided": undecided}


def _agreement(study: Study, votes: Sequence[Ballot], beside: Beside) -> dict[str, JsonValue]:
    """Alpha and AC1 of all raters; kappa of two, and of every two of more. A rater's first vote on an item counts."""
    raters = _raters(votes)
    first: dict[tuple[int, str], str] = {}
    for ballot in votes:
        first.setdefault((ballot.position, ballot.rater), ballot.winner)
    said = {r: [first.get((i, r)) for i in range(study.items)] for r in raters}
    prompts = [item.prompt for item in beside.items]
    units: Units = list(zip(*said.values(), strict=True)) if raters else [()] * study.items
    alpha = krippendorff_alpha(units, clusters=prompts, draws=DRAWS, seed=study.seed)
    ac1 = gwet_ac1(units, clusters=prompts, draws=DRAWS, seed=study.seed)
    pairs = agreement_matrix(said, prompts, seed=study.seed)
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


def _pace(votes: Sequence[Ballot]) -> dict[str, JsonValue]:
    """How long a rater looked; the median counts every vote, the rest those whose time was measured."""
    timed = [b.dwell_ms for b in votes if b.dwell_ms > 0]
    row: dict[str, JsonValue] = {
        "votes": len(votes),
        "median_dwell_ms": int(median(b.dwell_ms for b in votes)),
        "timed": len(timed),
    }
    if not timed:
        return {**row, "p90_dwell_ms": None, "under_1s": None, "why": "no time was recorded with these votes"}
    fast = sum(ms < FAST_MS for ms in timed)
    under: dict[str, JsonValue] = {
        "share": rounded(fast / len(timed)),
        "ci": bounds(wilson(fast, len(timed))),
        "n": len(timed),
    }
    return {**row, "p90_dwell_ms": int(np.percentile(timed, 90)), "under_1s": under, "why": None}


def _self_consistency(votes: Sequence[Ballot], beside: Beside) -> dict[str, JsonValue]:
    """How often a rater who saw an item again said the same, by rater."""
    seen: dict[tuple[str, int], list[str]] = {}
    for ballot in votes:
        seen.setdefault((ballot.rater, ballot.position), []).append(ballot.winner)
    again = {key: said for key, said in seen.items() if len(said) > 1}
    if not again:
        return {"raters": {}, "why": "no rater saw an item twice"}
    raters: dict[str, JsonValue] = {}
    for rater in sorted({r for r, _ in again}):
        mine = {k: said for (r, k), said in again.items() if r == rater}
        prompts = [beside.items[k].prompt for k in mine]
        raters[rater] = share_row([len(set(said)) == 1 for said in mine.values()], prompts)
    return {"raters": raters, "why": None}


def position(votes: Sequence[Ballot]) -> dict[str, JsonValue]:
    """Share of decided votes for pane A, with Wilson's interval: 0.5 where order does not matter, else an alarm."""
    decided = [b for b in votes if b.choice in ("a", "b")]
    row = _pane_a(decided)
    raters: dict[str, JsonValue] = {r: _pane_a([b for b in decided if b.rater == r]) for r in _raters(decided)}
    orders = {b.swap for b in decided}
    one_order = "every item was shown in one order, so a liking for pane A is not told from one for the first answers"
    why = "nobody decided for a side" if not decided else one_order if len(orders) == 1 else None
    return {**row, "raters": raters, "alarm": None if why else _alarm(decided), "why": why}


def _pane_a(decided: Sequence[Ballot]) -> dict[str, JsonValue]:
    for_a = sum(b.choice == "a" for b in decided)
    return {
        "a": for_a,
        "decided": len(decided),
        "share": rounded(for_a / len(decided) if decided else None),
        "ci": bounds(wilson(for_a, len(decided))),
        "mde": rounded(detectable(len(decided))),
    }


def _alarm(decided: Sequence[Ballot]) -> str | None:
    for_a, n = sum(b.choice == "a" for b in decided), len(decided)
    low, high = wilson(for_a, n)
    if low <= 0.5 <= high:
        return None
    return (
        f"pane {'A' if low > 0.5 else 'B'} is favoured: A was chosen in {100 * for_a / n:.0f} % of {n} decided votes "
        f"[{100 * low:.0f}, {100 * high:.0f}], which leaves out one half"
    )


def _both_orders(votes: Sequence[Ballot]) -> int:
    """Items voted on in both orders."""
    orders = {(b.position, b.swap) for b in votes}
    return sum((position, True) in orders for position, swap in orders if not swap)


def _by_teacher(votes: Sequence[Ballot]) -> dict[str, JsonValue]:
    """What the votes said about each teacher's answers: won, lost, tied; accepted, rejected."""
    found: dict[str, Counter[str]] = {}
    for ballot in votes:
        for side, teacher in (("first", ballot.first_teacher), ("second", ballot.second_teacher)):
            if teacher:
                found.setdefault(teacher, Counter())[_outcome(ballot, side)] += 1
    return {teacher: dict(sorted(found[teacher].items())) for teacher in sorted(found)}


def _outcome(ballot: Ballot, side: str) -> str:
    if ballot.winner in ("first", "second"):
        return "won" if ballot.winner == side else "lost"
    return FATES.get(ballot.winner, ballot.winner)


def _win_rates(study: Study, votes: Sequence[Ballot], beside: Beside) -> dict[str, JsonValue]:
    rates = win_rates(votes, beside.items, study.seed)
    why = None if rates else "no vote was on answers of two teachers that are known by name, so none can have won"
    return {"teachers": rates, "meaning": MEANING, "why": why}


def _acceptance(votes: Sequence[Ballot], beside: Beside) -> dict[str, JsonValue]:
    """The share of votes that accept, of all answers and of each teacher's."""
    said = [b for b in votes if b.winner in ("accept", "reject")]

    def row(ballots: Sequence[Ballot]) -> dict[str, JsonValue]:
        marks = [b.winner == "accept" for b in ballots]
        return share_row(marks, [beside.items[b.position].prompt for b in ballots])

    teachers: dict[str, JsonValue] = {
        name: row([b for b in said if b.first_teacher == name])
        for name in sorted({b.first_teacher for b in said} - {""})
    }
    return {"all": row(said), "teachers": teachers, "why": None if said else "nobody accepted or rejected anything"}
