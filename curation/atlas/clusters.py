"""Groups of vectors that lie together (k-means), and the words that tell one group's texts from the others'."""

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from curation.atlas.hashed import Floats

Ints = NDArray[np.int64]
ROUNDS = 30
TRIES = 3
"""Beginnings, of which the tightest result stays."""
MOST = 16
"""Clusters at most: more cannot be told apart on a picture."""
WORDS = 3
"""Words that name a cluster."""
_WORD = re.compile(r"[^\W\d_][\w'’]+")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2,}")


def number_for(points: int) -> int:
    """How many clusters so many points are put into."""
    return max(1, min(MOST, round(math.sqrt(points / 20))))


def clusters(rows: Floats, number: int, seed: int = 0) -> Ints:
    """The cluster of each row, from 0, the largest first.

    >>> clusters(np.array([[1, 0], [0.9, 0.1], [0, 1]], np.float32), 2).tolist()
    [0, 0, 1]
    """
    rng = np.random.default_rng(seed)
    found = min((_settled(rows, _begun(rows, number, rng)) for _ in range(TRIES)), key=lambda f: f[1])[0]
    order = sorted(Counter(found.tolist()).items(), key=lambda c: (-c[1], c[0]))
    renamed = np.zeros(int(found.max(initial=0)) + 1, np.int64)
    for place, (name, _) in enumerate(order):
        renamed[name] = place
    return renamed[found]


def _begun(rows: Floats, number: int, rng: np.random.Generator) -> Floats:
    """Centres that lie far from one another (k-means++)."""
    centres = [rows[rng.integers(len(rows))]]
    far = _distance(rows, np.stack(centres))[:, 0]
    while len(centres) < min(number, len(rows)):
        total = float(far.sum())
        place = int(rng.choice(len(rows), p=far / total)) if total > 1e-6 else int(rng.integers(len(rows)))
        centres.append(rows[place])
        far = np.minimum(far, _distance(rows, rows[place][None])[:, 0])
    return np.stack(centres)


def _settled(rows: Floats, centres: Floats) -> tuple[Ints, float]:
    """The nearest centre of each row once the centres stay where they are, and how loose the clusters are."""
    near = np.full(len(rows), -1, np.int64)
    for _ in range(ROUNDS):
        far = _distance(rows, centres)
        before, near = near, far.argmin(axis=1).astype(np.int64)
        if np.array_equal(before, near):
            break
        members = sparse.csr_matrix((np.ones(len(near)), (near, np.arange(len(near)))), (len(centres), len(near)))
        sums = members @ rows
        sizes = np.bincount(near, minlength=len(centres))
        held = sizes > 0  # a centre that lost all its rows stays where it is
        centres = np.where(held[:, None], sums / np.maximum(sizes, 1)[:, None], centres).astype(np.float32)
    far = _distance(rows, centres)
    return near, float(far[np.arange(len(rows)), near].sum())


def _distance(rows: Floats, centres: Floats) -> Floats:
    squared = (rows**2).sum(axis=1)[:, None] - 2 * (rows @ centres.T) + (centres**2).sum(axis=1)[None]
    return np.maximum(squared, 0)


def names(texts: Sequence[str], found: Ints) -> list[str]:
    """For each cluster the words that most of its texts hold and few others do; `mixed` where there are none."""
    everywhere: Counter[str] = Counter()
    within: list[Counter[str]] = [Counter() for _ in range(int(found.max(initial=-1)) + 1)]
    for text, cluster in zip(texts, found.tolist(), strict=True):
        held = words_of(text)
        everywhere.update(held)
        within[cluster].update(held)
    sizes = np.bincount(found, minlength=len(within))
    return [
        ", ".join(_telling(held, everywhere, int(size), len(texts))) or "mixed"
        for held, size in zip(within, sizes, strict=True)
    ]


def words_of(text: str) -> set[str]:
    """The words of a text, in lower case; where words are not set apart, pairs of characters.

    >>> sorted(words_of("Where's my parcel 4711? 荷物は"))
    ['my', 'parcel', "where's", '物は', '荷物']
    """
    plain = text.casefold()
    pairs = {run[at : at + 2] for run in _CJK.findall(plain) for at in range(len(run) - 1)}
    return {word.strip("'’") for word in _WORD.findall(_CJK.sub(" ", plain))} | pairs


def _telling(held: Counter[str], everywhere: Counter[str], size: int, total: int) -> list[str]:
    """Words that lie far above what chance would put into the cluster, most telling first."""

    def telling(word: str) -> float:
        share, elsewhere = held[word] / size, (everywhere[word] - held[word] + 0.5) / (total - size + 1)
        return share * max(0.0, math.log(share / elsewhere)) ** 2

    often = [word for word, n in held.items() if n >= min(2, size) and len(word) > 1]
    best = sorted(often, key=lambda word: (-telling(word), word))[:WORDS]
    return [word for word in best if telling(word) > 0]
