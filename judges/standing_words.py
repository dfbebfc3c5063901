"""A standing study as sentences for a person: what holds, each series, each wave beside its limits, raters' drift."""

from collections.abc import Iterator

from curation.shares import percent
from curation.store.waves import Schedule, Series
from judges.control import Mark
from judges.standing import Due
from judges.standing_chart import ChartedWave, SeriesChart, StandingReport
from judges.study_words import share


def when(schedule: Schedule) -> str:
    """How often a wave is due.

    >>> when(Schedule(every_new=200))
    'every 200 new samples'
    """
    return "daily" if schedule.daily else f"every {schedule.every_new} new samples"


def holds(series: Series) -> str:
    """What was declared, in one sentence."""
    rubric, schedule = series.rubric, series.schedule
    raters = f", raters {', '.join(schedule.raters)}" if schedule.raters else ""
    each = "1 rater each" if schedule.overlap == 1 else f"{schedule.overlap} raters each"
    asked = f", criteria {', '.join(c.name for c in rubric.criteria)}" if rubric.criteria else ""
    return (
        f"Standing study {series.name!r}, series {series.number}: {rubric.kind}, {when(schedule)}, "
        f"{schedule.n} new and {rubric.anchors} anchors a wave, {each}{raters}{asked}"
    )


def standing_sentences(report: StandingReport, due: Due) -> list[str]:
    """The series, the newest first, and whether the next wave is due."""
    lines = [line for chart in report.series for line in _series(chart)]
    return [*lines, f"The next wave is {'due' if due.due else 'not due'}: {due.words}"]


def _series(chart: SeriesChart) -> Iterator[str]:
    yield f"Series {chart.number}, since {chart.since[:10]}: {chart.meaning}"
    for wave in chart.waves:
        yield f"  {wave_words(wave)}"
    for drift in chart.drift:
        yield f"  {drift.rater}, wave {drift.wave}: {share(drift.same)} of {drift.same['n']} anchors as the first time"
    if chart.alarm:
        yield f"  Alarm: {chart.alarm}"
    for words in drift_words(chart):
        yield f"  Alarm: {words}"


def drift_words(chart: SeriesChart) -> list[str]:
    """A sentence for each rater whose newest answers to the anchors are an alarm."""
    return [f"{who} answers anchors otherwise than before: {why}" for who, why in sorted(chart.drifting.items())]


def wave_words(wave: ChartedWave) -> str:
    """A wave in a sentence: its score beside its limits, or why it has none."""
    name = f"Wave {wave.number}, {wave.opened[:10]}, study {wave.study}"
    if wave.mark is None:
        return f"{name}: {wave.votes} votes, {wave.why}"
    mark = wave.mark
    return f"{name}: {percent(mark.share)} {_bounds(mark.ci)} of {mark.items:.0f} new{_limits(mark)}"


def _limits(mark: Mark) -> str:
    if mark.line is None or mark.low is None or mark.high is None:
        return "; too few waves before it to draw limits from"
    shows = "" if mark.shows is None else f"; one such wave shows a fall by {100 * mark.shows:.0f} points"
    return f"; line {percent(mark.line)}, limits {_bounds((mark.low, mark.high))}{shows}"


def _bounds(pair: tuple[float, float]) -> str:
    return f"[{100 * pair[0]:.0f}, {100 * pair[1]:.0f}]"
