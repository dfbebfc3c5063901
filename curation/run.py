"""The run: prompts are scrubbed, varied, asked, decided about and sealed; what became of each sample is counted.

Nothing here touches a file or a provider itself: the store and the asker are handed in.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import entry_points
from time import monotonic
from typing import Any, cast

import polars as pl
from pydantic import JsonValue

from curation.asker import Ask, Asker
from curation.card import write_card
from curation.checking import ChecksStep
from curation.decontaminate import ProtectStep
from curation.dedup import DedupStep
from curation.errors import TaskError
from curation.llm.families import family_of
from curation.llm.practice.server import server_for
from curation.llm.terms_registry import require_terms, terms_of, unknown_terms
from curation.pipeline import Step, apply
from curation.plugins import nearest
from curation.progress import Progress
from curation.quarantine import RulingsStep
from curation.records import SAMPLES, Decision, Prompt, decisions_frame, digest, message_row
from curation.sampling import BadLine, Planned, plan, read_prompts, samples_frame, vary_prompts
from curation.scrubbing import PromptQuarantine, Scrubber, ScrubReplies, scrub_prompts
from curation.select import SelectStep, control_arm
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

    def as_dict(self) -> dict[str, JsonValue]:
        """The last line of `run --json`."""
        keys = ("version", *COUNTS, "calls", "cost_usd", "seconds")
        return {key: getattr(self, key) for key in keys}


def run(
    store: Store, task: Task, environment: Environment, *, progress: Progress, until: str | None = None
) -> RunReport:
    """Run the whole path, or up to and including the stage or step `until` (then nothing is sealed).

    Raises TaskError, BudgetError, ProviderError, TermsConflict before the first call where they can be known, and
    ProviderError or RunStopped later; every reply paid for by then is kept and is not asked for again.
    """
    began = monotonic()
    require_terms(task)
    number = store.runs.start("run")
    with ExitStack() as stack:
        scrubber = Scrubber.of(task.scrub, datetime.now(UTC).date())
        asker = stack.enter_context(open_asker(store, task, environment, scrubber, progress))
        resources = Resources(task, store, asker, environment, progress)
        steps = steps_of(resources, scrubber)
        _require_stage(until, steps)
        report = _run(resources, scrubber, steps, until)
    cost = None if asker.cost_usd is None else round(float(asker.cost_usd), 6)
    report = replace(report, calls=asker.calls, cost_usd=cost, seconds=round(monotonic() - began, 3))
    store.runs.finish(number, {**report.as_dict(), "unreadable_lines": len(report.bad_lines)})
    return report


@contextmanager
def open_asker(
    store: Store, task: Task, environment: Environment, scrubber: Scrubber, progress: Progress
) -> Generator[Asker]:
    """An asker for the length of a `with`, beside the practice server where a model needs one."""

    def scrub(text: str) -> str:
        return scrubber.scrub(text).text

    with ExitStack() as stack:
        url = environment.practice_url
        if url is None and any(m.use == "practice" for m in models_of(task)):
            url = stack.enter_context(server_for(task, scrub)).url
        yield stack.enter_context(
            Asker(
                Replies(store.replies_db),
                environment,
                sampling=task.sampling,
                budget_usd=task.budget.usd,
                practice_url=url,
                progress=progress,
                scrub=scrub,
            )
        )


def scrub_text(task: Task) -> Callable[[str], str]:
    """What every text of a task goes through before anybody sees it: prompts, the practice key, a holdout."""
    scrubber = Scrubber.of(task.scrub, datetime.now(UTC).date())
    return lambda text: scrubber.scrub(text).text


def models_of(task: Task) -> list[ModelTable]:
    """Every model the task asks: teachers, then judges (only what all models have)."""
    shared = set(ModelTable.model_fields)
    judges = [ModelTable.model_validate({k: v for k, v in j.items() if k in shared}) for j in task.judges]
    return [*task.teachers, *judges]


def steps_of(resources: Resources, scrubber: Scrubber) -> list[Step]:
    """The steps after sampling, in order; those of other packages are found through `stillhouse.plugins`."""
    task, store = resources.task, resources.store
    steps: list[Step] = [
        ScrubReplies(scrubber, task.answer),
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
    task, progress = resources.task, resources.progress
    prompts, bad_lines = read_prompts(task)
    for name in unknown_terms(task.teachers, task.task.use):
        progress.notice(f"teacher {name!r}: nobody has read its terms for the use {task.task.use!r}; the card says so")
    for bad in bad_lines[:3]:
        progress.notice(f"{bad.file}:{bad.line} was set aside: {bad.reason}")
    if len(bad_lines) > 3:
        progress.notice(f"{len(bad_lines)} lines were set aside in all; the other prompts go on")
    if not prompts:
        raise TaskError(f"no prompts in {', '.join(task.prompts.files)} under {task.root}; add a JSONL file there")
    clean, held = scrub_prompts(prompts, scrubber)
    if until == "scrub":
        return _stopped(len(prompts), bad_lines)
    varied = vary_prompts(clean, task, resources.asker)
    clean, held_again = scrub_prompts(varied, scrubber)
    if until == "vary":
        return _stopped(len(prompts), bad_lines)
    samples, decisions = _sample(resources, clean, [*held, *held_again])
    steps = steps if until is None else steps[: [*STAGES, *(s.name for s in steps)].index(until) - 2]
    rulings = RulingsStep(resources.store, task.answer)
    samples, decided = apply(samples, steps, rulings.overrule)
    samples = _mark_control(samples, task)
    decisions = pl.concat([decisions, decided])
    report = count(samples, len(clean) + len(held) + len(held_again), bad_lines)
    return report if until else _seal(resources, [*steps, rulings], samples, decisions, report)


def _sample(
    resources: Resources, clean: list[Prompt], held: Sequence[PromptQuarantine]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Ask every planned request; prompts held back before sampling keep a quarantined row per planned sample."""
    task, store = resources.task, resources.store
    reasons = {h.prompt.id: h for h in held}
    planned = plan([*clean, *(h.prompt for h in held)], task, resources.asker)
    asked = [p for p in planned if p.prompt.id not in reasons]
    models = [Ask(p.request, p.teacher) for p in asked]
    answers = resources.asker.ask(models, "sample")
    samples, failures = samples_frame(asked, answers, task, store.sample_id)
    if not held:
        return samples, failures
    waiting, why = _held_rows([p for p in planned if p.prompt.id in reasons], reasons, store)
    return pl.concat([samples, waiting]), pl.concat([failures, why])


def _held_rows(
    planned: Iterable[Planned], reasons: dict[str, PromptQuarantine], store: Store
) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows: list[dict[str, Any]] = []
    decisions: list[Decision] = []
    for p in planned:
        held = reasons[p.prompt.id]
        # No request was keyed or sent; the identity below is the prompt's place in the plan.
        place = digest([p.prompt.id, p.teacher.name])
        ident = store.sample_id(f"held|{place}", p.index)
        rows.append({
            **dict.fromkeys(SAMPLES),
            "id": ident, "position": p.position, "teacher": p.teacher.name, "index": p.index,
            "prompt_id": p.prompt.id, "parent": p.prompt.parent, "request_key": "",
            "messages": [message_row(m) for m in p.prompt.messages], "group": p.prompt.group,
            "tags": list(p.prompt.tags), "source": p.prompt.source,
            "state": "quarantined", "reason": held.reason, "step": "scrub", "edited": False, "control": False,
        })  # fmt: skip
        decisions.append(
            Decision(sample=ident, step="scrub", action="quarantine", reason=held.reason, words=held.words)
        )
    return pl.DataFrame(rows, schema=SAMPLES), decisions_frame(decisions)


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


def _stopped(prompts: int, bad_lines: Sequence[BadLine]) -> RunReport:
    empty = pl.DataFrame(schema=SAMPLES)
    return count(empty, prompts, bad_lines)


def _seal(
    resources: Resources, steps: Sequence[Step], samples: pl.DataFrame, decisions: pl.DataFrame, report: RunReport
) -> RunReport:
    task, store = resources.task, resources.store
    described: list[dict[str, JsonValue]] = [{"name": s.name, **s.describe()} for s in steps]
    ordered = samples.with_columns(
        rank=pl.col("teacher").replace_strict({t.name: i for i, t in enumerate(task.teachers)})
    ).sort("position", "rank", "index")
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
