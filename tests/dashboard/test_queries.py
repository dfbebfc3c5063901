from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.errors import UnknownRecord
from curation.store.query import Query
from curation.store.store import Store
from dashboard import audit, queries, sample_cards


@pytest.fixture
def store(built: Path) -> Iterator[Store]:
    with Store.open(built) as opened:
        yield opened


@pytest.fixture
def query(store: Store) -> Iterator[Query]:
    with Query(store) as opened:
        yield opened


def test_a_reviewed_sample_shows_who_voted(store: Store, query: Query):
    sample = queries.reviewed_samples(store)["id"][0]
    raters = {v["rater"] for v in sample_cards.card(store, query, sample)["reviews"]}
    assert raters == {"ana", "ben"}


def test_votes_of_an_open_study_are_counted_and_not_shown(house: Path):
    from judges.review import ReviewService

    with Store.open(house) as store, Query(store) as query:
        service = ReviewService(store)
        service.vote(service.next("tone", "ana", 1)[0].token, "ana", "a", None, 900)
        event = store.ledger.events("vote")[-1]
        card = sample_cards.card(store, query, str(event.body["samples"][0]))  # type: ignore[index]
        assert card["hidden_votes"] == 1
        assert "tone" not in {vote["study"] for vote in card["reviews"]}
        assert audit.newest(store)["says"][0] == "study: tone"


def test_an_unknown_sample_is_named_in_the_error(store: Store, query: Query):
    with pytest.raises(UnknownRecord, match="ffff"):
        sample_cards.card(store, query, "ffff")


def test_an_arms_accuracy_lies_inside_its_interval_and_pools_its_seeds(store: Store):
    scores = queries.arm_scores(store)
    assert scores["arm"].to_list() == ["raw", "control", "curated"]
    assert all(low < accuracy < high for low, accuracy, high in scores.select("low", "accuracy", "high").iter_rows())
    assert scores["seeds"].to_list() == [2, 2, 2]
    assert scores["items"].to_list() == [300, 300, 300]


def test_a_workspace_without_a_seal_has_no_rows_to_show(tmp_path: Path):
    (tmp_path / "task.toml").write_text('[task]\nname = "empty"\n', encoding="utf-8")
    with Store.open(tmp_path) as store:
        assert store.versions.head() is None
        assert queries.last_runs(store).is_empty()
        assert audit.newest(store).is_empty()
        assert queries.arm_scores(store).is_empty()
        assert queries.reviewed_samples(store).is_empty()
