"""Who is who in one session: full names, the short forms of them, and whom each has become."""

from collections.abc import Sequence
from itertools import chain, islice
from random import Random

from curation.surrogates.canonical import plain
from curation.surrogates.network import Person
from curation.surrogates.people import Name, invented
from curation.surrogates.register import TRIES, Register

_CHOSEN = 8
"""Of so many draws the first is taken that shares no word with anybody, else with nobody who occurs, else any."""


class Cast:
    """The people of one record or conversation."""

    def __init__(self) -> None:
        self.people: list[Person] = []
        """In the order they were met."""
        self._words: set[str] = set()
        self._names: dict[str, tuple[str, ...]] = {}
        self._bearers: dict[str, list[Person]] = {}
        self._alone: dict[str, str] = {}

    def meet(self, name: Name) -> None:
        """Note the words of a name that occurs: as long as there are others, no surrogate bears them."""
        self._words |= {w.folded for w in name.named if len(w.folded) > 1}

    def words_for(self, name: Name, locale: str, random: Random, register: Register) -> tuple[str, ...] | None:
        """The words that stand for a name, by position: as before, its long form's, or new; None when none is free."""
        words = self._names.get(name.canonical)
        if words is None:
            words = self._short_form(name, register) or self._new_person(name, locale, random, register)
        return words

    def _short_form(self, name: Name, register: Register) -> tuple[str, ...] | None:
        """The words of a known person whose longer name this one shortens (`Priya`, `P. Raman`)."""
        first = next((w.folded for w in name.named if len(w.folded) > 1), "")
        for person in self._bearers.get(first, ()):
            words = _shortened(name, person)
            if words and _fits(name, words, register):
                self._names[name.canonical] = words
                return words
        return None

    def _new_person(self, name: Name, locale: str, random: Random, register: Register) -> tuple[str, ...] | None:
        fixed = {w.folded: self._alone[w.folded] for w in name.words if w.folded in self._alone}
        source = invented(name, locale, random, fixed)
        seen = register.seen("person", name.canonical)
        drawn = list(islice(source, TRIES if seen else _CHOSEN))
        held = (w for w in drawn if seen and register.held("person", name.canonical, " ".join(w)))
        apart = [w for w in drawn[:_CHOSEN] if self._words.isdisjoint(_own(name, w))]
        fresh = (w for w in apart if not any(map(register.is_part, _own(name, w))) and _fits(name, w, register))
        few = (w for w in apart if _fits(name, w, register))
        more = (w for w in islice(chain(drawn, source), TRIES) if _fits(name, w, register))
        words = next(chain(held, fresh, few, more), None)
        if words is not None:
            self._remember(name, words)
        return words

    def _remember(self, name: Name, words: tuple[str, ...]) -> None:
        self._names[name.canonical] = words
        named = [(word.folded, new) for word, new in zip(name.words, words, strict=True) if word.role != "keep"]
        person = Person(tuple(old for old, _ in named), tuple(new for _, new in named))
        self.people.append(person)
        for folded in dict.fromkeys(person.folded):
            self._bearers.setdefault(folded, []).append(person)
        if len(named) == 1:
            self._alone[named[0][0]] = named[0][1]


def _own(name: Name, words: Sequence[str]) -> list[str]:
    """The new words of a name as they are compared, particles and initials left out."""
    return [plain(w) for w, word in zip(words, name.words, strict=True) if word.role != "keep" and len(w) > 1]


def _fits(name: Name, words: Sequence[str], register: Register) -> bool:
    """Whether a candidate keeps no word of the name it stands for and is free."""
    own = {word.folded for word in name.named if len(word.folded) > 1}
    return own.isdisjoint(map(plain, words)) and register.free("person", name.canonical, name.text, " ".join(words))


def _shortened(name: Name, person: Person) -> tuple[str, ...] | None:
    """The surrogate's words for a name whose words are some of a person's, in order; an initial stands for a word."""
    if len(name.named) > len(person.folded):
        return None
    words: list[str] = []
    at = 0
    for word in name.words:
        if word.role == "keep":
            words.append(word.folded)
            continue
        one = len(word.folded) == 1
        found = next(
            (
                i
                for i in range(at, len(person.folded))
                if word.folded in (person.folded[i], one and person.folded[i][0])
            ),
            None,
        )
        if found is None:
            return None
        words.append(person.invented[found][0] if one else person.invented[found])
        at = found + 1
    return tuple(words)


def parts_of(name: Name, words: Sequence[str]) -> set[str]:
    """What a surrogate may be shortened to: each word of it, first and last together, an initial and the last."""
    own = [plain(w) for w, word in zip(words, name.words, strict=True) if word.role != "keep"]
    parts = {w for w in own if len(w) > 1}
    if len(own) > 1:
        parts |= {f"{own[0]} {own[-1]}", f"{own[0][0]} {own[-1]}"}
    return parts
