"""The plan of a run without the run: what is still to be asked, what it will cost, and what leaves the house.

Prompts are read, scrubbed and varied as a run does it; every request is made, looked up in the journal, counted and
let go. Nothing is asked, spent, sealed or written down as a run, and no key is needed.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Protocol, runtime_checkable

import polars as pl
from pydantic import JsonValue

from curation.asker import Ask, Asker, Failure, Purpose, Turn
from curation.errors import BudgetError, StillhouseError
from curation.money.estimating import Count, Host, Line
from curation.pipeline import Step, apply
from curation.progress import Progress
from curation.quarantine import RulingsStep
from curation.records import Prompt, Reply, Request, Sample, sample_of
from curation.rules import require_rules
from curation.run import Resources, models_of, steps_of
from curation.sampling import Maker, Planned
from curation.scrub.scrubber import Scrubber
from curation.stages import Stages
from curation.store.replies import Replies, Spending
from curation.store.store import Store
from curation.store.sums import Sums
from curation.task import Environment, ModelTable, Task

BLOCK = 512
"""Prompts planned at a time."""
PURPOSES: tuple[Purpose, ...] = ("vary", "sample", "judge")
"""In the order in which a run asks."""
VARIED = " ~"
"""Put behind a prompt to stand for a variant that nobody has written yet."""


@runtime_checkable
class AskingStep(Protocol):
    """A step that asks models about samples, as a panel of judges does."""

    def asks(self, sample: Sample) -> list[Ask]:
        """What it would ask about a sample, should it get that far."""
        ...

    def asks_first(self) -> list[Ask]:
        """What it would ask whatever the samples are: about rows that people judged."""
        ...


@dataclass(frozen=True)
class PlanReport:
    """What a run would still ask; dollars are None when a price is missing, minutes when a speed is (`no_minutes`)."""

    prompts: int
    lines: tuple[Line, ...]
    hosts: tuple[Host, ...]
    spending: Spending
    budget_usd: float | None
    minutes: float | None
    no_minutes: str | None
    refused: tuple[str, ...]
    """What stands in the way of the run, one line each; a run would stop at the first."""

    @property
    def calls(self) -> int:
        """Requests still to be made: at most, where judges or rewordings are among them."""
        return sum(line.calls for line in self.lines)

    @property
    def journalled(self) -> int:
        """Requests answered already: they are free."""
        return sum(line.journalled for line in self.lines)

    @property
    def usd_expected(self) -> float | None:
        """Dollars, follow-ups included."""
        return _sum(line.usd_expected for line in self.lines)

    @property
    def usd_most(self) -> float | None:
        """Dollars that the planned requests reserve; follow-ups and retries come on top, within the budget."""
        return _sum(line.usd_most for line in self.lines)

    @property
    def left_usd(self) -> float | None:
        """What the budget still allows; None without one."""
        return None if self.budget_usd is None else self.budget_usd - self.spending.total

    def as_dict(self) -> dict[str, JsonValue]:
        """The last line of `run --plan --json`.

        {"prompts", "calls", "journalled", "input_tokens", "output_tokens", "usd_expected", "usd_most", "budget_usd",
        "left_usd", "minutes", "no_minutes", "models": [the fields of Line], "hosts": [the fields of Host],
        "refused": [...]}
        """
        return {
            "prompts": self.prompts,
            "calls": self.calls,
            "journalled": self.journalled,
            "input_tokens": sum(line.input_tokens for line in self.lines),
            "output_tokens": sum(line.output_tokens for line in self.lines),
            "usd_expected": self.usd_expected,
            "usd_most": self.usd_most,
            "budget_usd": self.budget_usd,
            "left_usd": self.left_usd,
            "minutes": self.minutes,
            "no_minutes": self.no_minutes,
            "models": [asdict(line) for line in self.lines],
            "hosts": [host.as_dict() for host in self.hosts],
            "refused": list(self.refused),
        }


def plan(store: Store, task: Task, *, progress: Progress) -> PlanReport:
    """What a run would do now, without doing it; memory does not grow with the number of requests.

    Equal requests are counted once within some hundred prompts, further apart each. Raises TaskError where there is
    no prompt to plan for.
    """
    scrubber = Scrubber.today(task.scrub, store.keys.scrub)
    refused = _rules_against(task)
    with Counter(store, task, progress) as counter, Stages(store, task, counter, progress, scrubber) as stages:
        stages.read_and_scrub()
        stages.vary()
        walk = Walk(Resources(task, store, counter, Environment({}), progress), scrubber, stages)
        progress.start("planning", len(stages.prompts))
        walk.all()
        progress.finish()
        return counter.report(len(stages.prompts), refused)


def _rules_against(task: Task) -> list[str]:
    try:
        require_rules(task, models_of(task))
    except StillhouseError as error:
        return [str(error)]
    return []


class Counter(Asker):
    """An asker that asks nobody: it counts what it would have to ask, and answers from the journal."""

    def __init__(self, store: Store, task: Task, progress: Progress) -> None:
        super().__init__(
            Replies(store.replies_db), Environment({}),
            sampling=task.sampling, budget_usd=task.budget.usd, progress=progress,
        )  # fmt: skip
        self._task = task
        self._sums = Sums(store.replies_db)
        self._counts: dict[tuple[Purpose, str], Count] = {}

    def ask(self, asks: Sequence[Ask], purpose: Purpose) -> dict[str, Reply | Failure]:
        """The journal's replies; where there is none, one that stands for a reworded prompt."""
        return {
            key: turns[-1].reply if turns else _made_up(request)
            for (key, turns), request in zip(self.count(asks, purpose).items(), (a.request for a in asks), strict=True)
        }

    def count(self, asks: Iterable[Ask], purpose: Purpose) -> dict[str, tuple[Turn, ...]]:
        """Count equal requests once; what the journal holds of each, by key."""
        distinct = {a.request.key: a for a in asks}
        found: dict[str, tuple[Turn, ...]] = {}
        for (key, ask), (turns, following) in zip(distinct.items(), self._chains(list(distinct.values())), strict=True):
            found[key] = turns
            counted = self.counted(ask.model, purpose)
            if ask.request.provider == "replay" or (turns and following is None):
                counted.journalled += 1
            else:
                counted.add(following.request if following else ask.request)
        return found

    def counted(self, model: ModelTable, purpose: Purpose) -> Count:
        """The count of one model's requests of one purpose."""
        which = (purpose, model.name)
        if which not in self._counts:
            self._counts[which] = Count(model, purpose, self.models, self._sums)
        return self._counts[which]

    def report(self, prompts: int, refused: Sequence[str]) -> PlanReport:
        """What was counted."""
        counts = sorted(self._counts.values(), key=self._place)
        lines = tuple(c.line() for c in counts)
        minutes, why = _minutes(lines)
        return PlanReport(
            prompts=prompts,
            lines=lines,
            hosts=_hosts(counts),
            spending=self._replies.spending(),
            budget_usd=self._task.budget.usd,
            minutes=minutes,
            no_minutes=why,
            refused=(*refused, *dict.fromkeys(r for c in counts for r in self._against(c))),
        )

    def _place(self, count: Count) -> tuple[int, int]:
        """In the order of a run, then of task.toml."""
        names = [m.name for m in models_of(self._task)]
        return PURPOSES.index(count.purpose), names.index(count.model.name)

    def _against(self, count: Count) -> Iterator[str]:
        """Why a model would be refused."""
        if count.first is None:
            return
        try:
            self.models.require_budget(count.model)
            self.models.require_cap(count.model, count.first)
        except BudgetError as error:
            yield str(error)


class Walk:
    """Goes over the prompts in blocks, each with its samples, their fall-backs and their verdicts."""

    def __init__(self, resources: Resources, scrubber: Scrubber, stages: Stages) -> None:
        assert isinstance(resources.asker, Counter)
        self._counter = resources.asker
        self._progress = resources.progress
        self._task, self._store = resources.task, resources.store
        self._stages, self._plan = stages, stages.plan
        self._rulings = RulingsStep(resources.store, resources.task.answer)
        self._before, self._judges = _split(steps_of(resources, scrubber))
        self._turns: dict[str, tuple[Turn, ...]] = {}

    def all(self) -> None:
        """Count everything."""
        position, prompts = 0, iter(self._stages.prompts)
        if self._judges is not None:
            self._counter.count(self._judges.asks_first(), "judge")
        while block := list(islice(prompts, BLOCK)):
            self._block(position, block)
            position += len(block)
            self._progress.advance(len(block))

    def _block(self, position: int, prompts: Sequence[Prompt]) -> None:
        planned = list(self._plan.samples(prompts, position))
        self._turns = self._counter.count((p.ask for p in planned), "sample")
        stand_ins = (self._plan.instead(p) for p in planned if (turns := self._of(p)) and p.salvage.declined(turns))
        self._turns |= self._counter.count((p.ask for p in stand_ins if p is not None), "sample")
        if self._judges is None:
            return
        judged = [
            ask for sample in self._living([p for p in planned if self._of(p)]) for ask in self._judges.asks(sample)
        ]
        self._counter.count(judged, "judge")
        self._verdicts_on_answers_to_come([p for p in planned if not self._of(p)], self._judges)

    def _of(self, p: Planned) -> tuple[Turn, ...]:
        return self._turns.get(p.ask.request.key, ())

    def _living(self, planned: Sequence[Planned]) -> Iterator[Sample]:
        """The samples that replies make and that the steps before the judges let through."""
        maker = Maker(self._task.answer, self._recall, self._store.sample_id, {}, self._plan.instead)
        samples, _ = maker.frames(planned)
        samples, _ = apply(samples, self._before, self._rulings.overrule)
        for row in samples.filter(pl.col("state") == "kept").iter_rows(named=True):
            yield sample_of(row)

    def _recall(self, asks: Sequence[Ask]) -> list[tuple[Turn, ...]]:
        return [self._turns.get(a.request.key, ()) for a in asks]

    def _verdicts_on_answers_to_come(self, planned: Sequence[Planned], judges: AskingStep) -> None:
        """One per eligible judge and sample, at most; a teacher's samples of one prompt are about as long."""
        last: tuple[int, str] | None = None
        asks: list[Ask] = []
        for p in planned:
            if last != (p.position, p.teacher.name):
                last, asks = (p.position, p.teacher.name), judges.asks(self._imagined(p))
            for ask in asks:
                self._counter.counted(ask.model, "judge").add(ask.request)

    def _imagined(self, p: Planned) -> Sample:
        """A sample whose answer is as long as is expected."""
        output = self._counter.counted(p.teacher, "sample").basis.output
        return Sample(
            id="", request_key="", position=p.position, prompt_id=p.prompt.id, teacher=p.teacher.name, index=p.index,
            messages=p.prompt.messages, answer="x" * round(4 * output),
        )  # fmt: skip


def _split(steps: Sequence[Step]) -> tuple[list[Step], AskingStep | None]:
    """The steps before the first that asks models, and that one."""
    for place, step in enumerate(steps):
        if isinstance(step, AskingStep):
            return list(steps[:place]), step
    return list(steps), None


def _made_up(request: Request) -> Reply:
    """A reply in the form that a request for a rewording wants."""
    line = json.loads(request.messages[-1].content.rpartition("\n")[2])
    text = json.dumps({"text": f"{line['text']}{VARIED}"}, ensure_ascii=False)
    return Reply(key=request.key, text=text, stop="end", model=request.model)


def _hosts(counts: Iterable[Count]) -> tuple[Host, ...]:
    merged: dict[tuple[object, ...], Host] = {}
    for host in (c.destination() for c in counts if c.calls):
        same = (host.host, host.region, host.zero_retention, host.terms)
        merged[same] = replace(host, bytes=host.bytes + (merged[same].bytes if same in merged else 0))
    return tuple(merged.values())


def _minutes(lines: Iterable[Line]) -> tuple[float | None, str | None]:
    """Models are asked side by side, purposes one after another; else why nobody can tell."""
    asked = [line for line in lines if line.calls]
    batches = [line.name for line in asked if line.mode == "batch"]
    unknown = [line.name for line in asked if line.minutes is None and line.mode != "batch"]
    if batches:
        return None, f"{', '.join(batches)}: a batch takes what the provider takes, at most 24 hours"
    if unknown:
        names = ", ".join(dict.fromkeys(unknown))
        return None, f"{names}: no reply was timed yet; after `run --pilot` or a first run this is known"
    longest: dict[str, float] = {}
    for line in asked:
        longest[line.purpose] = max(longest.get(line.purpose, 0.0), line.minutes or 0.0)
    return sum(longest.values(), 0.0), None


def _sum(dollars: Iterable[float | None]) -> float | None:
    total = 0.0
    for part in dollars:
        if part is None:
            return None
        total += part
    return total
