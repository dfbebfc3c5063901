"""Sealed versions: a signed manifest, a Merkle tree over hiding commitments, and the chunks it names.

A manifest is written durably before the version is recorded in state.db; what is recorded is sealed, what is not
is invisible. `docs/formats.md` states manifest, leaf and tree head byte by byte.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa
from filelock import FileLock, Timeout
from pydantic import JsonValue, ValidationError

from curation.errors import Corrupt, StoreBusy, UnknownRecord
from curation.records import DECISIONS, SAMPLES, Record, canonical, canonical_row, version_id
from curation.store import merkle
from curation.store.chunks import Chunks
from curation.store.database import BUSY_SECONDS, STATE, Database
from curation.store.durable import write_durably
from curation.store.keys import Keys, commitment, signed_by
from curation.store.layout import Layout
from curation.store.ledger import Ledger

seals = sa.Table(
    "seals",
    STATE,
    sa.Column("event", sa.BigInteger, primary_key=True, autoincrement=False),  # the ledger's sequence number
    sa.Column("version", sa.String(32), nullable=False, unique=True),
)
HEAD = "head"
ID_BYTES = 16
LEAF_BYTES = ID_BYTES + merkle.HASH_BYTES


class TreeHead(Record):
    """What is signed for the world: a version, how many records it has, their root; no digest of content."""

    version: str
    records: int
    root: str

    def message(self) -> bytes:
        """The bytes that are signed."""
        return b"stillhouse-root-1\n" + canonical(self.model_dump())


class Manifest(Record):
    """Everything a version is, without time or cost: equal work gives an equal manifest but for the secret keys."""

    format: int = 1
    version: str
    parents: tuple[str, ...]
    recipe: str
    content: str
    root: str
    records: int
    counts: dict[str, int]
    samples: tuple[str, ...]
    decisions: tuple[str, ...]
    steps: tuple[dict[str, JsonValue], ...]
    facts: dict[str, JsonValue]
    public_key: str
    root_signature: str
    signature: str = ""

    @property
    def tree_head(self) -> TreeHead:
        """The part that may be published."""
        return TreeHead(version=self.version, records=self.records, root=self.root)

    def message(self) -> bytes:
        """The bytes that `signature` signs: the canonical manifest without it."""
        return b"stillhouse-manifest-1\n" + canonical(self.model_dump(mode="json", exclude={"signature"}))

    def signatures_fit(self) -> bool:
        """Whether both signatures were made with the manifest's own key over what it says."""
        try:
            key = bytes.fromhex(self.public_key)
            whole, head = bytes.fromhex(self.signature), bytes.fromhex(self.root_signature)
        except ValueError:
            return False
        return signed_by(key, whole, self.message()) and signed_by(key, head, self.tree_head.message())


@dataclass(frozen=True)
class Leaf:
    """One record of the tree: a sample's id and the commitment to its row."""

    id: str
    commitment: bytes

    @property
    def data(self) -> bytes:
        """The leaf's 48 bytes: the id, then the commitment."""
        return bytes.fromhex(self.id) + self.commitment

    @property
    def hash(self) -> bytes:
        """The leaf's hash in the tree."""
        return merkle.leaf_hash(self.data)


@dataclass(frozen=True)
class Sealed:
    """What `seal` gives back; `new` is false when the head already was exactly this."""

    version: str
    new: bool
    content: str
    root: str


def canonical_rows(samples: pl.DataFrame) -> dict[str, bytes]:
    """Each sample's canonical row by its id, in the table's order."""
    columns = ["id", "messages", "answer", "labels", "group", "state", "reason"]
    return {row["id"]: canonical_row(row) for row in samples.select(columns).iter_rows(named=True)}


def content_digest(rows: Mapping[str, bytes]) -> str:
    """SHA-256 over the canonical rows in plan order, each followed by a line feed, as 64 hex digits."""
    hashed = hashlib.sha256()
    for row in rows.values():
        hashed.update(row + b"\n")
    return hashed.hexdigest()


def leaves_of(rows: Mapping[str, bytes], keys: Mapping[str, bytes]) -> list[Leaf]:
    """The leaves of a table, sorted by id, so that two neighbours can prove that an id between them is absent."""
    return [Leaf(id, commitment(keys[id], rows[id])) for id in sorted(rows)]


def parse_leaves(data: bytes) -> list[Leaf]:
    """The leaves in a leaves file; Corrupt when it is not a whole number of leaves in strict order of their ids."""
    if len(data) % LEAF_BYTES:
        raise Corrupt(f"a leaves file of {len(data)} bytes is not a whole number of {LEAF_BYTES}-byte leaves")
    parts = (data[i : i + LEAF_BYTES] for i in range(0, len(data), LEAF_BYTES))
    leaves = [Leaf(part[:ID_BYTES].hex(), part[ID_BYTES:]) for part in parts]
    if any(a.id >= b.id for a, b in pairwise(leaves)):
        raise Corrupt("a leaves file is not sorted by sample id")
    return leaves


def parse_manifest(data: bytes, name: str) -> Manifest:
    """The manifest in a file; Corrupt unless the bytes are exactly its canonical encoding and both signatures fit."""
    try:
        manifest = Manifest.model_validate_json(data)
        encoded = canonical(manifest.model_dump(mode="json"))
    except (ValidationError, ValueError) as error:
        raise Corrupt(f"manifest {name} cannot be read; restore it from a backup") from error
    if encoded != data:
        raise Corrupt(f"manifest {name} is not the bytes that were sealed; restore it from a backup")
    if not manifest.signatures_fit():
        raise Corrupt(f"manifest {name}: its signature does not fit what it says")
    return manifest


class Versions:
    """The versions folder and the seals that make a version visible."""

    def __init__(self, layout: Layout, state: Database, chunks: Chunks, keys: Keys, ledger: Ledger) -> None:
        self._layout, self._state, self._chunks, self._keys, self._ledger = layout, state, chunks, keys, ledger

    def seal(
        self,
        samples: pl.DataFrame,
        decisions: pl.DataFrame,
        *,
        recipe: str,
        steps: Sequence[Mapping[str, JsonValue]],
        facts: Mapping[str, JsonValue],
    ) -> Sealed:
        """Seal a version on top of the head; nothing is sealed when content and recipe equal the head's.

        `samples` is in plan order with unique ids. Raises StoreBusy when another process is sealing.
        """
        samples = samples.select(list(SAMPLES)).cast(pl.Schema(SAMPLES))
        decisions = decisions.select(list(DECISIONS)).cast(pl.Schema(DECISIONS))
        if samples["id"].n_unique() != samples.height:
            raise ValueError("two samples share an id")
        try:
            with FileLock(self._layout.locks / "seal.lock", timeout=BUSY_SECONDS):
                return self._seal(samples, decisions, recipe, {"steps": list(map(dict, steps)), "facts": dict(facts)})
        except Timeout as error:
            raise StoreBusy(f"another process has been sealing for {BUSY_SECONDS} s; run again") from error

    def _seal(
        self, samples: pl.DataFrame, decisions: pl.DataFrame, recipe: str, described: Mapping[str, Any]
    ) -> Sealed:
        self._sweep()
        rows = canonical_rows(samples)
        content, head = content_digest(rows), self.head()
        if head is not None:
            old = self.manifest(head)
            if (old.content, old.recipe) == (content, recipe):
                return Sealed(head, False, content, old.root)
        parents = () if head is None else (head,)
        leaves = leaves_of(rows, self._keys.of(list(rows)))
        manifest = self._signed(
            Manifest(
                version=version_id(content, recipe, parents),
                parents=parents,
                recipe=recipe,
                content=content,
                root=merkle.root([leaf.hash for leaf in leaves]).hex(),
                records=samples.height,
                counts=dict(sorted(samples["state"].value_counts().iter_rows())),
                samples=tuple(self._chunks.put_all(samples)),
                decisions=tuple(self._chunks.put_all(decisions)),
                public_key=self._keys.public.hex(),
                root_signature="",
                **described,
            )
        )
        self._record(manifest, leaves)
        return Sealed(manifest.version, True, content, manifest.root)

    def _sweep(self) -> None:
        # Only a seal writes to these folders and this one holds the lock: a temp file is left by a run that was killed.
        for folder in (self._layout.chunks, self._layout.versions):
            for left in folder.glob(".*.tmp"):
                left.unlink(missing_ok=True)

    def _signed(self, manifest: Manifest) -> Manifest:
        head = self._keys.sign(manifest.tree_head.message()).hex()
        manifest = manifest.model_copy(update={"root_signature": head})
        return manifest.model_copy(update={"signature": self._keys.sign(manifest.message()).hex()})

    def _record(self, manifest: Manifest, leaves: Sequence[Leaf]) -> None:
        # The manifest goes first: leaves without a manifest could not be checked by anyone.
        data = canonical(manifest.model_dump(mode="json"))
        write_durably(self.manifest_path(manifest.version), data)
        write_durably(self.leaves_path(manifest.version), b"".join(leaf.data for leaf in leaves))
        body = {"version": manifest.version, "manifest": hashlib.sha256(data).hexdigest(), "root": manifest.root}
        with self._state.write() as connection:
            event = self._ledger.append_in(connection, "seal", body)
            connection.execute(sa.insert(seals).values(event=event, version=manifest.version))
        self._ledger.publish()

    def list(self) -> list[str]:
        """The sealed versions, oldest first."""
        with self._state.read() as connection:
            return list(connection.execute(sa.select(seals.c.version).order_by(seals.c.event)).scalars())

    def head(self) -> str | None:
        """The newest version; None before the first seal."""
        return next(reversed(self.list()), None)

    def resolve(self, name: str) -> str:
        """A version by `head`, its id, or a prefix that only it has; UnknownRecord says which are known."""
        known = self.list()
        if not known:
            raise UnknownRecord("nothing is sealed here yet; `stillhouse run` seals the first version")
        if name == HEAD:
            return known[-1]
        found = [version for version in known if version.startswith(name)] if name else []
        if len(found) != 1:
            which = "several versions start with" if found else "no version"
            raise UnknownRecord(f"{which} {name!r}. Known: head, {', '.join(known[-5:])}")
        return found[0]

    def manifest_path(self, version: str) -> Path:
        """Where a manifest lies."""
        return self._layout.versions / f"{version}.json"

    def leaves_path(self, version: str) -> Path:
        """Where a version's leaves lie."""
        return self._layout.versions / f"{version}.leaves"

    def manifest(self, version: str = HEAD) -> Manifest:
        """A version's manifest, read strictly; Corrupt when the file is not what was sealed."""
        path = self.manifest_path(self.resolve(version))
        try:
            return parse_manifest(path.read_bytes(), path.name)
        except FileNotFoundError as error:
            raise Corrupt(f"manifest {path.name} is missing; restore it from a backup") from error

    def leaves(self, version: str = HEAD) -> Sequence[Leaf]:
        """A version's leaves in the order of the tree; Corrupt when they do not lead to its root."""
        manifest = self.manifest(version)
        path = self.leaves_path(manifest.version)
        if not path.exists():
            raise Corrupt(f"{path.name} is missing; restore it from a backup")
        leaves = parse_leaves(path.read_bytes())
        if merkle.root([leaf.hash for leaf in leaves]).hex() != manifest.root:
            raise Corrupt(f"{path.name} does not lead to the root of its version; restore it from a backup")
        return leaves

    def samples(self, version: str = HEAD) -> pl.DataFrame:
        """The samples of a version, all states, in plan order."""
        return self._chunks.get_all(self.manifest(version).samples, SAMPLES)

    def decisions(self, version: str = HEAD) -> pl.DataFrame:
        """What each step decided in a version."""
        return self._chunks.get_all(self.manifest(version).decisions, DECISIONS)


def steps_of(manifest: Manifest) -> list[str]:
    """The names of the steps a version's samples went through, in order."""
    return [str(step.get("name", "")) for step in manifest.steps]


def loads_object(text: str | None) -> dict[str, Any] | None:
    """A canonical JSON column of the tables as a dict; None where it is null."""
    return None if text is None else json.loads(text)
