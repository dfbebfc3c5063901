"""IP addresses, version 4 and 6; four numbers of which one exceeds 255 are masked and marked as a shape only."""

import ipaddress
import re
from collections.abc import Iterator
from typing import ClassVar

from curation.detecting import Detector, Found

_FOUR = re.compile(r"(?<![\w.])(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?![\w]|\.\d)")
_SIX = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{2,39}(?:\d{1,3}(?:\.\d{1,3}){3})?(?![\w:])")


class Ip(Detector):
    """Addresses of machines; a dotted version number of four parts looks the same and is masked too."""

    needs_digit: ClassVar[bool] = True

    def __call__(self, text: str) -> Iterator[Found]:
        """The addresses in a text."""
        for match in _FOUR.finditer(text):
            yield Found(*match.span(), valid=all(int(part) <= 255 for part in match.groups()))
        if "::" in text or text.count(":") >= 7:
            for match in _SIX.finditer(text):
                if _is_six(match.group()):
                    yield Found(*match.span())


def _is_six(value: str) -> bool:
    # `d::e` in prose or source code is a valid address by the letter; a digit is asked for as well.
    if value.count(":") < 2 or not any(c.isdigit() for c in value):
        return False
    try:
        ipaddress.IPv6Address(value)
    except ValueError:
        return False
    return True
