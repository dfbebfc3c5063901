"""A policy before the judges and in a table: its rules as criteria of a rubric, and what measures each of them."""

from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import JsonValue

from curation.errors import TaskError
from curation.policy import Policy, PolicyRule
from curation.records import Record
from curation.store.gold import Gold
from curation.store.store import Store
from curation.task import Task
from judges.rubric import Criterion, Rubric, read_rubric

Asked = Literal["by rule", "as a whole", "nobody"]
"""Whether judges say of each rule whether it is kept, only pass one verdict on the answer, or are not there."""


def with_policy(rubric: Rubric, policy: Policy | None) -> Rubric:
    """The rubric with a criterion for each rule that is put to the judges; what it reads decides its digest.

    So a changed rule asks the judges again and an unchanged one nobody; what a judge never reads (a forbidden word, a
    gate, the policy's version) asks nobody either. Applied twice it changes nothing. Raises TaskError where the
    rubric has a criterion of its own of that name.
    """
    asked = [Criterion(id=rule.id, text=rule.text) for rule in policy.rules if rule.rubric] if policy else []
    there = {criterion.id: criterion for criterion in rubric.criteria}
    for criterion in asked:
        if there.get(criterion.id, criterion) != criterion:
            raise TaskError(
                f"policy rule {criterion.id!r}: the rubric {rubric.name!r} has a criterion of that name that says "
                "something else; rename the rule"
            )
    new = [criterion for criterion in asked if criterion.id not in there]
    if not new:
        return rubric
    # Validated anew rather than copied, because a copy would carry the digest worked out for the original.
    criteria = [criterion.model_dump() for criterion in (*rubric.criteria, *new)]
    return type(rubric).model_validate({**rubric.model_dump(), "criteria": criteria})


def rubrics_of(task: Task) -> frozenset[str]:
    """The digests of the rubrics that today's judges answer by, the policy's criteria included."""
    names = {name if isinstance(name := raw.get("rubric"), str) else "general" for raw in task.judges}
    return frozenset(with_policy(read_rubric(name, task.root), task.written_policy).digest for name in names)


def policy_of(task: Task) -> Policy:
    """The task's policy; TaskError saying how to write one where it has none."""
    if task.written_policy is None:
        raise TaskError(
            "task.toml names no policy. Write a file {name, version, [[rules]] with id, kind and text} and name it: "
            '[policy] file = "policy.toml"'
        )
    return task.written_policy


class RuleLine(Record):
    """One rule and what it compiles to; `measured` is False where nothing would notice that it is broken."""

    id: str
    kind: str
    text: str
    check: str | None
    """What a program looks for, in words."""
    asked: Asked | None
    """How judges are asked about it; None where the rule is not put to them."""
    gold: dict[str, int]
    """Rows of each slice that tests it."""
    largest_rate: float | None
    measured: bool
    lacks: tuple[str, ...]
    """What it names that is not there, and why that matters."""

    def as_dict(self) -> dict[str, JsonValue]:
        """The rule in a line of `policy --json`."""
        return self.model_dump(mode="json")


def rule_table(task: Task, store: Store) -> list[RuleLine]:
    """Each rule of the task's policy, with what measures it in this workspace."""
    rows = slices_of(store)
    asked: Asked = "nobody" if not task.judges else "by rule" if by_rule(task) else "as a whole"
    return [line_of(rule, rows, asked) for rule in policy_of(task).rules]


def by_rule(task: Task) -> bool:
    """Whether the judges are asked by a checklist, which says of each criterion whether it holds."""
    return task.panel.get("grader") == "checklist"


def slices_of(store: Store) -> dict[str, int]:
    """How many rows each slice has in the newest versions of all gold sets."""
    gold = Gold(store.state)
    count: dict[str, int] = {}
    for name in gold.names():
        for item in gold.items(name):
            if item.slice is not None:
                count[item.slice] = count.get(item.slice, 0) + 1
    return count


def line_of(rule: PolicyRule, rows: Mapping[str, int], asked: Asked) -> RuleLine:
    """What one rule compiles to, with these gold slices and judges who are asked that way."""
    gold = {name: rows.get(name, 0) for name in rule.gold}
    judged = rule.rubric and asked != "nobody"
    measured = rule.has_check or judged or any(gold.values())
    return RuleLine(
        id=rule.id,
        kind=rule.kind,
        text=rule.text,
        check=_check_words(rule) if rule.has_check else None,
        asked=asked if rule.rubric else None,
        gold=gold,
        largest_rate=rule.largest_rate,
        measured=measured,
        lacks=tuple(_lacks(rule, gold, asked)),
    )


def _lacks(rule: PolicyRule, gold: Mapping[str, int], asked: Asked) -> Iterable[str]:
    if rule.rubric and asked == "nobody":
        yield "no judge is declared to answer its criterion"
    if rule.rubric and asked == "as a whole":
        yield 'judges weigh it and do not say by itself whether it holds; [panel] grader = "checklist" has them say so'
    yield from (f"no gold row is in the slice {name!r}" for name, n in gold.items() if not n)
    if rule.largest_rate is not None and not rule.has_check and not (rule.rubric and asked == "by rule"):
        yield "its gate has no rate to decide about"


def _check_words(rule: PolicyRule) -> str:
    parts = [
        f"forbids {_number(len(rule.forbid), 'wording')}" if rule.forbid else "",
        "forbids a pattern" if rule.forbid_pattern else "",
        f"requires one of {_number(len(rule.require), 'wording')}" if rule.require else "",
        "requires a pattern" if rule.require_pattern else "",
        *rule.checks,
    ]
    when = f" where the prompt has one of {_number(len(rule.when), 'wording')}" if rule.when else ""
    return ", ".join(filter(None, parts)) + when


def _number(n: int, what: str) -> str:
    return f"{n} {what}{'s' if n != 1 else ''}"
