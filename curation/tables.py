"""The tables of task.toml that this package owns: each a frozen model whose fields are its keys."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from curation.content_rules import ContentRule

Kind = Literal["classify", "extract", "summarise", "chat", "tools", "rewrite"]


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
    """US dollars per million tokens, for a model that prices.toml does not know; or per hour, for a rented server."""

    input: Annotated[float, Field(ge=0)] = 0.0
    """Per million tokens of what is sent."""
    output: Annotated[float, Field(ge=0)] = 0.0
    """Per million tokens of what comes back, reasoning included."""
    cached_input: Annotated[float, Field(ge=0)] | None = None
    """Per million tokens of what the provider had cached; like `input` where it is not given."""
    batch: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Factor on all three for a batch; 0.5 is half the price. Stated, because not every host gives a discount."""
    flex: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Factor for the flex tier."""
    hour: Annotated[float, Field(ge=0)] = 0.0
    """For a server rented by the hour: charged for the time it is being asked, whatever it answers."""


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
    mode: Literal["online", "batch", "flex"] = "online"
    """At once; through the provider's batch interface, at its discount and within a day; or at the slower flex tier."""
    region: str | None = None
    """Where this address processes what it is sent, such as `eu`; compared with `[rules] regions`."""
    zero_retention: bool = False
    """Whether your contract for this address says that nothing is kept there; compared with `[rules]`."""


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
    ask_with: dict[str, JsonValue] = Field(default_factory=dict)
    """Settings of the way of asking."""
    fallback: str | None = None
    """Name of the teacher that answers where this one failed for good; the sample then carries that one's name."""


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
    keep_untruncated: bool = True
    """When max_tokens is raised, only replies that were cut are asked again; false asks all of them again."""
    repair: bool = True
    """Mend JSON that is almost right (a fence, a quote, a missing bracket) before it is asked again, without a call."""
    reask_invalid: Annotated[int, Field(ge=0, le=3)] = 1
    """How often a JSON answer that cannot be read or breaks its schema is asked again, with the problem named."""
    reask_empty: Annotated[int, Field(ge=0, le=3)] = 1
    """How often an empty reply is asked again."""
    batch_requests: Annotated[int, Field(ge=1)] = 50_000
    """At most so many requests in one batch; the provider's own limit where that is lower."""
    batch_tokens: Annotated[int, Field(ge=1)] | None = None
    """Input tokens that may wait in batches of one model at once (the provider's enqueued-token limit)."""


class VaryTable(Table):
    """[vary]: rewordings and other variations of prompts, made before sampling."""

    per_prompt: Annotated[int, Field(ge=0, le=20)] = 0
    """Variants of each varied prompt; 0 makes none."""
    share: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Share of prompts that are varied, drawn from the task's seed."""
    teacher: str | None = None
    """Name of the teacher that rewords; the first one by default."""
    kinds: tuple[str, ...] | dict[str, float] = ("rewording",)
    """Kinds of variation, taken in turn, or drawn by share: `{ rewording = 3, noise = 1 }`. One file each in
    curation/variations/, or declared in `transformations`. A variant carries the tag `vary:<kind>`."""
    styles: tuple[str, ...] = ("shorter", "with typing mistakes", "more formal")
    """How rewordings differ; taken in turn."""
    transformations: dict[str, str] = Field(default_factory=dict)
    """Kinds of your own, a name and what is done: `forwarded = "as an e-mail forwarded with a thread below"`."""
    settings: dict[str, dict[str, JsonValue]] = Field(default_factory=dict)
    """Settings of a kind: `[vary.settings.noise]`."""

    @field_validator("kinds")
    @classmethod
    def _kinds_can_be_drawn(cls, kinds: tuple[str, ...] | dict[str, float]) -> tuple[str, ...] | dict[str, float]:
        shares = kinds.values() if isinstance(kinds, dict) else ()
        if not kinds or not all(0 < share < float("inf") for share in shares):
            raise ValueError("at least one kind, each with a share above 0")
        return kinds


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


class CustomTable(Table):
    """[scrub.custom.NAME]: a kind of personal data only this task knows."""

    pattern: str
    """Regular expression of what is found, run by RE2 in linear time."""
    words: tuple[str, ...] = ()
    """One of these must stand within 40 characters of a match; none: a match is enough."""
    score: Annotated[float, Field(ge=0, le=1)] = 0.9
    """How sure a match is; the operating point cuts here."""


ENTITIES = (
    "email", "phone", "card", "iban", "national_id", "ip", "mac", "url", "date", "person", "address", "place",
    "organisation", "account", "secret",
)  # fmt: skip
"""Every kind of personal data that is looked for unless a task names fewer."""


class ScrubTable(Table):
    """[scrub]: what personal data is looked for and what happens to it."""

    enabled: bool = True
    """Whether anything is looked for at all."""
    entities: tuple[str, ...] = ENTITIES
    """Detectors, one file each in curation/detectors/."""
    point: Literal["recall", "precision"] = "recall"
    """Operating point: find all that may be personal, or mask only what surely is."""
    action: Literal["mask", "surrogate", "quarantine"] = "mask"
    """Put its kind in place of what is found (`[EMAIL]`), or an invented value of that kind; or mask it and hold the
    whole text back for a person."""
    scope: Literal["record", "conversation", "dataset"] = "record"
    """How far one value has one surrogate: in a prompt and its answers, in all prompts of a group, or everywhere. The
    wider, the easier a person is traced through the dataset."""
    doubt: Annotated[float, Field(ge=0, le=0.3)] = 0.0
    """Hold a text back for a person where something scored below the cut by no more than this (0: never)."""
    rare_sources: Annotated[int, Field(ge=0)] = 0
    """Hold a text for a person where a name, number or code is left in it that fewer sources than this hold and that
    no list of words knows; 0: never. Worth it from a few thousand prompts on: below, most names are rare."""
    allow: tuple[AllowEntry, ...] = ()
    """Patterns that are left alone."""
    detectors: dict[str, dict[str, JsonValue]] = Field(default_factory=dict)
    """Settings of single detectors, `[scrub.detectors.account] examples = ["ORD-123456"]`; see their tables below."""
    custom: dict[str, CustomTable] = Field(default_factory=dict)
    """Kinds of your own, `[scrub.custom.badge] pattern = ...`: masked as `[BADGE]`."""
    rules: tuple[ContentRule, ...] = ()
    """`[[scrub.rules]]`: topics and patterns, and what happens to a text about them."""


class DedupTable(Table):
    """[dedup]: exact and normalised-exact duplicates."""

    exact: bool = True
    """Whether duplicates are dropped."""
    normalise: bool = True
    """Fold case, white space and punctuation before comparing."""
    on: tuple[Literal["prompt", "answer"], ...] = ("prompt", "answer")
    """What must be equal for two samples to be duplicates."""
    alarm_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """One cluster of duplicates with more than this share of all samples (and 50 at least) is told: that many alike
    come from a template that was not filled in, or from a teacher that says the same to everybody."""


class ProtectTable(Table):
    """[protect]: sets that no training sample may resemble."""

    files: tuple[str, ...] = ()
    """JSONL files with a `text` column: holdouts, benchmarks. The gold set is always protected."""
    ngram: Annotated[int, Field(ge=2)] = 8
    """A sample sharing a run of this many words with a protected text is dropped."""


class GroupsTable(Table):
    """[groups]: what happens to the several answers of one teacher to one prompt (n > 1)."""

    keep: Literal["all", "majority", "distinct"] = "all"
    """All; those that say what most of their group say (a tie outvotes nobody); or one of each distinct answer."""


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


class PolicyTable(Table):
    """[policy]: brand voice, safety and compliance, in a file of their own."""

    file: str | None = None
    """TOML file of {name, version, [[rules]]}; none: no policy. Its digest is part of the recipe."""


class BudgetTable(Table):
    """[budget]: the hard cap on money. A paid run without it is refused."""

    usd: Annotated[float, Field(ge=0)] | None = None
    """US dollars that this workspace may ever spend on requests, over all runs; reserved before each is sent. Hours of
    machines ([hours], price.hour) are booked when they are over and are not under it."""


class RulesTable(Table):
    """[rules]: what may leave the house, where to, and how long raw prompts and replies are kept here."""

    regions: tuple[str, ...] = ()
    """Only teachers and judges whose `region` is one of these are asked; empty: any."""
    zero_retention: bool = False
    """Only models with `zero_retention = true` are asked."""
    keep_days: Annotated[int, Field(ge=1)] | None = None
    """Raw requests and replies older than this are erased from the journal when a run starts; sealed samples stay.
    None keeps them. What was erased is not bought again: its samples fail as `erased` unless the prompt changes."""


class HoursTable(Table):
    """[hours]: US dollars an hour of what is not paid by the token, for the same ledger; booked when they are over, so
    the budget does not hold them back, and a process that is killed books none."""

    training: Annotated[float, Field(ge=0)] | None = None
    """A machine that trains; `train` writes its hours."""
    serving: Annotated[float, Field(ge=0)] | None = None
    """A machine that serves local models; `run` and `evaluate` write theirs. Models that share it count once."""
    judging: Annotated[float, Field(ge=0)] | None = None
    """A machine that serves local judges; `run` writes its hours."""


class PracticeTable(Table):
    """[practice]: the answer key and error profiles of the built-in practice server."""

    key: str | None = None
    """JSONL {id, text, answer, difficulty}; read by the practice server and the scoring step alone."""
    families: dict[str, dict[str, JsonValue]] = Field(default_factory=dict)
    """Overrides of a named family's error profile."""
    faults: dict[str, JsonValue] = Field(default_factory=dict)
    """Rates of 429, 500, 529 and timeouts."""
