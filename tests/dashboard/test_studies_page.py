"""The Studies page: closed studies in full with every interval, open ones as progress alone, standing ones charted."""

import json
import shutil
from pathlib import Path

import pytest

from curation.people import Person
from curation.records import draw
from curation.store.review_records import Criterion, Design, Details
from curation.store.reviews import Reviews
from curation.store.store import Store
from curation.store.waves import Rubric, Schedule
from dashboard import study_charts
from dashboard import study_queries as asked
from dashboard.launch import WORKSPACE
from judges.review import ReviewService
from judges.standing import StandingService
from judges.standing_chart import standing_report
from tests.dashboard.house import SECRETS
from tests.dashboard.test_pages import page, words
from tests.judges.test_standing import grow

TONE = Criterion(name="tone", question="How kind?", anchors=("rude", "plain", "kind"))


@pytest.fixture
def root(house: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(WORKSPACE, str(house))
    return house


def rate(store: Store, study: str, said, raters=("ana", "ben")) -> None:
    """Everybody rates what they are shown; `said(item, rater, n)` is a choice, or a choice with a reason."""
    service = ReviewService(store)
    for rater in raters:
        n = 0
        while shown := service.next(study, rater, 5):
            for item in shown:
                choice, _, reason = said(item, rater, n).partition(":")
                details = Details(scores={"tone": 1 + n % 3}) if service.design(study).criteria else None
                service.vote(item.token, rater, choice, reason or None, 3000, details=details)
                n += 1


@pytest.fixture(scope="module")
def rich(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a closed study that has everything: criteria, repeats, two guidelines, a skip and a flag."""
    root = shutil.copytree(built, tmp_path_factory.mktemp("rich") / "w")
    with Store.open(root) as store:
        service = ReviewService(store)
        design = Design(criteria=(TONE,), repeats=0.3)
        service.create("rich", kind="pairwise", n=14, overlap=2, seed=2, design=design, guideline="Be kind.")

        def said(item, rater: str, n: int) -> str:
            if n == 3 and rater == "ana":
                return "skip:not my language"
            if n == 4 and rater == "ana":
                return "flag:unsafe"
            if n == 7:
                service.set_guideline("rich", "Be kind and short.")
            return "a_much" if draw(1, rater, n) < 0.5 else "b"

        rate(store, "rich", said)
        service.close("rich")
    return root


@pytest.fixture
def full(rich: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(WORKSPACE, str(rich))
    return rich


def alts(app) -> str:
    kinds = ("vega_lite_chart", "dataframe")
    return "\n".join(element.proto.alt for kind in kinds for element in app.get(kind))


def frames(app) -> dict[str, list[dict]]:
    """Every table of the page by its alternative text."""
    return {element.proto.alt: element.value.to_dict("records") for element in app.dataframe}


# --- closed --------------------------------------------------------------------------------------------------------


def test_a_closed_study_shows_its_figures_with_intervals_and_what_so_many_votes_could_show(full: Path):
    app = page("studies", study="rich")
    shown = {m.label: m.value for m in app.metric}
    assert {"Votes", "Agreement α", "Strength α, ordinal", "Pane A chosen", "Same again"} <= shown.keys()
    said = words(app)
    assert "1 skipped, 1 flagged, 14 items" in said
    assert "n = " in said
    assert "shows" in said or "too few to show" in said
    assert "not my language" in str(frames(app))


def test_its_chart_and_tables_name_teachers_raters_criteria_and_guidelines(full: Path):
    app = page("studies", study="rich")
    tables = frames(app)
    raters = tables["Each rater with votes, pace and what was hidden from them"]
    assert [row["rater"] for row in raters] == ["ana", "ben"]
    assert all("%" in row["again"] and "[" in row["again"] for row in raters)
    scored = tables["Mean score and agreement on each criterion"]
    assert scored[0]["criterion"] == "tone"
    assert "of 3" in scored[0]["mean"]
    assert len(tables["Agreement of the votes under each guideline"]) == 2
    assert tables["Kappa and AC1 of every two raters"][0]["raters"] == "ana and ben"
    assert "alder-large as it is" in alts(app)
    assert "alder-large at equal length" in alts(app)


def test_what_was_rated_is_shown_to_be_what_is_trained_on(full: Path):
    with Store.open(full) as store:
        found = (Reviews(store.state).study("rich").report or {})["shown"]
    assert f"{found['checked']} of {found['checked']} votes were on exactly the texts" in words(
        page("studies", study="rich")
    )


def test_teachers_link_to_their_samples_and_pairs_to_what_they_disagree_on(full: Path):
    app = page("studies", study="rich")
    links = {link.label for link in (element.proto for element in app.get("page_link"))}
    assert {"Samples of `alder-large`", "Open what they disagree on"} <= links


def test_a_favoured_pane_is_an_alarm(root: Path):
    with Store.open(root) as store:
        ReviewService(store).create("left", kind="pairwise", n=16, overlap=2, seed=1)
        rate(store, "left", lambda item, rater, n: "a")
        ReviewService(store).close("left")
    app = page("studies", study="left")
    assert "pane A is favoured" in app.error[0].value


@pytest.mark.parametrize("kind", ["single", "edit", "spans"])
def test_studies_of_one_answer_tell_how_many_were_taken_as_they_stand(root: Path, kind: str):
    with Store.open(root) as store:
        ReviewService(store).create("one", kind=kind, n=9, overlap=1, seed=1)
        rate(store, "one", lambda item, rater, n: "clean" if kind == "spans" else "accept", raters=("ana",))
        ReviewService(store).close("one")
    app = page("studies", study="one")
    assert "How many answers were taken as they stand" in words(app)
    assert "all answers accepted 100 %" in alts(app)


def test_a_report_of_before_these_figures_is_still_shown(root: Path):
    old = {
        "study": "s", "version": "v", "items": 2, "votes": 4, "skipped": 0, "alpha": None, "alpha_ci": None,
        "items_with_two_votes": 2, "kappa": None, "agreement": 1.0, "note": "all votes are the same",
        "raters": {"ana": {"votes": 2, "median_dwell_ms": 900}},
        "position": {"a": 2, "decided": 4, "share": 0.5, "ci": [0.15, 0.85]}, "both_orders": 2, "teachers": {},
    }  # fmt: skip
    with Store.open(root) as store:
        service = ReviewService(store)
        service.create("old", n=2)
        Reviews(store.state).close("old", old, store.ledger, "lead")
    assert "all votes are the same" in words(page("studies", study="old"))


# --- open ----------------------------------------------------------------------------------------------------------


def test_an_open_study_shows_how_far_it_is_and_nothing_of_what_was_said(root: Path):
    with Store.open(root) as store:
        rate(store, "tone", lambda item, rater, n: "b_much", raters=("ana",))
    app = page("studies", study="tone")
    assert [m.label for m in app.metric] == ["Votes", "Complete items", "Opened"]
    (row, other) = frames(app)["Votes and pace of each rater"]
    assert (row["rater"], row["votes"], row["median_s"], other["votes"]) == ("ana", 12, 3.0, 0)
    everything = words(app) + alts(app) + json.dumps(frames(app))
    assert not [w for w in (*SECRETS, "b_much", "α", "%") if w in everything.lower()]
    assert "review close tone" in everything


def test_breaks_are_no_pace():
    ten = [f"2026-01-01T10:{m:02d}:00.000Z" for m in range(10)]
    assert asked._an_hour([*ten, "2026-01-01T12:00:00.000Z"]) == 60
    assert asked._an_hour(ten[:1]) is None


# --- who -----------------------------------------------------------------------------------------------------------


def test_raters_of_a_closed_study_are_thanked_and_told_nothing(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STILLHOUSE_ROLE", "reviewer")
    said = words(page("review", study="pilot"))
    assert "This study is closed" in said
    assert not [w for w in (*SECRETS, "Agreement", "%") if w in said]


def test_the_owner_is_led_from_a_closed_study_to_what_it_found(root: Path):
    app = page("review", study="pilot")
    assert not app.metric
    assert [link.proto.label for link in app.get("page_link")] == ["What it found"]


# --- standing ------------------------------------------------------------------------------------------------------


def test_without_a_standing_study_the_page_names_the_command_that_makes_one(root: Path):
    assert "review standing NAME --every-new 200" in words(page("studies"))


def test_a_standing_study_is_charted_with_its_limits_and_its_alarm(root: Path):
    with Store.open(root) as store:
        service = StandingService(store)
        service.declare(
            "kind", Rubric(kind="single", question="Kind?", anchors=2), Schedule(every_new=200, n=10, raters=("ana",))
        )
        study = service.wave("kind").study
        assert study is not None
        rate(store, study, lambda item, rater, n: "accept", raters=("ana",))
        ReviewService(store).close(study)
    app = page("studies", standing="kind")
    said = words(app)
    assert "series 1: single, every 200 new samples, 10 new and 2 anchors a wave" in said
    assert "The next wave is not due: 0 of 200 new samples since wave 1." in said
    assert "Wave 1, " in said
    assert "100 % [72, 100] of 10 new; too few waves before it to draw limits from" in alts(app)


def test_the_drift_of_each_rater_is_charted_once_a_wave_brought_the_anchors_back(root: Path):
    with Store.open(root) as store:
        service = StandingService(store)
        asked_of = Schedule(every_new=10, n=10, raters=("ana", "ben"), overlap=2)
        service.declare("kind", Rubric(kind="single", question="Kind?", anchors=2), asked_of)
        for prompts in (100, 120):
            grow(store, prompts)
            study = service.wave("kind").study
            assert study is not None
            rate(store, study, lambda item, rater, n: "accept", raters=("ana", "ben"))
            ReviewService(store).close(study)
    app = page("studies", standing="kind")
    assert "Series 1: do raters drift?" in words(app)
    assert "ana, wave 2: 100 % [34, 100]" in alts(app)
    assert "ben, wave 2: 100 % [34, 100]" in alts(app)


def test_somebody_who_may_not_see_sources_sees_no_chart(root: Path):
    with Store.open(root) as store:
        StandingService(store).declare("kind", Rubric(kind="single", question="Kind?"), Schedule(daily=True))
        auditor = Person(name="aud", roles=frozenset({"auditor"}))
        assert standing_report(store, "kind", auditor).series[0].waves == ()


def test_the_control_chart_draws_the_line_limits_and_alarms():
    rows = asked.pl.DataFrame(
        [
            {"wave": k, "about": "s", "value": 0.8 - 0.3 * (k == 3), "low": 0.7 - 0.3 * (k == 3), "high": 0.9,
             "line": 0.8 if k > 2 else None, "lower": 0.65 if k > 2 else None, "upper": 0.92 if k > 2 else None,
             "state": "alarm" if k == 3 else "as expected", "label": ""}
            for k in (1, 2, 3)
        ]
    )  # fmt: skip
    drawn = study_charts.control(rows).to_dict()
    assert len(drawn["layer"]) == 6
    domain = drawn["layer"][0]["encoding"]["y"]["scale"]["domain"]
    assert domain[0] == pytest.approx(0.35)
