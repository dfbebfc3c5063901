"""Provenance: how far rows can be traced, the story of a sample, and what forgetting a source would leave behind."""

from pathlib import Path

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from curation.errors import InputError
from curation.records import SAMPLES, decisions_frame
from curation.store.query import Query
from curation.store.store import Store
from dashboard import forgetting, lineage, sample_cards, timeline
from dashboard.launch import WORKSPACE
from dashboard.timeline import Event
from judges.review import ReviewService
from tests.dashboard import house as small
from tests.dashboard.traced import JOURNALLED


@pytest.fixture
def page(traced: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv(WORKSPACE, str(traced))
    return AppTest.from_string("from dashboard.views import provenance\nprovenance.render()", default_timeout=90)


def said(app: AppTest) -> str:
    kinds = (app.header, app.caption, app.text, app.markdown, app.code, app.metric, app.warning)
    return "\n".join(str(e.value) for kind in kinds for e in kind)


def test_a_row_is_complete_with_source_teacher_and_a_journalled_request(store: Store, query: Query):
    found = lineage.lineage(store, query, store.versions.manifest())
    assert (found.rows, found.complete, found.no_request) == (60, JOURNALLED, 60 - JOURNALLED)
    assert (found.no_source, found.no_teacher, found.unasked) == (0, 0, 0)
    assert found.missing == "20 with no request in this workspace's journal"


def test_rows_of_no_line_and_of_an_unnamed_teacher_are_told_apart(tmp_path: Path):
    (tmp_path / "task.toml").write_text(small.TASK, encoding="utf-8")
    with Store.open(tmp_path) as store:
        rows = [small.row(store, i) for i in range(4)]
        rows[0]["source"], rows[1]["source"], rows[2]["teacher"] = "", "typed by hand", "elm"
        rows[3]["request_key"] = ""
        models = {"teachers": [{"name": name} for name in small.TEACHERS]}
        frame = pl.DataFrame(rows, schema=SAMPLES)
        store.versions.seal(frame, decisions_frame([]), recipe="0" * 64, steps=[], facts=models)
        with Query(store) as query:
            found = lineage.lineage(store, query, store.versions.manifest())
            files = lineage.sources(query)
    assert (found.no_source, found.no_teacher, found.no_request, found.unasked) == (2, 1, 3, 1)
    assert found.complete == 1
    assert dict(files.select("source", "rows").iter_rows()) == {"(none)": 2, "prompts.jsonl": 2}


def test_terms_say_how_many_rows_they_cover(store: Store, query: Query):
    rows = lineage.terms(store.versions.manifest(), lineage.teachers(query))
    assert rows["teacher"].to_list() == list(small.TEACHERS)
    assert rows["rows"].sum() == 60
    assert rows["kept"].sum() == 52
    assert set(rows["allows"]) == {"unknown"}  # the task states no use


def test_the_timeline_of_a_dropped_sample_ends_where_it_was_dropped(store: Store, query: Query):
    ident = query.sql("SELECT id FROM samples WHERE reason = 'duplicate'")["id"][0]
    events = timeline.timeline(store, sample_cards.card(store, query, ident))
    whats = [e.what for e in events]
    assert whats == ["prompt", "asked", "reply", "scrub", "checks", "dedup", "split", "sealed"]
    assert events[5][:3] == ("dedup", "drop", "same prompt and answer as an earlier sample")
    assert "request id call-22" in events[2].words


def test_a_sample_whose_request_is_elsewhere_says_so(store: Store, query: Query):
    ident = query.sql("SELECT id FROM samples ORDER BY position DESC, teacher DESC LIMIT 1")["id"][0]
    events = timeline.timeline(store, sample_cards.card(store, query, ident))
    assert Event("asked", "cedar-large", timeline.GONE) in events


def test_a_diagram_holds_no_character_that_mermaid_would_read(store: Store):
    drawn = timeline.diagram([Event("prompt", 'p"]; click n0 href "http://tracker.example"', ""), Event("a", "b", "")])
    label = drawn.splitlines()[1].split('"')[1]
    assert not set(label) & set('"[]{}<>;#&|`')
    assert drawn.count('"') == 4


def test_forgetting_a_prompt_counts_its_rows_votes_and_versions(house: Path):
    with Store.open(house) as store, Query(store) as query:
        reviewed = ReviewService(store).status("pilot").study
        voted = query.sql("SELECT prompt_id FROM samples WHERE id = $id", {"id": _voted(store)})["prompt_id"][0]
        found = forgetting.forgetting(store, query, "prompt", voted)
    assert sum(found.rows.values()) == 3
    assert found.prompts == 1
    assert reviewed.name in found.studies
    assert found.votes >= 2
    assert found.versions["rows"].to_list() == [3]
    assert found.students == ("control-s0", "control-s1", "curated-s0", "curated-s1", "raw-s0", "raw-s1")


def _voted(store: Store) -> str:
    from dashboard import queries

    return str(queries.reviewed_samples(store)["id"][0])


def test_forgetting_a_file_a_group_and_a_teacher_counts_their_rows(store: Store, query: Query):
    def rows(kind: forgetting.Kind, value: str) -> int:
        return sum(forgetting.forgetting(store, query, kind, value).rows.values())

    assert rows("file", "prompts.jsonl") == 60
    assert rows("file", "prompts") == 0
    assert rows("group", "customer-1") == 12
    assert rows("teacher", "birch-large") == 20
    with pytest.raises(InputError, match="name the source"):
        rows("prompt", " ")


def test_forgetting_changes_nothing(house: Path):
    with Store.open(house) as store, Query(store) as query:
        before = store.ledger.checkpoint()
        forgetting.forgetting(store, query, "teacher", "birch-large")
        assert store.ledger.checkpoint() == before


def test_the_page_counts_what_a_source_leaves_behind(page: AppTest):
    app = page.run()
    assert not app.exception
    app.selectbox[0].set_value("group")
    next(box for box in app.text_input if box.label == "Which").set_value("customer-1")
    next(button for button in app.button if "Count" in button.label).click().run()
    assert not app.exception
    metrics = {m.label: m.value for m in app.metric}
    assert metrics["Rows"] == "12"
    assert "No command forgets" in said(app)


def test_verifying_from_the_page_is_an_event_and_the_page_says_when(house: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(WORKSPACE, str(house))
    app = AppTest.from_string("from dashboard.views import provenance\nprovenance.render()", default_timeout=90).run()
    assert "Nobody has had it verified" in said(app)
    app.button[0].click().run()
    assert "nothing was wrong, no event since" in said(app)
    with Store.open(house) as store:
        event = store.ledger.events("verified")[-1]
        assert event.body["ok"] is True
        assert event.body["problems"] == 0
        assert not store.ledger.verify()


def test_the_page_points_to_the_card_and_to_a_proof(page: AppTest, store: Store):
    told = said(page.run())
    assert f"cards/{store.versions.head()}.md" in told
    assert "stillhouse prove ID" in told
