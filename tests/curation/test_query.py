"""Questions in SQL: answered from the version alone, several at once, with no way out."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from curation.errors import InputError
from curation.records import DECISIONS, SAMPLES
from curation.store.query import Query
from tests.curation.sealing import open_store, seal


@pytest.fixture
def query(tmp_path: Path):
    with open_store(tmp_path / "it's a house") as store:
        run = store.runs.start("run")
        sealed = seal(store)
        store.runs.finish(run, {"version": sealed.version, "calls": 20, "cost_usd": 0.5})
        with Query(store) as opened:
            yield opened


def test_the_views_hold_the_version(query: Query):
    assert query.sql("select state, count(*) n from samples group by all order by all").rows() == [
        ("dropped", 4),
        ("kept", 16),
    ]
    assert query.sql("from samples").schema == pl.Schema(SAMPLES)
    assert query.sql("from decisions").schema == pl.Schema(DECISIONS)
    assert query.sql("select version, records, kept from versions").rows() == [(query.version, 20, 16)]
    assert query.sql("select version, calls, cost_usd from runs;").rows() == [(query.version, 20, 0.5)]
    assert query.sql("select position from samples order by 1 -- a comment", limit=3)["position"].to_list() == [0, 1, 2]


OUTSIDE = [
    "select * from read_text('/etc/hostname')",
    "select * from '/etc/hostname'",
    "select * from glob('/*')",
    "select * from read_parquet('/**/*.parquet')",
    "select * from read_csv('https://example.com/x.csv')",
    "copy samples to '/tmp/stillhouse-test-leak.csv'",
    "attach '/tmp/stillhouse-test-leak.db'",
    "install httpfs",
    "set enable_external_access = true",
    "set lock_configuration = false",
    "create table mine as select 1",
    "with gone as (delete from runs returning *) select * from gone",
    "select 1; select 2",
    "pragma database_list",
    "",
    "selec 1",
    "select nothing from samples",
]


@pytest.mark.parametrize("text", OUTSIDE)
def test_a_query_reaches_nothing_but_the_views_and_changes_nothing(query: Query, text: str):
    with pytest.raises(InputError) as refused:
        query.sql(text)
    assert len(str(refused.value).splitlines()) == 1
    assert query.sql("select count(*) n from runs")["n"][0] == 1
    assert not list(Path("/tmp").glob("stillhouse-test-leak*"))


def test_the_keys_beside_the_chunks_cannot_be_read(query: Query, tmp_path: Path):
    key = tmp_path / "it's a house" / ".stillhouse" / "keys" / "signing.key"
    assert key.exists()
    quoted = str(key).replace("'", "''")
    with pytest.raises(InputError):
        query.sql(f"select * from read_text('{quoted}')")


def test_a_row_lies_in_its_chunk_in_plan_order_and_a_value_is_bound_not_written_into_the_question(query: Query):
    rows = query.sql("select chunk, place, position from placed where state = $state", {"state": "kept"})
    assert rows.height == 16
    assert set(rows["chunk"]) == {0}
    assert rows["place"].to_list() == rows["position"].to_list()
    assert query.sql("select * from placed where state = $state", {"state": "kept' or 1=1 --"}).is_empty()


def test_queries_at_the_same_time_never_see_each_others_rows(query: Query):
    with ThreadPoolExecutor(8) as threads:
        asked = list(range(20)) * 5
        answers = threads.map(lambda n: query.sql(f"select position from samples where position = {n}"), asked)
        assert [a["position"].to_list() for a in answers] == [[n] for n in asked]
