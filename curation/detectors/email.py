"""E-mail addresses, also spelt `name (at) example dot com`."""

import re
from collections.abc import Iterator
from functools import cache
from typing import ClassVar

from curation import patterns
from curation.detecting import Detector, Found, shortly_before
from curation.detectors._domains import known_ending

_LATIN_LOCAL = re.compile(r"[A-Za-z0-9\u00c0-\u024f_.+%&'#~-]{1,64}")
_LOCAL = re.compile(r"[\w.+%&'#~-]{1,64}")
"""RFC 5322 allows more (`=`, `/`, `!` ...); there they nearly always belong to what stands before: `to=ana@...`."""
_LOCAL_START = re.compile(r"[^\w+]*")
_LATIN_DOMAIN = re.compile(r"[A-Za-z0-9\u00c0-\u024f_-]{1,63}(?:\.[A-Za-z0-9\u00c0-\u024f_-]{1,63}){1,8}")
_DOMAIN = re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}|\[[\d.:a-fA-F]{3,45}\]")
_AT = "at|ät|arroba|arobase|chiocciola|klammeraffe|snabel-a|@"
_SPELT_AT = re.compile(rf" ?[(\[{{<] ?(?:{_AT}) ?[)\]}}>] ?| (?:{_AT[:-2]}) ", re.IGNORECASE)
_MAYBE_AT = (
    r" (?:at|AT|ät|arroba|arobase|chiocciola|[Kk]lammeraffe)\b|"
    r"[(\[{<] ?(?:[aAäÄ][tTrR]|chiocc|[Kk]lamm|snabel|@)"
)
_DOT = r"(?: (?:dot|punkt|punto|point|ponto|punt) | ?[(\[{<] ?(?:dot|punkt|punto|point|ponto|\.) ?[)\]}>] ?|\.)"
_SPELT_LOCAL = re.compile(r"(?:[\w+-]{1,64}(?:\.| tod | otnup | tknup | tniop ))*[\w+-]{1,64}", re.IGNORECASE)
_SPELT_DOMAIN = re.compile(rf"[\w-]{{1,63}}(?:{_DOT}[\w-]{{2,63}}){{1,5}}", re.IGNORECASE)
_SPELT_DOT = re.compile(r"dot|punkt|punto|point|ponto|punt", re.IGNORECASE)
_ENGLISH_DOT = re.compile(r"[ (\[{<]dot[ )\]}>]", re.IGNORECASE)
_MAIL = re.compile(r"mail|write to|reach|contact|schreib|correo|courriel|adres", re.IGNORECASE)
_FREE = re.compile(
    r"(?:gmail|googlemail|yahoo|hotmail|outlook|live|icloud|proton(?:mail)?|gmx|web|aol)\.", re.IGNORECASE
)
_MACHINE = frozenset({"git", "hg", "svn"})
"""`git@host` names a service, not a person."""


class Email(Detector):
    """Every `@` or spelt-out at with an address around it; searched outwards from the sign, so linear."""

    version = 2
    local: ClassVar[bool] = True

    def concerns(self, text: str) -> bool:
        """Only texts with an `@` or a word for it."""
        return "@" in text or _maybe_spelt().matches(text)

    def __call__(self, text: str) -> Iterator[Found]:
        """The addresses in a text."""
        at = text.find("@")
        while at >= 0:
            yield from _around(text, at)
            at = text.find("@", at + 1)
        for start, _ in _maybe_spelt().finditer(text):
            spaced = text[start] != " " and text[start - 1 : start] == " "
            sign = _SPELT_AT.match(text, start - spaced)
            if sign:
                yield from _spelt(text, sign)


@cache
def _maybe_spelt() -> patterns.Pattern:
    """One scan for every beginning of a spelt-out at."""
    return patterns.compile(_MAYBE_AT, __name__, windowed=False)


def _latin(character: str) -> bool:
    return character < "\u0250"


def _around(text: str, at: int) -> Iterator[Found]:
    # Matched backwards from the sign, so that each character is read once. A Latin address ends where another script
    # begins: in Chinese or Japanese no space stands around it.
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if not before or not after:
        return
    local = (_LATIN_LOCAL if _latin(before) else _LOCAL).match(text[max(0, at - 64) : at][::-1])
    domain = (_LATIN_DOMAIN if _latin(after) and after != "[" else _DOMAIN).match(text, at + 1, at + 255)
    if local is None or domain is None:
        return
    start = at - local.end()
    lead = _LOCAL_START.match(text, start, at)
    start = lead.end() if lead else start
    score = _score(text[start:at], domain.group())
    if start < at and score:
        yield Found(start, domain.end(), score)


def _score(local: str, domain: str) -> float:
    if local in _MACHINE:
        return 0.5
    ending = domain.rpartition(".")[2]
    if known_ending(ending) or domain[0] == "[":
        return 1.0
    # `matrix@other.T` is a product of matrices; a longer ending may be a private network or an invention.
    return 0.75 if len(ending) > 1 and not ending.isdigit() else 0.0


def _spelt(text: str, at: re.Match[str]) -> Iterator[Found]:
    # Of the many plain words " at " hardly one has a domain behind it.
    domain = _SPELT_DOMAIN.match(text, at.end(), at.end() + 255)
    local = _SPELT_LOCAL.match(text[max(0, at.start() - 64) : at.start()][::-1]) if domain else None
    if local is None or domain is None:
        return
    start, ending = at.start() - local.end(), domain.group().rpartition(".")[2].rpartition(" ")[2]
    sign = at.group().strip().lower()
    if not sign.isalpha():
        yield Found(start, domain.end(), 0.9)
    elif known_ending(ending):
        # A plain " at " is an address only where a dot is spelt out as well, or where mail is spoken of: "see me at
        # noon" is not one, nor is "at this point it".
        spelt_dot = (_ENGLISH_DOT if sign == "at" else _SPELT_DOT).search(domain.group())
        spoken = _FREE.match(domain.group()) or _MAIL.search(shortly_before(text, start, 40))
        if spelt_dot or spoken:
            yield Found(start, domain.end(), 0.9 if spelt_dot else 0.75)
