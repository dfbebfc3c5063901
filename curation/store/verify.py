"""Checks every stored byte of a workspace against what was sealed and signed, and lists what does not fit."""

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from curation.errors import Corrupt
from curation.records import version_id
from curation.store import merkle
from curation.store.keys import commitment, fingerprint
from curation.store.ledger import Event
from curation.store.store import Store
from curation.store.versions import (
    HEAD,
    Manifest,
    canonical_rows,
    content_digest,
    parse_leaves,
    parse_manifest,
)

_CHUNK = re.compile(r"([0-9a-f]{64})\.parquet")
_VERSION_FILE = re.compile(r"([0-9a-f]{32})\.(json|leaves)")


@dataclass
class VerifyReport:
    """What was checked and what was found; `notes` are harmless leftovers of interrupted runs."""

    version: str | None = None
    root: str | None = None
    records: int = 0
    chunks: int = 0
    events: int = 0
    signature: str = "none"
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def as_dict(self) -> dict[str, JsonValue]:
        """The line `verify --json` prints."""
        return {
            "ok": self.ok,
            "version": self.version,
            "root": self.root,
            "records": self.records,
            "chunks": self.chunks,
            "events": self.events,
            "signature": self.signature,
            "problems": [*self.problems],
        }


def verify(store: Store, version: str | None = None, key: str | None = None) -> VerifyReport:
    """Check the whole workspace, and one version (the head by default) down to its rows.

    Every file under chunks/ and versions/ and every ledger event is checked whichever version is named. `key` is the
    fingerprint the signatures must have been made with; by default the workspace's own. Raises UnknownRecord for an
    unknown version name.
    """
    report = VerifyReport()
    sealed = store.versions.list()
    if version is not None or sealed:
        report.version = store.versions.resolve(version or HEAD)
    expected = (key or store.fingerprint).strip().lower()
    report.problems += store.ledger.verify()
    _check_chunks(store, report)
    manifests = _check_manifests(store, report, expected)
    _check_seals(store, report, sealed)
    for name, manifest in manifests.items():
        _check_files_of(store, report, manifest, sealed=name in sealed)
    if report.version is not None:
        _check_rows(store, report, manifests.get(report.version))
    return report


def _check_chunks(store: Store, report: VerifyReport) -> None:
    for path in sorted(store.layout.chunks.iterdir()):
        if (match := _CHUNK.fullmatch(path.name)) is None:
            report.notes.append(f"chunks/{path.name} is not a chunk and is never read")
            continue
        report.chunks += 1
        try:
            store.chunks.bytes(match[1])
        except Corrupt as error:
            report.problems.append(str(error))


def _check_manifests(store: Store, report: VerifyReport, expected: str) -> dict[str, Manifest]:
    manifests: dict[str, Manifest] = {}
    for path in sorted(store.layout.versions.iterdir()):
        match = _VERSION_FILE.fullmatch(path.name)
        if match is None:
            report.notes.append(f"versions/{path.name} is not part of a version and is never read")
        elif match[2] == "leaves" and not path.with_suffix(".json").exists():
            report.problems.append(f"versions/{path.name} has no manifest beside it")
        elif match[2] == "json" and (manifest := _manifest(path, report, expected)) is not None:
            manifests[match[1]] = manifest
    return manifests


def _manifest(path: Path, report: VerifyReport, expected: str) -> Manifest | None:
    named = path.stem == report.version
    if named:
        report.signature = "invalid"
    try:
        manifest = parse_manifest(path.read_bytes(), path.name)
    except Corrupt as error:
        report.problems.append(str(error))
        return None
    signer = fingerprint(bytes.fromhex(manifest.public_key))
    if signer != expected:
        report.problems.append(f"manifest {path.name} is signed by key {signer}, not by {expected}")
    elif named:
        report.signature = "valid"
    if manifest.version != path.stem or manifest.version != version_id(
        manifest.content, manifest.recipe, manifest.parents
    ):
        report.problems.append(f"manifest {path.name} does not have the id its content, recipe and parents give")
    return manifest


def _check_seals(store: Store, report: VerifyReport, sealed: list[str]) -> None:
    try:
        events = store.ledger.events()
    except Corrupt:
        return  # the ledger's own check has named the event
    report.events = len(events)
    logged = {str(event.body.get("version")): event for event in events if event.kind == "seal"}
    for version in sorted(set(sealed) ^ set(logged)):
        where = "the ledger" if version in sealed else "the list of sealed versions"
        report.problems.append(f"version {version} is missing from {where}")
    for version, event in logged.items():
        _check_seal(store, report, version, event)


def _check_seal(store: Store, report: VerifyReport, version: str, event: Event) -> None:
    path = store.versions.manifest_path(version)
    if not path.exists():
        report.problems.append(f"manifest {path.name} is missing")
    elif hashlib.sha256(path.read_bytes()).hexdigest() != event.body.get("manifest"):
        report.problems.append(f"manifest {path.name} is not the one that ledger event {event.seq} sealed")


def _check_files_of(store: Store, report: VerifyReport, manifest: Manifest, *, sealed: bool) -> None:
    path = store.versions.leaves_path(manifest.version)
    missing = [d for d in (*manifest.samples, *manifest.decisions) if not Path(store.chunks.path(d)).exists()]
    if not sealed:
        report.notes.append(f"versions/{manifest.version}.json was written but not sealed, by a run that was cut off")
    if sealed and missing:
        report.problems += [f"chunk {digest} of version {manifest.version} is missing" for digest in missing]
    if not path.exists():
        if sealed:
            report.problems.append(f"versions/{path.name} is missing")
        return
    try:
        leaves = parse_leaves(path.read_bytes())
    except Corrupt as error:
        report.problems.append(f"versions/{path.name}: {error}")
        return
    if merkle.root([leaf.hash for leaf in leaves]).hex() != manifest.root or len(leaves) != manifest.records:
        report.problems.append(f"versions/{path.name} does not lead to the root of its version")


def _check_rows(store: Store, report: VerifyReport, manifest: Manifest | None) -> None:
    if manifest is None:
        return
    report.root, report.records = manifest.root, manifest.records
    try:
        samples = store.versions.samples(manifest.version)
        leaves = store.versions.leaves(manifest.version)
        decisions = store.versions.decisions(manifest.version)
    except Corrupt:
        return  # named already, with its file
    rows = canonical_rows(samples)
    if content_digest(rows) != manifest.content:
        report.problems.append(f"the rows of version {manifest.version} do not give its content digest")
    keys = store.keys.known([leaf.id for leaf in leaves])
    wrong = sum(
        leaf.id not in rows or leaf.id not in keys or commitment(keys[leaf.id], rows[leaf.id]) != leaf.commitment
        for leaf in leaves
    )
    if wrong or len(rows) != len(leaves):
        report.problems.append(f"{wrong} rows of version {manifest.version} do not fit their leaves or record keys")
    if strangers := set(decisions["sample"]) - set(rows):
        report.problems.append(f"{len(strangers)} decisions of version {manifest.version} are about unknown samples")
