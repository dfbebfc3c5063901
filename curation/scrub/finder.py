"""The finder: looks at many texts at once with every detector, again and again until masking uncovers nothing more.

Most texts hold nothing, so what is done for every text is little: a text that is plain ASCII and holds no placeholder
is its own view, and only texts with a find become work.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

from curation.detecting import BREAK, CUTS, FILLER, Detector, Found, Point, View
from curation.patterns import Pattern
from curation.scrub.spans import SURE, Scrubbed, Span, masked, outside, resolved, united
from curation.tagger.detector import NameDetector
from curation.tagger.names import Name

PASSES = 8
"""Masking one value may uncover another; a text that still shows one after so many looks is masked as a whole."""
PERSON = "PERSON"
_NAMES = frozenset({"person", "address", "place", "organisation"})
_FILLERS = re.compile(FILLER)

Seen = tuple[str, Found]
"""A detector's name and what it found."""
Record = Sequence[str]


@dataclass
class _Work:
    """One text in which something was found, or that comes with placeholders."""

    text: str
    hidden: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    spans: list[Span] = field(default_factory=list[Span])
    doubts: list[Span] = field(default_factory=list[Span])
    unbounded: bool = False
    open: bool = True
    """Whether it must be looked at again."""

    def take(self, spans: list[Span], doubts: list[Span]) -> None:
        """Add what one look found; a look that found nothing was the last."""
        self.open = bool(spans)
        self.doubts = doubts
        self.spans += spans
        if spans:
            self.hidden = sorted([*self.hidden, *((s.start, s.end) for s in spans)])

    def scrubbed(self) -> Scrubbed:
        """The text as it is now; one that never came to rest is masked as a whole."""
        if self.open and self.spans:
            entity = self.spans[-1].entity
            return Scrubbed(f"[{entity}]", (Span(entity, 0, len(self.text)),), uncertain=True)
        self.spans.sort(key=lambda s: s.start)
        uncertain = self.unbounded or bool(self.doubts)
        return Scrubbed(masked(self.text, self.spans), tuple(self.spans), uncertain, tuple(self.doubts))


@dataclass(frozen=True)
class Finder:
    """Detectors, what they must leave alone, and where their scores are cut."""

    detectors: tuple[tuple[str, Detector], ...]
    allowed: tuple[Pattern, ...]
    placeholder: re.Pattern[str]
    point: Point
    doubt: float

    def scrub(self, records: Sequence[Record]) -> list[list[Scrubbed]]:
        """The texts of every record scrubbed: somebody named in one text of a record is masked in all of them."""
        texts = [text for record in records for text in record]
        works: dict[int, _Work] = {}
        views = [t if t.isascii() and "[" not in t else self._view(t, i, works) for i, t in enumerate(texts)]
        found = self._finds(views)
        for i in found:
            works.setdefault(i, _Work(texts[i]))
        looked = list(works.items())
        plain = {
            i: View.of(work.text, work.hidden) if work.hidden or not work.text.isascii() else None for i, work in looked
        }
        for i, work in looked:
            self._settle(work, plain[i] or View(work.text), found.get(i, ()))
        edges = [0, *accumulate(len(record) for record in records)]
        self._until_quiet(works, texts, edges)
        done = [works[i].scrubbed() if i in works else Scrubbed(text) for i, text in enumerate(texts)]
        return [done[first:last] for first, last in pairwise(edges)]

    def _view(self, text: str, number: int, works: dict[int, _Work]) -> str:
        hidden = [m.span() for m in self.placeholder.finditer(text)] if "[" in text else []
        if hidden:
            works[number] = _Work(text, hidden)
        return View.of(text, hidden).text

    def _until_quiet(self, works: dict[int, _Work], texts: Sequence[str], edges: Sequence[int]) -> None:
        """Look again at what a mask may have changed, until nothing more is found."""
        for _ in range(PASSES - 1):
            named = [i for i, work in works.items() if work.open and any(s.entity == PERSON for s in work.spans)]
            for number in sorted({bisect_right(edges, i) - 1 for i in named}):
                self._propagate(range(edges[number], edges[number + 1]), works, texts)
            again = [work for work in works.values() if work.open]
            if not again:
                return
            views = [View.of(work.text, work.hidden) for work in again]
            found = self._finds([view.text for view in views])
            for i, (work, view) in enumerate(zip(again, views, strict=True)):
                self._settle(work, view, found.get(i, ()))

    def _settle(self, work: _Work, view: View, found: Sequence[Seen]) -> None:
        """Take what one look found in one text."""
        cut = CUTS[self.point]
        spans: list[Span] = []
        doubts: list[Span] = []
        for span, bounded in self._spans(view, found) if found else ():
            (spans if span.score >= cut else doubts).append(span)
            work.unbounded |= not bounded
        work.take(resolved(spans), doubts)

    def _finds(self, texts: Sequence[str]) -> dict[int, list[Seen]]:
        """What each detector finds in each view, by the number of the view; most are in none."""
        found: dict[int, list[Seen]] = {}
        floor = CUTS[self.point] - self.doubt
        named = {detector.kind: name for name, detector in self.detectors if isinstance(detector, NameDetector)}
        for i, find in self._names(texts) if named else ():
            if find.kind in named and find.score >= floor:
                found.setdefault(i, []).append((named[find.kind], find._replace(kind="")))
        gates: dict[Callable[..., bool], tuple[list[int], str]] = {}
        for name, detector in self.detectors:
            if isinstance(detector, NameDetector):
                continue
            # Detectors that share a gate share the texts behind it, joined once.
            gate = type(detector).concerns
            if gate not in gates:
                which = [i for i, text in enumerate(texts) if detector.concerns(text)]
                gates[gate] = (which, BREAK.join([texts[i] for i in which]))
            for i, find in _joined(detector, texts, *gates[gate]):
                if find.score >= floor:
                    found.setdefault(i, []).append((name, find))
        return found

    def _names(self, texts: Sequence[str]) -> Iterator[tuple[int, Found]]:
        """Names of every kind, in one look for all the detectors that stand for them."""
        from curation.tagger.tagger import Tagger

        for i, names in enumerate(Tagger.load().find(texts, self.point)):
            for name in names:
                yield i, Found(name.start, name.end, name.score, kind=name.kind)

    def _spans(self, view: View, found: Sequence[Seen]) -> Iterator[tuple[Span, bool]]:
        """Finds as spans of the text itself, without what the task allows; and whether each one is bounded.

        A name gives way to a number that is surely something else: an address that runs on into a telephone number
        ends before it.
        """
        spared = [place for pattern in self.allowed for place in pattern.finditer(view.text)]
        spared = united([*spared, *(m.span() for m in _FILLERS.finditer(view.text))])
        sure = [(find.start, find.end) for name, find in found if name not in _NAMES and find.score >= SURE]
        around = united([*spared, *sure]) if sure else spared
        for name, find in found:
            for piece in outside(find.start, find.end, around if name in _NAMES else spared):
                if any(map(str.isalnum, view.text[slice(*piece)])):
                    start, end = view.original(*piece)
                    yield Span(name.upper(), start, end, not find.valid, find.score, find.kind), find.bounded

    def _propagate(self, numbers: range, works: dict[int, _Work], texts: Sequence[str]) -> None:
        """Who was found in one text of a record is masked in all of them."""
        from curation.tagger.record import propagate

        people = [[s for s in works[i].spans if s.entity == PERSON] if i in works else [] for i in numbers]
        names = [[Name(s.start, s.end, "person", s.score) for s in some] for some in people]
        for i, mentions in zip(numbers, propagate([texts[i] for i in numbers], names), strict=True):
            sure = [Span(PERSON, m.start, m.end, score=m.score) for m in mentions if m.score >= CUTS[self.point]]
            if not sure:
                continue
            work = works.setdefault(i, _Work(texts[i]))
            ranges = united([*work.hidden, *(place for p in self.allowed for place in p.finditer(work.text))])
            new = [span for span in sure if list(outside(span.start, span.end, ranges)) == [(span.start, span.end)]]
            if new:
                work.take(resolved(new), work.doubts)


def _joined(detector: Detector, texts: Sequence[str], which: Sequence[int], joined: str) -> Iterator[tuple[int, Found]]:
    """What a detector finds in some of the texts, in one call over all of them joined.

    A find that reaches over the break between two texts says nothing about either: they are looked at alone.
    """
    finds = list(detector(joined)) if which else []
    if not finds:
        return
    starts = [0, *accumulate(len(texts[i]) + len(BREAK) for i in which)]
    own: list[tuple[int, Found]] = []
    torn: set[int] = set()
    for find in finds:
        at = bisect_right(starts, find.start) - 1
        if find.end > starts[at + 1] - len(BREAK):
            torn.update(range(at, bisect_right(starts, find.end - 1)))
        else:
            own.append((at, Found(find.start - starts[at], find.end - starts[at], *find[2:])))
    yield from ((which[at], find) for at, find in own if at not in torn)
    for at in sorted(torn & set(range(len(which)))):
        yield from ((which[at], find) for find in detector(texts[which[at]]))
