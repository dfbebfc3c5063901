"""Numbers, dates and times of day in a text, read so that different ways of writing one can be compared.

`1,200`, `1.2k` and `twelve hundred` are one number, `two weeks` and `14 days` one span of time, `3 May 2021` and
`2021-05-03` one date. Spelled numbers, months and units are English; digits are read in any language.
"""

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Literal, NamedTuple

Kind = Literal["number", "date", "time", "code"]
Day = tuple[int | None, int | None, int | None]
"""Year, month and day, as far as they are said."""


class Reading(NamedTuple):
    """One way to read a number: as written, and in what unit."""

    value: Fraction
    unit: str = ""
    """What the unit measures in (`minute` for hours); empty where none is said or it is not known."""
    factor: Fraction = Fraction(1)
    """How many of these the unit is."""
    step: Fraction = Fraction(1)
    """The place of the last digit that is not 0: how far the number may be rounded."""


class Figure(NamedTuple):
    """A number, date, time or code as it stands in a text, with every way it can be read."""

    text: str
    kind: Kind
    readings: tuple[Reading, ...] = ()
    days: tuple[Day, ...] = ()
    rough: bool = False
    """Said to be about so much, or written in thousands or millions: it may stand for a number it is rounded from."""


def _words(text: str) -> list[str]:
    return text.split()


_ONES = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen"
)
_ORDINALS = _words(
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth"
    " fifteenth sixteenth seventeenth eighteenth nineteenth"
)
_TENS = {w: 10 * n for n, w in enumerate(_words("twenty thirty forty fifty sixty seventy eighty ninety"), start=2)}
_SMALL = {
    **{word: n for words in (_ONES, _ORDINALS) for n, word in enumerate(words)},
    **_TENS,
    **{f"{word[:-1]}ieth": n for word, n in _TENS.items()},
}
_SCALES = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12}
_SHORT_SCALES = {"k": 10**3, "m": 10**6, "mn": 10**6, "bn": 10**9, "b": 10**9, "tn": 10**12}


def _unit_table() -> dict[str, tuple[str, Fraction]]:
    table = (
        ("%", 1, "% percent pct percentage"), ("$", 1, "$ usd dollar dollars"), ("€", 1, "€ eur euro euros"),
        ("£", 1, "£ gbp"), ("metre", 1, "m metre metres meter meters"),
        ("metre", 1000, "km kilometre kilometres kilometer kilometers"),
        ("metre", "1/100", "cm centimetre centimetres centimeter centimeters"),
        ("metre", "1/1000", "mm millimetre millimetres"), ("mile", 1, "mile miles"),
        ("gram", 1, "g gram grams"), ("gram", 1000, "kg kilo kilos kilogram kilograms"),
        ("gram", 10**6, "tonne tonnes"), ("minute", "1/60", "sec secs second seconds"),
        ("minute", 1, "min mins minute minutes"), ("minute", 60, "h hr hrs hour hours"),
        ("minute", 1440, "day days"), ("minute", 10080, "week weeks"), ("month", 1, "month months"),
        ("month", 12, "year years yr yrs"), ("month", 120, "decade decades"),
    )  # fmt: skip
    return {name: (base, Fraction(factor)) for base, factor, names in table for name in names.split()}


_UNITS = _unit_table()
_MONTHS = _words("january february march april may june july august september october november december")
_MONTH_OF = {name: n for n, month in enumerate(_MONTHS, start=1) for name in (month, month[:3])} | {"sept": 9}

_MONTH = "|".join(sorted(_MONTH_OF, key=len, reverse=True))
_NTH = r"(?:st|nd|rd|th)?"
_SMALL_WORD = "|".join(sorted(_SMALL, key=len, reverse=True))
_BELOW_HUNDRED = rf"(?:(?:{'|'.join(_TENS)})[ -](?:{'|'.join([*_ONES[1:10], *_ORDINALS[1:10]])})|{_SMALL_WORD})"
_PART = rf"(?:(?:{_BELOW_HUNDRED}|an?)[ -]hundred(?:[ -](?:and[ -])?{_BELOW_HUNDRED})?|{_BELOW_HUNDRED})"
_SPELLED = rf"(?:(?:(?:{_PART}|an?)[ -])?(?:{'|'.join(_SCALES)})(?:[ -](?:and[ -])?{_PART})?|{_PART})"
_TOKEN = re.compile(
    r"(?<![A-Za-z0-9_])(?:"  # only where a word or number begins: five times as fast
    rf"(?P<iso>(?<![\w-])(?P<y1>\d{{4}})-(?P<m1>\d{{1,2}})-(?P<d1>\d{{1,2}})(?![\w-]))"
    rf"|(?P<slashed>(?<![\w/.])(?P<a>\d{{1,2}})(?P<sep>[/.])(?P<b>\d{{1,2}})(?P=sep)(?P<y2>\d{{4}}|\d\d)(?![\w/]))"
    rf"|(?P<day>\b(?P<d3>\d{{1,2}}){_NTH}(?: of)? (?P<m3>{_MONTH})\b\.?(?:,? (?P<y3>\d{{4}})\b)?)"
    rf"|(?P<month>\b(?P<m4>{_MONTH})\b\.? (?:(?P<d4>\d{{1,2}}){_NTH}(?![\w:%,.]\d|\w)(?:,? (?P<y4>\d{{4}})\b)?"
    rf"|(?P<y5>\d{{4}})\b))"
    r"|(?P<clock>(?<![\w:.])(?P<h>\d{1,2})(?:[:.](?P<min>\d\d))? ?(?P<ap>[ap])\.?m\b\.?"
    r"|(?<![\w:.])(?P<h24>\d{1,2}):(?P<min24>\d\d)(?![\w:]))"
    r"|(?P<code>(?<![\w-])[^\W\d_]+[-/_]?\d[\w/-]*)"
    r"|(?P<number>(?<![^\W\d_])(?P<coin>[£$€] ?)?(?P<digits>\d{1,3}(?:[,.'’\u00a0\u202f]\d{3})+(?:[.,]\d+)?"
    r"|\d+(?:[.,]\d+)?)(?P<tail>(?:[ -]?(?:[^\W\d_]+|%)){0,2}))"
    rf"|(?P<spelled>\b{_SPELLED}(?P<half>[ -]and[ -]a[ -]half)?\b(?P<of>(?:[ -][^\W\d_]+)?)))",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"\b(?:about|around|roughly|approximately|nearly|almost|some|over|under|(?:more|less|fewer) than|up to|at least"
    r"|circa|ca|close to|an estimated|~) ?[£$€]?$",
    re.IGNORECASE,
)
_TAIL_WORD = re.compile(r"[^\W\d_]+|%")
_BACK = 24


def figures(text: str) -> list[Figure]:
    """Every number, date, time and code of a text, from left to right.

    >>> [(f.text, f.kind) for f in figures("On 3 May, 1,200 people (about 4%) left at 10:30.")]
    [('3 May', 'date'), ('1,200', 'number'), ('4%', 'number'), ('10:30', 'time')]
    """
    found: list[Figure] = []
    at = 0
    while match := _TOKEN.search(text, at):
        figure, at = _figure(text, match)
        found.append(figure)
    return found


def supported(figure: Figure, source: Sequence[Figure]) -> bool:
    """Whether a source says the same: its number (or the one this is rounded from), its date, its time, its code."""
    return any(_agree(figure, other) for other in source)


def plain_numbers(found: Sequence[Figure]) -> Iterator[Figure]:
    """The figures, and beside each date its year and day as numbers: who says `3 May 2021` has said `2021`."""
    for figure in found:
        yield figure
        for year, _, day in figure.days:
            for part in (year, day):
                if part is not None:
                    yield Figure(str(part), "number", (Reading(Fraction(part)),))


def counts_things(figure: Figure, most: int) -> bool:
    """Whether it is a small whole number without a unit, which a writer may have counted out of a list."""
    return figure.kind == "number" and all(
        r.unit == "" and r.value.denominator == 1 and r.value <= most for r in figure.readings
    )


def _agree(mine: Figure, other: Figure) -> bool:
    if mine.kind != other.kind:
        return False
    match mine.kind:
        case "code":
            return mine.text.casefold() == other.text.casefold()
        case "date":
            return any(_within(day, whole) for day in mine.days for whole in other.days)
        case "time":
            return any(_same_time(a, b) for a in mine.readings for b in other.readings)
        case "number":
            return any(_same_number(a, b, rough=mine.rough) for a in mine.readings for b in other.readings)


def _within(day: Day, whole: Day) -> bool:
    return all(part is None or part == said for part, said in zip(day, whole, strict=True))


def _same_time(a: Reading, b: Reading) -> bool:
    both_known = a.unit == b.unit == "24"
    return a.value == b.value if both_known else (a.value - b.value) % 720 == 0


def _same_number(mine: Reading, source: Reading, *, rough: bool) -> bool:
    if mine.unit and source.unit and mine.unit != source.unit:
        return False
    with_units = bool(mine.unit and source.unit)
    a, b = (r.value * r.factor if with_units else r.value for r in (mine, source))
    if a == b:
        return True
    step = mine.step * (mine.factor if with_units else 1)
    may_round = rough or (b.denominator != 1 and not with_units)
    return may_round and abs(a - b) <= step / 2 and abs(a - b) <= abs(b) / 20


def _figure(text: str, match: re.Match[str]) -> tuple[Figure, int]:
    """The figure a match holds, and where the text after it begins."""
    if match["code"]:
        return Figure(match["code"], "code"), match.end()
    if match["clock"]:
        return Figure(match.group(), "time", (_clock(match),)), match.end()
    if match["number"]:
        return _number(text, match)
    if match["spelled"]:
        return _spelled(text, match)
    return Figure(match.group().rstrip("."), "date", days=tuple(_days(match))), match.end()


def _clock(match: re.Match[str]) -> Reading:
    """Minutes after midnight; unit `24` where it is certain which half of the day is meant."""
    if match["ap"]:
        hour = int(match["h"]) % 12 + (12 if match["ap"].lower() == "p" else 0)
        return Reading(Fraction(60 * hour + int(match["min"] or 0)), "24")
    hour = int(match["h24"])
    return Reading(Fraction(60 * hour + int(match["min24"])), "24" if hour > 12 or match["h24"][0] == "0" else "")


def _days(match: re.Match[str]) -> Iterator[Day]:
    if match["iso"]:
        yield int(match["y1"]), int(match["m1"]), int(match["d1"])
    elif match["slashed"]:
        year, a, b = int(match["y2"]), int(match["a"]), int(match["b"])
        year += 2000 if year < 70 else 1900 if year < 100 else 0
        yield from ((year, m, d) for m, d in ((a, b), (b, a)) if m <= 12)
    elif match["day"]:
        yield _said(match["y3"]), _MONTH_OF[match["m3"].lower()], int(match["d3"])
    else:
        yield _said(match["y4"] or match["y5"]), _MONTH_OF[match["m4"].lower()], _said(match["d4"])


def _said(digits: str | None) -> int | None:
    return None if digits is None else int(digits)


def _number(text: str, match: re.Match[str]) -> tuple[Figure, int]:
    """A number in digits with the words after it that scale it or say its unit."""
    scale, unit, scaled, end = _tail(match["tail"], match.start("tail"))
    coin = _UNITS.get((match["coin"] or "").strip())
    readings = [_read(value, scale, coin or unit) for value in _values(match["digits"])]
    if scale == 10**6 and text[match.end("digits") : end].strip().lower() == "m":
        readings += [_read(value, 1, _UNITS["m"]) for value in _values(match["digits"])]
    return Figure(
        text[match.start() : end].strip(), "number", tuple(readings), rough=scaled or _about(text, match)
    ), end


def _tail(words: str, start: int) -> tuple[int, tuple[str, Fraction] | None, bool, int]:
    """Scale, unit, whether there is a scale, and where they end."""
    scale, unit, end = 1, None, start
    for word in _TAIL_WORD.finditer(words):
        low = word.group().lower()
        if scale == 1 and end == start and (by := _SCALES.get(low) or _SHORT_SCALES.get(low)):
            scale = by
        elif low == "per" and words[word.end() :].lower().startswith(" cent"):
            return scale, _UNITS["%"], scale > 1, start + word.end() + len(" cent")
        elif unit is None and low in _UNITS:
            unit = _UNITS[low]
        else:
            break
        end = start + word.end()
    return scale, unit, scale > 1, end


def _read(value: Fraction, scale: int, unit: tuple[str, Fraction] | None) -> Reading:
    base, factor = unit or ("", Fraction(1))
    return Reading(value * scale, base, factor, _step(value) * scale)


def _step(value: Fraction) -> Fraction:
    """The place of the last digit that is not 0."""
    step = Fraction(1)
    while (value / step).denominator != 1:
        step /= 10
    while value and (value / step) % 10 == 0:
        step *= 10
    return step


def _values(digits: str) -> Iterator[Fraction]:
    """Every value that digits with separators can mean: `1.204` is 1204 in some countries."""
    plain = re.sub(r"['’\u00a0\u202f]", "", digits)
    marks = re.findall(r"[.,]", plain)
    grouped = re.fullmatch(r"\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*", plain) is not None
    if not marks or grouped:
        yield Fraction(re.sub(r"[.,]", "", plain))
    if marks and (not grouped or (len(marks) == 1 and marks[0] == ".")):
        whole, _, part = plain.rpartition(marks[-1])
        yield Fraction(f"{re.sub(r'[.,]', '', whole)}.{part}")


def _spelled(text: str, match: re.Match[str]) -> tuple[Figure, int]:
    words = match["spelled"][: len(match["spelled"]) - len(match["of"]) - len(match["half"] or "")]
    value = _value_of(re.split(r"[ -]", words.lower())) + (Fraction(1, 2) if match["half"] else 0)
    _, unit, _, end = _tail(match["of"], match.start("of"))
    unit_word = match["of"].strip(" -").lower()
    if unit_word == "per" and text[match.end() :].lower().startswith(" cent"):
        unit, end = _UNITS["%"], match.end() + len(" cent")
    return Figure(text[match.start() : end].strip(), "number", (_read(value, 1, unit),), rough=_about(text, match)), end


def _value_of(words: Sequence[str]) -> Fraction:
    total = part = 0
    for word in words:
        if word == "hundred" or word == "dozen":
            part = max(part, 1) * _SCALES[word]
        elif word in _SCALES:
            total, part = total + max(part, 1) * _SCALES[word], 0
        else:
            part += _SMALL.get(word, 0)
    return Fraction(total + part)


def _about(text: str, match: re.Match[str]) -> bool:
    return _ABOUT.search(text, max(0, match.start() - _BACK), match.start()) is not None
