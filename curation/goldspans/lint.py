"""Finds what is wrong with one row of gold: spans that are not where they say, values that are not there, overlaps."""

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, NamedTuple

from curation.goldspans.gold import Defect, DefectKind
from curation.goldspans.type_map import entity_of

Row = Mapping[str, Any]

SPAN_KEYS = ("entity_type", "entity_value", "start_position", "end_position")
NAME_KEYS = ("entity", "label")
_MARKS = string.punctuation + string.whitespace


class Sound(NamedTuple):
    """A span in which nothing is wrong by itself."""

    start: int
    end: int
    entity: str
    type: str
    number: int


@dataclass
class Wrong:
    """The defects of a row, and the places of defective spans where they can be told."""

    row: int
    defects: list[Defect] = field(default_factory=list[Defect])
    neutral: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

    def add(self, span: int, kind: DefectKind, words: str, right: dict[str, Any] | None = None) -> None:
        """One more defect of a span."""
        self.defects.append(Defect(self.row, span, kind, words, right))


def placed_spans(row: int, given: Row, text: str, types: Mapping[str, str], where: str) -> tuple[list[Sound], Wrong]:
    """The spans of a row that marks places."""
    sound: list[Sound] = []
    wrong = Wrong(row)
    for number, span in enumerate(given["spans"], 1):
        if not _has_keys(wrong, number, span, SPAN_KEYS, text):
            continue
        entity = entity_of(str(span["entity_type"]), types, f"{where} row {row} span {number}")
        if _stands_there(wrong, number, span, text):
            sound.append(Sound(span["start_position"], span["end_position"], entity, str(span["entity_type"]), number))
    return sound, wrong


def named_spans(row: int, given: Row, text: str, types: Mapping[str, str], where: str) -> tuple[list[Sound], Wrong]:
    """The spans of a row that names values: every place where one stands, except inside a longer one."""
    sound: list[Sound] = []
    wrong = Wrong(row)
    named: list[tuple[str, str, str, int]] = []
    for number, item in enumerate(given["NER"], 1):
        if not _has_keys(wrong, number, item, NAME_KEYS, text):
            continue
        value, label = str(item["entity"]), str(item["label"])
        entity = entity_of(label, types, f"{where} row {row} entity {number}")
        if not value.strip():
            wrong.add(number, "empty", "the value is empty")
        elif value not in text:
            alike = _alike(text, value)
            right = {"entity": text[slice(*alike[0])]} if len(alike) == 1 else None
            wrong.add(number, "not_in_text", f"{value!r} does not stand in the text", right)
            wrong.neutral += alike
        else:
            named.append((value, label, entity, number))
    taken: list[tuple[int, int]] = []
    for value, label, entity, number in sorted(named, key=lambda n: -len(n[0])):
        for start, end in _places(text, value):
            if not any(start < e and end > s for s, e in taken):
                taken.append((start, end))
                sound.append(Sound(start, end, entity, label, number))
    return sorted(sound), wrong


def apart(row: int, sound: Sequence[Sound]) -> tuple[list[Sound], Wrong]:
    """The spans without those that share characters with an earlier or longer one."""
    kept: list[Sound] = []
    wrong = Wrong(row)
    for span in sorted(sound, key=lambda s: (s.start - s.end, s.number)):
        rival = next((k for k in kept if span.start < k.end and span.end > k.start), None)
        if rival is None:
            kept.append(span)
            continue
        if (span.start, span.end) == (rival.start, rival.end):
            words = f"the place of span {rival.number}, marked again as {span.type}"
            wrong.add(span.number, "duplicate", words)
        else:
            words = f"{span.type} {span.start}-{span.end} overlaps span {rival.number} ({rival.type} "
            wrong.add(span.number, "overlap", f"{words}{rival.start}-{rival.end}); the longer one is scored")
        wrong.neutral.append((span.start, span.end))
    return sorted(kept), wrong


def _has_keys(wrong: Wrong, number: int, span: Any, keys: Sequence[str], text: str) -> bool:
    """Whether a span has its keys; if not, which is wrong, and what it should be called."""
    if not isinstance(span, dict):
        wrong.add(number, "unreadable", f"a span is an object with {', '.join(keys)}")
        return False
    missing = [key for key in keys if span.get(key) is None]
    if not missing:
        return True
    others = [str(key) for key in span if key not in keys]
    for key in missing:
        instead = _instead(key, others, len(missing))
        if instead is None:
            wrong.add(number, "missing_key", f"no {key!r}; the span has {', '.join(map(repr, span)) or 'nothing'}")
        else:
            wrong.add(number, "wrong_key", f"the key {instead!r} should be {key!r}", {"key": key})
    values = (value for key, value in span.items() if isinstance(value, str) and key not in ("entity_type", "label"))
    wrong.neutral += [place for value in values for place in _places(text, value)]
    return False


def _instead(key: str, others: Sequence[str], missing: int) -> str | None:
    """The unknown key that was meant: the only one for the only gap, else one spelt alike."""
    if len(others) == 1 and missing == 1:
        return others[0]
    close = get_close_matches(key, others, n=1, cutoff=0.6)
    return close[0] if close else None


def _stands_there(wrong: Wrong, number: int, span: Row, text: str) -> bool:
    """Whether the value stands at the offsets; if not, what is wrong and what would be right."""
    value, start, end = str(span["entity_value"]), span["start_position"], span["end_position"]
    if not (_whole(start) and _whole(end)):
        kind, words = "not_a_number", f"the offsets {start!r} and {end!r} are not whole numbers"
    elif not value or start == end:
        kind, words = "empty", f"nothing is marked: value {value!r}, offsets {start}-{end}"
    elif value not in text:
        kind, words = "not_in_text", f"{value!r} does not stand in the text"
    elif not 0 <= start < end <= len(text):
        kind, words = "out_of_range", f"{start}-{end} lies outside the text's {len(text)} characters"
    elif text[start:end] != value:
        kind, words = "wrong_offset", f"{start}-{end} holds {text[start:end]!r}, not {value!r}"
    else:
        return True
    places = _places(text, value) or _alike(text, value)
    right = _right(text, value, places)
    if kind == "wrong_offset" and _as_utf16(text, start, end) == value:
        words += "; the offsets count UTF-16 units, not characters"
        right = _utf16_right(text, value, start)
    wrong.add(number, kind, words, right)
    wrong.neutral += places
    return False


def _right(text: str, value: str, places: Sequence[tuple[int, int]]) -> dict[str, Any] | None:
    """What would be right where the value stands once, perhaps in another case; None where it cannot be told."""
    if len(places) != 1:
        return None
    (start, end), spelt = places[0], text[slice(*places[0])]
    return {"start_position": start, "end_position": end, **({"entity_value": spelt} if spelt != value else {})}


def _whole(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool)


def _as_utf16(text: str, start: int, end: int) -> str | None:
    if text.isascii():
        return None
    return text.encode("utf-16-le", "surrogatepass")[2 * start : 2 * end].decode("utf-16-le", "replace")


def _utf16_right(text: str, value: str, start: int) -> dict[str, Any]:
    before = text.encode("utf-16-le", "surrogatepass")[: 2 * start].decode("utf-16-le", "replace")
    return {"start_position": len(before), "end_position": len(before) + len(value)}


def _places(text: str, value: str) -> list[tuple[int, int]]:
    """Where a value stands: as whole words, or anywhere when it never does."""
    if not value.strip():
        return []
    found = [m.span() for m in re.finditer(re.escape(value), text)]
    whole = [(s, e) for s, e in found if _edge(text, s) and _edge(text, e)]
    return whole or found


def _edge(text: str, at: int) -> bool:
    return not (0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum())


def _alike(text: str, value: str) -> list[tuple[int, int]]:
    """Where a value that does not stand in a text was probably meant: in another case, or without marks around it."""
    for guess in (value, value.strip(_MARKS)):
        if len(guess) > 2 and (found := [m.span() for m in re.finditer(re.escape(guess), text, re.IGNORECASE)]):
            return found
    return []
