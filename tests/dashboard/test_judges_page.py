"""The Judges page: who earned a vote, what the panel is worth, and the samples it leaves to people (no browser)."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from curation.errors import UnknownRecord
from curation.store.query import Query
from curation.store.review_draws import ReviewDraws
from curation.store.store import Store
from dashboard import judge_queries
from dashboard.judge_queries import Doubt
from dashboard.launch import WORKSPACE
from judges.panel import newest_report
from judges.review import ReviewService
from tests.dashboard import panel_house
from tests.dashboard.test_pages import page, words


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return panel_house.build(tmp_path_factory.mktemp("judges") / "w")


@pytest.fixture
def root(asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of its own."""
    folder = shutil.copytree(asked, tmp_path / "w")
    monkeypatch.setenv(WORKSPACE, str(folder))
    yield folder
    st.cache_resource.clear()
    st.cache_data.clear()


def named(app: AppTest, kind: str, label: str):
    return next(element for element in getattr(app, kind) if element.label.startswith(label))


def alts(app: AppTest) -> set[str]:
    kinds = ("vega_lite_chart", "dataframe")
    return {element.proto.alt for kind in kinds for element in app.get(kind)}


def first_in_doubt(root: Path) -> str:
    with Store.open(root) as store, Query(store) as query:
        rows, _ = judge_queries.doubtful(query, Doubt(), 1)
    return rows["id"][0]


def test_the_page_says_what_each_judge_showed_on_gold_and_what_its_vote_weighs(root: Path):
    with Store.open(root) as store:
        report, _ = newest_report(store)
    assert report.fit is not None
    app = page("judges")
    shown = app.dataframe[0].value.to_dict("records")
    overall = [s for s in report.fit.standings if s.slice is None]
    assert [(row["judge"], row["rows"], row["weight"]) for row in shown] == [(s.judge, s.n, s.weight) for s in overall]
    assert shown[0]["canaries"] == "{} of {}".format(*overall[0].canaries)
    assert [m.value for m in app.metric] == ["2 of 2", f"{report.fit.effective.value:.2f}"]
    said = words(app)
    assert f"2 judges count as {report.fit.effective.value:.2f}" in said
    assert "its best judge" in said
    assert "on 120 rows that people judged (judged version 1)" in said


def test_who_may_not_judge_whom_is_said_in_words(root: Path):
    assert "birch-judge may not judge answers of teacher birch: birch-large is" in words(page("judges"))


def test_leniency_is_how_often_a_judge_accepts_what_people_judged_less_how_often_people_do(root: Path):
    with Store.open(root) as store:
        report, _ = newest_report(store)
        gaps = judge_queries.leniencies(store, report)
    assert set(gaps) == {"dogwood", "birch-judge"}
    for gap in gaps.values():
        assert gap.n == 120
        assert gap.judge is not None
        assert gap.human is not None
        assert gap.gap == pytest.approx(gap.judge - gap.human)


def test_an_alarm_stands_above_everything_and_each_judge_without_a_vote_has_its_reasons(root: Path):
    fit = panel_house.with_five_judges(root)
    assert fit.alarm
    app = page("judges")
    assert app.error[0].value.startswith("Alarm")
    said = words(app)
    assert fit.alarm in said
    roles = {row["judge"]: list(row["role"]) for row in app.dataframe[0].value.to_dict("records")}
    assert roles == {
        "sound": ["votes"], "inverted": ["excluded"], "also-inverted": ["excluded"], "a-coin": ["advice only"],
        "gullible": ["excluded"],
    }  # fmt: skip
    assert "gullible, excluded: accepted 12 of 20 planted answers" in said
    assert "a-coin, advice only: not shown to be right more often than 50 %" in said
    assert "gullible may not judge any answer: qwen-max is of the family qwen" in said
    assert "Nobody may judge the answers of these teachers" in app.warning[0].value
    assert "Stated risk of a wrong ruling, at most 5.0 %" in said


def test_charts_and_tables_carry_a_text_for_those_who_cannot_see_them(root: Path):
    panel_house.with_five_judges(root)
    found = alts(page("judges"))
    assert "" not in found
    assert {
        "Accuracy of each judge on gold with its 95 % interval, and its role",
        "Accuracy of each judge in each slice of gold",
        "Cohen's kappa between every two judges",
        "The best judge alone, the panel, and the panel without each judge",
        "Samples judges are in doubt on, most doubtful first",
    } <= found
    assert sum("with its 95 % interval" in alt for alt in found) == 3  # accuracy, length, order


def test_a_slice_with_a_handful_of_rows_is_shown_and_one_with_fewer_is_not(root: Path):
    fit = panel_house.with_five_judges(root)
    cells = judge_queries.slice_cells(fit)
    assert set(cells["slice"]) == {"plain", "typo", "rare"}
    few = fit.model_copy(
        update={"standings": tuple(s.model_copy(update={"n": 4 if s.slice == "rare" else s.n}) for s in fit.standings)}
    )
    assert set(judge_queries.slice_cells(few)["slice"]) == {"plain", "typo"}


def test_two_judges_that_count_as_one_are_named(root: Path):
    fit = panel_house.with_five_judges(root).model_copy(update={"same": (("inverted", "gullible"),)})
    assert "inverted, gullible said the same every time: they count as one judge." in judge_queries.worth(fit)


def test_with_judges_and_no_gold_the_page_names_the_command_that_starts_it(root: Path):
    panel_house.without_gold(root)
    app = page("judges")
    assert f"stillhouse -C {root} gold start -n 50" in [code.value for code in app.code]
    assert not app.metric
    assert "Where judges are in doubt" in words(app)


def test_where_no_judge_was_asked_the_page_names_the_command_that_asks(built: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(WORKSPACE, str(built))
    app = page("judges")
    assert "No judge was asked here yet" in words(app)
    assert app.code[0].value.endswith(" run")
    st.cache_resource.clear()


# --- the queue -------------------------------------------------------------------------------------------------


def test_the_queue_holds_every_sample_that_judges_split_on_and_none_they_agree_on(root: Path):
    with Store.open(root) as store, Query(store) as query:
        rows, total = judge_queries.doubtful(query, Doubt(), 1)
        held = query.sql(
            "SELECT sample FROM decisions WHERE step = 'judges' AND reason IN"
            " ('judge_split', 'judge_abstained', 'judge_unscored')"
        )
    assert total == rows.height
    assert set(held["sample"]) <= set(rows["id"])
    assert not rows.filter((rows["votes"] == "2 for, 0 against") | (rows["votes"] == "0 for, 2 against")).height


def test_the_queue_is_paged_by_the_server_in_one_order(root: Path, monkeypatch: pytest.MonkeyPatch):
    with Store.open(root) as store, Query(store) as query:
        whole, total = judge_queries.doubtful(query, Doubt(), 1)
        monkeypatch.setattr(judge_queries, "PAGE_ROWS", 2)
        pages = [judge_queries.doubtful(query, Doubt(), n)[0] for n in range(1, (total + 1) // 2 + 1)]
    assert total > 2
    assert [ident for part in pages for ident in part["id"]] == whole["id"].to_list()


def test_the_address_of_the_page_carries_what_is_in_doubt_and_the_teacher(root: Path):
    with Store.open(root) as store, Query(store) as query:
        found = judge_queries.outcomes(query)
        one = next(iter(found))
        of_alder = judge_queries.doubtful(query, Doubt(one, "alder"), 1)[1]
    assert f"{found[one]} samples, most doubtful first" in words(page("judges", outcome=one))
    narrowed = words(page("judges", outcome=one, teacher="alder"))
    assert f"{of_alder} samples, most doubtful first" in narrowed or "No sample matches these filters." in narrowed


def test_a_teacher_whose_name_would_end_the_question_is_only_a_name(root: Path):
    with Store.open(root) as store, Query(store) as query:
        assert judge_queries.doubtful(query, Doubt(teacher="x' OR '1' = '1"), 1)[1] == 0
        assert judge_queries.doubtful(query, Doubt(outcome="x' OR '1' = '1"), 1)[1] > 0  # unknown: no narrowing


def test_a_sample_in_doubt_shows_prompt_answer_and_each_judges_vote_with_its_reason_as_plain_text(root: Path):
    ident = first_in_doubt(root)
    with Store.open(root) as store:
        decision = store.versions.decisions().filter(sample=ident, step="judges").to_dicts()[0]
        sample = store.versions.samples().filter(id=ident).to_dicts()[0]
    app = page("judges", id=ident)
    texts = [text.value for text in app.text]
    assert sample["messages"][-1]["content"].strip() in texts
    assert decision["words"] in texts
    for vote in json.loads(decision["evidence"])["votes"]:
        assert f"{vote['judge']} (weight {vote['weight']:.2f}): {vote['reason']}" in texts
    assert all(m.value.startswith(("**", ":")) for m in app.markdown)  # our own titles and chips alone


def test_a_sample_that_no_version_holds_is_named_and_the_page_stays(root: Path):
    app = page("judges", id="ffff")
    assert "There is no such sample." in [w.value for w in app.warning]
    assert "'ffff'" in words(app)


def test_a_review_of_the_doubtful_is_opened_with_a_probability_for_each_and_the_page_leads_to_it(root: Path):
    app = page("judges")
    assert "stillhouse judges queue review-1 -n 60 --overlap 1" in [code.value for code in app.code]
    named(app, "text_input", "Name of the review").set_value("doubtful ones")
    named(app, "number_input", "About so many").set_value(12)
    named(app, "text_input", "Your name").set_value("maria")
    app.run()
    assert "stillhouse judges queue 'doubtful ones' -n 12 --overlap 1" in [code.value for code in app.code]
    named(app, "button", "Open a blind review").click().run()
    assert not app.exception
    assert app.success[0].value.startswith("Opened with ")
    with Store.open(root) as store:
        (study,) = ReviewService(store).studies()
        drawn = ReviewDraws(store.state).of(study.name)
        opened = [e for e in store.ledger.events() if e.body.get("study") == "doubtful ones"]
    assert (study.name, study.kind) == ("doubtful ones", "single")
    assert len(drawn) == study.items
    assert {e.actor for e in opened} == {"maria"}


def test_without_a_name_no_review_is_opened_and_a_taken_name_is_refused(root: Path):
    app = page("judges")
    named(app, "button", "Open a blind review").click().run()
    assert "Say who you are" in app.warning[0].value
    with Store.open(root) as store:
        assert ReviewService(store).studies() == []
        ReviewService(store).create("review-1", kind="single", n=3)
    named(app, "text_input", "Your name").set_value("maria")
    named(app, "button", "Open a blind review").click().run()
    assert app.warning[0].value == "This review cannot be opened."


def test_what_people_say_in_an_open_review_is_not_on_the_page(root: Path):
    ident = first_in_doubt(root)
    with Store.open(root) as store:
        service = ReviewService(store)
        service.create("first", kind="single", n=500, overlap=1)
        for shown in service.next("first", "rater-zoe", 500):
            service.vote(shown.token, "rater-zoe", "reject", "wrong-by-zoe", 900)
    said = words(page("judges", id=ident))
    assert "zoe" not in said


def test_a_store_where_nobody_was_asked_has_no_report(built: Path):
    with Store.open(built) as store, pytest.raises(UnknownRecord, match="stillhouse run"):
        newest_report(store)
