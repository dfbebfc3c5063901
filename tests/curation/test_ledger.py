"""The ledger: a chain over stored bytes, ordered across processes, whose end is signed."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from curation.errors import InputError
from curation.records import canonical
from curation.store.store import Store
from tests.curation.sealing import open_store, seal

ROOT = Path(__file__).parent.parent.parent

APPEND = """
import sys
from pathlib import Path
from curation.store.store import Store
with Store.open(Path(sys.argv[1])) as store:
    for n in range(15):
        store.ledger.append("vote", {"n": n}, actor=sys.argv[2])
"""


def execute(store: Store, sql: str, **values: object) -> None:
    with store.state.write() as connection:
        connection.execute(sa.text(sql), values)


def vote_that_fails(store: Store) -> None:
    with store.state.write() as connection:
        store.ledger.append_in(connection, "vote", {})
        raise InputError("the vote was for nothing shown")


def test_events_keep_their_order_their_body_and_their_actor(tmp_path: Path):
    with open_store(tmp_path) as store:
        assert store.ledger.append("gate", {"outcome": "PASS", "estimate": 0.5}, actor="ada") == 1
        assert store.ledger.append("vote", {"choice": "Ä"}) == 2
        assert [e.kind for e in store.ledger.events()] == ["gate", "vote"]
        [gate] = store.ledger.events("gate")
        assert (gate.actor, gate.body) == ("ada", {"outcome": "PASS", "estimate": 0.5})
        assert store.ledger.verify() == []


def test_an_event_is_recorded_with_its_cause_or_not_at_all(tmp_path: Path):
    with open_store(tmp_path) as store:
        with pytest.raises(InputError):
            vote_that_fails(store)
        assert store.ledger.events() == []
        assert store.ledger.append("vote", {}) == 1
        assert store.ledger.verify() == []


def test_three_processes_append_to_one_unbroken_chain(tmp_path: Path):
    with open_store(tmp_path) as store:
        writers = [subprocess.Popen([sys.executable, "-c", APPEND, str(tmp_path), who], cwd=ROOT) for who in "abc"]
        assert [writer.wait() for writer in writers] == [0, 0, 0]
        assert len(store.ledger.events()) == 45
        assert store.ledger.verify() == []


@pytest.mark.parametrize("kept", [0, 1, 3])
def test_a_log_whose_tail_was_cut_off_is_found(tmp_path: Path, kept: int):
    with open_store(tmp_path) as store:
        seal(store)
        for n in range(4):
            store.ledger.append("vote", {"n": n})
        execute(store, "delete from ledger where seq > :kept", kept=kept)
        assert any("tail was cut off" in p for p in store.ledger.verify())


def test_a_database_put_back_to_an_older_state_is_found_by_the_published_checkpoint(tmp_path: Path):
    with open_store(tmp_path) as store:
        store.ledger.append("vote", {"n": 1})
    state = tmp_path / ".stillhouse" / "state.db"
    before = state.read_bytes()
    with Store.open(tmp_path) as store:
        store.ledger.append("vote", {"n": 2})
    state.write_bytes(before)
    with Store.open(tmp_path) as store:
        assert store.ledger.verify() == [
            "the ledger holds 1 events, but a signed checkpoint says 2: its tail was cut off"
        ]


def test_a_log_rewritten_with_fitting_hashes_is_found_by_the_signature(tmp_path: Path):
    with open_store(tmp_path) as store:
        store.ledger.append("vote", {"choice": "a"})
        event = store.ledger.events()[0].model_copy(update={"body": {"choice": "b"}})
        record = canonical(event.model_dump(mode="json"))
        hashed = hashlib.sha256(record).digest()
        execute(store, "update ledger set record = :record, hash = :hashed", record=record, hashed=hashed)
        assert any("not the one that was signed" in p for p in store.ledger.verify())
        execute(store, "update checkpoint set head = :hashed", hashed=hashed)
        assert any("signature" in p for p in store.ledger.verify())


def test_events_added_without_the_key_are_found(tmp_path: Path):
    with open_store(tmp_path) as store:
        store.ledger.append("vote", {"n": 1})
        execute(store, "insert into ledger select 2, record, hash from ledger")
        assert store.ledger.verify()


def test_a_log_emptied_with_its_checkpoint_is_found(tmp_path: Path):
    with open_store(tmp_path) as store:
        seal(store)
        execute(store, "delete from ledger")
        execute(store, "update checkpoint set size = 0, head = x'', signature = x''")
        assert store.ledger.verify()


def test_a_run_that_was_killed_stays_listed_without_a_report(tmp_path: Path):
    with open_store(tmp_path) as store:
        store.runs.start("run")
        done = store.runs.start("run")
        store.runs.finish(done, {"kept": 1})
        assert [r["finished"] is None for r in store.runs.list()] == [True, False]
        assert store.runs.last() == store.runs.list()[1]
        [event] = store.ledger.events("run")
        assert event.body == {"run": done, "report": {"kept": 1}}
