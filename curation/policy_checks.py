"""What a program can tell about a policy's rules: wordings that must or must not occur, and checks that must pass.

Wordings are matched by the content rules of scrubbing and by RE2, and the checks are those of curation/checks/.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import cast

from pydantic import JsonValue

from curation import patterns
from curation.checking import Check, Drop, Opened, Quarantine, quote, text_of
from curation.content_rules import ContentRule, ContentRules
from curation.plugins import build
from curation.policy import Policy, PolicyRule
from curation.records import Sample
from curation.task import AnswerTable

REASON = "policy:"
"""Reason codes of a policy's decisions are this and the rule's id."""


class PolicyCheck(Check):
    """Object to an answer that breaks one rule of the policy."""

    policy: str
    """Name and version of the policy."""
    rule: PolicyRule

    def open(self, answer: AnswerTable) -> Opened:
        """The rule's wordings compiled and its checks made ready; TaskError where one of them cannot be run."""
        applies, looks = self.applying(), [*self._wordings(), *self._checks(answer)]

        def look(sample: Sample) -> Drop | None:
            if not applies(sample):
                return None
            return next((found for each in looks if (found := each(sample)) is not None), None)

        return look

    def applying(self) -> Callable[[Sample], bool]:
        """Whether the rule has anything to say about the answer to a prompt."""
        when = _Wording.of(self.rule.id, self.rule.when, None)
        return lambda sample: when is None or bool(when.places(sample.prompt))

    def _wordings(self) -> list[Opened]:
        rule = self.rule
        forbidden = _Wording.of(rule.id, rule.forbid, rule.forbid_pattern)
        required = _Wording.of(rule.id, rule.require, rule.require_pattern)

        def says_what_it_may_not(sample: Sample, wording: "_Wording") -> Drop | None:
            text = text_of(sample, rule.field)
            places = wording.places(text)
            if not places:
                return None
            start, end = places[0]
            return self._broken(f"it says {quote(text[start:end])}", len(places))

        def lacks_what_it_must_say(sample: Sample, wording: "_Wording") -> Drop | None:
            if wording.places(text_of(sample, rule.field)):
                return None
            return self._broken(f"it says nothing of what must be said, such as {quote(wording.example)}")

        looks: list[Opened] = []
        if forbidden is not None:
            looks.append(lambda sample: says_what_it_may_not(sample, forbidden))
        if required is not None:
            looks.append(lambda sample: lacks_what_it_must_say(sample, required))
        return looks

    def _checks(self, answer: AnswerTable) -> list[Opened]:
        where = f"policy rule {self.rule.id!r} checks"
        built = (build("curation.checks", name, settings, where) for name, settings in self.rule.checks.items())
        return [self._wrapped(cast("Check", check).open(answer)) for check in built]

    def _wrapped(self, look: Opened) -> Opened:
        """The objection of another check, in the rule's name."""

        def wrapped(sample: Sample) -> Drop | None:
            found = look(sample)
            if found is None:
                return None
            broken = self._broken(found.words, found.number)
            return Quarantine(**vars(broken)) if found.action == "quarantine" else broken

        return wrapped

    def _broken(self, what: str, number: float | None = None) -> Drop:
        rule = self.rule
        evidence: dict[str, JsonValue] = {"policy": self.policy, "rule": rule.id}
        words = f"breaks policy rule {rule.id!r} ({rule.kind}): {what}"
        return self.against(f"{REASON}{rule.id}", words, number, evidence)


def policy_checks(policy: Policy, answer: AnswerTable) -> tuple[tuple[str, PolicyCheck], ...]:
    """The rules a program can tell something about, each as a check and its name; TaskError where one cannot run."""
    checks = tuple((f"policy/{rule.id}", check_of(rule, policy)) for rule in policy.rules if rule.has_check)
    for _, check in checks:
        check.open(answer)  # what cannot be compiled is named now, before anything is spent
    return checks


def check_of(rule: PolicyRule, policy: Policy) -> PolicyCheck:
    """One rule as a check."""
    return PolicyCheck(action=rule.action, policy=policy.title, rule=rule)


@dataclass(frozen=True)
class _Wording:
    """Words, phrases and a pattern that a text may hold."""

    rules: ContentRules
    example: str

    @classmethod
    def of(cls, rule: str, phrases: tuple[str, ...], pattern: str | None) -> "_Wording | None":
        """The wordings of a rule, or None where it has none."""
        asked: list[ContentRule] = []
        if phrases:
            asked.append(ContentRule(name=rule, topic=phrases, action="mask", owner="policy"))
        if pattern is not None:
            patterns.compile(pattern, f"policy rule {rule!r}")  # its error names the policy, not [scrub.rules]
            asked.append(ContentRule(name=rule, pattern=pattern, action="mask", owner="policy"))
        if not asked:
            return None
        return cls(ContentRules.of(asked, date.min), phrases[0] if phrases else pattern or "")

    def places(self, text: str) -> tuple[tuple[int, int], ...]:
        """Where they occur."""
        return self.rules.judge(text, "answer").spans
