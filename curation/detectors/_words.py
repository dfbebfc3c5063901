"""Lists of words as readable text: `words("order case ticket")`, `cues("date of birth, dob")`."""

from typing import NamedTuple

Words = tuple[str, ...]
"""Words in lower case, as they follow each other."""


class CueSet(NamedTuple):
    """Words and phrases that announce something; a phrase is only looked for where its last word stands."""

    words: frozenset[str]
    lasts: frozenset[str]
    phrases: tuple[str, ...]

    def among(self, words: Words) -> bool:
        """Whether one of the cues stands among some words."""
        if not self.words.isdisjoint(words):
            return True
        if self.lasts.isdisjoint(words):
            return False
        line = line_of(words)
        return any(phrase in line for phrase in self.phrases)


def line_of(words: Words) -> str:
    """The words as one text, with a space around each."""
    return f" {' '.join(words)} "


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
