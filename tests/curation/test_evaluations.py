"""The evaluations table gives back what was recorded."""

import pytest

from curation.errors import UnknownRecord
from curation.evaluation import Evaluation, ItemScore
from curation.store.database import STATE, Database
from curation.store.evaluations import Evaluations


def evaluation(name, score):
    item = ItemScore(item="i1", cluster="c1", expected="refund", predicted="refund", score=score, confidence=0.9)
    return Evaluation(
        id=name, student="s", version=None, arm="raw", seed=1, holdout="h" * 64, metric="accuracy@1",
        items=(item,), summary={"accuracy": score},
    )  # fmt: skip


def test_an_evaluation_measured_again_replaces_the_earlier_one_when_loaded(tmp_path):
    table = Evaluations(Database.sqlite(tmp_path / "state.db", STATE))
    table.save(evaluation("raw-1", 1.0))
    table.save(evaluation("curated-1", 1.0))
    table.save(evaluation("raw-1", 0.0))
    assert table.load("raw-1").summary == {"accuracy": 0}
    assert [e.id for e in table.list()] == ["curated-1", "raw-1"]


def test_an_unknown_evaluation_is_refused_naming_the_known_ones(tmp_path):
    table = Evaluations(Database.sqlite(tmp_path / "state.db", STATE))
    table.save(evaluation("raw-1", 1.0))
    with pytest.raises(UnknownRecord, match="raw-1"):
        table.load("raw-2")
