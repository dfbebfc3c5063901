"""Regular expressions that somebody else wrote, run by RE2: in linear time, whatever the pattern and the text.

In RE2, `\\d`, `\\w` and `\\b` know ASCII alone; `\\pL` is a letter of any script. `^` and `$` are the ends of a line.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated, Any

import re2
from pydantic import Field, field_validator

from curation.detecting import BREAK, Detector, Found
from curation.errors import TaskError

REACH = 512
"""Bytes that a match looks ahead. One search is linear, but finding *all* matches is not where each of them looks ahead
to the end of the text. A longer match may come in pieces, one behind the other, or be missed."""
NEAR = 40
"""Characters between a match and the context word that vouches for it."""

_TEXT_ENDS = re.compile(r"\\[AzZ]")
_INSTEAD = (
    (
        re.compile(r"\(\?<?[=!]"),
        "looks around itself",
        "match what stands around too, or name `words` to be near",
    ),
    (re.compile(r"\\[1-9gk]|\(\?P="), "refers back to a group", "write the alternatives out"),
    (re.compile(r"\(\?>|[*+?}]\+"), "forbids backtracking", "leave that out, for nothing is ever tried twice"),
    (re.compile(r"\(\?\("), "has a conditional group", "write both cases as alternatives, `a|b`"),
    (re.compile(r"\(\?(?:#|[a-z]*x)"), "holds comments", "leave them out"),
    (_TEXT_ENDS, "asks where the text begins or ends", "write ^ and $, the ends of a line"),
)
"""What people write that RE2 has not, and what to write instead."""
_TOO_LARGE = ("invalid repetition size", "pattern too large")


@dataclass(frozen=True)
class Pattern:
    """A compiled pattern; places are in code points of the text."""

    source: str
    engine: Any
    windowed: bool = True

    def finditer(self, text: str) -> Iterator[tuple[int, int]]:
        """Start and end of every non-empty match, from left to right, apart.

        >>> list(compile("é+", "here").finditer("caféé €é"))
        [(3, 5), (7, 8)]
        """
        data = text.encode("utf-8", "surrogatepass")
        spans = self._windows(data) if self.windowed else (m.span() for m in self.engine.finditer(data))
        return spans if len(data) == len(text) else _in_code_points(data, spans)

    def matches(self, text: str) -> bool:
        """Whether the pattern occurs anywhere."""
        return self.engine.search(text.encode("utf-8", "surrogatepass")) is not None

    def _windows(self, data: bytes) -> Iterator[tuple[int, int]]:
        at, size = 0, len(data)
        while at < size:
            edge = at + 2 * REACH
            turn = edge - REACH if edge < size else size
            # A match that starts in the second half of the window has not seen what follows: the next window has.
            for match in self.engine.finditer(data, at, edge):
                start, end = match.span()
                if start >= turn:
                    break
                if end > start:
                    yield start, end
                    at = end
            at = max(at, turn)


def _in_code_points(data: bytes, spans: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    seen = count = 0
    for start, end in spans:
        first = count + len(data[seen:start].decode("utf-8", "surrogatepass"))
        count = first + len(data[start:end].decode("utf-8", "surrogatepass"))
        seen = end
        yield first, count


def compile(pattern: str, where: str, *, windowed: bool = True) -> Pattern:
    """The pattern, ready to run; TaskError naming it, what RE2 cannot run and what to write instead.

    `where` is the place in task.toml that is named in the error. A pattern known never to look far ahead (a list of
    words) needs no window, and is then twice as fast on long texts.
    """
    try:
        return replace(_compiled(pattern), windowed=windowed)
    except ValueError as error:
        raise TaskError(f"{where}: {error}") from error


@lru_cache(maxsize=1024)
def _compiled(source: str) -> Pattern:
    """The pattern, or a ValueError with the sentence for its writer."""
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(source.encode(), options)
        engine = re2.compile(f"(?m:{source})".encode(), options)
    except re2.error as error:
        raise ValueError(_explained(source, error)) from error
    if _TEXT_ENDS.search(_bare(source)):
        raise ValueError(_explained(source, ValueError("texts are looked at several at once")))
    return Pattern(source, engine)


def _explained(source: str, error: Exception) -> str:
    for mark, what, instead in _INSTEAD:
        if mark.search(_bare(source)):
            return f"pattern {source!r} {what}; patterns run in linear time, without that: {instead}"
    said = error.args[0]
    reason = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    if reason.startswith(_TOO_LARGE):
        reason += "; a repetition counts to 1000 at most, while + and * have no bound"
    return f"pattern {source!r} is not a regular expression of RE2: {reason}"


def _bare(source: str) -> str:
    """A pattern without its classes and escaped characters, which may look like operators."""
    return re.sub(r"\[\^?\]?[^\]]*\]", "x", re.sub(r"\\[^1-9AzZgk]", "x", source))


class Custom(Detector):
    """A kind of personal data that a task declares itself: a pattern and, where it is weak, words that must be near."""

    pattern: str
    """The regular expression of what is found (RE2)."""
    words: tuple[str, ...] = ()
    """One of these must stand within 40 characters of a match; none: a match is enough."""
    score: Annotated[float, Field(ge=0, le=1)] = 0.9
    """How sure a match is; the operating point cuts here."""

    @field_validator("pattern")
    @classmethod
    def _pattern_can_be_run(cls, pattern: str) -> str:
        _compiled(pattern)
        return pattern

    def concerns(self, text: str) -> bool:
        """Whether the pattern occurs."""
        return _compiled(self.pattern).matches(text)

    def __call__(self, text: str) -> Iterator[Found]:
        """Every match that has a context word near, where words are asked for."""
        spans = list(_compiled(self.pattern).finditer(text))
        near = _Near.of(text, self.words) if spans and self.words else None
        for start, end in spans:
            if near is None or near(start, end):
                yield Found(start, end, self.score)


@dataclass(frozen=True)
class _Near:
    """Where the context words stand in a text."""

    text: str
    starts: list[int]
    ends: list[int]

    @classmethod
    def of(cls, text: str, words: tuple[str, ...]) -> "_Near":
        anyword = "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
        spans = [m.span() for m in re.finditer(rf"(?<!\w)(?:{anyword})(?!\w)", text, re.IGNORECASE)]
        return cls(text, [start for start, _ in spans], [end for _, end in spans])

    def __call__(self, start: int, end: int) -> bool:
        """Whether one stands near a range, with no break between texts between them."""
        after = bisect_left(self.starts, end)
        before = bisect_left(self.ends, start + 1) - 1
        return (after < len(self.starts) and self._joined(end, self.starts[after])) or (
            before >= 0 and self._joined(self.ends[before], start)
        )

    def _joined(self, left: int, right: int) -> bool:
        return right - left <= NEAR and BREAK not in self.text[left:right]
