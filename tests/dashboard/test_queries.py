from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from curation.errors import UnknownRecord
from curation.store.query import Query
from curation.store.store import Store
from dashboard import queries


@pytest.fixture
def store(built: Path) -> Iterator[Store]:
    with Store.open(built) as opened:
        yield opened


@pytest.fixture
def query(store: Store) -> Iterator[Query]:
    with Query(store) as opened:
        yield opened


def test_every_sample_is_in_exactly_one_bar_of_the_teachers_chart(query: Query):
    frame = queries.by_teacher(query)
    assert frame["n"].sum() == 60
    assert dict(frame.group_by("state").agg(pl.col("n").sum()).iter_rows()) == {
        "kept": 52,
        "dropped": 5,
        "quarantined": 2,
        "failed": 1,
    }


def test_the_raw_arm_holds_every_answer_and_the_curated_one_what_is_kept(query: Query):
    arms = queries.arms(query)
    assert (arms["raw"], arms["curated"]) == (59, 52)


def test_the_timeline_of_a_dropped_sample_ends_at_the_step_that_dropped_it(store: Store, query: Query):
    dropped = query.sql("SELECT id FROM samples WHERE reason = 'duplicate'")["id"][0]
    entries = queries.timeline(queries.sample_card(store, dropped))
    assert [what for what, _, _ in entries] == ["asked", "scrub", "checks", "dedup", "sealed"]
    assert entries[3][1:] == ("drop", "same prompt and answer as an earlier sample")


def test_a_reviewed_sample_shows_who_voted(store: Store):
    sample = queries.reviewed_samples(store)["id"][0]
    raters = {v["rater"] for v in queries.sample_card(store, sample)["reviews"]}
    assert raters == {"ana", "ben"}


def test_votes_of_an_open_study_are_counted_and_not_shown(house: Path):
    from judges.review import ReviewService

    with Store.open(house) as store:
        service = ReviewService(store)
        service.vote(service.next("tone", "ana", 1)[0].token, "ana", "a", None, 900)
        event = store.ledger.events("vote")[-1]
        card = queries.sample_card(store, str(event.body["samples"][0]))  # type: ignore[index]
        assert card["hidden_votes"] == 1
        assert "tone" not in {vote["study"] for vote in card["reviews"]}
        assert queries.ledger_tail(store)["says"][0] == "study tone"


def test_an_unknown_sample_is_named_in_the_error(store: Store):
    with pytest.raises(UnknownRecord, match="ffff"):
        queries.sample_card(store, "ffff")


def test_an_arms_accuracy_lies_inside_its_interval_and_pools_its_seeds(store: Store):
    scores = queries.arm_scores(store)
    assert scores["arm"].to_list() == ["raw", "control", "curated"]
    assert all(low < accuracy < high for low, accuracy, high in scores.select("low", "accuracy", "high").iter_rows())
    assert scores["seeds"].to_list() == [2, 2, 2]
    assert scores["items"].to_list() == [300, 300, 300]


def test_a_closed_studys_figures_name_no_teacher(store: Store):
    from judges.review import ReviewService

    study = next(s for s in ReviewService(store).studies() if s.name == "pilot")
    said = str(queries.agreement_figures(study)) + str(queries.pace_rows(study).to_dicts())
    assert "Agreement" in said
    assert "alder" not in said


def test_a_workspace_without_a_seal_has_no_rows_to_show(tmp_path: Path):
    (tmp_path / "task.toml").write_text('[task]\nname = "empty"\n', encoding="utf-8")
    with Store.open(tmp_path) as store:
        assert store.versions.head() is None
        assert queries.last_runs(store).is_empty()
        assert queries.ledger_tail(store).is_empty()
        assert queries.arm_scores(store).is_empty()
        assert queries.reviewed_samples(store).is_empty()
