"""verify: whichever stored bit changes, it is found; whatever is whole is not accused."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from curation.errors import UnknownRecord
from curation.store.store import Store
from curation.store.verify import verify
from tests.curation.sealing import open_store, seal

FLIPS = 200
COLUMNS = {"ledger": ("seq", "record", "hash"), "checkpoint": ("size", "head", "signature")}


def workspace(root: Path) -> Store:
    store = open_store(root)
    run = store.runs.start("run")
    seal(store, 30)
    seal(store, 31)
    store.runs.finish(run, {"kept": 24, "cost_usd": 0.125})
    store.ledger.append("vote", {"token": "t", "choice": "a", "reason": "Kürzer"}, actor="ada")
    return store


def flip(value: int | bytes, chance: random.Random) -> int | bytes:
    if isinstance(value, int):
        return value ^ 1 << chance.randrange(32)
    data = bytearray(value)
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def flip_file(path: Path, chance: random.Random) -> Callable[[], object]:
    before = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(flip(before, chance))
    return lambda: path.write_bytes(before)


def flip_row(store: Store, chance: random.Random) -> Callable[[], object]:
    table = chance.choice(["ledger", "ledger", "ledger", "checkpoint"])
    column = chance.choice(COLUMNS[table])
    with store.state.write() as connection:
        rows = connection.execute(sa.text(f"select rowid, {column} from {table}")).all()
        rowid, before = chance.choice(rows)
        after = flip(before, chance)
        while column == "seq" and any(after == value for _, value in rows):  # a number taken is refused by SQLite
            after = flip(before, chance)
        connection.execute(sa.text(f"update {table} set {column} = :v where rowid = :r"), {"v": after, "r": rowid})

    def restore() -> None:
        with store.state.write() as connection:
            connection.execute(sa.text(f"update {table} set {column} = :v where rowid = :r"), {"v": before, "r": rowid})

    return restore


def test_any_one_flipped_bit_in_a_file_or_a_ledger_row_is_found(tmp_path: Path):
    chance = random.Random(20261122)
    with workspace(tmp_path) as store:
        assert verify(store).ok
        files = [p for folder in (store.layout.chunks, store.layout.versions) for p in sorted(folder.iterdir())]
        assert {p.suffix for p in files} == {".parquet", ".json", ".leaves"}
        found = 0
        for n in range(FLIPS):
            restore = flip_row(store, chance) if n % 3 == 2 else flip_file(chance.choice(files), chance)
            found += not verify(store).ok
            restore()
            assert verify(store).ok
        assert found == FLIPS


def test_a_clean_workspace_reports_what_was_checked(tmp_path: Path):
    with workspace(tmp_path) as store:
        report = verify(store)
        assert report.as_dict() == {
            "ok": True,
            "version": store.versions.head(),
            "root": store.versions.manifest().root,
            "records": 31,
            "chunks": 3,  # both versions drop the same samples
            "events": 4,
            "signature": "valid",
            "problems": [],
        }
        assert verify(store, store.versions.list()[0]).records == 30
        with pytest.raises(UnknownRecord):
            verify(store, "nothing-of-that-name")


def test_a_workspace_without_a_version_is_whole_and_unsigned(tmp_path: Path):
    with open_store(tmp_path) as store:
        report = verify(store)
        assert report.ok
        assert (report.version, report.signature) == (None, "none")


def test_a_version_signed_by_another_key_is_refused(tmp_path: Path):
    with workspace(tmp_path / "ours") as store, open_store(tmp_path / "theirs") as other:
        assert verify(store, key=store.fingerprint.upper()).ok
        refused = verify(store, key=other.fingerprint)
        assert not refused.ok
        assert refused.signature == "invalid"
        assert other.fingerprint in refused.problems[0]


def test_a_version_put_in_from_another_workspace_is_refused(tmp_path: Path):
    with workspace(tmp_path / "ours") as store, open_store(tmp_path / "theirs") as other:
        forged = seal(other, 30)
        source = other.versions.manifest_path(forged.version)
        assert store.versions.list()[0] == forged.version  # equal work: only the key differs
        store.versions.manifest_path(forged.version).write_bytes(source.read_bytes())
        assert any("signed by key" in p for p in verify(store).problems)


@pytest.mark.parametrize("what", ["chunk", "manifest", "leaves"])
def test_a_file_that_is_gone_is_named(tmp_path: Path, what: str):
    with workspace(tmp_path) as store:
        version = store.versions.list()[0]
        path = {
            "chunk": Path(store.chunks.path(store.versions.manifest(version).samples[0])),
            "manifest": store.versions.manifest_path(version),
            "leaves": store.versions.leaves_path(version),
        }[what]
        path.unlink()
        assert any(path.stem in problem and "missing" in problem for problem in verify(store).problems)


def test_an_exchanged_record_key_no_longer_fits_its_leaf(tmp_path: Path):
    with workspace(tmp_path) as store:
        with store.keys.records.write() as connection:
            connection.execute(sa.text("update record_keys set key = :k where rowid = 3"), {"k": os.urandom(32)})
        assert verify(store).problems == [
            f"1 rows of version {store.versions.head()} do not fit their leaves or record keys"
        ]


def test_a_version_hidden_from_the_list_of_seals_is_found(tmp_path: Path):
    with workspace(tmp_path) as store:
        hidden = store.versions.head()
        with store.state.write() as connection:
            connection.execute(sa.text("delete from seals where version = :v"), {"v": hidden})
        assert f"version {hidden} is missing from the list of sealed versions" in verify(store).problems
