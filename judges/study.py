"""What a review study is made of: items drawn from the kept samples of a version."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import polars as pl

from curation.records import draw
from curation.store.reviews import Item, Kind, Study

Row = dict[str, Any]


def draw_items(samples: pl.DataFrame, kind: Kind, n: int, seed: int) -> list[Item]:
    """Up to `n` items in a drawn order, from the kept samples of a version.

    What is drawn depends on the seed and on what was asked, never on the workspace.
    """
    kept = samples.filter((pl.col("state") == "kept") & pl.col("answer").is_not_null())
    by_prompt = [group.to_dicts() for group in kept.partition_by("prompt_id", maintain_order=True)]
    if kind != "pairwise":
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
