"""What a review study is made of (items drawn from a version) and what it found (its report)."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from statistics import median
from typing import Any

import polars as pl
from pydantic import JsonValue

from curation.intervals import wilson
from curation.records import draw
from curation.store.reviews import Ballot, Item, Kind, Study
from judges.agreement import cohen_kappa, krippendorff_alpha, raw_agreement

Row = dict[str, Any]


def draw_items(samples: pl.DataFrame, kind: Kind, n: int, seed: int) -> list[Item]:
    """Up to `n` items in a drawn order, from the kept samples of a version.

    What is drawn depends on the seed and on what was asked, never on the workspace.
    """
    kept = samples.filter((pl.col("state") == "kept") & pl.col("answer").is_not_null())
    by_prompt = [group.to_dicts() for group in kept.partition_by("prompt_id", maintain_order=True)]
    if kind == "single":
        picked = [(row, None) for rows in by_prompt for row in rows]
    else:
        picked = [pair for rows in by_prompt if (pair := _pair(rows, seed)) is not None]
    picked.sort(key=lambda pair: draw(seed, "review", *_identity(pair[0])))
    return [item_of(first, second) for first, second in picked[:n]]


def draw_chances(samples: pl.DataFrame, study: Study) -> dict[tuple[str, str | None], float]:
    """How likely each item was that `draw_items` drew for a study, by the ids of its samples."""
    everything = draw_items(samples, study.kind, samples.height, study.seed)
    share = study.items / max(len(everything), 1)
    kept = samples.filter((pl.col("state") == "kept") & pl.col("answer").is_not_null())
    ways = {
        row["id"]: len(_pairs(rows)) if study.kind == "pairwise" else 1
        for rows in (group.to_dicts() for group in kept.partition_by("prompt_id"))
        for row in rows
    }
    return {(i.first_sample, i.second_sample): share / ways[i.first_sample] for i in everything[: study.items]}


def _pairs(rows: list[Row]) -> list[tuple[Row, Row]]:
    """Every pair of different answers of different teachers to the same prompt."""
    return [(x, y) for x, y in combinations(rows, 2) if x["teacher"] != y["teacher"] and x["answer"] != y["answer"]]


def _pair(rows: list[Row], seed: int) -> tuple[Row, Row] | None:
    """One drawn pair of them."""
    return min(_pairs(rows), key=lambda p: draw(seed, "pair", *_identity(p[0]), *_identity(p[1])), default=None)


def _identity(row: Row) -> tuple[str, int]:
    return row["request_key"], row["index"]


def item_of(first: Row, second: Row | None) -> Item:
    """A row, or two answers to one prompt, as an item of a study."""
    return Item(
        prompt=conversation(first["messages"]),
        first=first["answer"],
        second=second["answer"] if second else None,
        first_sample=first["id"],
        second_sample=second["id"] if second else None,
        first_teacher=first["teacher"],
        second_teacher=second["teacher"] if second else None,
    )


def conversation(messages: Sequence[Row]) -> str:
    """What was asked, as a rater reads it: the user's message, or the turns with their roles where there are more."""
    turns = [m for m in messages if m["role"] != "system"]
    if len(turns) == 1:
        return str(turns[0]["content"])
    return "\n\n".join(f"{m['role']}: {m['content']}" for m in turns)


def report_of(study: Study, ballots: Sequence[Ballot]) -> dict[str, JsonValue]:
    """Agreement, position bias and results of a study from its standing votes.

    Alpha is over votes with the order undone; `note` says why it is missing where it is.
    """
    votes = [b for b in ballots if b.choice != "skip"]
    raters = sorted({b.rater for b in votes})
    said = {(b.position, b.rater): b.winner for b in votes}
    table = [[said.get((i, r)) for r in raters] for i in range(study.items)]
    alpha = krippendorff_alpha(table, draws=1000, seed=study.seed)
    two = list(zip(*table, strict=True)) if len(raters) == 2 else None
    return {
        "study": study.name,
        "version": study.version,
        "items": study.items,
        "votes": len(votes),
        "skipped": len(ballots) - len(votes),
        "alpha": _round(alpha.value),
        "alpha_ci": [_round(x) for x in alpha.interval] if alpha.interval else None,
        "items_with_two_votes": alpha.units,
        "kappa": _round(cohen_kappa(*two)) if two else None,
        "agreement": _round(raw_agreement(*two)) if two else None,
        "note": _note(alpha.value, alpha.units),
        "raters": {r: _pace([b for b in votes if b.rater == r]) for r in raters},
        "position": _position(votes) if study.kind == "pairwise" else None,
        "both_orders": _both_orders(votes) if study.kind == "pairwise" else None,
        "teachers": _by_teacher(votes),
    }


def _note(alpha: float | None, units: int) -> str | None:
    if alpha is not None:
        return None
    if units == 0:
        return "no item has two votes, so agreement cannot be told"
    return f"all votes on {units} items are the same, so agreement cannot be told from a habit"


def _pace(votes: Sequence[Ballot]) -> dict[str, JsonValue]:
    return {"votes": len(votes), "median_dwell_ms": int(median(b.dwell_ms for b in votes))}


def _position(votes: Sequence[Ballot]) -> dict[str, JsonValue]:
    """Share of decided votes for pane A, with Wilson's interval: 0.5 where order does not matter."""
    decided = [b for b in votes if b.choice in ("a", "b")]
    for_a = sum(b.choice == "a" for b in decided)
    share = for_a / len(decided) if decided else None
    return {
        "a": for_a,
        "decided": len(decided),
        "share": _round(share),
        "ci": [_round(x) for x in wilson(for_a, len(decided))],
    }


def _both_orders(votes: Sequence[Ballot]) -> int:
    """Items voted on in both orders."""
    orders = {(b.position, b.swap) for b in votes}
    return sum((position, True) in orders for position, swap in orders if not swap)


def _by_teacher(votes: Sequence[Ballot]) -> dict[str, JsonValue]:
    """What the votes said about each teacher's answers: won, lost, tied; accepted, rejected."""
    found: dict[str, Counter[str]] = {}
    for ballot in votes:
        for side, teacher in (("first", ballot.first_teacher), ("second", ballot.second_teacher)):
            if teacher is not None:
                found.setdefault(teacher, Counter())[_outcome(ballot, side)] += 1
    return {teacher: dict(sorted(found[teacher].items())) for teacher in sorted(found)}


def _outcome(ballot: Ballot, side: str) -> str:
    if ballot.winner in ("first", "second"):
        return "won" if ballot.winner == side else "lost"
    return {"tie": "tied", "both_bad": "bad", "accept": "accepted", "reject": "rejected"}[ballot.winner]


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
