"""Provenance: every sample says why, versions say what changed, and a stranger can check a proof."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import curation.prove_verifier as verifier
from curation.errors import InputError, UnknownRecord
from curation.export import export
from curation.provenance import diff, find_by_export_row, find_by_text, prove, why
from curation.store.store import Store
from tests.curation.sealing import open_store, samples_of, seal

SCRIPT = Path(verifier.__file__)


def run_script(tmp_path: Path, proof: object, *options: str) -> tuple[int, str]:
    path = tmp_path / "proof.json"
    path.write_text(json.dumps(proof), encoding="utf-8")
    # -I: the script must stand alone, without the project on its path
    done = subprocess.run(
        [sys.executable, "-I", str(SCRIPT), str(path), *options], capture_output=True, text=True, cwd="/", check=False
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.fixture
def store(tmp_path: Path):
    with open_store(tmp_path / "house") as opened:
        yield opened


def test_a_dropped_sample_says_which_step_dropped_it_and_why(store: Store):
    version = seal(store).version
    dropped = store.versions.samples().row(4, named=True)
    said = why(store, dropped["id"])
    assert said["state"] == "dropped"
    assert said["prompt"] == "Question 4?"
    assert said["steps"] == [
        {"step": "scrub", "decision": "keep", "reason": None, "evidence": None},
        {
            "step": "checks",
            "decision": "drop",
            "reason": "too_short",
            "words": "answer has 2 characters, fewer than 5",
            "number": 2.0,
            "evidence": {"check": "length"},
        },
    ]
    assert said["versions"] == [{"version": version, "state": "dropped", "reason": "too_short"}]
    assert said["request"] == {"key": dropped["request_key"]}
    json.dumps(said)


def test_a_kept_sample_names_every_step_it_passed_in_every_version_that_holds_it(store: Store):
    first, second = seal(store, 5).version, seal(store, 6).version
    kept = store.versions.samples(first)["id"][0]
    said = why(store, kept[:12])
    assert [(s["step"], s["decision"]) for s in said["steps"]] == [
        ("scrub", "keep"),
        ("checks", "keep"),
        ("dedup", "keep"),
    ]
    assert [v["version"] for v in said["versions"]] == [second, first]
    assert said["reviews"] == []
    assert said["gold"] == []


def test_an_unknown_or_ambiguous_id_is_refused(store: Store):
    seal(store)
    with pytest.raises(UnknownRecord, match="no version holds"):
        why(store, "f" * 32)
    with pytest.raises(UnknownRecord, match="20 samples"):
        why(store, "")


def test_a_sample_is_found_by_its_words_literally(store: Store):
    seal(store)
    ids = store.versions.samples()["id"].to_list()
    assert find_by_text(store, "Question 7?") == [ids[7]]
    assert find_by_text(store, "gjort, no. 3") == [ids[3]]
    assert find_by_text(store, "Question .*") == []


def test_a_sample_is_found_by_the_line_of_an_export(store: Store, tmp_path: Path):
    seal(store, changes={1: {"answer": "line\u2028separator"}})
    for format in ("openai", "trl", "jsonl"):
        out = tmp_path / f"{format}.jsonl"
        export(store, "head", format, out)
        assert find_by_export_row(store, out, 3) == store.versions.samples()["id"][2]
    with pytest.raises(InputError, match="16 lines, no line 17"):
        find_by_export_row(store, out, 17)
    out.write_text('{"text": "not ours"}\nnot json\n', encoding="utf-8")
    with pytest.raises(InputError, match="no stillhouse_id"):
        find_by_export_row(store, out, 1)
    with pytest.raises(InputError, match=":2 cannot be read"):
        find_by_export_row(store, out, 2)


def test_two_versions_tell_what_came_what_went_and_what_changed_for_which_cause(store: Store):
    first = seal(store, 20)
    again = {
        0: {"state": "dropped", "reason": "duplicate", "step": "dedup"},
        4: {"state": "kept", "reason": None, "step": None},
        6: {"answer": "edited", "edited": True},
        7: {"group": None},
    }
    second = seal(store, 22, changes=again)
    ids = store.versions.samples()["id"].to_list()
    said = diff(store, first.version, "head")
    assert (said["a"], said["b"], said["equal"]) == (first.version, second.version, False)
    assert said["added"] == {"n": 2, "by_state": {"kept": 2}, "examples": ids[20:]}
    assert said["removed"] == {"n": 0, "by_state": {}, "examples": []}
    assert said["changed"] == {
        "n": 4,
        "by_cause": {
            "answer changed": {"n": 1, "examples": [ids[6]]},
            "dropped (too_short) -> kept": {"n": 1, "examples": [ids[4]]},
            "group changed": {"n": 1, "examples": [ids[7]]},
            "kept -> dropped (duplicate)": {"n": 1, "examples": [ids[0]]},
        },
    }


@pytest.mark.parametrize("size", [1, 2, 7, 20])
def test_a_stranger_can_check_that_a_sample_is_in_a_version(store: Store, tmp_path: Path, size: int):
    sealed = seal(store, size)
    sample = store.versions.samples()["id"][size - 1]
    code, said = run_script(tmp_path, prove(store, sample), "--key", store.fingerprint)
    assert code == 0
    assert said.startswith(f"VALID: sample {sample} is record ")
    assert sealed.version in said


@pytest.mark.parametrize("sample", ["0" * 32, "7f" * 16, "f" * 32])
@pytest.mark.parametrize("size", [0, 1, 20])
def test_a_stranger_can_check_that_a_sample_is_not_in_a_version(store: Store, tmp_path: Path, sample: str, size: int):
    seal(store, size)
    proof = prove(store, sample, absent=True)
    assert "row" not in proof
    code, said = run_script(tmp_path, proof, "--key", store.fingerprint)
    assert (code, "is not in version" in said) == (0, True)


def test_a_proof_of_what_is_not_so_is_never_made(store: Store):
    seal(store)
    sample = store.versions.samples()["id"][0]
    with pytest.raises(UnknownRecord, match="cannot be proven"):
        prove(store, sample, absent=True)
    with pytest.raises(UnknownRecord, match="--absent"):
        prove(store, "0" * 32)
    with pytest.raises(InputError, match="not a sample id"):
        prove(store, "P1")
    with pytest.raises(UnknownRecord, match="20 samples"):
        prove(store, "")
    assert prove(store, sample[:16]) == prove(store, sample)


def changed(proof: object, chance: random.Random) -> object:
    """The proof with one digit or letter of one value changed."""
    text = json.dumps(proof)
    start = text.index('"kind"')
    while True:
        at = chance.randrange(start, len(text))
        new = text[:at] + chance.choice("0123456789abcdef") + text[at + 1 :]
        if text[at].isalnum() and new != text:
            try:
                return json.loads(new)
            except ValueError:
                continue


def test_no_changed_proof_is_believed(store: Store):
    seal(store)
    ids = sorted(store.versions.samples()["id"])
    chance = random.Random(7)
    proofs = [prove(store, ids[5]), prove(store, f"{int(ids[5], 16) + 1:032x}", absent=True)]
    for n in range(200):
        forged = changed(proofs[n % 2], chance)
        if n % 2 and forged == {**proofs[1], "id": forged["id"]}:
            continue  # another absent id between the same neighbours is a true proof
        with pytest.raises((verifier.Refused, ValueError, KeyError, TypeError)):
            verifier.check(forged, store.fingerprint)


def test_neighbours_that_are_not_adjacent_prove_nothing(store: Store):
    seal(store)
    ids = sorted(store.versions.samples()["id"])
    hidden = ids[5]
    around = [prove(store, ids[i])["leaf"] for i in (4, 6)]
    forged = {**prove(store, "0" * 32, absent=True), "id": hidden, "neighbours": around}
    with pytest.raises(verifier.Refused, match="leave room"):
        verifier.check(forged, store.fingerprint)
    with pytest.raises(verifier.Refused, match="leave room"):
        verifier.check({**forged, "neighbours": []}, store.fingerprint)


def test_a_proof_by_another_key_is_refused_and_an_unnamed_key_is_said_to_be_unchecked(store: Store, tmp_path: Path):
    seal(store)
    proof = prove(store, store.versions.samples()["id"][0])
    assert run_script(tmp_path, proof, "--key", "0" * 32)[0] == 1
    assert "is not checked" in run_script(tmp_path, proof)[1]
    assert run_script(tmp_path, ["not", "a", "proof"])[0] == 1
    assert run_script(tmp_path, {})[0] == 1


def test_the_scripts_own_ed25519_agrees_with_the_library_in_use():
    chance = random.Random(3)
    for _ in range(20):
        key = Ed25519PrivateKey.from_private_bytes(chance.randbytes(32))
        public, message = key.public_key().public_bytes_raw(), chance.randbytes(chance.randrange(80))
        signature = key.sign(message)
        assert verifier.signature_fits(public, signature, message)
        assert not verifier.signature_fits(public, signature, message + b"x")


def test_the_script_stays_short_enough_to_read_before_trusting_it():
    assert len(SCRIPT.read_text(encoding="utf-8").splitlines()) <= 200


def test_what_the_tree_holds_is_what_a_sample_of_the_version_says(store: Store):
    seal(store)
    row = json.loads(str(prove(store, samples_of(store, 1)["id"][0])["row"]))
    assert row["messages"][-1] == {"role": "user", "content": "Question 0?"}
    assert row["state"] == "kept"
