"""The pilot: a few prompts asked of every teacher, and all teachers compared, before the money is spent.

Nothing is sealed. Replies are journalled like any others, so what a later run would ask anyway is not bought twice.
Gold rows are asked to measure agreement and are in no run's plan.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic

import polars as pl
from pydantic import ValidationError

from curation.asker import Asker, Failure
from curation.errors import BudgetError, MissingExtra, ProviderError, StillhouseError, TaskError, UnknownRecord
from curation.intervals import Share
from curation.llm.models import Models
from curation.money.hours import book_asking
from curation.pilot.draw import Breadth, Drawn, GoldDrawn, breadth_of, draw_gold, draw_prompts
from curation.pilot.report import (
    Answers,
    JudgeFigures,
    PilotReport,
    TeacherFigures,
    Tokens,
    answer_words,
    as_json,
    gold_marks,
    multi_step_marks,
    rubric,
    seconds_of,
    share,
    tokens_of,
    usd_per_1000,
    validity,
)
from curation.pilot.routing import marks_of, propose, toml_lines
from curation.pipeline import Step, apply
from curation.progress import Progress
from curation.records import Prompt, decisions_frame
from curation.rules import erase_old, require_rules
from curation.run import Resources, models_of, open_asker, steps_of
from curation.sampling import Maker, Plan, Planned
from curation.scrub.scrubber import Scrubber
from curation.stages import Stages
from curation.store.gold import Gold
from curation.store.measured import mean_usage, seconds_taken
from curation.store.store import Store
from curation.task import Environment, ModelTable, Task, TeacherTable

COMMAND = "pilot"
AMONG = frozenset({"groups", "protected", "dedup", "select"})
"""Steps that decide which samples a dataset holds, not whether an answer is good: left out of a pilot."""

WAS_ASKED = pl.col("reason").is_null() | (pl.col("reason") != "missing")

CANNOT = (ProviderError, BudgetError, MissingExtra)
"""What keeps one model from being asked and need not keep the others."""


@dataclass(frozen=True)
class Came:
    """What one teacher gave: drawn samples and gold samples (schema SAMPLES), and what asking it took."""

    answers: Answers
    samples: pl.DataFrame
    gold: pl.DataFrame
    refused: StillhouseError | None


@dataclass(frozen=True)
class Bench:
    """Everything a pilot works with while it lasts; `of` counts the prompts it was drawn from."""

    task: Task
    store: Store
    asker: Asker
    progress: Progress
    drawn: Sequence[Drawn]
    of: int
    gold: GoldDrawn
    breadth: Breadth
    notes: list[str] = field(default_factory=list[str])

    @property
    def expected(self) -> dict[str, str]:
        """The right label by gold prompt."""
        return {row.prompt.id: row.expected for row in self.gold.rows}

    def note(self, words: str) -> None:
        """Say something at once, and again in the report."""
        self.notes.append(words)
        self.progress.notice(words)


def pilot(store: Store, task: Task, environment: Environment, n: int, *, progress: Progress) -> PilotReport:
    """Ask every teacher `n` drawn prompts and the gold rows (at most `n` of a slice), and compare the teachers.

    A teacher that cannot be asked is a row that says so. Raises TaskError or TermsConflict before the first call, and
    ProviderError or BudgetError where no teacher at all could be asked.
    """
    began = monotonic()
    require_rules(task, models_of(task))
    if not task.teachers:
        raise TaskError("task.toml has no [[teachers]]: a pilot has nobody to ask")
    number = store.runs.start(COMMAND)
    erase_old(store, task.rules, progress)
    scrubber = Scrubber.today(task.scrub, store.keys.scrub)
    now = asked_now(task)
    with open_asker(store, now, environment, scrubber, progress) as asker:
        steps = steps_of(Resources(now, store, asker, environment, progress), scrubber)
        bench = _bench(Resources(now, store, asker, environment, progress), scrubber, n)
        if waiting := [m.name for m in models_of(task) if m.mode == "batch"]:
            bench.note(f"asked at once, not in a batch: {', '.join(waiting)}; the costs shown are those of a batch")
        try:
            came = [_ask(bench, teacher) for teacher in now.teachers]
            if not any(c.samples.height for c in came) and (refused := [c.refused for c in came if c.refused]):
                raise refused[0]
            report = _report(bench, task, came, [step for step in steps if step.name not in AMONG])
        finally:
            book_asking(store, task, asker.seconds, number)
    report = report.model_copy(update={"seconds": round(monotonic() - began, 3)})
    store.runs.finish(number, as_json(report))
    return report


def _bench(resources: Resources, scrubber: Scrubber, n: int) -> Bench:
    """The prompts and gold rows of a pilot, drawn and scrubbed."""
    task, store = resources.task, resources.store
    seed = task.task.seed
    with Stages(store, task, resources.asker, resources.progress, scrubber) as stages:
        stages.read_and_scrub()
        drawn, of = draw_prompts(stages.prompts, n, seed), len(stages.prompts)
        breadth = breadth_of(stages.prompts, seed)
    gold = draw_gold(Gold(store.state), n, task.answer, task.prompts, scrubber, seed)
    return Bench(task, store, resources.asker, resources.progress, drawn, of, gold, breadth)


def newest_pilot(store: Store) -> PilotReport:
    """The report of the last pilot that finished; UnknownRecord, saying what makes one, where there is none."""
    run = next((r for r in reversed(store.runs.list()) if r["command"] == COMMAND and r["finished"]), None)
    if run is None:
        raise UnknownRecord("no pilot was run here yet: `stillhouse run --pilot 50` makes one")
    try:
        return PilotReport.model_validate(run["report"])
    except ValidationError as error:
        raise UnknownRecord(
            f"the pilot of {run['started'][:10]} was made by another version of Stillhouse and cannot be read; "
            "`stillhouse run --pilot 50` makes a new one, from the replies there are"
        ) from error


def asked_now(task: Task) -> Task:
    """The task with every model answering at once, because a pilot does not wait a day for a batch."""
    teachers = tuple(t.model_copy(update={"mode": "online"}) if t.mode == "batch" else t for t in task.teachers)
    judges = tuple({**j, "mode": "online"} if j.get("mode") == "batch" else j for j in task.judges)
    return task.model_copy(update={"teachers": teachers, "judges": judges})


# --- asking ----------------------------------------------------------------------------------------------------


def _ask(bench: Bench, teacher: TeacherTable) -> Came:
    """Everything for one teacher, in a round of its own, so that what stops it stops nobody else."""
    plan = Plan(bench.task, bench.asker)
    prompts = [d.prompt for d in bench.drawn if _fits(teacher, d.prompt)]
    rows = [g.prompt for g in bench.gold.rows if not g.prompt.tags or _fits(teacher, g.prompt)]
    planned = [p for place, prompt in enumerate(prompts) for p in plan.of(place, prompt, teacher)]
    on_gold = [p for place, prompt in enumerate(rows, len(prompts)) for p in plan.of(place, prompt, teacher)]
    asks = {p.ask.request.key: p.ask for p in (*planned, *on_gold)}
    failures: dict[str, Failure] = {}
    refused: StillhouseError | None = None
    try:
        failures = bench.asker.buy([asks.values()], "sample", len(asks))
    except CANNOT as error:
        refused = error
        bench.progress.notice(f"teacher {teacher.name!r} could not be asked: {error}")
    maker = Maker(bench.task.answer, bench.asker.recall, bench.store.sample_id, failures)
    samples = maker.frames(planned)[0].filter(WAS_ASKED)
    gold = maker.frames(on_gold)[0].filter(WAS_ASKED)
    return Came(_answers(bench, teacher, planned), samples, gold, refused)


def _fits(teacher: TeacherTable, prompt: Prompt) -> bool:
    return not teacher.tags or bool(set(teacher.tags) & set(prompt.tags))


def _answers(bench: Bench, teacher: TeacherTable, planned: Sequence[Planned]) -> Answers:
    chains = bench.asker.recall([p.ask for p in planned])
    keys = sorted({turn.request.key for turns in chains for turn in turns})
    weights = {d.prompt.id: d.weight for d in bench.drawn}
    return Answers(teacher, planned, chains, weights, seconds_taken(bench.store.replies_db, keys))


def _decided(bench: Bench, steps: Sequence[Step], samples: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The samples after the checks and whatever else is declared, and the decisions; a judge may be out of reach."""
    decisions = [decisions_frame([])]
    for step in steps:
        try:
            samples, decided = apply(samples, [step])
        except CANNOT as error:
            bench.note(f"step {step.name!r} was left out: {error}")
        else:
            decisions.append(decided)
    return samples, pl.concat(decisions)


# --- comparing -------------------------------------------------------------------------------------------------


def _report(bench: Bench, declared: Task, came: Sequence[Came], steps: Sequence[Step]) -> PilotReport:
    """Everything but what only the end of the pilot knows: calls, cost and seconds."""
    samples, decisions = _decided(bench, steps, pl.concat([c.samples for c in came]))
    gold = pl.concat([gold_marks(c.gold, bench.expected, declared.answer) for c in came])
    figures = [_figures(bench, declared, c, samples, gold) for c in came]
    tags = sorted({tag for d in bench.drawn for tag in d.prompt.tags})
    costs = {f.teacher: f.usd_per_1000 for f in figures if f.answers}
    routes = propose(marks_of(samples, gold), declared.teachers, tags, costs)
    untagged = any(not d.prompt.tags for d in bench.drawn)
    return PilotReport(
        prompts=len(bench.drawn),
        of=bench.of,
        gold=len(bench.gold.rows),
        teachers=tuple(figures),
        routes=routes,
        toml=toml_lines(routes, [f.teacher for f in figures if f.answers], untagged=untagged),
        gold_words=bench.gold.words,
        breadth=bench.breadth,
        multi_step=Share.of(mark for c in came for mark in multi_step_marks(c.answers)),
        judges=_judges(bench, declared, decisions),
        notes=tuple(bench.notes),
        calls=bench.asker.calls,
        cost_usd=bench.asker.cost_usd,
        seconds=0.0,
    )


def _figures(bench: Bench, declared: Task, came: Came, samples: pl.DataFrame, gold: pl.DataFrame) -> TeacherFigures:
    teacher = declared.teacher(came.answers.teacher.name)
    mine = samples.filter(pl.col("teacher") == teacher.name)
    named = TeacherFigures(teacher=teacher.name, model=teacher.model, error=_words(came))
    if mine.is_empty():
        return named
    tokens = tokens_of(came.answers)
    accepted, why_none = rubric(mine)
    return named.model_copy(
        update={
            **validity(mine),
            "tokens": tokens,
            "usd_per_1000": price_of(bench.asker.models, teacher, tokens),
            "seconds": seconds_of(came.answers),
            "words": answer_words(mine, declared.task.seed),
            "gold": share(gold.filter(pl.col("teacher") == teacher.name), pl.col("right")),
            "rubric": accepted,
            "rubric_words": why_none,
        }
    )


def _words(came: Came) -> str | None:
    if came.refused is None:
        return None
    answers = came.samples.height
    return f"could not be asked{f' to the end ({answers} answers came)' if answers else ''}: {came.refused}"


def price_of(models: Models, model: ModelTable, tokens: Tokens) -> float | None:
    """Dollars of a thousand answers of these mean tokens, in the mode the model is asked in; None: not known."""
    if model.price is not None and model.price.hour:
        return None  # rented by the hour: what an answer costs depends on how many are asked at once
    tier = None if model.mode == "online" else model.mode
    return usd_per_1000(models.price(model), known=models.priced(model), tokens=tokens, tier=tier)


def _judges(bench: Bench, declared: Task, decisions: pl.DataFrame) -> tuple[JudgeFigures, ...]:
    """What the judges took; the tokens of a verdict are those of all verdicts so far, because some were paid before."""
    ballots = [json.loads(evidence).get("votes") for evidence in decisions["evidence"].drop_nulls()]
    votes = Counter(vote["judge"] for votes in ballots for vote in votes or ())
    judged = sum(1 for ballot in ballots if ballot)
    usage = mean_usage(bench.store.replies_db, "judge")
    found: list[JudgeFigures] = []
    for table in models_of(declared)[len(declared.teachers) :]:
        if votes[table.name]:
            mean = usage.get(table.name)
            tokens = Tokens(input=mean.input, cached=mean.cached, output=mean.output) if mean else Tokens()
            cost = price_of(bench.asker.models, table, tokens)
            per = round(votes[table.name] / judged, 4)
            found.append(JudgeFigures(judge=table.name, per_answer=per, tokens=tokens, usd_per_1000=cost))
    return tuple(found)
