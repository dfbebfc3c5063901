"""What the closed waves of a standing study say: the score of each on a control chart, and whether raters drift."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from curation.people import OWNER, Person
from curation.records import Record
from curation.store.review_imports import ReviewItems
from curation.store.reviews import Ballot, Item, Reviews, Study
from curation.store.store import Store
from curation.store.waves import Place, Rubric, Series, Wave, Waves
from judges import control
from judges.control import Mark, control_chart
from judges.study_figures import VERDICTS, share_row

MEANING = {
    "pairwise": "share of pairs that {teacher} won, a tie or both bad being half a win",
    "single": "share of answers that were accepted",
    "edit": "share of answers that were accepted as they stood",
    "spans": "share of answers in which nothing was marked",
}


class ChartedWave(Record):
    """One wave as the chart shows it; `mark` is None where it is not on the chart, and `why` says why not."""

    number: int
    study: str
    version: str
    opened: str
    votes: int
    mark: Mark | None = None
    why: str | None = None


class RaterDrift(Record):
    """How many of a wave's anchors one rater answered as the first time; `same` is a share with interval and n.

    `mark` is that share on the rater's own control chart, whose line are their first such waves.
    """

    rater: str
    wave: int
    same: dict[str, JsonValue]
    mark: Mark

    @property
    def alarm(self) -> str | None:
        """Why this rater answers otherwise than they did; answering more alike than expected is no alarm."""
        fell = self.mark.line is not None and self.mark.share < self.mark.line
        return self.mark.alarm if fell else None


class SeriesChart(Record):
    """One series: what was asked, what the score is, each wave, what raters said of the anchors, the last alarm.

    `drifting` says of each rater whose newest wave is an alarm, why: a fall of the score may be theirs.
    """

    number: int
    since: str
    rubric: Rubric
    meaning: str
    waves: tuple[ChartedWave, ...]
    drift: tuple[RaterDrift, ...]
    alarm: str | None
    drifting: dict[str, str]


class StandingReport(Record):
    """A standing study with all its series, the newest first; limits are drawn within a series only."""

    name: str
    schedule: dict[str, JsonValue]
    series: tuple[SeriesChart, ...]


def standing_report(store: Store, name: str, who: Person = OWNER) -> StandingReport:
    """What is known of a standing study; of open waves only how many votes they have."""
    who.require("see_study", name)
    who.require("unblind", name)
    tables = Waves(store.state)
    now = tables.now(name)
    by_number = {s.number: s for s in reversed([s for s in tables.declared() if s.name == name])}  # as first declared
    waves = tables.waves(name)
    charts = [_chart(store, by_number[k], [w for w in waves if w.series == k]) for k in sorted(by_number, reverse=True)]
    return StandingReport(name=name, schedule=now.schedule.model_dump(mode="json"), series=tuple(charts))


class _Read(Record):
    """A wave with what its study holds; `study` is None before it is opened."""

    wave: Wave
    study: Study | None
    items: tuple[Item, ...]
    places: tuple[Place, ...]
    votes: tuple[Ballot, ...]

    @property
    def closed(self) -> bool:
        return self.study is not None and self.study.closed is not None


def _chart(store: Store, series: Series, waves: Sequence[Wave]) -> SeriesChart:
    studies = {s.name: s for s in Reviews(store.state).studies()}
    read = [_read(store, wave, studies.get(wave.study)) for wave in waves]
    whys = [_left_out(r, series.rubric) for r in read]
    scores = {k: score for k, r in enumerate(read) if whys[k] is None and (score := _score(r, series.rubric))}
    marks = dict(zip(scores, control_chart([scores[k] for k in scores]), strict=True))
    charted = [_charted(r, marks.get(k), whys[k]) for k, r in enumerate(read)]
    last = charted[max(marks)].mark if marks else None
    drift = _drift([r for r in read if r.closed])
    newest = {d.rater: d.alarm for d in drift}
    teacher = series.rubric.teacher or ""
    return SeriesChart(
        number=series.number,
        since=series.at,
        rubric=series.rubric,
        meaning=MEANING[series.rubric.kind].format(teacher=teacher),
        waves=tuple(charted),
        drift=tuple(drift),
        alarm=last.alarm if last else None,
        drifting={rater: words for rater, words in newest.items() if words},
    )


def _read(store: Store, wave: Wave, study: Study | None) -> _Read:
    reviews, tables = Reviews(store.state), Waves(store.state)
    if study is None:
        return _Read(wave=wave, study=None, items=(), places=(), votes=())
    votes = tuple(b for b in reviews.ballots(wave.study) if not b.passed)
    items = tuple(ReviewItems(store.state).of(wave.study))
    return _Read(wave=wave, study=study, items=items, places=tuple(tables.places(wave.study)), votes=votes)


def _left_out(read: _Read, rubric: Rubric) -> str | None:
    """Why a wave has no place on the chart; None where it has one."""
    if read.study is None:
        return "begun and not open yet"
    if not read.closed:
        return "still open"
    if any(b.guideline != rubric.guideline_digest for b in read.votes):
        return "its guideline was changed while it was open, so it was not asked as the others were"
    return None if _score(read, rubric) else "nobody said anything about its new samples"


def _charted(read: _Read, mark: Mark | None, why: str | None) -> ChartedWave:
    wave = read.wave
    return ChartedWave(
        number=wave.number,
        study=wave.study,
        version=wave.version,
        opened=wave.at,
        votes=len(read.votes),
        mark=mark,
        why=why,
    )


def _score(read: _Read, rubric: Rubric) -> control.Wave | None:
    """The score of a wave's new samples: the mean of each item's votes, weighted by how likely it was to be drawn.

    It is worth as many evenly drawn items as its weights allow (Kish 1965). Anchors do not count: nobody drew them.
    """
    values: dict[int, list[float]] = {}
    for ballot in read.votes:
        value = value_of(ballot, read.items[ballot.position], rubric)
        if value is not None and read.places[ballot.position].probability:
            values.setdefault(ballot.position, []).append(value)
    if not values:
        return None
    weight = {k: 1 / (read.places[k].probability or 1) for k in values}
    total = sum(weight.values())
    share = sum(weight[k] * sum(said) / len(said) for k, said in values.items()) / total
    return control.Wave(share, round(total**2 / sum(w * w for w in weight.values()), 4))


def value_of(ballot: Ballot, item: Item, rubric: Rubric) -> float | None:
    """What a vote counts towards the score, from 0 to 1; None where it says nothing of it."""
    if rubric.kind != "pairwise":
        known = VERDICTS[rubric.kind]
        return float(ballot.winner == known[0]) if ballot.winner in known else None
    if rubric.teacher not in (item.first_teacher, item.second_teacher):
        return None
    if ballot.winner not in ("first", "second"):
        return 0.5
    won = item.first_teacher if ballot.winner == "first" else item.second_teacher
    return float(won == rubric.teacher)


def _drift(closed: Sequence[_Read]) -> list[RaterDrift]:
    """How each rater's answers to the anchors compare with their own first ones, wave by wave."""
    same = _same(closed)
    marks: dict[tuple[str, int], Mark] = {}
    for rater in {rater for rater, _ in same}:
        own = {key: control.Wave(sum(row) / len(row), len(row)) for key, row in same.items() if key[0] == rater}
        marks |= zip(own, control_chart(list(own.values())), strict=True)
    return [
        RaterDrift(rater=rater, wave=wave, same=share_row(row, range(len(row))), mark=marks[rater, wave])
        for (rater, wave), row in same.items()
    ]


def _same(closed: Sequence[_Read]) -> dict[tuple[str, int], list[bool]]:
    """By rater and wave, the waves in order: of each anchor they had answered before, whether they said the same."""
    first: dict[tuple[str, int], str] = {}
    found: dict[tuple[str, int], list[bool]] = {}
    for read in closed:
        said = _anchor_votes(read)
        for rater, anchor in sorted(said):
            if (rater, anchor) in first:
                found.setdefault((rater, read.wave.number), []).append(first[rater, anchor] == said[rater, anchor])
        first = {**said, **first}
    return found


def _anchor_votes(read: _Read) -> Mapping[tuple[str, int], str]:
    """What each rater said of each anchor, with the order undone."""
    return {(b.rater, anchor): b.winner for b in read.votes if (anchor := read.places[b.position].anchor) is not None}
