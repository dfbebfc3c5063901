"""How much of a text an edit changed, counted in words and signs."""

import re

import numpy as np

PIECES = re.compile(r"\w+|\s+|[^\w\s]")


def changed_share(before: str, after: str) -> float:
    """The least number of words and signs to replace, add or take away, over those of the longer text.

    Levenshtein's distance (1966), a row of its table at a time.

    >>> changed_share("the cat sat", "the dog sat")
    0.2
    >>> changed_share("same", "same"), changed_share("", "new")
    (0.0, 1.0)
    """
    a, b = PIECES.findall(before), PIECES.findall(after)
    longest = max(len(a), len(b))
    while a and b and a[-1] == b[-1]:
        a.pop()
        b.pop()
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    return _distance(a[start:], b[start:]) / longest if longest else 0.0


def _distance(a: list[str], b: list[str]) -> int:
    number = {piece: k for k, piece in enumerate({*a, *b})}
    b_M = np.array([number[piece] for piece in b], dtype=np.int64)
    step_M = np.arange(len(b) + 1)
    row_M = step_M.copy()
    for i, piece in enumerate(a, start=1):
        new_M = np.empty_like(row_M)
        new_M[0] = i
        new_M[1:] = np.minimum(row_M[1:] + 1, row_M[:-1] + (b_M != number[piece]))
        # a step to the right costs one more than its neighbour: the least of all earlier ones plus the way from there
        row_M = np.minimum.accumulate(new_M - step_M) + step_M
    return int(row_M[-1])
