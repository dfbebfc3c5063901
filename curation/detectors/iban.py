"""International bank account numbers, checked by country length and MOD 97-10; a failed check is masked and marked."""

import re
from collections.abc import Iterator

from curation.detecting import Found, mod97
from curation.detectors._numbers import NumberDetector, numbers

_BODY = re.compile(r"(?:[ -]?[A-Za-z0-9]){0,30}")
_SEPARATORS = re.compile(r"[ -]")
LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29,
    "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
    "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
    "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20,
    "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19,
    "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29,
    "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24,
    "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
    "YE": 30,
}  # fmt: skip
"""Length by country (SWIFT IBAN registry)."""


class Iban(NumberDetector):
    """Account numbers of the countries in the registry, with or without spaces, in either case."""

    version = 2

    def __call__(self, text: str) -> Iterator[Found]:
        """Account numbers and things of their shape."""
        seen = numbers(text)
        for chunk in seen.chunks:
            begun = chunk[3].startswith("99") and seen.shape.endswith(("AA", "AA "), 0, chunk[0])
            start = _head(text, chunk[0]) if begun else None
            body = _BODY.match(text, chunk[0] + 2) if start is not None else None
            if start is not None and body:
                yield from _judge(text, start, body.end(), LENGTHS[text[start : start + 2].upper()])


def _head(text: str, digits: int) -> int | None:
    """Where the two letters before two check digits begin, if they do."""
    start = digits - (3 if text[digits - 1 : digits] == " " else 2)
    if start < 0 or text[start : start + 2].upper() not in LENGTHS:
        return None
    return None if start and text[start - 1].isalnum() else start


def _judge(text: str, start: int, limit: int, length: int) -> Iterator[Found]:
    end = _end_after(text, start, limit, length)
    if end is None or (end < len(text) and text[end].isalnum() and text[end].isascii()):
        return
    plain = _SEPARATORS.sub("", text[start:end]).upper()
    digits = sum(c.isdigit() for c in plain[4:])
    # "is 10 years old" has the shape of an account number, and one such text in 97 even its checksum.
    if mod97(plain) and 3 * digits >= length - 4:
        yield Found(start, end)
    elif 2 * digits >= length - 4:
        yield Found(start, end, 0.75, valid=False)


def _end_after(text: str, start: int, limit: int, length: int) -> int | None:
    seen = 0
    for position in range(start, limit):
        seen += text[position] not in " -"
        if seen == length:
            return position + 1
    return None
