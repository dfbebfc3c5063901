"""Answers about one sample or two versions: why it is in or out, what changed, and a proof for a stranger."""

import json
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import JsonValue

from curation.errors import InputError, UnknownRecord
from curation.records import canonical_row
from curation.store import merkle
from curation.store.gold import Gold
from curation.store.replies import Replies
from curation.store.reviews import Reviews
from curation.store.store import Store
from curation.store.versions import HEAD, Leaf, Manifest, loads_object, steps_of

PROOF_FORMAT = "stillhouse-proof-1"
EXAMPLES = 10
FINAL = ("drop", "quarantine", "fail")


def why(store: Store, sample_id: str) -> dict[str, JsonValue]:
    """Everything known about why a sample is in or out, in the newest version that holds it.

    `steps` lists what each step decided, in order, silent keeps included; `versions` every version that holds the
    sample, newest first. A prefix of the id does when only one sample has it. Raises UnknownRecord.
    """
    found = list(_found(store, sample_id))
    ids = {row["id"] for _, row in found}
    if len(ids) != 1:
        which = f"{len(ids)} samples have an id starting with" if ids else "no version holds a sample"
        raise UnknownRecord(f"{which} {sample_id!r}; `stillhouse why --text STRING` looks for its text")
    version, row = found[0]
    decisions = store.versions.decisions(version).filter(pl.col("sample") == row["id"])
    held: list[JsonValue] = [{"version": v, "state": r["state"], "reason": r["reason"]} for v, r in found]
    return told(store, version, row, list(decisions.iter_rows(named=True)), held)


def told(
    store: Store, version: str, row: Mapping[str, Any], decisions: Sequence[dict[str, Any]], versions: list[JsonValue]
) -> dict[str, JsonValue]:
    """What `why` tells, of a row of a version's samples and the decisions about it, however they were read."""
    request = Replies(store.replies_db).request(row["request_key"])
    return {
        "id": row["id"],
        "state": row["state"],
        "reason": row["reason"],
        "prompt": next((m["content"] for m in reversed(row["messages"]) if m["role"] == "user"), ""),
        "answer": row["answer"],
        "labels": loads_object(row["labels"]),
        "teacher": row["teacher"],
        "prompt_id": row["prompt_id"],
        "source": row["source"],
        "steps": _steps(store.versions.manifest(version), decisions),
        "request": {"key": row["request_key"] or None, **(request or {})},
        "versions": versions,
        "reviews": [*Reviews(store.state).votes_for(row["id"])],
        "gold": [*Gold(store.state).holding(row["id"])],
    }


def _found(store: Store, prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for version in reversed(store.versions.list()):
        for row in store.versions.samples(version).filter(pl.col("id").str.starts_with(prefix)).iter_rows(named=True):
            yield version, row


def _steps(manifest: Manifest, decisions: Sequence[dict[str, Any]]) -> list[JsonValue]:
    """Decisions in the order they were made, with a silent keep for each step that passed the sample by."""
    names = steps_of(manifest)
    # Decisions of no step were made before there were samples to step through: asking.
    early = [d for d in decisions if d["step"] not in names]
    steps, ended = [_stated(d) for d in early], _ends(early)
    for name in names:
        own = [d for d in decisions if d["step"] == name]
        steps += [_stated(d) for d in own]
        if not own and not ended:
            steps.append({"step": name, "decision": "keep", "reason": None, "evidence": None})
        ended = ended or _ends(own)
    return steps


def _ends(decisions: Sequence[dict[str, Any]]) -> bool:
    return any(d["action"] in FINAL for d in decisions)


def _stated(decision: dict[str, Any]) -> JsonValue:
    return {
        "step": decision["step"],
        "decision": decision["action"],
        "reason": decision["reason"],
        "words": decision["words"],
        "number": decision["number"],
        "evidence": loads_object(decision["evidence"]),
    }


def find_by_text(store: Store, text: str, version: str | None = None) -> list[str]:
    """Ids of the samples whose prompt or answer holds this text, in plan order, newest version first."""
    versions = [store.versions.resolve(version)] if version else list(reversed(store.versions.list()))
    said = (
        pl.col("messages").list.eval(pl.element().struct.field("content").str.contains(text, literal=True)).list.any()
    )
    found: dict[str, None] = {}
    for name in versions:
        matching = store.versions.samples(name).filter(said | pl.col("answer").str.contains(text, literal=True))
        found.update(dict.fromkeys(matching["id"]))
    return list(found)


def find_by_export_row(store: Store, path: Path, line: int) -> str:
    """The id of the sample that became this line (from 1) of an exported JSONL file."""
    try:
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        row = json.loads(lines[line - 1]) if 0 < line <= len(lines) else None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}:{line} cannot be read: {error}") from error
    if row is None:
        raise InputError(f"{path} has {len(lines)} lines, no line {line}")
    metadata = row.get("metadata") if isinstance(row, dict) else None
    sample = row.get("stillhouse_id") if isinstance(row, dict) else None
    if sample is None and isinstance(metadata, dict):
        sample = metadata.get("stillhouse_id")
    if not isinstance(sample, str):
        raise InputError(f"{path}:{line} carries no stillhouse_id; only files written by `stillhouse export` do")
    return sample


def diff(store: Store, a: str, b: str) -> dict[str, JsonValue]:
    """What came, what went, and what changed for which cause, from version `a` to version `b`."""
    old, new = store.versions.manifest(a), store.versions.manifest(b)
    before, after = store.versions.samples(old.version), store.versions.samples(new.version)
    both = before.join(after, on="id", suffix="_new")
    causes: dict[str, list[str]] = {}
    for row in both.iter_rows(named=True):
        if cause := _cause(row):
            causes.setdefault(cause, []).append(row["id"])
    return {
        "a": old.version,
        "b": new.version,
        "equal": old.content == new.content,
        "recipe_changed": old.recipe != new.recipe,
        "added": _group(after.join(before, on="id", how="anti")),
        "removed": _group(before.join(after, on="id", how="anti")),
        "changed": {
            "n": sum(map(len, causes.values())),
            "by_cause": {c: {"n": len(ids), "examples": [*ids[:EXAMPLES]]} for c, ids in sorted(causes.items())},
        },
    }


def _cause(row: dict[str, Any]) -> str | None:
    if (row["state"], row["reason"]) != (row["state_new"], row["reason_new"]):
        was, now = (f"{s} ({r})" if r else s for s, r in _fates(row))
        return f"{was} -> {now}"
    changed = [c for c in ("messages", "answer", "labels", "group") if row[c] != row[f"{c}_new"]]
    return f"{' and '.join(changed)} changed" if changed else None


def _fates(row: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(row["state"], row["reason"]), (row["state_new"], row["reason_new"])]


def _group(samples: pl.DataFrame) -> dict[str, JsonValue]:
    states = dict(samples["state"].value_counts().sort("state").iter_rows())
    return {"n": samples.height, "by_state": states, "examples": samples["id"].head(EXAMPLES).to_list()}


def prove(store: Store, sample_id: str, version: str = HEAD, *, absent: bool = False) -> dict[str, JsonValue]:
    """A proof, for anyone who trusts the workspace's key, that a sample is in a version, or is not.

    An inclusion proof shows the row and its record key; an absence proof shows nothing of any row. What it holds is
    stated in docs/formats.md; `curation/prove_verifier.py` checks it with nothing but Python. The beginning of an id
    does for an inclusion proof when only one sample has it. Raises UnknownRecord when the sample is not where the
    proof would say.
    """
    manifest = store.versions.manifest(version)
    leaves = store.versions.leaves(manifest.version)
    if not absent:
        sample_id = _whole_id(leaves, sample_id, manifest.version)
    place = bisect_left(leaves, sample_id, key=lambda leaf: leaf.id)
    present = place < len(leaves) and leaves[place].id == sample_id
    _require_provable(sample_id, manifest.version, present=present, absent=absent)
    proof: dict[str, JsonValue] = {
        "format": PROOF_FORMAT,
        "kind": "absence" if absent else "inclusion",
        "id": sample_id,
        "tree": {
            **manifest.tree_head.model_dump(),
            "public_key": manifest.public_key,
            "signature": manifest.root_signature,
        },
    }
    if absent:
        around = [i for i in (place - 1, place) if 0 <= i < len(leaves)]
        return {**proof, "neighbours": [_shown(leaves, i) for i in around]}
    row = store.versions.samples(manifest.version).row(by_predicate=pl.col("id") == sample_id, named=True)
    key = store.keys.known([sample_id])[sample_id]
    return {**proof, "leaf": _shown(leaves, place), "row": canonical_row(row).decode(), "record_key": key.hex()}


def _whole_id(leaves: Sequence[Leaf], beginning: str, version: str) -> str:
    found = [leaf.id for leaf in leaves if leaf.id.startswith(beginning)]
    if len(found) > 1:
        raise UnknownRecord(f"{len(found)} samples of version {version} have an id starting with {beginning!r}")
    return found[0] if found else beginning


def _require_provable(sample_id: str, version: str, *, present: bool, absent: bool) -> None:
    if len(sample_id) != 32 or set(sample_id) - set("0123456789abcdef"):
        raise InputError(f"{sample_id!r} is not a sample id: 32 digits of lower-case hex")
    if present and absent:
        raise UnknownRecord(f"sample {sample_id} is in version {version}; its absence cannot be proven")
    if not present and not absent:
        raise UnknownRecord(f"sample {sample_id} is not in version {version}; --absent proves that")


def _shown(leaves: Sequence[Leaf], index: int) -> dict[str, JsonValue]:
    path = merkle.audit_path([leaf.hash for leaf in leaves], index)
    leaf = leaves[index]
    return {"id": leaf.id, "commitment": leaf.commitment.hex(), "index": index, "path": [p.hex() for p in path]}
