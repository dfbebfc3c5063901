"""Answers that repeat themselves."""

import re
from typing import Annotated

from pydantic import Field

from curation.checking import Check, Drop, quote, text_of
from curation.records import Sample
from curation.shares import percent

_WORD = re.compile(r"\w+")
_RUN = re.compile(r"([^\s\d=_*#~.-])\1{19,}")
_PAIR = re.compile(r"(.{2,40}?)\1{7,}", re.DOTALL)


class Repetition(Check):
    """Object to an answer whose word runs come again and again, or that is stuck on one character.

    `max_share` is the share of runs of `words` words (of characters in scripts without spaces) that occurred earlier
    in the same answer; an answer with fewer than `min_words` words has no opinion to give. The measure is that of
    Gopher's duplicate n-grams (Rae et al. 2021, table A1).
    """

    max_share: Annotated[float, Field(gt=0, le=1)] = 0.3
    words: Annotated[int, Field(ge=1, le=20)] = 4
    min_words: Annotated[int, Field(ge=2)] = 16
    field: str | None = None

    def __call__(self, sample: Sample) -> Drop | None:
        """Count repeated runs; the number is their share."""
        text = text_of(sample, self.field)
        if run := _RUN.search(text):
            n = len(run.group())
            return self.against("repetition", f"the character {quote(run.group(1))} stands {n} times in a row", n)
        share = repeated_share(text, self.words, self.min_words)
        if share > self.max_share:
            most = percent(self.max_share)
            words = f"{percent(share)} of the runs of {self.words} words occurred before, more than {most}"
            return self.against("repetition", words, share)
        return None


def repeated_share(text: str, n: int, least: int) -> float:
    """Share of runs of n words that occurred earlier in the text; 0 for fewer than `least` words.

    >>> repeated_share("again and " * 20, 4, 16) > 0.9
    True
    """
    units = _WORD.findall(text)
    if units and len(text) > 20 * len(units):  # no spaces between words: Chinese, Japanese, Thai
        units = [c for c in text if c.isalnum()]
        n, least = 2 * n, 2 * least
    runs = [tuple(units[i : i + n]) for i in range(len(units) - n + 1)]
    return 0.0 if len(units) < least or not runs else 1 - len(set(runs)) / len(runs)
