"""E-mail addresses, also spelt `name (at) example dot com`."""

import re
from collections.abc import Iterator

from curation.detecting import Detector, Found

_LOCAL = re.compile(r"[\w.+%&'#~-]{1,64}")
"""RFC 5322 allows more (`=`, `/`, `!` ...); there they nearly always belong to what stands before: `to=ana@...`."""
_LOCAL_START = re.compile(r"[^\w+]*")
_DOMAIN = re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}|\[[\d.:a-fA-F]{3,45}\]")
_SPELT_AT = re.compile(r" ?(?:\(at\)|\[at\]|\{at\}|<at>) ?| at ", re.IGNORECASE)
_SPELT_LOCAL = re.compile(r"(?:[\w+-]{1,64}(?:\.| tod ))*[\w+-]{1,64}", re.IGNORECASE)
_SPELT_DOMAIN = re.compile(r"[\w-]{1,63}(?:(?: dot | ?\(dot\) ?| ?\[dot\] ?|\.)[\w-]{2,63}){1,5}", re.IGNORECASE)
_SPELT_DOT = re.compile(r"dot", re.IGNORECASE)


class Email(Detector):
    """Every `@` or spelt-out at with an address around it; searched outwards from the sign, so linear."""

    def __call__(self, text: str) -> Iterator[Found]:
        """The addresses in a text."""
        for at in re.finditer("@", text):
            yield from _around(text, at.start())
        for at in _SPELT_AT.finditer(text):
            yield from _spelt(text, at)


def _around(text: str, at: int) -> Iterator[Found]:
    # Matched backwards from the sign, so that each character is read once.
    local = _LOCAL.match(text[max(0, at - 64) : at][::-1])
    domain = _DOMAIN.match(text, at + 1, at + 255)
    if local is None or domain is None:
        return
    start = at - local.end()
    lead = _LOCAL_START.match(text, start, at)
    start = lead.end() if lead else start
    if start < at:
        yield Found(start, domain.end())


def _spelt(text: str, at: re.Match[str]) -> Iterator[Found]:
    local = _SPELT_LOCAL.match(text[max(0, at.start() - 64) : at.start()][::-1])
    domain = _SPELT_DOMAIN.match(text, at.end(), at.end() + 255)
    if local is None or domain is None:
        return
    # A plain " at " is an address only where a dot is spelt out as well: "see me at noon" is not one.
    if at.group() == " at " and not _SPELT_DOT.search(domain.group()):
        return
    yield Found(at.start() - local.end(), domain.end())
