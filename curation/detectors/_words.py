"""Lists of words as readable text: `words("order case ticket")`, `cues("date of birth, dob")`."""

from typing import NamedTuple


class CueSet(NamedTuple):
    """Words and phrases that announce something; a phrase is only looked for where its last word stands."""

    words: frozenset[str]
    lasts: frozenset[str]
    phrases: tuple[str, ...]


def words(text: str) -> frozenset[str]:
    """The words of a text.

    >>> sorted(words("no nr"))
    ['no', 'nr']
    """
    return frozenset(text.split())


def cues(text: str, single: str = "") -> CueSet:
    """The words and phrases of a text, which commas part, and the single words of another.

    >>> cues("ssn, social security").phrases
    (' social security ',)
    """
    parts = [*(" ".join(part.split()) for part in text.split(",") if part.strip()), *single.split()]
    longer = [part for part in parts if " " in part]
    return CueSet(
        frozenset(part for part in parts if " " not in part),
        frozenset(part.rpartition(" ")[2] for part in longer),
        tuple(f" {part} " for part in longer),
    )
