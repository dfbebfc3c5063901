"""When two spellings are the same value: case, spaces, grouping and courtesies are left out of the comparison."""

import re
import unicodedata
from functools import lru_cache

NUMBERED = frozenset({"phone", "card", "iban", "national_id", "account", "mac"})
"""Kinds whose grouping carries nothing: `4111-1111` and `4111 1111` are one value."""
SHORT = 4
"""Of fewer characters, being the same or being contained says nothing."""
_POSSESSIVE = re.compile(r"(?<=[^\s\d])(?:['’]s|(?<=s)['’])$")
_SIGNS = re.compile(r"[^a-z0-9]+")
_SPACE = re.compile(r"\s+")
_AT = re.compile(r"\s*[(\[{]\s*(?:at|ät)\s*[)\]}]\s*|\s+at\s+|\s*@\s*", re.IGNORECASE)
_DOT = re.compile(r"\s*[(\[{]\s*(?:dot|punkt|point|punto)\s*[)\]}]\s*|\s+(?:dot|punkt|point|punto)\s+", re.IGNORECASE)
_EDGES = " \t\r\n\"'“”‘’«»,;:!?"


@lru_cache(maxsize=1024)
def plain(value: str) -> str:
    """A value without what two mentions of it may differ in: case, width, runs of spaces, quotes, a possessive `'s`.

    >>> plain("  Priya   RAMAN’s ")
    'priya raman'
    """
    folded = unicodedata.normalize("NFKC", value).casefold()
    return _POSSESSIVE.sub("", _SPACE.sub(" ", folded).strip(_EDGES))


def compact(value: str) -> str:
    """Only the letters and digits, digits of every script as ASCII.

    >>> compact("GB82 west-1234 ٥٦")
    'gb82west123456'
    """
    folded = plain(value)
    if folded.isascii():
        return _SIGNS.sub("", folded)
    return "".join(_digit(c) for c in folded if c.isalnum())


def _digit(character: str) -> str:
    value = None if character.isascii() else unicodedata.decimal(character, None)
    return character if value is None else str(value)


def spelt(value: str) -> str:
    """An e-mail address with its spelt-out signs put back.

    >>> spelt("ana dot lopez (at) mail dot org")
    'ana.lopez@mail.org'
    """
    return _DOT.sub(".", _AT.sub("@", value, count=1))


def canonical(entity: str, value: str) -> str:
    """What stands for a value of one kind wherever values are compared under a key.

    >>> canonical("phone", "0049 (30) 1234-567") == canonical("phone", "+49 30 1234567")
    True
    >>> canonical("person", "Dr. Raman, Priya") == canonical("person", "priya raman")
    True
    """
    if entity in NUMBERED:
        found = compact(value) or plain(value)
        return found[2:] if entity == "phone" and found.startswith("00") else found
    if entity == "email":
        return plain(spelt(value))
    if entity == "person":
        from curation.surrogates.people import Name

        return Name.read(value).canonical or plain(value)
    return plain(value)


def primary(entity: str, made: str) -> str:
    """How a surrogate is compared with other surrogates: numbers without their grouping, people without titles."""
    if entity in NUMBERED and len(found := compact(made)) >= SHORT:
        return found
    return canonical("person", made) if entity == "person" else plain(made)
