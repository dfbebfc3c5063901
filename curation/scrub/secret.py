"""Keys, tokens and passwords: known prefixes, JSON web tokens, private keys, passwords in URLs and assignments."""

import re
from collections.abc import Iterator

from curation.detecting import FILLER, Detector, Found

_TOKEN = re.compile(
    r"(?<![A-Za-z0-9_])(?:"
    r"sk-[A-Za-z0-9_-]{16,}|[sprw]k_(?:live|test)_[A-Za-z0-9]{10,}"
    r"|(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}(?![A-Za-z0-9])"
    r"|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,}|AIza[A-Za-z0-9_-]{30,}|ya29\.[A-Za-z0-9_-]{20,}"
    r"|hf_[A-Za-z0-9]{20,}|npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{30,}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"
    r"|dop_v1_[a-f0-9]{40,}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{20,}|lin_api_[A-Za-z0-9]{30,}"
    r")"
)
_JWT = re.compile(r"(?<![\w.-])eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?")
_PEM = re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_END = re.compile(r"-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_URL = re.compile(r"://([^\s/@:\ufffc]{1,128}:[^\s/@\ufffc]{1,256}@[^\s/?#\ufffc]{0,255})")
_NAMED = re.compile(
    r"(?<![A-Za-z])(?:pass(?:word|wd|phrase|code)?|pwd|secret|api[ _-]?key|access[ _-]?key|auth[ _-]?token|"
    r"access[ _-]?token|token|client[ _-]?secret|contraseña|passwort|mot de passe)"
    r"[\"']?(?: ?[:=]{1,2}>? ?| (?:is|was|ist|es|est):? )[\"'`]?([^\s\"'`,;<>\ufffc]{6,200})",
    re.IGNORECASE,
)
_BEARER = re.compile(r"(?<![A-Za-z])bearer ([A-Za-z0-9._~+/=-]{16,})", re.IGNORECASE)
_TAIL = ".!?)]}"


class Secret(Detector):
    """What opens a door: whoever holds it can act for somebody else."""

    def __call__(self, text: str) -> Iterator[Found]:
        """The secrets in a text; a private key without an end reaches to the end of the text, unbounded."""
        for pattern in (_TOKEN, _JWT):
            yield from (Found(*m.span()) for m in pattern.finditer(text))
        for pattern in (_URL, _BEARER):
            yield from (Found(*m.span(1)) for m in pattern.finditer(text))
        yield from _named(text)
        yield from _private_keys(text)


def _named(text: str) -> Iterator[Found]:
    for match in _NAMED.finditer(text):
        value = match.group(1).rstrip(_TAIL)
        # "my password is incorrect" names no password: letters alone do not count.
        mixed = any(c.isalpha() for c in value) and any(not c.isalpha() for c in value)
        if len(value) >= 6 and mixed and value.isascii():
            yield Found(match.start(1), match.start(1) + len(value))


def _private_keys(text: str) -> Iterator[Found]:
    at = 0
    while begin := _PEM.search(text, at):
        end = _PEM_END.search(text, begin.end())
        stop = end.end() if end else len(text.rstrip(FILLER))
        yield Found(begin.start(), stop, bounded=end is not None)
        at = stop
