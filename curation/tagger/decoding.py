"""From scores of tags to spans: the best allowed sequence over each stretch where a name is in question."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curation.tagger.network import KINDS, TAGS

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
LONGEST = 80
"""A longer stretch is decoded in pieces."""
MILLION = 1_000_000
CERTAIN = 0.97
"""Where `O` is at least this likely, no name is in question."""


class Spans(NamedTuple):
    """Spans over places: first place, place after the last, index into KINDS, score."""

    start: Ints
    end: Ints
    kind: Ints
    score: Floats


def probabilities(logits: Floats) -> Floats:
    """The softmax over tags."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def decode(logits: Floats, real: npt.NDArray[np.bool_], line_end: npt.NDArray[np.bool_], leaning: float) -> Spans:
    """The spans in a row of places; `leaning` is taken off the score of `O`."""
    chances = probabilities(logits)
    leaned = logits.copy()
    leaned[:, 0] -= leaning
    for kind in ("person", "place"):
        leaned[line_end, TAGS.index(f"I-{kind}")] = -1e4
    for kind in KINDS:
        leaned[line_end, TAGS.index(f"B-{kind}")] = -1e4
    open_ = real & (chances[:, 0] < CERTAIN)
    tags = np.zeros(len(logits), np.int64)
    _viterbi(leaned, *_stretches(open_), tags)
    return _spans(tags, chances)


def _stretches(open_: npt.NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """First place and length of each run of places in question, the longest first."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], open_, [False])).astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    if len(starts) and int((ends - starts).max()) > LONGEST:
        cuts = [
            (s, min(s + LONGEST, e))
            for a, e in zip(starts.tolist(), ends.tolist(), strict=True)
            for s in range(a, e, LONGEST)
        ]
        starts, ends = np.array([c[0] for c in cuts]), np.array([c[1] for c in cuts])
    order = np.argsort(starts - ends, kind="stable")
    return starts[order], (ends - starts)[order]


def _viterbi(logits: Floats, starts: Ints, lengths: Ints, tags: Ints) -> None:
    """Writes the best tags of every stretch into `tags`: `I-x` only after `B-x` or `I-x`."""
    if not len(starts):
        return
    inside = np.arange(2, len(TAGS), 2)
    score = logits[starts].copy()
    score[:, inside] = -1e4
    backs: list[Ints] = []
    finals = score.argmax(axis=1)
    for at in range(1, int(lengths[0])):
        alive = int(np.searchsorted(-lengths, -at, side="left"))  # stretches longer than `at`
        before = score[:alive]
        back = np.repeat(before.argmax(axis=1)[:, None], len(TAGS), axis=1)
        best = np.repeat(before.max(axis=1)[:, None], len(TAGS), axis=1)
        begun, went_on = before[:, inside - 1], before[:, inside]
        best[:, inside] = np.maximum(begun, went_on)
        back[:, inside] = np.where(begun >= went_on, inside - 1, inside)
        score = best + logits[starts[:alive] + at]
        finals[:alive] = score.argmax(axis=1)
        backs.append(back)
    _trace(finals, backs, starts, lengths, tags)


def _trace(finals: Ints, backs: list[Ints], starts: Ints, lengths: Ints, tags: Ints) -> None:
    now = finals.copy()
    for at in range(int(lengths[0]) - 1, -1, -1):
        alive = int(np.searchsorted(-lengths, -at, side="left"))
        tags[starts[:alive] + at] = now[:alive]
        if at:
            now[:alive] = backs[at - 1][np.arange(alive), now[:alive]]


def _spans(tags: Ints, chances: Floats) -> Spans:
    begins = np.flatnonzero(tags % 2 == 1)
    kind = (tags[begins] - 1) // 2
    ends = np.empty_like(begins)
    if len(begins):
        stops = np.flatnonzero((tags == 0) | (tags % 2 == 1))
        after = np.searchsorted(stops, begins, side="right")
        stops = np.append(stops, len(tags))
        ends = stops[after]
    named = chances[:, 1::2] + chances[:, 2::2]
    anyone = 1.0 - chances[:, 0]
    # Whole millionths, so that a sum does not depend on what stands before the span in the batch.
    units = np.rint(np.column_stack((named, anyone)) * MILLION).astype(np.int64)
    sums = np.concatenate((np.zeros((1, len(KINDS) + 1), np.int64), np.cumsum(units, axis=0)))
    width = (ends - begins) * MILLION
    own = (sums[ends, kind] - sums[begins, kind]) / width
    any_ = (sums[ends, -1] - sums[begins, -1]) / width
    return Spans(begins, ends, kind, (0.5 * own + 0.5 * any_).astype(np.float32))
