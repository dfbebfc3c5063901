"""What a pilot found out about each teacher, as records, and how each figure is worked out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from pydantic import Field, JsonValue

from curation.answers import target
from curation.intervals import Share, bootstrap_median
from curation.llm.prices import Price
from curation.llm.work import Turn
from curation.pilot.draw import Breadth
from curation.records import Record, Usage, sample_of
from curation.salvage import stages_of
from curation.sampling import Planned
from curation.tables import AnswerTable, TeacherTable

DECLINED = ("refusal", "filtered")
PER = 1000
"""Costs are told per so many answers."""


class Tokens(Record):
    """Mean tokens of one answer, follow-ups included; None where a reply did not report them.

    `shared` is the part of `input` that every request begins with alike, estimated from characters.
    """

    input: float | None = None
    cached: float = 0.0
    output: float | None = None
    shared: float | None = None


class Seconds(Record):
    """How long answers took, follow-ups included, waiting for a turn excluded; of `n` answers asked one by one."""

    p50: float
    p95: float
    n: int


class Words(Record):
    """Words of an answer: the median with its interval, and what nine of ten stay below."""

    p50: float
    low: float
    high: float
    p90: float


class JudgeFigures(Record):
    """What one judge took: its verdicts per judged answer, and the mean tokens and dollars of a thousand verdicts."""

    judge: str
    per_answer: float
    tokens: Tokens
    usd_per_1000: float | None


class Candidate(Record):
    """A teacher's share of one measure for the prompts of one tag."""

    teacher: str
    share: Share
    usd_per_1000: float | None


class Route(Record):
    """Which teacher is proposed for a tag (None: all prompts), by which measure, and in words why, or why none."""

    tag: str | None
    measure: str | None
    candidates: tuple[Candidate, ...]
    proposed: str | None
    words: str


class TeacherFigures(Record):
    """One teacher in the pilot; a share is None where there was nothing to count.

    `valid` is of the answers that came in the form asked for, `modes` how; `checks` of those that every declared
    check passed, `dropped` why not; `gold` and `rubric` are the agreement with gold and with the judges.
    """

    teacher: str
    model: str
    answers: int = 0
    error: str | None = None
    usd_per_1000: float | None = None
    tokens: Tokens = Tokens()
    seconds: Seconds | None = None
    valid: Share | None = None
    modes: dict[str, int] = Field(default_factory=dict)
    refusals: int = 0
    truncated: int = 0
    unreadable: int = 0
    failures: dict[str, int] = Field(default_factory=dict)
    checks: Share | None = None
    dropped: dict[str, int] = Field(default_factory=dict)
    words: Words | None = None
    gold: Share | None = None
    rubric: Share | None = None
    rubric_words: str | None = None


class PilotReport(Record):
    """What one pilot found: every teacher on the same prompts; `prompts` drawn of `of`, and `gold` rows."""

    prompts: int
    of: int
    gold: int
    teachers: tuple[TeacherFigures, ...]
    routes: tuple[Route, ...]
    toml: tuple[str, ...]
    gold_words: str | None
    breadth: Breadth
    multi_step: Share | None
    judges: tuple[JudgeFigures, ...]
    notes: tuple[str, ...]
    calls: int
    cost_usd: float | None
    seconds: float

    def sentences(self) -> list[str]:
        """What a person should read beside the table."""
        said = [f"{t.teacher}: {words}" for t in self.teachers for words in _said_of(t)]
        return [*said, *([self.gold_words] if self.gold_words else []), *self.notes]

    def of_teacher(self, name: str) -> TeacherFigures | None:
        """One teacher's figures; None of one that was not asked."""
        return next((t for t in self.teachers if t.teacher == name), None)

    def route(self, tag: str | None = None) -> Route | None:
        """The proposal for a tag, or for all prompts."""
        return next((r for r in self.routes if r.tag == tag), None)


def _said_of(teacher: TeacherFigures) -> list[str]:
    said = [] if teacher.error is None else [teacher.error]
    if (gold := teacher.gold) is not None:
        said.append(f"agrees with gold {gold.words}; a faithful student inherits the rest (n = {gold.n})")
    if (judges := teacher.rubric) is not None:
        said.append(f"the judges accepted {judges.words} of the answers that passed the checks (n = {judges.n})")
    elif teacher.rubric_words is not None:
        said.append(teacher.rubric_words)
    return said


# --- one teacher's figures -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answers:
    """What one teacher was asked and what came back, in the same order; `weights` are by prompt."""

    teacher: TeacherTable
    planned: Sequence[Planned]
    chains: Sequence[tuple[Turn, ...]]
    weights: Mapping[str, float]
    seconds: Mapping[str, float]
    """By request key."""


def tokens_of(answers: Answers) -> Tokens:
    """Mean tokens per answer; prompts weigh as many as they stand for, a request of many answers is shared out."""
    chains = {p.ask.request.key: turns for p, turns in zip(answers.planned, answers.chains, strict=True) if turns}
    weight = dict.fromkeys(chains, 0.0)
    for p in answers.planned:
        if p.ask.request.key in weight:
            weight[p.ask.request.key] += answers.weights[p.prompt.id]
    total = sum(weight.values())
    if not total:
        return Tokens()
    answered = Counter(p.ask.request.key for p in answers.planned)
    usages = {key: _summed([turn.reply.usage for turn in turns]) for key, turns in chains.items()}

    def mean(of: Mapping[str, float | None]) -> float | None:
        known = {key: value for key, value in of.items() if value is not None}
        if len(known) < len(of):
            return None
        return round(sum(weight[key] * value / answered[key] for key, value in known.items()) / total, 3)

    sent = mean({key: usage.input for key, usage in usages.items()})
    shared = shared_share(answers.planned)
    return Tokens(
        input=sent,
        cached=mean({key: usage.cached_input or 0 for key, usage in usages.items()}) or 0.0,
        output=mean({key: usage.output for key, usage in usages.items()}),
        shared=None if sent is None or shared is None else round(sent * shared, 3),
    )


def _summed(usages: Sequence[Usage]) -> Usage:
    def total(name: str) -> int | None:
        values = [getattr(usage, name) for usage in usages]
        return None if None in values else sum(values)

    cached = sum(usage.cached_input or 0 for usage in usages)
    return Usage(input=total("input"), output=total("output"), cached_input=cached)


def usd_per_1000(price: Price | None, *, known: bool, tokens: Tokens, tier: str | None) -> float | None:
    """Dollars of a thousand answers; None where price or tokens are unknown, 0 only for what is known to be free."""
    if price is None:
        return 0.0 if known else None
    if tokens.input is None or tokens.output is None:
        return None
    usage = Usage(
        input=round(PER * tokens.input), output=round(PER * tokens.output), cached_input=round(PER * tokens.cached)
    )
    cost = price.cost(usage, tier)
    return None if cost is None else round(cost, 6)


def shared_share(planned: Sequence[Planned]) -> float | None:
    """The part of what is sent that all requests begin with, in characters; None of fewer than two prompts."""
    texts = {"\n".join(f"{m.role} {m.content}" for m in p.ask.request.messages) for p in planned}
    if len(texts) < 2:
        return None
    first, last = min(texts), max(texts)  # whatever these two begin with, all between them begin with too
    alike = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return alike * len(texts) / sum(map(len, texts))


def seconds_of(answers: Answers) -> Seconds | None:
    """Latency of the answers whose every turn was timed; None where none was."""
    taken: dict[str, float] = {}
    for p, turns in zip(answers.planned, answers.chains, strict=True):
        parts = [answers.seconds.get(turn.request.key) for turn in turns]
        if parts and None not in parts:
            taken[p.ask.request.key] = sum(part for part in parts if part is not None)
    if not taken:
        return None
    p50, p95 = np.percentile(list(taken.values()), [50, 95])
    return Seconds(p50=round(float(p50), 4), p95=round(float(p95), 4), n=len(taken))


def multi_step_marks(answers: Answers) -> list[tuple[str, bool]]:
    """By prompt, whether an answer took a tool call, several stages, or a conversation of more than one user turn."""
    marks: list[tuple[str, bool]] = []
    for p, turns in zip(answers.planned, answers.chains, strict=True):
        if turns:
            users = sum(message.role == "user" for message in p.prompt.messages)
            tools = any(turn.reply.tool_calls for turn in turns)
            marks.append((p.prompt.id, users > 1 or tools or len(stages_of(turns)) > 1))
    return marks


# --- shares ----------------------------------------------------------------------------------------------------

CLUSTER = pl.coalesce("group", "prompt_id")
CAME = pl.col("stop").is_not_null()
VALID = CAME & pl.col("mode").is_not_null() & ~pl.col("stop").is_in([*DECLINED, "length"]) & (
    pl.col("step").is_null() | (pl.col("step") != "sample")
)  # fmt: skip
PASSED = (pl.col("state") == "kept") | pl.col("judged").is_not_null()
JUDGED = pl.col("judged").is_in(["agreed", "rejected", "split"])
ACCEPTED = pl.col("judged") == "agreed"
"""What a row says after the checks and the judges; a row that came before a judge passed all checks."""


def share(samples: pl.DataFrame, of: pl.Expr, among: pl.Expr | None = None) -> Share | None:
    """The share of samples for which an expression holds, in clusters of one group or prompt."""
    rows = samples if among is None else samples.filter(among)
    marks = rows.select(CLUSTER.alias("cluster"), of.fill_null(value=False).alias("mark"))
    return Share.of(marks.iter_rows())


def validity(samples: pl.DataFrame) -> dict[str, object]:
    """The fields of TeacherFigures that count what came back, from one teacher's samples after the steps."""
    came = samples.filter(CAME)
    readable = came.filter(VALID)
    refused, cut = came.filter(pl.col("stop").is_in(DECLINED)), came.filter(pl.col("stop") == "length")
    out = samples.filter(CAME & ~PASSED & (pl.col("state") != "failed"))
    return {
        "answers": samples.height,
        "valid": share(samples, VALID),
        "modes": counted(readable["mode"]),
        "refusals": refused.height,
        "truncated": cut.height,
        "unreadable": came.height - readable.height - refused.height - cut.height,
        "failures": counted(samples.filter(~CAME)["reason"]),
        "checks": share(samples, PASSED),
        "dropped": counted(out["reason"]),
    }


def counted(values: pl.Series) -> dict[str, int]:
    """How often each value occurs, most first."""
    return dict(Counter(v for v in values.to_list() if v is not None).most_common())


def answer_words(samples: pl.DataFrame, seed: int) -> Words | None:
    """Length of the answers that came; None where none did."""
    said = samples.filter(pl.col("answer").is_not_null()).select(CLUSTER.alias("cluster"), "answer")
    lengths = [float(len(text.split())) for text in said["answer"]]
    if not lengths:
        return None
    low, high = bootstrap_median(lengths, said["cluster"].to_list(), seed)
    p50, p90 = np.percentile(lengths, [50, 90])
    return Words(p50=float(p50), low=low, high=high, p90=round(float(p90), 1))


def rubric(samples: pl.DataFrame) -> tuple[Share | None, str | None]:
    """The share of judged answers that the judges accepted, or why there is none."""
    accepted = share(samples, ACCEPTED, JUDGED)
    if accepted is not None:
        return accepted, None
    reached = samples.filter(pl.col("judged") == "unjudged")
    if reached.is_empty():
        return None, "no answer came before a judge"
    if not (reached["state"] == "kept").any():
        return None, "no verdict could be read"
    return None, "no eligible judge, or none that has earned a vote on gold"


def gold_marks(samples: pl.DataFrame, expected: Mapping[str, str], answer: AnswerTable) -> pl.DataFrame:
    """The gold samples that were answered, each with `right`: whether it gives the label it should, to the letter."""
    came = samples.filter(CAME)
    said = [target(sample_of(row).labels, answer) for row in came.iter_rows(named=True)]
    right = [label == expected[prompt] for label, prompt in zip(said, came["prompt_id"], strict=True)]
    return came.with_columns(right=pl.Series(right, dtype=pl.Boolean))


def as_json(report: PilotReport) -> dict[str, JsonValue]:
    """The last line of `run --pilot --json`, and what the store keeps."""
    return report.model_dump(mode="json")
