"""Tries to name who wrote an answer from everything served around it: lengths, ids, order and timings."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.browser.wire import Frame, card_data

LEVEL = 0.99
FOLDS = 5
RESAMPLED = 1000


@dataclass(frozen=True)
class Pane:
    """One answer as it was served: who wrote it, and what stood around it."""

    cluster: str  # its prompt: the answers to one prompt are not independent of each other
    source: str
    token: str
    side: int  # 1 for pane A or the only one, -1 for pane B
    place: int  # in the queue it came with
    batch: int  # which queue that was, over the whole study
    at: float  # seconds from the asking to the frame that brought it
    around: int  # characters of its entry that are not the texts shown
    frame: int  # bytes of the frame that are not the texts shown
    length: int  # characters of the answer
    keys: tuple[str, ...]  # names of the entry's fields, as they stood


class Named(NamedTuple):
    """How well sources were named: the area under the curve with its interval; .5 is a coin."""

    auc: float
    low: float
    high: float
    answers: int
    clusters: int

    @property
    def by_chance(self) -> bool:
        return self.low <= 0.5 <= self.high


def panes(queues: Iterable[list[Frame]], writers: Mapping[str, str]) -> list[Pane]:
    """Every answer that these frames brought, with who wrote it."""
    served: list[Pane] = []
    for batch, frames in enumerate(queues):
        for frame in frames:
            if (data := card_data(frame.message)) is not None:
                queue = data["queue"]
                rest = frame.size - sum(len(t.encode()) for entry in queue for t in _texts(entry))
                for place, entry in enumerate(queue):
                    served += _panes(entry, writers, (place, batch, frame.at, rest))
    return served


def _panes(entry: dict[str, Any], writers: Mapping[str, str], when: tuple[int, int, float, int]) -> Iterable[Pane]:
    place, batch, at, rest = when
    around = len(str(entry)) - sum(map(len, _texts(entry)))
    for side, name in ((1, "a"), (-1, "b")):
        if (answer := entry[name]) is not None:
            yield Pane(
                entry["prompt"], writers[answer], entry["token"], side, place, batch, at, around, rest,
                len(answer), tuple(entry),
            )  # fmt: skip


def _texts(entry: dict[str, Any]) -> list[str]:
    return [text for name in ("prompt", "a", "b") if (text := entry[name]) is not None]


def features(served: list[Pane]) -> np.ndarray:
    """One row an answer. What holds for both panes of an item can only tell them apart together with the side."""
    names = sorted({name for pane in served for name in pane.keys})
    rows: list[list[float]] = []
    for p in served:
        ids = [int(p.token[i : i + 4], 16) - 0x8000 for i in range(0, 32, 4)]
        order = [p.place, p.batch, *(p.keys.index(n) if n in p.keys else -1 for n in names)]
        alike = [*ids, *order, p.at, p.around, p.frame]
        rows.append([p.side, p.length, *alike, *(p.side * x for x in alike)])
    return np.array(rows, dtype=float)


def name_sources(served: list[Pane], seed: int = 0) -> Named:
    """Logistic regression that never sees a prompt it is asked about; the interval resamples prompts."""
    x = np.apply_along_axis(rankdata, 0, features(served))  # ranks: one slow frame does not hide the others
    groups = np.unique([p.cluster for p in served], return_inverse=True)[1]
    wrote = np.array([p.source == min(q.source for q in served) for p in served])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    told = cross_val_predict(model, x, wrote, groups=groups, cv=folds, method="predict_proba")[:, 1]
    low, high = _interval(told, wrote, groups, seed)
    return Named(_auc(told, wrote), low, high, len(served), int(groups.max()) + 1)


def _interval(told: np.ndarray, wrote: np.ndarray, groups: np.ndarray, seed: int) -> tuple[float, float]:
    chance, order = np.random.default_rng(seed), np.argsort(groups, kind="stable")
    borders = [0, *np.cumsum(np.bincount(groups))]
    members = [order[a:b] for a, b in pairwise(borders)]
    areas = []
    for _ in range(RESAMPLED):
        drawn = np.concatenate([members[g] for g in chance.integers(0, len(members), len(members))])
        areas.append(_auc(told[drawn], wrote[drawn]))
    low, high = np.quantile(areas, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _auc(told: np.ndarray, wrote: np.ndarray) -> float:
    ours = int(wrote.sum())
    others = len(wrote) - ours
    return float((rankdata(told)[wrote].sum() - ours * (ours + 1) / 2) / (ours * others))
