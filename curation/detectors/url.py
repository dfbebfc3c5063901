"""Web addresses and bare domain names; one that carries a login, or says whose it is, is personal for certain."""

import re
from collections.abc import Iterator
from typing import ClassVar

from curation.detecting import Detector, Found, shortly_before
from curation.detectors._domains import known_ending, sure_endings

_SCHEME = re.compile(r"[A-Za-z0-9+.-]{0,14}[A-Za-z]")
"""Matched backwards from the colon."""
_REST = re.compile(r"(?:[^\s/@<>\"'`]{1,128}@)?(?:\[[0-9A-Fa-f:.]{2,45}\])?[^\s<>\"'`{}|\\^\[\]\ufffc\x1d]{0,2048}")
_LOGIN = re.compile(r"[^\s/@:?#]{1,64}:[^\s/@]{1,64}@")
_OWNER = re.compile(
    r"[?&;#](?:[\w.\[\]-]{0,24}[_.-])?(?:user(?:name)?|u?id|e?mail|account|customer|client|member|token|session|sid|key"
    r"|sig|signature|auth|code|name|phone|tel|order|ref|lat|lon|lng|q|address|addr|zip|dob)=[^&#\s]"
    r"|/(?:users?|profiles?|accounts?|customers?|members?|people|orders?|tickets?|invoices?|patients?|u|in)/[^/\s?#]{2}"
    r"|/(?:~|@|%40)\w|[\w.+-](?:@|%40)[\w-]+\.\w"
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|/(?!(?:19|20)\d\d[01]\d)\d{8,}",
    re.IGNORECASE,
)
_HOMES = re.compile(
    r"(?:www\.|m\.)?(?:facebook|instagram|twitter|x|tiktok|linkedin|t|vk|pinterest|patreon|onlyfans|linktr)"
    r"\.(?:com|me|ee)/[\w.-]{2}|(?:github|gitlab)\.com/[\w.-]{2,40}/?$",
    re.IGNORECASE,
)
"""Sites whose first path element is somebody's page."""
_DOT = re.compile(r"\.[A-Za-z]{2}")
_NAME = re.compile(r"[\w-]+(?:\.[\w-]+)*")
_BACK = re.compile(r"[\w.-]{1,253}")
_PATH = re.compile(r"(?::\d{2,5})?(?:[/?#][^\s<>\"'`{}|\\^\[\]\ufffc\x1d]{0,2048})?")
_SITE = re.compile(
    r"(?:web ?site|domain|home ?page|visit|webseite|site|página|sitio|url|blog|shop)\W{0,4}(?:\w{1,4}\W){0,2}$"
)
_TRAILING = ".,;:!?'*_~-"
_REVERSED = frozenset({"com", "org", "net", "io", "de", "uk", "self", "cls", "this", "os", "sys"})
"""First labels of package names (`org.example.shop`) and objects (`self.com`), never of a domain."""


class Url(Detector):
    """Addresses with a scheme, with `www.`, and bare domains; file names, attributes and versions are none.

    A plain address is personal only in part, so it counts at `recall` alone; one that names an account counts at both.
    """

    local: ClassVar[bool] = True

    def concerns(self, text: str) -> bool:
        """Only texts with a letter after a dot, or with a scheme."""
        return "://" in text or _DOT.search(text) is not None

    def __call__(self, text: str) -> Iterator[Found]:
        """The addresses in a text."""
        past, taken = 0, list[tuple[int, int]]()
        at = text.find("://")
        while at >= 0:
            found, past = _schemed(text, at, past)
            if found:
                taken.append((found.start, found.end))
                yield found
            at = text.find("://", past)
        yield from _bare(text, taken)


def _schemed(text: str, at: int, past: int) -> tuple[Found | None, int]:
    """The address around `://`, and the place up to which the text is done with."""
    scheme = _SCHEME.match(text[max(past, at - 15) : at][::-1])
    rest = _REST.match(text, at + 3) if scheme else None
    if scheme is None or rest is None:
        return None, at + 3
    start, end = at - scheme.end(), _trimmed(text, at + 3, rest.end())
    if end - at < 6:
        return None, max(at + 3, rest.end())
    body = text[at + 3 : end]
    if _LOGIN.match(body):
        return Found(start, end, 1.0, kind="url_credentials"), end
    return Found(start, end, 0.75 if _owned(body) else 0.5, kind="url"), end


def _owned(body: str) -> bool:
    return _OWNER.search(body, 0, 512) is not None or _HOMES.match(body) is not None


def _trimmed(text: str, start: int, end: int) -> int:
    """The end of an address without the punctuation of the sentence around it; brackets it opened stay."""
    spare = text.count(")", start, end) - text.count("(", start, end)
    while end > start and (text[end - 1] in _TRAILING or (text[end - 1] == ")" and spare > 0)):
        spare -= text[end - 1] == ")"
        end -= 1
    return end


def _bare(text: str, taken: list[tuple[int, int]]) -> Iterator[Found]:
    past, spans = 0, iter([*taken, (len(text), len(text))])
    start, end = next(spans)
    for dot in _DOT.finditer(text):
        at = dot.start()
        while at >= end:
            start, end = next(spans)
        if at < past or start <= at:
            continue
        back = _BACK.match(text[max(past, at - 253) : at][::-1])
        name = _NAME.match(text, at - back.end()) if back else None
        past = max(at + 1, name.end() if name else 0)
        if name and name.end() > at:
            found = _domain(text, name)
            past = max(past, found.end if found else 0)
            if found:
                yield found


def _domain(text: str, name: re.Match[str]) -> Found | None:
    labels = name.group().split(".")
    before, after = text[name.start() - 1 : name.start()], text[name.end() : name.end() + 1]
    if before in tuple("@/\\$_.~=") or after in tuple("(@_[\\"):
        return None
    www = labels[0].lower() == "www" and len(labels) > 2
    if not _plausible(labels) or not (www or _certain(text, name.start(), labels)):
        return None
    rest = _PATH.match(text, name.end())
    end = _trimmed(text, name.end(), rest.end()) if rest else name.end()
    path = text[name.end() : end]
    owned = path and _owned(text[name.start() : end])
    return Found(name.start(), end, 0.75 if owned else 0.5, kind="url" if path or www else "domain")


def _plausible(labels: list[str]) -> bool:
    """Labels a registry would accept, in one case: `sentence.It` is a missing space, `e.g` has no name."""
    last, name = labels[-1], labels[-2]
    if not known_ending(last) or len(name) < 2 or name.isdigit() or any(len(p) > 63 or not p for p in labels):
        return False
    cased = last.islower() or (last.isupper() and name.isupper())
    return cased and "_" not in name and not name.startswith("-") and labels[0].lower() not in _REVERSED


def _certain(text: str, start: int, labels: list[str]) -> bool:
    if labels[-1].lower() in sure_endings() or "-" in labels[-2]:
        return True
    return _SITE.search(shortly_before(text, start, 24)) is not None
