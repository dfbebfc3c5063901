"""Patterns learnt from a project's own example numbers: what is built like one of them is one of them."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import groupby, takewhile


@lru_cache(maxsize=64)
def learnt(examples: tuple[str, ...]) -> re.Pattern[str]:
    """One linear pattern for numbers built like the examples.

    Examples of the same build share a pattern: the text all of them begin with is kept where it holds no digit, other
    letters and digits become classes, with the lengths seen.

    >>> learnt(("ORD-123456", "ORD-99")).pattern
    '(?<![A-Za-z0-9])(?:ORD\\\\-[0-9]{2,6})(?![A-Za-z0-9])'
    """
    builds: dict[tuple[str, ...], list[str]] = {}
    for example in examples:
        builds.setdefault(tuple(kind for kind, _ in _runs(example)), []).append(example)
    ways = sorted((_pattern(group) for group in builds.values()), key=len, reverse=True)
    return re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(ways)})(?![A-Za-z0-9])")


def _kind(character: str) -> str:
    if character.isascii() and character.isdigit():
        return "9"
    return "A" if character.isalpha() else character


def _runs(text: str) -> list[tuple[str, str]]:
    return [(kind, "".join(run)) for kind, run in groupby(text, _kind)]


def _pattern(group: Sequence[str]) -> str:
    start = _fixed(group)
    columns = zip(*(_runs(example[start:]) for example in group), strict=True)
    return re.escape(group[0][:start]) + "".join(_class(column) for column in columns)


def _fixed(group: Sequence[str]) -> int:
    """How many characters all examples begin with, up to the first digit; whole runs of letters only."""
    shared = [c for c, *_ in takewhile(lambda column: len(set(column)) == 1, zip(*group, strict=False))]
    end = next((i for i, c in enumerate(shared) if _kind(c) == "9"), len(shared))
    cut = any(end < len(e) and _kind(e[end]) == "A" and end and _kind(e[end - 1]) == "A" for e in group)
    while cut and end and _kind(shared[end - 1]) == "A":
        end -= 1
    return end


def _class(column: Iterable[tuple[str, str]]) -> str:
    kinds, runs = zip(*column, strict=True)
    shortest, longest = min(map(len, runs)), max(map(len, runs))
    length = f"{{{shortest}}}" if shortest == longest else f"{{{shortest},{longest}}}"
    if kinds[0] == "9":
        return f"[0-9]{length}"
    if kinds[0] == "A":
        text = "".join(runs)
        return f"{'[A-Z]' if text.isupper() else '[a-z]' if text.islower() else '[A-Za-z]'}{length}"
    return f"{re.escape(kinds[0])}{length if longest > 1 else ''}"
