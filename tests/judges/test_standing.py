"""A standing study asks the same of what is new, wave by wave, and says when the answers or the raters changed."""

import pytest
from pydantic import ValidationError

from curation.errors import Forbidden, UnknownRecord
from curation.people import Person
from curation.records import DECISIONS, draw
from curation.store.review_imports import ReviewItems
from curation.store.review_records import Criterion
from curation.store.reviews import Reviews
from curation.store.store import Store
from curation.store.waves import Place, Rubric, Schedule, Wave, Waves
from curation.task import Environment
from judges.acceptance import acceptance
from judges.review import ReviewService
from judges.standing import StandingService
from judges.standing_chart import standing_report
from judges.standing_words import standing_sentences
from tests.judges.houses import TEACHERS, pl, samples
from tests.judges.test_study_report import judged_house
from tests.postgres import server

RUBRIC = Rubric(kind="single", question="Is it kind?", guideline="Kind means: no blame.", anchors=3)
EVERY = Schedule(every_new=20, n=10, raters=("ana", "ben"), overlap=2)


def grow(store, prompts):
    """Seal a version of so many prompts, answered by two teachers: two samples each, the earlier ones as they were."""
    frame = samples(prompts, store.sample_id)
    store.versions.seal(frame, pl.DataFrame(schema=DECISIONS), recipe="0" * 64, steps=[], facts={})


def rated(store, study, said):
    """Everybody rates everything and the study is closed; `said(item, rater)` is a choice."""
    service = ReviewService(store)
    for rater in Reviews(store.state).study(study).raters or ("ana",):
        while shown := service.next(study, rater):
            for item in shown:
                service.vote(item.token, rater, said(item, rater))
    service.close(study)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def any_store(request, tmp_path):
    """A workspace on either database."""
    if request.param == "sqlite":
        with Store.create(tmp_path / "house") as opened:
            yield opened
        return
    with server() as url, Store.create(tmp_path / "house", Environment({"DATABASE_URL": url})) as opened:
        yield opened


@pytest.fixture
def store(tmp_path):
    with Store.create(tmp_path / "house") as opened:
        grow(opened, 20)
        yield opened


@pytest.fixture
def standing(store):
    service = StandingService(store)
    service.declare("kindness", RUBRIC, EVERY)
    return service


def new_in(store, study):
    """The samples of a wave that were drawn, and those of its anchors."""
    items, places = ReviewItems(store.state).of(study), Waves(store.state).places(study)
    drawn = [i.first_sample for i, p in zip(items, places, strict=True) if p.anchor is None]
    held = {p.anchor: i.first_sample for i, p in zip(items, places, strict=True) if p.anchor is not None}
    return drawn, [held[k] for k in sorted(held)]


# --- the store -----------------------------------------------------------------------------------------------------


def test_the_same_words_change_nothing_another_rubric_begins_a_series_another_schedule_does_not(any_store):
    waves, ledger = Waves(any_store.state), any_store.ledger
    one = waves.declare("kindness", RUBRIC, EVERY, ledger, "lead")
    assert waves.declare("kindness", RUBRIC, EVERY, ledger, "lead") == one
    often = waves.declare("kindness", RUBRIC, Schedule(daily=True), ledger, "lead")
    changed = RUBRIC.model_copy(update={"guideline": "Kind means: no blame, no haste."})
    other = waves.declare("kindness", changed, Schedule(daily=True), ledger, "lead")
    assert [one.number, often.number, other.number] == [1, 1, 2]
    assert waves.now("kindness") == other
    assert [e.kind for e in ledger.events()] == ["standing_declared"] * 3
    with pytest.raises(UnknownRecord, match="Known: kindness"):
        waves.now("kindnes")


def test_a_wave_is_claimed_once_with_all_it_is_made_from(any_store):
    waves = Waves(any_store.state)
    waves.declare("kindness", RUBRIC, EVERY, any_store.ledger, "lead")
    wave = Wave(study="kindness-1-1", name="kindness", series=1, number=1, version="v", seed=7)
    places = [Place(probability=0.25), Place(anchor=0)]
    assert waves.begin(wave, places, any_store.ledger, "lead")
    assert not waves.begin(wave, places, any_store.ledger, "lead")
    assert not waves.begin(wave.model_copy(update={"study": "other"}), places, any_store.ledger, "lead")
    (held,) = waves.waves("kindness")
    assert held.model_copy(update={"at": ""}) == wave
    assert (held.at[:2], waves.places("kindness-1-1"), waves.studies()) == ("20", places, {"kindness-1-1"})
    assert any_store.ledger.events()[-1].body["items"][0]["probability"] == 0.25
    assert any_store.ledger.verify() == []


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Schedule(), "either every how many"),
        (lambda: Schedule(daily=True, every_new=3), "either every how many"),
        (lambda: Schedule(daily=True, overlap=2, raters=("ana",)), "cannot give every item 2 votes"),
        (lambda: Rubric(kind="pairwise", question="?"), "name the teacher"),
        (lambda: Rubric(kind="single", question="?", teacher="x"), "name the teacher"),
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused(build, words):
    with pytest.raises(ValidationError, match=words):
        build()


# --- waves ---------------------------------------------------------------------------------------------------------


def test_a_wave_is_a_blind_sample_of_what_is_new_with_the_same_anchors_every_time(any_store):
    grow(any_store, 20)
    service = StandingService(any_store)
    service.declare("kindness", RUBRIC, EVERY)
    first = service.wave("kindness")
    assert first.study == "kindness-1-1"
    rated(any_store, first.study, lambda item, rater: "accept")
    assert service.wave("kindness").study is None
    grow(any_store, 40)
    second = service.wave("kindness").study
    drawn, anchors = new_in(any_store, second)
    old = set(any_store.versions.samples(any_store.versions.list()[0])["id"])
    assert (len(drawn), len(anchors)) == (10, 3)
    assert not set(drawn) & old
    assert anchors == new_in(any_store, first.study)[1]
    assert set(anchors) <= old
    study = Reviews(any_store.state).study(second)
    assert (study.question, study.items, study.raters) == ("Is it kind?", 13, ("ana", "ben"))
    assert ReviewService(any_store).guideline(second) == RUBRIC.guideline


def test_a_wave_that_is_not_due_says_so(standing, store):
    rated(store, standing.wave("kindness").study, lambda item, rater: "accept")
    grow(store, 25)
    found = standing.due("kindness")
    assert (found.due, found.new, found.words) == (False, 10, "10 of 20 new samples since wave 1")
    assert standing.wave("kindness").words == found.words
    grow(store, 30)
    assert standing.due("kindness").due


def test_the_next_wave_waits_while_one_is_open(standing, store):
    opened = standing.wave("kindness")
    grow(store, 80)
    found = standing.wave("kindness")
    assert (found.study, found.words) == (
        None,
        f"wave 1 is open; the next one waits until `review close {opened.study}`",
    )


def test_a_daily_wave_is_due_on_the_next_day_and_only_where_something_is_new(standing, store):
    standing.declare("kindness", RUBRIC, Schedule(daily=True, n=5))
    rated(store, standing.wave("kindness").study, lambda item, rater: "accept")
    grow(store, 40)
    assert standing.due("kindness").words == "wave 1 was opened today"
    with store.state.write() as connection:
        connection.exec_driver_sql("update review_waves set at = '2026-01-01T10:00:00.000Z'")
    found = standing.due("kindness")
    assert (found.due, found.words) == (True, "40 new samples since wave 1 on 2026-01-01")


def test_a_process_that_died_between_claim_and_study_leaves_a_wave_that_the_next_one_opens(standing, store):
    twin = StandingService(store)
    series = Waves(store.state).now("kindness")
    wave = twin._next(series, [])
    places = twin._drawn(series, wave).places
    assert Waves(store.state).begin(wave, places, store.ledger, "lead")
    grow(store, 60)  # what it was drawn from is no longer the head
    found = standing.wave("kindness")
    assert found.study == wave.study
    assert set(new_in(store, found.study)[0]) <= set(store.versions.samples(wave.version)["id"])
    assert Waves(store.state).places(wave.study) == places
    assert len(Waves(store.state).waves("kindness")) == 1


def test_drawing_a_wave_twice_draws_the_same(standing, store):
    series = Waves(store.state).now("kindness")
    wave = standing._next(series, [])
    assert standing._drawn(series, wave) == standing._drawn(series, wave)


def test_nothing_of_a_wave_tells_a_rater_which_items_are_anchors(standing, store):
    study = standing.wave("kindness").study
    places = Waves(store.state).places(study)
    assert [k for k, p in enumerate(places) if p.anchor is not None] != [10, 11, 12]
    shown = ReviewService(store).next(study, "ana", 20)
    assert {frozenset(item.model_fields_set) for item in shown} == {frozenset(shown[0].model_fields_set)}


def test_a_pairwise_wave_asks_about_pairs_of_the_teacher_that_is_counted(store):
    service = StandingService(store)
    rubric = Rubric(kind="pairwise", question="Which?", teacher=TEACHERS[0], anchors=2)
    service.declare("wins", rubric, Schedule(every_new=10, n=8))
    study = service.wave("wins").study
    rated(store, study, lambda item, rater: "a" if item.a.endswith("another") else "b")
    (series,) = standing_report(store, "wins").series
    assert (series.waves[0].mark.share, series.waves[0].mark.items) == (1.0, 8)
    assert series.meaning == f"share of pairs that {TEACHERS[0]} won, a tie or both bad being half a win"


def test_who_may_not_open_a_study_opens_no_wave_and_sees_no_chart(store):
    gate = Person(name="gil", roles=frozenset({"gatekeeper"}))
    rater = Person(name="ana", roles=frozenset({"reviewer"}))
    with pytest.raises(Forbidden):
        StandingService(store, gate).declare("kindness", RUBRIC, EVERY)
    StandingService(store).declare("kindness", RUBRIC, EVERY)
    with pytest.raises(Forbidden):
        StandingService(store, gate).wave("kindness")
    with pytest.raises(Forbidden):
        standing_report(store, "kindness", rater)
    assert standing_report(store, "kindness", gate).series[0].waves == ()


# --- the chart -----------------------------------------------------------------------------------------------------


def series_of(store, standing, waves, said):
    """Run so many waves; `said(wave, item, rater)` is a choice."""
    for number in range(1, waves + 1):
        grow(store, 20 * number)
        rated(store, standing.wave("kindness").study, lambda item, rater, n=number: said(n, item, rater))


def test_a_fall_of_the_answers_raises_an_alarm_and_the_anchors_stay(store):
    service = StandingService(store)
    service.declare("kindness", RUBRIC, Schedule(every_new=20, n=40, raters=("ana",)))

    def said(wave, item, rater):
        number = int(item.prompt.split()[1])
        good = 0.9 if number < 100 else 0.4  # the prompts of waves 6 on are answered worse
        return "accept" if draw(1, item.prompt, item.a) < good else "reject"

    series_of(store, service, 6, said)
    (series,) = standing_report(store, "kindness").series
    assert [w.mark.alarm is None for w in series.waves[:5]] == [True] * 5
    assert "below the limits" in series.alarm
    assert {d.same["share"] for d in series.drift} == {1.0}
    assert [d.wave for d in series.drift] == [2, 3, 4, 5, 6]


def test_a_rater_who_drifts_is_told_from_one_who_does_not(store):
    service = StandingService(store)
    service.declare("kindness", RUBRIC.model_copy(update={"anchors": 12}), EVERY)
    series_of(store, service, 3, lambda wave, item, rater: "reject" if rater == "ben" and wave == 3 else "accept")
    drift = {(d.rater, d.wave): d.same for d in standing_report(store, "kindness").series[0].drift}
    assert {key: (row["share"], row["n"]) for key, row in drift.items()} == {
        ("ana", 2): (1.0, 12), ("ana", 3): (1.0, 12), ("ben", 2): (1.0, 12), ("ben", 3): (0.0, 12),
    }  # fmt: skip
    assert drift["ben", 3]["ci"][1] < drift["ana", 3]["ci"][0]


def test_a_rater_who_begins_to_drift_is_an_alarm_and_the_others_are_not(store):
    """Mutation: judges/standing_chart.py: fell = self.mark.line is not None and self.mark.share < self.mark.line
    => fell = False
    """
    service = StandingService(store)
    service.declare("kindness", RUBRIC.model_copy(update={"anchors": 12}), EVERY)

    def said(wave, item, rater):
        return "reject" if rater == "ben" and wave == 5 and draw(2, item.prompt, item.a) < 0.8 else "accept"

    series_of(store, service, 5, said)
    report = standing_report(store, "kindness")
    (series,) = report.series
    assert [d.wave for d in series.drift if d.alarm] == [5]
    assert list(series.drifting) == ["ben"]
    assert "below the limits" in series.drifting["ben"]
    told = "\n".join(standing_sentences(report, service.due("kindness")))
    assert "Alarm: ben answers anchors otherwise than before: below the limits" in told


def test_the_score_is_of_the_new_samples_alone_and_each_item_counts_once(standing, store):
    study = standing.wave("kindness").study
    anchors = set(new_in(store, study)[1])
    known = {row["answer"] + row["messages"][1]["content"]: row["id"] for row in store.versions.samples().to_dicts()}
    rated(store, study, lambda item, rater: "reject" if known[item.a + item.prompt] in anchors else "accept")
    (wave,) = standing_report(store, "kindness").series[0].waves
    assert (wave.mark.share, wave.mark.items, wave.votes) == (1.0, 10, 26)


def test_an_open_wave_shows_its_votes_and_no_score(standing, store):
    study = standing.wave("kindness").study
    service = ReviewService(store)
    for item in service.next(study, "ana", 5):
        service.vote(item.token, "ana", "accept")
    (wave,) = standing_report(store, "kindness").series[0].waves
    assert (wave.mark, wave.why, wave.votes) == (None, "still open", 5)


def test_control_limits_never_cross_a_changed_rubric(standing, store):
    series_of(store, standing, 3, lambda wave, item, rater: "accept")
    asked = RUBRIC.model_copy(update={"criteria": (Criterion(name="tone", question="?", anchors=("no", "yes")),)})
    standing.declare("kindness", asked, EVERY)
    study = standing.wave("kindness").study
    assert study == "kindness-2-1"
    assert ReviewService(store).design(study).criteria == asked.criteria
    rated(store, study, lambda item, rater: "reject")
    newer, older = standing_report(store, "kindness").series
    assert (newer.number, len(newer.waves), newer.waves[0].mark.line, newer.alarm) == (2, 1, None, None)
    assert [w.mark.share for w in older.waves] == [1.0, 1.0, 1.0]
    assert newer.drift == ()


def test_a_wave_whose_guideline_was_changed_is_not_on_the_chart(standing, store):
    study = standing.wave("kindness").study
    ReviewService(store).set_guideline(study, "Kind means something else.")
    rated(store, study, lambda item, rater: "accept")
    (wave,) = standing_report(store, "kindness").series[0].waves
    assert wave.mark is None
    assert "guideline was changed" in wave.why


def test_a_wave_sees_only_what_is_new_so_it_makes_no_estimate_of_a_whole_version(tmp_path):
    with Store.create(tmp_path) as store:
        reviews, _ = judged_house(store, lambda row: (0.9, {"one": "accept"}))
        reviews.create("whole", kind="single", n=80, overlap=1)
        rated(store, "whole", lambda item, rater: "accept")
        standing = StandingService(store)
        standing.declare("kindness", RUBRIC.model_copy(update={"anchors": 0}), Schedule(daily=True, n=80))
        rated(store, standing.wave("kindness").study, lambda item, rater: "reject")
        assert acceptance(store).study == "whole"
