"""Draws the samples people look at first: spread over labels and clusters, each teacher in turn, with known chances.

Which samples are drawn depends on the seed and on what was asked, never on the workspace. The chance of each is exact
given how many were taken of its label, so that what people say can be weighted back to the whole version.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from curation.answers import target
from curation.records import draw, sample_of
from curation.select import spread
from curation.tables import AnswerTable
from judges.near import near_equal

MANY = 5000
"""Above so many prompts without a group only equal ones are one cluster: looking for near ones takes seconds."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Drawn:
    """A drawn sample and how likely it was to be drawn."""

    row: Row
    probability: float


def draw_over_clusters(samples: pl.DataFrame, n: int, seed: int, answer: AnswerTable) -> list[Drawn]:
    """Up to `n` kept, answered samples: equal shares of every label, within it one per cluster, teachers in turn.

    A cluster is a group (a customer, a conversation), or the prompts without one that nearly equal one another.
    """
    kept = samples.filter((pl.col("state") == "kept") & pl.col("answer").is_not_null())
    rows = kept.to_dicts()
    strata: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row, cluster in zip(rows, _clusters(rows), strict=True):
        label = target(None if row["labels"] is None else json.loads(row["labels"]), answer)
        strata[label or ""][cluster].append(row)
    shares = spread({label: sum(map(len, c.values())) for label, c in strata.items()}, n, seed)
    some = min(1.0, n / max(1, len(strata)))  # with more labels than rows wanted, which labels get one is drawn too
    teachers = sorted({row["teacher"] for row in rows})
    turn = int(draw(seed, "turn") * len(teachers))
    drawn: list[Drawn] = []
    for label in sorted(strata):
        turns = [*teachers[turn:], *teachers[:turn]]
        drawn += [Drawn(d.row, d.probability * some) for d in _of_label(strata[label], shares[label], turns, seed)]
        turn = (turn + shares[label]) % len(teachers)
    return sorted(drawn, key=lambda d: draw(seed, "shown", *_identity(d.row)))


def _of_label(clusters: Mapping[str, list[Row]], n: int, turns: Sequence[str], seed: int) -> list[Drawn]:
    if n >= len(clusters):
        return _all_clusters(clusters, n, seed)
    order = sorted(clusters, key=lambda name: draw(seed, "cluster", *min(map(_identity, clusters[name]))))
    return [_in_turn(clusters[name], k, (n, len(order)), turns, seed) for k, name in enumerate(order[:n])]


def _in_turn(rows: Sequence[Row], k: int, of: tuple[int, int], turns: Sequence[str], seed: int) -> Drawn:
    """One row of the cluster in place `k`: of the teacher whose turn it is there, else of the next one it holds.

    Every cluster is equally likely to come in every place and every teacher to have the first turn, so a row's chance
    is the share of places, over all first turns, that give it.
    """
    n, clusters = of
    held = {row["teacher"] for row in rows}
    chosen = _turn(k, held, turns)
    mine = [row for row in rows if row["teacher"] == chosen]
    row = min(mine, key=lambda r: draw(seed, "row", *_identity(r)))
    firsts = range(len(turns))
    given = sum(_turn(first + place, held, turns) == chosen for first in firsts for place in range(n)) / len(turns)
    return Drawn(row, given / clusters / len(mine))


def _turn(place: int, held: set[str], turns: Sequence[str]) -> str:
    found = (turns[(place + step) % len(turns)] for step in range(len(turns)))
    return next(teacher for teacher in found if teacher in held)


def _all_clusters(clusters: Mapping[str, list[Row]], n: int, seed: int) -> list[Drawn]:
    """More rows than clusters: equal shares of every cluster, within it a plain draw."""
    shares = spread({name: len(rows) for name, rows in clusters.items()}, n, seed)
    return [
        Drawn(row, shares[name] / len(clusters[name]))
        for name, rows in clusters.items()
        for row in sorted(rows, key=lambda r: draw(seed, "row", *_identity(r)))[: shares[name]]
    ]


def _clusters(rows: Sequence[Row]) -> list[str]:
    """What each row is drawn together with: its group, else the prompts that nearly equal its own."""
    alone = sorted({sample_of(row).prompt for row in rows if row["group"] is None})
    near = near_equal(alone) if len(alone) <= MANY else range(len(alone))
    cluster = {text: f"prompt {leader}" for text, leader in zip(alone, near, strict=True)}
    return [f"group {row['group']}" if row["group"] is not None else cluster[sample_of(row).prompt] for row in rows]


def _identity(row: Row) -> tuple[str, int]:
    return row["request_key"], row["index"]
