"""How well what `[checks.faithful]` measures tells factual summaries from others, on xsum_hallucination.

The data holds 1,869 summaries that four systems wrote of 498 articles, each with three votes whether it is factual. It
holds **no article**. So the source a summary is compared with here is what the *other* systems wrote about the same
article: a partial source, itself mostly unfactual. The figures say how far agreement with other summaries of the same
text goes with being factual; with the article as the source, which is how the check is used, they are not known.

- A summary is factual when more of its readable votes say so than not. Null votes are not imputed: a summary without a
  readable vote, one with a tie, and one that is the only one of its article are left out, and counted.
- All summaries are in lower case, so names are those that lists of names know.
- AUROC, with a 95 % bootstrap interval over articles; also within each system, since some systems are better.
- Peers: F1 of ROUGE-1, -2 and -L against the same summaries (rouge-score, the best reference counts); and "the shorter,
  the better", which needs no comparison at all.

Ratio: the AUROC of `unsupported` (the fewer numbers and names the source lacks: what the check drops by, and not chosen
for its figure) over that of the best ROUGE. Above 1 it is better. No threshold is chosen here.
"""

import csv
import json
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curation.faithfulness import Faithfulness, Source, faithfulness
from tests.bench.harness import Missed, Peer, Result, last_words, note, report, spend
from tests.bench.scrub import SHARED

NAME, UNIT = "faithfulness", "AUROC for majority-factual (xsum_hallucination, other systems' summaries as the source)"
FILE = "factuality_annotations_xsum_summaries.csv"
ROUGE = Peer("rouge", "rouge", ("rouge-score==0.1.2",))
DRAWS = 1000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Summary:
    """A summary, its votes counted, and what the other systems wrote of the same article."""

    document: str
    system: str
    text: str
    factual: bool
    others: tuple[str, ...]


def summaries(folder: Path) -> tuple[list[Summary], dict[str, int]]:
    """The summaries that can be used, in file order, and how many were left out by why."""
    votes: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    with (folder / FILE).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            votes[row["bbcid"], row["system"], row["summary"]].append(row["is_factual"])
    by_document: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for document, system, text in votes:
        by_document[document].append((system, text))
    kept: list[Summary] = []
    left_out: Counter[str] = Counter()
    for (document, system, text), said in votes.items():
        yes, no = said.count("yes"), said.count("no")
        others = tuple(t for s, t in by_document[document] if s != system)
        if yes == no:
            left_out["tied votes" if yes else "no readable vote"] += 1
        elif not others:
            left_out["only one of its article"] += 1
        else:
            kept.append(Summary(document, system, text, yes > no, others))
    return kept, dict(left_out)


def features(rows: Sequence[Summary]) -> dict[str, Floats]:
    """What the check measures of each summary, turned so that more should mean factual."""
    found = [faithfulness(Source(*row.others), row.text) for row in rows]

    def of(value: Any) -> Floats:
        return np.array([float(value(one)) for one in found])

    def unsupported(one: Faithfulness) -> int:
        return -len(one.numbers) - len(one.names)

    return {
        "unsupported": of(unsupported),
        "numbers": of(lambda one: -len(one.numbers)),
        "names": of(lambda one: -len(one.names)),
        "coverage": of(lambda one: one.coverage),
        "density": of(lambda one: one.density),
        "copied": of(lambda one: one.copied),
        "shorter": of(lambda one: -one.words),
    }


def auroc(factual: NDArray[np.bool_], score: Floats, weight: Floats | None = None) -> float:
    """The chance that a factual summary scores higher than another; ties count half (Mann-Whitney)."""
    weight = np.ones(len(score)) if weight is None else weight
    _, value = np.unique(score, return_inverse=True)
    yes, no = (np.bincount(value, weight * mask) for mask in (factual, ~factual))
    below = np.cumsum(no) - no
    return float((yes * (below + no / 2)).sum() / (yes.sum() * no.sum()))


def draws(documents: Sequence[str], seed: int = 0) -> NDArray[np.int64]:
    """For each draw and summary how often its article was drawn: shape (draws, summaries)."""
    _, at = np.unique(documents, return_inverse=True)
    rng = np.random.default_rng(seed)
    n = int(at.max()) + 1
    return np.stack([np.bincount(rng.integers(0, n, n), minlength=n)[at] for _ in range(DRAWS)])


def interval(values: Sequence[float]) -> list[float]:
    """The 95 % percentile interval."""
    return [float(x) for x in np.quantile(values, [0.025, 0.975])]


def rouge(rows: Sequence[Summary]) -> dict[str, Floats]:
    """The peer's scores; Missed where it cannot be had."""
    if reason := ROUGE.install():
        raise Missed(f"rouge-score {reason}", {"absent": {"rouge-score": reason}})
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        asked, out = Path(name, "in.json"), Path(name, "out.json")
        asked.write_text(json.dumps([{"text": r.text, "references": r.others} for r in rows]), encoding="utf-8")
        spent = spend([str(ROUGE.python), "-m", f"tests.bench.peers.{ROUGE.client}", str(asked), str(out)], Path(name))
        if spent.code or not out.exists():
            raise Missed(f"rouge-score ended with exit code {spent.code}: {last_words(spent.said)}")
        return {k: np.array(v) for k, v in json.loads(out.read_text(encoding="utf-8")).items()}


def measured() -> Result:
    """Everything, on one set of draws."""
    folder = SHARED / "xsum_hallucination"
    if not folder.is_dir():
        raise Missed(f"no public data at {folder}; set STILLHOUSE_SHARED_DATA")
    rows, left_out = summaries(folder)
    scores = {**features(rows), **rouge(rows)}
    factual = np.array([row.factual for row in rows])
    note(f"{len(rows)} summaries, {int(factual.sum())} of them factual")
    weights = draws([row.document for row in rows])
    drawn = {name: [auroc(factual, score, w) for w in weights] for name, score in scores.items()}
    figures = {name: auroc(factual, score) for name, score in scores.items()}
    best = max((name for name in figures if name.startswith("rouge")), key=figures.__getitem__)
    systems = sorted({row.system for row in rows})
    within = {
        name: {s: auroc(factual[mine], score[mine]) for s in systems for mine in [_of(rows, s)]}
        for name, score in scores.items()
    }
    detail = {
        "summaries": len(rows), "factual": int(factual.sum()), "articles": len({row.document for row in rows}),
        "left_out": left_out, "best_rouge": best,
        "auroc": {name: [figure, interval(drawn[name])] for name, figure in figures.items()},
        "difference": {
            name: interval([a - b for a, b in zip(drawn["unsupported"], drawn[name], strict=True)])
            for name in (best, "shorter")
        },
        "within_system": within,
        "means": "agreement with other systems' summaries of the same article, which is not the article",
    }  # fmt: skip
    return Result(NAME, UNIT, figures["unsupported"], figures[best], figures["unsupported"] / figures[best], detail)


def _of(rows: Sequence[Summary], system: str) -> NDArray[np.bool_]:
    return np.array([row.system == system for row in rows])


if __name__ == "__main__":
    sys.exit(report(measured, NAME, UNIT))
