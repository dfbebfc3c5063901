"""Places many-dimensional points on a plane so that near ones stay near, by forces along nearest neighbours.

After UMAP (McInnes, Healy and Melville, 2018): neighbours pull at each other, points drawn by chance push. What lies
close together is alike; distances between groups, and the axes, mean nothing.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from curation.atlas.hashed import Floats

NEIGHBOURS = 12
ROUNDS = 200
PUSHES = 5
"""Points drawn by chance that push each point away, a round."""
_A, _B = 1.577, 0.895
"""The curve between near and far for points that may come as close as 0.1."""
_BLOCK = 1_000
_EDGE = 10.0

Tell = Callable[[int, int], None]


def placed(rows: Floats, seed: int = 0, tell: Tell = lambda done, of: None) -> Floats:
    """x and y of each row, between -1 and 1; `tell` hears of each round. The same rows and seed give the same plane."""
    at = _beginning(rows, seed)
    if len(rows) > 3:
        near, weight = _neighbours(rows)
        at = _pulled(at, near, weight, np.random.default_rng(seed + 1), tell)
    at = at - np.median(at, axis=0)
    reach = float(np.abs(at).max(initial=0))
    return (at / reach if reach > 0 else at).astype(np.float32)


def _beginning(rows: Floats, seed: int) -> Floats:
    """The two directions the rows differ most in, stirred a little so that equal rows do not stick together."""
    centred = rows - rows.mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    plane = centred @ vectors[:, ::-1][:, :2]
    if plane.shape[1] < 2:
        plane = np.concatenate([plane, np.zeros((len(rows), 2 - plane.shape[1]), np.float32)], axis=1)
    reach = float(np.abs(plane).max(initial=0)) or 1.0
    stirred = np.random.default_rng(seed).normal(0, 0.05, plane.shape)
    return (plane * (_EDGE / reach) + stirred).astype(np.float32)


def _neighbours(rows: Floats) -> tuple[NDArray[np.int64], Floats]:
    """The nearest rows of each row, and how much each of them weighs."""
    number = min(NEIGHBOURS, len(rows) - 1)
    near = np.empty((len(rows), number), np.int64)
    weight = np.empty((len(rows), number), np.float32)
    for start in range(0, len(rows), _BLOCK):
        alike = rows[start : start + _BLOCK] @ rows.T
        alike[np.arange(len(alike)), np.arange(start, start + len(alike))] = -np.inf
        best = np.argpartition(alike, -number, axis=1)[:, -number:]
        far = 1 - np.take_along_axis(alike, best, axis=1)
        beyond = far - far.min(axis=1, keepdims=True)
        near[start : start + _BLOCK] = best
        weight[start : start + _BLOCK] = np.exp(-beyond / np.maximum(beyond.mean(axis=1, keepdims=True), 1e-6))
    return near, weight


def _pulled(at: Floats, near: NDArray[np.int64], weight: Floats, rng: np.random.Generator, tell: Tell) -> Floats:
    """The places after all rounds; steps grow smaller to the end."""
    here = np.repeat(np.arange(len(at)), near.shape[1])
    there, pull = near.ravel(), weight.ravel()
    for turn in range(ROUNDS):
        step = 1 - turn / ROUNDS
        drawn = rng.random(len(here)) < pull
        one, other = here[drawn], there[drawn]
        force = _attraction(at[one] - at[other])
        moved = _summed(one, force, len(at)) - _summed(other, force, len(at))
        for _ in range(PUSHES):
            moved += _repulsion(at - at[rng.integers(0, len(at), len(at))])
        at = at + (step * np.clip(moved, -4, 4)).astype(np.float32)
        tell(turn + 1, ROUNDS)
    return at


def _attraction(apart: Floats) -> Floats:
    squared = np.maximum((apart**2).sum(axis=1, keepdims=True), 1e-6)
    strength = -2 * _A * _B * squared ** (_B - 1) / (1 + _A * squared**_B)
    return np.clip(strength * apart, -4, 4) * 0.25


def _repulsion(apart: Floats) -> Floats:
    squared = (apart**2).sum(axis=1, keepdims=True)
    strength = 2 * _B / ((0.001 + squared) * (1 + _A * squared**_B))
    return np.clip(strength * apart, -4, 4) * 0.5


def _summed(place: NDArray[np.int64], force: Floats, number: int) -> Floats:
    return np.stack([np.bincount(place, force[:, axis], number) for axis in (0, 1)], axis=1).astype(np.float32)
