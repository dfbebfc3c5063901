"""Versions: content is the same everywhere, the root is nobody's to guess, and nothing changes once sealed."""

import hashlib
import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import Corrupt, UnknownRecord, WorkspaceError
from curation.records import canonical, version_id
from curation.store import merkle
from curation.store.store import Store
from curation.store.versions import canonical_rows, content_digest, parse_leaves
from tests.curation.sealing import decisions_of, open_store, samples_of, seal

RFC_6962_LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
RFC_6962_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("size", range(9))
def test_the_root_is_that_of_the_certificate_transparency_test_vectors(size: int):
    hashes = [merkle.leaf_hash(bytes.fromhex(leaf)) for leaf in RFC_6962_LEAVES[:size]]
    assert merkle.root(hashes).hex() == RFC_6962_ROOTS[size]


@given(st.integers(1, 70).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))), st.integers(0, 7))
def test_an_audit_path_leads_from_its_leaf_and_from_no_other(place: tuple[int, int], bit: int):
    size, index = place
    hashes = [merkle.leaf_hash(bytes([i])) for i in range(size)]
    root, path = merkle.root(hashes), merkle.audit_path(hashes, index)
    assert merkle.root_from_path(hashes[index], index, size, path) == root
    other = bytes([hashes[index][0] ^ 1 << bit]) + hashes[index][1:]
    assert merkle.root_from_path(other, index, size, path) != root
    assert merkle.root_from_path(hashes[index], index, size, [*path, root]) is None


def digest_of(samples: pl.DataFrame) -> str:
    return content_digest(canonical_rows(samples))


def test_what_is_sealed_is_read_back_as_it_was(tmp_path: Path):
    with open_store(tmp_path) as store:
        samples = samples_of(store, 20)
        sealed = seal(store)
        assert sealed.new
        assert store.versions.samples().equals(samples)
        assert store.versions.decisions(sealed.version).equals(decisions_of(samples))
        assert store.versions.manifest().counts == {"dropped": 4, "kept": 16}


def test_equal_work_in_two_workspaces_gives_equal_content_and_different_roots(tmp_path: Path):
    with open_store(tmp_path / "one") as one, open_store(tmp_path / "two") as two:
        a, b = seal(one), seal(two)
        assert a.content == b.content
        assert a.version == b.version
        assert a.root != b.root
        assert not set(one.versions.samples()["id"]) & set(two.versions.samples()["id"])


def test_the_content_digest_is_the_documented_bytes(tmp_path: Path):
    with open_store(tmp_path) as store:
        samples = samples_of(store, 2)
        row = {
            "messages": [
                {"role": "system", "content": "Answer in JSON."},
                {"role": "user", "content": "Question 0?"},
            ],
            "answer": '{"intent": "refund", "reply": "Är gjort, no. 0"}',
            "labels": {"intent": "refund", "reply": "Är gjort, no. 0"},
            "group": "customer-0",
            "state": "kept",
            "reason": None,
        }
        assert digest_of(samples.head(1)) == hashlib.sha256(canonical(row) + b"\n").hexdigest()


def test_nothing_is_sealed_when_content_and_recipe_are_the_heads(tmp_path: Path):
    with open_store(tmp_path) as store:
        first = seal(store)
        again = seal(store)
        assert not again.new
        assert again.version == first.version
        assert store.versions.list() == [first.version]
        other = seal(store, recipe="another recipe")
        assert other.new
        assert store.versions.manifest(other.version).parents == (first.version,)
        assert other.version == version_id(first.content, "another recipe", [first.version])


def test_floats_and_providers_words_do_not_touch_the_content(tmp_path: Path):
    with open_store(tmp_path) as store:
        samples = samples_of(store, 6)
        noisy = samples.with_columns(logprob=pl.lit(-9.5), signal=pl.lit('{"refund":0.1}'), source=pl.lit("x:1"))
        assert digest_of(noisy) == digest_of(samples)
        assert digest_of(samples.reverse()) != digest_of(samples)


def test_two_samples_of_one_id_are_never_sealed(tmp_path: Path):
    with open_store(tmp_path) as store:
        samples = pl.concat([samples_of(store, 2)] * 2)
        with pytest.raises(ValueError, match="share an id"):
            store.versions.seal(samples, decisions_of(samples), recipe="r", steps=[], facts={})


def test_a_version_is_found_by_head_id_or_prefix_and_an_unknown_one_names_the_known(tmp_path: Path):
    with open_store(tmp_path) as store:
        with pytest.raises(UnknownRecord, match="nothing is sealed"):
            store.versions.resolve("head")
        version = seal(store).version
        assert store.versions.resolve("head") == store.versions.resolve(version[:6]) == version
        with pytest.raises(UnknownRecord, match=version):
            store.versions.resolve("no-such")


def test_a_version_written_but_not_recorded_is_invisible(tmp_path: Path):
    with open_store(tmp_path / "from") as other, open_store(tmp_path / "to") as store:
        version = seal(other).version
        for path in other.layout.versions.iterdir():
            (store.layout.versions / path.name).write_bytes(path.read_bytes())
        assert store.versions.head() is None
        with pytest.raises(UnknownRecord):
            store.versions.samples(version)


def test_leaves_are_forty_eight_bytes_each_sorted_by_id_and_hide_their_rows(tmp_path: Path):
    with open_store(tmp_path) as store:
        version = seal(store).version
        data = store.versions.leaves_path(version).read_bytes()
        leaves = parse_leaves(data)
        assert len(data) == 48 * 20
        assert [leaf.id for leaf in leaves] == sorted(store.versions.samples()["id"])
        with pytest.raises(Corrupt, match="sorted"):
            parse_leaves(data[48:96] + data[:48])
        with pytest.raises(Corrupt, match="whole number"):
            parse_leaves(data[:-1])


def test_record_keys_are_drawn_once_and_the_keys_folder_is_its_owners_alone(tmp_path: Path):
    with open_store(tmp_path) as store:
        ids = samples_of(store, 3)["id"].to_list()
        first = store.keys.of(ids)
        assert len(set(first.values())) == 3
        fingerprint = store.fingerprint
    assert (tmp_path / ".stillhouse" / "keys").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / ".stillhouse" / "keys" / "signing.key").stat().st_mode & 0o777 == 0o600
    with Store.open(tmp_path) as again:
        assert again.keys.of(ids) == first
        assert again.fingerprint == fingerprint


def test_a_lost_signing_key_is_an_error_once_something_is_sealed(tmp_path: Path):
    with open_store(tmp_path) as store:
        seal(store)
    (tmp_path / ".stillhouse" / "keys" / "signing.key").unlink()
    with pytest.raises(WorkspaceError, match="restore the keys"):
        Store.open(tmp_path)


def test_a_folder_without_a_task_is_no_workspace_until_one_is_created(tmp_path: Path):
    with pytest.raises(WorkspaceError, match="stillhouse init"):
        Store.open(tmp_path)
    with Store.create(tmp_path / "new") as store:
        assert store.versions.head() is None


def test_a_manifest_holds_no_time_and_no_cost(tmp_path: Path):
    with open_store(tmp_path) as store:
        run = store.runs.start("run")
        seal(store)
        store.runs.finish(run, {"cost_usd": 1.25, "seconds": 3.5})
        manifest = json.loads(store.versions.manifest_path(store.versions.resolve("head")).read_bytes())
        assert not {"at", "time", "cost_usd", "seconds", "calls"} & set(manifest) | set(manifest["facts"]) & {
            "cost_usd"
        }
        assert store.runs.last() == store.runs.list()[-1]
        assert store.runs.list()[-1]["report"] == {"cost_usd": 1.25, "seconds": 3.5}
