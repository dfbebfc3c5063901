"""A rubric: the question a judge answers and the criteria it answers by, with a digest that names it."""

import tomllib
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from curation.errors import TaskError
from curation.plugins import nearest, validate
from curation.records import Record, digest

SHIPPED = Path(__file__).parent / "rubrics"


class Criterion(Record):
    """One thing that must hold for an answer to be accepted; a statement that a checklist answers with yes or no."""

    id: Annotated[str, Field(min_length=1)]
    text: str


class Rubric(Record):
    """A frozen rubric, read from TOML; what its author wrote is trusted, what is judged by it is not."""

    name: str
    version: int
    question: str
    material: str
    criteria: Annotated[tuple[Criterion, ...], Field(min_length=1)]

    @field_validator("criteria")
    @classmethod
    def _named_once(cls, criteria: tuple[Criterion, ...]) -> tuple[Criterion, ...]:
        names = [criterion.id for criterion in criteria]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"two criteria have the id {twice[0]!r}")
        return criteria

    @cached_property
    def digest(self) -> str:
        """SHA-256 over everything a judge reads of it; part of every judge request."""
        return digest(self.model_dump(mode="json"))


def read_rubric(name: str, folder: Path) -> Rubric:
    """The rubric shipped under that name, or the file `name` (ending in .toml) relative to the task's folder.

    Raises TaskError naming the nearest shipped rubric, or what is wrong in the file.

    >>> read_rubric("general", Path()).criteria[0].id
    'follows'
    """
    path = folder / name if name.endswith(".toml") else SHIPPED / f"{name}.toml"
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        shipped = sorted(p.stem for p in SHIPPED.glob("*.toml"))
        raise TaskError(
            f"no rubric {name!r}{nearest(name, shipped)} Shipped: {', '.join(shipped)}; "
            'one of your own is named by its file, `rubric = "my-rubric.toml"`'
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TaskError(f"rubric {path}: {error}") from error
    return validate(Rubric, raw, f"rubric {path.name}")
