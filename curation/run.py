"""The run: prompts are scrubbed, varied, asked, decided about and sealed; what became of each sample is counted.

Nothing here touches a file or a provider itself: the store and the asker are handed in.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import entry_points
from time import monotonic
from typing import cast

import polars as pl
from pydantic import JsonValue

from curation.asker import Asker
from curation.card import write_card
from curation.checking import ChecksStep
from curation.decontaminate import ProtectStep
from curation.dedup import DedupStep
from curation.drift import tell_drift
from curation.errors import TaskError
from curation.groups import GroupsStep
from curation.llm.families import family_of
from curation.llm.practice.key import KeyEntry
from curation.llm.practice.server import server_for
from curation.llm.terms_registry import terms_of
from curation.money.hours import book_asking, judges_of
from curation.pipeline import Step, apply
from curation.plugins import nearest
from curation.progress import Progress
from curation.quarantine import RulingsStep
from curation.reading import BadLine
from curation.records import SAMPLES, digest
from curation.rules import erase_old, require_rules
from curation.scrub.guard import EgressGuard
from curation.scrub.rare import RareStep
from curation.scrub.replies import ScrubReplies
from curation.scrub.rescrub import rescrubbed
from curation.scrub.scrubber import Scrubber
from curation.select import SelectStep, control_arm
from curation.stages import Stages
from curation.store.gold import Gold
from curation.store.replies import Replies
from curation.store.store import Store
from curation.task import Environment, ModelTable, Task

STAGES = ("scrub", "vary", "sample")
"""What happens before there are samples; `--until` may also name any step after them."""

COUNTS = ("prompts", "samples", "kept", "dropped", "edited", "quarantined", "failed")


@dataclass(frozen=True)
class Resources:
    """What a step from another package may use; handed to the factories in the group `stillhouse.plugins`."""

    task: Task
    store: Store
    asker: Asker
    environment: Environment
    progress: Progress


@dataclass(frozen=True)
class RunReport:
    """What one run did; `samples = kept + sum(dropped) + quarantined + failed`, always."""

    version: str | None
    prompts: int
    samples: int
    kept: int
    dropped: dict[str, int]
    edited: int
    quarantined: int
    failed: int
    calls: int
    cost_usd: float | None
    seconds: float
    new: bool = False
    bad_lines: tuple[BadLine, ...] = ()
    unjudged: int = 0
    waiting: int = 0
    """Requests that wait in a provider's batches; then nothing was decided or sealed."""
    attempts: dict[str, int] = field(default_factory=dict[str, int])
    """Attempts that failed, by class, and replies that were followed up, by why."""

    def as_dict(self) -> dict[str, JsonValue]:
        """The last line of `run --json`."""
        keys = ("version", *COUNTS, "calls", "cost_usd", "seconds")
        return {key: getattr(self, key) for key in keys}


def run(
    store: Store,
    task: Task,
    environment: Environment,
    *,
    progress: Progress,
    until: str | None = None,
    wait: bool = True,
) -> RunReport:
    """Run the whole path, or up to and including the stage or step `until` (then nothing is sealed).

    Without `wait`, requests that a provider works on in batches are left with it: the report's `waiting` counts them,
    nothing is sealed, and the next run goes on from there. Raises TaskError, BudgetError, ProviderError, TermsConflict
    before the first call where they can be known, and ProviderError or RunStopped later; every reply paid for by then
    is kept and is not asked for again.
    """
    began = monotonic()
    require_rules(task, models_of(task))
    number = store.runs.start("run")
    erase_old(store, task.rules, progress)
    with ExitStack() as stack:
        scrubber = Scrubber.today(task.scrub, store.keys.scrub)
        asker = stack.enter_context(open_asker(store, task, environment, scrubber, progress, wait=wait))
        resources = Resources(task, store, asker, environment, progress)
        steps = steps_of(resources, scrubber)
        _require_stage(until, steps)
        try:
            report = _run(resources, scrubber, steps, until)
        finally:
            book_asking(store, task, asker.seconds, number)
    cost = None if asker.cost_usd is None else round(float(asker.cost_usd), 6)
    counted = dict(sorted(asker.counts.items()))
    seconds = round(monotonic() - began, 3)
    report = replace(report, calls=asker.calls, cost_usd=cost, seconds=seconds, attempts=counted)
    more: dict[str, JsonValue] = {
        "unreadable_lines": len(report.bad_lines),
        "attempts": {**report.attempts},
        "waiting": report.waiting,
    }
    store.runs.finish(number, {**report.as_dict(), **more})
    return report


def cancel_batches(store: Store, task: Task, environment: Environment, *, progress: Progress) -> None:
    """Have the providers end the open batches of this task's models, and journal what was answered by then."""
    scrubber = Scrubber.today(task.scrub, store.keys.scrub)
    there = {(batch.host, batch.model) for batch in store.batches.open()}
    with open_asker(store, task, environment, scrubber, progress) as asker:
        models = {(asker.models.address(m).host, m.model): m for m in models_of(task)}
        asker.end_batches([m for where, m in models.items() if where in there], cancel=True)


@contextmanager
def open_asker(
    store: Store, task: Task, environment: Environment, scrubber: Scrubber, progress: Progress, *, wait: bool = True
) -> Generator[Asker]:
    """An asker for the length of a `with`, beside the practice server where a model needs one."""

    def scrub(text: str) -> str:
        return scrubber.scrub(text).text

    with ExitStack() as stack:
        url = environment.practice_url
        if url is None and any(m.use == "practice" for m in models_of(task)):
            url = stack.enter_context(server_for(task, scrub, also=gold_key(store))).url
        yield stack.enter_context(
            Asker(
                Replies(store.replies_db),
                environment,
                sampling=task.sampling,
                budget_usd=task.budget.usd,
                practice_url=url,
                progress=progress,
                scrub=scrub,
                guard=EgressGuard(scrubber),
                wait_for_batches=wait,
            )
        )


def gold_key(store: Store) -> list[KeyEntry]:
    """The gold rows as a key of the practice models, so that they can be measured on gold as teachers and as judges."""
    gold = Gold(store.state)
    return [
        KeyEntry(id=f"gold/{item.id}", text=item.text, answer=item.answer)
        for name in gold.names()
        for item in gold.items(name)
        if isinstance(item.answer, str | dict)
    ]


def scrub_text(task: Task, store: Store | None = None) -> Callable[[str], str]:
    """What every text of a task goes through before anybody sees it: prompts, the practice key, a holdout."""
    scrubber = Scrubber.today(task.scrub, store.keys.scrub if store else None)
    return lambda text: scrubber.scrub(text).text


def models_of(task: Task) -> list[ModelTable]:
    """Every model the task asks: teachers, then judges (only what all models have)."""
    return [*task.teachers, *judges_of(task)]


def steps_of(resources: Resources, scrubber: Scrubber) -> list[Step]:
    """The steps after sampling, in order; those of other packages are found through `stillhouse.plugins`."""
    task, store = resources.task, resources.store
    steps: list[Step] = [
        ScrubReplies(scrubber, task.answer),
        *([RareStep(task.scrub.rare_sources)] if task.scrub.rare_sources else []),
        *([GroupsStep(task.groups, task.answer)] if task.groups.keep != "all" else []),
        ProtectStep(task.protect, protected_texts(task, store, scrubber)),  # before what a raw arm may still hold
        ChecksStep(task.check_plugins, task.answer),
        DedupStep(task.dedup),
    ]
    for point in sorted(entry_points(group="stillhouse.plugins"), key=lambda p: p.name):
        factory = cast("Callable[[Resources], Step | None]", point.load())
        if (step := factory(resources)) is not None:
            steps.append(step)
    return [*steps, SelectStep(task.select, task.task.seed, task.answer)]


def protected_texts(task: Task, store: Store, scrubber: Scrubber) -> dict[str, list[str]]:
    """The texts no training sample may resemble, by set, scrubbed as the prompts are."""
    sets = {"gold": Gold(store.state).texts()}
    for pattern in task.protect.files:
        for path in sorted(task.root.glob(pattern)):
            frame = pl.read_ndjson(path, infer_schema_length=None)
            if "text" not in frame.columns:
                raise TaskError(f"[protect] files: {path} has no column 'text'; it has {', '.join(frame.columns)}")
            sets[path.name] = frame["text"].to_list()
    return {name: [scrubber.scrub(text).text for text in texts] for name, texts in sets.items()}


def _require_stage(until: str | None, steps: Sequence[Step]) -> None:
    names = [*STAGES, *(s.name for s in steps)]
    if until is not None and until not in names:
        raise TaskError(f"no step {until!r}{nearest(until, names)} Known: {', '.join(names)}")


def _run(resources: Resources, scrubber: Scrubber, steps: list[Step], until: str | None) -> RunReport:
    task = resources.task
    with Stages(resources.store, task, resources.asker, resources.progress, scrubber) as stages:
        stages.read_and_scrub()
        changed = rescrubbed(resources.store, stages.prompts, scrubber)
        if changed is not None and changed.prompts:
            resources.progress.notice(str(changed))
        if until != "scrub":
            stages.vary()
        if until in ("scrub", "vary"):
            return count(pl.DataFrame(schema=SAMPLES), stages.read, stages.bad_lines)
        samples, decisions = stages.sample()
        prompts, bad_lines = len(stages.prompts) + len(stages.held), stages.bad_lines
    if resources.asker.waiting:
        return replace(count(samples.clear(), prompts, bad_lines), waiting=resources.asker.waiting)
    tell_drift(resources.store, samples, resources.progress)
    steps = steps if until is None else steps[: [*STAGES, *(s.name for s in steps)].index(until) - 2]
    rulings = RulingsStep(resources.store, task.answer)
    samples, decided = apply(samples, steps, rulings.overrule, resources.progress.notice)
    samples = _mark_control(samples, task)
    decisions = pl.concat([decisions, decided])
    report = count(samples, prompts, bad_lines)
    return report if until else _seal(resources, [*steps, rulings], samples, decisions, report)


def _mark_control(samples: pl.DataFrame, task: Task) -> pl.DataFrame:
    if not task.select.control:
        return samples
    return samples.update(control_arm(samples, task.task.seed), on="id", how="left")


def count(samples: pl.DataFrame, prompts: int, bad_lines: Sequence[BadLine] = ()) -> RunReport:
    """Count samples by what became of them; the version, calls, cost and seconds are filled in by the run."""
    by_state = dict(samples.group_by("state").len().iter_rows())
    dropped = samples.filter(pl.col("state") == "dropped").group_by("reason").len().sort("reason")
    kept = samples.filter(pl.col("state") == "kept")
    return RunReport(
        version=None,
        prompts=prompts,
        samples=samples.height,
        kept=kept.height,
        dropped=dict(dropped.iter_rows()),
        edited=int(kept["edited"].sum()),
        quarantined=by_state.get("quarantined", 0),
        failed=by_state.get("failed", 0),
        calls=0,
        cost_usd=0.0,
        seconds=0.0,
        bad_lines=tuple(bad_lines),
        unjudged=kept.filter(pl.col("judged") == "unjudged").height,
    )


def _seal(
    resources: Resources, steps: Sequence[Step], samples: pl.DataFrame, decisions: pl.DataFrame, report: RunReport
) -> RunReport:
    task, store = resources.task, resources.store
    described: list[dict[str, JsonValue]] = [{"name": s.name, **s.describe()} for s in steps]
    ordered = samples.with_columns(
        rank=pl.col("teacher").replace_strict({t.name: i for i, t in enumerate(task.teachers)})
    ).sort("position", "rank", "index", maintain_order=True)
    sealed = store.versions.seal(
        ordered.drop("rank"),
        decisions,
        recipe=digest({"task": task.recipe, "steps": described}),
        steps=described,
        facts=facts(task, report),
    )
    if sealed.new:
        write_card(store, sealed.version)
    return replace(report, version=sealed.version, new=sealed.new)


def facts(task: Task, report: RunReport) -> dict[str, JsonValue]:
    """What the dataset card says about models, terms and counts; nothing that differs between equal runs."""

    def model(table: ModelTable) -> dict[str, JsonValue]:
        family = family_of(table.model, table.family)
        return {
            "name": table.name, "provider": table.use, "model": table.model,
            "family": family.name if family else None, "family_override": table.family,
            "terms": terms_of(table.use, table.model).id,
        }  # fmt: skip

    names = {t.name for t in task.teachers}
    return {
        "task": task.task.name, "kind": task.task.kind, "use": task.task.use,
        "teachers": [model(t) for t in task.teachers],
        "judges": [model(m) for m in models_of(task) if m.name not in names],
        "unjudged": {"kept": report.unjudged, "rule": task.select.unjudged},
        "counts": {k: v for k, v in report.as_dict().items() if k in COUNTS},
        "answer": {"format": task.answer.format, "field": task.answer.field},
        "scrub": {"entities": list(task.scrub.entities), "allow": [a.model_dump() for a in task.scrub.allow]},
    }  # fmt: skip
