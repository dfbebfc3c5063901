"""The secrets of one workspace: the signing key, the key that names samples, and one random key per sample."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path

import sqlalchemy as sa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from filelock import FileLock

from curation.errors import Corrupt, WorkspaceError
from curation.store.database import Database
from curation.store.durable import write_durably
from curation.store.layout import Layout

RECORDS = sa.MetaData()
record_keys = sa.Table(
    "record_keys",
    RECORDS,
    sa.Column("sample", sa.String(32), primary_key=True),
    sa.Column("key", sa.LargeBinary, nullable=False),
)
KEY_BYTES = 32
_SLICE = 900


def fingerprint(public_key: bytes) -> str:
    """The name of a public key for people: the first 32 hex digits of its SHA-256."""
    return hashlib.sha256(public_key).hexdigest()[:32]


def signed_by(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether an Ed25519 signature over a message was made with this key."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def commitment(record_key: bytes, row: bytes) -> bytes:
    """The hiding commitment to a row: it tells nothing about the row to anyone without the record key."""
    return hmac.new(record_key, row, hashlib.sha256).digest()


class Keys:
    """The keys folder, opened; missing secrets are made once."""

    def __init__(self, signing: Ed25519PrivateKey, workspace: bytes, records: Database) -> None:
        self._signing = signing
        self.workspace = workspace
        self.records = records
        self.public = signing.public_key().public_bytes_raw()

    @classmethod
    def open(cls, layout: Layout) -> "Keys":
        """Read the keys; make them where the workspace has sealed nothing yet.

        Raises WorkspaceError when versions exist and a key is gone: new keys would disown them.
        """
        with FileLock(layout.locks / "keys.lock"):
            signing = _secret(layout, layout.keys / "signing.key")
            workspace = _secret(layout, layout.keys / "workspace.key")
        records = Database.sqlite(layout.keys / "records.db", RECORDS)
        return cls(Ed25519PrivateKey.from_private_bytes(signing), workspace, records)

    @property
    def fingerprint(self) -> str:
        """The name of the public key."""
        return fingerprint(self.public)

    @property
    def scrub(self) -> bytes:
        """The key of commitments to what was masked, and of surrogates."""
        return hmac.new(self.workspace, b"scrub", hashlib.sha256).digest()

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature (64 bytes) of a message."""
        return self._signing.sign(message)

    def known(self, samples: Sequence[str]) -> dict[str, bytes]:
        """The record keys that exist, by sample id."""
        found: dict[str, bytes] = {}
        with self.records.read() as connection:
            for start in range(0, len(samples), _SLICE):
                some = samples[start : start + _SLICE]
                query = sa.select(record_keys).where(record_keys.c.sample.in_(some))
                found.update((row.sample, row.key) for row in connection.execute(query))
        return found

    def of(self, samples: Sequence[str]) -> dict[str, bytes]:
        """A record key for every sample, by id; those that do not exist yet are drawn at random and kept."""
        found = self.known(samples)
        missing = _missing(samples, found)
        if missing:
            with self.records.write() as connection:
                found |= self.known(missing)  # another process may have drawn them since
                drawn = {sample: secrets.token_bytes(KEY_BYTES) for sample in _missing(missing, found)}
                if drawn:
                    connection.execute(sa.insert(record_keys), [{"sample": s, "key": k} for s, k in drawn.items()])
            found |= drawn
        return found

    def close(self) -> None:
        """Give back the connections."""
        self.records.close()


def _missing(samples: Iterable[str], held: dict[str, bytes]) -> list[str]:
    return [s for s in samples if s not in held]


def _secret(layout: Layout, path: Path) -> bytes:
    if not path.exists():
        if any(layout.versions.glob("*.json")):
            raise WorkspaceError(f"{path} is gone but versions exist; restore the keys folder from its backup")
        write_durably(path, secrets.token_bytes(KEY_BYTES).hex().encode(), mode=0o600)
    try:
        value = bytes.fromhex(path.read_text(encoding="ascii"))
    except ValueError as error:
        raise Corrupt(f"{path} does not hold a key in hex; restore the keys folder from its backup") from error
    if len(value) != KEY_BYTES:
        raise Corrupt(f"{path} holds {len(value)} bytes, not {KEY_BYTES}; restore the keys folder from its backup")
    return value
