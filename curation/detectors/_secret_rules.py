"""Keys whose format a provider publishes: the rules of `_secret_rules.toml`, each run only where its literal occurs."""

import re
import tomllib
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path

import re2
from pydantic import BaseModel, ConfigDict

from curation import patterns
from curation.detecting import Found
from curation.detectors._secret_values import PLACEHOLDER, entropy, is_example, is_random

TABLE = Path(__file__).with_name("_secret_rules.toml")
_BORDER = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrtbf])|(?<=%[0-9A-F]{2}))"
"""Where a key may begin: not inside a word, but after an escape (a line end in JSON, a quote in a URL)."""


class Rule(BaseModel):
    """One format; the fields are described in the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    literals: tuple[str, ...]
    regex: str
    entropy: float
    then: str = ""
    before: tuple[int, int] = (0, 0)
    inside: bool = False
    random: bool = False
    score: float = 0.95

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The regex with its border; compiled at the first literal that occurs."""
        return re.compile(self.regex if self.inside else _BORDER + self.regex)

    def judge(self, secret: str) -> float:
        """The score of a match."""
        if entropy(secret) < self.entropy or is_example(secret.partition("@")[0]):
            return PLACEHOLDER
        return 0.0 if self.random and not is_random(secret) else self.score


@cache
def rules() -> tuple[Rule, ...]:
    """All rules of the file."""
    return tuple(Rule.model_validate(row) for row in tomllib.loads(TABLE.read_text(encoding="utf-8"))["rule"])


@cache
def look() -> patterns.Pattern:
    """One scan for the literals of all rules."""
    each = {re2.escape(literal) + rule.then for rule in rules() for literal in rule.literals}
    return patterns.compile("|".join(sorted(each, key=len, reverse=True)), str(TABLE), windowed=False)


@cache
def _by_start() -> dict[str, tuple[tuple[str, int], ...]]:
    """First character -> the literals that begin with it and the rules they belong to."""
    found: dict[str, list[tuple[str, int]]] = {}
    for number, rule in enumerate(rules()):
        for literal in rule.literals:
            found.setdefault(literal[0], []).append((literal, number))
    return {start: tuple(pairs) for start, pairs in found.items()}


def typed(text: str) -> Iterator[Found]:
    """Every key of a known format; several rules may find the same one."""
    passed: dict[int, int] = {}
    for start, _ in look().finditer(text):
        for literal, number in _by_start()[text[start]]:
            if start >= passed.get(number, 0) and text.startswith(literal, start):
                yield from _at(text, start, number, passed)


def _at(text: str, start: int, number: int, passed: dict[int, int]) -> Iterator[Found]:
    """What one rule finds at one literal; `passed` says how far each rule has read, so that none reads twice."""
    rule = rules()[number]
    least, most = rule.before
    first = max(start - most, passed.get(number, 0))
    match = next((m for at in range(first, start - least + 1) if (m := rule.compiled.match(text, at))), None)
    if match is None:
        return
    passed[number] = match.end()
    group = "secret" if "secret" in rule.compiled.groupindex else 0
    if score := rule.judge(match.group(group)):
        yield Found(*match.span(group), score, kind=rule.name)
