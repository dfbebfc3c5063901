"""IP addresses, version 4 and 6; four numbers of which one exceeds 255 are masked and marked as a shape only."""

import ipaddress
import re
from collections.abc import Iterator

from curation.detecting import Found
from curation.detectors._numbers import NumberDetector, Numbers, numbers
from curation.detectors._words import cues, words

_FOUR = re.compile(r"(?<![\w.])(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?![\w]|\.\d|-\d)")
_TWO_COLONS = re.compile(r":(?=[0-9A-Fa-f]{0,4}:)")
_HEX = re.compile(r"[0-9A-Fa-f:]{0,39}")
_SIX = re.compile(r"[0-9A-Fa-f:]{2,39}(?:\.\d{1,3}\.\d{1,3}\.\d{1,3})?(?:%[A-Za-z][\w.-]{0,14})?(?![\w:])")
_RUN = re.compile(r"[0-9A-Fa-f:.]*")
_CUES = cues(
    "",
    "ip ips ipv addr address addresses host server client gateway router dns adresse ip-adresse dirección indirizzo"
    " endereço adres from ping node peer proxy firewall subnet",
)
_VERSIONS = words("version v ver release build firmware section chapter clause § rfc oid upgrade")
_NOT_PERSONAL = re.compile(r"(?:0|127|2[2-5]\d)\.|\d\.\d\.\d\.\d$|.*\.0$")
"""Loop-back, networks, netmasks, multicast, and four single digits: a version or a public resolver."""


class Ip(NumberDetector):
    """Addresses of machines; a dotted version number of four parts looks the same and is masked at `recall` only."""

    version = 2

    def __call__(self, text: str) -> Iterator[Found]:
        """The addresses in a text."""
        seen = numbers(text)
        for chunk in seen.chunks:
            if chunk.digits >= 4 and chunk.shape.count(".") >= 3:
                for match in _FOUR.finditer(text, chunk.start, min(len(text), chunk.end + 2)):
                    yield Found(*match.span(), *_four_score(seen, match))
        yield from _sixes(text)


def _four_score(seen: Numbers, match: re.Match[str]) -> tuple[float, bool]:
    parts = match.groups()
    before = seen.before(match.start())
    nearest = before[-1] if before else ""
    valid = all(int(part) <= 255 for part in parts)
    if nearest in _VERSIONS:
        return 0.4, valid
    if not valid:
        return (0.75 if _CUES.among(before) else 0.5), False
    return (0.5 if _NOT_PERSONAL.match(match.group()) else 0.9), True


def _sixes(text: str) -> Iterator[Found]:
    past = 0
    for colons in _TWO_COLONS.finditer(text):
        if colons.start() < past:
            continue
        before = _HEX.match(text[max(past, colons.start() - 39) : colons.start()][::-1])
        start = colons.start() - (before.end() if before else 0)
        match = _SIX.match(text, start)
        # Whatever the run of digits and colons is, it is judged once.
        run = _RUN.match(text, start)
        past = max(colons.end(), run.end() if run else 0)
        if match and _opens(text, start):
            score = _six_score(match.group().partition("%")[0])
            if score:
                yield Found(*match.span(), score)


def _opens(text: str, start: int) -> bool:
    return start == 0 or not (text[start - 1].isalnum() or text[start - 1] in "_.:")


def _six_score(value: str) -> float:
    # `d::e` in prose and `x[1::2]` in source code are valid addresses by the letter; four digits, one of them decimal,
    # are asked for as well.
    digits = [c for c in value if c not in ":."]
    if len(digits) < 4 or not any(c.isdigit() for c in value) or ("::" in value and not _group_of_three(value)):
        return 0.0
    try:
        ipaddress.IPv6Address(value)
    except ValueError:
        return 0.0
    if value.endswith("::"):
        return 0.5
    return 0.95 if len(digits) > 4 else 0.75


def _group_of_three(value: str) -> bool:
    return any(len(group) >= 3 for group in value.split(":"))
