"""Telephone numbers: international, with a trunk zero, in groups, or any run of digits beside a word like "call"."""

import re
from collections.abc import Iterator
from typing import ClassVar

from curation.detecting import Detector, Found

_MORE = r"(?:[ .\-/()]{0,2}\d)"
_END = r"(?:(?: ?(?:x|ext\.?) ?)\d{1,6})?(?!\w)"
_STARTS = r"(?<![\w/+-])(?<!\d[.,])"
_SURE = re.compile(
    rf"(?<!\w)\+\(?\d{_MORE}{{6,14}}{_END}"  # +49 (0)30 1234567
    rf"|{_STARTS}00\d{_MORE}{{7,14}}{_END}"  # 0049 30 1234567, 001-668-040-8670x1711
    rf"|(?<![\w/-])\(\d{{2,5}}\)(?:[ .\-/]{{0,2}}\d){{5,10}}{_END}"  # (212) 555-0142, (96) 627-277
    rf"|{_STARTS}(?:1[ .-])?\d{{3}}([ .-])\d{{3}}\1\d{{4}}{_END}"  # 212-555-0142
    rf"|{_STARTS}[2-9]\d{{2}}-\d{{4}}{_END}"  # 555-0142
    rf"|{_STARTS}[2-9]\d{{2}}[2-9]\d{{6}}{_END}"  # 2125550142
)
_TRUNK = re.compile(rf"{_STARTS}0\d(?:[ .\-/]?\d){{6,10}}{_END}")
_GROUPS = re.compile(rf"{_STARTS}(?<![=<$€£])\d{{2,5}}([.-])\d{{2,5}}(?:\1\d{{2,5}}){{1,4}}{_END}(?!\1\d| ?[=<*+×])")
_CUE = re.compile(
    r"(?<![^\W\d])(?:tel(?:e?phone|efono|efon|éfono|efone|efoon|efonnummer)?|t[ée]l[ée]phone|phone|mobile|mobil|handy"
    r"|cell|call|fax|whatsapp|dial|ring|reach|contact|sms|answering|text (?:me|us|him|her|them)"
    r"|(?:my|his|her|their|our|meine|mon|mi|mio|meu|mijn) (?:new |old |work |home )?n(?:umber|ummer|úmero|umero|uméro)"
    r"|tlf|hotline|ph)(?![^\W\d])[^\d\n+(=]{0,20}",
    re.IGNORECASE,
)
_CUED = re.compile(rf"\(?\d{_MORE}{{6,14}}{_END}(?! ?[=<*×])")
_DATE = re.compile(
    r"(?:19|20)\d\d[-./ ]\d{1,2}[-./ ]\d{1,2}(?!\d)"
    r"|\d{1,2}[-./ ]\d{1,2}[-./ ](?:19|20)\d\d(?!\d)"
    r"|(?:19|20)\d\d-(?:19|20)\d\d$"
)
_THOUSANDS = re.compile(r"\d{1,3}(?:([ .])\d{3})(?:\1\d{3})*$")
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}$")
_NOT_DIGIT = re.compile(r"\D")


class Phone(Detector):
    """Numbers one can dial; dates, years, IP addresses and grouped thousands are left to themselves."""

    needs_digit: ClassVar[bool] = True

    def __call__(self, text: str) -> Iterator[Found]:
        """The telephone numbers in a text."""
        yield from (Found(*m.span()) for m in _SURE.finditer(text))
        for pattern in (_TRUNK, _GROUPS):
            yield from (Found(*m.span()) for m in pattern.finditer(text) if _dialled(m.group()))
        for cue in _CUE.finditer(text):
            number = _CUED.match(text, cue.end())
            if number and not _DATE.match(number.group()):
                yield Found(*number.span())


def _dialled(value: str) -> bool:
    digits = len(_NOT_DIGIT.sub("", value.split("x")[0]))
    other = _DATE.match(value) or _THOUSANDS.match(value) or _ADDRESS.match(value)
    return 7 <= digits <= 15 and not other
