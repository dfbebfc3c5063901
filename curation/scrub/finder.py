"""The finder: looks at many texts at once with every detector, again and again until masking uncovers nothing more.

Most texts hold nothing, so what is done for every text is little: a text that is plain ASCII and holds no placeholder
is its own view, and only texts with a find become work.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
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


@dataclass(slots=True)
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
            self.hidden = sorted([*self.hidden, *[(s.start, s.end) for s in spans]])

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
        views: dict[int, View] = {}
        for i, text in enumerate(texts):
            if "[" in text or not text.isascii():
                hidden = [m.span() for m in self.placeholder.finditer(text)] if "[" in text else []
                views[i] = View.of(text, hidden)
                if hidden:
                    works[i] = _Work(text, hidden)
        found = self._finds([views[i].text if i in views else text for i, text in enumerate(texts)])
        for i in found:
            if i not in works:
                works[i] = _Work(texts[i])
        for i, work in works.items():
            self._settle(work, views.get(i) or View(work.text), found.get(i, ()))
        edges = [0, *accumulate(len(record) for record in records)]
        self._until_quiet(works, texts, edges)
        done = [works[i].scrubbed() if i in works else Scrubbed(text) for i, text in enumerate(texts)]
        return [done[first:last] for first, last in pairwise(edges)]

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
            found = self._finds([view.text for view in views], again=True)
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
        work.take(resolved(spans) if len(spans) > 1 else spans, doubts)

    def _finds(self, texts: Sequence[str], *, again: bool = False) -> dict[int, list[Seen]]:
        """What each detector finds in each view, by the number of the view; most are in none.

        A look at what was looked at before, `again`, goes to the paragraphs with a mask alone: a detector that sees no
        further finds in the others what it found there, unless it was doubtful and is asked once more.
        """
        found: dict[int, list[Seen]] = {}
        floor = CUTS[self.point] - self.doubt
        named = {detector.kind: name for name, detector in self.detectors if isinstance(detector, NameDetector)}
        for i, find in self._names(texts) if named else ():
            if find.kind in named and find.score >= floor:
                found.setdefault(i, []).append((named[find.kind], find._replace(kind="")))
        near = _Joined.masked(texts) if again and not self.doubt else _Joined.of(enumerate(texts))
        for name, detector in self.detectors:
            if isinstance(detector, NameDetector):
                continue
            concerned = ((i, text) for i, text in enumerate(texts) if detector.concerns(text))
            joined = near if detector.local else _Joined.of(concerned)
            for i, find in joined.finds(detector):
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
        text = view.text
        spared = around = self._spared(text)
        if any(name in _NAMES for name, _ in found):
            sure = [(find.start, find.end) for name, find in found if name not in _NAMES and find.score >= SURE]
            around = united([*spared, *sure])
        for name, find in found:
            ranges = around if name in _NAMES else spared
            for first, last in outside(find.start, find.end, ranges) if ranges else ((find.start, find.end),):
                if text[first].isalnum() or any(map(str.isalnum, text[first:last])):
                    start, end = view.original(first, last)
                    yield Span(name.upper(), start, end, not find.valid, find.score, find.kind), find.bounded

    def _spared(self, text: str) -> list[tuple[int, int]]:
        """What a view shows as masked, or what is allowed to stay."""
        allowed = [place for pattern in self.allowed for place in pattern.finditer(text)] if self.allowed else []
        return united([*allowed, *(m.span() for m in _FILLERS.finditer(text))]) if allowed or FILLER in text else []

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


@dataclass(frozen=True)
class _Joined:
    """Texts, or parts of them, as one, so that a detector is called once for all of them."""

    places: tuple[tuple[int, int], ...]
    """The number of the text that each part belongs to, and where in it the part begins."""
    parts: tuple[str, ...]
    whole: str
    starts: tuple[int, ...]
    """Where each part begins in the whole, and where a next one would."""

    @classmethod
    def of(cls, texts: Iterable[tuple[int, str]]) -> "_Joined":
        """Whole texts, with their numbers."""
        return cls._of([(i, 0, text) for i, text in texts])

    @classmethod
    def masked(cls, texts: Sequence[str]) -> "_Joined":
        """The paragraphs of some texts that hold something masked."""
        ranges = ((i, text, place) for i, text in enumerate(texts) for place in _masked_paragraphs(text))
        return cls._of([(i, start, text[start:end]) for i, text, (start, end) in ranges])

    @classmethod
    def _of(cls, parts: Sequence[tuple[int, int, str]]) -> "_Joined":
        texts = tuple(text for _, _, text in parts)
        starts = accumulate((len(text) + len(BREAK) for text in texts), initial=0)
        return cls(tuple((i, start) for i, start, _ in parts), texts, BREAK.join(texts), tuple(starts))

    def finds(self, detector: Detector) -> Iterator[tuple[int, Found]]:
        """What a detector finds in each text, by its number.

        A find that reaches over the break between two parts says nothing about either: they are looked at alone.
        """
        own: list[tuple[int, Found]] = []
        torn: set[int] = set()
        for find in detector(self.whole) if self.parts else ():
            at = bisect_right(self.starts, find.start) - 1
            if find.end > self.starts[at + 1] - len(BREAK):
                torn.update(range(at, bisect_right(self.starts, find.end - 1)))
            else:
                own.append((at, find))
        for at, find in own:
            if at not in torn:
                yield self._in_text(at, find, self.starts[at])
        for at in sorted(torn & set(range(len(self.parts)))):
            yield from (self._in_text(at, find, 0) for find in detector(self.parts[at]))

    def _in_text(self, at: int, find: Found, start: int) -> tuple[int, Found]:
        number, begin = self.places[at]
        shift = begin - start
        return number, Found(find[0] + shift, find[1] + shift, *find[2:]) if shift else find


def _masked_paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """The ranges between blank lines that hold something masked."""
    end = 0
    while (at := text.find(FILLER, end)) >= 0:
        blank = text.rfind("\n\n", end, at)
        start = end if blank < 0 else blank + 2
        end = text.find("\n\n", at)
        end = len(text) if end < 0 else end
        yield start, end
