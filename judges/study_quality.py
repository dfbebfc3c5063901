"""What a closed study says about its raters and their work: do they repeat themselves, know gold, favour length?"""

from collections import Counter
from collections.abc import Sequence
from math import log

import numpy as np
from pydantic import JsonValue

from curation.store.review_records import NO_REASON
from curation.store.reviews import PASSED, Ballot, PlantBallot
from judges.resampling import DRAWS, Sums, cluster_numbers
from judges.study_beside import Beside, accuracy
from judges.study_edits import changed_share
from judges.study_figures import figure_row, share_row


def planted(beside: Beside, role: str) -> list[PlantBallot]:
    """The votes on planted items of a role that say something about them."""
    return [b for b in beside.planted if b.role == role and not b.passed]


def self_consistency(votes: Sequence[Ballot], beside: Beside) -> dict[str, JsonValue]:
    """How often a rater who saw an item again, in the other order, said the same with the order undone."""
    seen: dict[tuple[str, int], list[str]] = {}
    for ballot in votes:
        seen.setdefault((ballot.rater, ballot.position), []).append(ballot.winner)
    for repeat in planted(beside, "repeat"):
        if repeat.of is not None and (repeat.rater, repeat.of) in seen:
            seen[repeat.rater, repeat.of].append(repeat.winner)
    again = {key: said for key, said in seen.items() if len(said) > 1}
    if not again:
        return {"raters": {}, "why": "no rater saw an item twice"}
    raters: dict[str, JsonValue] = {
        rater: _same({key: said for key, said in again.items() if key[0] == rater}, beside)
        for rater in sorted({r for r, _ in again})
    }
    return {"all": _same(again, beside), "raters": raters, "why": None}


def _same(again: dict[tuple[str, int], list[str]], beside: Beside) -> dict[str, JsonValue]:
    prompts = [beside.items[position].prompt for _, position in again]
    return share_row([len(set(said)) == 1 for said in again.values()], prompts)


def gold_figures(votes: Sequence[Ballot], beside: Beside) -> dict[str, JsonValue]:
    """How often each rater said what a gold row says, of rows seeded among their items and of items that are rows.

    A tie is not what a gold row says.
    """
    seeded = [b for b in planted(beside, "gold") if b.right is not None]
    if not seeded:
        return accuracy(votes, beside.right, beside.items, "no item of this study is a row of a gold set")
    asked = [(b.rater, beside.items[b.position].prompt, b.winner == beside.right[b.position])
             for b in votes if b.position in beside.right]  # fmt: skip
    asked += [(b.rater, b.first_sample, b.winner == b.right) for b in seeded]
    raters: dict[str, JsonValue] = {
        rater: _right([row for row in asked if row[0] == rater]) for rater in sorted({row[0] for row in asked})
    }
    return {"rows": len({row[1] for row in asked}), "all": _right(asked), "raters": raters, "why": None}


def _right(asked: Sequence[tuple[str, str, bool]]) -> dict[str, JsonValue]:
    return share_row([right for _, _, right in asked], [row for _, row, _ in asked])


def passed_on(ballots: Sequence[Ballot]) -> dict[str, JsonValue]:
    """How many items were skipped and flagged, by the reason that was given."""
    return {choice: _counted([b.reason or NO_REASON for b in ballots if b.choice == choice]) for choice in PASSED}


def _counted(reasons: Sequence[str]) -> dict[str, JsonValue]:
    return dict(Counter(sorted(reasons)).most_common())


# --- length ----------------------------------------------------------------------------------------------------


def verbosity(votes: Sequence[Ballot], beside: Beside, seed: int) -> dict[str, JsonValue]:
    """How each rater's preference goes with the difference in length: a correlation, and how often the longer one won.

    The correlation is Pearson's, of how far the first answer was preferred (2 to -2) with the log ratio of the lengths.
    """
    compared = [b for b in votes if b.points is not None and beside.items[b.position].second is not None]
    if not compared:
        return {"all": None, "raters": {}, "why": "nobody compared two answers"}
    raters: dict[str, JsonValue] = {
        rater: _length_row([b for b in compared if b.rater == rater], beside, seed)
        for rater in sorted({b.rater for b in compared})
    }
    return {"all": _length_row(compared, beside, seed), "raters": raters, "why": None}


def _length_row(compared: Sequence[Ballot], beside: Beside, seed: int) -> dict[str, JsonValue]:
    ratio_N = np.array([_log_ratio(b, beside) for b in compared])
    point_N = np.array([float(b.points or 0) for b in compared])
    prompts = [beside.items[b.position].prompt for b in compared]
    parts_NF = np.column_stack(
        [np.ones(len(compared)), ratio_N, point_N, ratio_N**2, point_N**2, ratio_N * point_N]
    )  # fmt: skip
    sums = Sums(parts_NF, cluster_numbers(prompts, len(prompts)), draws=DRAWS, seed=seed)
    told = [(r * p > 0, prompt) for r, p, prompt in zip(ratio_N, point_N, prompts, strict=True) if r * p != 0]
    return {**figure_row(sums.figure(_correlation)), "longer": share_row([x for x, _ in told], [p for _, p in told])}


def _correlation(sums_DF: np.ndarray) -> np.ndarray:
    n_D, x_D, y_D, xx_D, yy_D, xy_D = sums_DF.T
    spread_D = (n_D * xx_D - x_D**2) * (n_D * yy_D - y_D**2)
    return (n_D * xy_D - x_D * y_D) / np.sqrt(np.where(spread_D > 1e-9, spread_D, np.nan))


def _log_ratio(ballot: Ballot, beside: Beside) -> float:
    item = beside.items[ballot.position]
    return log(max(1, len(item.first))) - log(max(1, len(item.second or "")))


# --- what was shown, edited, marked ----------------------------------------------------------------------------


def shown_figures(ballots: Sequence[Ballot], beside: Beside) -> dict[str, JsonValue]:
    """How many votes were cast on exactly the texts that the version's rows hold, which are what is trained on.

    Votes without digests, and on items that are rows of no version here, are not checked; any that differ are named.
    """
    checked = 0
    differ: list[JsonValue] = []
    for ballot in ballots:
        wanted = _rows_as_shown(ballot, beside)
        if not ballot.shown or not wanted:
            continue
        checked += 1
        wrong = sorted(pane for pane, digest in wanted.items() if ballot.shown.get(pane) != digest)
        if wrong:
            samples: list[JsonValue] = [s for s in (ballot.first_sample, ballot.second_sample) if s]
            differ.append({"item": ballot.position, "rater": ballot.rater, "panes": list(wrong), "samples": samples})
    why = None if checked else "no vote holds what was shown beside a row of a version here"
    equal = checked - len(differ)
    return {"checked": checked, "equal": equal, "differ": differ, "why": why}


def _rows_as_shown(ballot: Ballot, beside: Beside) -> dict[str, str]:
    """The digest of what a version's rows hold for each pane; empty where a sample is no row of it."""
    panes = (ballot.first_sample, ballot.second_sample)
    samples = [s for s in (panes[::-1] if ballot.swap else panes) if s]
    rows = [beside.rows.get(s) for s in samples]
    if not rows or any(row is None for row in rows):
        return {}
    found = [row for row in rows if row is not None]
    return {"prompt": found[0].prompt, **dict(zip("ab", (row.answer for row in found), strict=False))}


def edit_figures(votes: Sequence[Ballot], beside: Beside, seed: int) -> dict[str, JsonValue]:
    """How many answers were edited, and how much of an edited one changed, in words and signs."""
    prompts = [beside.items[b.position].prompt for b in votes]
    edited = [b for b in votes if b.details.edit is not None]
    shares = [[changed_share(beside.items[b.position].first, b.details.edit or ""), 1.0] for b in edited]
    changed = Sums(
        np.array(shares).reshape(-1, 2),
        cluster_numbers([beside.items[b.position].prompt for b in edited], len(edited)),
        draws=DRAWS,
        seed=seed,
    )
    return {
        "edited": share_row([b.details.edit is not None for b in votes], prompts),
        "changed": figure_row(changed.figure(lambda sums_DF: sums_DF[:, 0] / sums_DF[:, 1])),
        "answers": len({b.position for b in edited}),
    }


def span_figures(votes: Sequence[Ballot], beside: Beside) -> dict[str, JsonValue]:
    """What was marked: of each tag the number of spans and items, and the share of votes that marked one."""
    prompts = [beside.items[b.position].prompt for b in votes]
    tags = sorted({span.tag for b in votes for span in b.details.spans})
    rows: dict[str, JsonValue] = {}
    for tag in tags:
        marked = [any(span.tag == tag for span in b.details.spans) for b in votes]
        rows[tag] = {
            "spans": sum(span.tag == tag for b in votes for span in b.details.spans),
            "items": len({b.position for b, mark in zip(votes, marked, strict=True) if mark}),
            **share_row(marked, prompts),
        }
    return rows
