"""What advice is made of: thresholds, what the user wishes, criteria, money and alternatives, all of it data."""

from dataclasses import dataclass
from typing import Literal

from pydantic import ConfigDict

from curation.errors import TaskError
from curation.llm.models import Models
from curation.pilot.asking import price_of
from curation.pilot.report import PilotReport, TeacherFigures
from curation.plugins import nearest
from curation.records import Record
from curation.task import Task, TeacherTable

Effect = Literal["for", "against", "unknown"]
Verdict = Literal["yes", "no", "pilot more"]


class Thresholds(Record):
    """What each criterion is held against. Most are rules of thumb: they mark where to look, they prove nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    ceiling: float = 0.80
    """Agreement with gold. Rule of thumb: a student that copies a teacher wrong in one answer of five passes on as many
    mistakes as most teams would accept from it."""
    gold_rows: int = 50
    """Rule of thumb: with fewer rows the interval of an agreement is more than 25 points wide (Wilson)."""
    unseen_words: float = 0.22
    """Measured, on 400 prompts of each set: banking questions 0.10, shop support 0.10 to 0.13, an assistant of 150
    intents 0.19, open instructions 0.27 to 0.36. Between the last two lies this bound."""
    answer_words: float = 120.0
    """Rule of thumb: an answer longer than a paragraph is written, not chosen; small students write worse than they
    choose."""
    multi_step: float = 0.2
    """Rule of thumb: with tools or several steps in one answer of five, errors of the steps multiply."""
    monthly_requests: int = 10_000
    """Rule of thumb: below this the upkeep of a student (measuring, retraining) outweighs what it saves."""
    soft_against: int = 2
    """Rule of thumb: two of breadth, length, steps and volume against it make a no; one does not."""
    cacheable_tokens: int = 1024
    """OpenAI and Anthropic cache beginnings of 1,024 tokens and more, for most models (their documentation)."""

    def sources(self) -> dict[str, str]:
        """Where each comes from, in words."""
        fields = type(self).model_fields.items()
        return {name: " ".join((field.description or "").split()) for name, field in fields}


class Assumptions(Record):
    """What is taken for granted where nobody says otherwise; each is repeated beside the result."""

    serving_hours: float = 730.0
    """Hours of a month."""
    training_hours: float = 2.0
    """Hours of a training machine, seeds and arms together. A rule of thumb for students of this size."""
    cut: float = 0.5
    """Share of what all requests begin with that shorter prompts would do without."""


ASSUMED = Assumptions()
COUNT = "give --monthly-requests"


@dataclass(frozen=True)
class Wishes:
    """What only the user knows. `model` is the teacher in use today (default: the first of task.toml)."""

    monthly_requests: int | None = None
    model: str | None = None
    serving_usd_month: float | None = None
    training_usd: float | None = None
    review_usd: float = 0.0
    horizon_months: float = 12.0
    samples: int = 5_000


class Criterion(Record):
    """One thing that speaks for or against; a decisive one can settle it alone."""

    name: str
    number: float | None
    shown: str
    threshold: str
    effect: Effect
    decisive: bool
    why: str


class Alternative(Record):
    """Another way to save, and how many dollars a month it would save; None where that is not known."""

    name: str
    saved_usd_month: float | None
    words: str


class Money(Record):
    """The break-even: what is spent now, what a student costs once and monthly, after how many months it has paid."""

    model: str
    monthly_requests: int | None
    usd_month_today: float | None
    serving_usd_month: float | None
    taught_by: str
    samples: int
    dataset_usd: float | None
    judges_usd: float | None
    training_usd: float | None
    review_usd: float
    once_usd: float | None
    saved_usd_month: float | None
    break_even_months: float | None
    horizon_months: float
    assumed: tuple[str, ...]


class Advice(Record):
    """The verdict, and everything it rests on."""

    verdict: Verdict
    because: str
    criteria: tuple[Criterion, ...]
    money: Money
    alternatives: tuple[Alternative, ...]
    thresholds: Thresholds
    sources: dict[str, str]
    """Where each threshold comes from."""


@dataclass(frozen=True)
class Case:
    """What the advice is worked out from; `today` is the teacher in use, `source` the one a student learns from."""

    task: Task
    pilot: PilotReport
    wishes: Wishes
    models: Models
    today: TeacherTable
    source: TeacherTable
    limits: Thresholds

    def figures(self, teacher: TeacherTable) -> TeacherFigures:
        """A teacher's figures; TaskError where the pilot did not ask it."""
        return figures_of(self.pilot, teacher.name)

    def usd_per_1000(self, teacher: TeacherTable) -> float | None:
        """What a thousand answers cost at the prices of now, with the pilot's tokens."""
        return price_of(self.models, teacher, self.figures(teacher).tokens)

    def monthly(self, usd_per_1000: float | None) -> float | None:
        """That, a month."""
        n = self.wishes.monthly_requests
        return None if n is None or usd_per_1000 is None else round(usd_per_1000 * n / 1000, 4)


def figures_of(pilot: PilotReport, name: str) -> TeacherFigures:
    """A teacher's figures in a pilot; TaskError, naming those it has, where there is no answer of it."""
    figures = pilot.of_teacher(name)
    if figures is None or not figures.answers:
        asked = [t.teacher for t in pilot.teachers if t.answers]
        raise TaskError(
            f"the newest pilot has no answer of teacher {name!r}{nearest(name, asked)} It has: {', '.join(asked)}; "
            "`stillhouse run --pilot 50` asks the teachers of task.toml"
        )
    return figures
