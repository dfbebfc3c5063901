"""Asks models: what is journalled is never bought again, what is bought is journalled before it is used.

One asyncio loop, in a thread of its own, serves every model, so that asking works from a script, from a notebook
whose loop is running, and from several steps one after another over the same connections. Requests are drawn from
iterators as they are sent and replies lie in the journal, so a million planned requests take no more memory than a
few hundred.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from time import monotonic
from typing import TYPE_CHECKING, Self

from curation.errors import AskFailed, StillhouseError
from curation.llm.journal import Journal
from curation.llm.lane import Lane, Rules
from curation.llm.loop_thread import LoopThread
from curation.llm.models import Models, OpenModel
from curation.llm.uncut import Uncut
from curation.llm.work import Ask, Failure, Follow, Next, Round, Turn, Work
from curation.progress import Progress
from curation.records import Reply, Request
from curation.store.batches import Batch
from curation.store.replies import Purpose, Replies
from curation.task import Environment, ModelTable, SamplingTable

if TYPE_CHECKING:
    from curation.llm.batches.lane import BatchLane
    from curation.llm.batches.office import BatchSettings, Office
    from curation.scrub.guard import EgressGuard

__all__ = ["Ask", "Asker", "Failure", "Follow", "Next", "Purpose", "Turn"]

LABELS: dict[Purpose, str] = {"sample": "asking teachers", "judge": "asking judges", "vary": "rewording prompts"}
BLOCK = 256
"""Requests looked up in the journal at a time."""


@dataclass(frozen=True)
class _Head:
    """A stream with its first request that must be asked, and what comes after it."""

    first: Work
    rest: Iterator[Work | None]


class Asker:
    """Asks requests of any models, cached first, within the budget; a context manager.

    `budget_usd` caps what the whole workspace ever spends, over all runs and processes.
    """

    def __init__(  # noqa: PLR0913 - one keyword per thing asking depends on
        self,
        replies: Replies,
        environment: Environment,
        *,
        sampling: SamplingTable,
        budget_usd: float | None,
        practice_url: str | None = None,
        progress: Progress,
        scrub: Callable[[str], str] = str,
        guard: "EgressGuard | None" = None,
        wait_for_batches: bool = True,
        batches: "BatchSettings | None" = None,
    ) -> None:
        self.calls = 0
        self.waiting = 0
        self.cost_usd: float | None = 0.0
        self.counts: Counter[str] = Counter()
        """Attempts that failed, by class, and follow-ups, by why."""
        self.seconds: defaultdict[tuple[Purpose, str], float] = defaultdict(float)
        """How long each model was being asked, by purpose and its name in task.toml."""
        self.models = Models(
            environment, replies.house.parent, budget_usd=budget_usd, practice_url=practice_url, scrub=scrub
        )
        self._replies = replies
        self._uncut = Uncut(replies)
        self._scrubbed = guard.state if guard else None
        self._sampling = sampling
        self._progress = progress
        self._wait_for_batches = wait_for_batches
        self._batches = batches
        self._told: set[tuple[str, str]] = set()
        self._owner = replies.new_owner()
        self._journal = Journal(replies, self._owner, budget_usd, guard)
        self._loop = LoopThread()
        self.request = self.models.request
        replies.sweep(self._owner)

    def ask(self, asks: Sequence[Ask], purpose: Purpose) -> dict[str, Reply | Failure]:
        """A reply or a failure for every request, by request key; works inside and outside a running loop.

        Raises ProviderError, RunStopped or BudgetError when the run cannot go on; what came back by then is kept.
        """
        return self._loop.run(self._ask_all(asks, purpose))

    async def ask_all(self, asks: Sequence[Ask], purpose: Purpose) -> dict[str, Reply | Failure]:
        """`ask`, for callers with a loop of their own."""
        return await asyncio.wrap_future(self._loop.submit(self._ask_all(asks, purpose)))

    def buy(self, streams: Sequence[Iterable[Ask]], purpose: Purpose, total: int) -> dict[str, Failure]:
        """Have every request of these streams, one stream per model, answered and journalled; what failed, by key.

        The streams are drawn from as requests are sent; the replies are read afterwards with `recall`.
        """
        round_ = Round(purpose, on_done=self._show, keep=False)
        self._loop.run(self._work_off([iter(s) for s in streams], round_, total))
        return {key: result for key, result in round_.results.items() if isinstance(result, Failure)}

    def recall(self, asks: Sequence[Ask]) -> list[tuple[Turn, ...]]:
        """What the journal holds for each request: its reply and those to whatever followed it; empty where nothing.

        Nothing is asked. A chain that was cut short ends with the last reply there is.
        """
        return [turns for turns, _ in self._chains(asks)]

    def end_batches(self, models: Sequence[ModelTable], *, cancel: bool) -> list[Batch]:
        """Bring home every open batch of these models, whoever asked for it; `cancel` has the provider end it now."""
        return self._loop.run(self._end_batches(models, cancel))

    def notice(self, line: str) -> None:
        """Show one line a person should read."""
        self._progress.notice(line)

    def close(self) -> None:
        """Give back connections, memory and claims."""
        self._loop.close(self._close_models())
        self._journal.close()
        self._owner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # --- inside the loop ---------------------------------------------------------------------------------------

    async def _ask_all(self, asks: Sequence[Ask], purpose: Purpose) -> dict[str, Reply | Failure]:
        distinct = {a.request.key: a for a in asks}
        round_ = Round(purpose, on_done=self._show)
        by_model: dict[int, list[Ask]] = {}
        for ask in distinct.values():
            by_model.setdefault(id(ask.model), []).append(ask)
        await self._work_off([iter(mine) for mine in by_model.values()], round_, len(distinct))
        return {key: round_.results[key] for key in distinct if key in round_.results}

    async def _work_off(self, streams: Sequence[Iterator[Ask]], round_: Round, total: int) -> None:
        self._progress.start(LABELS[round_.purpose], total)
        round_.total = total
        try:
            heads = [head for stream in streams if (head := await self._head(stream, round_)) is not None]
            # Every model is opened before one is asked: a missing key of the last costs no call of the first.
            lanes = [(head, self._lane(head.first.ask.model, self._opened(head.first), round_)) for head in heads]
            await asyncio.gather(*(self._run(lane, head, round_) for head, lane in lanes))
        finally:
            self.calls += round_.calls
            self.counts += round_.counts
            self.waiting += round_.waiting
            known = self.cost_usd is not None and round_.cost is not None
            self.cost_usd = (self.cost_usd or 0.0) + (round_.cost or 0.0) if known else None
            self._progress.finish()
        self._tell_ignored(round_)
        if round_.error:
            raise round_.error

    async def _head(self, stream: Iterator[Ask], round_: Round) -> "_Head | None":
        """The first request of a stream that must be asked; None where the journal answers all of it."""
        first = next(stream, None)
        if first is None:
            return None
        asks = chain([first], stream)
        if first.request.provider == "replay":
            await self._read_recorded(asks, round_)
            return None
        works = self._works(asks, round_)
        work = await self._first(works, round_)
        return None if work is None else _Head(work, works)

    def _opened(self, work: Work) -> OpenModel:
        """Its model, with all that asking it needs; what is all journalled needs no key and no budget."""
        opened = self.models.opened(work.ask.model)
        self.models.require_cap(work.ask.model, work.request)
        return opened

    async def _run(self, lane: "Lane | BatchLane", head: "_Head", round_: Round) -> None:
        began = monotonic()
        try:
            await lane.run(chain([head.first], head.rest))
        except StillhouseError as error:
            round_.stop(error)  # the others send nothing more, and what they have in flight is waited for
        finally:
            self.seconds[round_.purpose, head.first.ask.model.name] += monotonic() - began

    def _lane(self, model: ModelTable, opened: OpenModel, round_: Round) -> "Lane | BatchLane":
        tier = None if model.mode == "online" else model.mode
        rules = Rules(self._sampling, opened.identity, opened.price, tier, opened.terms, self._scrubbed)
        online = replace(rules, tier=None) if tier == "batch" else rules
        lane = Lane(opened.provider, opened.limiter, self._journal, online, round_)
        if tier != "batch":
            return lane
        from curation.llm.batches.lane import BatchLane

        return BatchLane(lane, self._office(model, opened), round_)

    def _office(self, model: ModelTable, opened: OpenModel) -> "Office":
        from curation.llm.batches.desks import office_for

        rules = Rules(self._sampling, opened.identity, opened.price, "batch", opened.terms, self._scrubbed)
        office = office_for(model, opened.provider, self._journal, rules, self._batches)
        settings = replace(office.settings, wait=self._wait_for_batches, notice=self.notice)
        return replace(office, settings=settings)

    async def _end_batches(self, models: Sequence[ModelTable], cancel: bool) -> list[Batch]:
        from curation.llm.batches.keep import bring_home

        ended: list[Batch] = []
        round_ = Round("sample", on_done=lambda _: None)
        for model in models:
            ended += await bring_home(self._office(model, self.models.opened(model)), round_, cancel=cancel)
        return ended

    @staticmethod
    async def _first(works: Iterator[Work | None], round_: Round) -> Work | None:
        for work in works:
            if work is not None:
                return work
            await asyncio.sleep(0)
            if round_.error:
                break
        return None

    def _show(self, round_: Round) -> None:
        self._progress.advance(1, **round_.figures())

    def _works(self, asks: Iterator[Ask], round_: Round) -> Iterator[Work | None]:
        """What the journal does not answer, drawn block by block; None after each block."""
        while block := list(islice(asks, BLOCK)):
            for ask, (turns, following) in zip(block, self._chains(block), strict=True):
                if not turns:
                    yield Work(ask, ask.request)
                elif following is None:
                    round_.finish(ask.request.key, turns[-1].reply)
                else:
                    yield Work(ask, following.request, turns, why=following.why)
            yield None

    def _chains(self, asks: Sequence[Ask]) -> list[tuple[tuple[Turn, ...], Next | None]]:
        """The journalled turns of each request, and the one that would have to be asked next."""
        turns: list[tuple[Turn, ...]] = [() for _ in asks]
        following: list[Next | None] = [None for _ in asks]
        open_: dict[int, Request] = {i: ask.request for i, ask in enumerate(asks)}
        while open_:
            found = self._replies.find({r.key for r in open_.values()})
            if self._sampling.keep_untruncated:
                found |= self._uncut.find(r for r in open_.values() if r.key not in found)
            further: dict[int, Request] = {}
            for i, request in open_.items():
                if (reply := found.get(request.key)) is None:
                    continue
                turns[i] = (*turns[i], Turn(request, reply))
                following[i] = asks[i].next(turns[i], self._sampling)
                if (step := following[i]) is not None:
                    further[i] = step.request
            open_ = further
        return list(zip(turns, following, strict=True))

    async def _read_recorded(self, asks: Iterator[Ask], round_: Round) -> None:
        """Recorded replies cost nothing and are looked up each time, so that an edited recording is seen."""
        while block := list(islice(asks, BLOCK)):
            replies: list[tuple[Request, Purpose, Reply]] = []
            for ask in block:
                try:
                    reply = await self.models.opened(ask.model).provider.ask(ask.request, 1, "")
                except AskFailed as failed:
                    round_.finish(ask.request.key, Failure(ask.request.key, failed.kind, str(failed), 1))
                else:
                    replies.append((ask.request, round_.purpose, reply))
            if replies:
                self._replies.record(replies)
            for request, _, reply in replies:
                round_.finish(request.key, reply)

    def _tell_ignored(self, round_: Round) -> None:
        for model, names in sorted(round_.ignored.items()):
            new = sorted(n for n in names if (model, n) not in self._told)
            self._told |= {(model, n) for n in new}
            if new:
                self.notice(f"{model!r}: the server silently left out {', '.join(new)}, which the request asked for")

    async def _close_models(self) -> None:
        await self._journal.drain()
        await self.models.close()
