"""Hardware addresses (MAC, EUI-48 and EUI-64): `00:1a:2b:3c:4d:5e`, `00-1A-2B-3C-4D-5E`, `001a.2b3c.4d5e`."""

import re
from collections.abc import Iterator
from functools import cache
from typing import ClassVar

from curation import patterns
from curation.detecting import Detector, Found, single_bytes

_COLONS = re.compile(
    r":[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){0,2}"
)
_DASHES = re.compile(
    r"-[0-9A-Fa-f]{2}-[0-9A-Fa-f]{2}-[0-9A-Fa-f]{2}-[0-9A-Fa-f]{2}-[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){0,2}"
)
_DOTS = re.compile(r"\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}")
_HEX = frozenset("0123456789abcdefABCDEF")
_WAYS = ((_COLONS, ":", 2), (_DASHES, "-", 2), (_DOTS, ".", 4))
_WORDS = "(?:[Mm][Aa][Cc]|hwaddr|HWaddr|BSSID|bssid)"
_PLAIN = re.compile(rf"{_WORDS}(?:[ -]?[Aa]ddress\w*)?[ :=]{{1,3}}([0-9A-Fa-f]{{12}})(?![\w])")
_SAME = frozenset({"000000000000", "ffffffffffff"})


class Mac(Detector):
    """Addresses of network cards: each belongs to one device, and so often to one person."""

    version = 2
    local: ClassVar[bool] = True

    def concerns(self, text: str) -> bool:
        """Only texts with enough separators, or with a word for the address."""
        enough = text.count(":") >= 5 or text.count("-") >= 5 or text.count(".") >= 2
        return enough or _words().matches(text)

    def __call__(self, text: str) -> Iterator[Found]:
        """The addresses in a text."""
        for pattern, joint, width in _WAYS:
            for rest in pattern.finditer(text):
                start = rest.start() - width
                if start >= 0 and _stands_alone(text, start, rest.end(), width, joint):
                    yield from _judge(text, start, rest.end(), joint)
        for word in _words().engine.finditer(single_bytes(text)):
            if cued := _PLAIN.match(text, word.start()):
                yield Found(*cued.span(1), 0.9)


@cache
def _words() -> patterns.Pattern:
    """One scan for the words, of which few have an address behind them."""
    return patterns.compile(_WORDS, __name__, windowed=False)


def _stands_alone(text: str, start: int, end: int, width: int, joint: str) -> bool:
    before, after = text[start - 1 : start], text[end : end + 1]
    loose = not (before.isalnum() or before == joint or before == "_" or after.isalnum() or after == "_")
    tail = after == joint and text[end + 1 : end + 2].isalnum()
    return loose and not tail and _HEX.issuperset(text[start : start + width])


def _judge(text: str, start: int, end: int, joint: str) -> Iterator[Found]:
    value = text[start:end].replace(joint, "").lower()
    if len(value) not in {12, 16} or value in _SAME:
        return
    # Six pairs of decimal digits may be a date with a time, or a part number; a letter settles it.
    yield Found(start, end, 0.95 if joint == ":" or not value.isdigit() else 0.5)
