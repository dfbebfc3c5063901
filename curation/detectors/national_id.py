"""National, tax and social insurance numbers of some seventy kinds, driving licences and passports."""

import importlib
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from curation.detecting import Found
from curation.detectors._national_ids import (
    Identifier,
    by_cue,
    by_shape,
    cue_words,
    may_announce,
    spaced_by_first_group,
)
from curation.detectors._numbers import Chunk, NumberDetector, Numbers, grown, numbers
from curation.detectors._words import Words, cues, line_of

_LONGEST = 26
"""Characters of the longest written form in the table."""
_LICENCE = cues(
    "carta de condução, prawo jazdy",
    "license licence licenses licences driver's drivers führerschein führerscheinnummer führerscheinnr permis patente"
    " carnet licencia rijbewijs rijbewijsnummer körkort körkortsnummer førerkort ajokortti",
)
_PASSPORT = cues(
    "",
    "passport passports reisepass reisepassnummer passnummer pass-nr passeport pasaporte passaporto passaporte paspoort"
    " paspoortnummer paszport paszportu pasaport паспорт",
)
_PAPERS = (("driving_licence", _LICENCE, 5, 20), ("passport", _PASSPORT, 5, 12))
_PAPER_WORDS = _LICENCE.words | _LICENCE.lasts | _PASSPORT.words
_JOINTS = frozenset({" ", "-"})
_NEAR = 5
"""Words between the name of a paper and its number: "driver's license number is"."""
_SMALL = re.compile(r"[a-z]")
_NINO = re.compile(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ -]?\d", re.IGNORECASE)


class _Verdict(NamedTuple):
    """What one identifier makes of a value."""

    score: float
    valid: bool
    kind: str


class NationalId(NumberDetector):
    """Identifiers a state gave to a person or firm: by shape, checksum and the words around them.

    A bare run of digits counts only beside a word for it, or with a checksum that few numbers satisfy.
    """

    def __call__(self, text: str) -> Iterator[Found]:
        """The identifiers in a text."""
        seen = numbers(text)
        table = by_shape()
        for chunk in seen.chunks:
            start, _, digits, form, first, last = chunk
            if (digits >= 4 or last - first >= 7) and (digits >= 6 or "A" in form or text[start - 1 : start].isalpha()):
                # Most are of one token that is not in the table, with no word for an identifier before it.
                several = " " in form or _beside_capitals(seen, first, last)
                if several or seen.shape[first:last] in table or _may_be_cued(seen.before(first)):
                    yield from _in_chunk(seen, chunk, several)


def _may_be_cued(words: Words) -> bool:
    return not _any_words().isdisjoint(words) and (may_announce(words) or not _PAPER_WORDS.isdisjoint(words))


def _in_chunk(seen: Numbers, chunk: Chunk, several: bool) -> Iterator[Found]:
    found = _by_shape(seen, chunk, several) or _announced(seen, chunk.first, chunk.last)
    if found is not None:
        yield found
    if (found is None or found.score < 0.75) and chunk.digits >= 4 and chunk.last - chunk.first >= 5:
        yield from _papers(seen, chunk.first, chunk.last)


def _by_shape(seen: Numbers, chunk: Chunk, several: bool) -> Found | None:
    """What ranges with a shape of the table give: the token, with single letters beside it, then its groups."""
    token = (chunk.first, chunk.last)
    ranges = dict.fromkeys([*_widened(seen.text, *token), *_groups(chunk)]) if several else (token,)
    judged = (_judge(seen, start, end) for start, end in ranges if seen.shape[start:end] in by_shape())
    return next((found for found in judged if found is not None), None)


@cache
def _any_words() -> frozenset[str]:
    """One of these stands before every identifier that its shape alone does not tell."""
    single, lasts, _ = cue_words()
    return single | lasts | _PAPER_WORDS


def _beside_capitals(seen: Numbers, start: int, end: int) -> bool:
    """Whether what stands beside a token may belong to it, as the letters of `AB 12 34 56 C` do."""
    text = seen.text
    before = text[start - 1 : start] in _JOINTS and text[start - 2 : start - 1].isupper()
    return before or _endings().match(seen.shape, end) is not None


@cache
def _endings() -> re.Pattern[str]:
    """The last groups of the shapes in the table that begin with a letter."""
    parted = (re.split("[ -]", shape)[1:] for shape in by_shape())
    groups = {groups[-1] for groups in parted if groups and groups[-1].startswith("A")}
    return re.compile(rf"[ -](?:{'|'.join(sorted(groups))})(?![9A])")


def _widened(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The token with up to two groups of capitals before it and one after: `AB 12 34 56 C`."""
    lefts, rights = [start], [end]
    while (
        len(lefts) < 3 and text[lefts[-1] - 1 : lefts[-1]] in _JOINTS and text[lefts[-1] - 2 : lefts[-1] - 1].isupper()
    ):
        lefts.append(grown(text, lefts[-1] - 1, lefts[-1])[0])
    if text[end : end + 1] in _JOINTS and text[end + 1 : end + 2].isupper():
        rights.append(grown(text, end, end + 1)[1])
    for first in reversed(lefts):
        for last in reversed(rights):
            yield first, last


def _groups(chunk: Chunk) -> Iterator[tuple[int, int]]:
    """Runs of the chunk's space-parted groups: in `86225 078-05-1120` the second is a number of its own."""
    at, whole, table = 0, f"{chunk.shape} ", by_shape()
    for group in chunk.shape.split(" "):
        for written in spaced_by_first_group().get(group, ()):
            if whole.startswith(written, at) and whole[at + len(written)] == " ":
                yield chunk.start + at, chunk.start + at + len(written)
        if group in table:
            yield chunk.start + at, chunk.start + at + len(group)
        at += len(group) + 1


def _judge(seen: Numbers, start: int, end: int) -> Found | None:
    text = seen.text
    if not _alone(text, start, end):
        return None
    value = text[start:end]
    around = seen.around(start, end)
    best: _Verdict | None = None
    for identifier, telling in by_shape()[seen.shape[start:end]]:
        verdict = _verdict(identifier, telling, value, around)
        if verdict and (best is None or verdict[:2] > best[:2]):
            best = verdict
    return Found(start, end, best.score, best.valid, kind=best.kind) if best else None


def _announced(seen: Numbers, start: int, end: int) -> Found | None:
    """A number of another build than the table knows, beside a word for an identifier whose check it passes."""
    if not 7 <= end - start <= _LONGEST:
        return None
    before = seen.before(start)
    if not may_announce(before):
        return None
    line, table = line_of(before), by_cue()
    for word in reversed(before):
        for phrase, identifier in table.get(word, ()):
            if phrase in line and _valid(identifier, seen.text[start:end]):
                return Found(start, end, 0.95, kind=identifier.kind)
    return None


def _alone(text: str, start: int, end: int) -> bool:
    before, after = text[start - 1 : start], text[end : end + 2]
    if before.isalnum() or after[:1].isalnum() or before in {"+", "_", "$", "€", "£", "#"}:
        return False
    joined = before in {"-", "/", ".", ","} and text[start - 2 : start - 1].isalnum()
    return not joined and not (after[:1] in {"-", "/", ".", ",", ":", "_"} and after[1:].isalnum())


def _verdict(identifier: Identifier, telling: bool, value: str, around: Words) -> _Verdict | None:
    cued = identifier.cues.among(around)
    if not cued and not telling and not identifier.bare:
        return None
    lettered = any(c.isalpha() for c in value)
    # A run of small letters and digits is code or a digest far more often than an identifier.
    if lettered and not cued and not value.isupper():
        return None
    valid = _valid(identifier, value)
    if cued:
        return _Verdict(0.95 if valid else 0.75, valid, identifier.kind)
    if telling:
        return _Verdict(_telling_score(identifier, valid), valid, identifier.kind)
    return _Verdict(identifier.bare, True, identifier.kind) if valid else None


def _telling_score(identifier: Identifier, valid: bool) -> float:
    if identifier.kind == "us_ssn":
        return 0.9 if valid else 0.75
    if not identifier.check:
        return 0.75 if valid else 0.4
    return 0.85 if valid else 0.4


def _valid(identifier: Identifier, value: str) -> bool:
    if identifier.kind == "uk_nino":
        return _NINO.match(value) is not None and value[-1].upper() in "ABCD"
    return not identifier.check or _check(identifier.check)(value)


@cache
def _check(module: str) -> Callable[[str], bool]:
    return importlib.import_module(f"stdnum.{module}").is_valid


def _papers(seen: Numbers, start: int, end: int) -> Iterator[Found]:
    before = seen.before(start)
    if _PAPER_WORDS.isdisjoint(before):
        return
    for kind, paper, shortest, longest in _PAPERS:
        near = shortest <= end - start <= longest and paper.among(before)
        if near and paper.among(before[-_NEAR:]) and _on_paper(seen.text, start, end):
            yield Found(start, end, 0.8, kind=kind)
            return


def _on_paper(text: str, start: int, end: int) -> bool:
    """Whether a token may be printed on a paper: capitals and digits; small letters only in front, else it is code."""
    return _alone(text, start, end) and _SMALL.search(text, start + 2, end) is None
