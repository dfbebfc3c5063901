"""The Samples page on versions of many chunks: what it finds, what it reads for that, and what it lets people do."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from curation.atlas.drawing import draw_map
from curation.errors import InputError, UnknownRecord
from curation.quarantine import Quarantine
from curation.store.maps import MapWanted, SampleMap
from curation.store.quarantine import Rulings
from curation.store.query import Query
from curation.store.review_records import Details, Span
from curation.store.store import Store
from curation.task import read_task
from dashboard import sample_actions, sample_cards, sample_maps, sample_queries, sample_votes
from dashboard.launch import WORKSPACE
from dashboard.sample_queries import Facts, Filters, Seen
from judges.review import ReviewService
from tests.dashboard import many_samples

NUMBER, CHUNK = 50_000, 30_000
TEXTS = {"messages", "answer", "labels"}


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return many_samples.build(tmp_path_factory.mktemp("many") / "work space", NUMBER, chunk=CHUNK)


class Watched(Query):
    """A version that notes what each question read: columns, row groups, rows that came out of the files."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.scans: list[dict[str, Any]] = []

    def sql(self, text: str, parameters: dict[str, Any] | None = None, *, limit: int | None = None) -> pl.DataFrame:
        cursor = self._connection.cursor()
        told = cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {text}", parameters or {}).fetchall()[0][1]
        self.scans += _scans(json.loads(told)["operator"])
        return super().sql(text, parameters, limit=limit)


def _scans(operators: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for operator in operators:
        if operator["type"] == "TABLE_SCAN":
            columns = operator["extra_info"].get("Projections", [])
            filters = operator["extra_info"].get("Filters", [])
            yield {
                "columns": {columns} if isinstance(columns, str) else set(columns),
                "filters": " ".join([filters] if isinstance(filters, str) else filters),
                "groups": operator["row_groups_scanned"],
                "rows": operator["intermediate_rows"],
            }
        yield from _scans(operator.get("children", []))


@pytest.fixture
def watched(many: Path) -> Iterator[Watched]:
    with Store.open(many) as store, Watched(store) as query:
        yield query


@pytest.fixture
def known(watched: Watched) -> Facts:
    found = sample_queries.facts(watched)
    watched.scans.clear()
    return found


@pytest.fixture(scope="module")
def table(many: Path) -> pl.DataFrame:
    with Store.open(many) as store:
        return store.versions.samples()


def everything(query: Query, known: Facts, filters: Filters) -> Seen:
    return sample_queries.look(query, known, filters, seconds=1e9)


# --- what is found ---------------------------------------------------------------------------------------------

MATCHING = {
    "all": (Filters(), pl.lit(True)),
    "state": (Filters(state="dropped"), pl.col("state") == "dropped"),
    "two": (
        Filters(reason="duplicate", teacher="birch-large"),
        (pl.col("reason") == "duplicate") & (pl.col("teacher") == "birch-large"),
    ),
    "step": (Filters(step="judges", judged="split"), (pl.col("step") == "judges") & (pl.col("judged") == "split")),
    "edited": (Filters(edited="yes"), pl.col("edited")),
    "not edited": (Filters(edited="no", state="failed"), ~pl.col("edited") & (pl.col("state") == "failed")),
    "tag": (Filters(tag="urgent"), pl.col("tags").list.contains("urgent")),
    "group": (Filters(group="customer-77"), pl.col("group") == "customer-77"),
    "label": (Filters(label="intent=refund"), pl.col("labels").str.json_path_match("$.intent") == "refund"),
    "no such label": (Filters(label="no/such~field=refund"), pl.lit(False)),
    "text": (
        Filters(text="QUIXOTIC zephyr"),
        pl.col("messages").list.first().struct.field("content").str.contains("quixotic zephyr"),
    ),
    "prompt": (Filters(text="prompt:p778"), pl.col("prompt_id") == "p778"),
    "percent": (Filters(text="%"), pl.lit(False)),
    "pattern": (Filters(text="a.*b"), pl.lit(False)),
    "quote": (Filters(teacher="x' OR '1'='1"), pl.lit(False)),
}


@pytest.mark.parametrize("name", MATCHING)
def test_first_and_last_page_of_a_filter_hold_exactly_what_matches_in_plan_order(
    name: str, watched: Watched, known: Facts, table: pl.DataFrame
):
    filters, said = MATCHING[name]
    expected = table.filter(said)["id"].to_list()
    seen = everything(watched, known, filters)
    assert (seen.total, seen.done) == (len(expected), True)
    last = max(1, -(-len(expected) // 50))
    for number in {1, last}:
        page = sample_queries.page(watched, filters, seen, number)
        assert page["id"].to_list() == expected[50 * (number - 1) : 50 * number]
    assert sample_queries.ids(watched, filters).split() == expected


def test_a_page_that_crosses_a_chunk_follows_on_without_a_gap(watched: Watched, known: Facts, table: pl.DataFrame):
    seen = everything(watched, known, Filters())
    at = sample_queries.spots(watched, Filters(), seen, CHUNK - 20, 50)
    assert [spot.chunk for spot in at] == [0] * 20 + [1] * 30
    rows = sample_queries.rows_at(watched, at, ["id"])
    assert rows["id"].to_list() == table["id"][CHUNK - 20 : CHUNK + 30].to_list()


def test_an_id_finds_its_sample_and_its_beginning_does_too(watched: Watched, known: Facts, table: pl.DataFrame):
    ident = table["id"][41_000]
    assert not Filters(text=ident).reads_text
    for text in (ident, ident[:10]):
        seen = everything(watched, known, Filters(text=text))
        assert sample_queries.page(watched, Filters(text=text), seen, 1)["id"].to_list() == [ident]


def test_a_search_says_how_far_it_looked_and_goes_on_from_there(watched: Watched, known: Facts):
    filters = Filters(text=many_samples.RARE)
    seen = sample_queries.look(watched, known, filters, seconds=0)
    assert (seen.looked, seen.of, seen.done) == (1, 3, False)
    steps = [seen]
    while not steps[-1].done:
        steps.append(sample_queries.look(watched, known, filters, steps[-1], seconds=0))
    assert [s.looked for s in steps] == [1, 2, 3]
    assert steps[-1] == everything(watched, known, filters)


def test_choices_are_counted_beside_the_other_filters(known: Facts, table: pl.DataFrame):
    dropped = table.filter(state="dropped")
    offered = sample_queries.offered(known, Filters(state="dropped", reason="duplicate"), "reason")
    assert offered == dict(dropped["reason"].value_counts().iter_rows())
    assert sample_queries.kept_of(known, Filters(edited="yes")) == (
        int(table["edited"].sum()),
        table.filter(pl.col("edited"), state="kept").height,
    )
    assert known.tags == ("chat", "mail", "urgent")
    assert "intent=refund" in known.labels
    assert not any(label.startswith("reply=") for label in known.labels)


# --- what is read for it ---------------------------------------------------------------------------------------


def test_what_a_version_holds_is_counted_without_reading_a_prompt_or_an_answer(many: Path):
    with Store.open(many) as store, Watched(store) as query:
        sample_queries.facts(query)
        whole = [scan for scan in query.scans if "file_row_number" not in scan["filters"]]
        assert not any(scan["columns"] & TEXTS for scan in whole)
        glanced = [scan for scan in query.scans if scan not in whole]
        assert max(scan["rows"] for scan in glanced) <= sample_queries.GLANCE


def test_a_filter_on_short_columns_reads_no_text_and_its_last_page_reads_one_chunk(watched: Watched, known: Facts):
    filters = Filters(state="kept")
    seen = everything(watched, known, filters)
    assert not any(scan["columns"] & TEXTS for scan in watched.scans)
    watched.scans.clear()
    sample_queries.page(watched, filters, seen, -(-seen.total // 50))
    assert {scan["groups"] for scan in watched.scans} == {1}
    with_text = [scan for scan in watched.scans if scan["columns"] & TEXTS]
    assert len(with_text) == 1
    assert with_text[0]["columns"] <= {"id", "state", "reason", "teacher", "messages", "answer"}
    assert "file_row_number IN" in with_text[0]["filters"]


def test_a_search_reads_only_the_parts_it_came_to(watched: Watched, known: Facts):
    sample_queries.look(watched, known, Filters(text="ee"), seconds=0)
    assert len(watched.scans) == 1
    assert watched.scans[0]["groups"] == 1
    assert f"file_row_number < {sample_queries.PART}" in watched.scans[0]["filters"]


def test_a_card_reads_texts_of_one_row(watched: Watched, many: Path, table: pl.DataFrame):
    ident = table.filter(state="dropped", reason="judge_rejected")["id"][-1]
    with Store.open(many) as store:
        watched.scans.clear()
        card = sample_cards.card(store, watched, ident)
    assert card["id"] == ident
    assert [vote["weight"] for vote in card["steps"][3]["evidence"]["votes"]] == [1.25, 0.8]
    with_text = [scan for scan in watched.scans if scan["columns"] & TEXTS]
    assert len(with_text) == 1
    assert with_text[0]["groups"] == 1


# --- the page --------------------------------------------------------------------------------------------------


def page(workspace: Path, monkeypatch: pytest.MonkeyPatch, **parameters: str) -> AppTest:
    monkeypatch.setenv(WORKSPACE, str(workspace))
    app = AppTest.from_string("from dashboard.views import samples\nsamples.render()", default_timeout=60)
    for key, value in parameters.items():
        app.query_params[key] = value
    return again(app)


def again(app: AppTest) -> AppTest:
    app.run()
    assert not app.exception, app.exception[0].message
    return app


def words(app: AppTest) -> str:
    kinds = (app.header, app.caption, app.text, app.success, app.warning, app.info, app.toast)
    return "\n".join(str(e.value) for kind in kinds for e in kind)


def test_every_filter_is_taken_from_the_address(many: Path, monkeypatch: pytest.MonkeyPatch, table: pl.DataFrame):
    found = table.filter(
        pl.col("labels").str.contains('"intent":"refund"', literal=True) & ~pl.col("edited"),
        pl.col("tags").list.contains("mail"),
        reason="duplicate", teacher="alder-large",
    )  # fmt: skip
    asked = {
        "state": "dropped", "reason": "duplicate", "step": "dedup", "teacher": "alder-large", "edited": "no",
        "label": "intent=refund", "tag": "mail", "group": found["group"][0],
    }  # fmt: skip
    app = page(many, monkeypatch, **asked)
    assert {box.key: box.value for box in app.selectbox} == {k: v for k, v in asked.items() if k != "group"} | {
        "judged": None
    }
    same = found.filter(group=asked["group"])
    assert app.dataframe[-1].value["id"].to_list() == same["id"].to_list()


def test_a_long_search_goes_on_by_itself_until_the_page_is_full_or_all_was_looked_through(
    many: Path, monkeypatch: pytest.MonkeyPatch, table: pl.DataFrame
):
    monkeypatch.setenv(WORKSPACE, str(many))
    app = page(many, monkeypatch, text=many_samples.RARE)
    for _ in range(5):
        if "At least" not in words(app):
            break
        again(app)
    assert "3 samples match" in words(app)


def test_a_page_of_another_search_that_there_is_not_shows_the_first(many: Path, monkeypatch: pytest.MonkeyPatch):
    app = page(many, monkeypatch, state="failed", page="900")
    assert app.dataframe[-1].value.shape[0] == 50


def test_what_a_prompt_says_is_shown_as_text_and_never_as_markup(built: Path, monkeypatch: pytest.MonkeyPatch):
    with Store.open(built) as store:
        ident = store.versions.samples().filter(prompt_id="p004")["id"][0]
    app = page(built, monkeypatch, id=ident)
    assert "tracker.example" in words(app)
    assert not any("tracker.example" in str(element.value) for element in app.markdown)
    assert not any("onerror" in str(element.proto) for element in app.main.get("html"))


# --- actions ---------------------------------------------------------------------------------------------------


def test_a_review_is_opened_on_exactly_what_was_planned_and_closed_by_undo(
    house: Path, monkeypatch: pytest.MonkeyPatch
):
    app = page(house, monkeypatch, state="dropped")
    app.text_input(key="bulk_name").set_value("second look")
    app.text_input(key="bulk_by").set_value("maria")
    again(app)
    app.button(key="bulk_dry").click()
    again(app)
    assert "Opens the blind review 'second look' of 5 samples: 5 votes wanted." in words(app)
    with Store.open(house) as store:
        assert "second look" not in {study.name for study in ReviewService(store).studies()}
    app.button(key="bulk_do").click()
    again(app)
    with Store.open(house) as store:
        dropped = set(store.versions.samples().filter(state="dropped")["id"])
        shown = ReviewService(store).next("second look", "ana", 10)
        event = store.ledger.events("review_opened")[-1]
    assert (len(shown), len(dropped), event.actor) == (5, 5, "maria")
    app.button(key="bulk_undo").click()
    again(app)
    with Store.open(house) as store:
        assert next(s for s in ReviewService(store).studies() if s.name == "second look").closed


def test_a_review_somebody_voted_in_is_not_undone(house: Path):
    with Store.open(house) as store, Query(store) as query:
        rows = query.sql("SELECT * FROM samples WHERE state = 'kept' LIMIT 3")
        plan = sample_actions.plan_review(store, rows, "picked", 1)
        sample_actions.open_review(ReviewService(store), query.version, plan, "picked", 1, "maria")
        service = ReviewService(store)
        service.vote(service.next("picked", "ana", 1)[0].token, "ana", "accept", None, 900)
        with pytest.raises(InputError, match="1 vote was given"):
            sample_actions.close_review(ReviewService(store), "picked", "maria")
        with pytest.raises(InputError, match="already a review"):
            sample_actions.plan_review(store, rows, "picked", 1)


def test_a_dry_run_says_what_is_left_out_and_why(house: Path):
    with Store.open(house) as store:
        rows = store.versions.samples()
        said = sample_actions.plan_review(store, rows, "all", 2).words
        assert "59 samples: 118 votes" in said[0]
        assert said[-1] == "Left out: 1 that have no answer."
        approval = sample_actions.plan_approval(store, rows)
        assert approval.words[0].startswith("Approves 2 samples")
        assert approval.words[1] == "Left out: 58 that are not in quarantine."


def test_approved_samples_wait_again_after_undo(house: Path, monkeypatch: pytest.MonkeyPatch):
    app = page(house, monkeypatch, state="quarantined")
    app.segmented_control(key="action").set_value("Approve")
    again(app)
    app.text_input(key="bulk_by").set_value("maria")
    app.button(key="bulk_dry").click()
    again(app)
    app.button(key="bulk_do").click()
    again(app)
    assert "Recorded 2 rulings" in words(app)
    with Store.open(house) as store:
        rulings = Rulings(store.state, store.ledger).list()
        assert {(r.ruling, r.by) for r in rulings} == {("approve", "maria")}
        ruled = sample_actions.plan_approval(store, store.versions.samples()).words
        assert "Left out: 2 that were ruled on already." in ruled
    app.button(key="bulk_undo").click()
    again(app)
    with Store.open(house) as store:
        assert Rulings(store.state, store.ledger).list() == []
        waiting = Quarantine(store, read_task(house / "task.toml")).waiting()
        assert waiting["ruling"].null_count() == 2
        assert [e.body["ruling"] for e in store.ledger.events("quarantine")] == ["approve"] * 2 + ["withdraw"] * 2


def test_nothing_is_done_without_a_name_for_the_ledger(house: Path, monkeypatch: pytest.MonkeyPatch):
    app = page(house, monkeypatch, state="quarantined")
    app.segmented_control(key="action").set_value("Approve")
    again(app)
    app.button(key="bulk_dry").click()
    again(app)
    app.button(key="bulk_do").click()
    again(app)
    assert "Say who you are first" in words(app)
    with Store.open(house) as store:
        assert Rulings(store.state, store.ledger).list() == []


# --- the card --------------------------------------------------------------------------------------------------


def test_votes_of_an_open_study_are_counted_and_not_shown(house: Path):
    with Store.open(house) as store, Query(store) as query:
        service = ReviewService(store)
        service.vote(service.next("tone", "ana", 1)[0].token, "ana", "a", None, 900)
        voted = str(store.ledger.events("vote")[-1].body["samples"][0])  # type: ignore[index]
        card = sample_cards.card(store, query, voted)
    assert card["hidden_votes"] == 1
    assert "tone" not in {vote["study"] for vote in card["reviews"]}


def test_comments_marks_and_edits_of_a_closed_study_are_shown_where_they_lie(house: Path):
    with Store.open(house) as store, Query(store) as query:
        rows = query.sql("SELECT * FROM samples WHERE state = 'kept' LIMIT 1")
        plan = sample_actions.plan_review(store, rows, "marked", 1)
        sample_actions.open_review(ReviewService(store), query.version, plan, "marked", 1, "maria")
        service = ReviewService(store)
        (item,) = service.next("marked", "ana", 1)
        details = Details(comment="too curt", spans=(Span(pane="a", start=2, end=6, tag="wrong"),))
        service.vote(item.token, "ana", "accept", None, 900, details=details)
        card = sample_cards.card(store, query, rows["id"][0])
        assert sample_votes.said_of(store, card) == []
        service.close("marked")
        (said,) = sample_votes.said_of(store, sample_cards.card(store, query, rows["id"][0]))
    assert (said.rater, said.comment) == ("ana", "too curt")
    assert [(m.start, m.end, m.kind) for m in said.answer] == [(2, 6, "wrong")]


def test_an_id_that_several_samples_share_the_beginning_of_is_not_guessed(built: Path):
    with Store.open(built) as store, Query(store) as query:
        first = sorted(store.versions.samples()["id"].str.head(1).value_counts().iter_rows(), key=lambda c: -c[1])[0]
        with pytest.raises(UnknownRecord, match="several samples"):
            sample_cards.card(store, query, first[0])
        with pytest.raises(UnknownRecord, match="no version holds"):
            sample_cards.card(store, query, "ffff" * 8)


def test_a_sample_names_every_version_that_holds_it_and_where_it_came_from(built: Path):
    with Store.open(built) as store, Query(store) as query:
        ident = store.versions.samples()["id"][7]
        card = sample_cards.card(store, query, ident)
        assert sample_cards.versions_of(store, ident).rows() == [(store.versions.head(), "dropped", "schema")]
        lineage = dict(sample_cards.lineage(store, card))
    assert lineage["Prompt"] == "p002, prompts.jsonl:3"
    assert lineage["Sealed"].endswith(", dropped")


def test_a_difference_put_together_again_gives_both_texts_and_shows_markup_as_text():
    before, after = "send <b>it</b> back, please", "send <i>it</i> back today, please"
    changes = sample_cards.difference(before, after)
    assert "".join(c.text for c in changes if c.kind != "added") == before
    assert "".join(c.text for c in changes if c.kind != "removed") == after
    html = sample_cards.shown(changes, "a & b")
    assert "<i>" not in html
    assert "today" in html


def test_what_was_masked_is_marked_by_its_placeholder_and_listed_without_a_value():
    spans = [{"type": "EMAIL", "path": "messages.0", "detector": "email", "score": 1.0, "commitment": "ab"}]
    found = sample_cards.masked([{"step": "scrub", "evidence": {"spans": spans}}, {"step": "checks"}])
    assert found.to_dicts() == [{"kind": "email", "where": "messages.0", "detector": "email", "score": 1.0}]
    marked = sample_cards.marks("mail [EMAIL] or [PHONE]", {"email"})
    assert [(m.start, m.end, m.kind) for m in marked] == [(5, 12, "email")]


# --- the map ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mapped(many: Path) -> SampleMap:
    with Store.open(many) as store:
        return draw_map(store, MapWanted(version=store.versions.head(), points=300))


def test_a_rectangle_of_the_map_finds_the_samples_that_lie_in_it_beside_other_filters(
    watched: Watched, known: Facts, mapped: SampleMap, table: pl.DataFrame, many: Path
):
    text = sample_maps.written(mapped, box=(-0.4, 0.5, -0.3, 0.6))
    with Store.open(many) as store:
        part = sample_maps.part_of(store, watched.version, text)
    assert part is not None
    inside = mapped.points.filter(pl.col("x").is_between(-0.4, 0.5), pl.col("y").is_between(-0.3, 0.6))
    at = (inside["chunk"].cast(pl.Int64) * CHUNK + inside["place"].cast(pl.Int64)).sort()
    assert 0 < inside.height < 300
    seen = everything(watched, known, Filters(marked=part.marked))
    assert not any(scan["columns"] & TEXTS for scan in watched.scans)
    assert (seen.total, seen.done) == (inside.height, True)
    assert sample_queries.ids(watched, Filters(marked=part.marked)).split() == table["id"].gather(at).to_list()
    kept = table[at.to_list()].filter(state="kept")["id"].to_list()
    assert sample_queries.ids(watched, Filters(state="kept", marked=part.marked)).split() == kept


def test_a_cluster_in_the_address_narrows_the_page_and_a_review_of_it_says_it_was_picked(
    many: Path, mapped: SampleMap, monkeypatch: pytest.MonkeyPatch
):
    cluster = mapped.facts.clusters[1]
    app = page(many, monkeypatch, area=sample_maps.written(mapped, cluster=cluster.number))
    assert f"{cluster.size:,} samples match" in words(app)
    assert f"cluster {cluster.number} ({cluster.name})" in words(app)
    app.text_input(key="bulk_name").set_value("of the map")
    app.button(key="bulk_dry").click()
    again(app)
    assert "These samples were picked and not drawn by chance" in words(app)
    app.button(key="map_off").click()
    again(app)
    assert f"{NUMBER:,} samples match" in words(app)


def test_a_part_of_a_map_that_is_not_here_matches_nothing_and_says_so(many: Path, monkeypatch: pytest.MonkeyPatch):
    for area in ("00000000:3", "nonsense", "00000000:1,2,3"):
        app = page(many, monkeypatch, area=area)
        assert "part of a map that was not drawn here" in words(app)
        assert "No sample matches these filters." in words(app)


def test_the_page_says_what_the_map_was_drawn_by_and_lists_its_clusters(
    many: Path, mapped: SampleMap, monkeypatch: pytest.MonkeyPatch
):
    app = page(many, monkeypatch, map="true")
    assert "300 of 50,000, drawn by chance. Near means alike in wording" in words(app)
    listed = next(f.value for f in app.dataframe if "size" in f.value.columns)
    assert listed["name"].to_list() == [c.name for c in mapped.facts.clusters]


def test_a_map_is_drawn_in_the_background_and_then_shown(house: Path, monkeypatch: pytest.MonkeyPatch):
    app = page(house, monkeypatch, map="true")
    if "meaning" in [str(c.value) for c in app.segmented_control]:
        app.segmented_control(key="map_by_prompt").set_value("wording")
        again(app)
    assert "No map of this kind was drawn yet" in words(app)
    app.button(key="map_draw").click()
    again(app)
    for _ in range(120):
        if "Every dot is" in words(app):
            break
        time.sleep(1)
        again(app)
    assert "60 in all" in words(app)


def test_what_a_chart_says_is_selected_is_read_as_a_rectangle():
    area = {"brush_index": 0, "brush_type": "rect", "coord_range": [[0, 0.5], [-1, 1]]}
    assert sample_maps.box_of({"selection": {"areas": [area]}}) == (0.0, 0.5, -1.0, 1.0)
    assert sample_maps.box_of({"selection": {"areas": []}}) is None
    assert sample_maps.box_of(None) is None
