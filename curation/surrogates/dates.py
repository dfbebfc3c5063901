"""Dates moved by whole weeks: order, distance, weekday and format hold, and an age changes by less than a year."""

import calendar
import re
from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache
from typing import Literal, NamedTuple

from curation.surrogates.people import cased

WEEKS = (*range(-51, -4), *range(5, 52))
"""Never less than 35 days, so that a month named without its day changes too; never a year."""
Part = Literal["year", "month", "day"]

_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "sv": "januari februari mars april maj juni juli augusti september oktober november december",
    "da": "januar februar marts april maj juni juli august september oktober november december",
    "no": "januar februar mars april mai juni juli august september oktober november desember",
    "pl": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
    "tr": "Ocak Şubat Mart Nisan Mayıs Haziran Temmuz Ağustos Eylül Ekim Kasım Aralık",
    "ru": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
}
_DAYS = (
    "monday tuesday wednesday thursday friday saturday sunday",
    "montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag",
    "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "lunes martes miércoles jueves viernes sábado domingo",
    "lunedì martedì mercoledì giovedì venerdì sabato domenica",
    "segunda terça quarta quinta sexta sábado domingo",
    "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag",
)
_WEEKDAYS = frozenset(day for names in _DAYS for day in names.split())
_TOKEN = re.compile(
    r"(?P<time>\b\d{1,2}[:h]\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s?[ap]\.?m\b\.?)?)"
    r"|(?P<digits>\d+)(?P<ordinal>(?:st|nd|rd|th|er)\b)?"
    r"|(?P<word>[^\W\d_]+)",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"T\d{2}[:\d.]*(?:Z|[+-]\d{2}:?\d{2})?|\s*[+-]\d{2}:\d{2}$")
_LEAP, _COMMON = 2024, 2023
_PIVOT = 30
"""A year of two digits up to this one is of this century."""


class Token(NamedTuple):
    """A piece of a date that changes: where it stands and which part of the date it is."""

    start: int
    end: int
    part: Part
    number: int
    month: tuple[str, int] | None = None
    """For a month written out: its language and how many letters are shown of it."""
    ordinal: str = ""


def shifted(value: str, weeks: int, month_first: bool, language: str = "en") -> str | None:
    """A date so many weeks away, written as the other is; None where there is no date to be read.

    >>> shifted("Friday, March 1st, 2024", 5, month_first=True)
    'Friday, April 5th, 2024'
    >>> shifted("01.03.24", 5, month_first=False), shifted("2024-03-01T10:30:00Z", -6, month_first=False)
    ('05.04.24', '2024-01-19T10:30:00Z')
    """
    read = _read(value, month_first, language)
    if read is None:
        return value if _only_weekday(value) else None
    tokens, day = read
    try:
        moved = day + timedelta(weeks=weeks)
    except OverflowError:
        return None
    if [t.part for t in tokens] == ["year"]:
        moved = day.replace(year=day.year + (1 if weeks > 0 else -1))
    padded = _padded(value, tokens)
    text = value
    for token in reversed(tokens):
        text = text[: token.start] + _written(token, moved, value[token.start : token.end], padded) + text[token.end :]
    return text


def day_meant(value: str, month_first: bool) -> str | None:
    """The day a whole date means, written alike whatever its format; None for anything less than a whole date.

    >>> day_meant("3/4/2024", month_first=True), day_meant("4 March 2024", month_first=True)
    ('2024-03-04', '2024-03-04')
    """
    read = _read(value, month_first)
    return read[1].isoformat() if read and len(read[0]) == 3 else None


def _only_weekday(value: str) -> bool:
    found = re.findall(r"\w+", value.casefold())
    return bool(found) and all(word in _WEEKDAYS for word in found)


def _read(value: str, month_first: bool, language: str = "en") -> tuple[list[Token], date] | None:
    if not re.search(r"\d", value) and not any(
        w.casefold() in _months(language) for w in re.findall(r"[^\W\d_]+", value)
    ):
        return None
    tokens = _tokens(value, month_first, language)
    parts = [t.part for t in tokens]
    if not tokens or len(set(parts)) < len(parts) or parts == ["day"]:
        return None
    numbers = {t.part: t.number for t in tokens}
    month = numbers.get("month", 1 if "day" not in numbers else 0)
    day = numbers.get("day", 15)
    year = numbers.get("year", _LEAP if (month, day) == (2, 29) else _COMMON)
    if not (1 <= month <= 12 and 1 <= day <= 31 and 1 <= year <= 9998):
        return None
    return tokens, date(year, month, min(day, calendar.monthrange(year, month)[1]))


def _tokens(value: str, month_first: bool, language: str) -> list[Token]:
    clock = _CLOCK.search(value)
    ends = clock.start() if clock and clock.start() > 0 else len(value)
    found = list(_TOKEN.finditer(value, 0, ends))
    numbers = [m for m in found if m["digits"]]
    months = [t for m in found if m["word"] and (t := _month(m, language))]
    if len(numbers) == 1 and len(numbers[0]["digits"]) == 8 and not months:
        return _run_together(numbers[0])
    if len(months) > 1:
        return []
    dotted = "." in value[:ends] and not months  # 1.3.2024 has its day first wherever it is written
    return sorted([*months, *_numbered(numbers, month_first and not dotted, bool(months))])


def _month(match: re.Match[str], language: str) -> Token | None:
    known = _months(language).get(match.group().casefold())
    if known is None:
        return None
    spoken, number, letters = known
    return Token(match.start(), match.end(), "month", number, (spoken, letters))


@cache
def _months(first: str) -> dict[str, tuple[str, int, int]]:
    """Every name and abbreviation of a month: language (`first` before others), number, letters shown (0 for all)."""
    table: dict[str, tuple[str, int, int]] = {}
    ordered = sorted(_MONTHS.items(), key=lambda item: item[0] != first)
    for letters in (0, 3, 4):
        for language, names in ordered:
            for number, name in enumerate(names.split(), 1):
                table.setdefault((name[:letters] if letters else name).casefold(), (language, number, letters))
    return table


def _run_together(match: re.Match[str]) -> list[Token]:
    digits, at = match["digits"], match.start()
    if not ("1900" <= digits[:4] <= "2099" and "01" <= digits[4:6] <= "12" and "01" <= digits[6:] <= "31"):
        return []
    cuts: tuple[tuple[int, int, Part], ...] = ((0, 4, "year"), (4, 6, "month"), (6, 8, "day"))
    return [Token(at + a, at + b, part, int(digits[a:b])) for a, b, part in cuts]


def _numbered(matches: Sequence[re.Match[str]], month_first: bool, named: bool) -> list[Token]:
    """Which number is the year, the month, the day."""
    if len(matches) > 3 - named or any(len(m["digits"]) not in (1, 2, 4) for m in matches):
        return []
    values = [int(m["digits"]) for m in matches]
    long = [len(m["digits"]) == 4 for m in matches]
    order = _order(values, long, month_first, named)
    return [
        Token(m.start(), m.end(), part, _full_year(m["digits"]) if part == "year" else n, None, m["ordinal"] or "")
        for m, n, part in zip(matches, values, order, strict=False)
    ]


def _order(values: Sequence[int], long: Sequence[bool], month_first: bool, named: bool) -> list[Part]:
    if named:
        leads = bool(values) and (long[0] or values[0] > 31)
        return ["year", "day"] if leads else ["day", "year"]
    if len(values) == 1:
        return ["year"] if long[0] and 1900 <= values[0] <= 2099 else []
    at = next((i for i, is_long in enumerate(long) if is_long), 2)
    rest = [n for i, n in enumerate(values) if i != at]
    pair: list[Part] = ["month", "day"] if month_first or at == 0 else ["day", "month"]
    if len(rest) == 2 and rest[pair.index("month")] > 12:
        pair.reverse()
    if len(values) == 2:
        return ["month", "year"] if at == 1 else ["year", "month"] if at == 0 else pair
    pair.insert(at, "year")
    return pair


def _full_year(digits: str) -> int:
    if len(digits) == 4:
        return int(digits)
    return int(digits) + (2000 if int(digits) <= _PIVOT else 1900)


def _padded(value: str, tokens: Sequence[Token]) -> bool:
    """Whether days and months below ten are written with a zero: seen at those below ten, else as usual."""
    shown = [value[t.start : t.end] for t in tokens if t.part != "year" and not t.month and not t.ordinal]
    small = [s for s in shown if s.startswith("0") or len(s) == 1]
    if small:
        return small[0].startswith("0")
    return not any(t.month for t in tokens)


def _written(token: Token, day: date, like: str, padded: bool) -> str:
    if token.part == "year":
        return f"{day.year:04}" if len(like) == 4 else f"{day.year % 100:02}"
    if token.month:
        return _month_name(token.month, day.month, like)
    number = day.month if token.part == "month" else day.day
    return f"{number:02}" if padded and not token.ordinal else f"{number}{_ordinal(token.ordinal, number)}"


def _month_name(month: tuple[str, int], number: int, like: str) -> str:
    language, letters = month
    name = _MONTHS[language].split()[number - 1]
    shown = name[:3] if letters else name
    return cased(shown, like)


def _ordinal(like: str, number: int) -> str:
    if not like:
        return ""
    if like.casefold() == "er":
        return like if number == 1 else ""
    if 10 <= number % 100 <= 20:
        return cased("th", like)
    return cased({1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th"), like)
