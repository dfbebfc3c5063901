"""Dates: of birth where the words before say so, which is personal at both points; others at `recall` only."""

import re
from collections.abc import Iterator

from curation.detecting import Found
from curation.detectors._months import MONTH_ENDINGS, MONTHS, SHY_MONTHS
from curation.detectors._numbers import Chunk, NumberDetector, Numbers, numbers
from curation.detectors._words import cues

_TIME = (
    r"(?:,? ?(?:[T ]|at |um |à |a las )\d{1,2}[:.h]\d{2}(?:[:.]\d{2}(?:[.,]\d{1,9})?)?(?: ?(?:[AaPp]\.?[Mm]\b\.?|Uhr))?"
    r"(?: ?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})(?!\w))?)?"
)
_DAY, _MONTH, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:1[6-9]|20|21)\d\d"
_NUMERIC = re.compile(
    rf"(?<![\w.,/-])"
    rf"(?:{_YEAR}([-/.]){_MONTH}\1{_DAY}|{_DAY}([-/.]|\. ){_MONTH}\2{_YEAR}|{_MONTH}([-/.]){_DAY}\3{_YEAR})"
    rf"(?![\d/-]|\.\d){_TIME}"
)
_SHORT = re.compile(
    rf"(?<![\w.,/-])(?:{_DAY}([/.-]){_MONTH}\1\d\d|{_MONTH}([/.-]){_DAY}\2\d\d|\d\d([/.-]){_MONTH}\3{_DAY})(?![\w/-]|\.\d)"
)
_EASTERN = re.compile(r"\d{4} ?[年년] ?\d{1,2} ?[月월] ?\d{1,2} ?[日일号]?")
_COMPACT = re.compile(rf"{_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\w)|{_DAY}{_MONTH}{_YEAR}(?!\w)")
_AFTER_DAY = re.compile(
    r"(?P<day>\d{1,2})(?:st|nd|rd|th|er|ste|de|\.|º|ª|°)?(?: (?:of|de|d[ei]l?))?[ -]?"
    r"(?P<month>[^\W\d_]{3,12})(?!\w)\.?"
    rf"(?:(?:,? |-)(?:(?:de|del|of) )?(?P<year>{_YEAR}|'\d\d)(?!\w))?"
)
_AFTER_MONTH = re.compile(
    rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?![\w:.%/-]|,\d)(?:,? (?P<year>{_YEAR})(?!\w))?|(?P<only>{_YEAR})(?!\w)"
)
_JOINTS = frozenset("-/.")
_CLOCK = re.compile(_TIME)
_BIRTH = cues(
    "d o b",
    "born dob birth birthday birthdate birthdays bday geboren geb geburtstag geburtsdatum née né nee naissance nacido"
    " nacida nació nacio nacimiento cumpleaños nato nata nascita compleanno nascido nascida nascimento aniversário"
    " geboortedatum geboren född fodt født fødselsdato födelsedatum syntynyt syntymäaika urodzony urodzona urodzenia"
    " narozen narozena narození született születési născut născută doğum γεννήθηκε родился родилась рождения"
    " anniversaire",
)
_NEAR = 8
"""How many words may stand between the word for birth and the date: "date of birth? Yes, it is the 3rd of May"."""


class Date(NumberDetector):
    """Full dates in figures or words, with a time if one follows; a year alone is none."""

    def __call__(self, text: str) -> Iterator[Found]:
        """The dates in a text."""
        seen = numbers(text)
        past = 0
        for chunk in seen.chunks:
            if chunk[0] < past or not _possible(text, chunk):
                continue
            for found in _in_chunk(seen, chunk):
                past = max(past, found.end)
                yield found


def _possible(text: str, chunk: Chunk) -> bool:
    """A cheap look: numbers joined, a letter or space after a small number, a month before, Eastern signs."""
    start, end, digits, form, _, _ = chunk
    joined = len(form) > digits
    if (joined and digits >= 5) or form[2:3] != "9" or digits == 8 or text[end : end + 1] >= "\x80":
        return True
    if digits < 4 or not text[start - 2 : start - 1].isalpha():
        return False
    return joined or text[max(0, start - 4) : start - 1].lower() in MONTH_ENDINGS


def _in_chunk(seen: Numbers, chunk: Chunk) -> Iterator[Found]:
    numeric = _numeric(seen.text, chunk)
    for match in numeric:
        yield _found(seen, *match.span(), 0.5)
    if not numeric:
        worded = _in_words(seen, chunk)
        if worded is not None:
            yield worded
        if len(chunk.shape) >= 4 or not seen.text[chunk.end : chunk.end + 2].isascii():
            yield from _weak(seen, chunk)


def _numeric(text: str, chunk: Chunk) -> list[re.Match[str]]:
    start, end, digits, form = chunk[:4]
    goes_on = text.startswith(". ", end)
    if len(form) > digits and (goes_on or (digits >= 6 and not _JOINTS.isdisjoint(form))):
        return [m for m in _NUMERIC.finditer(text, start, end + 40) if m.start() < end]
    spaced = _NUMERIC.match(text, start, end + 40) if goes_on else None
    return [spaced] if spaced else []


def _born(seen: Numbers, start: int) -> bool:
    before = seen.before(start)
    return _BIRTH.among(before) and _BIRTH.among(before[-_NEAR:])


def _found(seen: Numbers, start: int, end: int, score: float) -> Found:
    if _born(seen, start):
        return Found(start, end, 0.95, kind="date_of_birth")
    return Found(start, end, score, kind="date")


def _in_words(seen: Numbers, chunk: Chunk) -> Found | None:
    text = seen.text
    written = _AFTER_DAY.match(text, chunk.start)
    if written and _is_month(written["month"], written) and 1 <= int(written["day"]) <= 31:
        return _found(seen, chunk.start, _with_time(text, written.end()), 0.5)
    start = _month_before(text, chunk.start)
    follows = _AFTER_MONTH.match(text, chunk.start) if start is not None else None
    if start is None or follows is None:
        return None
    if follows["only"] is None and 1 <= int(follows["day"]) <= 31:
        return _found(seen, start, _with_time(text, follows.end()), 0.5)
    if follows["only"] is not None and _born(seen, start):
        return Found(start, follows.end(), 0.95, kind="date_of_birth")
    return None


def _with_time(text: str, end: int) -> int:
    clock = _CLOCK.match(text, end)
    return clock.end() if clock else end


def _is_month(word: str, written: re.Match[str] | None = None) -> bool:
    """Whether a word names a month, one that means something else as well only with a year or a capital."""
    low = word.lower()
    if low not in MONTHS:
        return False
    return low not in SHY_MONTHS or word[0].isupper() or (written is not None and written["year"] is not None)


def _month_before(text: str, at: int) -> int | None:
    """Where the month right before a number begins: `May 3rd`, `Dec. 24`."""
    if text[at - 1 : at] != " ":
        return None
    end = at - 1 - (text[at - 2 : at - 1] in {".", ","})
    # Most words end like no month.
    if text[max(0, end - 3) : end].lower() not in MONTH_ENDINGS:
        return None
    start = end
    while start > max(0, end - 13) and text[start - 1].isalpha():
        start -= 1
    return start if end - start >= 3 and _is_month(text[start:end]) else None


def _weak(seen: Numbers, chunk: Chunk) -> Iterator[Found]:
    """Shapes that many other things share: only a word for birth, or Eastern characters, make them dates."""
    text = seen.text
    eastern = None if text[chunk.end : chunk.end + 2].isascii() else _EASTERN.match(text, chunk.start)
    if eastern:
        yield _found(seen, *eastern.span(), 0.5)
    elif len(chunk.shape) > chunk.digits >= 4:
        short = _SHORT.match(text, chunk.start)
        # 10.12.15 may be a version and 10-12-15 a sum; with slashes it is hardly anything else.
        if short and (short.group().count("/") == 2 or _born(seen, chunk.start)):
            yield _found(seen, *short.span(), 0.4)
    elif chunk.digits == 8:
        compact = _COMPACT.match(text, chunk.start)
        if compact and _born(seen, chunk.start):
            yield Found(*compact.span(), 0.95, kind="date_of_birth")
