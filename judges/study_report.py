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
from curation.shares import percent
from curation.store.reviews import Ballot, Study
from judges.blinding_index import blinding
from judges.gold_rows import winner_of
from judges.preference import MEANING, win_rates
from judges.settled import settled_figures
from judges.study_agreement import agreement, by_guideline, criteria, strength
from judges.study_beside import Beside, judges_beside
from judges.study_figures import VERDICTS, bounds, detectable, rounded, share_row
from judges.study_quality import (
    edit_figures,
    gold_figures,
    passed_on,
    self_consistency,
    shown_figures,
    span_figures,
    verbosity,
)

FAST_MS = 1000
"""A vote given sooner than this cannot rest on a reading of the answers."""
FATES = {"tie": "tied", "both_bad": "bad", "accept": "accepted", "reject": "rejected", "edit": "edited"}


def report_of(study: Study, ballots: Sequence[Ballot], beside: Beside) -> dict[str, JsonValue]:
    """The report of a study from its standing votes; agreement is over votes with the order undone."""
    votes = [b for b in ballots if not b.passed]
    majority = majority_of(votes)
    return {
        "study": study.name,
        "version": study.version,
        "items": study.items,
        "votes": len(votes),
        "skipped": sum(b.choice == "skip" for b in ballots),
        "flagged": sum(b.choice == "flag" for b in ballots),
        "passed": passed_on(ballots),
        **agreement(study, votes, beside),
        "guidelines": by_guideline(study, votes, beside),
        "majority": _counted(majority),
        "raters": {r: _pace([b for b in votes if b.rater == r]) for r in _raters(votes)},
        "self_consistency": self_consistency(votes, beside),
        "teachers": _by_teacher(votes),
        **_of_its_kind(study, votes, beside),
        "criteria": criteria(study, votes, beside),
        "shown": shown_figures(ballots, beside),
        "gold": gold_figures(votes, beside),
        "adjudicated": settled_figures(votes, majority, beside.settled, beside.items),
        "blinding": blinding(beside.guesses),
        "judges": judges_beside(beside, majority, study.seed),
    }


def _of_its_kind(study: Study, votes: Sequence[Ballot], beside: Beside) -> dict[str, JsonValue]:
    """The figures that only a study of its kind has; those of the other kinds are None."""
    pairwise = study.kind == "pairwise"
    return {
        "position": position(votes) if pairwise else None,
        "both_orders": _both_orders(votes) if pairwise else None,
        "strength": strength(study, votes, beside) if pairwise else None,
        "verbosity": verbosity(votes, beside, study.seed) if pairwise else None,
        "win_rates": _win_rates(study, votes, beside) if pairwise else None,
        "acceptance": None if pairwise else _acceptance(study, votes, beside),
        "edits": edit_figures(votes, beside, study.seed) if study.kind == "edit" else None,
        "spans": span_figures(votes, beside) if study.kind == "spans" else None,
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


def position(votes: Sequence[Ballot]) -> dict[str, JsonValue]:
    """Share of decided votes for pane A, with Wilson's interval: 0.5 where order does not matter, else an alarm."""
    decided = [b for b in votes if b.winner in ("first", "second")]
    row = _pane_a(decided)
    raters: dict[str, JsonValue] = {r: _pane_a([b for b in decided if b.rater == r]) for r in _raters(decided)}
    orders = {b.swap for b in decided}
    one_order = "every item was shown in one order, so a liking for pane A is not told from one for the first answers"
    why = "nobody decided for a side" if not decided else one_order if len(orders) == 1 else None
    return {**row, "raters": raters, "alarm": None if why else _alarm(decided), "why": why}


def _for_a(decided: Sequence[Ballot]) -> int:
    return sum(b.choice in ("a", "a_much") for b in decided)


def _pane_a(decided: Sequence[Ballot]) -> dict[str, JsonValue]:
    for_a = _for_a(decided)
    return {
        "a": for_a,
        "decided": len(decided),
        "share": rounded(for_a / len(decided) if decided else None),
        "ci": bounds(wilson(for_a, len(decided))),
        "mde": rounded(detectable(len(decided))),
    }


def _alarm(decided: Sequence[Ballot]) -> str | None:
    for_a, n = _for_a(decided), len(decided)
    low, high = wilson(for_a, n)
    if low <= 0.5 <= high:
        return None
    return (
        f"pane {'A' if low > 0.5 else 'B'} is favoured: A was chosen in {percent(for_a / n)} of {n} decided votes "
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


def _acceptance(study: Study, votes: Sequence[Ballot], beside: Beside) -> dict[str, JsonValue]:
    """The share of votes that accept an answer as it stands, of all answers and of each teacher's."""
    verdicts = VERDICTS[study.kind]
    said = [b for b in votes if b.winner in verdicts]

    def row(ballots: Sequence[Ballot]) -> dict[str, JsonValue]:
        marks = [b.winner == verdicts[0] for b in ballots]
        return share_row(marks, [beside.items[b.position].prompt for b in ballots])

    teachers: dict[str, JsonValue] = {
        name: row([b for b in said if b.first_teacher == name])
        for name in sorted({b.first_teacher for b in said} - {""})
    }
    return {"all": row(said), "teachers": teachers, "why": None if said else "nobody accepted or rejected anything"}
