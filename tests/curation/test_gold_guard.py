"""Gold that came after a version was sealed keeps its rows from being exported or trained on."""

import pytest

from curation.errors import InputError
from curation.export import export
from curation.gold_guard import without_gold
from curation.select import arm_of
from curation.store.gold import Gold, GoldItem
from curation.task import Task
from tests.curation.sealing import open_store, seal
from training.data import arm_rows

QUOTED = "and my long story about the red bicycle that never came to me"
TASK = Task.model_validate({"task": {"name": "support"}, "answer": {"format": "json", "field": "intent"}})


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path) as opened:
        yield opened


def gold(store, *texts, name="gold"):
    rows = [GoldItem(id=f"g{i}", text=text, answer="refund") for i, text in enumerate(texts)]
    Gold(store.state).put(name, rows, ledger=store.ledger, actor="ana")


def test_an_export_of_rows_that_became_gold_is_refused_in_one_line_that_says_what_to_do(store, tmp_path):
    seal(store, changes={3: {"answer": f"Dear all, {QUOTED}."}})
    gold(store, "question 2", "nothing like it")
    gold(store, f"Hello {QUOTED}!", name="hard")
    said = r"equal or quote gold rows: 1 of the gold set 'gold', 1 of the gold set 'hard'.*stillhouse run"
    for arm in ("curated", "raw"):
        with pytest.raises(InputError, match=said):
            export(store, "head", "jsonl", tmp_path / "out.jsonl", arm=arm)
    assert not (tmp_path / "out.jsonl").exists()


def test_a_student_is_not_taught_rows_that_became_gold(store):
    seal(store)
    assert len(arm_rows(store, "head", "curated", TASK)) == 16
    gold(store, "Question 2?")
    with pytest.raises(InputError, match="1 of the gold set 'gold'"):
        arm_rows(store, "head", "curated", TASK)


def test_rows_that_were_turned_away_and_resemble_gold_are_left_out_of_the_raw_arm(store, tmp_path):
    seal(store)  # every fifth row is dropped as too short
    gold(store, "Question 4?")
    assert export(store, "head", "jsonl", tmp_path / "kept.jsonl").rows == 16
    assert export(store, "head", "jsonl", tmp_path / "raw.jsonl", arm="raw").rows == 19
    assert len(arm_rows(store, "head", "raw", TASK)) == 19


def test_gold_is_recognised_in_prompts_that_were_scrubbed(store):
    seal(store, changes={2: {"messages": [{"role": "user", "content": "Write to [EMAIL] now"}]}})
    gold(store, "Write to anna.meier@example.org now")
    rows = arm_of(store.versions.samples(), "curated")
    assert without_gold(store, "head", rows).height == 16
    with pytest.raises(InputError, match="1 of the gold set"):
        without_gold(store, "head", rows, TASK)


def test_with_gold_that_resembles_nothing_everything_leaves(store, tmp_path):
    seal(store)
    gold(store, "something else altogether")
    assert export(store, "head", "jsonl", tmp_path / "out.jsonl", task=TASK).rows == 16
