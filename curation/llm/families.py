"""Which family a model belongs to and which models it was made from: from families.toml, never from substrings."""

import tomllib
from collections import deque
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import ValidationError

from curation.errors import TaskError
from curation.llm.aliases import Spelling, name_key, spellings
from curation.plugins import nearest
from curation.records import Record

TABLE = Path(__file__).with_name("families.toml")

LONGEST_NAME = 300
"""Characters of a model's name: reading an endless one would take as long."""

Relation = Literal["same", "inheritance", "family", "none", "unknown"]

MADE_FROM = "was made from"
TAUGHT_BY = "was taught with answers of"


class Line(Record):
    """A line of models as families.toml states it; `models` are their names without what only qualifies them."""

    family: str
    models: tuple[str, ...]
    base: str | tuple[str, ...] = ()
    """The family whose weights it was made from; several where the name does not say which of them."""
    distilled_from: tuple[str, ...] = ()
    """The families whose outputs it was taught with, where that is published."""
    terms: str | None = None
    """Its terms of use, a file in terms/; None where nobody has read them."""


class Origin(NamedTuple):
    """One step back in a lineage: how, and the family it leads to."""

    how: str
    family: str


class Family(Record):
    """The family of one model and its line's origins; `terms` names its terms of use, where known."""

    name: str
    model: str
    """The model itself, without host, date and quantisation."""
    tuned: bool = False
    """Whether it is a fine-tune of the model it is named after."""
    origins: tuple[Origin, ...] = ()
    terms: str | None = None


class Kinship(Record):
    """How two models are related, and by which path: origins from each down to the nearest family they share."""

    relation: Relation
    shared: str | None = None
    of_a: tuple[Origin, ...] = ()
    of_b: tuple[Origin, ...] = ()


def family_of(model: str, override: str | None = None) -> Family | None:
    """The family of a model; `override` (from task.toml) names the family of a model the table does not know.

    None where neither says. An override must name a family that the table knows, and not contradict it, so that
    neither a typo nor a wish makes a judge independent of its own family.
    """
    if len(model) > LONGEST_NAME:
        raise TaskError(f"a model's name has {len(model):,} characters; at most {LONGEST_NAME} are read")
    found = _listed(model)
    if override is not None and override not in families():
        known = ", ".join(sorted(families()))
        raise TaskError(f"no family {override!r} in families.toml{nearest(override, families())} Known: {known}")
    if found is not None:
        line, spelling = found
        if override not in (None, line.family):
            raise TaskError(f"{model} is of the family {line.family!r}, so it cannot be given family = {override!r}")
        return _family(line, spelling)
    if override is None:
        return None
    return Family(name=override, model=next(spellings(model)).model, origins=_origins_of_families()[override])


def related(a: Family | None, b: Family | None) -> Relation:
    """How two models are related: the same model; one made from the other, from its family or both from a third, over
    any number of steps (inheritance); one family; none; or unknown where the family of either is not known.

    >>> related(family_of("gpt-4o"), family_of("claude-sonnet-4"))
    'none'
    >>> related(family_of("lmsys/vicuna-13b-v1.5"), family_of("llama3.1:8b-instruct-q4_K_M"))
    'inheritance'
    """
    return kinship(a, b).relation


def kinship(a: Family | None, b: Family | None) -> Kinship:
    """How two models are related, with the path to the nearest family they share; see `related`."""
    if a is None or b is None:
        return Kinship(relation="unknown")
    if a.name == b.name:
        return Kinship(relation=_within(a, b), shared=a.name)
    of_a, of_b = lineage(a), lineage(b)
    shared = of_a.keys() & of_b.keys()
    if not shared:
        return Kinship(relation="none")
    ancestor = min(shared, key=lambda name: (len(of_a[name]) + len(of_b[name]), name))
    return Kinship(relation="inheritance", shared=ancestor, of_a=of_a[ancestor], of_b=of_b[ancestor])


def lineage(
    family: Family, origins: Mapping[str, tuple[Origin, ...]] | None = None
) -> Mapping[str, tuple[Origin, ...]]:
    """Every family a model comes from, its own included, with the shortest path to it; a cycle ends where it began.

    `origins` of each family are those of families.toml unless given.
    """
    known = _origins_of_families() if origins is None else origins
    paths: dict[str, tuple[Origin, ...]] = {family.name: ()}
    waiting: deque[tuple[Origin, ...]] = deque((origin,) for origin in family.origins)
    while waiting:
        path = waiting.popleft()
        name = path[-1].family
        if name not in paths:
            paths[name] = path
            waiting.extend((*path, origin) for origin in known.get(name, ()))
    return paths


def in_words(path: Iterable[Origin]) -> str:
    """A path as a person says it: `was made from openchat, which was made from mistral`."""
    return ", which ".join(f"{origin.how} {origin.family}" for origin in path)


def families() -> list[str]:
    """Every family the table knows, in its order."""
    return list(_origins_of_families())


def _within(a: Family, b: Family) -> Relation:
    """How two models of one family are related."""
    if name_key(a.model) != name_key(b.model):
        return "family"
    return "same" if not a.tuned and not b.tuned else "inheritance"


def _family(line: Line, spelling: Spelling) -> Family:
    return Family(
        name=line.family, model=spelling.model, tuned=spelling.tuned, origins=_origins(line), terms=line.terms
    )


def _origins(line: Line) -> tuple[Origin, ...]:
    bases = (line.base,) if isinstance(line.base, str) else line.base
    return (*(Origin(MADE_FROM, name) for name in bases), *(Origin(TAUGHT_BY, name) for name in line.distilled_from))


def _listed(model: str) -> tuple[Line, Spelling] | None:
    """The line that lists a model, and the spelling under which it does."""
    lines = _lines()
    return next(((lines[s.key], s) for s in spellings(model) if s.key in lines), None)


@cache
def _lines() -> Mapping[str, Line]:
    """By key of each listed name; TaskError where two lines list one model or name a family that no line is of."""
    lines = read_lines(TABLE.read_text(encoding="utf-8"))
    listed = sorted((name_key(model), n) for n, line in enumerate(lines) for model in line.models)
    for (one, _), (other, n) in pairwise(listed):
        if one == other:
            raise TaskError(f"families.toml lists {one} twice, the second time as {lines[n].family}")
    return {key: lines[n] for key, n in listed}


def read_lines(text: str) -> list[Line]:
    """The lines of a table of families; TaskError where one is not as it should be."""
    try:
        return [Line.model_validate(row) for row in tomllib.loads(text)["line"]]
    except ValidationError as error:
        raise TaskError(f"families.toml: {error.errors()[0]['msg']}") from error


@cache
def _origins_of_families() -> Mapping[str, tuple[Origin, ...]]:
    """By family, in the table's order: the origins of any of its lines, since who says "made from it" says no line."""
    found: dict[str, dict[Origin, None]] = {}
    for line in read_lines(TABLE.read_text(encoding="utf-8")):
        found.setdefault(line.family, {}).update(dict.fromkeys(_origins(line)))
    return {name: tuple(origins) for name, origins in found.items()}
