"""Spans: where personal data lies in a text, what overlapping finds become, and the text with each one replaced."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter

SURE = 0.7
"""From this score on a find outweighs a longer one that is less sure."""


@dataclass(frozen=True)
class Span:
    """One place to mask: its kind, its range in code points of the text given, and how it was found."""

    entity: str
    """Name of the detector in upper case: the placeholder."""
    start: int
    end: int
    shape_only: bool = False
    """The shape is right and the checksum is not."""
    score: float = 1.0
    kind: str = ""
    """A finer name than the entity's, where the detector tells several apart."""


@dataclass(frozen=True)
class Scrubbed:
    """A scrubbed text; `uncertain` where a person must look: something near the cut, or a secret without an end."""

    text: str
    spans: tuple[Span, ...] = ()
    uncertain: bool = False
    doubts: tuple[Span, ...] = ()
    """What scored just below the cut and was left alone: the reason for the doubt."""

    @property
    def zone(self) -> str:
        """`clean`, `masked` or `uncertain`."""
        if self.uncertain:
            return "uncertain"
        return "masked" if self.spans else "clean"


def resolved(spans: Sequence[Span]) -> list[Span]:
    """Overlapping spans made one, so that no end of any of them sticks out; apart and in order.

    A span that holds another names the kind, unless it alone is unsure; of two that overlap, the valid one does, then
    the sure one, then the longer.
    """
    merged: list[Span] = []
    for span in sorted(spans, key=lambda s: (s.start, -s.end)):
        if merged and span.start < merged[-1].end:
            last = merged[-1]
            kept = span if _outweighs(span, last) else last
            end = max(span.end, last.end)
            merged[-1] = (
                kept if (kept.start, kept.end) == (last.start, end) else replace(kept, start=last.start, end=end)
            )
        else:
            merged.append(span)
    return merged


def _outweighs(later: Span, earlier: Span) -> bool:
    """Whether the later of two overlapping spans says what both are; it begins where the earlier does, or inside."""
    if (later.start, later.end) == (earlier.start, earlier.end):
        return (not later.shape_only, later.score) > (not earlier.shape_only, earlier.score)
    if later.end <= earlier.end:
        return earlier.score < SURE <= later.score
    return _weight(later) > _weight(earlier)


def _weight(span: Span) -> tuple[bool, bool, int]:
    return (not span.shape_only, span.score >= SURE, span.end - span.start)


def united(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges in order, those that touch or overlap made one.

    >>> united([(5, 8), (1, 3), (2, 4)])
    [(1, 4), (5, 8)]
    """
    found: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def outside(start: int, end: int, ranges: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The parts of a range outside the given ranges, which are in order and apart.

    >>> list(outside(0, 10, [(2, 4), (8, 12)]))
    [(0, 2), (4, 8)]
    """
    for first, last in ranges[bisect_right(ranges, start, key=itemgetter(1)) :]:
        if first >= end:
            break
        if start < first:
            yield start, first
        start = max(start, last)
    if start < end:
        yield start, end


def masked(text: str, spans: Sequence[Span]) -> str:
    """The text with every span's value replaced by its kind.

    >>> masked("Write to ana@example.com", [Span("EMAIL", 9, 24)])
    'Write to [EMAIL]'
    """
    return substituted(text, spans, [f"[{span.entity}]" for span in spans])


def substituted(text: str, spans: Sequence[Span], values: Sequence[str]) -> str:
    """The text with each span (in order, apart) replaced by its own value."""
    parts: list[str] = []
    at = 0
    for span, value in zip(spans, values, strict=True):
        parts += (text[at : span.start], value)
        at = span.end
    return "".join([*parts, text[at:]])
