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
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PrivateAttr, model_validator

from curation.errors import TaskError
from curation.plugins import Plugin, build, validate
from curation.records import digest

Kind = Literal["classify", "extract", "summarise", "chat", "tools", "rewrite"]
M = TypeVar("M", bound=BaseModel)


class Table(BaseModel):
    """A table of task.toml: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TaskTable(Table):
    """[task]: what is being distilled and for what use."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    """Lower-case letters, digits and hyphens; the card is titled with it."""
    kind: Kind = "classify"
    """What kind of task it is."""
    seed: int = 0
    """Every random choice derives from it and from the identity of the record."""
    use: str = "narrow-model"
    """Stated use of the student; checked against each teacher's terms (`curation/llm/terms/`)."""
    description: str = ""
    """For people."""


class PromptsTable(Table):
    """[prompts]: where the inputs lie and how they become messages."""

    files: tuple[str, ...] = ("prompts/*.jsonl",)
    """JSONL files of {id, text or messages, group, tags, ...}, read in sorted order."""
    system: str | None = None
    """Put before every conversation as the system message; editing it asks every prompt again."""
    template: str = "{text}"
    """How a row's `text` becomes the user message; only `{text}` and `{<field>}` are replaced."""


class AnswerTable(Table):
    """[answer]: what a good answer looks like."""

    format: Literal["text", "json", "label"] = "text"
    """Free text, one JSON object, or one label and nothing else."""
    json_schema: dict[str, JsonValue] | None = Field(default=None, alias="schema")
    """JSON schema of a JSON answer; sent to teachers that take one, and what `[checks.schema]` checks."""
    labels: tuple[str, ...] = ()
    """The closed set of labels of a classification task (or of `field`)."""
    field: str | None = None
    """The field of a JSON answer that a classifier student learns; None for a label answer."""
    extract: tuple[str, ...] = ()
    """Fields copied out of the prompt; scrubbed alike in prompt and answer."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class PriceTable(Table):
    """US dollars per million tokens, for a model that prices.toml does not know."""

    input: Annotated[float, Field(ge=0)]
    output: Annotated[float, Field(ge=0)]


class ModelTable(Table):
    """What every model has that is asked over the wire: a teacher, a judge."""

    name: str
    """Yours; it names the model in tables, samples and the card."""
    use: str
    """Provider: openai, anthropic, local, replay, practice; or `package.module:Class`."""
    model: str
    """The model as its provider names it."""
    base_url: str | None = None
    """Another address that speaks the same wire format."""
    api_key_env: str | None = None
    """Name of the environment variable holding the key; the provider's usual one by default."""
    params: dict[str, JsonValue] = Field(default_factory=dict)
    """Sent as they are: max_tokens, temperature, logprobs ... Part of the request key."""
    concurrency: Annotated[int, Field(ge=1, le=512)] = 16
    """At most so many requests at once; fewer when the provider says slow down."""
    timeout: Annotated[float, Field(gt=0)] = 120.0
    """Seconds before one attempt is given up."""
    path: str | None = None
    """replay: the recorded replies; local: the model's folder."""
    family: str | None = None
    """Overrides families.toml for a model it does not know; stated on the card."""
    structured: bool = True
    """Send the answer's schema as native structured output where the wire format has it."""
    price: PriceTable | None = None
    """For a model or host that prices.toml does not know; `{ input = 0, output = 0 }` for a server of your own."""


class TeacherTable(ModelTable):
    """[[teachers]]: a model that answers."""

    n: Annotated[int, Field(ge=1, le=64)] = 1
    """Answers asked of it for each prompt."""
    weight: Annotated[float, Field(gt=0)] = 1.0
    """Its share when `teachers_per_prompt` draws."""
    tags: tuple[str, ...] = ()
    """Asked only for prompts carrying one of these tags; empty: for all."""
    ask: str = "answer"
    """Way of asking, a plugin in curation/teachers/."""


class SamplingTable(Table):
    """[sampling]: how many teachers answer each prompt and how failures are retried."""

    teachers_per_prompt: Annotated[int, Field(ge=1)] | Literal["all"] = "all"
    """All teachers, or so many drawn by weight for each prompt."""
    attempts: Annotated[int, Field(ge=1, le=20)] = 6
    """Tries at one request before it counts as failed."""
    stop_after_identical_errors: Annotated[int, Field(ge=1)] = 5
    """So many equal "invalid parameter" answers in a row stop the run."""
    truncated_retry_factor: Annotated[float, Field(ge=1)] = 2.0
    """A truncated reply is asked once more with max_tokens times this; 1 keeps it as it is."""


class VaryTable(Table):
    """[vary]: rewordings of prompts made before sampling."""

    per_prompt: Annotated[int, Field(ge=0, le=20)] = 0
    """Rewordings of each varied prompt; 0 makes none."""
    share: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Share of prompts that are varied, drawn from the task's seed."""
    teacher: str | None = None
    """Name of the teacher that rewords; the first one by default."""
    styles: tuple[str, ...] = ("shorter", "with typing mistakes", "more formal")
    """How the rewordings differ; taken in turn."""


class AllowEntry(Table):
    """A pattern that scrubbing leaves alone, with an owner and, where given, an end date."""

    pattern: str
    """Regular expression of what is left alone, such as an order number."""
    owner: str
    """Who answers for it; stated on the card."""
    until: str | None = None
    """The last day it holds, such as `2027-03-31`; none: for good."""
    why: str = ""
    """The reason, for the card."""


class ScrubTable(Table):
    """[scrub]: what personal data is looked for and what happens to it."""

    enabled: bool = True
    """Whether anything is looked for at all."""
    entities: tuple[str, ...] = ("email", "phone", "card", "iban", "ip", "secret")
    """Detectors, one file each in curation/scrub/."""
    action: Literal["mask", "quarantine"] = "mask"
    """Replace what is found by its kind, or hold the whole prompt back for a person."""
    allow: tuple[AllowEntry, ...] = ()
    """Patterns that are left alone."""


class DedupTable(Table):
    """[dedup]: exact and normalised-exact duplicates."""

    exact: bool = True
    """Whether duplicates are dropped."""
    normalise: bool = True
    """Fold case, white space and punctuation before comparing."""
    on: tuple[Literal["prompt", "answer"], ...] = ("prompt", "answer")
    """What must be equal for two samples to be duplicates."""


class ProtectTable(Table):
    """[protect]: sets that no training sample may resemble."""

    files: tuple[str, ...] = ()
    """JSONL files with a `text` column: holdouts, benchmarks. The gold set is always protected."""
    ngram: Annotated[int, Field(ge=2)] = 8
    """A sample sharing a run of this many words with a protected text is dropped."""


class SelectTable(Table):
    """[select]: how much is kept, with a size-matched random control arm."""

    keep: Annotated[int, Field(ge=1)] | None = None
    """At most this many samples; None keeps all that passed."""
    per_label: bool = True
    """Spread the quota over labels."""
    unjudged: Literal["keep", "hold"] = "keep"
    """What happens to samples no eligible judge could grade: kept, or held in quarantine."""
    control: bool = True
    """Mark a random arm of the curated size, to measure what curation is worth."""


class BudgetTable(Table):
    """[budget]: the hard cap on money. A paid run without it is refused."""

    usd: Annotated[float, Field(ge=0)] | None = None
    """US dollars for one run; reserved before each request is sent."""


class PracticeTable(Table):
    """[practice]: the answer key and error profiles of the built-in practice server."""

    key: str | None = None
    """JSONL {id, text, answer, difficulty}; read by the practice server and the scoring step alone."""
    families: dict[str, dict[str, JsonValue]] = Field(default_factory=dict)
    """Overrides of a named family's error profile."""
    faults: dict[str, JsonValue] = Field(default_factory=dict)
    """Rates of 429, 500, 529 and timeouts."""


CURATION_TABLES: dict[str, type[Table]] = {
    "task": TaskTable,
    "prompts": PromptsTable,
    "answer": AnswerTable,
    "sampling": SamplingTable,
    "vary": VaryTable,
    "scrub": ScrubTable,
    "dedup": DedupTable,
    "protect": ProtectTable,
    "select": SelectTable,
    "budget": BudgetTable,
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
    select: SelectTable = SelectTable()
    budget: BudgetTable = BudgetTable()
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
        """The checks in file order, each with its name in task.toml."""
        return tuple(
            (name, build("curation.checks", name, settings, f"task.toml [checks.{name}]"))
            for name, settings in self.checks.items()
        )

    def table(self, name: str, model: type[M]) -> M:
        """A table owned by another package, validated by its model."""
        return validate(model, getattr(self, name), f"task.toml [{name}]")

    @property
    def recipe(self) -> str:
        """Digest of everything declared that can change the dataset; how fast, how dear and with which key excluded."""
        left_out = {"budget", "train", "gate", "practice"}
        plain = self.model_dump(mode="json", by_alias=True, exclude=left_out)
        plain["prompts"].pop("files", None)
        for model in (*plain["teachers"], *plain["judges"]):
            for name in ("concurrency", "timeout", "price", "api_key_env"):
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
