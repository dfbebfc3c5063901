"""The Merkle tree of RFC 6962: one root for many leaves, and short proofs that a leaf is under it.

A leaf's hash is SHA-256(0x00 | data), an inner node's SHA-256(0x01 | left | right); an odd last node rises
unchanged, which gives the tree of RFC 6962 section 2.1.
"""

import hashlib
from collections.abc import Sequence

HASH_BYTES = 32


def leaf_hash(data: bytes) -> bytes:
    """The hash of one leaf.

    >>> leaf_hash(b"").hex()[:16]
    '6e340b9cffb37a98'
    """
    return hashlib.sha256(b"\x00" + data).digest()


def _above(level: Sequence[bytes]) -> list[bytes]:
    pairs = [hashlib.sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
    return [*pairs, level[-1]] if len(level) % 2 else pairs


def root(hashes: Sequence[bytes]) -> bytes:
    """The root over leaf hashes, in order; of no leaves: SHA-256 of nothing."""
    if not hashes:
        return hashlib.sha256().digest()
    level = list(hashes)
    while len(level) > 1:
        level = _above(level)
    return level[0]


def audit_path(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """The siblings that lead from leaf `index` to the root, lowest first."""
    path: list[bytes] = []
    level = list(hashes)
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        level, index = _above(level), index // 2
    return path


def root_from_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a leaf hash, its place and its audit path lead to; None when the path has the wrong length."""
    node, last, rest = leaf, size - 1, list(path)
    if not 0 <= index < size:
        return None
    while last > 0:
        if index % 2 or index < last:
            if not rest:
                return None
            sibling = rest.pop(0)
            pair = sibling + node if index % 2 else node + sibling
            node = hashlib.sha256(b"\x01" + pair).digest()
        index, last = index // 2, last // 2
    return None if rest else node
