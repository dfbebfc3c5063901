"""Names in a text, told by their capitals, and whether a source mentions them.

Where a capital says nothing (at the beginning of a sentence, in a headline, in a language that capitalises nouns, in a
text without any) a word counts as a name when lists of names know it and lists of ordinary words do not. Acronyms,
possessives and the demonyms of countries (`Iranian`, `Iran`) count as mentions.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

from curation.tagger.names import PARTICLES

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_POSSESSIVE = re.compile(r"['’]s?$")
_JOINS = re.compile(r"[ \t]{1,2}|[ \t]?[-–&/][ \t]?")
_AFTER_SHORT = re.compile(r"\.[ \t]?")
"""Between `Dr.` or an initial and a name."""
_INSIDE = PARTICLES | {"of", "the", "for"}
"""Small words that may stand inside a name, between two capitalised ones."""
_NOBODY = frozenset({
    "i", "mr", "mrs", "ms", "miss", "dr", "prof", "sir", "dame", "lord", "lady", "st", "ltd", "inc", "plc", "january",
    "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
})  # fmt: skip
"""Capitalised, and by themselves nobody's name; months belong to dates."""
_SENTENCE_END = re.compile(r"(?:^|[.!?:…\n])[\s\"'“‘”’()\[\]*•>-]*$")
_BACK = 12
_ENDINGS = ("ish", "ian", "ean", "ese", "land", "ain", "an", "ia", "en", "i", "a", "y", "s", "n")
_LEAST_STEM = 4
_DEMONYMS = (
    "france french", "wales welsh", "spain spanish spaniard", "netherlands dutch holland", "ireland irish",
    "norway norwegian", "denmark danish dane", "switzerland swiss", "greece greek", "poland polish pole",
    "turkey turkish turk", "finland finnish finn", "england english", "scotland scottish scots", "cyprus cypriot",
    "iraq iraqi", "europe european", "britain british uk", "america american us usa",
)  # fmt: skip
_SAME = {word: row.split()[0] for row in _DEMONYMS for word in row.split()}
_LISTS = ("first", "last", "town", "country", "firm")
_ORDINARY = ("common", "foreign")


CAPITALISING = 0.25
"""A source in which a larger share of the words inside sentences is capitalised does not capitalise names alone."""
HEADLINE = 0.8
_ENOUGH = 20
"""Words inside sentences below which that share says nothing."""


class Name(NamedTuple):
    """A name as written, and those of its words that a source must mention, in lower case."""

    text: str
    words: tuple[str, ...]


class _Token(NamedTuple):
    text: str
    start: int
    end: int

    @property
    def plain(self) -> str:
        """In lower case, without a possessive ending."""
        return _POSSESSIVE.sub("", self.text).casefold()

    @property
    def capital(self) -> bool:
        return self.text[0].isupper()

    @property
    def nobody(self) -> bool:
        """Whether it is a title, a month, or I (also in I'm)."""
        return self.plain in _NOBODY or self.plain.replace("’", "'").partition("'")[0] in {"i"}


def names(text: str, *, by_capitals: bool = True) -> list[Name]:
    """The names in a text; without `by_capitals` only those that lists of names know.

    >>> [name.text for name in names("However, Ann Brown had left the Bank of England.")]
    ['Ann Brown', 'Bank of England']
    """
    tokens = _tokens(text)
    if not any(token.capital for token in tokens):
        listed = _listed(t.plain for t in tokens if not t.nobody)
        return [Name(t.text, (t.plain,)) for t in tokens if t.plain in listed]
    by_capitals = by_capitals and _capitalised_share(text, tokens, 4) < HEADLINE
    found: list[Name] = []
    for run in _runs(text, tokens):
        opens = _opens_sentence(text, run[0].start)
        own = [t for t in run if t.text not in _INSIDE and not t.nobody]
        asked = tuple(t.plain for t in own if (by_capitals and not (opens and t is run[0])) or _is_name(t))
        if asked:
            start = own[0].start if own[0].plain == asked[0] else next(t.start for t in own if t.plain == asked[0])
            found.append(Name(_POSSESSIVE.sub("", text[start : run[-1].end]), asked))
    return found


class Mentions:
    """What a source mentions, prepared once for many names."""

    def __init__(self, text: str) -> None:
        tokens = _tokens(text)
        self.capitals_tell = _capitalised_share(text, tokens, _ENOUGH) <= CAPITALISING
        """Whether a capital inside one of its sentences means a name."""
        self._words = {token.plain for token in tokens}
        self._stems = {stem for word in self._words for stem in _stems(word)}
        self._initials = set(_initials(tokens))

    def lacks(self, name: Name) -> list[str]:
        """The words of a name that the source does not mention in any form."""
        whole = "".join(word[0] for word in re.findall(r"\w+", name.text.casefold()) if word not in _INSIDE)
        if len(whole) > 1 and whole in self._words:
            return []
        return [word for word in name.words if not self._has(word)]

    def _has(self, word: str) -> bool:
        return word in self._words or word in self._initials or not self._stems.isdisjoint(_stems(word))


def _runs(text: str, tokens: Sequence[_Token]) -> Iterator[list[_Token]]:
    """Capitalised words in a row, with the small words between them."""
    run: list[_Token] = []
    small: list[_Token] = []
    for token in tokens:
        last = small[-1] if small else run[-1] if run else None
        joined = last is not None and _are_joined(text, last, token)
        if run and joined and token.text in _INSIDE:
            small.append(token)
            continue
        if run and not (joined and token.capital):
            yield run
            run = []
        if token.capital:
            run += [*(small if run else []), token]
        small = []
    if run:
        yield run


def _are_joined(text: str, last: _Token, token: _Token) -> bool:
    short = last.nobody or len(last.text) == 1
    between = text[last.end : token.start]
    return bool(_JOINS.fullmatch(between) or (short and _AFTER_SHORT.fullmatch(between)))


def _tokens(text: str) -> list[_Token]:
    return [_Token(m.group(), m.start(), m.end()) for m in _WORD.finditer(text)]


def _capitalised_share(text: str, tokens: Sequence[_Token], enough: int) -> float:
    """Of the words that open no sentence and hold a letter; 0 of too few."""
    inside = [t for t in tokens if t.text[0].isalpha() and not _opens_sentence(text, t.start)]
    return sum(t.capital for t in inside) / len(inside) if len(inside) >= enough else 0.0


def _opens_sentence(text: str, start: int) -> bool:
    return _SENTENCE_END.search(text[max(0, start - _BACK) : start]) is not None


def _stems(word: str) -> set[str]:
    """What a country and its people have in common; a word too short for that is only itself."""
    same = _SAME.get(word)
    cut = {word[: -len(end)] for end in _ENDINGS if word.endswith(end) and len(word) - len(end) >= _LEAST_STEM}
    return {word, *cut, *((same,) if same else ())}


def _initials(tokens: Sequence[_Token]) -> Iterable[str]:
    """`bbc` of `British Broadcasting Corporation`: initials of two to six capitalised words in a row."""
    row: list[str] = []
    for token in tokens:
        if token.text in _INSIDE:
            continue
        row = [*row, token.plain[:1]] if token.capital else []
        for n in range(2, min(len(row), 6) + 1):
            yield "".join(row[-n:])


def _is_name(token: _Token) -> bool:
    """Whether a word whose capital says nothing is a name: an acronym, or in lists of names."""
    return (token.text.isupper() and len(token.text) > 1) or bool(_listed([token.plain]))


@cache
def _known() -> dict[str, bool]:
    return {}


def _listed(words: Iterable[str]) -> set[str]:
    """Those that lists of names and places hold and lists of ordinary words do not; new ones are looked up together."""
    asked, known = set(words), _known()
    if new := [word for word in asked if word not in known]:
        from curation.tagger.tagger import Tagger  # reads its word lists, so only when one must be asked
        from curation.tagger.words import LISTS, hashed

        rows = Tagger.load().network.lists.flags(hashed(new)).tolist()
        for word, row in zip(new, rows, strict=True):
            held = {name for name, bit in zip(LISTS, row, strict=True) if bit}
            known[word] = not held.isdisjoint(_LISTS) and held.isdisjoint(_ORDINARY)
    return {word for word in asked if known[word]}
