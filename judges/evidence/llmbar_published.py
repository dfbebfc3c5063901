"""LLMBar's published figures of one evaluator, recomputed the way its authors' script counted.

How that script counts, found from its published source and proven by the digits: every pair is in the denominator, so
a verdict that could not be read counts as wrong; two unreadable verdicts are "equal"; and its kappas code the verdict
"1" as 1 and every other one as 0, while labels stay 1 and 2, so that they are no kappas of judge and label. They are
replayed here because they were printed; our own kappa stands among the judges' figures.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from judges.evidence.findings import Cell
from judges.evidence.llmbar_pairs import Pair

DIGITS = 15
"""Significant digits that a double is sure to hold: what two printed floats are compared by."""


def recomputed(pairs: Sequence[Pair]) -> dict[str, str | float]:
    """Every figure the script prints for one evaluator, in its own words."""
    n = len(pairs)
    right = [p.winner_as_is == p.label for p in pairs]
    right_swapped = [p.winner_swapped == p.label for p in pairs]
    both = sum(a and b for a, b in zip(right, right_swapped, strict=True))
    equal = sum(p.winner_as_is == p.winner_swapped for p in pairs)
    labels = [p.label for p in pairs]
    said = [_coded(p.winner_as_is) for p in pairs]
    said_swapped = [_coded(p.winner_swapped) for p in pairs]
    kappa, kappa_swapped = _kappa(said, labels), _kappa(said_swapped, labels)
    return {
        "correct_False": _share(sum(right), n),
        "correct_True": _share(sum(right_swapped), n),
        "correct_average": f"{(sum(right) + sum(right_swapped)) / 2 / n * 100}%",
        "correct_both": _share(both, n),
        "equal": _share(equal, n),
        "kappa_False": kappa,
        "kappa_True": kappa_swapped,
        "kappa_average": (kappa + kappa_swapped) / 2,
        "kappa_agreement": _kappa(said, said_swapped),
    }


def compared_cells(evaluator: str, published: Mapping[str, Any], pairs: Sequence[Pair]) -> list[Cell]:
    """A cell for every published figure of the evaluator that the script is known to print."""
    ours = recomputed(pairs)
    return [
        Cell(name=f"{evaluator} {name}", published=_digits(published[name]), ours=_digits(value))
        for name, value in ours.items()
        if published.get(name) is not None
    ]


def _share(count: int, n: int) -> str:
    return f"{count} / {n} = {count / n * 100}%"


def _coded(verdict: str | None) -> str:
    return verdict if verdict in {"0", "1"} else "0"


def _digits(value: object) -> str:
    return f"{value:.{DIGITS}g}" if isinstance(value, float) else str(value)


def _kappa(a: Sequence[str], b: Sequence[str]) -> float:
    """Cohen's kappa in the order of operations that printed the published digits; nan where it is undefined."""
    labels = sorted({*a, *b})
    place = {label: k for k, label in enumerate(labels)}
    counts_KK = np.zeros((len(labels), len(labels)), dtype=np.int64)
    np.add.at(counts_KK, ([place[x] for x in a], [place[x] for x in b]), 1)
    chance_KK = np.outer(counts_KK.sum(axis=0), counts_KK.sum(axis=1)) / counts_KK.sum()
    apart_KK = 1 - np.eye(len(labels), dtype=np.int64)
    expected = float(np.sum(apart_KK * chance_KK))
    return 1 - float(np.sum(apart_KK * counts_KK)) / expected if expected else math.nan
