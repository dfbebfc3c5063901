"""Terms of use of each model, from terms/*.toml: what a student taught with its outputs may be used for.

These files are notes of people who read the terms, not legal advice; `retrieved` says when, and `unknown` is an
answer. A use that the terms forbid stops a run before its first call; an unknown one is shown on the card.
"""

import tomllib
from collections.abc import Iterable
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from curation.errors import TaskError, TermsConflict
from curation.llm.families import family_of
from curation.plugins import nearest
from curation.records import Record
from curation.task import ModelTable, Task

FOLDER = Path(__file__).with_name("terms")

Use = Literal["narrow-model", "competing-model", "research"]
USES: tuple[Use, ...] = ("narrow-model", "competing-model", "research")
"""narrow-model: a student for one task of your own, which competes with nobody's general model; competing-model: a
general model, or a service like the teacher's; research: published work without a product."""

Allowed = Literal["yes", "no", "unknown"]


class Terms(Record):
    """What one set of terms says, in short; `retrieved` is None where nobody compared it with the current text."""

    id: str
    name: str
    url: str
    text: str
    allows_use: dict[str, Allowed]
    retrieved: date | None = None

    def allows(self, use: str) -> Allowed:
        """Whether a student of that use may be taught with these outputs."""
        return self.allows_use.get(use, "unknown")


def terms_of(provider: str, model: str) -> Terms:
    """The terms of a model: those of the practice server, else those families.toml names, else `unknown`."""
    if provider == "practice":
        return _all()["practice"]
    family = family_of(model)
    return _all()[family.terms if family and family.terms else "unknown"]


def require_terms(task: Task) -> None:
    """Raise TermsConflict, before anything is spent, when a teacher's terms forbid the use in [task] use."""
    use = task.task.use
    if use not in USES:
        raise TaskError(f"task.toml [task]: no use {use!r}{nearest(use, USES)} Known: {', '.join(USES)}")
    for teacher in task.teachers:
        terms = terms_of(teacher.use, teacher.model)
        if terms.allows(use) == "no":
            raise TermsConflict(
                f"teacher {teacher.name!r}: the terms of {teacher.model} ({terms.name}, {terms.url}) do not allow "
                f"[task] use = {use!r}: {terms.text}"
            )


def unknown_terms(models: Iterable[ModelTable], use: str) -> list[str]:
    """Names of the models whose terms do not say whether a use is allowed; for the card and a notice."""
    return [m.name for m in models if terms_of(m.use, m.model).allows(use) == "unknown"]


@cache
def _all() -> dict[str, Terms]:
    return {terms.id: terms for terms in map(_read, sorted(FOLDER.glob("*.toml")))}


def _read(path: Path) -> Terms:
    row = tomllib.loads(path.read_text(encoding="utf-8"))
    row["allows_use"] = row.pop("allows", {})
    try:
        return Terms.model_validate(row)
    except ValidationError as error:
        raise TaskError(f"{path.name}: {error.errors()[0]['msg']}") from error
