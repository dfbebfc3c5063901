"""Which family a model belongs to and which models it was made from: from families.toml, never from substrings."""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from curation.errors import TaskError
from curation.records import Record

TABLE = Path(__file__).with_name("families.toml")

Relation = Literal["same", "inheritance", "family", "none", "unknown"]


class Line(Record):
    """A line of models as families.toml states it; `models` are its names, plain (see `plain_name`)."""

    family: str
    models: tuple[str, ...]
    base: str | None = None
    """The family whose weights it was made from."""
    distilled_from: tuple[str, ...] = ()
    """The families whose outputs it was taught with, where that is published."""
    terms: str | None = None
    """Its terms of use, a file in terms/; None where nobody has read them."""


class Family(Record):
    """The family of one model, and the families it inherits from; `terms` names its terms of use, where known."""

    name: str
    model: str
    parents: frozenset[str] = frozenset()
    terms: str | None = None


def plain_name(model: str) -> str:
    """A model's name without its organisation, its date and `-latest`, in lower case.

    >>> plain_name("openai/gpt-4o-2024-08-06"), plain_name("claude-sonnet-4-5-20250929"), plain_name("Qwen/Qwen3-8B")
    ('gpt-4o', 'claude-sonnet-4-5', 'qwen3-8b')
    """
    name = model.lower().rsplit("/", 1)[-1]
    name = re.sub(r"^((us|eu|apac|global)\.)?(anthropic|meta|mistral|amazon|cohere|deepseek)\.", "", name)  # Bedrock
    name = re.sub(r"(-v\d+)?:\d+$", "", name)
    return re.sub(r"[-@](20\d{6}|20\d\d-\d\d-\d\d|latest|preview-\d\d-\d\d(?:-20\d\d)?|preview-\d\d-20\d\d)$", "", name)


def family_of(model: str, override: str | None = None) -> Family | None:
    """The family of a model; `override` (from task.toml) names the family of a model the table does not know.

    None where neither says. An override must name a family that the table knows, and not contradict it, so that
    neither a typo nor a wish makes a judge independent of its own family.
    """
    name = plain_name(model)
    line = _lines().get(name)
    if override is not None:
        if override not in families():
            raise TaskError(f"no family {override!r} in families.toml. Known: {', '.join(families())}")
        if line is not None and line.family != override:
            raise TaskError(f"{model} is of the family {line.family!r}, so it cannot be given family = {override!r}")
        return Family(name=override, model=name, terms=line.terms if line else None)
    if line is None:
        return None
    parents = {line.base} | set(line.distilled_from)
    return Family(
        name=line.family,
        model=name,
        parents=frozenset(p for p in parents if p and p != line.family),
        terms=line.terms,
    )


def related(a: Family | None, b: Family | None) -> Relation:
    """How two models are related: the same model, one inherits from the other's family (or both from a third),
    one family, none, or unknown where the family of either is not known.

    >>> related(family_of("gpt-4o"), family_of("claude-sonnet-4"))
    'none'
    """
    if a is None or b is None:
        return "unknown"
    if a.name == b.name:
        return "same" if a.model == b.model else "family"
    if ({a.name} | a.parents) & ({b.name} | b.parents):
        return "inheritance"
    return "none"


def families() -> list[str]:
    """Every family the table knows."""
    return sorted({line.family for line in _lines().values()})


@cache
def _lines() -> Mapping[str, Line]:
    rows = tomllib.loads(TABLE.read_text(encoding="utf-8"))["line"]
    try:
        lines = [Line.model_validate(row) for row in rows]
    except ValidationError as error:
        raise TaskError(f"families.toml: {error.errors()[0]['msg']}") from error
    return {model: line for line in lines for model in line.models}
