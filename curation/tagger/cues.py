"""Words around a name that give it away: titles, salutations, sign-offs, keys of forms, what firms end in."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from curation.tagger.names import PARTICLES, Name

_WORDS = r"[^\W\d_]+(?:['’.-]{1,2}[^\W\d_]+)*\.?(?: [^\W\d_]+(?:['’.-]{1,2}[^\W\d_]+)*\.?){0,4}"


_NOBODY = frozenset(
    [
        "sir",
        "sirs",
        "madam",
        "madams",
        "ma'am",
        "all",
        "team",
        "support",
        "customer",
        "friend",
        "friends",
        "colleague",
        "colleagues",
    ]
)
"""Whom one greets without a name."""


class Cue(NamedTuple):
    """A pattern whose group 1 may be a name, after a word that says so."""

    near: tuple[str, ...]
    """One of these stands in every text where the pattern can match; in small letters."""
    pattern: re.Pattern[str]
    score: float
    doubtful: bool
    """Whether an ordinary word in the name speaks against it."""


def _cue(near: str, before: str, after: str, score: float) -> Cue:
    """A cue for names with capitals; one of `near` stands in every text where it can match."""
    doubtful = score < _TITLED
    pattern = re.compile(f"{'(?i)' if doubtful else ''}{before}({_WORDS}){after}")
    return Cue(tuple(near.split("|")), pattern, score, doubtful)


_TITLED = 0.9
_TITLES = r"\b(?:M(?:rs?|s|x|me)|Dr|Prof|Miss|Herrn?|Frau|Madame|Monsieur|Señora?|Signora?)\b\.? "
_CLOSING = "regards|sincerely|cheers|wishes|thanks|faithfully|grüße|cordialement|saludos|groet"
_FIELD = r"\b(?:(?:full|customer|first|last|sur|user|patient|contact|client)[ _]?)?name[\"']? ?[:=]\s{0,4}[\"']?"
_CUES = (
    _cue("mr|mrs|ms|dr|miss|prof|herr|frau|madame|monsieur|mme|señor|mx|signor", _TITLES, "", _TITLED),
    _cue("name is|name's", r"\bname(?: is|'s) ", "", 0.75),
    _cue("dear ", r"\bdear ", r"(?= ?[,!:\n])", 0.75),
    _cue(_CLOSING, rf"(?:{_CLOSING}),? ?\n+ *", r"(?=\s*(?:\n|$))", 0.75),
    _cue("name", _FIELD, r"(?=[\"'\n,;|]|$)", 0.8),
)
_LEGAL = r"Ltd|Limited|Inc|LLC|PLC|LLP|GmbH|AG|KG|Corp|B\.?V|N\.?V|S\.?A|S\.?r\.?l|S\.?p\.?A|Pty|Oy|ApS"
_FIRM = re.compile(rf"((?:[^\W\d_][\w&'’-]* ){{1,4}}(?:& )?(?:{_LEGAL})\b\.?)")
_LEGAL_NEAR = tuple(form.replace("\\.?", dot) for form in _LEGAL.split("|") for dot in ("", "."))


def cued(text: str, ordinary: Callable[[str], bool]) -> Iterator[Name]:
    """The names that stand after a cue, as the cue's words alone tell; `ordinary` knows the everyday words.

    >>> [name[:3] for name in cued("Ask Mrs. van Dyke or Lund Foods Ltd", lambda word: False)]
    [(9, 17, 'person'), (21, 35, 'organisation')]
    """
    low = text.lower()
    for cue in _CUES:
        if any(word in low for word in cue.near):
            for match in cue.pattern.finditer(text):
                end = _name_end(match, cue, ordinary)
                if end > match.start(1):
                    yield Name(match.start(1), end, "person", cue.score)
    if any(word in text for word in _LEGAL_NEAR):
        yield from _firms(text)


def _name_end(match: re.Match[str], cue: Cue, ordinary: Callable[[str], bool]) -> int:
    """Where the run of capitalised words after a cue ends; where it starts if there is none."""
    at = end = match.start(1)
    for word in match.group(1).split(" "):
        low = word.lower().rstrip(".")
        if word[:1].isupper() and low not in _NOBODY and not (cue.doubtful and ordinary(low)):
            end = at + len(word.rstrip("."))
            if len(word.rstrip(".")) > 1 and word.endswith("."):
                break
        elif word not in PARTICLES:
            break
        at += len(word) + 1
    return end


def _firms(text: str) -> Iterator[Name]:
    for match in _FIRM.finditer(text):
        words = match.group().split(" ")
        first = (
            next(
                (i for i in range(len(words) - 1, -1, -1) if not (words[i][:1].isupper() or words[i] in ("&", "and"))),
                -1,
            )
            + 1
        )
        if first < len(words) - 1:
            yield Name(match.start() + len(" ".join(words[:first])) + (first > 0), match.end(), "organisation", 0.9)


def combined(found: list[Name], hints: Iterable[Name]) -> list[Name]:
    """Finds and hints together: a hint makes a find of its kind surer, and stands alone where nothing was found."""
    hinted = sorted(hints)
    if not hinted:
        return found
    scores = [name.score for name in found]
    alone: list[Name] = []
    first = reach = 0
    for hint in hinted:
        while first < len(found) and found[first].end <= hint.start:
            first += 1
        at = first
        while at < len(found) and found[at].start < hint.end:
            if found[at].kind == hint.kind:
                scores[at] = max(scores[at], hint.score)
            at += 1
        if at == first and hint.start >= reach:
            alone.append(hint)
            reach = hint.end
    raised = [name._replace(score=score) for name, score in zip(found, scores, strict=True)]
    return sorted([*raised, *alone])
