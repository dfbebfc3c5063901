"""Keys, tokens and passwords: known formats, private keys, passwords in URLs, assignments and sentences."""

import re
from bisect import bisect
from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from typing import ClassVar

from curation import patterns
from curation.detecting import BREAK, FILLER, Detector, Found
from curation.detectors import _secret_cues as cues
from curation.detectors import _secret_rules as rules

_BEGIN = re.compile(r"-{4,5} ?BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}|PuTTY-User-Key-File-\d:")
_END = re.compile(r"-{4,5} ?END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}|Private-MAC: [a-f0-9]{40,64}")
_SHORTEST = 8


class Secret(Detector):
    """What opens a door: whoever holds it can act for somebody else."""

    version = 2
    local: ClassVar[bool] = True

    def concerns(self, text: str) -> bool:
        """Whether a key's literal, a private key or a cue word occurs."""
        if len(text) < _SHORTEST:
            return False
        return _anything().matches(text)

    def __call__(self, text: str) -> Iterator[Found]:
        """The secrets in a text; a private key without an end reaches to the end of the text, unbounded."""
        ranges = list(_concerned(text))
        pieces = [text[start:end] for start, end in ranges]
        begins = list(accumulate((len(piece) + len(BREAK) for piece in pieces), initial=0))
        for found in _inside(BREAK.join(pieces)) if pieces else ():
            at = bisect(begins, found.start) - 1
            shift = ranges[at][0] - begins[at]
            yield found._replace(start=found.start + shift, end=found.end + shift)


def _inside(text: str) -> list[Found]:
    return _apart([*rules.typed(text), *cues.cued(text), *(_private_keys(text) if _private(text) else ())])


def _concerned(text: str) -> Iterator[tuple[int, int]]:
    """The ranges of those of the joined texts in which something could begin a find: few."""
    past = 0
    for hit, _ in _anything().finditer(text):
        if hit >= past:
            before, after = text.rfind(BREAK, past, hit), text.find(BREAK, hit)
            start, past = before + len(BREAK) if before >= 0 else past, after if after >= 0 else len(text)
            if past - start >= _SHORTEST:
                yield start, past


@cache
def _anything() -> patterns.Pattern:
    """One scan for whatever could begin a find."""
    sources = (rules.look().source, *(look.source for look in cues.looks()), "PRIVATE KEY|PuTTY-User")
    return patterns.compile("|".join(sources), __name__, windowed=False)


def _private(text: str) -> bool:
    return "PRIVATE KEY" in text or "PuTTY-User" in text


def _private_keys(text: str) -> Iterator[Found]:
    at = 0
    while begin := _BEGIN.search(text, at):
        limit = text.find(BREAK, begin.end())
        limit = len(text.rstrip(FILLER)) if limit < 0 else limit
        end = _END.search(text, begin.end(), limit)
        stop = end.end() if end else limit
        yield Found(begin.start(), stop, bounded=end is not None, kind="private_key")
        at = stop


def _apart(found: list[Found]) -> list[Found]:
    """The finds without those that lie inside a surer one."""
    kept: list[Found] = []
    reach: list[Found] = []
    for item in sorted(found, key=lambda f: (f.start, -f.end, -f.score)):
        reach = [other for other in reach if other.end > item.start]
        if not any(other.end >= item.end and other.score >= item.score for other in reach):
            kept.append(item)
            reach.append(item)
    return kept
