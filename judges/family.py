"""Who may judge whom: a judge and a teacher must be of unrelated families, and both families must be known."""

from curation.errors import TaskError
from curation.llm.families import Family, families, family_of, related
from curation.task import ModelTable

SHOWN = 6
"""How many eligible families a suggestion names."""

PRACTICE = frozenset({"alder", "birch", "cedar", "dogwood"})
"""Families of the built-in practice server, suggested to practice teachers alone."""


def known_family(model: ModelTable, role: str) -> Family:
    """The family of a judge or teacher; TaskError, saying what to write, where it is not known."""
    family = family_of(model.model, model.family)
    if family is None:
        raise TaskError(
            f"the family of {role} {model.name!r} ({model.model}) is not in families.toml, so nobody can tell which "
            f'judges are independent of it; add family = "..." to its table. Known: {", ".join(families())}'
        )
    return family


def may_judge(judge: ModelTable, teacher: ModelTable) -> bool:
    """Whether no model, family or ancestor is shared; TaskError where a family is not known."""
    return related(known_family(judge, "judge"), known_family(teacher, "teacher")) == "none"


def suggestion(teacher: ModelTable) -> str:
    """Which families could judge a teacher's answers, and how to add a judge of one."""
    own = family_of(teacher.model, teacher.family)
    if own is None:
        return f'Add family = "..." to teacher {teacher.name!r}, then a [[judges]] table of another family'
    free = [name for name in families() if related(Family(name=name, model=""), own) == "none"]
    near = _reachable(free, practice=teacher.use == "practice")
    return (
        f"Eligible families: {', '.join(near[:SHOWN])}{' and others' if len(near) > SHOWN else ''}; add a "
        "[[judges]] table with name, use, model and rubric to task.toml"
    )


def _reachable(names: list[str], *, practice: bool) -> list[str]:
    """The families a person with this teacher can reach: practice models judge practice models only."""
    return [name for name in names if (name in PRACTICE) == practice] or names
