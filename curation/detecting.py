"""What a detector of personal data is: text in, places out; one file per kind of data lies in `curation/scrub/`.

A detector sees a *view* of the text: full-width and other look-alike characters folded to ASCII, invisible characters
taken out, everything already masked shown as one U+FFFC. It must run in linear time: no nested or unbounded
quantifier that can start at every character.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import ClassVar

from curation.plugins import Plugin

FILLER = "\ufffc"
"""Stands for masked text in a view; no detector matches it."""
INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")
"""A digit to the digit sum of its double."""
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"


@dataclass(frozen=True)
class Found:
    """One place a detector found, in code points of the view.

    `valid` is False where the shape is right and the checksum is not (masked all the same: models invent numbers);
    `bounded` is False where the detector cannot say where the secret ends.
    """

    start: int
    end: int
    valid: bool = True
    bounded: bool = True


class Detector(Plugin):
    """Finds one kind of personal data; its file name in upper case is the placeholder."""

    needs_digit: ClassVar[bool] = False
    """True where every find holds a digit: most texts hold none, and the detector is spared them."""

    def __call__(self, text: str) -> Iterable[Found]:
        """The places in a view of the text; they may overlap."""
        raise NotImplementedError


@dataclass(frozen=True)
class View:
    """A text as detectors see it, and where each of its characters lies in the text itself."""

    text: str
    where: Sequence[int]

    @classmethod
    def of(cls, text: str, hidden: Sequence[tuple[int, int]]) -> "View":
        """The view of a text whose `hidden` ranges (sorted, apart) are masked already.

        >>> View.of("mail\\u200b: ａ＠b.co", []).text
        'mail: a@b.co'
        """
        folded = text if text.isascii() else text.translate(_folding())
        cuts = _cuts(folded, hidden)
        if not cuts:
            return cls(folded, range(len(text)))
        parts: list[str] = []
        where: list[int] = []
        at = 0
        for start, end, shown in [*cuts, (len(text), len(text), "")]:
            parts += (folded[at:start], shown)
            where.extend(range(at, start))
            where.extend([start] * len(shown))
            at = end
        return cls("".join(parts), where)

    def original(self, start: int, end: int) -> tuple[int, int]:
        """A non-empty range of the view as a range of the text."""
        return self.where[start], self.where[end - 1] + 1


def _cuts(folded: str, hidden: Sequence[tuple[int, int]]) -> list[tuple[int, int, str]]:
    cuts = [(start, end, FILLER) for start, end in hidden]
    if folded.isascii() or not any(c in folded for c in INVISIBLE):
        return cuts
    borders = [0, *(edge for span in hidden for edge in span), len(folded)]
    gaps = list(pairwise(borders))[::2]
    cuts += [(i, i + 1, "") for start, end in gaps for i in range(start, end) if folded[i] in INVISIBLE]
    return sorted(cuts)


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
