"""Places, addresses and organisations: Faker's, of the same country, on as many lines."""

import re
import string
from functools import cache
from random import Random
from typing import Any

from curation.surrogates.canonical import plain
from curation.surrogates.locales import DEFAULT, drawn, listed, script_of
from curation.surrogates.people import cased, pool
from curation.surrogates.shapes import is_digit, shaped

_PIECE = re.compile(r"[^,\n/]+")


def place(value: str, locale: str, random: Random) -> str | None:
    """A town for a town, a country for a country, a code for a code, with the commas between them kept."""
    return _PIECE.sub(lambda m: _padded_like(m.group(), _one(m.group().strip(), locale, random)), value)


def _padded_like(piece: str, chosen: str) -> str:
    inner = piece.strip()
    return piece.replace(inner, chosen, 1) if inner else piece


def _one(piece: str, locale: str, random: Random) -> str:
    if not piece or any(is_digit(c) for c in piece):
        return shaped(piece, random)
    if len(piece) == 2 and piece.isalpha() and piece.isascii():
        return cased(random.choice(_states()), piece)
    if plain(piece) in _countries(locale):
        return cased(_own(locale, random, "country"), piece)
    return cased(_own(locale, random, "city"), piece)


@cache
def _countries(locale: str) -> frozenset[str]:
    lists = (listed(place, "address", "countries") for place in dict.fromkeys((locale, DEFAULT)))
    return frozenset(plain(name) for names in lists for name in names)


@cache
def _states() -> tuple[str, ...]:
    return listed(DEFAULT, "address", "states_abbr")


def organisation(value: str, locale: str, random: Random) -> str | None:
    """A company of the same country, in capitals where the other is."""
    return cased(_own(locale, random, "company"), value)


def address(value: str, locale: str, random: Random) -> str | None:
    """A street and house for such, a whole address for a whole one, on as many lines; a code keeps its shape."""
    if not any(c.isalpha() for c in value) or _is_code(value):
        return shaped(value, random)
    lines = value.split("\n")
    if len(lines) == 1 and "," not in value:
        return cased(_street(locale, random), value)
    made = [line for line in _own(locale, random, "address").split("\n") if line]
    if len(lines) == 1:
        return cased(", ".join(line.rstrip(",") for line in made), value)
    while len(made) > len(lines):
        made[-2:] = [f"{made[-2].rstrip(',')}, {made[-1]}"]
    while len(made) < len(lines):
        made.insert(1, _own(locale, random, "city"))
    return "\n".join(cased(new, old) for new, old in zip(made, lines, strict=True))


def _is_code(value: str) -> bool:
    """A postcode or a house number rather than words: short, ASCII, its letters in capitals."""
    return len(value) <= 10 and value.isascii() and any(is_digit(c) for c in value) and not re.search("[a-z]{2}", value)


def _street(locale: str, random: Random) -> str:
    return _own(locale, random, "street_address").replace("\n", ", ").strip()


def _own(locale: str, random: Random, method: str) -> str:
    """What Faker makes of a method; where it only mixes the country's names into English, one of its names alone."""
    made = drawn(locale, random, lambda source: str(_call(source, method)))
    script = script_of(pool(locale, "last", None)[0])
    if script == "LATIN" or not any(c in string.ascii_letters for c in made):
        return made
    name = random.choice(pool(locale, "last", None))
    return f"{name} {random.randint(1, 199)}" if "address" in method else name


def _call(source: Any, method: str) -> Any:
    return getattr(source, method)()
