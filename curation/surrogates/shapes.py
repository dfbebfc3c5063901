"""Numbers and codes: every digit gives way to a digit, every letter to a letter, whatever stands between them stays."""

import re
import string
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from random import Random

from curation.detecting import luhn

_NO_DIGIT = re.compile(r"[^0-9]+")
_TRIES = 60
_CARDS = {
    "34": "378282", "37": "378282", "30": "305693", "36": "305693", "38": "305693", "35": "353011",
    "2": "222300", "3": "353011", "4": "400000", "5": "555555", "6": "601111",
}  # fmt: skip
"""Test ranges of the card networks, by the digits a card begins with."""
_TAGS = 5
"""A word of at most so many letters before a number says what it counts (`ORD-`, `INV`), not whose it is."""


def is_digit(character: str) -> bool:
    """Whether a character is a decimal digit of any script."""
    return character in string.digits or unicodedata.decimal(character, None) is not None


def alike(entity: str, kind: str, value: str, random: Random, valid: bool) -> str | None:
    """The surrogate of a number or code; of other things too, as long as they hold a digit."""
    match entity:
        case "card":
            return card(value, random, valid)
        case "iban":
            return iban(value, random, valid)
        case "national_id":
            return national_id(value, kind, random, valid)
        case "mac":
            return mac(value, random)
        case _:
            return account(value, random)


def digits_of(value: str) -> str:
    """The digits of a value, as ASCII.

    >>> digits_of("+٤٩ 30-1")
    '49301'
    """
    if value.isascii():
        return _NO_DIGIT.sub("", value)
    return "".join(str(unicodedata.decimal(c)) for c in value if is_digit(c))


def filled(value: str, characters: Iterable[str], where: Callable[[str], bool] = is_digit) -> str:
    """A value with other characters in the places of its digits (or whatever `where` says), in script and case alike.

    >>> filled("(030) ١-2", "98765")
    '(987) ٦-5'
    """
    source = iter(characters)
    return "".join(_as(next(source), c) if where(c) else c for c in value)


def _as(character: str, like: str) -> str:
    if not like.isascii() and character.isdigit() and (value := unicodedata.decimal(like, None)) is not None:
        return chr(ord(like) - value + int(character))
    return character.lower() if like.islower() else character


def shaped(value: str, random: Random, keep: int = 0) -> str:
    """The same shape with all digits and letters drawn anew, but the first `keep` characters."""
    return value[:keep] + filled(value[keep:], _alike(value[keep:], random), str.isalnum)


def _alike(value: str, random: Random) -> Iterator[str]:
    for c in value:
        if c.isalnum():
            yield random.choice(string.digits) if is_digit(c) else random.choice(string.ascii_uppercase)


def card(value: str, random: Random, valid: bool) -> str | None:
    """A card number of a test range with the grouping and length of another; it fails the Luhn check unless `valid`."""
    digits = digits_of(value)
    if len(digits) < 8:
        return None
    begin = next((b for p in (2, 1) if (b := _CARDS.get(digits[:p]))), digits[0] + "00000")
    body = begin + _random_digits(random, len(digits) - len(begin) - 1)
    right = next(d for d in string.digits if luhn(body + d))
    last = right if valid else random.choice(string.digits.replace(right, ""))
    return filled(value, body + last)


def iban(value: str, random: Random, valid: bool) -> str | None:
    """An account number of the same country and grouping; its check digits are wrong unless `valid`."""
    plain = "".join(c for c in value if c.isalnum())
    if len(plain) < 8 or not plain.isascii():
        return None
    body = "".join(_alike(plain[4:], random))
    country = plain[:2].upper()
    right = f"{98 - int(''.join(str(int(c, 36)) for c in f'{body}{country}00')) % 97:02}"
    wrong = random.choice([f"{n:02}" for n in range(2, 99) if f"{n:02}" != right])
    return filled(value, plain[:2] + (right if valid else wrong) + body, str.isalnum)


def national_id(value: str, kind: str, random: Random, valid: bool) -> str | None:
    """A number of the same shape whose checksum fails, or holds where `valid` and its country's rule is known."""
    if "ssn" in kind and len(digits_of(value)) == 9:
        # Areas from 900 were never given out, and tax numbers there begin their group at 50.
        return filled(value, f"9{_random_digits(random, 2)}{random.randint(1, 49):02}{_random_digits(random, 4)}")
    if not any(is_digit(c) for c in value):
        return None
    rules = _rules(kind)
    drawn = shaped(value, random)
    for _ in range(_TRIES):
        held = any(rule(drawn) for rule in rules)
        if held == (valid and bool(rules)):
            break
        drawn = shaped(value, random)
    return drawn


@cache
def _rules(kind: str) -> tuple[Callable[[str], bool], ...]:
    """The checks of python-stdnum a kind such as `es_nif` names; without one, the most common checksum."""
    from stdnum.util import get_cc_module

    country, _, number = kind.partition("_")
    module = get_cc_module(country, number) if len(country) == 2 and number else None
    return (module.is_valid,) if module is not None else (lambda value: luhn(digits_of(value) or "0"),)


def account(value: str, random: Random) -> str | None:
    """An order, case or account number of the same shape; a short word before it (`ORD-`) stays."""
    if not any(is_digit(c) for c in value):
        return None
    tag = len(value) - len(value.lstrip(string.ascii_letters))
    return shaped(value, random, tag if tag <= _TAGS else 0)


def mac(value: str, random: Random) -> str | None:
    """A locally administered hardware address, written like the other."""
    count = sum(c in string.hexdigits for c in value)
    if count < 12:
        return None
    drawn = random.choice("0123456789ABCDEF") + random.choice("26AE")
    drawn += "".join(random.choices("0123456789ABCDEF", k=count - 2))
    upper = any(c in "ABCDEF" for c in value)
    return filled(value.upper(), drawn, _is_hex) if upper else filled(value.upper(), drawn, _is_hex).lower()


def _is_hex(character: str) -> bool:
    return character in string.hexdigits


def _random_digits(random: Random, count: int) -> str:
    return "".join(random.choices(string.digits, k=max(0, count)))
