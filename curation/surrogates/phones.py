"""Telephone numbers: the same format, with digits from ranges that regulators set aside for fiction, or from none."""

import re
from functools import cache
from random import Random
from typing import NamedTuple

from curation.surrogates.shapes import digits_of, filled

_EXTENSION = re.compile(r"\s*(?:x|ext\.?|extension|durchwahl|#)\s*\d{1,6}\s*$", re.IGNORECASE)
_TRIES = 12
_CALLING = {
    "US": "1", "GB": "44", "FR": "33", "DE": "49", "AU": "61", "ES": "34", "IT": "39", "NL": "31", "IN": "91",
    "PL": "48", "SE": "46", "DK": "45", "NO": "47", "BR": "55", "PT": "351", "TR": "90", "RU": "7", "JP": "81",
    "CN": "86", "KR": "82", "GR": "30", "IL": "972", "CZ": "420", "HU": "36", "FI": "358", "RO": "40",
}  # fmt: skip
_NATIONAL = ("US", "GB", "FR", "DE", "AU", "ES", "IT")
"""Countries tried, after the text's own, for a number written without its country's code."""
_TRUNK_ZERO = ("GB", "FR", "DE", "AU")
"""Countries whose national numbers are written with a zero in front."""
_CITIES = "113 114 115 116 117 118 121 131 141 151 161"
_MOBILES = (
    "570006 570156 570157 570158 570159 570110 570313 570737 571266 571491 571804 572549 572665 572983 573770 573087 "
    "574118 574632 575254 575789 576398 576801 577426 577644 578957 578148 578888 579212 579760 579455"
)
_FICTION: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "44": (
        ("7", ("7700900xxx",)),
        ("80", ("8081570xxx",)),
        ("3", ("3069990xxx",)),
        ("20", ("2079460xxx",)),
        ("28", ("2896496xxx",)),
        ("29", ("2920180xxx",)),
        ("191", ("1914980xxx",)),
        ("1", ("1632960xxx", *(f"{area}4960xxx" for area in _CITIES.split()))),
    ),
    "33": (
        ("1", ("19900xxxx",)),
        ("2", ("26191xxxx",)),
        ("3", ("35301xxxx",)),
        ("4", ("46571xxxx",)),
        ("5", ("53649xxxx",)),
        ("", ("63998xxxx",)),
    ),
    "61": (
        ("4", tuple(f"491{rest}" for rest in _MOBILES.split())),
        *((a, (f"{a}5550xxxx", f"{a}7010xxxx")) for a in "2378"),
    ),
    "49": (
        ("17", ("17139200xx", "176040690xx")),
        ("1", ("17139200xx", "176040690xx")),
        ("30", ("3023125xxx",)),
        ("40", ("4066969xxx",)),
        ("69", ("6990009xxx",)),
        ("89", ("8999998xxx",)),
        ("", ("2214710xxx", "3023125xxx", "4066969xxx", "6990009xxx", "8999998xxx")),
    ),
}  # fmt: skip
"""By calling code: how a national number begins, and the fictional numbers that stand for such ones.

Ofcom (United Kingdom), ARCEP (France), ACMA (Australia), Bundesnetzagentur (Germany).
"""


class Number(NamedTuple):
    """A telephone number as dialled: the country's code where it can be told, the rest, and digits around it."""

    calling: str
    national: str
    before: str
    after: str

    @classmethod
    def read(cls, value: str, locale: str) -> "Number":
        """The parts of a number; without a country, the region of `locale` is tried first.

        >>> Number.read("+44 (0)20 7123 4567", "en_US")[:3]
        ('44', '2071234567', '440')
        >>> Number.read("(212) 555-1234 ext. 9", "en_US")
        Number(calling='1', national='2125551234', before='', after='9')
        """
        extension = _EXTENSION.search(value)
        digits = digits_of(value[: extension.start()] if extension else value)
        after = digits_of(extension.group()) if extension else ""
        for region, written in _readings(value, digits, locale):
            calling, national = _parsed(written, region)
            if national and digits.endswith(national):
                return cls(calling, national, digits[: len(digits) - len(national)], after)
        american = locale.endswith("_US") and "+" not in value
        if american and (len(digits) == 10 or (len(digits) == 11 and digits[0] == "1")):
            return cls("1", digits[-10:], digits[:-10], after)  # not in use, but written as if it were
        return cls("", digits, "", after)

    @property
    def identity(self) -> str:
        """What two spellings of the number share."""
        return f"{self.calling}:{self.national}:{self.after}"


def _readings(value: str, digits: str, locale: str) -> list[tuple[str, str]]:
    if value.lstrip(" (").startswith(("+", "＋")):
        return [("ZZ", f"+{digits}")]
    if digits.startswith("00"):
        return [("ZZ", f"+{digits[2:]}")]
    own = locale[-2:]
    regions = [r for r in dict.fromkeys((own, *_NATIONAL)) if r in _CALLING]
    return [(r, digits) for r in regions if r == own or r not in _TRUNK_ZERO or digits.startswith("0")]


@cache
def _parsed(written: str, region: str) -> tuple[str, str]:
    """Calling code and national number of a possible number (valid, where only the region tells the country)."""
    import phonenumbers

    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        return "", ""
    fits = phonenumbers.is_possible_number(number) if region == "ZZ" else phonenumbers.is_valid_number(number)
    return (str(number.country_code), phonenumbers.national_significant_number(number)) if fits else ("", "")


def phone(value: str, locale: str, random: Random, attempt: int) -> str | None:
    """A number in the same format that nobody has: from a range set aside for fiction, else one no plan allows."""
    number = Number.read(value, locale)
    if len(number.national) < 5:
        return None
    national = _fictional(number, random) if attempt < _TRIES else None
    if national is None:
        national = _unassigned(number, random, locale)
    extension = "".join(random.choices("0123456789", k=len(number.after)))
    return filled(value, number.before + national + extension)


def _fictional(number: Number, random: Random) -> str | None:
    national = number.national
    if number.calling == "1" and len(national) == 10:
        area = random.choice("23456789") + random.choice("02345678") + random.choice("0123456789")
        return f"{area}55501{_any(random, 2)}"
    if not number.calling and len(national) == 7:
        return f"55501{_any(random, 2)}"  # North American, written without its area
    for begin, patterns in _FICTION.get(number.calling, ()):
        fitting = [p for p in patterns if national.startswith(begin) and len(p) == len(national)]
        if fitting:
            chosen = random.choice(fitting)
            return "".join(_any(random, 1) if c == "x" else c for c in chosen)
    return None


def _unassigned(number: Number, random: Random, locale: str) -> str:
    """Digits that phonenumbers calls no valid number of the country; zeros in front make sure of that in the end."""
    length = len(number.national)
    for zeros in range(_TRIES):
        drawn = ("0" * max(0, zeros - _TRIES // 2) + _any(random, length))[:length]
        if not _valid(number, drawn, locale):
            return drawn
    return "0" * (length - 4) + _any(random, 4)


def _valid(number: Number, national: str, locale: str) -> bool:
    calling = number.calling or _CALLING.get(locale[-2:], "1")
    return bool(_parsed_validity(f"+{calling}{national}"))


def _parsed_validity(written: str) -> bool:
    import phonenumbers

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(written, "ZZ"))
    except phonenumbers.NumberParseException:
        return False


def _any(random: Random, count: int) -> str:
    return "".join(random.choices("0123456789", k=count))


def spellings(surrogate: str, locale: str) -> set[str]:
    """How the same number may be written elsewhere: with and without its country's code and its trunk zero."""
    number = Number.read(surrogate, locale)
    digits = digits_of(surrogate)
    known = {digits, number.national, f"0{number.national}", f"{number.calling}{number.national}"}
    return {spelling for spelling in known if len(spelling) >= 7}
