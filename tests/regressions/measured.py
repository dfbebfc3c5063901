"""Figures in a text against the recorded metrics of the run they come from.

A text may say what was measured in words of its own; every figure in it must be one of the record's, rounded as it is
printed: `2,117`, `74.8 %` of 0.7484, `1.8 points` of 0.0176, `182 s` of 181.6.
"""

import re
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

FIGURE = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?(?![\w])")
SAID = re.compile(r'"([^"]+)"')


def section(page: Path, title: str) -> str:
    """The text under a heading, up to the next heading of its rank."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page.read_text(encoding="utf-8"), re.M | re.S)
    assert found, f"{page.name} has no section {title!r}"
    return found[1]


def unfounded(text: str, record: Any) -> list[str]:
    """The figures and quoted sentences of a text that its record does not hold."""
    numbers, words = list(_numbers(record)), " ".join(_words(record).split())
    in_words = {_value(f) for f in FIGURE.findall(words)}
    wrong = [f for f in FIGURE.findall(text) if _value(f) not in in_words and not any(_rounds(n, f) for n in numbers)]
    quoted = [" ".join(q.split()) for q in SAID.findall(text)]
    return wrong + [q for q in quoted if q not in words]


def _value(figure: str) -> Decimal:
    return Decimal(figure.replace(",", ""))


def _rounds(number: Decimal, figure: str) -> bool:
    """Whether a number, as it is or in hundredths, is printed like this."""
    value = _value(figure)
    step = Decimal(1).scaleb(-len(figure.partition(".")[2]))
    return any(
        (number * scale).quantize(step, how) == value for scale in (1, 100) for how in (ROUND_HALF_EVEN, ROUND_HALF_UP)
    )


def _numbers(record: Any) -> Iterator[Decimal]:
    match record:
        case bool() | None:
            return
        case int() | float():
            yield Decimal(str(record))
        case dict():
            yield from (n for value in record.values() for n in _numbers(value))
        case list():
            yield from (n for value in record for n in _numbers(value))
        case _:
            return


def _words(record: Any) -> str:
    match record:
        case str():
            return record
        case dict():
            return "\n".join(_words(v) for v in record.values())
        case list():
            return "\n".join(_words(v) for v in record)
        case _:
            return ""
