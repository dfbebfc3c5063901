"""Account, order, case, customer and similar numbers: a word for one beside a value, or built like an example."""

import re
from bisect import bisect
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Annotated

from pydantic import Field, field_validator

from curation import patterns
from curation.detecting import Found, luhn, single_bytes
from curation.detectors._account_words import ABBREVIATED, COUNTING, FILLERS, KINDS, NUMBER, NUMBER_ENDINGS, SHY
from curation.detectors._learnt import learnt
from curation.detectors._numbers import WINDOW, Chunk, NumberDetector, Numbers, numbers
from curation.detectors._words import Words

_YEAR = re.compile(r"(?:19|20)\d\d$")
_MEASURE = re.compile(
    r" ?(?:%|[€$£¥]|(?:k|m|g)?b\b|px\b|(?:items?|pcs|pieces|days?|hours?|minutes?|eur|usd|gbp|chf)\b)", re.IGNORECASE
)
_PLATE_BEFORE = re.compile(r"(?:[ -][A-Z]{1,3}){0,2}(?![A-Za-z])")
_PLATE_AFTER = re.compile(r"(?:[ -](?:[A-Z]{1,3}|[0-9]{1,4})){0,2}(?![\w])")
_PLATE_NEAR = WINDOW + 16
"""Characters between the end of a word for a plate and the first digit of one, at most."""
_STANDARD = re.compile(r"(?:0x|rfc|iso|pep|utf|cp|ean|din|iec|x86|ipv|sha|py|http)[-_]?\d", re.IGNORECASE)
"""Numbers in source code and of documents everybody may read."""
_VIN = re.compile(r"[A-HJ-NPR-Z0-9]{17}$")
_VALUES = {
    **{str(d): d for d in range(10)},
    **dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", map(int, "12345678123457923456789"), strict=True)),
}
_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
"""Transliteration and weights of the vehicle identification number (49 CFR 565.15)."""


class Account(NumberDetector):
    """Numbers that lead to one person's business: `order #A-12345`, `case no. 2024-00017`, `account 0012345678`.

    `examples` are numbers of the project's own (`ORD-123456`, `C/2024/0001`): whatever is built like one of them is
    found wherever it stands.
    """

    examples: Annotated[tuple[str, ...], Field(max_length=200)] = ()

    @field_validator("examples")
    @classmethod
    def _long_enough(cls, examples: tuple[str, ...]) -> tuple[str, ...]:
        for example in examples:
            if not 4 <= len(example.strip()) <= 64 or not any(c.isdigit() for c in example):
                raise ValueError(f"the example {example!r} needs 4 to 64 characters, one of them a digit")
        return tuple(example.strip() for example in examples)

    def __call__(self, text: str) -> Iterator[Found]:
        """The numbers in a text."""
        if self.examples:
            yield from (Found(*m.span(), 0.9, kind="learnt") for m in learnt(self.examples).finditer(text))
        seen = numbers(text)
        plates = [m.end() for m in _plate_words().engine.finditer(single_bytes(text))] if seen.chunks else []
        past = 0
        for chunk in seen.chunks:
            start, _, _, _, first, last = chunk
            plated = bool(plates) and bisect(plates, first) > bisect(plates, first - _PLATE_NEAR)
            # Most numbers are short, and only a plate may be.
            if start >= past and (last - first >= 4 or plated):
                found = _beside_words(seen, chunk, plated)
                if found is not None:
                    past = found.end
                    yield found


@cache
def _plate_words() -> patterns.Pattern:
    """One scan for whatever announces a number plate: few texts speak of any."""
    words = "|".join(sorted(word for word, kind in KINDS.items() if kind == "vehicle_plate"))
    return patterns.compile(f"(?i:{words})", __name__, windowed=False)


def _beside_words(seen: Numbers, chunk: Chunk, plated: bool) -> Found | None:
    start, end = chunk.first, chunk.last
    if end - start == 17 and _is_vehicle(seen.text[start:end]):
        return Found(start, end, 0.9, kind="vin")
    first = _plate_start(seen.text, start) if plated else None
    if first is not None and (kind_before(seen.before(first)) or ("",))[0] == "vehicle_plate":
        return _plate(seen.text, first, end)
    before = seen.before(start)
    named = kind_before(before) if end - start >= 4 else None
    if named is None or _sentence_between(seen.text, start, before[-1]):
        return None
    return _judge(seen.text, chunk, named)


def _sentence_between(text: str, start: int, last: str) -> bool:
    """Whether a sentence ends between the word and the number: "I closed my account. 20000 people did"."""
    ended = text[max(0, start - 4) : start].rstrip("# (").endswith((".", "?", "!"))
    return ended and last not in ABBREVIATED and not last.endswith("nr")


def _judge(text: str, chunk: Chunk, named: tuple[str, bool]) -> Found | None:
    kind, numbered = named
    start, end = chunk.first, chunk.last
    value = text[start:end]
    if kind in {"imei", "vin"}:
        sure = kind == "vin" or luhn(value)
        return Found(start, end, 0.95 if sure else 0.75, kind=kind) if len(value) >= 14 else None
    if not _is_value(value, chunk.digits, numbered) or _is_measure(text, start, end):
        return None
    return Found(start, end, 0.75, kind=kind)


def _is_value(value: str, digits: int, numbered: bool) -> bool:
    """Whether a token can be a number of something: long enough, no year, nothing from a standard."""
    # Booking codes are few capitals and digits: KJ3F9Z.
    least = 1 if len(value) >= 6 and value.isupper() else 3
    if (digits < least and sum(c.isdigit() for c in value) < least) or _STANDARD.match(value):
        return False
    return numbered or not value.isdigit() or (len(value) >= 5 and not _YEAR.match(value))


def _is_measure(text: str, start: int, end: int) -> bool:
    """Whether a number is a count, a price, a time or part of a decimal."""
    if _MEASURE.match(text, end) or text.startswith(("$", "€", "£", "."), start - 1, start):
        return True
    return text.startswith((".", ",", ":"), end) and text[end + 1 : end + 2].isdigit()


def kind_before(words: Words) -> tuple[str, bool] | None:
    """What kind of number the words right before it announce, and whether they say "number"; None if none.

    >>> from curation.detectors._numbers import Numbers
    >>> kind_before(Numbers("my order number is 123456").before(19))
    ('order', True)
    """
    numbered = False
    for word in reversed(words[-7:]):
        if word in KINDS:
            return None if word in SHY and not numbered else (KINDS[word], numbered)
        compound = _compound(word)
        if compound:
            return compound, True
        if word in NUMBER:
            numbered = True
        elif word not in FILLERS:
            return None
    return None


@lru_cache(maxsize=4096)
def _compound(word: str) -> str | None:
    """The kind of a compound such as `Kundennummer` or `ordernr`; a telephone or house number is none."""
    for ending in NUMBER_ENDINGS:
        if word.endswith(ending) and len(word) > len(ending) + 2:
            stem = word.removesuffix(ending).rstrip("-.")
            return None if stem in COUNTING else KINDS.get(stem, KINDS.get(stem.rstrip("ns"), "account"))
    return None


def _plate_start(text: str, start: int) -> int | None:
    """Where a plate begins whose digits begin here: letters and a space may precede them, as in `B AB 1234`."""
    if start and text[start - 1] not in " -":
        return None
    before = _PLATE_BEFORE.match(text[max(0, start - 9) : start][::-1])
    return start - before.end() if before else start


def _plate(text: str, start: int, end: int) -> Found | None:
    after = _PLATE_AFTER.match(text, end)
    end = after.end() if after else end
    return Found(start, end, 0.75, kind="vehicle_plate") if 4 <= end - start <= 12 else None


def _is_vehicle(value: str) -> bool:
    """Whether a value is a vehicle identification number whose check digit holds."""
    if len(value) != 17 or not _VIN.match(value) or value.isdigit():
        return False
    total = sum(_VALUES[c] * w for c, w in zip(value, _WEIGHTS, strict=True))
    return value[8] == ("X" if total % 11 == 10 else str(total % 11))
