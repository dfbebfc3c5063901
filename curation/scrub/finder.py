"""The finder: looks at many texts at once with every detector, again and again until masking uncovers nothing more.

Most texts hold nothing, so what is done for every text is little: a text that is plain ASCII and holds no placeholder
is its own view, and only texts with a find become work.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from operator import attrgetter

from curation.detecting import BREAK, CUTS, FILLER, Detector, Found, Point, View
from curation.patterns import Pattern
from curation.scrub.spans import SURE, Scrubbed, Span, masked, outside, resolved, united
from curation.tagger.detector import NameDetector
from curation.tagger.names import Name

PASSES = 8
"""Masking one value may uncover another; a text that still shows one after so many looks is masked as a whole."""
PERSON = "PERSON"
_NAMES = frozenset({"person", "address", "place", "organisation"})
_APART = len(BREAK)
_FILLERS = re.compile(FILLER)

Seen = tuple[str, Found]
"""A detector's name and what it found."""
Record = Sequence[str]


@dataclass(slots=True)
class _Work:
    """One text in which something was found, or that comes with placeholders."""

    text: str
    plain: str | None
    """The view of it with nothing masked, where that is as long as the text: no invisible character was taken out."""
    hidden: Sequence[tuple[int, int]] = ()
    spans: Sequence[Span] = ()
    doubts: Sequence[Span] = ()
    unbounded: bool = False
    open: bool = True
    """Whether it must be looked at again."""

    def take(self, spans: Sequence[Span], doubts: Sequence[Span]) -> None:
        """Add what one look found; a look that found nothing was the last."""
        self.open = bool(spans)
        self.doubts = doubts
        if spans:
            self.spans = sorted([*self.spans, *spans], key=attrgetter("start"))
            self.hidden = sorted([*self.hidden, *[(s.start, s.end) for s in spans]])

    def view(self) -> View:
        """The text as detectors see it now."""
        return View.of(self.text, self.hidden)

    def shown(self) -> str:
        """The text of that view, put together without folding it again."""
        if self.plain is None:
            return self.view().text
        ends = [0, *[end for _, end in self.hidden]]
        starts = [*[start for start, _ in self.hidden], len(self.plain)]
        return FILLER.join([self.plain[end:start] for end, start in zip(ends, starts, strict=True)])

    def scrubbed(self) -> Scrubbed:
        """The text as it is now; one that never came to rest is masked as a whole."""
        if self.open and self.spans:
            entity = self.spans[-1].entity
            return Scrubbed(f"[{entity}]", (Span(entity, 0, len(self.text)),), uncertain=True)
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
                    works[i] = _Work(text, None, hidden)
        seen = [views[i].text if i in views else text for i, text in enumerate(texts)]
        found = self._finds(seen)
        for i in found:
            if i not in works:
                works[i] = _Work(texts[i], seen[i] if len(seen[i]) == len(texts[i]) else None)
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
            found = self._finds([work.shown() for work in again], again=True)
            for i, work in enumerate(again):
                if i in found:
                    self._settle(work, work.view(), found[i])
                else:
                    work.take((), ())

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
        near = _Joined.masked(texts) if again and not self.doubt else _Joined.of(texts, range(len(texts)))
        for name, detector in self.detectors:
            if isinstance(detector, NameDetector):
                continue
            if detector.local:
                joined = near
            else:
                joined = _Joined.of(texts, [i for i, text in enumerate(texts) if detector.concerns(text)])
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
            for first, last in outside(find[0], find[1], ranges) if ranges else (find[:2],):
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
            work = works.setdefault(i, _Work(texts[i], None))
            ranges = united([*work.hidden, *(place for p in self.allowed for place in p.finditer(work.text))])
            new = [span for span in sure if list(outside(span.start, span.end, ranges)) == [(span.start, span.end)]]
            if new:
                work.take(resolved(new), work.doubts)


@dataclass(frozen=True)
class _Joined:
    """Texts, or parts of them, as one, so that a detector is called once for all of them."""

    numbers: Sequence[int]
    """Which text each part belongs to."""
    begins: Sequence[int]
    """Where in its text each part begins."""
    parts: Sequence[str]
    whole: str
    starts: Sequence[int]
    """Where each part begins in the whole, and where a next one would."""

    @classmethod
    def of(cls, texts: Sequence[str], numbers: Sequence[int]) -> "_Joined":
        """Those of some texts that have these numbers."""
        return cls._of(numbers, [0] * len(numbers), [texts[i] for i in numbers])

    @classmethod
    def masked(cls, texts: Sequence[str]) -> "_Joined":
        """The paragraphs of some texts that hold something masked."""
        numbers: list[int] = []
        begins: list[int] = []
        parts: list[str] = []
        for i, text in enumerate(texts):
            for start, end in _masked_paragraphs(text):
                numbers.append(i)
                begins.append(start)
                parts.append(text[start:end])
        return cls._of(numbers, begins, parts)

    @classmethod
    def _of(cls, numbers: Sequence[int], begins: Sequence[int], parts: Sequence[str]) -> "_Joined":
        starts = accumulate([len(part) + _APART for part in parts], initial=0)
        return cls(numbers, begins, parts, BREAK.join(parts), list(starts))

    def finds(self, detector: Detector) -> Iterator[tuple[int, Found]]:
        """What a detector finds in each text, by its number.

        A find that reaches over the break between two parts says nothing about either: they are looked at alone.
        """
        own: list[tuple[int, Found]] = []
        torn: set[int] = set()
        starts = self.starts
        for find in detector(self.whole) if self.parts else ():
            at = bisect_right(starts, find[0]) - 1
            if find[1] > starts[at + 1] - _APART:
                torn.update(range(at, bisect_right(starts, find[1] - 1)))
            else:
                own.append((at, find))
        for at, find in own:
            if not torn or at not in torn:
                yield self._in_text(at, find, starts[at])
        for at in sorted(torn & set(range(len(self.parts)))):
            yield from (self._in_text(at, find, 0) for find in detector(self.parts[at]))

    def _in_text(self, at: int, find: Found, start: int) -> tuple[int, Found]:
        shift = self.begins[at] - start
        return self.numbers[at], Found(find[0] + shift, find[1] + shift, *find[2:]) if shift else find


def _masked_paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """The ranges between blank lines that hold something masked."""
    end = 0
    while (at := text.find(FILLER, end)) >= 0:
        blank = text.rfind("\n\n", end, at)
        start = end if blank < 0 else blank + 2
        end = text.find("\n\n", at)
        end = len(text) if end < 0 else end
        yield start, end
