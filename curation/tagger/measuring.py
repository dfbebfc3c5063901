"""Measures a tagger on texts whose names are known, and counts what it finds where nothing is a name."""

import re
from collections import Counter
from collections.abc import Sequence

from curation.detecting import Point
from curation.tagger.names import Name
from curation.tagger.synthesis import Sample
from curation.tagger.tagger import Tagger

ENOUGH = 0.7
"""A name is found when one of its kind overlaps with it by so much: intersection over union, in characters."""
_TOKEN = re.compile(r"\w+|[^\w\s]")


def held_out_figures(tagger: Tagger, samples: Sequence[Sample], point: Point) -> dict[str, dict[str, float]]:
    """Recall and precision for each kind of name and over all."""
    wanted: Counter[str] = Counter()
    given: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    for sample, names in zip(samples, tagger.find([s.text for s in samples], point), strict=True):
        wanted.update(kind for _, _, kind in sample.spans)
        given.update(name.kind for name in names)
        hits.update(kind for start, end, kind in sample.spans if any(_same(name, start, end, kind) for name in names))
    kinds = {kind: (hits[kind], wanted[kind], given[kind]) for kind in sorted(wanted)}
    kinds["all"] = (hits.total(), wanted.total(), given.total())
    return {
        kind: {"recall": round(hit / want, 3), "precision": round(hit / max(1, got), 3), "names": want}
        for kind, (hit, want, got) in kinds.items()
    }


def false_spans(tagger: Tagger, texts: Sequence[str], point: Point) -> float:
    """Names found per 1,000 words and signs of texts in which nothing is a name."""
    found = sum(map(len, tagger.find(texts, point)))
    return round(1000 * found / sum(len(_TOKEN.findall(text)) for text in texts), 2)


def _same(name: Name, start: int, end: int, kind: str) -> bool:
    shared = min(name.end, end) - max(name.start, start)
    return name.kind == kind and shared >= ENOUGH * (max(name.end, end) - min(name.start, start))
