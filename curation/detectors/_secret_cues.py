"""Secrets that only their surroundings give away: `password = ...`, "my PIN is ...", a random string behind "token"."""

import base64
import binascii
import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from curation import patterns
from curation.detecting import FILLER, Found
from curation.detectors._secret_values import (
    PLACEHOLDER,
    is_call,
    is_example,
    is_identifier,
    is_name,
    is_nothing,
    is_random,
    password_score,
)

_PASSWORDS = (
    r"(?i:passwor[dt]|passwd|passphrase|passcode|\bpass\b|[_-]pass\b|\bpasswrd|\bp(?:s|as)?w[d]?\b|[a-z_]pwd|pwd[_-]|"
    r"kennwort|losungswort|contrase(?:ñ|n)a|clave de acceso|\bclave\b|\bsenha\b|mot de passe|\bmdp\b|wachtwoord|"
    r"hasło|lösenord|adgangskode|salasana|parola|пароль|şifre|密码|密碼|パスワード|비밀번호)"
)
_SECRETS = (
    r"(?i:secret|token|credential|bearer|authorization|(?:api|access|auth|private|client|encryption|signing|signature|"
    r"master|deploy|webhook|shared|account|storage|service|subscription|admin|ssh|session|app|application|integration|"
    r"licen[cs]e|product|recovery|backup|consumer|instrumentation)[ _-]?(?:key|code)s?\b)|[a-z](?:Key|Secret|Token)\b"
)
_WEAK = (
    r"(?i:\bkey\b|_key\b|key_id|sess(?:ion)?[_-]?id|\bsid\b|cookie|csrf|xsrf|\bsignature\b|\bnonce\b|\bsalt\b|\bdsn\b)"
)
_PINS = (
    r"(?i:\bpin\b|\botp\b|\bcv[vc]2?\b|\b(?:verification|security|one[ -]time|login|access|confirmation|authenticat\w+|"
    r"2fa|mfa|reset|sms|unlock|activation) (?:code|pin|password)\b)"
)
_OTHERS = (
    r"(?i:bearer +[a-z0-9._~+/=-]{16}|\bbasic +[a-z0-9+/=]{8}|mysql\w*\b|sshpass\b|"
    r"\bcurl\b|seed|mnemonic|recovery (?:phrase|words))"
)

_ASSIGNED = re.compile(
    r"[A-Za-z0-9_.-]{0,32}\\?[\"'\])*`]{0,3}"
    r"(?:[ \t]{0,8}(?P<sign>:=|=>|->|==?|:|\||>(?=[^\s<]))[ \t]{0,8}(?:\n[ \t]{0,8})?|"
    r"(?P<comma>,)(?:[ \t]?(?=[\"'])|(?=\S))|"
    r"(?P<gap>(?:[ \t]{1,2}[\w@'()/-]{1,24}(?:\.\w{1,24})?){0,6}?)[ \t]{1,2}"
    r"(?:is|was|are|ist|lautet|war|es|est|é|era|jest|(?:set|changed|reset|updated|switched|back) to|=|:)[: \t]{1,3}"
    r"(?:(?:now|set to|still|currently|just|simply)[: ]{1,2})?)"
    r"(?:\*\*)?\\?(?P<quote>[\"'`]?)"
)
"""From a cue over the rest of its name and a separator to the value."""
_SPACED = re.compile(r"[ \t]{1,2}(?P<quote>[\"'`]?)")
"""From a cue straight to the value: `--token x`, "password x"."""
_QUOTED = {quote: re.compile(rf"[^{quote}\n\\{FILLER}]{{1,200}}") for quote in "\"'`"}
_BARE = re.compile(rf"[^\s\"'`,;<>|\\{FILLER}]{{1,300}}")
_RUN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9_+/=~.\-]{16,}")
_NEXT = re.compile(
    r"[\"'`]?[,;]?[ \t]?\n?[ \t-]{0,4}(?:(?:and|or|und|et|y) )?[\"'`]?"
    r"(?P<run>(?<![A-Za-z0-9])[A-Za-z0-9_+/=~.\-]{16,512})"
)
"""From one of several listed values to the next."""
_GAP = 64
_TAIL = ".!?)]}:*"
_TAILS = {"=": ".)]}:", ":": ".)]}:"}
"""What ends a sentence or closes a call is no part of a value; behind a separator of files less is taken off."""
_NO_VALUE = re.compile(r"[\s,);]|[+.] |[\"'] ?[+%]")
"""How the rest of a line of code begins behind a quote that closes."""
_VERBS = ("pass",)
"""Cues that are ordinary words too: only a `=` or `:` makes a name of them."""
_DIGITS = re.compile(
    r"[\s:=#\"'*-]{1,4}(?:(?:is|was|no\.?|number|code|ist|es)[\s:]{1,3})?[\"'*]{0,2}(\d{3,8})(?![\w.,]?\d|%)"
)
_BASIC = re.compile(r"basic +([A-Za-z0-9+/=]{8,400})", re.IGNORECASE)
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/=-]{16,2048})", re.IGNORECASE)
_SHELL = re.compile(
    r"(?:mysql\w*\b[^\n]{0,80}? -p|sshpass +-p *|curl\b[^\n]{0,120}? (?:-u|--user)[ =]?)[\"']?"
    r"(?P<secret>[^\s\"'-][^\s\"']{3,128})",
    re.IGNORECASE,
)
_PHRASE = re.compile(
    r"(?:seed|mnemonic|recovery)(?: ?(?:phrase|words?))?(?: (?:is|are))?[:= \n\"']{1,4}"
    r"(?P<secret>(?:[a-z]{3,8}[ ,]{1,2}){11,23}[a-z]{3,8})",
    re.IGNORECASE,
)


class _Cue(NamedTuple):
    """A class of cues: how short and plain a value may be to count beside one."""

    words: str
    kind: str
    plain: int
    """The shortest value that need not look random; 0: all must."""
    random: float
    """Score of a random value near the cue."""


_CUES = (
    _Cue(_PASSWORDS, "password", 4, 0.9),
    _Cue(_SECRETS, "secret_assignment", 8, 0.9),
    _Cue(_WEAK, "random_value", 0, 0.75),
)


@cache
def looks() -> tuple[patterns.Pattern, ...]:
    """One scan for each class of cues."""
    where = "curation/detectors/_secret_cues.py"
    return tuple(
        patterns.compile(words, where, windowed=False) for words in (*(cue.words for cue in _CUES), _PINS, _OTHERS)
    )


def cued(text: str) -> Iterator[Found]:
    """What cues give away."""
    *named, pins, others = looks()
    for cue, look in zip(_CUES, named, strict=True):
        read = 0
        for start, end in look.finditer(text):
            for found in _beside(text, start, end, cue) if start >= read else ():
                read = found.end
                yield found
    for _, end in pins.finditer(text):
        if match := _DIGITS.match(text, end):
            yield Found(*match.span(1), 0.75, kind="pin")
    for start, _ in others.finditer(text):
        yield from _other(text, start)


def _beside(text: str, start: int, end: int, cue: _Cue) -> Iterator[Found]:
    """The values behind one cue: right behind it, or a random run a few words on; and random runs listed behind it."""
    found = _assigned(text, start, end, cue) or _ahead(text, end, cue)
    while found is not None:
        yield found
        more = _NEXT.match(text, found.end) if is_random(text[found.start : found.end]) else None
        found = _run(more.group("run"), more.start("run"), cue) if more else None


def _ahead(text: str, end: int, cue: _Cue) -> Found | None:
    run = _RUN.search(text, end, end + _GAP)
    if run is None:
        return None
    whole = _RUN.match(text, run.start(), run.start() + 512) or run
    gap = text[end : run.start()]
    # What follows a masked value was looked at beside it: a second look finds no more than the first.
    if "\n\n" in gap or FILLER in gap or text.startswith(("(", "["), whole.end()):
        return None
    return _run(whole.group(), whole.start(), cue)


def _run(run: str, start: int, cue: _Cue) -> Found | None:
    value = run.lstrip(".-=~").rstrip(".")
    if not is_random(value) or is_nothing(value) or is_name(value):
        return None
    start += len(run) - len(run.lstrip(".-=~"))
    return Found(start, start + len(value), _random_score(value, cue), kind=cue.kind)


def _random_score(value: str, cue: _Cue) -> float:
    if is_example(value):
        return PLACEHOLDER
    return min(cue.random, 0.5) if is_identifier(value) and not cue.plain else cue.random


def _assigned(text: str, start: int, end: int, cue: _Cue) -> Found | None:
    lead = _ASSIGNED.match(text, end)
    flag = text.startswith("-", start - 1)
    if lead is None and (flag or cue.kind == "password"):
        lead = _SPACED.match(text, end)
    if lead is None or ("sign" not in _named(lead) and text[start:end].lower() in _VERBS):
        return None
    quote = lead.group("quote")
    match = _QUOTED.get(quote, _BARE).match(text, lead.end())
    if match is None or _NO_VALUE.match(match.group()):
        return None
    sign = _named(lead).get("sign", "")
    value = match.group()
    if not quote and not (text.startswith(",", match.end()) and any(c.isdigit() for c in value)):
        value = value.rstrip(_TAILS.get(sign[-1:], _TAIL))
    score = _value_score(value, cue, quoted=bool(quote), signed=bool(sign) or flag)
    if not (sign or flag or is_random(value)):
        score = _unsigned(score, lead, cue)
    return Found(match.start(), match.start() + len(value), score, kind=cue.kind) if score else None


def _named(lead: re.Match[str]) -> dict[str, str]:
    return {name: value for name, value in lead.groupdict().items() if value}


def _unsigned(score: float, lead: re.Match[str], cue: _Cue) -> float:
    """The score of a plain value where no `=` or `:` points at it: only what clearly is no word counts, and less."""
    spaced = "sign" not in lead.groupdict()
    if spaced or "comma" in _named(lead):
        return 0.5 if score >= 0.7 else 0.0
    return min(score, 0.5) if cue.kind != "password" and "gap" in _named(lead) else score


def _value_score(value: str, cue: _Cue, *, quoted: bool, signed: bool) -> float:
    """How sure it is that a value in a secret's place is one."""
    if is_nothing(value) or (not quoted and (is_call(value) or value[0] in "[{")):
        return 0.0
    if is_random(value):
        return _random_score(value, cue)
    if not cue.plain or len(value) < cue.plain:
        return 0.0
    if is_example(value):
        return PLACEHOLDER
    score = password_score(value)
    if any(c.isspace() for c in value):
        return min(score, 0.5) if cue.kind == "password" else 0.0
    if value.isdigit():
        return score if cue.kind == "password" else 0.0
    if quoted or signed:
        return min(score, 0.5) if value.isalpha() else score
    return 0.0 if value.isalpha() else score


def _other(text: str, start: int) -> Iterator[Found]:
    if (basic := _BASIC.match(text, start)) is not None and _is_pair(basic.group(1)):
        yield Found(*basic.span(1), 0.95, kind="basic_auth")
    if (bearer := _BEARER.match(text, start)) is not None and _mixed(bearer.group(1)):
        yield Found(*bearer.span(1), PLACEHOLDER if is_example(bearer.group(1)) else 0.95, kind="bearer_token")
    for pattern, kind in ((_SHELL, "shell_password"), (_PHRASE, "recovery_phrase")):
        match = pattern.match(text, start)
        if (
            match is not None
            and not is_nothing(secret := match.group("secret"))
            and not secret.replace(":", "").isdigit()
        ):
            yield Found(*match.span("secret"), PLACEHOLDER if is_example(secret) else 0.8, kind=kind)


def _mixed(value: str) -> bool:
    return any(c.isdigit() for c in value) or is_random(value)


def _is_pair(value: str) -> bool:
    """Whether base64 of `user:password`."""
    try:
        pair = base64.b64decode(value + "=" * (-len(value) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        return False
    return ":" in pair and pair.isprintable()
