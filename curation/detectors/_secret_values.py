"""Whether a string could be a secret: how much chance is in it, and what people write where a secret would stand."""

import math
import re
from collections import Counter

from curation import patterns

PLACEHOLDER = 0.4
"""Score of an example ("your-api-key"): masked at `recall`, left alone at `precision`."""

_PAIRS = (
    "abacadagaialamanaparasatauaybabebjblbobubycacechcickclcocrctcudadddedidodsdueaecedeeefegelemenepeqeresetevexey"
    "fafefffifofrfugegigsguhahehihoiaibicidieifigiliminioipirisitivizjekelaldlelilllolsltlulymambmemimmmompmunancnd"
    "nenfngninonsntnuobocodofolomonoooporosotouovowpapepiplpoppprptpupyqurarcrdrergrirmrnrorrrsrtrurysascseshsisosp"
    "ssstsutatethtitltotrtstttutyueulumunupurusutvaveviwawewhwiwowrxtypytze"
)
_COMMON = frozenset(_PAIRS[i : i + 2] for i in range(0, len(_PAIRS), 2))
"""The 200 pairs of letters that make up 94 % of the prose in the standard library's docstrings, and under a third of
what is drawn by chance."""
_SEPARATORS = str.maketrans(dict.fromkeys("_-./+=~", " "))
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_EXAMPLE = patterns.compile(
    r"(?i:(?:^|[-_. ])(?:your|my|insert|enter|put|replace|paste|dummy|fake|sample|hidden|todo|fixme|here)(?:[-_. ]|$)|"
    r"example|change[-_ ]?(?:me|it|this)|place[-_ ]?holder|redacted|%[srx]\b|%d[,:;]|\{[a-z_]*\}|x{5,}|\*{3,}|\.{3}|"
    r"123456789|abcdefghij|^(?:user(?:name)?:)?(?:pass(?:word|wd|phrase)?|pw|pwd|secret|token|api[-_]?key|key|test|foo|bar|"
    r"foobar|string|value)[0-9]{0,3}$)",
    __name__,
    windowed=False,
)
_NOTHING = re.compile(
    r"(?:none|null|nil|undefined|true|false|yes|no|required|optional|str|string|int|bool|bytes|object|any|self|this)$|"
    r"\$\{?[A-Za-z_][\w.]*\}?$|\$\(|%\(?[A-Za-z_]+\)?[sd]?%?$|\{\{?[^}]*\}{0,2}$|<[^>]*>?$|\[[A-Za-z_ ]*\]?$|"
    r"[&@][a-z_.]+$|\(|(?:os|process|env|config|settings|secrets|vars?|self|this)\.|https?:|[a-z]+://|\.{1,2}/[a-z]|~/|(?-i:/[a-z._-]{2,}(?:/|$))",
    re.IGNORECASE,
)
_NAME = re.compile(r"[A-Za-z_]+(?:[._][A-Za-z_]+)+|[A-Za-z]+(?:-[A-Za-z]+)+|\d{1,2}-[a-z]+|[a-z]+[.](?:[a-z]+[.]?)+\d?")
_CALL = re.compile(r"[A-Za-z_]+(?:\.\w+)*\[|[A-Za-z_]{3,}(?:\.\w+)*\(|[A-Za-z_]\w*(?:\.\w+)+[(\[]")
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")


def entropy(value: str) -> float:
    """Bits a character (Shannon, of the characters as they are).

    >>> entropy("aaaa"), entropy("abcd")
    (0.0, 2.0)
    """
    size = len(value)
    return -sum(n / size * math.log2(n / size) for n in Counter(value).values()) + 0.0


def is_example(value: str) -> bool:
    """Whether it is what documentation writes where a secret stands: "your-api-key", "xxxxx", AKIAIOSFODNN7EXAMPLE."""
    return _EXAMPLE.matches(value)


def is_nothing(value: str) -> bool:
    """Whether it is no value at all: a variable, a type, a path, "none", "${TOKEN}"."""
    return _NOTHING.match(value) is not None or not any(c.isalnum() for c in value)


def is_random(value: str) -> bool:
    """Whether a run of 16 or more characters looks drawn by chance rather than put together from words.

    >>> is_random("q8ZpV3nK7tYwLr2XbG5m"), is_random("get_user_token_by_id_2")
    (True, False)
    """
    size = len(value)
    letters = sum(c.isalpha() for c in value)
    if size < 16 or letters < size / 8 or entropy(value) < (2.7 if _HEX.fullmatch(value) else 3.1):
        return False
    lower = value.lower().translate(_SEPARATORS)
    pairs = [pair for pair in map(str.__add__, lower, lower[1:]) if " " not in pair]
    common = sum(pair in _COMMON for pair in pairs)
    return common < (0.5 if size < 25 else 0.45) * len(pairs)


def is_identifier(value: str) -> bool:
    """A UUID or a version-control hash: a secret only where something says so."""
    return _UUID.fullmatch(value) is not None or (len(value) in (40, 64) and _HEX.fullmatch(value) is not None)


def is_name(value: str) -> bool:
    """Whether it reads as a name in code or joined words: `settings.token`, `two-factor`."""
    return _NAME.fullmatch(value) is not None


def is_call(value: str) -> bool:
    """Whether it begins like a call or an index in code: `os.urandom(16)`."""
    return _CALL.match(value) is not None


def password_score(value: str) -> float:
    """How far a short value in a password's place looks like one; 0 for plain words."""
    letters = any(c.isalpha() for c in value)
    digits = any(c.isdigit() for c in value)
    if len(value) < 4 or not (letters or digits) or is_name(value):
        return 0.0
    if letters and digits:
        return 0.75 if len(value) >= 6 and not _DOTTED.fullmatch(value) else 0.5
    if letters and any(c in "!@#$%^&*?~+=|" for c in value[:-1]):
        return 0.75
    if digits:
        return 0.5
    return 0.5 if any(not c.isalpha() for c in value) or not (value.islower() or value.istitle()) else 0.0
