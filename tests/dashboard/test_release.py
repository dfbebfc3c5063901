from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.store.store import Store
from dashboard.release import release


@pytest.fixture
def store(built: Path) -> Iterator[Store]:
    with Store.open(built) as opened:
        yield opened


def test_a_version_with_samples_in_quarantine_is_not_yet_ready_and_says_which_command_helps(store: Store):
    answer = release(store, store.versions.manifest())
    assert answer.answer == "not yet"
    assert "2 samples wait" in answer.sentence
    assert next(f for f in answer.findings if f.what == "Quarantine").command == "stillhouse quarantine list"


def test_a_gate_that_failed_makes_the_answer_no(house: Path):
    from curation.store.gates import Gates

    with Store.open(house) as store:
        Gates(store.state).save("curated-0", "raw-0", "FAIL", "It is worse: FAIL.", {}, store.ledger)
        answer = release(store, store.versions.manifest())
    assert (answer.answer, answer.findings[-1].level) == ("no", "bad")


def test_a_gate_about_another_version_says_nothing_about_this_one(store: Store):
    other = store.versions.manifest().model_copy(update={"version": "f" * 32})
    assert release(store, other).findings[-1].found == "not decided for this version"
