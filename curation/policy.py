"""The policy: rules of voice, safety and compliance in one versioned file, each with what it is measured by.

A rule may name wordings an answer must or must not hold and checks it must pass (`curation.policy_checks` runs both),
be put to the judges as a criterion of their rubric, name the slices of gold that test it, and set the largest rate of
answers that may break it. What names none of these is measured by nothing, and is listed as such.
"""

import tomllib
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from curation.errors import TaskError
from curation.plugins import nearest, validate
from curation.records import digest

Kind = Literal["voice", "safety", "compliance"]


class PolicyRule(BaseModel):
    """[[rules]]: one thing every answer must do, or must not, and what measures whether it does."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
    """Lower-case letters, digits, hyphens; decisions, criteria and rates are named by it."""
    kind: Kind
    """How it sounds, what must not happen to anybody, or what a law or contract asks for."""
    text: Annotated[str, Field(min_length=1)]
    """The rule as a sentence that is true of an answer that keeps it: what people and judges read."""
    when: tuple[str, ...] = ()
    """It applies where the prompt holds one of these words or phrases; empty: to every answer."""
    field: str | None = None
    """The field of a JSON answer that the wordings are looked for in; none: the whole answer."""
    forbid: tuple[str, ...] = ()
    """Words and phrases that break it, matched whole, in any case, singular or plural."""
    forbid_pattern: str | None = None
    """Regular expression (RE2) that breaks it."""
    require: tuple[str, ...] = ()
    """Words and phrases of which an answer must hold one."""
    require_pattern: str | None = None
    """Regular expression (RE2) that an answer must match."""
    checks: dict[str, dict[str, JsonValue]] = Field(default_factory=dict)
    """Checks an answer must pass, as in [checks.NAME]: `checks.length = { max_characters = 400 }`."""
    action: Literal["drop", "quarantine"] = "drop"
    """What happens to a sample whose answer breaks it, as far as wordings and checks can tell."""
    rubric: bool = False
    """Put to the judges: `text` becomes a criterion of their rubric."""
    gold: tuple[str, ...] = ()
    """Slices of the gold sets whose rows test it."""
    largest_rate: Annotated[float, Field(gt=0, lt=1)] | None = None
    """The gate: at most this share of the kept answers may break it, shown by the upper bound, not by the mean."""

    @field_validator("kind", mode="before")
    @classmethod
    def _kind_is_known(cls, kind: object) -> object:
        known = get_args(Kind)
        if isinstance(kind, str) and kind not in known:
            raise ValueError(f"no kind of rule {kind!r}{nearest(kind, known)} Known: {', '.join(known)}")
        return kind

    @field_validator("when", "forbid", "require")
    @classmethod
    def _wordings_hold_a_word(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        if empty := [word for word in words if not any(c.isalnum() for c in word)]:
            raise ValueError(f"{empty[0]!r} holds no letter or digit")
        return words

    @property
    def has_check(self) -> bool:
        """Whether a program can tell some of the answers that break it."""
        return bool(self.forbid or self.forbid_pattern or self.require or self.require_pattern or self.checks)


class Policy(BaseModel):
    """A policy file: its name, its version and its rules."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1)]
    """Yours; decisions and tables name it."""
    version: Annotated[int, Field(ge=1)] = 1
    """Counted up by whoever changes a rule."""
    rules: Annotated[tuple[PolicyRule, ...], Field(min_length=1)]
    """`[[rules]]`, in the order they are looked at."""

    @model_validator(mode="after")
    def _ids_are_unique(self) -> "Policy":
        twice = [name for name, n in Counter(rule.id for rule in self.rules).items() if n > 1]
        if twice:
            raise ValueError(f"two rules have the id {twice[0]!r}")
        return self

    @cached_property
    def digest(self) -> str:
        """SHA-256 over everything the file says; part of the recipe."""
        return digest(self.model_dump(mode="json"))

    @property
    def title(self) -> str:
        """`support, version 1`."""
        return f"{self.name}, version {self.version}"

    def rule(self, name: str) -> PolicyRule:
        """The rule of that id; TaskError naming the nearest."""
        for rule in self.rules:
            if rule.id == name:
                return rule
        ids = [rule.id for rule in self.rules]
        raise TaskError(f"the policy has no rule {name!r}{nearest(name, ids)} Known: {', '.join(ids)}")


def read_policy(path: Path) -> Policy:
    """The policy in a TOML file; TaskError names the file, the key and the nearest known key or kind."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise TaskError(f"task.toml [policy] file: {path} does not exist") from error
    except OSError as error:
        raise TaskError(f"task.toml [policy] file: {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TaskError(f"policy {path.name}: {error}") from error
    return validate(Policy, raw, f"policy {path.name}")
