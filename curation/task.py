"""task.toml -> frozen pydantic models; an unknown key is an error that names the nearest known one.

Only this module reads the environment (`Environment`). Tables that other packages own (judges, review, train,
gate) stay raw here and are validated by their owner through `Task.table` when a command needs them.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, Field, JsonValue, PrivateAttr, model_validator

from curation.errors import TaskError
from curation.plugins import Plugin, build, validate
from curation.policy import Policy, read_policy
from curation.records import digest
from curation.tables import (
    AllowEntry,
    AnswerTable,
    BudgetTable,
    DedupTable,
    GroupsTable,
    HoursTable,
    ModelTable,
    PolicyTable,
    PracticeTable,
    PriceTable,
    PromptsTable,
    ProtectTable,
    RulesTable,
    SamplingTable,
    ScrubTable,
    SelectTable,
    Table,
    TaskTable,
    TeacherTable,
    VaryTable,
)
from curation.variation import variations_of

__all__ = [
    "AllowEntry",
    "AnswerTable",
    "BudgetTable",
    "DedupTable",
    "Environment",
    "GroupsTable",
    "HoursTable",
    "ModelTable",
    "PolicyTable",
    "PracticeTable",
    "PriceTable",
    "PromptsTable",
    "ProtectTable",
    "RulesTable",
    "SamplingTable",
    "ScrubTable",
    "SelectTable",
    "Table",
    "Task",
    "TaskTable",
    "TeacherTable",
    "VaryTable",
    "known_tables",
    "raw_tables",
    "read_task",
]

M = TypeVar("M", bound=BaseModel)


CURATION_TABLES: dict[str, type[Table]] = {
    "task": TaskTable,
    "prompts": PromptsTable,
    "answer": AnswerTable,
    "sampling": SamplingTable,
    "vary": VaryTable,
    "scrub": ScrubTable,
    "dedup": DedupTable,
    "protect": ProtectTable,
    "groups": GroupsTable,
    "select": SelectTable,
    "policy": PolicyTable,
    "budget": BudgetTable,
    "rules": RulesTable,
    "hours": HoursTable,
    "practice": PracticeTable,
}
OTHER_TABLES = ("teachers", "checks", "judges", "panel", "train", "gate")


class Task(Table):
    """A whole task.toml, validated."""

    task: TaskTable
    prompts: PromptsTable = PromptsTable()
    answer: AnswerTable = AnswerTable()
    teachers: tuple[TeacherTable, ...] = ()
    sampling: SamplingTable = SamplingTable()
    vary: VaryTable = VaryTable()
    scrub: ScrubTable = ScrubTable()
    checks: dict[str, dict[str, JsonValue]] = Field(default_factory=dict)
    """[checks.NAME]: one plugin of curation/checks/ per table, run in file order."""
    dedup: DedupTable = DedupTable()
    protect: ProtectTable = ProtectTable()
    groups: GroupsTable = GroupsTable()
    select: SelectTable = SelectTable()
    policy: PolicyTable = PolicyTable()
    budget: BudgetTable = BudgetTable()
    rules: RulesTable = RulesTable()
    hours: HoursTable = HoursTable()
    practice: PracticeTable = PracticeTable()
    judges: tuple[dict[str, JsonValue], ...] = ()
    panel: dict[str, JsonValue] = Field(default_factory=dict)
    train: dict[str, JsonValue] = Field(default_factory=dict)
    gate: dict[str, JsonValue] = Field(default_factory=dict)

    _root: Path = PrivateAttr(default=Path())

    @model_validator(mode="after")
    def _teacher_names_are_unique(self) -> "Task":
        names = [t.name for t in self.teachers]
        if twice := sorted({n for n in names if names.count(n) > 1}):
            raise ValueError(f"two teachers are named {twice[0]!r}")
        for teacher in self.teachers:
            if teacher.fallback is not None and teacher.fallback not in {*names} - {teacher.name}:
                raise ValueError(f"teacher {teacher.name!r}: fallback {teacher.fallback!r} is no other teacher")
        return self

    @property
    def root(self) -> Path:
        """The folder task.toml lies in; relative paths in it start here."""
        return self._root

    def rooted_at(self, folder: Path) -> "Task":
        """Set the folder that relative paths start from; returns itself."""
        self._root = folder
        return self

    def path(self, relative: str) -> Path:
        """A path written in task.toml, made absolute."""
        return (self._root / relative).expanduser()

    def teacher(self, name: str) -> TeacherTable:
        """The teacher of that name; TaskError naming the known ones."""
        for teacher in self.teachers:
            if teacher.name == name:
                return teacher
        raise TaskError(f"task.toml has no teacher {name!r}. Known: {', '.join(t.name for t in self.teachers)}")

    @cached_property
    def check_plugins(self) -> tuple[tuple[str, Plugin], ...]:
        """The checks in file order, each with its name in task.toml; then those of the policy's rules."""
        own = tuple(
            (name, build("curation.checks", name, settings, f"task.toml [checks.{name}]"))
            for name, settings in self.checks.items()
        )
        if self.written_policy is None:
            return own
        from curation.policy_checks import policy_checks  # checks know the task's tables

        return (*own, *policy_checks(self.written_policy, self.answer))

    @cached_property
    def written_policy(self) -> Policy | None:
        """The policy in the file that [policy] names; TaskError says what is wrong with it."""
        return None if self.policy.file is None else read_policy(self.path(self.policy.file))

    def table(self, name: str, model: type[M]) -> M:
        """A table owned by another package, validated by its model."""
        return validate(model, getattr(self, name), f"task.toml [{name}]")

    @property
    def recipe(self) -> str:
        """Digest of everything declared that can change the dataset; how fast, how dear and with which key excluded."""
        left_out = {"budget", "rules", "hours", "train", "gate", "practice", "policy"}
        plain = self.model_dump(mode="json", by_alias=True, exclude=left_out)
        if self.written_policy is not None:
            plain["policy"] = self.written_policy.digest
        plain["prompts"].pop("files", None)
        for name in ("batch_requests", "batch_tokens", "attempts"):
            plain["sampling"].pop(name)
        for model in (*plain["teachers"], *plain["judges"]):
            for name in ("concurrency", "timeout", "price", "api_key_env", "mode", "region", "zero_retention"):
                model.pop(name, None)
        return digest(plain)


def read_task(path: Path) -> Task:
    """The task in a file; TaskError names line or key, and the nearest known key."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise TaskError(f"{path} does not exist. `stillhouse init DIR` writes one") from error
    except UnicodeDecodeError as error:
        raise TaskError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TaskError(f"{path.name}: {error}") from error
    task = validate(Task, raw, path.name)
    task.rooted_at(path.parent.resolve())
    _ = task.check_plugins  # an unknown check is named now, before anything is spent
    _ = variations_of(task.vary)  # and so is an unknown kind of variation
    return task


@dataclass(frozen=True)
class Environment:
    """What the environment says, read once, here and nowhere else."""

    variables: Mapping[str, str]

    @classmethod
    def read(cls) -> "Environment":
        """The process's environment."""
        return cls(dict(os.environ))

    @property
    def database_url(self) -> str | None:
        """DATABASE_URL: PostgreSQL for the state store."""
        return self.variables.get("DATABASE_URL") or None

    @property
    def practice_url(self) -> str | None:
        """STILLHOUSE_PRACTICE_URL: a practice server that is already running (`stillhouse practice`)."""
        return self.variables.get("STILLHOUSE_PRACTICE_URL") or None

    @property
    def shared_data(self) -> Path | None:
        """STILLHOUSE_SHARED_DATA: where public benchmark data lies."""
        value = self.variables.get("STILLHOUSE_SHARED_DATA")
        return Path(value) if value else None

    def key(self, name: str) -> str | None:
        """An API key by the name of its variable; None when unset or empty."""
        return self.variables.get(name) or None


def known_tables() -> list[str]:
    """Every table task.toml may hold, for the generated reference and for errors."""
    return sorted([*CURATION_TABLES, *OTHER_TABLES])


def raw_tables() -> dict[str, Any]:
    """Table name -> its model, for the generated reference."""
    return {**CURATION_TABLES, "teachers": TeacherTable}
