"""A person found once in a record is found again all over it: by full name, by either part, without capitals."""

import re
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from curation.tagger.names import PARTICLES, Name

SURE = 0.6
"""A find from this score on is looked for in the rest of the record."""
_LESS_SURE = 0.9
"""What a mention keeps of the score of the find it repeats."""
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_BETWEEN = PARTICLES | {"and", "e", "et", "of", "the", "und", "y"}
_TITLES = frozenset(["mr", "mrs", "ms", "miss", "dr", "prof", "professor", "sir", "madam", "herr", "frau"])


def propagate(texts: Sequence[str], names: Sequence[Sequence[Name]]) -> list[list[Name]]:
    """Further mentions, text by text, of the people found in any text of one record; apart from what is found already.

    A part of a name that is an ordinary word too ("Will", "Rose") counts only with its capital and not where a
    sentence begins; any other part counts in small letters as well.

    >>> texts = ["I am Priya Raman.", "thanks priya, RAMAN's parcel is here"]
    >>> [name[:2] for name in propagate(texts, [[Name(5, 16, "person", 0.9)], []])[1]]
    [(7, 12), (14, 19)]
    """
    wanted = _wanted(texts, names)
    if not wanted:
        return [[] for _ in texts]
    forms = sorted(wanted, key=len, reverse=True)
    return [sorted(_mentions(text, found, forms, wanted)) for text, found in zip(texts, names, strict=True)]


def _wanted(texts: Sequence[str], names: Sequence[Sequence[Name]]) -> dict[str, float]:
    """Every form to look for, in small letters, with the score of its find."""
    wanted: dict[str, float] = {}
    for text, found in zip(texts, names, strict=True):
        for name in found:
            if name.kind == "person" and name.score >= SURE:
                for form in _forms(text[name.start : name.end]):
                    wanted[form] = max(wanted.get(form, 0.0), name.score * _LESS_SURE)
    return wanted


def _forms(name: str) -> Iterator[str]:
    low = name.lower()
    yield low
    for part in _WORD.findall(low):
        if len(part) > 2 and part not in _BETWEEN and part not in _TITLES:
            yield part


def _mentions(text: str, found: Sequence[Name], forms: Sequence[str], wanted: dict[str, float]) -> Iterator[Name]:
    taken = sorted((name.start, name.end) for name in found)
    low = _lowered(text)
    for form in forms:
        for start, end in _whole_words(low, form):
            before = bisect_left(taken, (end,)) - 1
            if (before < 0 or taken[before][1] <= start) and _could_be_a_name(text, start, end):
                insort(taken, (start, end))
                yield Name(start, end, "person", round(wanted[form], 3))


def _lowered(text: str) -> str:
    """The text in small letters, as long as it was: a few letters of few scripts would become two."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def _whole_words(low: str, form: str) -> Iterator[tuple[int, int]]:
    """Where a form stands with no letter or digit beside it."""
    at = low.find(form)
    while at >= 0:
        end = at + len(form)
        if not (at and low[at - 1].isalnum()) and not low[end : end + 1].isalnum():
            yield at, end
        at = low.find(form, end)


def _could_be_a_name(text: str, start: int, end: int) -> bool:
    words = text[start:end].split()
    if len(words) > 1 or not _ordinary(words[0].lower()):
        return True
    before = text[max(0, start - 8) : start].rstrip(" ")[-1:]
    return words[0][0].isupper() and not words[0].isupper() and before not in ("", ".", "!", "?", "\n", ":", '"')


@cache
def _ordinary(word: str) -> bool:
    """Whether a word is an ordinary one in English or another language that the tagger knows."""
    from curation.tagger.tagger import Tagger

    return Tagger.load().is_ordinary(word)


def whole_addresses(text: str, names: Iterable[Name]) -> list[Name]:
    """The names with each postal address as one span: its street, flat, town, postcode and country together.

    The tagger finds the parts of an address one by one, streets and postcodes as `address`, towns and countries as
    `place`. Parts with nothing but commas, dashes and line ends between them are one address if one of them is a
    street or a postcode.

    >>> text = "at 5 Rose Lane, York"
    >>> [name[:3] for name in whole_addresses(text, [Name(3, 14, "address", 0.9), Name(16, 20, "place", 0.8)])]
    [(3, 20, 'address')]
    """
    runs: list[list[Name]] = []
    for name in sorted(names):
        parts = {"address", "place"}
        if runs and {runs[-1][-1].kind, name.kind} <= parts and _joint(text[runs[-1][-1].end : name.start]):
            runs[-1].append(name)
        else:
            runs.append([name])
    return [name for run in runs for name in _whole(run)]


def _whole(run: Sequence[Name]) -> Sequence[Name]:
    if len(run) == 1 or all(name.kind != "address" for name in run):
        return run
    return [Name(run[0].start, run[-1].end, "address", max(name.score for name in run))]


def _joint(between: str) -> bool:
    return len(between) < 12 and not any(c.isalnum() for c in between) and between.count("\n") < 3
