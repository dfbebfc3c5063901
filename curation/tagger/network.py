"""The trained network, run with numpy in whole numbers: the same text gives the same tags in any batch, on any machine.

Every weight is an 8-bit and every activation a 7-bit whole number held as a float, so that each sum stays far below
2**24 and is exact in whatever order a matrix library adds it up.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from curation.tagger.words import LISTS, UNKNOWN, Described, WordLists, describe, owner

Floats = npt.NDArray[np.float32]
KINDS = ("person", "address", "place", "organisation")
TAGS = ("O", *(f"{side}-{kind}" for kind in KINDS for side in "BI"))
STEPS = 127.0
EMBEDDED_TO = 3.0
"""Embeddings are clipped to plus or minus this, in STEPS steps either way."""
ACTIVE_TO = 4.0
"""Activations are clipped to 0 .. this, in STEPS steps."""
PADS = 3
"""Nothing reaches further across in one layer; so many empty places stand between two texts."""
_TILE, _BLOCK = 48, 960
"""Places multiplied at a time: a tile is too small for a matrix library to share out among threads, which cost more
than they bring here; a block stays in the processor's cache."""
LAYERS = ((5, 1), (3, 3), (3, 1))
"""Width and stride of the window of each layer."""


class Layer(NamedTuple):
    """A matrix of whole numbers, the scale of each of its columns, and the bias."""

    weight: Floats
    scale: Floats
    bias: Floats


class Network:
    """Describes words and tags them."""

    def __init__(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """`arrays` is what the trainer wrote."""
        self.embedding: Floats = arrays["embedding"].astype(np.float32)
        self.embedding_scale = float(arrays["embedding_scale"])
        self.flag_weight: Floats = arrays["flag_weight"].astype(np.float32)
        self.owners: npt.NDArray[np.uint16] = arrays["owners"]
        self.lists = WordLists({name: arrays[f"list_{name}"] for name in LISTS})
        self.layers = [
            Layer(arrays[f"w{i}"].astype(np.float32), arrays[f"s{i}"], arrays[f"b{i}"]) for i in range(len(LAYERS) + 1)
        ]
        self.edge: Floats = arrays["edge"].astype(np.float32)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads a file of weights."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(dict(arrays))

    def known_rows(self, words: Described) -> npt.NDArray[np.int64]:
        """The embedding rows of words, a whole word's row only where the word owns it."""
        rows = words.rows.copy()
        rows[self.owners[rows[:, 0]] != owner(words.word), 0] = UNKNOWN
        return rows

    def embed(self, forms: list[str]) -> Floats:
        """Each distinct word form as whole numbers, shape (forms, width)."""
        words = describe(forms)
        words.flags[:, 2:] = self.lists.flags(words.word)
        rows = self.known_rows(words)
        total = words.flags @ self.flag_weight
        for column in rows.T:
            total += self.embedding[column]
        scaled = np.rint(total * np.float32(self.embedding_scale * STEPS / EMBEDDED_TO))
        return np.clip(scaled, -STEPS, STEPS).astype(np.float32)

    def logits(self, embedded: Floats, real: npt.NDArray[np.bool_]) -> Floats:
        """The logits of every place, shape (places, tags); `real` is False at the empty places between texts."""
        state = embedded
        empty = ~real
        state[empty] = self.edge
        step = STEPS / EMBEDDED_TO
        for layer, (width, stride) in zip(self.layers, LAYERS, strict=False):
            summed = _summed(state, width, stride, layer.weight)
            out = STEPS / ACTIVE_TO
            summed *= layer.scale * (out / step)
            summed += layer.bias * out
            np.clip(np.rint(summed, out=summed), 0, STEPS, out=summed)
            summed[empty] = 0
            state = summed
            step = out
        last = self.layers[-1]
        summed = _summed(state, 1, 1, last.weight)
        return (summed * (last.scale / step) + last.bias).astype(np.float32)


def _summed(state: Floats, width: int, stride: int, weight: Floats) -> Floats:
    """Each place and its neighbours, zero beyond the ends, times a matrix."""
    count, columns = state.shape
    reach = width // 2 * stride
    rows = -(-count // _TILE) * _TILE
    padded = np.zeros((rows + 2 * reach, columns), np.float32)
    padded[reach : reach + count] = state
    parts = weight.reshape(width, columns, -1)
    out = np.empty((rows, weight.shape[1]), np.float32)
    for start in range(0, rows, _BLOCK):
        size = min(_BLOCK, rows - start)
        total = out[start : start + size].reshape(-1, _TILE, weight.shape[1])
        for at in range(width):
            first = start + at * stride
            tiles = padded[first : first + size].reshape(-1, _TILE, columns)
            if at:
                total += tiles @ parts[at]
            else:
                np.matmul(tiles, parts[at], out=total)
    return out[:count]


def digest(path: Path) -> str:
    """SHA-256 of a file of weights."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def content_digest(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """SHA-256 of what a file of weights holds, however it is compressed."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        total.update(f"{name} {array.dtype} {array.shape}\n".encode())
        total.update(array.tobytes())
    return total.hexdigest()
