"""The Overview: five figures, what a release asks for, where samples went, slices and cost, all from the store."""

from pathlib import Path

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from curation.records import SAMPLES, decisions_frame
from curation.shares import percent
from curation.store.query import Query
from curation.store.store import Store
from dashboard import lineage, overview_queries
from dashboard.launch import WORKSPACE
from dashboard.release import release
from judges.review import ReviewService
from tests.dashboard import house as small


def figures(store: Store) -> dict[str, overview_queries.Figure]:
    manifest = store.versions.manifest()
    with Query(store) as query:
        found = overview_queries.figures(store, manifest, lineage.lineage(store, query, manifest))
    return {f.label: f for f in found}


def test_the_five_figures_say_what_they_were_found_on(store: Store):
    found = figures(store)
    assert len(found) == 5
    assert (found["Samples accepted"].value, found["Samples accepted"].words) == ("52", "86.7 % of 60 generated")
    assert "90 items: PASS" in found["Student against baseline"].words
    assert "8 items x 2 raters in `pilot`" in found["Agreement of raters, α"].words
    assert "14 decided votes" in found["Pane A chosen"].words
    assert found["Provenance complete"].value == "66.6 %"


def test_a_figure_leads_to_the_rows_behind_it(store: Store):
    found = figures(store)
    assert found["Samples accepted"].filters == {"state": "kept"}
    assert (found["Pane A chosen"].page, found["Pane A chosen"].filters) == ("studies", {"study": "pilot"})


def test_figures_that_nothing_is_known_of_name_the_command_that_makes_them(tmp_path: Path):
    (tmp_path / "task.toml").write_text(small.TASK, encoding="utf-8")
    with Store.open(tmp_path) as store:
        small.seal(store)
        found = figures(store)
    assert {label: f.command for label, f in found.items() if f.value is None} == {
        "Student against baseline": "stillhouse evaluate STUDENT",
        "Agreement of raters, α": "stillhouse review close STUDY",
        "Pane A chosen": "stillhouse review create NAME --kind pairwise",
    }


def test_a_second_version_says_how_many_more_were_accepted(tmp_path: Path):
    (tmp_path / "task.toml").write_text(small.TASK, encoding="utf-8")
    with Store.open(tmp_path) as store:
        small.seal(store)
        samples = store.versions.samples().filter(pl.col("state") == "kept").head(40)
        store.versions.seal(samples.cast(pl.Schema(SAMPLES)), decisions_frame([]), recipe="1" * 64, steps=[], facts={})
        accepted = figures(store)["Samples accepted"]
    assert (accepted.delta, accepted.trend) == (-12, (52, 40))


def test_every_sample_is_in_exactly_one_bar_of_the_teachers_chart(query: Query):
    frame = overview_queries.by_teacher(overview_queries.outcomes(query))
    assert frame["n"].sum() == 60
    counts = dict(frame.group_by("state").agg(pl.col("n").sum()).iter_rows())
    assert counts == {"kept": 52, "dropped": 5, "quarantined": 2, "failed": 1}


def test_the_raw_arm_counts_every_answer(store: Store, query: Query):
    answers = store.versions.samples()["answer"].count()
    assert overview_queries.outcomes(query)["answered"].sum() == answers == 59


def test_the_funnel_loses_at_each_step_what_ended_there_and_ends_with_what_is_kept(store: Store, query: Query):
    rows = overview_queries.funnel(overview_queries.outcomes(query), store.versions.manifest())
    assert rows["step"].to_list() == ["sample", "scrub", "checks", "dedup", "protect", "judges", "select", "kept"]
    assert rows["entered"][0] == 60
    assert rows["entered"].to_list()[1:] == rows["left"].to_list()[:-1]
    assert rows["left"][-1] == 52
    assert rows.filter(step="dedup").select("ended", "reason", "most").row(0) == (2, "duplicate", 2)


def test_each_slice_has_both_sides_of_the_newest_decision_with_an_interval(store: Store):
    found = overview_queries.slices(store)
    assert found["slice"].to_list() == ["clean", "clean", "long", "long", "typos", "typos"]
    assert set(found["who"]) == {"curated-sliced", "raw-sliced"}
    assert all(low <= a <= high for a, low, high in found.select("accuracy", "low", "high").iter_rows())
    worst = min(found.filter(who=found["who"][0])["accuracy"])
    assert f"{percent(worst, '.1f')} of 30 items" in overview_queries.takeaway(found)


def test_evaluations_without_slices_make_no_chart(built: Path):
    with Store.open(built) as store:
        assert overview_queries.slices(store).is_empty()


def test_the_cost_of_an_accepted_sample_is_what_the_runs_report_over_what_is_kept(store: Store):
    spent = overview_queries.cost(store, store.versions.manifest())
    assert spent.calls_each == 60 / 52
    assert spent.usd_each == 0.0


def test_rows_without_a_request_keep_a_version_from_being_ready(store: Store, query: Query):
    manifest = store.versions.manifest()
    found = release(store, manifest, lineage.lineage(store, query, manifest))
    provenance = next(f for f in found.findings if f.what == "Provenance")
    assert (provenance.level, provenance.n, provenance.page) == ("open", 60, "provenance")
    assert "20 with no request" in provenance.found


def test_an_order_that_decided_the_votes_keeps_a_version_from_being_ready(tmp_path: Path):
    (tmp_path / "task.toml").write_text(small.TASK, encoding="utf-8")
    with Store.open(tmp_path) as store:
        small.seal(store)
        reviews = ReviewService(store)
        reviews.create("first", kind="pairwise", n=17, overlap=2, raters=["ana", "ben"], seed=1)
        for rater in ("ana", "ben"):
            while items := reviews.next("first", rater, 10):
                for item in items:
                    reviews.vote(item.token, rater, "a", None, 2000)
        reviews.close("first")
        found = release(store, store.versions.manifest())
    order = next(f for f in found.findings if f.what == "Order of answers")
    assert (order.level, order.wanted, order.filters) == ("open", "reaches 45 % to 55 %", {"study": "first"})


def test_the_page_shows_figures_checks_and_what_blocks_a_release(traced: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(WORKSPACE, str(traced))
    app = AppTest.from_string("from dashboard.views import overview\noverview.render()", default_timeout=90).run()
    assert not app.exception
    said = "\n".join(str(e.value) for kind in (app.text, app.caption, app.markdown) for e in kind)
    assert "Quarantine: 2 samples wait for a person" in said
    assert "Wanted: reaches 45 % to 55 % (n = 14)" in said
    assert "Grey ticks: the baseline less the loss that the gate allows" in said
    assert app.dataframe[0].value.shape == (10, 5)
