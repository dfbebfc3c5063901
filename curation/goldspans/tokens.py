"""Where a span really begins and ends: words of a text, and a span without the words that do not count at its edges.

Words are cut like spaCy's English rules cut them, as far as edges of spans depend on it: at white space, then
punctuation off both ends, then at hyphens, commas and slashes between letters; e-mail addresses and URLs stay whole.
"""

import re
import string
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

_CHUNK = re.compile(r"\S+")
_WHOLE = re.compile(r"\S+@\S+|\w+://\S+|(?:[\w-]+\.)+[a-z]{2,}(?:/\S*)?", re.IGNORECASE)
_DOTTED = re.compile(r"(?:[^\W\d_]\.)+|(?:st|mr|mrs|ms|dr|rev|prof|inc|ltd|corp|co|jr|sr|ave|blvd)\.", re.IGNORECASE)
_CLITIC = re.compile(r"(?<=\w)(?:n['’]t|['’](?:s|d|m|ll|re|ve))$", re.IGNORECASE)
_INFIX = re.compile(
    r"(?<=[^\W\d_])[-–—,/:<>=]+(?=[^\W\d_])|(?<=\d)[-+*^](?=[\d-])|\.{2,}|…|--+|[()\[\]{}\"]|(?<=[a-z])\.(?=[A-Z])"
)
_OPENING = frozenset(string.punctuation) - {"-", "+", "@", "$"} | set("“”‘’«»…–—¿¡")
_CLOSING = frozenset(string.punctuation) - {"#", "+", "/"} | set("“”‘’«»…–—")


class Token(NamedTuple):
    """A word or a mark, in code points; `counts` is False for those that the measure passes over."""

    start: int
    end: int
    counts: bool


class Edges(NamedTuple):
    """A span between its first and its last word that counts."""

    start: int
    end: int


def tokens(text: str) -> list[Token]:
    """The words and marks of a text, in order.

    >>> text = "Mr. Lee's (old) flat, Oak Street-12"
    >>> [text[t.start:t.end] for t in tokens(text) if t.counts]
    ['Lee', 'flat', 'Oak', 'Street-12']
    """
    return [
        Token(start, end, text[start:end].lower().replace("’", "'") not in skip_words())
        for chunk in _CHUNK.finditer(text)
        for start, end in _pieces(chunk.group(), chunk.start())
    ]


def edges(words: Sequence[Token], start: int, end: int) -> Edges | None:
    """A span without what does not count at its edges; None when nothing of it counts.

    A word that the span cuts through belongs to it with the part inside.
    """
    inside = [word for word in words if word.counts and word.start < end and word.end > start]
    return Edges(max(start, inside[0].start), min(end, inside[-1].end)) if inside else None


def touching(words: Sequence[Token], end: int, start: int) -> bool:
    """Whether no word that counts lies between the end of one span and the start of the next."""
    return not any(word.counts and word.start >= end and word.end <= start for word in words)


@cache
def skip_words() -> frozenset[str]:
    """What does not count: punctuation and the words of `skip_words.toml`."""
    table = tomllib.loads((files("curation.goldspans") / "skip_words.toml").read_text(encoding="utf-8"))
    return frozenset({*table["labels"].split(), *table["grammar"].split(), *string.punctuation, "''", "``"})


def _pieces(chunk: str, at: int) -> Iterator[tuple[int, int]]:
    """The words and marks of one run without white space."""
    first, last = 0, len(chunk)
    while first < last and chunk[first] in _OPENING:
        yield at + first, at + first + 1
        first += 1
    tail: list[tuple[int, int]] = []
    while first < last and (cut := _tail(chunk, first, last)) < last:
        tail.append((at + cut, at + last))
        last = cut
    if first < last:
        yield from ((at + first + a, at + first + b) for a, b in _infixed(chunk[first:last]))
    yield from reversed(tail)


def _tail(chunk: str, first: int, last: int) -> int:
    """Where the last mark or clitic of chunk[first:last] begins; `last` when it ends with a word."""
    word = chunk[first:last]
    if _DOTTED.fullmatch(word):
        return last
    if found := _CLITIC.search(word):
        return first + found.start()
    return last - 1 if word[-1] in _CLOSING else last


def _infixed(word: str) -> Iterator[tuple[int, int]]:
    if _WHOLE.fullmatch(word):
        yield 0, len(word)
        return
    at = 0
    for mark in _INFIX.finditer(word):
        if at < mark.start():
            yield at, mark.start()
        yield mark.span()
        at = mark.end()
    if at < len(word):
        yield at, len(word)
