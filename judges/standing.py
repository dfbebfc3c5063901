"""A standing study: every so often a blind sample of what is new is asked about under a rubric that never changes.

Each wave also holds the same anchor items. What people say of the new samples tells whether the answers change, what
they say of the anchors whether the raters do.
"""

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from curation.errors import InputError, UnknownRecord
from curation.people import OWNER, Person
from curation.records import Record, draw
from curation.store.review_imports import ReviewItems
from curation.store.review_records import Design, Item, Study
from curation.store.reviews import Reviews
from curation.store.store import Store
from curation.store.waves import Place, Rubric, Schedule, Series, Wave, Waves
from judges.review import ReviewService
from judges.study import draw_items


class Due(Record):
    """Whether the next wave is due, and why or why not; `new` counts samples that no wave before could have held."""

    due: bool
    words: str
    new: int


class Opened(Record):
    """What became of asking for the next wave: the study that was opened, or None with the reason."""

    study: str | None
    words: str


class Drawn(NamedTuple):
    """The items of a wave with their places, in the order they stand in the study."""

    items: list[Item]
    places: list[Place]


class StandingService:
    """Declares standing studies and opens their waves, for one person."""

    def __init__(self, store: Store, who: Person = OWNER) -> None:
        self._store = store
        self._who = who
        self._waves = Waves(store.state)
        self._reviews = Reviews(store.state)

    def declare(self, name: str, rubric: Rubric, schedule: Schedule, actor: str = "engine") -> Series:
        """Say what is asked and how often; another rubric begins a new series, whose scores stand apart."""
        self._who.require("open_study", name)
        if not name.strip():
            raise InputError("a standing study needs a name")
        return self._waves.declare(name, rubric, schedule, self._store.ledger, actor)

    def due(self, name: str) -> Due:
        """Whether the next wave of a standing study is due."""
        series = self._waves.now(name)
        waves = self._waves.waves(name)
        if waves and (unfinished := self._unfinished(waves[-1])) is not None:
            return unfinished
        version = self._store.versions.head()
        if version is None:
            return Due(due=False, words="there is no version yet, so there is nothing to draw from", new=0)
        mine = [w for w in waves if w.series == series.number]
        new = len(self._new_samples(version, mine[-1] if mine else None))
        return self._by_schedule(series.schedule, mine[-1] if mine else None, new)

    def _unfinished(self, last: Wave) -> Due | None:
        """What the last wave says to the next one: it waits while that one is open, or was begun and never opened."""
        study = self._study(last.study)
        if study is None:
            return Due(due=True, words=f"wave {last.number} was begun and is not open yet", new=0)
        if study.closed is None:
            words = f"wave {last.number} is open; the next one waits until `review close {last.study}`"
            return Due(due=False, words=words, new=0)
        return None

    def _by_schedule(self, schedule: Schedule, last: Wave | None, new: int) -> Due:
        if last is None:
            return Due(due=new > 0, words="the first wave of its series" if new else "no sample is kept yet", new=new)
        since = f"since wave {last.number}"
        if schedule.every_new is not None:
            return Due(
                due=new >= schedule.every_new, words=f"{new} of {schedule.every_new} new samples {since}", new=new
            )
        today = self._waves.clock()[:10]
        if last.at[:10] >= today:
            return Due(due=False, words=f"wave {last.number} was opened today", new=new)
        return Due(due=new > 0, words=f"{new} new samples {since} on {last.at[:10]}", new=new)

    def wave(self, name: str, actor: str = "engine") -> Opened:
        """Open the next wave where it is due; where it is not, say why.

        The wave is claimed with all it is made from before its study is opened, so that of two processes one opens it
        and that one which died in between is taken up where it was.
        """
        self._who.require("open_study", name)
        found = self.due(name)
        if not found.due:
            return Opened(study=None, words=found.words)
        series = self._waves.now(name)
        waves = self._waves.waves(name)
        last = waves[-1] if waves else None
        if last is None or self._study(last.study) is not None:
            last = self._next(series, [w for w in waves if w.series == series.number])
            drawn = self._drawn(series, last)
            if drawn is None:
                return Opened(study=None, words=f"{found.words}, and no item can be made of them")
            if not self._waves.begin(last, drawn.places, self._store.ledger, actor):
                return Opened(study=None, words="another process has just opened this wave")
        study = self._open(last, actor)
        return Opened(study=study.name, words=f"wave {last.number}, {study.items} items: {found.words}")

    def _next(self, series: Series, mine: Sequence[Wave]) -> Wave:
        number = mine[-1].number + 1 if mine else 1
        seed = int(draw(series.schedule.seed, "wave", series.name, series.number, number) * 2**31)
        return Wave(
            study=f"{series.name}-{series.number}-{number}",
            name=series.name,
            series=series.number,
            number=number,
            version=self._store.versions.resolve("head"),
            seed=seed,
        )

    def _open(self, wave: Wave, actor: str) -> Study:
        """Open the study of a wave that was claimed, from the version it was claimed on."""
        series = self._as_begun(wave)
        drawn = self._drawn(series, wave)
        if drawn is None:
            raise InputError(f"version {wave.version[:12]} no longer holds what wave {wave.number} was drawn from")
        rubric, schedule = series.rubric, series.schedule
        try:
            return ReviewService(self._store, self._who).open_on(
                wave.study, wave.version, drawn.items, kind=rubric.kind, overlap=schedule.overlap,
                question=rubric.question, seed=wave.seed, raters=schedule.raters,
                design=Design(criteria=rubric.criteria), guideline=rubric.guideline, actor=actor,
            )  # fmt: skip
        except InputError:
            opened = self._study(wave.study)
            if opened is None:
                raise
            return opened  # another process took the claim up at the same moment

    def _as_begun(self, wave: Wave) -> Series:
        """The series as it held when a wave was claimed."""
        held = [s for s in self._waves.declared() if s.name == wave.name and s.number == wave.series]
        return next((s for s in reversed(held) if not wave.at or s.at <= wave.at), held[-1])

    def _study(self, name: str) -> Study | None:
        try:
            return self._reviews.study(name)
        except UnknownRecord:
            return None

    # --- drawing -----------------------------------------------------------------------------------------------

    def _new_samples(self, version: str, last: Wave | None) -> pl.DataFrame:
        """The kept samples of a version that the version of the last wave did not hold; all of them without one."""
        samples = self._store.versions.samples(version)
        kept = samples.filter((pl.col("state") == "kept") & pl.col("answer").is_not_null())
        if last is None:
            return kept
        return kept.filter(~pl.col("id").is_in([leaf.id for leaf in self._store.versions.leaves(last.version)]))

    def _drawn(self, series: Series, wave: Wave) -> Drawn | None:
        """What a wave is made of: the same for the same wave; None where nothing new makes an item."""
        before = [w for w in self._waves.waves(series.name) if w.series == wave.series and w.number < wave.number]
        rubric = series.rubric
        samples = self._new_samples(wave.version, before[-1] if before else None)
        pool = [i for i in draw_items(samples, rubric.kind, samples.height, wave.seed) if _counts(i, rubric.teacher)]
        anchors = self._anchors(before[0]) if before else pool[: min(rubric.anchors, len(pool) // 2)]
        pool = pool if before else pool[len(anchors) :]
        sample = pool[: series.schedule.n]
        if not sample:
            return None
        chance = len(sample) / len(pool)
        both = [(item, Place(probability=chance)) for item in sample]
        both += [(item, Place(anchor=k)) for k, item in enumerate(anchors)]
        order = sorted(range(len(both)), key=lambda k: draw(wave.seed, "place", k))
        return Drawn([both[k][0] for k in order], [both[k][1] for k in order])

    def _anchors(self, first: Wave) -> list[Item]:
        """The anchors of a series: texts as they were in its first wave, whatever became of their samples."""
        items = ReviewItems(self._store.state).of(first.study)
        held = {p.anchor: items[k] for k, p in enumerate(self._waves.places(first.study)) if p.anchor is not None}
        return [held[k] for k in sorted(held)]


def _counts(item: Item, teacher: str | None) -> bool:
    """Whether an item can tell anything about the teacher whose wins are counted."""
    return teacher is None or teacher in (item.first_teacher, item.second_teacher)
