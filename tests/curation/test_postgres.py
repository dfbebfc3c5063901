"""The state store on a real PostgreSQL server: the same tables, the same promises."""

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from curation.errors import WorkspaceError
from curation.store.store import Store
from curation.store.verify import verify
from curation.task import Environment
from tests.curation.sealing import seal
from tests.postgres import server

pytestmark = pytest.mark.postgres
ROOT = Path(__file__).parent.parent.parent

APPEND = """
import sys
from pathlib import Path
from curation.store.store import Store
from curation.task import Environment
with Store.create(Path(sys.argv[1]), Environment({"DATABASE_URL": sys.argv[2]})) as store:
    for n in range(15):
        store.ledger.append("vote", {"n": n}, actor=sys.argv[3])
"""


@pytest.fixture(scope="module")
def url():
    with server() as address:
        yield address


def open_there(root: Path, url: str) -> Store:
    return Store.create(root, Environment({"DATABASE_URL": url}))


def test_runs_seals_and_events_live_on_the_server_and_verify(tmp_path: Path, url: str):
    with open_there(tmp_path, url) as store:
        run = store.runs.start("run")
        sealed = seal(store)
        store.runs.finish(run, {"version": sealed.version, "cost_usd": 0.25})
    assert not (tmp_path / ".stillhouse" / "state.db").exists()
    with open_there(tmp_path, url) as store:
        assert store.versions.head() == sealed.version
        assert store.runs.last() == store.runs.list()[0]
        assert store.runs.list()[0]["report"] == {"version": sealed.version, "cost_usd": 0.25}
        assert [e.kind for e in store.ledger.events()] == ["seal", "run"]
        assert verify(store).ok


def test_two_workspaces_share_a_server_without_seeing_each_other(tmp_path: Path, url: str):
    with open_there(tmp_path / "a", url) as a, open_there(tmp_path / "b", url) as b:
        seal(a)
        assert b.versions.head() is None
        assert b.ledger.events() == []


def test_processes_append_to_one_unbroken_chain_on_the_server(tmp_path: Path, url: str):
    with open_there(tmp_path, url) as store:
        command = [sys.executable, "-c", APPEND, str(tmp_path), url]
        writers = [subprocess.Popen([*command, who], cwd=ROOT) for who in "abc"]
        assert [writer.wait() for writer in writers] == [0, 0, 0]
        assert len(store.ledger.events()) == 45
        assert store.ledger.verify() == []


def test_a_tail_cut_off_on_the_server_is_found(tmp_path: Path, url: str):
    with open_there(tmp_path, url) as store:
        for n in range(3):
            store.ledger.append("vote", {"n": n})
        with store.state.write() as connection:
            schema = f"stillhouse_{store.fingerprint[:16]}"
            connection.execute(sa.text(f"delete from {schema}.ledger where seq = 3"))
        assert any("tail was cut off" in p for p in store.ledger.verify())


def test_a_server_that_is_not_there_is_one_stated_error(tmp_path: Path):
    with pytest.raises(WorkspaceError, match=r"store cannot be used: [^\n]*refused[^\n]*$"):
        open_there(tmp_path, "postgresql+psycopg://nobody@127.0.0.1:9/nothing")
