"""Asks models: what is journalled is never bought again, what is bought is journalled before it is used.

One asyncio loop, in a thread of its own, serves every model, so that asking works from a script, from a notebook
whose loop is running, and from several steps one after another over the same connections.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import JsonValue

from curation.errors import AskFailed, BudgetError
from curation.llm.journal import FLUSH, Journal
from curation.llm.lane import Ask, Failure, Lane, Round, Rules, Work, longer_request
from curation.llm.limits import Limiter
from curation.llm.prices import Price, price_at
from curation.llm.protocol import FREE, Address, Provider, address, max_tokens, open_provider
from curation.progress import Progress
from curation.records import Message, Reply, Request, digest
from curation.store.replies import Purpose, Replies
from curation.task import Environment, ModelTable, SamplingTable

__all__ = ["Ask", "Asker", "Failure", "Purpose"]

LABELS: dict[Purpose, str] = {"sample": "asking teachers", "judge": "asking judges", "vary": "rewording prompts"}
ANTHROPIC_MAX_TOKENS = 1024
"""Anthropic requires a cap on the answer's length; this one stands where the task gives none."""

T = TypeVar("T")


@dataclass(frozen=True)
class _Open:
    """A model in use: its provider, how fast it may be asked, what it costs (None: nothing)."""

    provider: Provider
    limiter: Limiter
    price: Price | None


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
    ) -> None:
        self.calls = 0
        self.cost_usd: float | None = 0.0
        self._replies = replies
        self._environment = environment
        self._sampling = sampling
        self._budget = budget_usd
        self._practice_url = practice_url
        self._scrub = scrub
        self._progress = progress
        self._today: date = datetime.now(UTC).date()
        self._addresses: dict[str, Address] = {}
        self._open: dict[str, _Open] = {}
        self._limiters: dict[tuple[str, str, str], Limiter] = {}
        self._owner = replies.new_owner()
        self._journal = Journal(replies, self._owner, budget_usd)
        self._loop = _LoopThread()
        replies.sweep(self._owner)

    def request(
        self,
        model: ModelTable,
        messages: Sequence[Message],
        *,
        answer_schema: dict[str, JsonValue] | None = None,
        tools: Sequence[dict[str, JsonValue]] = (),
        index: int = 0,
        template: str = "",
    ) -> Request:
        """The request for a model: its address and parameters filled in; needs no key and sends nothing."""
        identity = digest([model.use, model.base_url, model.path, model.model])
        if identity not in self._addresses:
            self._addresses[identity] = address(self._rooted(model))
        where = self._addresses[identity]
        params = dict(model.params)
        if where.provider == "anthropic":
            params.setdefault("max_tokens", ANTHROPIC_MAX_TOKENS)
        return Request(
            provider=where.provider,
            host=where.host,
            api_version=where.api_version,
            model=model.model,
            messages=tuple(messages),
            params=params,
            answer_schema=answer_schema if model.structured else None,
            tools=tuple(tools),
            index=index,
            template=template,
        )

    def ask(self, asks: Sequence[Ask], purpose: Purpose) -> dict[str, Reply | Failure]:
        """A reply or a failure for every request, by request key; works inside and outside a running loop.

        Raises ProviderError, RunStopped or BudgetError when the run cannot go on; what came back by then is kept.
        """
        return self._loop.run(self._ask_all(asks, purpose))

    async def ask_all(self, asks: Sequence[Ask], purpose: Purpose) -> dict[str, Reply | Failure]:
        """`ask`, for callers with a loop of their own."""
        return await asyncio.wrap_future(self._loop.submit(self._ask_all(asks, purpose)))

    def notice(self, line: str) -> None:
        """Show one line a person should read."""
        self._progress.notice(line)

    def close(self) -> None:
        """Give back connections, memory and claims."""
        self._loop.close(self._close_providers())
        self._journal.close()
        self._owner.close()

    def __enter__(self) -> "Asker":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # --- inside the loop ---------------------------------------------------------------------------------------

    async def _ask_all(self, asks: Sequence[Ask], purpose: Purpose) -> dict[str, Reply | Failure]:
        distinct = {a.request.key: a for a in asks}
        round_ = Round(purpose, on_done=self._show)
        self._progress.start(LABELS[purpose], len(distinct))
        try:
            works = self._recall(distinct, round_)
            if round_.results:
                self._progress.advance(len(round_.results))
            await self._read_recorded([w for w in works if w.request.provider == "replay"], round_)
            lanes = self._lanes([w for w in works if w.request.provider != "replay"], round_)
            await asyncio.gather(*(lane.run(mine) for lane, mine in lanes))
        finally:
            self.calls += round_.calls
            known = self.cost_usd is not None and round_.cost is not None
            self.cost_usd = (self.cost_usd or 0.0) + (round_.cost or 0.0) if known else None
            self._progress.finish()
        if round_.error:
            raise round_.error
        return round_.results

    def _show(self, round_: Round) -> None:
        self._progress.advance(1, cost_usd=round_.cost or 0.0, retries=round_.retries)

    def _recall(self, distinct: dict[str, Ask], round_: Round) -> list[Work]:
        """Fill in what is journalled; what is left to ask. A truncated reply counts with its longer second ask."""
        kept = [k for k, a in distinct.items() if a.request.provider != "replay"]
        found = self._replies.find(kept)
        longer = {
            key: request
            for key, reply in found.items()
            if (request := longer_request(distinct[key].request, reply, self._sampling))
        }
        second = self._replies.find(r.key for r in longer.values())
        works: list[Work] = []
        for key, ask in distinct.items():
            if key in longer and longer[key].key not in second:
                works.append(Work(ask, longer[key], short=found[key]))
            elif key in found:
                round_.results[key] = second[longer[key].key] if key in longer else found[key]
            else:
                works.append(Work(ask, ask.request))
        return works

    def _lanes(self, works: list[Work], round_: Round) -> list[tuple[Lane, list[Work]]]:
        grouped: dict[tuple[str, str], list[Work]] = {}
        for work in works:
            grouped.setdefault((self._identity(work.ask.model), _shape(work.ask.request)), []).append(work)
        lanes: list[tuple[Lane, list[Work]]] = []
        for (identity, shape), mine in grouped.items():
            opened = self._opened(mine[0].ask.model)
            self._require_budget(mine, opened)
            rules = Rules(self._sampling, identity + shape, opened.price)
            lanes.append((Lane(opened.provider, opened.limiter, self._journal, rules, round_), mine))
        return lanes

    def _identity(self, model: ModelTable) -> str:
        parts = [model.use, model.model, model.base_url, model.api_key_env, model.path, model.timeout]
        return digest([*parts, model.concurrency])

    def _opened(self, model: ModelTable) -> _Open:
        identity = self._identity(model)
        if identity not in self._open:
            rooted = self._rooted(model)
            provider = open_provider(rooted, self._environment, practice_url=self._practice_url, scrub=self._scrub)
            limiter = self._limiters.setdefault((model.use, provider.host, model.model), Limiter(model.concurrency))
            self._open[identity] = _Open(provider, limiter, self._price(model, provider))
        return self._open[identity]

    def _rooted(self, model: ModelTable) -> ModelTable:
        """A relative `path` starts at the folder of task.toml, which the store lies in."""
        if model.path is None:
            return model
        return model.model_copy(update={"path": str(self._replies.house.parent / Path(model.path).expanduser())})

    def _price(self, model: ModelTable, provider: Provider) -> Price | None:
        """None for what costs nothing; BudgetError for a paid model without a budget or a price."""
        if model.use in FREE:
            return None
        known = price_at(provider.host, model.model, self._today)
        if model.price is not None:
            stated = {"input": model.price.input, "output": model.price.output, "cached_input": None}
            base = known or Price(vendor="stated", model=model.model, since=self._today, input=0, output=0)
            known = base.model_copy(update=stated)
        if known is not None and known.input == known.output == 0:
            return None
        if self._budget is None:
            raise BudgetError(
                f"{model.name!r} ({model.model} at {provider.host}) costs money and the task has no budget; "
                "add [budget] usd = 5.0 (the most this workspace may ever spend) to task.toml"
            )
        if known is None:
            raise BudgetError(
                f"{model.name!r}: no price is known for {model.model} at {provider.host}, so a budget cannot hold; "
                "add price = { input = ..., output = ... } (dollars per million tokens) to its table in task.toml"
            )
        return known

    def _require_budget(self, works: list[Work], opened: _Open) -> None:
        price = opened.price
        if price is None or price.max_output or all(max_tokens(w.request) for w in works):
            return
        model = works[0].ask.model
        raise BudgetError(
            f"{model.name!r} has no max_tokens in params and the longest answer of {model.model} is not known, "
            "so a budget cannot hold; add params = { max_tokens = 1024 }"
        )

    async def _read_recorded(self, works: list[Work], round_: Round) -> None:
        """Recorded replies cost nothing and are looked up each time, so that an edited recording is seen."""
        replies: list[tuple[Request, Purpose, Reply]] = []
        for work in works:
            try:
                reply = await self._opened(work.ask.model).provider.ask(work.request, 1)
            except AskFailed as failed:
                round_.finish(work.request.key, Failure(work.request.key, failed.kind, str(failed), 1))
            else:
                replies.append((work.request, round_.purpose, reply))
        if replies:
            self._replies.record(replies)
        for request, _, reply in replies:
            round_.finish(request.key, reply)

    async def _close_providers(self) -> None:
        await self._journal.drain()
        for opened in self._open.values():
            await opened.provider.close()


def _shape(request: Request) -> str:
    """What a preflight proves once: which parameters, which schema and tools."""
    return digest([sorted(request.params), request.answer_schema, list(request.tools)])


class _LoopThread:
    """An asyncio loop in a thread of its own, started when first needed."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def submit(self, work: Coroutine[Any, Any, T]) -> "asyncio.Future[T]":
        """Start a coroutine there; the future is a concurrent one."""
        return asyncio.run_coroutine_threadsafe(work, self._started())  # pyright: ignore[reportReturnType]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Its result; interrupting the wait cancels the work."""
        future = asyncio.run_coroutine_threadsafe(work, self._started())
        try:
            return future.result()
        finally:
            future.cancel()

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="stillhouse-asker", daemon=True)
                self._thread.start()
            return self._loop

    def close(self, last: Coroutine[Any, Any, None]) -> None:
        """Cancel what still runs, do one last thing, and end the thread."""
        if self._loop is None or self._thread is None:
            last.close()
            return
        asyncio.run_coroutine_threadsafe(_finish(last), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = None


async def _finish(last: Coroutine[Any, Any, None]) -> None:
    mine = asyncio.current_task()
    rest = [t for t in asyncio.all_tasks() if t is not mine and t.get_name() != FLUSH]  # a paid reply is written
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    await last
    await asyncio.get_running_loop().shutdown_default_executor()
