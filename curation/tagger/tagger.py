"""Finds the names of people, postal addresses, places and organisations in texts, many at once, offline."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt

from curation.detecting import CUTS, Point
from curation.tagger.cues import combined, cued
from curation.tagger.decoding import Spans, decode
from curation.tagger.names import Name
from curation.tagger.network import KINDS, PADS, Network
from curation.tagger.words import LISTS, Cut, cut, hashed

WEIGHTS = "weights.npz"
LEANING: dict[Point, float] = {"recall": 1.0, "precision": 0.0}
"""How much the operating point takes off the score of "nobody's name" before spans are chosen."""
_SCALE = ((0.0, 0.0), (0.4, 0.3), (0.7, 0.7), (1.0, 1.0))
"""The network's certainty of a span (mean probability), and the detectors' score for it."""
_REMEMBERED = 60_000
_OUTER = " \t\n,;:-()[]\"'<>|/"


class Tagger:
    """A trained network and the word forms it has met."""

    def __init__(self, network: Network) -> None:
        """`network` is read-only; the memory of word forms only saves time, results never depend on it."""
        self.network = network
        self._forget()

    def _forget(self) -> None:
        self._seen: dict[str, int] = {}
        self._ordinary: dict[str, bool] = {}
        self._embedded = np.zeros((_REMEMBERED // 8, self.network.embedding.shape[1]), np.float32)
        self._is_line_end = np.zeros(len(self._embedded), bool)

    @staticmethod
    def load(path: Path | None = None) -> "Tagger":
        """The tagger shipped with the package, or one of your own trained with `python -m curation.tagger.train`."""
        return _loaded(path)

    def find(self, texts: Sequence[str], point: Point) -> list[list[Name]]:
        """The names in each text, in order and apart, none scored below the cut of the operating point.

        A postal address comes in parts: street with number and flat, and postcode, as `address`; town, region and
        country as `place`. `curation.tagger.record.whole_addresses` makes one span of them.

        >>> [name.kind for name in Tagger.load().find(["Hello, my name is Priya Raman."], "recall")[0]]
        ['person']
        """
        found: list[list[Name]] = []
        for batch in _batches(texts):
            found += self._find(batch, point)
        return [combined(names, cued(text, self.is_ordinary)) for text, names in zip(texts, found, strict=True)]

    def is_ordinary(self, word: str) -> bool:
        """Whether a lower-case word is an ordinary word of a language the tagger knows."""
        if word not in self._ordinary:
            flags = self.network.lists.flags(hashed([word]))[0]
            self._ordinary[word] = bool(flags[LISTS.index("common")] or flags[LISTS.index("foreign")])
        return self._ordinary[word]

    def _find(self, texts: Sequence[str], point: Point) -> list[list[Name]]:
        words = cut(texts)
        known, real = self._places(words)
        if not words.forms:
            return [[] for _ in texts]
        state = np.zeros((len(real), self._embedded.shape[1]), np.float32)
        state[real] = self._embedded[known]
        line_end = np.zeros(len(real), bool)
        line_end[real] = self._is_line_end[known]
        spans = decode(self.network.logits(state, real), real, line_end, LEANING[point])
        raw, scale = zip(*_SCALE, strict=True)
        score = np.interp(spans.score, raw, scale).astype(np.float32)
        kept = score >= CUTS[point]
        return _names(texts, words, real, Spans(spans.start[kept], spans.end[kept], spans.kind[kept], score[kept]))

    def _places(self, words: Cut) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """The number of each word form, and which places of the padded row hold a word."""
        if len(self._seen) > _REMEMBERED:
            self._forget()
        fresh = [form for form in dict.fromkeys(words.forms) if form not in self._seen]
        if fresh:
            self._remember(fresh)
        known = np.fromiter(map(self._seen.__getitem__, words.forms), np.int64, len(words.forms))
        return known, places(words.counts)

    def _remember(self, fresh: list[str]) -> None:
        first, end = len(self._seen), len(self._seen) + len(fresh)
        while end > len(self._embedded):
            self._embedded = np.concatenate((self._embedded, np.zeros_like(self._embedded)))
            self._is_line_end = np.concatenate((self._is_line_end, np.zeros_like(self._is_line_end)))
        self._embedded[first:end] = self.network.embed(fresh)
        self._is_line_end[first:end] = [form[-1] == "\n" for form in fresh]
        self._seen.update(zip(fresh, range(first, end), strict=True))


def places(counts: Sequence[int]) -> npt.NDArray[np.bool_]:
    """Which places of a row hold words, when PADS empty ones stand before, between and after the texts."""
    lengths = np.array(counts, np.int64) + PADS
    real = np.ones(int(lengths.sum()) + PADS, bool)
    starts = np.concatenate(([0], np.cumsum(lengths)))
    for at in range(PADS):
        real[starts + at] = False
    return real


@cache
def _loaded(path: Path | None) -> Tagger:
    return Tagger(Network.read(path or Path(str(files("curation.tagger").joinpath(WEIGHTS)))))


def _batches(texts: Sequence[str]) -> list[Sequence[str]]:
    """Runs of texts of about 60,000 characters: enough to share the work, small enough for the processor's cache."""
    batches: list[Sequence[str]] = []
    start = size = 0
    for at, text in enumerate(texts):
        if size > 60_000:
            batches.append(texts[start:at])
            start, size = at, 0
        size += len(text)
    return [*batches, texts[start:]]


def _names(texts: Sequence[str], words: Cut, real: npt.NDArray[np.bool_], spans: Spans) -> list[list[Name]]:
    """Spans over places as spans over characters of each text."""
    found: list[list[Name]] = [[] for _ in texts]
    lengths = np.fromiter(map(len, words.forms), np.int64, len(words.forms))
    ends = np.cumsum(lengths)
    word_of = np.cumsum(real) - 1
    first, last = word_of[spans.start], word_of[spans.end - 1]
    text_of = np.searchsorted(np.cumsum(words.counts), first, side="right")
    offset = np.concatenate(([0], np.cumsum([len(text) for text in texts])))[text_of]
    starts = (ends[first] - lengths[first] - offset).tolist()
    stops = (ends[last] - offset).tolist()
    rows = zip(text_of.tolist(), starts, stops, spans.kind.tolist(), spans.score.tolist(), strict=True)
    for text, start, stop, kind, score in rows:
        inner = str(texts[text][start:stop])
        start += len(inner) - len(inner.lstrip(_OUTER))
        stop -= len(inner) - len(inner.rstrip(_OUTER))
        if start < stop and any(map(str.isalnum, inner)):
            found[text].append(Name(start, stop, KINDS[kind], round(score, 3)))
    return found
