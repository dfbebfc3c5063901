"""Rare strings: names, numbers and codes that fewer than k sources hold, and that no word list or gazetteer knows.

What detectors miss is mostly of this kind: a name no list has, the number of one customer. A string many sources share
identifies none of them. The texts are read twice: once to count, once to find.
"""

import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]

_PLACEHOLDER = r"\[[A-Z][A-Z_]*\]"
_TOKEN = re.compile(
    rf"(?P<masked>{_PLACEHOLDER})"
    r"|(?P<digits>(?<![\w/-])\d+(?:[ -]\d+)+(?![\w-]))"
    r"|(?P<code>(?<![\w/-])(?=[\w/-]*\d)[^\W_]+(?:[-_/][^\W_]+)*)"
    r"|(?P<word>[^\W\d_]+(?:['’-][^\W\d_]+)*)"
)
_JOINS = re.compile(r"[ \t]{1,2}(?:[(\"“'’]?)$")
_SENTENCE_END = re.compile(r"(?:[.!?…。！？][\"'”’)\]]*\s+|\n\s*)(?:[-*•>\"“'‘(\[]\s*)*$")
_LOOKED_BACK = 12
"""Characters before a word in which the end of the sentence before it is looked for."""
_POSSESSIVE = re.compile(r"['’][sS]$")
_ORDINARY_CODE = re.compile(r"\d{1,4}(?:[^\W\d]{1,3})|[^\W\d]{1,4}\d{1,2}")
"""`3rd`, `10am`, `500gb`, `mp3`, `covid19` are words rather than codes."""
_DIGITS = 5
_WORDS = 3
_BATCH = 1 << 20


class Rare(NamedTuple):
    """A rare string by its place, in code points, and how many sources hold it; `text` counts its source's texts."""

    start: int
    end: int
    sources: int
    text: int = 0


class _Candidate(NamedTuple):
    """A string worth counting: where it stands, what it is compared by, the word that opens a sentence there."""

    start: int
    end: int
    same: str
    opening: str = ""


@dataclass
class Tally:
    """In how many sources a string occurs, exactly up to `k` and no further.

    It holds 64-bit hashes, sorted: 16 bytes for each (string, source) below `k` sources, 8 for each string beyond. A
    million strings of one source each take 16 MB, and about 4 times as much for a moment while new ones are merged.
    """

    k: int
    _pairs: Keys = field(default_factory=lambda: np.empty((0, 2), np.uint64))
    _common: Keys = field(default_factory=lambda: np.empty(0, np.uint64))
    _new: "array[int]" = field(default_factory=lambda: array("Q"))

    def add(self, strings: Iterable[str], source: str) -> None:
        """Count strings of one text; twice in one source is once."""
        of = _hash(source)
        for string in strings:
            self._new.append(_hash(string))
            self._new.append(of)
        if len(self._new) >= max(_BATCH, len(self._pairs)):
            self.merge()

    def merge(self) -> None:
        """Sort in what was added since; needed before counts are read."""
        new = np.frombuffer(self._new, np.uint64).reshape(-1, 2)
        new = new[~_within(new[:, 0], self._common)]
        pairs = np.concatenate([self._pairs, new])
        self._new = array("Q")
        if not len(pairs):
            return
        pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
        pairs = pairs[np.concatenate([[True], (pairs[1:] != pairs[:-1]).any(axis=1)])]
        starts = np.flatnonzero(np.concatenate([[True], pairs[1:, 0] != pairs[:-1, 0]]))
        counts = np.diff(np.append(starts, len(pairs)))
        many = counts >= self.k
        self._common = np.sort(np.concatenate([self._common, pairs[starts[many], 0]]))
        self._pairs = pairs[np.repeat(~many, counts)]

    def sources(self, strings: Sequence[str]) -> list[int]:
        """For each string the number of sources it occurs in, `k` for that many or more."""
        keys = np.fromiter(map(_hash, strings), np.uint64, len(strings))
        left, right = (np.searchsorted(self._pairs[:, 0], keys, side) for side in _SIDES)
        return np.where(_within(keys, self._common), self.k, right - left).tolist()

    @property
    def nbytes(self) -> int:
        """Bytes held, the buffer of what is not merged yet apart."""
        return self._pairs.nbytes + self._common.nbytes


_SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")


def _hash(string: str) -> int:
    # Python's own hash is keyed anew in every process, and no value leaves this one.
    return hash(string) & 0xFFFFFFFFFFFFFFFF


def _within(keys: Keys, known: Keys) -> NDArray[np.bool_]:
    if not len(known):
        return np.zeros(len(keys), bool)
    return known[np.minimum(np.searchsorted(known, keys), len(known) - 1)] == keys


def rare_strings(records: Iterable[tuple[str, str]], k: int, known: Callable[[str], bool]) -> dict[str, list[Rare]]:
    """The rare strings of every source that has any: in fewer than `k` sources and not `known`.

    `records` are (source id, text); a source may have several texts. `known` is asked about lower-case words and
    phrases: whether a word list or a gazetteer has them. A name all of whose words are known counts as known. A word
    that is only ever capitalised where a sentence begins is no name. An iterator is read into memory, since the texts
    are needed twice.

    >>> texts = [("a", "I met Zorblax."), ("b", "I met Ana in Rome."), ("c", "Is Ana in Rome?")]
    >>> rare_strings(texts, k=2, known=lambda word: word == "i")
    {'a': [Rare(start=6, end=13, sources=1, text=0)]}
    """
    texts = list(records) if isinstance(records, Iterator) else records
    tally, inside = Tally(k), Tally(1)
    for source, text in texts:
        found = list(_candidates(text))
        tally.add({c.same for c in found}, source)
        inside.add({c.same for c in found if not c.opening}, "")
    tally.merge()
    inside.merge()
    seen: dict[str, int] = {}
    rare: dict[str, list[Rare]] = {}
    for source, text in texts:
        number = seen[source] = seen.get(source, -1) + 1
        places = [place._replace(text=number) for place in _rare(text, tally, inside, known)]
        if places:
            rare.setdefault(source, []).extend(places)
    return rare


def _rare(text: str, tally: Tally, inside: Tally, known: Callable[[str], bool]) -> Iterator[Rare]:
    found = list(_candidates(text))
    sources = tally.sources([c.same for c in found])
    begun = inside.sources([c.opening for c in found])
    names_something = zip(found, sources, begun, strict=True)
    rare = [
        Rare(c.start, c.end, n)
        for c, n, mid in names_something
        if n < tally.k and (mid or not c.opening) and not _is_known(c.same, known)
    ]
    at = -1
    for place in sorted(rare, key=lambda r: (r.start, -r.end)):  # the longest of those that begin together
        if place.start >= at:
            at = place.end
            yield place


def _is_known(same: str, known: Callable[[str], bool]) -> bool:
    return known(same) or all(map(known, same.split()))


def _candidates(text: str) -> Iterator[_Candidate]:
    """Numbers, codes, and names of up to three capitalised words in a row."""
    run: list[re.Match[str]] = []
    for match in _TOKEN.finditer(text):
        if match["word"] and match.group()[0].isupper():
            if run and not _JOINS.fullmatch(text, run[-1].end(), match.start()):
                yield from _names(text, run)
                run = []
            run.append(match)
            continue
        yield from _names(text, run)
        run = []
        if (match["code"] or match["digits"]) and (same := _number(match.group())):
            yield _Candidate(match.start(), match.end(), same)
    yield from _names(text, run)


def _number(value: str) -> str:
    """What a number or code is compared by; empty where it is too short to point to anybody."""
    plain = "".join(c for c in value if c.isalnum()).casefold()
    digits = sum(c.isdigit() for c in plain)
    if digits == len(plain):
        groups = re.findall(r"\d+", value)
        return plain if digits >= _DIGITS and max(map(len, groups)) >= _WORDS else ""
    return "" if len(plain) < _DIGITS or _ORDINARY_CODE.fullmatch(plain) or digits == 0 else plain


def _names(text: str, run: Sequence[re.Match[str]]) -> Iterator[_Candidate]:
    if not run:
        return
    words = [_POSSESSIVE.sub("", m.group()).casefold() for m in run]
    begins = _begins_sentence(text, run[0].start())
    for first in range(len(run)):
        opening = words[0] if first == 0 and begins else ""
        for last in range(first, min(first + _WORDS, len(run))):
            end = run[last].start() + len(_POSSESSIVE.sub("", run[last].group()))
            if last > first or len(words[first]) > 1:
                yield _Candidate(run[first].start(), end, " ".join(words[first : last + 1]), opening)


def _begins_sentence(text: str, start: int) -> bool:
    before = text[max(0, start - _LOOKED_BACK) : start]
    return not before.strip(" \t\"'“‘(-*•>") or _SENTENCE_END.search(before) is not None
