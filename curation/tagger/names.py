"""What the tagger finds, and how a person found once is found again all over a record."""

from typing import NamedTuple


class Name(NamedTuple):
    """A person, address, place or organisation in a text, in code points of it."""

    start: int
    end: int
    kind: str
    """`person`, `address`, `place` or `organisation`."""
    score: float
    """How sure the tagger is, on the detectors' scale: from 0.3 at `recall`, from 0.7 at `precision`."""


PARTICLES = frozenset({
    "van", "von", "der", "den", "de", "del", "della", "di", "da", "dos", "das", "la", "le", "el", "al", "bin", "ibn",
    "ter", "ten", "af", "av", "zu", "zur",
})  # fmt: skip
"""Small words inside a name, written without a capital."""
