"""Which samples people should look at next: those judges disagree on, drawn with a probability that is kept.

Poisson sampling: every judged sample has a chance, small where all judges agree, so that what people say can be
weighted back to all samples (Horvitz and Thompson 1952). Without the kept probability no estimate may use a vote.
"""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from curation.errors import InputError
from curation.records import Record, draw
from curation.store.reviews import Study
from curation.store.store import Store
from judges.review import Drawn, ReviewService
from judges.study import item_of

LEAST = 0.05
"""The weight of a sample all judges agree on, beside 1 for one they are split on."""
UNDECIDED = ("judge_split", "judge_abstained", "judge_unscored")


class Queued(Record):
    """A sample that was drawn, how likely that was, and why it is worth a look."""

    sample: str
    probability: float
    why: str


def queue(decisions: pl.DataFrame, keys: Mapping[str, tuple[str, int]], n: int, seed: int) -> list[Queued]:
    """About `n` judged samples, drawn by how far their judges disagree; exactly all of them where there are fewer.

    `decisions` are a version's (schema DECISIONS), `keys` each sample's request key and index, which the draw is made
    from, so that equal work in another workspace queues the same samples. Most doubtful first.
    """
    rows = decisions.filter((pl.col("step") == "judges") & pl.col("evidence").is_not_null()).to_dicts()
    weights = np.array([_weight(row["reason"], json.loads(row["evidence"])["votes"]) for row in rows])
    found = [
        (weight, Queued(sample=row["sample"], probability=round(float(p), 6), why=row["words"]))
        for row, weight, p in zip(rows, weights, probabilities(weights, n), strict=True)
        if draw(seed, "queue", *keys[row["sample"]]) < p
    ]
    return [queued for _, queued in sorted(found, key=lambda pair: (-pair[0], pair[1].sample))]


def probabilities(weights: np.ndarray, n: int) -> np.ndarray:
    """Inclusion probabilities in proportion to the weights, at most 1, that sum to `n` (to all where there are fewer).

    >>> probabilities(np.array([1.0, 1.0, 0.5]), 2).round(2).tolist()
    [0.8, 0.8, 0.4]
    """
    if len(weights) <= n:
        return np.ones(len(weights))
    low, high = 0.0, n / float(weights.min())
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if np.minimum(1, middle * weights).sum() < n else (low, middle)
    return np.minimum(1.0, high * weights)


def open_queue(store: Store, study: str, n: int, *, seed: int = 0, overlap: int = 1, actor: str = "engine") -> Study:
    """Open a blind study of about `n` samples of the head version that judges disagree on.

    Raises InputError where no sample of it came before a judge.
    """
    version = store.versions.resolve("head")
    samples = store.versions.samples(version).filter(pl.col("answer").is_not_null())
    keys = {ident: (key, index) for ident, key, index in samples.select("id", "request_key", "index").iter_rows()}
    decisions = store.versions.decisions(version).filter(pl.col("sample").is_in(list(keys)))
    chosen = queue(decisions, keys, n, seed)
    if not chosen:
        raise InputError(
            f"no sample of version {version[:12]} came before a judge, so there is no disagreement to queue"
        )
    by_id = {row["id"]: row for row in samples.filter(pl.col("id").is_in([q.sample for q in chosen])).to_dicts()}
    items = [item_of(by_id[q.sample], None) for q in chosen]
    how = f"by disagreement of judges, about {n} of {decisions.height} judged samples"
    drawn = Drawn(how=how, probabilities=tuple(q.probability for q in chosen))
    return ReviewService(store).open_on(study, version, items, overlap=overlap, seed=seed, drawn=drawn, actor=actor)


def _weight(reason: str, votes: Sequence[Mapping[str, str]]) -> float:
    """1 where nobody could decide, else by how evenly the readable votes are spread."""
    if reason in UNDECIDED:
        return 1.0
    said = [v["vote"] for v in votes if v["vote"] != "unscored"]
    if not said:
        return 1.0
    share = said.count("accept") / len(said)
    return LEAST + (1 - LEAST) * 4 * share * (1 - share)
