"""Answers whose final number is not the known one."""

import re
from fractions import Fraction
from typing import Annotated

from pydantic import Field

from curation.checking import Check, Drop, Quarantine, text_of
from curation.records import Sample

_NUMBER = r"[-+\u2212]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d{1,30})(?:\.\d{1,30})?(?:/\d{1,30})?|[-+\u2212]?\.\d{1,30}"
_MARKED = re.compile(rf"(?:####|\\boxed\{{|(?i:answer)(?: is|:|=)*)[\s*$€£]*({_NUMBER})")
_ANY = re.compile(rf"(?<![\w.])({_NUMBER})")


class Numeric(Check):
    """Object to an answer whose final number differs from the one in the prompt's column `reference`.

    The final number is the last one marked `#### n`, `\\boxed{n}` or "answer is n", else the last one in the text.
    Thousands separators, currency signs, fractions and trailing zeros do not matter. A prompt whose column is missing
    or holds no number is quarantined: it could not be checked.
    """

    reference: str = "answer"
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    """Largest difference let pass, relative to the reference."""
    field: str | None = None

    def __call__(self, sample: Sample) -> Drop | None:
        """Compare exactly, as fractions."""
        wanted = final_number(str(sample.fields.get(self.reference, "")))
        if wanted is None:
            words = f"the prompt has no number in its column {self.reference!r} to compare with"
            return Quarantine("no_reference", words)
        found = final_number(text_of(sample, self.field))
        if found is None:
            return self.against("no_number", "answer holds no number")
        if abs(found - wanted) <= Fraction(self.tolerance) * abs(wanted):
            return None
        return self.against("wrong_number", f"final number is {_show(found)}, not {_show(wanted)}", float(found))


def final_number(text: str) -> Fraction | None:
    """The number an answer ends in, exactly; None where it holds none.

    >>> final_number("2 + 2 = 4, so she pays\\n#### 1,204.50")
    Fraction(2409, 2)
    """
    found = _MARKED.findall(text) or _ANY.findall(text)
    if not found:
        return None
    value = found[-1].replace(",", "").replace("\u2212", "-")
    top, _, bottom = value.partition("/")
    return Fraction(top) / Fraction(bottom) if bottom and Fraction(bottom) else Fraction(top)


def _show(number: Fraction) -> str:
    return str(number.numerator) if number.denominator == 1 else f"{float(number):g}"
