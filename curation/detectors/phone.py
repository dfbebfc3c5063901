"""Telephone numbers: international, with a trunk zero, in groups, or any run of digits beside a word like "call"."""

import re
from collections.abc import Iterator

from curation.detecting import Found
from curation.detectors._dialling import valid_abroad, valid_with_trunk_zero
from curation.detectors._numbers import Chunk, NumberDetector, Numbers, numbers
from curation.detectors._words import Words, cues
from curation.detectors.account import kind_before

_LABELS = "(?i:office|fax|mobile|mob|cell|desk|tel|phone|direct|landline|switchboard|büro|mobil|bureau|oficina|ufficio)"
_MORE = r"(?:[ .\-/()]{0,2}\d)"
_END = rf"(?:,? ?(?:x|ext\.?|extension|Ext\.?|App\.?|DW)[ .:]{{0,2}}\d{{1,6}})?(?![\w]|-(?!{_LABELS})\w)"
_STARTS = r"(?<![\w/+-])(?<!\d[.,])"
_SHAPES = re.compile(
    rf"(?P<plus>(?<!\w)\+\(?\d{_MORE}{{6,14}}{_END})"  # +49 (0)30 1234567
    rf"|(?P<zeros>{_STARTS}00[ -]?\d{_MORE}{{7,14}}{_END})"  # 0049 30 1234567, 001-668-040-8670x1711
    rf"|(?P<area>(?<![\w/-])(?:[18][ -]?)?\(\d{{2,5}}\)(?:[ .\-/]{{0,2}}\d){{5,10}}{_END})"  # (212) 555-0142
    rf"|(?P<american>{_STARTS}(?:1[ .-])?\d{{3}}(?P<sep>[ .-])\d{{3}}(?P=sep)\d{{4}}{_END})"  # 212-555-0142
    rf"|(?P<plain>{_STARTS}[2-9]\d{{2}}[2-9]\d{{6}}{_END})"  # 2125550142
    rf"|(?P<local>{_STARTS}[2-9]\d{{2,3}}-\d{{4}}{_END})"  # 555-0142, 2212-3456
    rf"|(?P<eight>{_STARTS}[35689]\d{{3}} \d{{4}}{_END}(?! \d))"  # 6612 3456
    rf"|(?P<mixed>{_STARTS}\d{{1,4}} \d{{2,5}}(?:[ -]\d{{2,5}}){{1,3}}-\d{{2,5}}{_END})"  # 8 0152 45-09-11
    rf"|(?P<trunk>{_STARTS}0\d(?:[ .\-/]?\d){{6,10}}{_END})"
    rf"|(?P<groups>{_STARTS}(?<![=<$€£])\d{{2,5}}(?P<joint>[.\- ])\d{{2,5}}(?:(?P=joint)\d{{2,5}}){{1,4}}{_END}"
    rf"(?!(?P=joint)\d| ?[=<*+×]))"
)
_SCORES = {
    "plus": 0.8,
    "zeros": 0.75,
    "area": 0.8,
    "american": 0.8,
    "plain": 0.5,
    "local": 0.5,
    "trunk": 0.5,
    "eight": 0.5,
    "mixed": 0.5,
    "groups": 0.5,
}
_CUES = cues(
    "text message, text me, text us, text him, text her, text them, my number, his number, her number, their number"
    ", our number, new number, old number, work number, home number, meine nummer, mon numéro, mi número, mio numero"
    ", meu número, mijn nummer, mi numero, callback number, contact number",
    "tel telephone telefono telefon teléfono telefone telefoon telefonnummer téléphone telephono phone phones mobile"
    " mobil handy handynummer cell cellphone call calls called calling fax whatsapp dial ring reach contact sms"
    " answering landline tlf hotline ph rufnummer telefonszám numer telefonu telefonnr móvil celular cellulare portable"
    " gsm mob viber signal telegram llamar chiamare appeler anrufen erreichbar телефон τηλέφωνο puhelin",
)
_CUED = re.compile(rf"\(?\+?\d{_MORE}{{5,14}}{_END}(?! ?[=<*×])")
_DATE = re.compile(
    r"(?:19|20)\d\d[-./ ]\d{1,2}[-./ ]\d{1,2}(?!\d)|\d{4}-[01]\d-[0-3]\d(?!\d)"
    r"|\d{1,2}[-./ ]\d{1,2}[-./ ](?:19|20)\d\d(?!\d)"
    r"|(?:19|20)\d\d-(?:19|20)\d\d$"
)
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:([ .])\d{3})(?:\1\d{3})*$")
_NINE = re.compile(r"[4-9]\d\d \d{3} \d{3}$")
"""Written so in Spain, Portugal, Poland and others; a count of several hundred millions is rarer."""
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}$")
_NOT_DIGIT = re.compile(r"\D")
_EXTENSION = re.compile(r"[xXeEaAD,].*$")
_LABEL = re.compile(rf"[ -](?:\({_LABELS}\)|{_LABELS}(?!\w))")
_LABELLED = re.compile(rf"{_STARTS}\d{_MORE}{{5,13}}(?=[ -]\(?{_LABELS})")
"""As on a letterhead or a business card: `61 9808 office`, `044 668 18 00 (mobile)`."""
_GAP = re.compile(r"[^0-9=]{0,36}")


class Phone(NumberDetector):
    """Numbers one can dial; dates, years, IP addresses, order numbers and grouped thousands are left to themselves."""

    version = 2

    def __call__(self, text: str) -> Iterator[Found]:
        """The telephone numbers in a text."""
        seen = numbers(text)
        for chunk in seen.chunks:
            if chunk[2] >= 6 and not _in_code(text, chunk, chunk[0]):
                yield from _in_chunk(seen, chunk)


def _in_code(text: str, chunk: Chunk, start: int) -> bool:
    """What is written onto a letter or a dash is part of a code: ORD-704058."""
    before = text[start - 1 : start]
    return before.isalpha() or (before == "-" and len(chunk.shape) == chunk.digits)


def _in_chunk(seen: Numbers, chunk: Chunk) -> Iterator[Found]:
    text = seen.text
    start, end = _room(text, chunk)
    if start < chunk.start and _in_code(text, chunk, start):
        return
    past = start
    number = _CUED.match(text, start, end) if _cued(seen, start) else None
    if number and not _DATE.match(number.group()) and _long_enough(number.group()):
        past = number.end()
        yield Found(*number.span(), 0.85)
    if _LABEL.match(text, chunk.end):
        last = _LABELLED.search(text, max(past, chunk.end - 40), min(len(text), chunk.end + 24))
        yield from [Found(*last.span(), 0.75)] if last else ()
    if chunk.digits >= 7 and past < chunk.end:
        for match in _SHAPES.finditer(text, past, end):
            if match.start() < chunk.end:
                yield from _judge(seen, match)


def _long_enough(value: str) -> bool:
    """Seven digits, or six in plain groups: `(2001) 8.8` is a year and a mark."""
    return len(_digits(value)) > 6 or not any(c in "./()" for c in value)


def _room(text: str, chunk: Chunk) -> tuple[int, int]:
    """A chunk with the plus sign and bracket before it and an extension after it."""
    start = chunk.start
    while start > max(0, chunk.start - 2) and text[start - 1] in "+(":
        start -= 1
    return start, min(len(text), chunk.end + 20)


def _cued(seen: Numbers, start: int) -> bool:
    """Whether a word for a telephone stands right before, with no other number between and no word for an order."""
    before = seen.before(start)
    if not _CUES.among(before) or kind_before(before) is not None:
        return False
    gap = _GAP.match(seen.text[max(0, start - 36) : start][::-1])
    between = tuple(re.findall(r"\w+", gap.group()[::-1].lower())) if gap else ()
    return _CUES.among(between)


def _judge(seen: Numbers, match: re.Match[str]) -> Iterator[Found]:
    kind, value = match.lastgroup or "", match.group()
    kind = next(name for name in _SCORES if match[name] is not None)
    if kind in {"trunk", "groups", "mixed", "local"} and not _dialled(value):
        return
    before = seen.before(match.start())
    if kind in {"plain", "local", "groups", "trunk", "mixed", "eight"} and kind_before(before) is not None:
        return
    yield Found(*match.span(), _score(kind, value, before))


def _score(kind: str, value: str, before: Words) -> float:
    """The better of what the words before say and what the shape and the numbering plans say."""
    return max(_plan_score(kind, value), 0.85 if _CUES.among(before) else 0.0)


def _plan_score(kind: str, value: str) -> float:
    digits = _digits(value)
    grouped = len(value) > len(digits)
    if kind == "plus":
        return 0.95 if valid_abroad(digits) or valid_abroad(digits.replace("0", "", 1)) else 0.8
    if kind == "zeros":
        return 0.9 if valid_abroad(digits[2:]) else 0.75 if grouped else 0.5
    if kind == "trunk" and valid_with_trunk_zero(digits):
        return 0.75 if grouped else 0.6
    return _SCORES[kind]


def _digits(value: str) -> str:
    return _NOT_DIGIT.sub("", _EXTENSION.sub("", value))


def _dialled(value: str) -> bool:
    if _NINE.match(value):
        return True
    other = _DATE.match(value) or _THOUSANDS.match(value) or _ADDRESS.match(value)
    return 7 <= len(_digits(value)) <= 15 and not other
