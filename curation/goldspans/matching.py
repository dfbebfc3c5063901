"""Which predicted spans find which gold spans: the span semantics of presidio-research's SpanEvaluator.

Written from that project's documentation and behaviour (2026, after its review of prediction counting):

1. Spans lose what does not count at their edges (`tokens.py`); one of which nothing counts is left out. Neighbours of
   one entity with nothing that counts between them become one span, in gold and prediction alike.
2. Every prediction goes to one gold span at most: to one of its own kind that it matches by itself, else to the one
   with the greatest overlap. Overlap is intersection over union, in characters.
3. A gold span is found when the predictions of its kind that went to it overlap with it by the threshold, one alone or
   several together. Each of those counts as right; every other prediction is false, whatever it touches.

Recall is found gold spans of all gold spans; precision is right predictions of all predictions. Asked whatever the
kind (`typed=False`), any prediction is of the gold span's kind, but what rule 1 joins is still of one entity.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

from curation.goldspans.gold import GoldSpan, GoldText, Place
from curation.goldspans.tokens import Token, edges, tokens, touching
from curation.goldspans.type_map import INDIRECT

THRESHOLD = 0.7
"""The overlap from which on a span counts as found."""

S = TypeVar("S", GoldSpan, Place)


class Outcome(NamedTuple):
    """One gold span or prediction of a text, and whether it is found or right."""

    entity: str
    type: str
    """The gold file's word; empty for a prediction."""
    hit: bool


class Matched(NamedTuple):
    """What became of one text."""

    gold: list[Outcome]
    predicted: list[Outcome]


def match(gold: GoldText, predicted: Iterable[Place], *, typed: bool, threshold: float = THRESHOLD) -> Matched:
    """Match the predictions in one text with its gold spans; what is indirect or defective is passed over."""
    direct = [span for span in gold.spans if span.entity != INDIRECT]
    neutral = [*gold.neutral, *((s.start, s.end) for s in gold.spans if s.entity == INDIRECT)]
    words = _words(gold.text, neutral)
    wanted = _joined(_trimmed(direct, words), words)
    found = _joined(_trimmed(predicted, words), words)
    return _counted(wanted, found, typed, threshold)


def iou(a: Sequence[int], b: Sequence[int]) -> float:
    """Intersection over union of two ranges, in characters.

    >>> iou((0, 10), (3, 10)), iou((0, 4), (4, 8))
    (0.7, 0.0)
    """
    shared = min(a[1], b[1]) - max(a[0], b[0])
    return shared / (max(a[1], b[1]) - min(a[0], b[0])) if shared > 0 else 0.0


def together(gold: Sequence[int], pieces: Sequence[Sequence[int]]) -> float:
    """Intersection over union of a range and several that went to it.

    >>> together((0, 10), [(0, 4), (5, 10)])
    0.9
    """
    covered = {i for piece in pieces for i in range(piece[0], piece[1])}
    wanted = set(range(gold[0], gold[1]))
    return len(covered & wanted) / len(covered | wanted)


def masked_share(text: str, start: int, end: int, predicted: Iterable[Place]) -> float:
    """The share of a place's letters and digits that predictions of any kind cover."""
    covered = {i for p in predicted for i in range(max(p.start, start), min(p.end, end))}
    counted = [i for i in range(start, end) if text[i].isalnum()]
    return sum(i in covered for i in counted) / len(counted) if counted else 0.0


def _words(text: str, neutral: Sequence[tuple[int, int]]) -> list[Token]:
    """The words of a text, where those in a neutral place do not count."""
    words = tokens(text)
    if not neutral:
        return words
    return [w._replace(counts=w.counts and not any(w.start < e and w.end > s for s, e in neutral)) for w in words]


def _trimmed(spans: Iterable[S], words: Sequence[Token]) -> list[S]:
    """The spans in order, between their first and last word that counts."""
    kept = [
        span._replace(start=inner.start, end=inner.end)
        for span in spans
        if (inner := edges(words, span.start, span.end)) is not None
    ]
    return sorted(kept, key=lambda span: (span.start, span.end))


def _joined(spans: Sequence[S], words: Sequence[Token]) -> list[S]:
    """Neighbours of one entity made one."""
    joined: list[S] = []
    for span in spans:
        if joined and joined[-1].entity == span.entity and touching(words, joined[-1].end, span.start):
            joined[-1] = joined[-1]._replace(end=max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return joined


def _counted(wanted: Sequence[GoldSpan], found: Sequence[Place], typed: bool, threshold: float) -> Matched:
    went: dict[int, list[int]] = defaultdict(list)
    for number, prediction in enumerate(found):
        goal = _goal(wanted, prediction, typed, threshold)
        if goal is not None:
            went[goal].append(number)
    right: set[int] = set()
    gold: list[Outcome] = []
    for number, span in enumerate(wanted):
        of_kind = [i for i in went[number] if not typed or found[i].entity == span.entity]
        hit = bool(of_kind) and _overlap(span, [found[i] for i in of_kind]) >= threshold
        right.update(of_kind if hit else ())
        gold.append(Outcome(span.entity, span.type, hit))
    return Matched(gold, [Outcome(p.entity, "", i in right) for i, p in enumerate(found)])


def _goal(wanted: Sequence[GoldSpan], prediction: Place, typed: bool, threshold: float) -> int | None:
    """The gold span a prediction goes to."""
    best: tuple[tuple[bool, float, bool, int], int] | None = None
    for number, span in enumerate(wanted):
        overlap = iou((span.start, span.end), (prediction.start, prediction.end))
        same = not typed or span.entity == prediction.entity
        rank = (same and overlap >= threshold, overlap, same, -number)
        if overlap > 0 and (best is None or rank > best[0]):
            best = rank, number
    return best[1] if best else None


def _overlap(span: GoldSpan, pieces: Sequence[Place]) -> float:
    ranges = [(piece.start, piece.end) for piece in pieces]
    return iou((span.start, span.end), ranges[0]) if len(ranges) == 1 else together((span.start, span.end), ranges)
