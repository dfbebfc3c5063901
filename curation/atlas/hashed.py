"""Texts as vectors without a model: character n-grams, hashed, weighed by how rare they are, in few dimensions."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float32]
BITS = 16
"""n-grams fall into 2 to the power of so many columns."""
SIZES = (3, 4)
"""Characters of an n-gram; they cross from one word into the next, so that no language's words have to be known."""
WIDTH = 48
"""Dimensions that are left."""
ROUNDS = 2
"""Power iterations of the decomposition (Halko, Martinsson and Tropp, 2011)."""
BATCH = 2_000
_ODD = np.uint64(0x9E3779B97F4A7C15)


def vectors(texts: Sequence[str], seed: int = 0) -> Floats:
    """A row of length one (or of noughts, for a text that shares nothing with another) for each text.

    >>> near = vectors(["where is my parcel", "where is the parcel", "money back"])
    >>> bool(near[0] @ near[1] > near[0] @ near[2])
    True
    """
    counts = _shared(_counted(texts))
    heard = np.bincount(counts.indices, minlength=_columns(counts))
    rarity = np.log((1 + len(texts)) / (1 + heard)).astype(np.float32)
    weighed = sparse.csr_matrix(
        (np.log1p(counts.data).astype(np.float32) * rarity[counts.indices], counts.indices, counts.indptr),
        shape=(len(texts), _columns(counts)),
    )
    return unit(_reduced(_scaled(weighed), seed))


def unit(rows: Floats) -> Floats:
    """Each row at length one; a row of noughts stays."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths > 1e-9, lengths, 1)).astype(np.float32)


def _counted(texts: Sequence[str]) -> "sparse.csr_matrix":
    """How often each text holds the n-grams of each column."""
    parts = [_batch(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)]
    return sparse.csr_matrix(sparse.vstack(parts))


def _shared(counts: "sparse.csr_matrix") -> "sparse.csr_matrix":
    """The columns that more than one text has; what is in one text alone says nothing about how near others are."""
    kept = np.flatnonzero(np.bincount(counts.indices, minlength=1 << BITS) > 1)
    return sparse.csr_matrix(counts[:, kept]) if len(kept) else counts


def _columns(counts: "sparse.csr_matrix") -> int:
    return int((counts.shape or (0, 0))[1])


def _batch(texts: Sequence[str]) -> "sparse.csr_matrix":
    padded = [f" {' '.join(text.casefold().split())} " for text in texts]
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    owner = np.repeat(np.arange(len(padded), dtype=np.int64), [len(p) for p in padded])
    keys = np.concatenate([*_keys(codes, owner)])
    found, times = np.unique(keys, return_counts=True)
    rows, columns = np.divmod(found, 1 << BITS)
    return sparse.csr_matrix((times.astype(np.float32), (rows, columns)), shape=(len(texts), 1 << BITS))


def _keys(codes: NDArray[np.uint64], owner: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Text and column of every n-gram as one number; those that cross from one text into the next are left out."""
    for size in SIZES:
        if len(codes) < size:
            continue
        last = len(codes) - size + 1
        mixed = np.full(last, np.uint64(size))
        for place in range(size):
            mixed = (mixed ^ codes[place : place + last]) * _ODD
            mixed ^= mixed >> np.uint64(29)
        within = owner[:last] == owner[size - 1 :]
        columns = (mixed >> np.uint64(64 - BITS)).astype(np.int64)
        yield (owner[:last] * (1 << BITS) + columns)[within]


def _scaled(rows: "sparse.csr_matrix") -> "sparse.csr_matrix":
    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    scale = 1 / np.where(lengths > 1e-9, lengths, 1)
    return sparse.csr_matrix(sparse.diags(scale.astype(np.float32)) @ rows)


def _reduced(rows: "sparse.csr_matrix", seed: int) -> Floats:
    """The rows in the directions they differ most in, most first; a direction's sign is fixed, so that runs agree."""
    height, columns = rows.indptr.size - 1, _columns(rows)
    width = min(WIDTH, height, columns)
    wide = min(width + 10, height)
    start = np.random.default_rng(seed).standard_normal((columns, wide)).astype(np.float32)
    basis, _ = np.linalg.qr(rows @ start)
    for _ in range(ROUNDS):
        other, _ = np.linalg.qr(rows.T @ basis)
        basis, _ = np.linalg.qr(rows @ other)
    seen = rows.T @ basis
    squared, turned = np.linalg.eigh(seen.T @ seen)
    found = (basis @ turned[:, ::-1][:, :width]) * np.sqrt(np.maximum(squared[::-1][:width], 0))
    signs = np.sign(found[np.abs(found).argmax(axis=0), np.arange(width)])
    return (found * np.where(signs == 0, 1, signs)).astype(np.float32)
