"""Payment card numbers: 13 to 19 digits, plain or grouped; one that fails the Luhn check is masked and marked so."""

import re
from collections.abc import Iterator
from typing import ClassVar

from curation.detecting import Detector, Found, luhn

_GROUPED = re.compile(
    r"(?<![\d])(?:\d{4}([ .-]{1,2})\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|3[47]\d{2}([ .-]{1,2})\d{6}\2\d{5})(?!\d)"
)
_PLAIN = re.compile(r"(?<!\d)[2-6]\d{12,18}(?!\d)")
_ANY = re.compile(r"(?<!\d)(?=([2-6]\d\d(?:[ -]?\d){10,16})(?!\d))")
_SPACED = re.compile(r"(?<!\d)(?<!\d[ -])([2-6](?:[ -]\d){12,18})(?![ -]?\d)")
_SEPARATORS = re.compile(r"\D")
_ISSUED = re.compile(r"3[04-9]|4|5|6[0-57-9]|2[2-7]")
"""First digits that card networks use (ISO/IEC 7812 ranges of the large networks)."""


class Card(Detector):
    """Numbers a card network could have issued."""

    needs_digit: ClassVar[bool] = True

    def __call__(self, text: str) -> Iterator[Found]:
        """Card numbers and things of their shape."""
        for match in (*_GROUPED.finditer(text), *_PLAIN.finditer(text)):
            yield from _judge(match.start(), match.end(), match.group())
        for match in (*_ANY.finditer(text), *_SPACED.finditer(text)):
            if luhn(match.group(1).replace(" ", "").replace("-", "")):
                yield Found(*match.span(1))


def _judge(start: int, end: int, value: str) -> Iterator[Found]:
    digits = _SEPARATORS.sub("", value)
    if luhn(digits) and digits[0] in "23456":
        yield Found(start, end)
    elif len(digits) in {15, 16, 19} and _ISSUED.match(digits):
        yield Found(start, end, valid=False)
