"""Keyed randomness: what is drawn for a value follows from the project's key, the scope and the value alone."""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

KEY_BYTES = 32
_CHARACTERS = 32
"""Hex digits of a commitment that are kept: 128 bits."""


@dataclass(frozen=True)
class Draws:
    """One key and one scope. Nothing that leaves here tells anything about a value to whoever lacks the key."""

    key: bytes = field(repr=False)
    scope: str

    def __post_init__(self) -> None:
        if len(self.key) != KEY_BYTES:
            raise ValueError(f"a key for surrogates has {KEY_BYTES} bytes, not {len(self.key)}")

    def random(self, entity: str, value: str, attempt: int = 0) -> Random:
        """A generator of its own for one value; `attempt` counts up when what it gave cannot be used."""
        return Random(int.from_bytes(self._digest("draw", f"{entity}|{attempt}|{value}"), "big"))

    def commitment(self, purpose: str, value: str) -> str:
        """What stands for a value where it may be stored, 32 hex digits."""
        return self._digest(purpose, value).hex()[:_CHARACTERS]

    def _digest(self, purpose: str, value: str) -> bytes:
        # The scope's length stands before it, so that no scope and value run into another scope and value.
        text = f"{purpose}|{len(self.scope)}|{self.scope}|{value}"
        return hmac.digest(self.key, text.encode("utf-8", "surrogatepass"), "sha256")


class Given:
    """Commitments to the surrogates given out in one scope: they can be kept and read back without a raw value."""

    def __init__(self, stored: Iterable[str] = ()) -> None:
        self._all = dict.fromkeys(stored)

    def __contains__(self, commitment: str) -> bool:
        return commitment in self._all

    def add(self, commitment: str) -> None:
        """Remember one more."""
        self._all[commitment] = None

    def listed(self) -> list[str]:
        """All of them, in the order they were given."""
        return list(self._all)
