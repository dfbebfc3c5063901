"""Names of people: read into words with a role each, and invented anew with as many words, the same case and gender."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from random import Random
from typing import Literal, NamedTuple

from curation.surrogates.canonical import plain
from curation.surrogates.locales import DEFAULT, drawn, listed, script_of

Gender = Literal["male", "female"]
GENDERS: tuple[Gender, Gender] = ("male", "female")
Role = Literal["first", "last", "whole", "keep"]

_WORD = re.compile(r"[^\s,;:.()\[\]{}<>\"/\\|@&_\d‐-―\-]+")
_POSSESSIVE = re.compile(r"(?<=\w)(?:['’][sS]|(?<=[sS])['’])$")
_MALE = "mr sir lord herr hr monsieur señor senor signor sig dhr pan"
_FEMALE = (
    "mrs ms miss madam dame lady frau fr mme mlle madame mademoiselle señora senora señorita srta sra signora pani"
)
_EITHER = "mx dr prof professor rev sr jr ii iii iv phd md esq dott ing dipl"
_TITLES: dict[str, Gender | None] = {
    **dict.fromkeys(_MALE.split(), "male"),
    **dict.fromkeys(_FEMALE.split(), "female"),
    **dict.fromkeys(_EITHER.split(), None),
}
"""Courtesies and suffixes: they stay, and some tell the gender."""
_LINKS = "van von de del della der den di da dos das du la le ter ten bin ibn zu af av y"
_PARTICLES = frozenset(_LINKS.split())
"""Small words inside names; in lower case they stay."""
_FAMILY_FIRST = ("ja_JP", "zh_CN", "ko_KR", "hu_HU")
_UNSPACED = ("CJK", "HIRAGANA", "HANGUL")
"""Scripts that write a whole name as one word."""
_WIDER = (DEFAULT, "en_IN", "en_GB")
"""Whose lists of first names tell a gender where a locale's own do not."""
_FEW = 20


class Word(NamedTuple):
    """One word of a mention: where it stands, what it is compared by, and what it does in the name."""

    start: int
    end: int
    folded: str
    role: Role


@dataclass(frozen=True)
class Name:
    """A mention of a person: its words in the order first name, last name, whatever order the text has them in."""

    text: str
    words: tuple[Word, ...]
    gender: Gender | None

    @classmethod
    def read(cls, text: str, locale: str = DEFAULT) -> "Name":
        """The words of a mention and their roles.

        >>> [(w.folded, w.role) for w in Name.read("Dr. Raman, Priya's").words]
        [('priya', 'first'), ('raman', 'last')]
        """
        return _read(text, locale in _FAMILY_FIRST)

    @property
    def canonical(self) -> str:
        """All words as they are compared, titles left out."""
        return " ".join(word.folded for word in self.words)

    @property
    def named(self) -> tuple[Word, ...]:
        """The words that name somebody: all but the particles."""
        return tuple(word for word in self.words if word.role != "keep")

    def rendered(self, invented: Mapping[int, str]) -> str:
        """The mention with other words, by position in `words`, in the case each stood in."""
        parts = sorted((w.start, w.end, invented[i]) for i, w in enumerate(self.words) if i in invented)
        text = self.text
        for start, end, word in reversed(parts):
            text = text[:start] + cased(word, text[start:end]) + text[end:]
        return text


@lru_cache(maxsize=512)
def _read(text: str, family_first: bool) -> Name:
    matches = [(m, plain(m.group())) for m in _WORD.finditer(text)]
    titles = [folded for _, folded in matches if folded in _TITLES]
    named = [m for m, folded in matches if folded and folded not in _TITLES]
    gender: Gender | None = next((found for t in titles if (found := _TITLES[t])), None)
    turned = _turned(text, named)
    words = _with_roles(text, turned or named, bool(titles), turned is None and family_first)
    return Name(text, tuple(words), gender)


def _turned(text: str, named: list[re.Match[str]]) -> list[re.Match[str]] | None:
    """The words of `Raman, Priya` with those behind the comma first; None without such a comma."""
    comma = text.find(",")
    before = [m for m in named if m.end() <= comma]
    after = [m for m in named if m.start() > comma]
    return [*after, *before] if before and after and comma >= 0 else None


def _with_roles(text: str, named: list[re.Match[str]], titled: bool, family_first: bool) -> list[Word]:
    spans = [(m.start(), m.start() + len(_POSSESSIVE.sub("", m.group()))) for m in named]
    keep = [text[a:b] in _PARTICLES for a, b in spans]
    # Words joined by a hyphen are one name: Jean-Luc, García-Lorca.
    groups: list[int] = []
    for i, (start, _) in enumerate(spans):
        joined = i > 0 and start > 0 and text[start - 1] in "-‐‑–" and spans[i - 1][1] == start - 1
        groups.append(groups[-1] + (not joined) if groups else 0)
    naming = [g for g, kept in zip(groups, keep, strict=True) if not kept]
    last = (min if family_first else max)(naming, default=0)
    alone = len(set(naming)) <= 1
    words: list[Word] = []
    for (start, end), kept, group in zip(spans, keep, groups, strict=True):
        role: Role = "keep" if kept else "last" if group == last and (not alone or titled) else "first"
        words.append(Word(start, end, plain(text[start:end]), role))
    if alone and len(words) == 1 and words[0].role == "first":
        return [_alone(text, words[0])]
    return words


def _alone(text: str, word: Word) -> Word:
    if len(word.folded) > 1 and script_of(text) in _UNSPACED:
        return word._replace(role="whole")
    known_last = word.folded in folded_pool(DEFAULT, "last", None) if word.folded.isascii() else False
    return word._replace(role="last" if known_last and word.folded not in _first_names(DEFAULT) else "first")


def cased(word: str, like: str) -> str:
    """A word in the case style of another: upper, lower, or as names are written.

    >>> cased("Laura", "ANA"), cased("Laura", "ana"), cased("Laura", "Ana")
    ('LAURA', 'laura', 'Laura')
    """
    if len(like) > 1 and like.isupper():
        return word.upper()
    return word.lower() if like.islower() else word


@cache
def pool(locale: str, role: str, gender: Gender | None) -> tuple[str, ...]:
    """First or last names of one locale that are one word each, from Faker's lists, sorted."""
    kinds = (f"{role}_names_{gender}", f"{role}_names") if gender else (f"{role}_names",)
    found = _single(listed(locale, "person", *kinds))
    if len(found) < _FEW:  # some locales compose their names instead of listing them
        method = f"{role}_name_{gender}" if gender else f"{role}_name"
        random = Random(0)
        found = _single({*found, *(drawn(locale, random, lambda g: getattr(g, method)()) for _ in range(400))})
    return found


def _single(names: tuple[str, ...] | set[str]) -> tuple[str, ...]:
    return tuple(sorted(n for n in names if (m := _WORD.match(n)) and m.end() == len(n) and not n.isdigit()))


@cache
def folded_pool(locale: str, role: str, gender: Gender | None) -> frozenset[str]:
    """The same names as they are compared."""
    return frozenset(plain(name) for name in pool(locale, role, gender))


@cache
def _first_names(locale: str) -> frozenset[str]:
    return folded_pool(locale, "first", "male") | folded_pool(locale, "first", "female")


def gender_of(name: Name, locale: str) -> Gender | None:
    """By title, else by the lists the first name stands in, where it stands in one alone."""
    if name.gender:
        return name.gender
    first = next((w.folded for w in name.words if w.role == "first"), "")
    for place in dict.fromkeys((locale, *_WIDER)):
        male = first in folded_pool(place, "first", "male")
        female = first in folded_pool(place, "first", "female")
        if male != female:
            return "male" if male else "female"
    return None


def invented(name: Name, locale: str, random: Random, fixed: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """Names to stand for another, one after the other; words that stand in `fixed` have theirs, particles stay."""
    gender = gender_of(name, locale)
    given = [word.folded if word.role == "keep" else fixed.get(word.folded) for word in name.words]
    while True:
        either = gender or random.choice(GENDERS)
        yield tuple(has or _word(word, locale, either, random) for word, has in zip(name.words, given, strict=True))


def _word(word: Word, locale: str, gender: Gender | None, random: Random) -> str:
    if word.role == "whole":
        parts = (random.choice(pool(locale, role, gender)) for role in ("last", "first"))
        return "".join(parts)
    drawn_name = random.choice(pool(locale, word.role, gender))
    return drawn_name[0] if len(word.folded) == 1 else drawn_name
