"""The tagger's lessons: written samples and neutral text as numbered words with tags, and the lists of words."""

import importlib.metadata
import platform
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curation.tagger import neutral, pools
from curation.tagger.network import TAGS
from curation.tagger.synthesis import Sample, Writer, templates
from curation.tagger.values import Part, Values
from curation.tagger.wordlists import CITIES, FIELDS, REGIONS, STREET_FORMS, SUFFIXES, TRADES
from curation.tagger.words import WORD_ROWS, cut, hashed, owner, word_rows

Ints = npt.NDArray[np.int64]
_OFTEN = 4
"""A word is known from so many appearances outside of names; inside of names, from twelve times as many."""


class Lessons(NamedTuple):
    """Texts as words: the number of each word's form, its tag, and how many words each text has."""

    forms: list[str]
    words: Ints
    tags: Ints
    counts: Ints


def written(seed: int, part: Part, count: int) -> list[Sample]:
    """Samples from templates and values."""
    rng = random.Random(seed)
    values = Values(rng, part, neutral.everyday_words(), neutral.clauses())
    writer = Writer(rng, part, values)
    return [writer.sample() for _ in range(count)]


def plain(seed: int, share: float) -> list[Sample]:
    """Documentation and source code, where nothing is a name."""
    rng = random.Random(seed)
    prose, source = neutral.prose("taught"), neutral.source("taught")
    texts = rng.sample(prose, int(len(prose) * share)) + rng.sample(source, int(len(source) * share / 3))
    return [Sample(text, []) for text in texts]


def lessons(samples: Sequence[Sample]) -> Lessons:
    """Samples as arrays."""
    words = cut(sample.text for sample in samples)
    numbers: dict[str, int] = {}
    ids = np.fromiter((numbers.setdefault(form, len(numbers)) for form in words.forms), np.int64, len(words.forms))
    ends = np.cumsum(np.fromiter(map(len, words.forms), np.int64, len(words.forms)))
    tags = np.zeros(len(ids), np.int64)
    first = offset = 0
    for sample, count in zip(samples, words.counts, strict=True):
        last = first + count
        for start, end, kind in sample.spans:
            begin = first + int(np.searchsorted(ends[first:last], offset + start, side="right"))
            stop = first + int(np.searchsorted(ends[first:last], offset + end, side="left"))
            tags[begin : stop + 1] = TAGS.index(f"I-{kind}")
            tags[begin] -= 1
        first, offset = last, offset + len(sample.text)
    return Lessons(list(numbers), ids, tags, np.array(words.counts, np.int64))


def owners(taught: Lessons) -> npt.NDArray[np.uint16]:
    """Which word owns each row of whole words: those often met outside of names, and the fixed words inside them."""
    weight: Counter[str] = Counter()
    low = [form.strip().lower() for form in taught.forms]
    inside = taught.tags > 0
    for at, count in zip(*np.unique(taught.words[~inside], return_counts=True), strict=True):
        weight[low[at]] += 12 * int(count)
    for at, count in zip(*np.unique(taught.words[inside], return_counts=True), strict=True):
        weight[low[at]] += int(count)
    known = [word for word, total in weight.most_common() if word and total >= 12 * _OFTEN]
    hashes = hashed(known)
    rows = word_rows(hashes)
    found = np.zeros(WORD_ROWS, np.uint16)
    for row, mark in zip(rows[::-1].tolist(), owner(hashes)[::-1].tolist(), strict=True):
        found[row] = mark  # the commonest word comes last
    return found


def _pieces(values: Iterable[str]) -> set[str]:
    return {form.strip().lower() for form in cut(values).forms if len(form.strip()) > 1 and form.strip()[0].isalpha()}


@cache
def word_lists() -> dict[str, list[str]]:
    """Word lists: given names, family names, towns, countries, street words, firm words, English and other words."""
    locales = (*pools.ENGLISH, *pools.LATIN, *pools.OTHER)
    common = set(neutral.everyday_words()) | {w for w, n in neutral.counted_words().items() if n >= 2}
    foreign = {
        w.lower()
        for x in ("de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pl_PL", "cs_CZ", "ru_RU", "el_GR")
        for w in pools.common(x)
    }
    towns = _pieces(
        [*CITIES, *pools.towns(), *pools.zones(), *(c for x in pools.ADDRESSED for c in pools.streets(x).city)]
    )
    countries = [
        *pools.countries(),
        *REGIONS,
        *(v for x in pools.ADDRESSED for v in (*pools.streets(x).country, *pools.streets(x).region)),
    ]
    small = {w for w in (*common, *foreign) if len(w) < 4}
    found = {
        "first": _pieces(v for x in locales for v in pools.names(x).first) - small,
        "last": _pieces(v for x in locales for v in pools.names(x).last) - small,
        "town": towns - small,
        "country": _pieces(countries) - small,
        "street": _pieces(form.replace("*", " ") for form in STREET_FORMS),
        "firm": _pieces((*SUFFIXES, *FIELDS, *TRADES)),
        "common": common,
        "foreign": foreign,
    }
    return {name: sorted(words) for name, words in found.items()}


def template_count() -> int:
    """How many templates there are."""
    return sum(map(len, templates().values()))


def versions() -> dict[str, str]:
    """What lessons and training depend on beside our own files."""
    packages = ("Faker", "phonenumbers", "numpy", "torch")
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in packages}
