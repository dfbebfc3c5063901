"""What a gold file says: texts with the places a person marked in them, and the defects of that marking."""

from typing import Any, Literal, NamedTuple

DefectKind = Literal[
    "unreadable",  # the row or span is no object, or has no text
    "wrong_key",  # a key is there under another name
    "missing_key",  # a key is not there at all
    "not_a_number",  # an offset is no whole number
    "out_of_range",  # an offset lies outside the text
    "empty",  # a span or value without a character
    "wrong_offset",  # the text at the offsets is not the value
    "not_in_text",  # the value stands nowhere in the text
    "duplicate",  # the same place marked twice
    "overlap",  # two spans share characters
]


class Place(NamedTuple):
    """A range of a text, in code points, and what it is: one of our entities, or `indirect`."""

    start: int
    end: int
    entity: str


class GoldSpan(NamedTuple):
    """A place a person marked; `type` is the gold file's own word for it."""

    start: int
    end: int
    entity: str
    type: str
    number: int
    """Which span of its row it is, from 1."""


class Defect(NamedTuple):
    """Something wrong with the gold itself, and what would be right where that can be told."""

    row: int
    """From 1."""
    span: int | None
    """From 1, within its row; None where the whole row is meant."""
    kind: DefectKind
    words: str
    right: dict[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """As the report shows it."""
        return {"row": self.row, "span": self.span, "kind": self.kind, "what": self.words, "right": self.right}


class GoldText(NamedTuple):
    """A text, its sound spans, and the places that neither help nor harm: a defective span's, where it can be told."""

    row: int
    text: str
    spans: tuple[GoldSpan, ...]
    neutral: tuple[tuple[int, int], ...] = ()
    cluster: str = ""
    """Texts made from one template err together, and are drawn together when intervals are drawn."""


class GoldFile(NamedTuple):
    """All texts of a file and all that is wrong with it."""

    texts: list[GoldText]
    defects: list[Defect]
