"""Exports: each is loaded back by the library it is for, row by row the version's."""

import json
from pathlib import Path

import polars as pl
import pytest

from curation.card import write_card
from curation.errors import InputError
from curation.export import FORMATS, export
from curation.records import canonical
from curation.select import arm_of
from curation.store.store import Store
from tests.curation.sealing import open_store, samples_of, seal

CALL = canonical([{"name": "lookup", "arguments": '{"order":"ORD-123456"}', "id": "c1"}]).decode()


@pytest.fixture
def store(tmp_path: Path):
    with open_store(tmp_path / "house") as opened:
        yield opened


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_the_openai_file_has_the_shape_that_fine_tuning_reads(store: Store, tmp_path: Path):
    seal(store, changes={2: {"answer": "", "tool_calls": CALL}})
    report = export(store, "head", "openai", tmp_path / "deep" / "train.jsonl")
    rows = lines(report.path)
    kept = store.versions.samples().filter(pl.col("state") == "kept")
    assert report.rows == len(rows) == kept.height == 16
    for row in rows:
        assert set(row) == {"messages", "metadata"}
        assert [m["role"] for m in row["messages"]] == ["system", "user", "assistant"]
    assert [row["metadata"]["stillhouse_id"] for row in rows] == kept["id"].to_list()
    assert rows[0]["messages"][-1] == {"role": "assistant", "content": kept["answer"][0]}
    assert rows[2]["messages"][-1]["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "lookup", "arguments": '{"order":"ORD-123456"}'}}
    ]


def test_trl_reads_its_file_as_prompt_and_completion(store: Store, tmp_path: Path):
    from datasets import Dataset
    from trl.data_utils import is_conversational

    seal(store)
    report = export(store, "head", "trl", tmp_path / "train.jsonl")
    loaded = Dataset.from_json(str(report.path), cache_dir=str(tmp_path / "cache"), keep_in_memory=True)
    assert loaded.num_rows == report.rows
    assert set(loaded.column_names) == {"prompt", "completion", "stillhouse_id"}
    assert is_conversational(loaded[0])
    assert loaded[3]["completion"] == [{"role": "assistant", "content": store.versions.samples()["answer"][3]}]


def test_the_folder_is_loaded_by_datasets_and_carries_its_card(store: Store, tmp_path: Path):
    from datasets import load_dataset

    version = seal(store).version
    out = tmp_path / "a set"
    report = export(store, version, "hf", out)
    loaded = load_dataset(str(out), split="train", cache_dir=str(tmp_path / "cache"))
    kept = store.versions.samples().filter(pl.col("state") == "kept")
    assert loaded.num_rows == report.rows == kept.height
    assert loaded["stillhouse_id"][:] == kept["id"].to_list()
    assert loaded[0]["messages"][1] == {"role": "user", "content": "Question 0?"}
    assert set(loaded["label"]) == {"refund"}
    card = (out / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\n")
    assert store.fingerprint in card


def test_the_flat_file_holds_what_a_person_would_look_for(store: Store, tmp_path: Path):
    seal(store)
    [first, *_] = lines(export(store, "head", "jsonl", tmp_path / "all.jsonl").path)
    assert (first["label"], first["teacher"], first["group"], first["tags"]) == (
        "refund",
        "alder",
        "customer-0",
        ["web"],
    )
    assert first["labels"]["reply"] == "Är gjort, no. 0"
    assert first["signal"] == {"refund": 0.75}


def test_quarantined_protected_and_unanswered_samples_never_leave(store: Store):
    held = {
        0: {"state": "quarantined", "reason": "pii", "step": "scrub"},
        1: {"state": "dropped", "reason": "gold", "step": "protected", "control": True},
        2: {"state": "failed", "reason": "timeout", "step": "sample", "answer": None},
    }
    samples = samples_of(store, 10, changes=held)
    gone = set(samples["id"][:3])
    sizes = {}
    for arm in ("curated", "raw", "control"):
        leaving = arm_of(samples, arm)
        assert not gone & set(leaving["id"])
        sizes[arm] = leaving.height
    assert sizes == {"curated": 5, "raw": 7, "control": 3}


def test_an_unknown_format_or_an_empty_arm_is_refused_in_words(store: Store, tmp_path: Path):
    seal(store, 3, changes={i: {"control": False} for i in range(3)})
    with pytest.raises(InputError, match=r"did you mean 'jsonl'.*openai, trl, hf, jsonl"):
        export(store, "head", "json", tmp_path / "x")
    with pytest.raises(InputError, match="control"):
        export(store, "head", "jsonl", tmp_path / "x", arm="control")
    assert not (tmp_path / "x").exists()
    assert FORMATS == ("openai", "trl", "hf", "jsonl")


def test_the_card_states_counts_reasons_teachers_and_how_to_verify(store: Store):
    version = seal(store).version
    path = write_card(store, version)
    card = path.read_text(encoding="utf-8")
    assert path == store.layout.root / "cards" / f"{version}.md"
    for said in (
        f"version {version}",
        "| kept | 16 |",
        "| checks | drop | too_short | 4 |",
        "| alder | practice | alder-large | alder | free |",
        "decided on 3 kept samples",
        r"`ORD-\d{6}` (owner: ops)",
        f"stillhouse verify {version} --key {store.fingerprint}",
        store.versions.manifest().root,
    ):
        assert said in card
    assert write_card(store).read_text(encoding="utf-8") == card
