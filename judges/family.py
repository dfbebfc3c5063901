"""Who may judge whom: no judge votes on what a relative of it wrote, will be taught with, or is compared with."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from pydantic import JsonValue

from curation.errors import TaskError
from curation.llm.families import Family, Kinship, families, family_of, in_words, kinship, related
from curation.records import Record
from curation.task import ModelTable, Task

SHOWN = 6
"""How many eligible families a suggestion names."""

PRACTICE = frozenset({"alder", "birch", "cedar", "dogwood"})
"""Families of the built-in practice server, suggested to practice teachers alone."""

Role = Literal["teacher", "student", "baseline"]


class Party(NamedTuple):
    """A model that judges must not be related to: in which role, what it is called, and its family."""

    role: Role
    name: str
    """A teacher's name; else the model."""
    family: Family

    @property
    def words(self) -> str:
        """What it is to the task, as a refusal says it."""
        match self.role:
            case "teacher":
                return f"the model of teacher {self.name!r}"
            case "student":
                return "the base of the student"
            case "baseline":
                return "the baseline"


class Refusal(Record):
    """Why one judge has no vote beside one teacher, the student or the baseline."""

    judge: str
    role: Role
    """What the judge is related to; student and baseline take its vote whoever the teacher is."""
    other: str
    """The teacher's name, or the model that is the student's base or the baseline."""
    relation: Literal["same", "inheritance", "family"]
    words: str
    """`vicuna-13b was made from llama, the family of llama-3-1-8b (the base of the student)`."""


class Eligibility(Record):
    """Which judges may vote on which teacher's answers, and why the others may not."""

    by_teacher: dict[str, tuple[str, ...]]
    """Teacher's name -> names of the judges that may vote, in file order. A fallback teacher's answers carry its own
    name, so they are judged as its own."""
    refused: tuple[Refusal, ...] = ()

    def why_not(self, teacher: str) -> str:
        """Each refusal that concerns a teacher's answers, in words; empty where no judge was refused."""
        return "; ".join(r.words for r in self.refused if r.role != "teacher" or r.other == teacher)


class Override(Record):
    """A family that task.toml states by hand, for the ledger and the card."""

    role: Literal["teacher", "judge", "student"]
    name: str
    model: str
    family: str


def eligibility(
    task: Task, judges: Sequence[ModelTable], *, student_base: str | None = None, baseline: str | None = None
) -> Eligibility:
    """Which judges may vote on which teacher's answers.

    A judge related, over any number of steps, to the teacher, to the student's base or to the baseline may not. Base
    and baseline (a teacher's name or a model) are those of task.toml unless given. Raises TaskError naming the model,
    and what to write, where a family is not known; with no judge nothing is asked of anybody.
    """
    if not judges:
        return Eligibility(by_teacher={t.name: () for t in task.teachers})
    families_of_judges = {j.name: known_family(j, "judge") for j in judges}
    teachers = [Party("teacher", t.name, known_family(t, "teacher")) for t in task.teachers]
    others = list(_beside_teachers(task, student_base or declared_base(task), baseline or declared_baseline(task)))
    refused = tuple(
        refusal
        for name, family in families_of_judges.items()
        for party in (*others, *teachers)
        if (refusal := _refusal(name, family, party)) is not None
    )
    everywhere = {r.judge for r in refused if r.role != "teacher"}
    barred = {(r.judge, r.other) for r in refused if r.role == "teacher"}
    free = [name for name in families_of_judges if name not in everywhere]
    by_teacher = {t.name: tuple(n for n in free if (n, t.name) not in barred) for t in task.teachers}
    return Eligibility(by_teacher=by_teacher, refused=refused)


def declared_base(task: Task) -> str | None:
    """The model that `[train] encoder` starts a student from; None for the packaged one: no judge is its relative."""
    encoder = task.train.get("encoder")
    return encoder if isinstance(encoder, str) else None


def declared_baseline(task: Task) -> str | None:
    """`[gate] baseline` where it is a teacher or a model that families.toml knows.

    None where it names an arm, a student or an evaluation: those are made from the student's base.
    """
    named = task.gate.get("baseline")
    if not isinstance(named, str):
        return None
    return named if named in {t.name for t in task.teachers} or family_of(named) else None


def overrides(task: Task) -> list[Override]:
    """Families stated by hand, in file order: of teachers, of judges and of the student's base."""
    found = [Override(role="teacher", name=t.name, model=t.model, family=t.family) for t in task.teachers if t.family]
    for judge in task.judges:
        name, model, family = (judge.get(key) for key in ("name", "model", "family"))
        if family:
            found.append(Override(role="judge", name=str(name), model=str(model), family=str(family)))
    if family := task.train.get("family"):
        base = declared_base(task) or "the packaged encoder"
        found.append(Override(role="student", name="[train]", model=base, family=str(family)))
    return found


def described(task: Task, may: Eligibility) -> dict[str, JsonValue]:
    """Who may judge whom as the panel step describes it: part of a version's recipe, shown on its card."""
    return {
        "eligible": {teacher: list(names) for teacher, names in may.by_teacher.items()},
        "refused": [refusal.model_dump(mode="json") for refusal in may.refused],
        "stated_families": [override.model_dump(mode="json") for override in overrides(task)],
    }


def known_family(model: ModelTable, role: str) -> Family:
    """The family of a judge or teacher; TaskError, saying what to write, where it is not known."""
    family = family_of(model.model, model.family)
    if family is None:
        raise _unknown(f"{role} {model.name!r} ({model.model})", 'add family = "..." to its table')
    return family


def suggestion(teacher: ModelTable) -> str:
    """Which families could judge a teacher's answers, and how to add a judge of one."""
    own = family_of(teacher.model, teacher.family)
    if own is None:
        return f'Add family = "..." to teacher {teacher.name!r}, then a [[judges]] table of another family'
    free = [name for name in families() if related(family_of("a judge", name), own) == "none"]
    near = _reachable(free, practice=teacher.use == "practice")
    return (
        f"Eligible families: {', '.join(near[:SHOWN])}{' and others' if len(near) > SHOWN else ''}; add a "
        "[[judges]] table with name, use, model and rubric to task.toml"
    )


def _beside_teachers(task: Task, base: str | None, baseline: str | None) -> Iterator[Party]:
    """The student's base and the baseline, where there are any."""
    if base is not None:
        stated = task.train.get("family")
        family = family_of(base, stated if isinstance(stated, str) else None)
        if family is None:
            raise _unknown(f"the student's base ({base})", 'add family = "..." to [train]')
        yield Party("student", base, family)
    if baseline is not None:
        named = next((t for t in task.teachers if t.name == baseline), None)
        family = known_family(named, "baseline") if named else family_of(baseline)
        if family is None:
            raise _unknown(f"the baseline ({baseline})", "name it in [gate] as a teacher of task.toml, with its family")
        yield Party("baseline", named.model if named else baseline, family)


def _unknown(who: str, what_to_do: str) -> TaskError:
    return TaskError(
        f"the family of {who} is not in families.toml, so nobody can tell which judges are independent of it; "
        f"{what_to_do}. Known: {', '.join(sorted(families()))}"
    )


def _refusal(judge: str, family: Family, party: Party) -> Refusal | None:
    kin = kinship(family, party.family)
    if kin.relation in ("none", "unknown"):
        return None
    words = _because(family, party, kin)
    return Refusal(judge=judge, role=party.role, other=party.name, relation=kin.relation, words=words)


def _because(judge: Family, party: Party, kin: Kinship) -> str:
    """Who is related to whom, and by which path."""
    other = f"{party.family.model} ({party.words})"
    match kin:
        case Kinship(relation="same"):
            return f"{judge.model} is {party.words} itself"
        case Kinship(of_a=(), of_b=()):
            return f"{judge.model} is of the family {kin.shared}, as is {other}"
        case Kinship(of_b=()):
            return f"{judge.model} {in_words(kin.of_a)}, the family of {other}"
        case Kinship(of_a=()):
            return f"{other} {in_words(kin.of_b)}, the family of {judge.model}"
        case Kinship() if kin.of_a == kin.of_b:
            return f"{judge.model} {in_words(kin.of_a)}, as was {other}"
        case _:
            return f"{judge.model} {in_words(kin.of_a)}, and {other} {in_words(kin.of_b)}"


def _reachable(names: list[str], *, practice: bool) -> list[str]:
    """The families a person with this teacher can reach: practice models judge practice models only."""
    return [name for name in names if (name in PRACTICE) == practice] or names
