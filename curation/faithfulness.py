"""Whether a summary says what its source says: numbers and names the source does not hold, and how much is copied.

Nothing here understands a sentence. A number or name that the source never mentions is found; one that stands in the
source in another role is not.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from curation.figures import Figure, counts_things, figures, plain_numbers, supported
from curation.proper_names import Mentions, names

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[£$€%]")


class Faithfulness(NamedTuple):
    """What was found in one answer beside its source."""

    numbers: tuple[str, ...]
    """Numbers, dates, times and codes, as written, that the source does not support."""
    names: tuple[str, ...]
    """Names, as written, of which the source lacks a word."""
    figures_said: int
    names_said: int
    coverage: float
    """Share of the answer's words that stand in a run copied from the source."""
    density: float
    """Mean length of the copied run that a word of the answer stands in."""
    copied: float
    """Share of the answer's runs of so many words that the source holds."""
    words: int


class Source:
    """A source, prepared once for the answers that are compared with it."""

    def __init__(self, *texts: str) -> None:
        """`texts` are its parts; no run of words goes from one into the next."""
        self.text = "\n\n".join(texts)
        self._parts = [words(text) for text in texts]

    @cached_property
    def words(self) -> list[str]:
        """Its words in lower case, an empty one between parts."""
        return [word for part in self._parts for word in (*part, "")]

    @cached_property
    def figures(self) -> list[Figure]:
        """What it says in numbers."""
        return list(plain_numbers(figures(self.text)))

    @cached_property
    def mentions(self) -> Mentions:
        """Whom it mentions."""
        return Mentions(self.text)


def faithfulness(source: Source, answer: str, *, run: int = 4, counted_up_to: int = 2) -> Faithfulness:
    """Compare an answer with its source.

    `run` is the length of the runs of words that count as copied; whole numbers up to `counted_up_to` without a unit
    may be counts of what the source lists and are not asked for.

    >>> found = faithfulness(Source("Ann Lee, 41, left Hull on 3 May."), "Ann Lee left York on 4 May, aged 41.")
    >>> found.numbers, found.names
    (('4 May',), ('York',))
    """
    said = [figure for figure in figures(answer) if not counts_things(figure, counted_up_to)]
    named = list(dict.fromkeys(names(answer, by_capitals=source.mentions.capitals_tell)))
    own = words(answer)
    lengths = fragments(source.words, own)
    return Faithfulness(
        numbers=tuple(dict.fromkeys(f.text for f in said if not supported(f, source.figures))),
        names=tuple(dict.fromkeys(n.text for n in named if source.mentions.lacks(n))),
        figures_said=len(said),
        names_said=len(named),
        coverage=sum(lengths) / len(own) if own else 0.0,
        density=sum(n * n for n in lengths) / len(own) if own else 0.0,
        copied=copied_share(source.words, own, run),
        words=len(own),
    )


def words(text: str) -> list[str]:
    """A text's words in lower case; signs of currency and per cent are words.

    >>> words("Don't pay £5!")
    ["don't", 'pay', '£', '5']
    """
    return [word.replace("’", "'") for word in _WORD.findall(text.casefold())]


def fragments(source: Sequence[str], answer: Sequence[str]) -> list[int]:
    """The lengths of the extractive fragments of an answer, in its order (Grusky et al. 2018, figure 3).

    Greedily the longest run that starts at each word and stands in the source; a word that is in none is passed over.
    Their sum over the answer's words is its coverage, the sum of their squares its density.

    >>> fragments("the cat sat on the mat".split(), "on the mat the cat slept".split())
    [3, 2]
    """
    places: dict[str, list[int]] = defaultdict(list)
    for at, word in enumerate(source):
        places[word].append(at)
    lengths: list[int] = []
    at = 0
    while at < len(answer):
        longest = max((_shared(source, place, answer, at) for place in places.get(answer[at], ())), default=0)
        if longest:
            lengths.append(longest)
        at += longest or 1
    return lengths


def copied_share(source: Sequence[str], answer: Sequence[str], n: int) -> float:
    """The share of an answer's runs of `n` words that stand in the source; 0 for an answer of fewer words.

    >>> copied_share("a b c d".split(), "a b c e".split(), 2)
    0.6666666666666666
    """
    runs = [tuple(answer[i : i + n]) for i in range(len(answer) - n + 1)]
    there = {tuple(source[i : i + n]) for i in range(len(source) - n + 1)}
    return sum(r in there for r in runs) / len(runs) if runs else 0.0


def _shared(source: Sequence[str], start: int, answer: Sequence[str], at: int) -> int:
    n = 0
    while start + n < len(source) and at + n < len(answer) and source[start + n] == answer[at + n]:
        n += 1
    return n
