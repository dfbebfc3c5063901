"""Addresses of machines and mailboxes: from the ranges and domains that documentation is written with."""

import ipaddress
import re
import unicodedata
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from curation.surrogates.canonical import plain
from curation.surrogates.locales import DEFAULT, words
from curation.surrogates.people import GENDERS, cased, pool
from curation.surrogates.shapes import shaped

_V4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_V6 = re.compile(r"[0-9A-Fa-f]*:[0-9A-Fa-f:]+")
_NETS = ("192.0.2.", "198.51.100.", "203.0.113.")
"""TEST-NET-1 to 3 (RFC 5737)."""
_PATIENCE = 8
"""So many draws from the three small nets; then from 198.18.0.0/15, which is set aside for measurements (RFC 2544)."""
_TOPS = ("com", "org", "net")
"""example.com, example.org and example.net belong to nobody (RFC 2606)."""
_MAILBOX = re.compile(
    r"(?P<local>.+?)(?P<at>\s*[(\[{]\s*(?:at|ät)\s*[)\]}]\s*|\s+at\s+|\s*[@＠]\s*)(?P<domain>.+)",
    re.IGNORECASE | re.DOTALL,
)
_DOT = re.compile(
    r"\s*[(\[{]\s*(?:dot|punkt|point|punto)\s*[)\]}]\s*|\s+(?:dot|punkt|point|punto)\s+|\.", re.IGNORECASE
)
_PIECE = re.compile(rf"{_DOT.pattern}|[^\W_]+|[\W_]+", re.IGNORECASE)
_OFFICES = "info support sales contact kontakt hello hallo office service help admin noreply billing orders team mail"
_ROLES = frozenset(_OFFICES.split())
"""Mailboxes of an office, not of a person: what stands before the @ may stay."""
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)?(?:[^/@\s]*@)?(?P<host>[^/?#:\s]+)(?P<port>:\d+)?(?P<rest>.*)", re.DOTALL
)
_SEGMENT = re.compile(r"[^/?#&=]+")


class Person(NamedTuple):
    """Somebody known to a record: the words of the name as they are compared, and those of the surrogate."""

    folded: tuple[str, ...]
    invented: tuple[str, ...]


def ip(value: str, random: Random, attempt: int) -> str | None:
    """An address of the documentation ranges of the same version, with whatever stands around it (`/24`, a port).

    >>> ip("10.1.2.3/8", Random(1), 0)
    '192.0.2.146/8'
    """
    if found := _V4.search(value):
        net = random.choice(_NETS)
        if attempt >= _PATIENCE:
            net = f"198.{random.choice((18, 19))}.{random.randint(0, 255)}."
        return value[: found.start()] + f"{net}{random.randint(1, 254)}" + value[found.end() :]
    if found := _V6.search(value):
        short = "::" in found.group()
        groups = [f"{random.randint(1, 0xFFFF):x}" for _ in range(2 if short else 6)]
        drawn = "2001:db8:" + (f"{groups[0]}::{groups[1]}" if short else ":".join(groups))
        upper = any(c in "ABCDEF" for c in found.group())
        return value[: found.start()] + (drawn.upper() if upper else drawn) + value[found.end() :]
    return None


def is_documentation(address: str) -> bool:
    """Whether an address lies in a range that surrogates are drawn from."""
    nets = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15", "2001:db8::/32")
    found = ipaddress.ip_address(address)
    return any(found in net for net in map(ipaddress.ip_network, nets) if net.version == found.version)


def url(value: str, random: Random) -> str | None:
    """An address on the web below example.com, with as many path parts; user name and password go."""
    found = _URL.match(value)
    if found is None or "." not in found["host"]:
        return None
    www = "www." if found["host"].lower().startswith("www.") else ""
    host = f"{www}{random.choice(words())}.example.{random.choice(_TOPS)}"
    rest = _SEGMENT.sub(lambda m: _segment(m.group(), random), found["rest"])
    return f"{found['scheme'] or ''}{host}{found['port'] or ''}{rest}"


def _segment(segment: str, random: Random) -> str:
    if segment.isalpha():
        return cased(random.choice(words()), segment)
    return shaped(segment, random)


def email(value: str, random: Random, people: Sequence[Person], attempt: int) -> str | None:
    """A mailbox below example.com, spelt as the other is; named after the surrogate of whom the other is named after.

    >>> email("a.lopez84@mail.test", Random(2), [Person(("ana", "lopez"), ("Laura", "Kim"))], 0)[:5]
    'l.kim'
    """
    found = _MAILBOX.match(value)
    if found is None:
        return None
    role = plain(found["local"]) in _ROLES
    local = found["local"] if role else _local(found["local"], random, people)
    if attempt and not role:
        local += str(random.randint(1, 9999))  # two people of one name: the second gets a number
    dots = _DOT.findall(found["domain"])
    house = ["example", random.choice(_TOPS)]
    if role:
        house.insert(0, random.choice(words()))
    return f"{local}{found['at']}{(dots[-1] if dots else '.').join(house)}"


def _local(local: str, random: Random, people: Sequence[Person]) -> str:
    pieces = [m.group() for m in _PIECE.finditer(local)]
    for person in people:
        named = _named_after(pieces, person)
        if named is not None:
            return "".join(_redrawn(p, n, random) for p, n in zip(pieces, named, strict=True))
    names = iter(("first", "last"))
    return "".join(_stranger(p, next(names, "word"), random) if p.isalpha() and not _DOT.fullmatch(p)
                   else _redrawn(p, None, random) for p in pieces)  # fmt: skip


def _stranger(piece: str, role: str, random: Random) -> str:
    if len(piece) == 1:
        return shaped(piece, random)
    chosen = (
        _ascii(random.choice(pool(DEFAULT, role, random.choice(GENDERS)))) if role != "word" else random.choice(words())
    )
    return cased(chosen, piece)


def _redrawn(piece: str, name: str | None, random: Random) -> str:
    """A piece of a local part by the surrogate's name, its digits anew; signs between the pieces stay."""
    if _DOT.fullmatch(piece) or not piece[0].isalnum():
        return piece
    if name is None:
        return shaped(piece, random)
    letters = piece.rstrip("0123456789")
    return cased(name, letters) + shaped(piece[len(letters) :], random)


def _named_after(pieces: Sequence[str], person: Person) -> list[str | None] | None:
    """For each piece what the surrogate makes of it; None where the pieces do not spell the person's name."""
    names = [_ascii(n).casefold() for n in person.folded]
    invented = [_ascii(n) for n in person.invented]
    if not all(names) or not all(invented):
        return None
    spelt: list[str | None] = []
    whole = False
    for piece in pieces:
        letters = _ascii(piece.rstrip("0123456789")).casefold()
        if not letters or not letters.isalpha() or _DOT.fullmatch(piece):
            spelt.append(None)
            continue
        read = _read(letters, names)
        if read is None:
            return None
        whole = whole or any(full and len(names[i]) > 1 for i, full in read)
        spelt.append("".join(invented[i] if full else invented[i][0] for i, full in read))
    return spelt if whole else None


def _read(letters: str, names: Sequence[str], depth: int = 4) -> list[tuple[int, bool]] | None:
    """Letters as names and initials put together: `alopez` is the initial of the first and the whole of the second."""
    if not letters:
        return []
    if depth == 0:
        return None
    for full in (True, False):
        for i, name in enumerate(names):
            begin = name if full else name[0]
            if letters.startswith(begin):
                rest = _read(letters[len(begin) :], names, depth - 1)
                if rest is not None:
                    return [(i, full), *rest]
    return None


def _ascii(name: str) -> str:
    """Letters as they are written in addresses: `Jürgen` is `jurgen`, `Strauß` `strauss`.

    >>> _ascii("Núñez"), _ascii("Strauß")
    ('Nunez', 'Strauss')
    """
    spelt = name.translate(_SPELT)
    return "".join(c for c in unicodedata.normalize("NFKD", spelt) if c.isascii() and c.isalpha())


_SPELT = str.maketrans({"ß": "ss", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "Ae", "ł": "l", "Ł": "L", "đ": "d", "ı": "i"})
