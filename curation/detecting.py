"""What a detector of personal data is: text in, places out; one file per kind of data lies in `curation/detectors/`.

A detector sees a *view* of the text: full-width and other look-alike characters folded to ASCII, invisible characters
taken out, everything already masked shown as one U+FFFC. It may see many short texts at once, joined by `BREAK`: it
must not match across a blank line, nor ask where the whole text begins or ends. It must run in linear time: no nested
or unbounded quantifier that can start at every character.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from operator import itemgetter
from typing import ClassVar, Literal, NamedTuple

from curation.plugins import Plugin

BREAK = "\n\x1d\n\n"
"""Stands between texts that are looked at together."""
FILLER = "\ufffc"
"""Stands for masked text in a view; no detector matches it."""
INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")
"""A digit to the digit sum of its double."""
_ASCII = bytes(range(128))
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"


class Found(NamedTuple):
    """One place a detector found, in code points of the view."""

    start: int
    end: int
    score: float = 1.0
    """How sure the detector is that this is personal data, 0 to 1. The operating point cuts here (`CUTS`)."""
    valid: bool = True
    """False where the shape is right and the checksum is not (masked all the same: models invent numbers)."""
    bounded: bool = True
    """False where the detector cannot say where the secret ends: always a matter for a person."""
    kind: str = ""
    """A finer name than the detector's, where it tells several apart: `us_ssn`, `date_of_birth`, `aws_access_key`."""


Point = Literal["recall", "precision"]
CUTS: dict[Point, float] = {"recall": 0.3, "precision": 0.7}
"""A find below the cut of the operating point is left alone."""


class Detector(Plugin):
    """Finds one kind of personal data; its file name in upper case is the placeholder."""

    version: ClassVar[int] = 1
    """Raised with every change that may find something else: what was scrubbed with another is scrubbed again."""
    local: ClassVar[bool] = False
    """Whether it passes over a text without a find for next to nothing, so that nobody need ask whether the text
    concerns it, and whether what it finds in a paragraph depends on that paragraph alone."""

    def concerns(self, text: str) -> bool:
        """A cheap look (`"@" in text`) that may say no only where nothing can be found: most texts are spared so."""
        del text
        return True

    def __call__(self, text: str) -> Iterable[Found]:
        """The places in a view of the text, or of several joined by `BREAK`; they may overlap."""
        raise NotImplementedError


@dataclass(frozen=True)
class View:
    """A text as detectors see it, and where each of its characters lies in the text itself."""

    text: str
    pieces: tuple[tuple[int, int], ...] = ((0, 0),)
    """Where in the view a run of characters begins, and where in the text; runs follow each other without a gap in
    the view."""

    @classmethod
    def of(cls, text: str, hidden: Sequence[tuple[int, int]]) -> "View":
        """The view of a text whose `hidden` ranges (sorted, apart) are masked already.

        >>> View.of("mail\\u200b: ａ＠b.co", []).text
        'mail: a@b.co'
        """
        folded, unseen = (text, []) if text.isascii() else _folded(text)
        cuts = [(start, end, FILLER) for start, end in hidden]
        if unseen:
            cuts = sorted([*cuts, *_apart(unseen, hidden, len(text))])
        if not cuts:
            return cls(folded)
        parts: list[str] = []
        pieces: list[tuple[int, int]] = []
        at = length = 0
        for start, end, shown in [*cuts, (len(text), len(text), "")]:
            parts += (folded[at:start], shown)
            if start > at:
                pieces.append((length, at))
                length += start - at
            if shown:
                pieces.append((length, start))
                length += len(shown)
            at = end
        return cls("".join(parts), tuple(pieces))

    def original(self, start: int, end: int) -> tuple[int, int]:
        """A non-empty range of the view as a range of the text."""
        if len(self.pieces) == 1:
            shift = self.pieces[0][1]
            return start + shift, end + shift
        return self._place(start), self._place(end - 1) + 1

    def _place(self, at: int) -> int:
        begins, place = self.pieces[bisect_right(self.pieces, at, key=itemgetter(0)) - 1]
        return place + at - begins


def _apart(unseen: list[int], hidden: Sequence[tuple[int, int]], size: int) -> Iterator[tuple[int, int, str]]:
    """The invisible characters that are not hidden, as cuts that show nothing."""
    borders = [0, *(edge for span in hidden for edge in span), size]
    for start, end in list(pairwise(borders))[::2]:
        yield from ((i, i + 1, "") for i in unseen[bisect_left(unseen, start) : bisect_left(unseen, end)])


def _folded(text: str) -> tuple[str, list[int]]:
    """A text with its look-alikes folded, and where its invisible characters are; told by what is not ASCII in it."""
    odd = text.encode("utf-8", "surrogatepass").translate(None, _ASCII).decode("utf-8", "surrogatepass")
    folded = text.translate(_folding()) if any(p.search(odd) for p in _foldable()) else text
    return folded, [m.start() for m in _unseen().finditer(folded)] if _unseen().search(odd) else []


@cache
def _unseen() -> re.Pattern[str]:
    return re.compile(f"[{INVISIBLE}]")


@cache
def _foldable() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Finds whether there is anything to fold; characters beyond 16 bits would make a class a hundred times slower."""
    near = "".join(re.escape(chr(code)) for code in sorted(_folding()) if code <= 0xFFFF)
    return re.compile(f"[{near}]"), re.compile("[\U0001d400-\U0001d7ff]")


@cache
def _folding() -> dict[int, str]:
    """Every character that looks like one ASCII character, mapped to it: one for one, so offsets stay."""
    table = {ord(dash): "-" for dash in _DASHES}
    for code in (*range(0xA0, 0xD800), *range(0xF900, 0x10000), *range(0x1D400, 0x1D800)):
        plain = unicodedata.normalize("NFKC", chr(code))
        if (digit := unicodedata.decimal(chr(code), None)) is not None:
            plain = str(digit)
        if len(plain) == 1 and plain.isascii():
            table.setdefault(code, plain)
    return table


@lru_cache(maxsize=2)
def single_bytes(text: str) -> bytes:
    """A view in Latin-1, with `?` for what that has not: places in it are places in the view.

    Kept, for several detectors look at one text in turn.
    """
    return text.encode("latin-1", "replace")


_DIGIT = re.compile(r"[0-9]")


def has_digit(text: str) -> bool:
    """Whether a view holds a digit; most do not."""
    return _DIGIT.search(text) is not None


def shortly_before(text: str, at: int, reach: int) -> str:
    """What stands right before a place, back to the last blank line: what other texts say does not count."""
    near = text[max(0, at - reach) : at]
    return near.rpartition("\n\n")[2]


def luhn(digits: str) -> bool:
    """Whether a string of digits satisfies the Luhn checksum of payment cards (ISO/IEC 7812-1).

    >>> luhn("4111111111111111"), luhn("4111111111111112")
    (True, False)
    """
    single = digits[-1::-2].encode()
    double = digits[-2::-2].encode().translate(_DOUBLED)
    return (sum(single) + sum(double) - 48 * len(digits)) % 10 == 0


def mod97(iban: str) -> bool:
    """Whether an IBAN (no spaces) satisfies ISO 7064 MOD 97-10.

    >>> mod97("GB82WEST12345698765432"), mod97("GB83WEST12345698765432")
    (True, False)
    """
    return int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 == 1
