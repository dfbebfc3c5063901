"""How well a scrubber finds what people marked: recall, precision and F2, whatever the kind and per kind.

A text that the scrubber fails on counts as one in which it found nothing. Every figure comes with a bootstrap interval
over texts (over templates where the file names them: texts of one template err together).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from curation.goldspans.gold import Defect, GoldFile, GoldText, Place
from curation.goldspans.matching import THRESHOLD, Matched, masked_share, match
from curation.goldspans.type_map import INDIRECT
from curation.intervals import bootstrap_ratio
from curation.progress import Progress, Silent
from curation.scrub.files import CRASHES, warm
from curation.scrub.scrubber import Scrubber

Predict = Callable[[Sequence[str]], Sequence[Iterable[Place]]]
"""What is measured: texts in, for each the places it would mask."""

BLOCK = 256


@dataclass(frozen=True)
class Failure:
    """A text that the scrubber failed on."""

    row: int
    cause: str


@dataclass(frozen=True)
class Predictions:
    """The places predicted in each text, the texts that failed, and how long it took."""

    places: list[list[Place]]
    failures: list[Failure]
    characters: int
    seconds: float

    @property
    def characters_per_second(self) -> float:
        """Speed, with what the scrubber loads at its first text apart."""
        return self.characters / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True)
class Figures:
    """Counts of one kind, or of all: of gold spans and those found, of predictions and those right."""

    gold: int = 0
    found: int = 0
    predicted: int = 0
    right: int = 0
    recall_interval: tuple[float, float] = (0.0, 1.0)
    precision_interval: tuple[float, float] = (0.0, 1.0)

    @property
    def recall(self) -> float | None:
        """Found of all gold spans; None without any."""
        return self.found / self.gold if self.gold else None

    @property
    def precision(self) -> float | None:
        """Right of all predictions; None without any."""
        return self.right / self.predicted if self.predicted else None

    @property
    def f2(self) -> float | None:
        """F-beta with beta 2: recall counts four times as much as precision."""
        return f_beta(self.precision, self.recall)


@dataclass(frozen=True)
class GoldReport:
    """What a scrubber is worth on a gold file."""

    all: Figures
    by_type: dict[str, Figures]
    """Per entity of ours; found and right only with that very kind."""
    any_kind: dict[str, Figures]
    """Per entity of ours: its gold spans, found as whatever kind. What a leak is measured by."""
    by_gold_type: dict[str, Figures]
    """Per type of the gold file, found as whatever kind."""
    indirect: dict[str, Figures]
    """Titles, ages and the like: how many are masked, without counting."""
    predictions: Predictions
    defects: list[Defect] = field(default_factory=list[Defect])
    texts: int = 0
    clusters: int = 0
    left_out: int = 0
    """Gold spans without a word that counts."""


def f_beta(precision: float | None, recall: float | None, beta: float = 2.0) -> float | None:
    """The weighted harmonic mean of precision and recall; None where one of them is not known.

    >>> f_beta(0.5, 1.0)
    0.8333333333333334
    """
    if precision is None or recall is None:
        return None
    weight = beta * beta
    return (1 + weight) * precision * recall / (weight * precision + recall) if precision + recall else 0.0


def measure(
    gold: GoldFile, scrubber: Scrubber, *, only: Sequence[str] | None = None, progress: Progress | None = None
) -> GoldReport:
    """Scrub every text of a gold file and score what was found; `only` leaves aside all but these entities."""

    def places(texts: Sequence[str]) -> list[list[Place]]:
        return [[Place(s.start, s.end, s.entity.lower()) for s in seen.spans] for seen in scrubber.scrub_many(texts)]

    warm(scrubber)
    return score(gold, predict_all(gold.texts, places, progress), only=only)


def predict_all(texts: Sequence[GoldText], predict: Predict, progress: Progress | None = None) -> Predictions:
    """Ask a scrubber for every text, in blocks; where a block fails, text by text."""
    progress = progress or Silent()
    places: list[list[Place]] = []
    failures: list[Failure] = []
    began = perf_counter()
    for at in range(0, len(texts), BLOCK):
        block = texts[at : at + BLOCK]
        progress.advance(len(block))
        came, cause = _try(predict, block)
        if cause is None:
            places += came
            continue
        for text in block:
            came, cause = _try(predict, [text])
            places += came
            failures += [Failure(text.row, cause)] if cause else []
    return Predictions(places, failures, sum(len(t.text) for t in texts), perf_counter() - began)


def score(
    gold: GoldFile, predictions: Predictions, *, threshold: float = THRESHOLD, only: Sequence[str] | None = None
) -> GoldReport:
    """Compare predictions with a gold file; `only` leaves aside all but these entities, on both sides."""
    texts = [_only(text, only) for text in gold.texts]
    places = [[p for p in row if only is None or p.entity in only] for row in predictions.places]
    pairs = list(zip(texts, places, strict=True))
    clusters = [text.cluster for text in texts]
    whole = [match(text, row, typed=False, threshold=threshold) for text, row in pairs]
    typed = [match(text, row, typed=True, threshold=threshold) for text, row in pairs]
    gold_types = sorted({o.type for m in whole for o in m.gold})
    kinds = sorted({o.entity for m in typed for o in [*m.gold, *m.predicted]})
    return GoldReport(
        all=_figures(whole, clusters, lambda o: True),
        by_type={kind: _figures(typed, clusters, lambda o, kind=kind: o.entity == kind) for kind in kinds},
        any_kind={kind: _figures(whole, clusters, lambda o, kind=kind: o.entity == kind) for kind in kinds},
        by_gold_type={name: _figures(whole, clusters, lambda o, name=name: o.type == name) for name in gold_types},
        indirect=_indirect(pairs, threshold),
        predictions=predictions,
        defects=gold.defects,
        texts=len(texts),
        clusters=len(set(clusters)),
        left_out=sum(_uncounted(text) for text in texts),
    )


def _try(predict: Predict, texts: Sequence[GoldText]) -> tuple[list[list[Place]], str | None]:
    try:
        return [list(row) for row in predict([t.text for t in texts])], None
    except CRASHES as error:
        return [[] for _ in texts], f"{type(error).__name__}: {error}"


def _only(text: GoldText, only: Sequence[str] | None) -> GoldText:
    """A gold text with what was not asked for neither right nor wrong."""
    if only is None:
        return text
    aside = tuple((s.start, s.end) for s in text.spans if s.entity not in (*only, INDIRECT))
    kept = tuple(s for s in text.spans if s.entity in (*only, INDIRECT))
    return text._replace(spans=kept, neutral=(*text.neutral, *aside))


def _figures(matched: Sequence[Matched], clusters: Sequence[str], wanted: Callable[[Any], bool]) -> Figures:
    """The counts of those outcomes that are wanted, with intervals."""
    gold = [[o.hit for o in m.gold if wanted(o)] for m in matched]
    predicted = [[o.hit for o in m.predicted if wanted(o)] for m in matched]
    return Figures(
        gold=sum(map(len, gold)),
        found=sum(map(sum, gold)),
        predicted=sum(map(len, predicted)),
        right=sum(map(sum, predicted)),
        recall_interval=bootstrap_ratio([(sum(h), len(h)) for h in gold], clusters, seed=0),
        precision_interval=bootstrap_ratio([(sum(h), len(h)) for h in predicted], clusters, seed=0),
    )


def _indirect(pairs: Sequence[tuple[GoldText, list[Place]]], threshold: float) -> dict[str, Figures]:
    gold: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for text, places in pairs:
        for span in text.spans:
            if span.entity == INDIRECT:
                gold[span.type] += 1
                found[span.type] += masked_share(text.text, span.start, span.end, places) >= threshold
    return {name: Figures(gold=gold[name], found=found[name]) for name in sorted(gold)}


def _uncounted(text: GoldText) -> int:
    """How many direct gold spans hold no word that counts, and so are left out by the measure."""
    from curation.goldspans.tokens import edges, tokens

    words = tokens(text.text)
    return sum(s.entity != INDIRECT and edges(words, s.start, s.end) is None for s in text.spans)


def as_dict(report: GoldReport, point: str) -> Mapping[str, Any]:
    """The report in its fixed shape; what is more than the shape follows at the end."""
    whole = report.all
    return {
        "recall": rounded(whole.recall),
        "precision": rounded(whole.precision),
        "f2": rounded(whole.f2),
        "by_type": {kind: _typed(report, kind) for kind in report.by_type},
        "characters_per_second": round(report.predictions.characters_per_second, 1),
        "defects_in_gold": [d.as_dict() for d in report.defects],
        "intervals": {"recall": _pair(whole.recall_interval), "precision": _pair(whole.precision_interval)},
        "by_gold_type": {
            name: {"recall": rounded(f.recall), "gold": f.gold, "found": f.found, "ci": _pair(f.recall_interval)}
            for name, f in report.by_gold_type.items()
        },
        "indirect": {name: {"gold": f.gold, "masked": f.found} for name, f in report.indirect.items()},
        "point": point,
        "texts": report.texts,
        "clusters": report.clusters,
        "gold": whole.gold,
        "found": whole.found,
        "predicted": whole.predicted,
        "right": whole.right,
        "left_out": report.left_out,
        "failures": [{"row": f.row, "cause": f.cause} for f in report.predictions.failures],
    }


def _typed(report: GoldReport, kind: str) -> dict[str, Any]:
    strict, loose = report.by_type[kind], report.any_kind[kind]
    return {
        "recall": rounded(strict.recall),
        "precision": rounded(strict.precision),
        "gold": strict.gold,
        "found": strict.found,
        "ci": _pair(strict.recall_interval),
        "recall_any_kind": rounded(loose.recall),
        "ci_any_kind": _pair(loose.recall_interval),
        "ci_precision": _pair(strict.precision_interval),
        "predicted": strict.predicted,
        "right": strict.right,
    }


def rounded(share: float | None) -> float | None:
    """A share with four digits, rounded down so that no threshold is reached by rounding."""
    return None if share is None else int(share * 10_000 + 1e-9) / 10_000


def _pair(interval: tuple[float, float]) -> list[float]:
    return [round(interval[0], 4), round(interval[1], 4)]
