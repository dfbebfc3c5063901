"""Rules of content that a task declares: a topic or a pattern, and whether a text about it is dropped, masked or held.

An `allow` rule is an exception somebody answers for: what it matches counts for no other rule, until its last day.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from curation import patterns

Action = Literal["drop", "mask", "quarantine", "allow"]
Part = Literal["prompt", "answer"]
Places = list[tuple[int, int]]
_STRONGEST: tuple[Action, ...] = ("drop", "quarantine", "mask")
_GAP = r"(?:[ \t-]{1,4}|[ \t]{0,4}\n[ \t]{0,4})"


class ContentRule(BaseModel):
    """[[scrub.rules]]: what a text may not be about, and what happens to it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """Yours; decisions name it."""
    pattern: str | None = None
    """Regular expression (RE2) of what the rule is about; either this or `topic`."""
    topic: tuple[str, ...] = ()
    """Words and phrases, matched whole, in any case, singular or plural."""
    hits: Annotated[int, Field(ge=1)] = 1
    """So many different ones of `topic` must occur."""
    action: Action
    """drop: the sample is dropped; mask: what matches is replaced; quarantine: a person looks; allow: what matches
    counts for no other rule."""
    owner: str
    """Who answers for it."""
    until: date | None = None
    """The last day it holds, such as 2027-03-31; none: for good."""
    why: str = ""
    """The reason, for whoever reads the decision."""
    on: Literal["prompt", "answer", "both"] = "both"
    """Which texts it looks at."""

    @model_validator(mode="after")
    def _can_be_matched(self) -> Self:
        if (self.pattern is None) == (not self.topic):
            raise ValueError(f"rule {self.name!r} needs either `pattern` or `topic`")
        if self.hits > max(len(self.topic), 1):
            raise ValueError(f"rule {self.name!r} asks for {self.hits} hits, its topic has {len(self.topic)} words")
        if not all(any(c.isalnum() for c in word) for word in self.topic):
            raise ValueError(f"rule {self.name!r} has a topic word without a letter or digit")
        return self


@dataclass(frozen=True)
class Verdict:
    """What the rules say about one text; no rule: nothing."""

    action: Action | None = None
    rule: str = ""
    owner: str = ""
    words: str = ""
    """A sentence for the decision; it quotes the rule, never the text."""
    spans: tuple[tuple[int, int], ...] = ()
    """What is to be masked, in code points: the matches of every `mask` rule, apart and in order."""


@dataclass(frozen=True)
class ContentRules:
    """The rules in force; pure, so one object serves all texts."""

    rules: tuple["_Matcher", ...]

    @classmethod
    def of(cls, rules: Iterable[ContentRule], today: date) -> Self:
        """The rules still in force; TaskError where a pattern cannot be run.

        >>> rule = ContentRule(name="weapons", topic=("gun", "rifle"), action="drop", owner="Ana")
        >>> ContentRules.of([rule], date(2026, 1, 1)).judge("Two guns, please.", "prompt").action
        'drop'
        """
        return cls(tuple(_Matcher.of(rule) for rule in rules if rule.until is None or rule.until >= today))

    def judge(self, text: str, part: Part) -> Verdict:
        """The strongest action any rule asks for (drop, quarantine, mask), less what an `allow` rule excepts."""
        allowing = [hit for m in self._on(part, allow=True) if (hit := m.find(text, []))]
        ruling = self._on(part, allow=False)
        excepted = _joined(place for hit in allowing for place in hit.places)
        hits = [hit for m in ruling if (hit := m.find(text, excepted))]
        spans = tuple(_joined(place for hit in hits if hit.rule.action == "mask" for place in hit.places))
        for action in _STRONGEST:
            for hit in hits:
                if hit.rule.action == action:
                    return hit.verdict(spans)
        if allowing and any(m.find(text, []) for m in ruling):
            return allowing[0].verdict(())
        return Verdict()

    def _on(self, part: Part, *, allow: bool) -> list["_Matcher"]:
        return [m for m in self.rules if m.rule.on in (part, "both") and (m.rule.action == "allow") == allow]


class _Hit(NamedTuple):
    """Where a rule matched, and how many of its words did."""

    rule: ContentRule
    places: Places
    different: int

    def verdict(self, spans: tuple[tuple[int, int], ...]) -> Verdict:
        rule = self.rule
        if rule.topic:
            what = f"{self.different} of the {len(rule.topic)} words of its topic occur"
        else:
            what = f"its pattern occurs {len(self.places)} time{'s' if len(self.places) > 1 else ''}"
        until = f" until {rule.until}" if rule.until else ""
        why = f": {rule.why}" if rule.why else ""
        words = f"content rule {rule.name!r} ({rule.action}, {rule.owner}{until}): {what}{why}"
        return Verdict(rule.action, rule.name, rule.owner, words, spans)


@dataclass(frozen=True)
class _Matcher:
    """One rule with its patterns: one that says whether to look at all, and one for each word of its topic."""

    rule: ContentRule
    gate: patterns.Pattern
    each: tuple[patterns.Pattern, ...]

    @classmethod
    def of(cls, rule: ContentRule) -> "_Matcher":
        where = f"task.toml [[scrub.rules]] {rule.name}"
        sources = [rule.pattern] if rule.pattern is not None else [_word(word) for word in rule.topic]
        each = tuple(patterns.compile(source, where) for source in sources)
        return cls(rule, patterns.compile("|".join(f"(?:{source})" for source in sources), where), each)

    def find(self, text: str, excepted: Places) -> _Hit | None:
        """The places the rule is about, outside `excepted`; None where too few different words occur."""
        if not self.gate.matches(text):
            return None
        by_word = [self._places(text, pattern, excepted) for pattern in self.each]
        different = sum(bool(places) for places in by_word)
        if different < self.rule.hits:
            return None
        return _Hit(self.rule, sorted(place for places in by_word for place in places), different)

    def _places(self, text: str, pattern: patterns.Pattern, excepted: Places) -> Places:
        found = [place for place in pattern.finditer(text) if not self.rule.topic or _is_whole(text, *place)]
        return [place for place in found if not _inside(place, excepted)]


def _inside(place: tuple[int, int], others: Places) -> bool:
    """Whether a place lies inside one of others, which are apart and in order."""
    at = bisect_right(others, place[0], key=lambda other: other[0]) - 1
    return at >= 0 and place[1] <= others[at][1]


def _word(word: str) -> str:
    """The pattern of a topic word: any case, any white space inside a phrase, singular or plural."""
    *first, last = (re.escape(part) for part in re.split(r"[\s-]+", word.strip(" -")))
    return f"(?i:{_GAP.join([*first, _either_number(last)])})"


def _either_number(word: str) -> str:
    lower = word.lower()
    if lower.endswith("ies") and len(word) > 4:
        return rf"{word[:-3]}(?:y|ies)"
    if lower.endswith("y") and lower[-2:-1] not in set("aeiou"):
        return rf"{word[:-1]}(?:y|ies)"
    if lower.endswith("s") and not lower.endswith(("ss", "us", "is")) and len(word) > 3:
        return rf"{word[:-1]}s?"
    return rf"{word}(?:e?s)?" if lower.endswith(("s", "x", "z", "ch", "sh", "o")) else rf"{word}s?"


def _is_whole(text: str, start: int, end: int) -> bool:
    """Whether no letter or digit of any script adjoins."""
    return not (text[start - 1 : start].isalnum() if start else False) and not text[end : end + 1].isalnum()


def _joined(places: Iterable[tuple[int, int]]) -> Places:
    """Places in order, those that touch or overlap made one."""
    joined: Places = []
    for start, end in sorted(places):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
