"""Payment card numbers: 12 to 19 digits, plain or grouped; one that fails the Luhn check is masked and marked so."""

import re
from collections.abc import Iterator

from curation.detecting import Found, luhn
from curation.detectors._numbers import Chunk, NumberDetector, Numbers, numbers
from curation.detectors._words import cues

_GROUPED = re.compile(
    r"(?<!\d)(?<!\d\.)(?:\d{4}([ .-]{1,2})\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|3[47]\d{2}([ .-]{1,2})\d{6}\2\d{5}"
    r"|3[0689]\d{2}([ .-]{1,2})\d{6}\3\d{4})(?!\d)"
)
_PLAIN = re.compile(r"(?<!\d)(?<!\d\.)(?:[2-6]\d{12,18}|1800\d{11})(?!\d)")
_ANY = re.compile(r"(?<!\d)(?<!\d\.)(?=([2-6]\d\d(?:[ -]?\d){10,16})(?!\d))")
_SPACED = re.compile(r"(?<!\d)(?<!\d[ -])([2-6](?:[ -]\d){12,18})(?![ -]?\d)")
_SEPARATORS = re.compile(r"\D")
_ISSUED = re.compile(r"3[04-9]|4|5|6[0-57-9]|2[2-7]")
"""First digits that card networks use (ISO/IEC 7812 ranges of the large networks)."""
_CUES = cues(
    "",
    "card cards visa mastercard amex maestro discover jcb diners credit debit cc pan karte kreditkarte"
    " kartennummer kreditkartennummer carte cb tarjeta carta cartão cartao kaart creditcard kort karta"
    " kortti",
)


class Card(NumberDetector):
    """Numbers a card network could have issued."""

    version = 2

    def __call__(self, text: str) -> Iterator[Found]:
        """Card numbers and things of their shape."""
        seen = numbers(text)
        for chunk in seen.chunks:
            if chunk.digits >= 13:
                yield from _inside(seen, chunk)


def _inside(seen: Numbers, chunk: Chunk) -> Iterator[Found]:
    text, first, last = seen.text, chunk.start, chunk.end
    for match in (*_GROUPED.finditer(text, first, last), *_PLAIN.finditer(text, first, last)):
        yield from _judge(seen, match)
    for match in (*_ANY.finditer(text, first, last), *_SPACED.finditer(text, first, last)):
        if luhn(match.group(1).replace(" ", "").replace("-", "")):
            yield Found(*match.span(1), 0.75)


def _judge(seen: Numbers, match: re.Match[str]) -> Iterator[Found]:
    value = match.group()
    digits = _SEPARATORS.sub("", value)
    if luhn(digits) and digits[0] in "123456":
        yield Found(*match.span(), 0.95 if _ISSUED.match(digits) else 0.75)
    elif len(digits) in {14, 15, 16, 19} and _ISSUED.match(digits):
        convincing = len(value) > len(digits) or _CUES.among(seen.before(match.start()))
        yield Found(*match.span(), 0.75 if convincing else 0.5, valid=False)
