"""Which texts nearly equal one another: sets of short character runs that overlap, without comparing all pairs."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

from curation.dedup import fold

RUN = 4
"""Characters of a run: short enough that one changed word leaves most runs of a sentence alone."""


def near_equal(texts: Sequence[str], threshold: float = 0.8) -> list[int]:
    """The cluster of each text: texts whose runs overlap by `threshold` (Jaccard) share one, named by its first text.

    Case, white space and punctuation aside. Pairs are found by the prefix filter of Bayardo, Ma and Srikant (2007):
    two sets that overlap enough share one of their rarest runs.

    >>> near_equal(["Where is my parcel?", "where is my parcel", "Cancel it"])
    [0, 0, 2]
    """
    folded = [fold(text) for text in texts]
    first: dict[str, int] = {}
    leader = [first.setdefault(text, i) for i, text in enumerate(folded)]
    distinct = sorted(set(leader))
    runs = {i: {folded[i][k : k + RUN] for k in range(max(1, len(folded[i]) - RUN + 1))} for i in distinct}
    common = Counter(run for some in runs.values() for run in some)
    holders: dict[str, list[int]] = defaultdict(list)
    for i in distinct:
        rarest = sorted(runs[i], key=lambda run: (common[run], run))
        prefix = rarest[: len(rarest) - math.ceil(threshold * len(rarest) - 1e-9) + 1]
        for other in {j for run in prefix for j in holders[run]}:
            shared = len(runs[i] & runs[other])
            if shared >= threshold * (len(runs[i]) + len(runs[other]) - shared):
                _join(leader, i, other)
        for run in prefix:
            holders[run].append(i)
    return [_root(leader, i) for i in range(len(texts))]


def _root(leader: list[int], i: int) -> int:
    while leader[i] != i:
        i = leader[i]
    return i


def _join(leader: list[int], i: int, j: int) -> None:
    a, b = _root(leader, i), _root(leader, j)
    leader[max(a, b)] = min(a, b)
