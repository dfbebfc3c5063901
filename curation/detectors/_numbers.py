"""Where the digits of a text stand, worked out once and shared by all detectors that look for numbers.

A *chunk* is a digit with all letters, digits and single separators that follow it (`2024-05-01`, `(0)20 7946 0018`);
its *shape* shows every digit as 9 and every ASCII letter as A, so that a table of shapes is one look-up. The words
before a number are its *cues*: `invoice no.` before `2024-00017`.

Most texts hold a number and most numbers are nothing, so what is done for every chunk is counted in nanoseconds: a
text is turned into its shape as a whole, and cues are read only for a chunk that may be something.
"""

import re
from functools import lru_cache
from typing import ClassVar, NamedTuple

from curation.detecting import FILLER, Detector, has_digit, single_bytes
from curation.detectors._words import Words

_CHUNK = re.compile(r"9[9A]*(?:(?:[ .\-/]|[ .\-/]?\(|\)[ .\-/]?|  )9[9A]*)*")
"""Of a shape, where one literal begins every chunk: found by looking for one byte."""
_DIGITS, _SMALL = b"0123456789", b"abcdefghijklmnopqrstuvwxyz"
_SHAPE = bytes.maketrans(_DIGITS + _SMALL + _SMALL.upper(), b"9" * 10 + b"A" * 52)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?|[#°№]")
_TO_WORDS = bytes(code if chr(code) in "'#" or chr(code).isalpha() else 32 for code in range(128)).lower().ljust(256)
"""ASCII to small letters with spaces between: several times as fast as searching for words."""
_JOINED = re.compile(r"[A-Za-z0-9]*(?:[-/_][A-Za-z0-9]+)*")
_ALOOF = frozenset(" .,:;()#\n\"'")
WINDOW = 60
"""How many characters before a number are read for cues: about ten words."""


class Chunk(NamedTuple):
    """A run of digits, letters and single separators that begins with a digit."""

    start: int
    end: int
    digits: int
    shape: str
    first: int
    """Where its *token* begins: the chunk with what is written onto it, `A-12345`, `RSSMRA85T10A562S`."""
    last: int
    """Where its token ends."""


class Numbers:
    """The chunks of one text, and the words before each, read when first asked for."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.shape = single_bytes(text).translate(_SHAPE).decode("latin-1")
        self.chunks = _chunks(text, self.shape)
        self._before: dict[int, Words] = {}

    def before(self, at: int) -> Words:
        """The words before a place, nearest last, back to the last blank line."""
        known = self._before.get(at)
        if known is None:
            known = self._before[at] = _words_before(self.text, max(0, at - WINDOW), at)
        return known

    def around(self, start: int, end: int) -> Words:
        """The words before a number and the few after it: `078-05-1120 is my social security number`."""
        before = self.before(start)
        after = _words(self.text[end : end + WINDOW // 2].partition("\n")[0])
        return (*before, *after) if after else before


class NumberDetector(Detector):
    """A detector whose every find holds a digit; all of them look at the same texts, so their work is shared."""

    local: ClassVar[bool] = True

    def concerns(self, text: str) -> bool:
        """Only texts with a digit."""
        return has_digit(text)


@lru_cache(maxsize=2)
def numbers(text: str) -> Numbers:
    """The numbers of a text, worked out once for all detectors that look at it in turn."""
    return Numbers(text)


def grown(text: str, start: int, end: int) -> tuple[int, int]:
    """A range widened over the letters, digits and inner `-/_` beside it, 32 characters a side at most."""
    if start and text[start - 1] not in _ALOOF:
        match = _JOINED.match(text[max(0, start - 32) : start][::-1])
        start -= match.end() if match else 0
    if end < len(text) and text[end] not in _ALOOF:
        match = _JOINED.match(text, end, end + 32)
        end = match.end() if match else end
    return start, end


def _chunks(text: str, whole: str) -> list[Chunk]:
    found: list[Chunk] = []
    for match in _CHUNK.finditer(whole):
        form = match.group()
        start, end = match.span()
        found.append(Chunk(start, end, form.count("9"), form, *grown(text, start, end)))
    return found


def _words_before(text: str, first: int, at: int) -> Words:
    raw = text[first:at]
    cut = raw.rfind("\n\n")
    words = _words(raw if cut < 0 else raw[cut:])
    # The first word may have lost its beginning: "border" must not read as "order".
    if first and cut < 0 and words and text[first - 1].isalnum() and raw[0].isalnum():
        return words[1:]
    return words


def _words(text: str) -> Words:
    if not text.isascii() and not (text := text.replace(FILLER, " ")).isascii():
        return tuple(_WORD.findall(text.lower()))
    if "#" in text:
        text = text.replace("#", " # ")
    found = text.encode().translate(_TO_WORDS).decode().split()
    if "'" in text:
        found = [word for piece in found for word in (_WORD.findall(piece) if "'" in piece else (piece,))]
    return tuple(found)
