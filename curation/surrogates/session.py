"""Replacing values within one scope: the same value always gives way to the same surrogate, and no two to one.

Surrogates of one scope follow from the project's key, so a text scrubbed again comes out the same. What can only be
known by having seen the scope's other values (a name's short form, a collision) follows from the order they came in.
Faker's lists are part of what is drawn from: another version of Faker may give other surrogates.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from curation.surrogates import network, places, shapes
from curation.surrogates.canonical import SHORT, canonical, compact, plain, primary
from curation.surrogates.cast import Cast, parts_of
from curation.surrogates.dates import WEEKS, day_meant, shifted
from curation.surrogates.draws import Draws, Given
from curation.surrogates.locales import DEFAULT, locale_of, spoken_in
from curation.surrogates.people import Name
from curation.surrogates.phones import Number, phone, spellings
from curation.surrogates.register import TRIES, Register

Scope = Literal["record", "conversation", "dataset"]
_SHIFTS = 8
_NEVER = frozenset({"secret", "rule"})


class SpanLike(Protocol):
    """A place in a text and what was found there."""

    @property
    def entity(self) -> str:
        """The family, lower case: `person`, `phone`."""
        ...

    @property
    def kind(self) -> str:
        """A finer name, or nothing."""
        ...

    @property
    def start(self) -> int:
        """First code point."""
        ...

    @property
    def end(self) -> int:
        """Behind the last code point."""
        ...


class Planted(NamedTuple):
    """One replaced place, in code points of the new text; `known` was a surrogate of this scope already and stays."""

    entity: str
    kind: str
    start: int
    end: int
    commitment: str
    action: Literal["surrogate", "mask", "known"]


class Surrogates:
    """The surrogates of one project. Values are drawn per record, per conversation, or alike over the whole dataset.

    >>> session = Surrogates(b"k" * 32, "conversation").session("c-1")
    >>> session.of("person", "", "Priya Raman").split()[0] == session.of("person", "", "Priya")
    True

    In scope `dataset`, `stored` holds what earlier sessions committed to, so that no surrogate is given twice; dates
    move per record even there, since one known date would otherwise undo all of them.
    """

    def __init__(self, key: bytes, scope: Scope, valid_checksums: bool = False, stored: Iterable[str] = ()) -> None:
        self.scope: Scope = scope
        self.valid_checksums = valid_checksums
        self._key = key
        self._dataset = Given(stored)
        Draws(key, "")  # a key of another length is refused here, not at the first value

    def session(self, scope_id: str, stored: Iterable[str] = ()) -> "Session":
        """Start on one record or conversation, or go on with the commitments one left (`Session.commitments`)."""
        own = Given(stored)
        if self.scope == "dataset":
            for commitment in own.listed():
                self._dataset.add(commitment)
        values = Draws(self._key, self.scope if self.scope == "dataset" else f"{self.scope} {scope_id}")
        subject = Draws(self._key, f"subject {scope_id}")
        return Session(self, values, subject, own, self._dataset if self.scope == "dataset" else own)


@dataclass(frozen=True)
class _Memory:
    """What a value was drawn with the first time: with it, the same comes out in any format."""

    attempt: int
    locale: str
    people: int


class Session:
    """One record or conversation at work; not for several threads at once."""

    def __init__(self, owner: Surrogates, values: Draws, subject: Draws, own: Given, taken: Given) -> None:
        self._valid = owner.valid_checksums
        self._values = values
        self._subject = subject
        self._given = own
        self._taken = taken
        self._locale: str | None = DEFAULT if owner.scope == "dataset" else None
        self._originals: set[str] = set()
        self._dates: list[str] = []
        self._weeks: int | None = None
        self._memory: dict[tuple[str, str], _Memory] = {}
        self._cast = Cast()
        self._register = Register(self._values, taken, self._originals, owner.scope == "dataset" or bool(own.listed()))
        self._planted: dict[str, None] = {}

    @property
    def planted(self) -> tuple[str, ...]:
        """The surrogates given out since the session started, as written, each once."""
        return tuple(self._planted)

    @property
    def commitments(self) -> list[str]:
        """What to store so that a later session knows these surrogates: keyed, and no raw value among them."""
        return self._given.listed()

    def replace(self, text: str, spans: Sequence[SpanLike], echoes: bool = True) -> tuple[str, list[Planted]]:
        """The text with a surrogate in each place, and the places in the new text, in order.

        Where the text may echo surrogates (a reply to a prompt that held them), those are left alone; for a text that
        cannot, `echoes=False` keeps a person who happens to bear a surrogate's name from being taken for one.
        Raises ValueError for spans that overlap or lie outside the text.
        """
        ordered = sorted(spans, key=lambda s: (s.start, s.end))
        _require_apart(ordered, len(text))
        if self._locale is None and ordered:
            self._locale = spoken_in(text)
        values = [text[s.start : s.end] for s in ordered]
        known = [echoes and self.knows(value) for value in values]
        for span, value, is_known in zip(ordered, values, known, strict=True):
            if not is_known:
                self.meet(span.entity, value)
        new: dict[int, str] = {i: values[i] for i, is_known in enumerate(known) if is_known}
        for i in sorted(range(len(ordered)), key=lambda i: _turn(ordered[i].entity, values[i])):
            if i not in new:
                new[i] = self.of(ordered[i].entity, ordered[i].kind, values[i])
        return self._put(text, ordered, [new[i] for i in range(len(ordered))], known)

    def meet(self, entity: str, value: str) -> None:
        """Note a value that occurs in this scope: no surrogate will be equal to it."""
        self._originals |= {plain(value), canonical(entity, value)}
        if entity == "person":
            self._cast.meet(Name.read(value))
        if entity.startswith("date"):
            self._dates.append(value)

    def of(self, entity: str, kind: str, value: str) -> str:
        """The surrogate of one value; its placeholder (`[SECRET]`) where it gets none."""
        self.meet(entity, value)
        made = None if entity in _NEVER or not value.strip() else self._made(entity, kind, value)
        return f"[{entity.upper()}]" if made is None else made

    def knows(self, value: str) -> bool:
        """Whether a value is a surrogate of this session, or a part, a possessive or another spelling of one."""
        forms = {plain(value), Name.read(value).canonical}
        if any(c.isdigit() for c in value):
            short = compact(value)
            forms |= {short, short.removeprefix("00")} if len(short) >= SHORT else set()
            forms |= {day for first in (True, False) if (day := day_meant(value, first))}
        return any(self._values.commitment(p, f) in self._given for f in forms if f for p in ("surrogate", "part"))

    def _put(
        self, text: str, spans: Sequence[SpanLike], new: Sequence[str], known: Sequence[bool]
    ) -> tuple[str, list[Planted]]:
        parts: list[str] = []
        planted: list[Planted] = []
        at = length = 0
        for span, value, is_known in zip(spans, new, known, strict=True):
            parts += (text[at : span.start], value)
            start = length + span.start - at
            length, at = start + len(value), span.end
            action = "known" if is_known else "mask" if value == f"[{span.entity.upper()}]" else "surrogate"
            commitment = self._values.commitment("surrogate", primary(span.entity, value))
            planted.append(Planted(span.entity, span.kind, start, length, commitment, action))
        return "".join([*parts, text[at:]]), planted

    def _made(self, entity: str, kind: str, value: str) -> str | None:
        if entity == "person":
            return self._person(value)
        if entity.startswith("date"):
            return self._date(value)
        return self._drawn(entity, kind, value)

    def _drawn(self, entity: str, kind: str, value: str) -> str | None:
        locale = locale_of(value, self._locale or DEFAULT)
        identity = Number.read(value, locale).identity if entity == "phone" else canonical(entity, value)
        held = self._memory.get((entity, identity))
        first = held or _Memory(0, locale, len(self._cast.people))
        seen = held is None and self._register.seen(entity, identity)
        for stored, attempt in _attempts(first.attempt, seen):
            memory = _Memory(attempt, first.locale, first.people)
            made = self._make(entity, kind, value, identity, memory)
            if made is None:
                return None
            fits = self._register.held(entity, identity, made) if stored else held is not None
            if fits or (not stored and self._register.free(entity, identity, value, made)):
                self._memory[entity, identity] = memory
                extra = spellings(made, memory.locale) if entity == "phone" else set[str]()
                self._plant(entity, identity, made, extra)
                return made
        return None

    def _make(self, entity: str, kind: str, value: str, identity: str, memory: _Memory) -> str | None:
        random = self._values.random(entity, identity, memory.attempt)
        match entity:
            case "phone":
                return phone(value, memory.locale, random, memory.attempt)
            case "email":
                return network.email(value, random, self._cast.people[: memory.people], memory.attempt)
            case "ip":
                return network.ip(value, random, memory.attempt)
            case "url":
                return network.url(value, random)
            case "address" | "place" | "organisation":
                return getattr(places, entity)(value, memory.locale, random)
            case _:
                return shapes.alike(entity, kind, value, random, self._valid)

    def _person(self, value: str) -> str | None:
        locale = locale_of(value, self._locale or DEFAULT)
        name = Name.read(value, locale)
        if not name.named:
            return None
        random = self._values.random("person", name.canonical)
        words = self._cast.words_for(name, locale, random, self._register)
        if words is None:
            return None
        made = name.rendered({i: w for i, w in enumerate(words) if name.words[i].role != "keep"})
        self._plant("person", name.canonical, made, parts_of(name, words))
        return made

    def _date(self, value: str) -> str | None:
        month_first = (self._locale or DEFAULT) == "en_US"
        made = shifted(value, self._shift(month_first), month_first, (self._locale or DEFAULT)[:2])
        if made is not None:
            day = day_meant(made, month_first)
            self._plant("date", plain(value), made, {day} if day else set())
        return made

    def _shift(self, month_first: bool) -> int:
        """By how many weeks this subject's dates move: keyed, and such that no date met so far becomes another one."""
        if self._weeks is None:
            tried = [self._subject.random("date", "", n).choice(WEEKS) for n in range(_SHIFTS)]
            stored = [n for n in range(len(tried)) if self._subject.commitment("shift", str(n)) in self._given]
            clear = [n for n, weeks in enumerate(tried) if not self._clashes(weeks, month_first)]
            chosen = next(iter([*stored, *clear, 0]))
            self._given.add(self._subject.commitment("shift", str(chosen)))
            self._weeks = tried[chosen]
        return self._weeks

    def _clashes(self, weeks: int, month_first: bool) -> bool:
        moved = ((value, shifted(value, weeks, month_first)) for value in self._dates)
        return any(new and new != value and plain(new) in self._originals for value, new in moved)

    def _plant(self, entity: str, identity: str, made: str, parts: Iterable[str] = ()) -> None:
        if made in self._planted:
            return
        self._planted[made] = None
        commit = self._values.commitment
        whole = dict.fromkeys((primary(entity, made), plain(made)))
        commitments = [*(commit("surrogate", form) for form in whole), self._register.pair(entity, identity, made)]
        commitments.append(self._register.value(entity, identity))
        commitments += (commit("part", part) for part in sorted(parts))
        for commitment in commitments:
            self._given.add(commitment)
            self._taken.add(commitment)


def _attempts(first: int, seen: bool) -> Iterator[tuple[bool, int]]:
    """Which draws to look at; for a value seen by an earlier session, first whether one was given out then."""
    if seen:
        yield from ((True, n) for n in range(TRIES))
    yield from ((False, n) for n in range(first, TRIES))


def _turn(entity: str, value: str) -> tuple[int, int, int]:
    """Full names first, since short forms and addresses are named after them."""
    if entity != "person":
        return 1, 0, 0
    named = Name.read(value).named
    return 0, -len(named), -sum(len(word.folded) for word in named)


def _require_apart(spans: Sequence[SpanLike], length: int) -> None:
    at = 0
    for span in spans:
        if not at <= span.start <= span.end <= length:
            raise ValueError(f"span {span.start}:{span.end} overlaps another or lies outside a text of {length}")
        at = span.end
