"""Chunks: named by their bytes, durable, and never half there."""

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from curation.errors import Corrupt
from curation.store.store import Store
from curation.store.verify import verify
from tests.curation.sealing import open_store, samples_of, seal

ROOT = Path(__file__).parent.parent.parent


def test_a_table_put_in_chunks_comes_back_as_it_was(tmp_path: Path):
    with open_store(tmp_path / "a path with 'quotes'") as store:
        samples = samples_of(store, 12)
        assert store.chunks.get(store.chunks.put(samples)).equals(samples)


def test_a_long_table_becomes_several_chunks_and_an_empty_one_keeps_its_columns(tmp_path: Path):
    with open_store(tmp_path) as store:
        long = pl.DataFrame({"n": range(200_001)})
        digests = store.chunks.put_all(long)
        assert len(digests) == 3
        assert store.chunks.get_all(digests, {"n": pl.Int64}).equals(long)
        assert store.chunks.get(store.chunks.put_all(long.head(0))[0]).schema == long.schema


def test_a_chunk_that_is_not_what_its_name_says_is_never_read(tmp_path: Path):
    with open_store(tmp_path) as store:
        digest = store.chunks.put(samples_of(store, 3))
        path = Path(store.chunks.path(digest))
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(Corrupt, match=digest):
            store.chunks.get(digest)
        path.unlink()
        with pytest.raises(Corrupt, match="missing"):
            store.chunks.get(digest)


def test_a_half_written_chunk_is_invisible(tmp_path: Path):
    with open_store(tmp_path) as store:
        sealed = seal(store)
        (store.layout.chunks / f".{'0' * 64}.parquet.99.tmp").write_bytes(b"PAR1 and then the power went")
        assert store.versions.samples().height == 20
        report = verify(store)
        assert report.ok
        assert report.version == sealed.version
        assert len(report.notes) == 1
        seal(store, 21)
        assert verify(store).notes == []


FULL = """
import resource, sys
from pathlib import Path
from curation.errors import WorkspaceError
from tests.curation.sealing import open_store, seal
with open_store(Path(sys.argv[1])) as store:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
    try:
        seal(store, 3000)
    except WorkspaceError as error:
        print(error)
        sys.exit(3)
"""


@pytest.mark.parametrize("room", [2_000, 40_000, 100_000])
def test_a_full_disk_is_one_stated_error_and_leaves_a_clean_workspace(tmp_path: Path, room: int):
    with open_store(tmp_path) as store:
        first = seal(store)
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path), str(room)], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 3, done.stderr
    assert len(done.stdout.splitlines()) == 1
    with Store.open(tmp_path) as store:
        report = verify(store)
        assert report.ok, report.problems
        assert store.versions.head() == first.version
        assert seal(store, 3000).new


def test_a_store_that_is_no_database_is_one_stated_error(tmp_path: Path):
    with open_store(tmp_path) as store:
        seal(store)
    (tmp_path / ".stillhouse" / "state.db").write_bytes(b"not a database at all" * 400)
    with pytest.raises(Corrupt, match="restore it from a backup"):
        Store.open(tmp_path)
