"""How often kept answers break each rule of a policy: by the rule's own check, and by what judges said of it.

A check or judge that also decided what is kept sees few breaches in it by construction: such a rate says what it let
through, not what it is blind to. Gold slices say that: rows people rejected, and how many of them each would catch.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import polars as pl
from pydantic import JsonValue

from curation.answers import parse_answer
from curation.errors import ReplyUnreadable
from curation.policy import Policy, PolicyRule
from curation.policy_checks import REASON, PolicyCheck, check_of
from curation.records import Record, Sample, sample_of
from curation.store.gold import Gold, GoldItem
from curation.store.store import Store
from curation.store.verdicts import VerdictRow, Verdicts
from curation.store.versions import HEAD
from curation.task import AnswerTable, Task
from judges.gate import GateDecision, Outcome
from judges.gates.rate import Mark, Rate, bounds_of
from judges.policy import policy_of, rubrics_of

Source = Literal["check", "judge"]
ALPHA = 0.05
_WORST: tuple[Outcome, ...] = ("FAIL", "INVALID", "INCONCLUSIVE", "PASS")


class Votes(NamedTuple):
    """What the judges said about one rule and one answer: how many that it holds, that it is broken, and nothing."""

    holds: int = 0
    broken: int = 0
    unscored: int = 0

    @property
    def readable(self) -> int:
        """How many said anything."""
        return self.holds + self.broken

    @property
    def violated(self) -> bool | None:
        """What most of those who could be read said; None for a tie and where nobody could be."""
        return None if self.holds == self.broken else self.broken > self.holds

    @property
    def agreement(self) -> float:
        """The share of the readable votes that the majority has."""
        return max(self.holds, self.broken) / max(self.readable, 1)


SaidByJudge = Mapping[tuple[str, str], Mapping[str, Votes]]
"""By subject and rule: each judge's vote."""


class RuleRate(Record):
    """How often one source finds a rule broken among the kept answers it applies to."""

    rule: str
    kind: str
    source: Source
    answers: int
    """Kept answers the rule applies to that this source could say something about."""
    broken: int
    split: int
    """Answers about which as many judges said one thing as the other; the upper bound counts them as broken."""
    unscored: int
    rate: float | None
    """Mean over clusters (groups of prompts, or prompts)."""
    upper: float
    """One-sided upper bound, 95 %."""
    clusters: int
    dropped: int = 0
    """Samples of the version that the rule's check dropped or held; 0 for judges, who rule on the whole answer."""
    gate: GateDecision | None
    """None where the rule sets no largest rate."""


class RuleTest(Record):
    """What one source says about gold rows in a rule's slices that people accepted or rejected."""

    rule: str
    source: str
    """`check`, or the judge's name."""
    rejected: int
    caught: int
    accepted: int
    objected: int


class PolicyRates(Record):
    """The rates of a version."""

    version: str
    policy: str
    digest: str
    rates: tuple[RuleRate, ...]
    tests: tuple[RuleTest, ...]

    @property
    def outcome(self) -> Outcome | None:
        """The worst outcome of any gate, because all must pass; None without a gate."""
        found = {rate.gate.outcome for rate in self.rates if rate.gate}
        return next((outcome for outcome in _WORST if outcome in found), None)

    def as_dict(self) -> dict[str, JsonValue]:
        """The line `policy check --json` prints."""
        return {**self.model_dump(mode="json"), "outcome": self.outcome}


def judge_votes(
    verdicts: Iterable[VerdictRow], policy: Policy, rubrics: frozenset[str]
) -> dict[tuple[str, str], dict[str, Votes]]:
    """For each subject and rule what each judge said, by today's rubrics alone; one judge is one vote.

    A judge who said both (in two orders, or asked twice) is unscored, and so is one whose verdict cannot be read.
    Verdicts of another way of asking, that hold no answers by criterion, are none about a rule.
    """
    asked = [rule.id for rule in policy.rules if rule.rubric]
    said: dict[tuple[str, str], dict[str, set[bool | None]]] = defaultdict(lambda: defaultdict(set))
    newest = {(v.subject, v.judge, v.request): v for v in verdicts if v.rubric in rubrics}  # a later parser's counts
    for verdict in newest.values():
        if verdict.items is None and verdict.verdict is not None:
            continue
        for rule in asked:
            said[verdict.subject, rule][verdict.judge].add((verdict.items or {}).get(rule))
    return {key: {judge: _vote(told) for judge, told in by.items()} for key, by in said.items()}


def _vote(told: set[bool | None]) -> Votes:
    readable = told - {None}
    if len(readable) != 1:
        return Votes(unscored=1)
    return Votes(holds=1) if True in readable else Votes(broken=1)


def together(votes: Iterable[Votes]) -> Votes:
    """The votes of several judges, added up."""
    given = list(votes)
    return Votes(sum(v.holds for v in given), sum(v.broken for v in given), sum(v.unscored for v in given))


def rates_of(
    policy: Policy, answer: AnswerTable, samples: pl.DataFrame, decisions: pl.DataFrame, votes: SaidByJudge
) -> list[RuleRate]:
    """The rates of every rule and source among the kept samples of a version; judges only where any was asked."""
    kept = [sample_of(row) for row in samples.filter(pl.col("state") == "kept").iter_rows(named=True)]
    taken = decisions_by_rule(decisions)
    return [
        rate.model_copy(update={"dropped": taken.get(rule.id, 0)} if rate.source == "check" else {})
        for rule in policy.rules
        for rate in _rates(check_of(rule, policy), answer, kept, votes)
    ]


def _rates(check: PolicyCheck, answer: AnswerTable, kept: Sequence[Sample], votes: SaidByJudge) -> Iterator[RuleRate]:
    rule, applies = check.rule, check.applying()
    concerned = [sample for sample in kept if applies(sample)]
    if rule.has_check:
        look = check.open(answer)
        yield _rate(rule, "check", concerned, [Votes(broken=1) if look(s) else Votes(holds=1) for s in concerned])
    if rule.rubric:
        found = [together(votes.get((sample.id, rule.id), {}).values()) for sample in concerned]
        if any(map(any, found)) or rule.largest_rate is not None:
            yield _rate(rule, "judge", concerned, found)


def _rate(rule: PolicyRule, source: Source, samples: Sequence[Sample], found: Sequence[Votes]) -> RuleRate:
    pairs = list(zip(samples, found, strict=True))
    told = [(sample, votes) for sample, votes in pairs if votes.readable]
    marks = [_mark(sample, votes) for sample, votes in told]
    unscored = sum(bool(votes.unscored) and not votes.readable for votes in found)
    bounds = bounds_of(marks, ALPHA)
    return RuleRate(
        rule=rule.id,
        kind=rule.kind,
        source=source,
        answers=len(told),
        broken=sum(votes.violated is True for _, votes in told),
        split=sum(votes.violated is None for _, votes in told),
        unscored=unscored,
        rate=bounds.mean,
        upper=bounds.high,
        clusters=bounds.clusters,
        gate=_decided(rule, marks, unscored),
    )


def _decided(rule: PolicyRule, marks: Sequence[Mark], unscored: int) -> GateDecision | None:
    if rule.largest_rate is None:
        return None
    return Rate(margin=rule.largest_rate, alpha=ALPHA, items="kept answers", groups="prompts").of(marks, unscored)


def _mark(sample: Sample, votes: Votes) -> Mark:
    """Half broken for a tie, so that the upper bound counts it and the lower does not."""
    return sample.group or sample.prompt_id, 0.5 if votes.violated is None else float(votes.violated)


def decisions_by_rule(decisions: pl.DataFrame) -> dict[str, int]:
    """How many samples each rule's check dropped or held, from a version's decisions."""
    mine = decisions.filter(pl.col("reason").str.starts_with(REASON) & pl.col("action").is_in(["drop", "quarantine"]))
    counted = mine.group_by("reason").agg(pl.col("sample").n_unique()).iter_rows()
    return {reason.removeprefix(REASON): n for reason, n in counted}


def gold_tests(
    policy: Policy, answer: AnswerTable, gold: Mapping[str, Sequence[GoldItem]], votes: SaidByJudge
) -> list[RuleTest]:
    """What each rule's check and each judge say about judged gold rows with one answer, in the slices that test it."""
    rows = [
        (f"gold/{name}/{item.id}", item)
        for name, items in gold.items()
        for item in items
        if item.judged is not None and len(item.judged.answers) == 1
    ]
    tests: list[RuleTest] = []
    for rule in policy.rules:
        mine = [(subject, item) for subject, item in rows if item.slice in rule.gold]
        tests += _tests(rule, policy, answer, mine, votes)
    return tests


def _tests(
    rule: PolicyRule, policy: Policy, answer: AnswerTable, rows: Sequence[tuple[str, GoldItem]], votes: SaidByJudge
) -> Iterator[RuleTest]:
    said: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    """By source: whether people accepted the row, and whether the source objects to it."""
    look = check_of(rule, policy).open(answer) if rule.has_check else None
    for subject, item in rows:
        accepted = item.judged is not None and item.judged.verdict == "accept"
        if look is not None:
            said["check"].append((accepted, look(_sample(item, answer)) is not None))
        for judge, vote in votes.get((subject, rule.id), {}).items():
            if vote.violated is not None:
                said[judge].append((accepted, vote.violated))
    for source, marks in said.items():
        rejected = [objects for accepted, objects in marks if not accepted]
        held = [objects for accepted, objects in marks if accepted]
        yield RuleTest(
            rule=rule.id,
            source=source,
            rejected=len(rejected),
            caught=sum(rejected),
            accepted=len(held),
            objected=sum(held),
        )


def _sample(item: GoldItem, answer: AnswerTable) -> Sample:
    """A judged gold row as a check sees a sample."""
    messages, text = (item.judged.messages, item.judged.answers[0]) if item.judged else ((), "")
    try:
        labels = parse_answer(text, answer)
    except ReplyUnreadable:
        labels = None
    return Sample(
        id=item.id, request_key="", position=0, prompt_id=item.id, teacher="", index=0, messages=messages,
        answer=text, labels=labels,
    )  # fmt: skip


def policy_rates(task: Task, store: Store, version: str = HEAD) -> PolicyRates:
    """The rates of a version's kept answers and the tests on gold, by today's policy and today's rubrics."""
    policy, found = policy_of(task), store.versions.resolve(version)
    gold = Gold(store.state)
    rows = {name: gold.items(name) for name in gold.names()}
    votes = judge_votes(Verdicts(store.replies_db).read(), policy, rubrics_of(task))
    samples, decisions = store.versions.samples(found), store.versions.decisions(found)
    return PolicyRates(
        version=found,
        policy=policy.title,
        digest=policy.digest,
        rates=tuple(rates_of(policy, task.answer, samples, decisions, votes)),
        tests=tuple(gold_tests(policy, task.answer, rows, votes)),
    )
