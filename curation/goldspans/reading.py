"""Reads gold files: JSON arrays or JSON lines of marked texts, in either of two forms, with all that is wrong in them.

`{full_text, spans: [{entity_type, entity_value, start_position, end_position}]}` marks places;
`{text, NER: [{entity, label}]}` names values, each of which is meant wherever it stands. A defective span is reported
and left out; where its place can be told, a prediction there is neither right nor false.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from curation.errors import InputError
from curation.goldspans.gold import Defect, GoldFile, GoldSpan, GoldText
from curation.goldspans.lint import Row, Sound, apart, named_spans, placed_spans
from curation.goldspans.type_map import shipped

FORMS = (
    "{full_text, spans: [{entity_type, entity_value, start_position, end_position}]} or {text, NER: [{entity, label}]}"
)


def read_gold(path: Path, types: Mapping[str, str] | None = None) -> GoldFile:
    """Every text of a gold file with its sound spans, and the defects of the others.

    `types` maps gold types to our entities (default: the shipped map). InputError for a file that is no gold, or a type
    that the map does not know.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    try:
        rows = _rows(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 (byte {error.start}); save the file as UTF-8") from error
    except ValueError as error:
        raise InputError(f"{path}: not JSON: {error}") from error
    if not any(isinstance(row, dict) and _form(row) for row in rows):
        raise InputError(f"{path}: no row is gold; a row is {FORMS}")
    return gold_of(rows, shipped() if types is None else types, str(path))


def gold_of(rows: list[Any], types: Mapping[str, str], where: str = "gold") -> GoldFile:
    """The same of rows already parsed."""
    texts: list[GoldText] = []
    defects: list[Defect] = []
    for number, row in enumerate(rows, 1):
        form = _form(cast("Row", row)) if isinstance(row, dict) else ""
        if not form:
            defects.append(Defect(number, None, "unreadable", f"the row is not {FORMS}"))
            continue
        text: str = row[form]
        told = placed_spans if form == "full_text" else named_spans
        sound, wrong = told(number, row, text, types, where)
        kept, crossed = apart(number, sound)
        defects += sorted([*wrong.defects, *crossed.defects], key=lambda d: (d.span or 0, d.kind))
        texts.append(GoldText(number, text, _as_gold(kept), (*wrong.neutral, *crossed.neutral), _cluster(row, number)))
    return GoldFile(texts, defects)


def _as_gold(sound: list[Sound]) -> tuple[GoldSpan, ...]:
    return tuple(GoldSpan(s.start, s.end, s.entity, s.type, s.number) for s in sound)


def _rows(text: str) -> list[Any]:
    if re.match(r"\s*\[", text):
        return json.loads(text)
    return [json.loads(line) for line in text.split("\n") if line.strip()]


def _form(row: Row) -> str:
    """The key of the row's text, by which its form is known; empty for neither."""
    if isinstance(row.get("full_text"), str) and isinstance(row.get("spans"), list):
        return "full_text"
    return "text" if isinstance(row.get("text"), str) and isinstance(row.get("NER"), list) else ""


def _cluster(row: Row, number: int) -> str:
    template = row.get("template_id")
    return f"row {number}" if template is None else f"template {template}"
