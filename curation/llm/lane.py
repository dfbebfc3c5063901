"""One model's queue: first attempts and retries interleaved, as many in flight as the model bears, each journalled.

A retry is sent as soon as its time has come and never waits for stragglers. A failure of one request is its own;
only a failure that every request would meet stops the round, and then what is in flight is still waited for,
because it is paid for.
"""

import asyncio
import heapq
import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from time import monotonic

from curation.errors import (
    RETRYABLE,
    STOPS_RUN,
    AskFailed,
    BudgetError,
    FailureKind,
    ProviderError,
    RunStopped,
    StillhouseError,
)
from curation.llm.journal import Journal
from curation.llm.limits import Limiter
from curation.llm.prices import Price
from curation.llm.protocol import Provider, max_tokens
from curation.records import Reply, Request, draw
from curation.store.replies import Claim, Purpose, Settlement
from curation.task import ModelTable, SamplingTable

BACKOFF, LONGEST_BACKOFF = 0.5, 30.0
POLL = 0.25
"""Seconds after which a waiting lane looks again, whatever it waits for."""

PATIENCE: dict[FailureKind, int] = {"rate_limited": 4, "overloaded": 2}
"""Being told to slow down says nothing about the request: it may be asked so many times more often."""

MAYBE_CHARGED: frozenset[FailureKind] = frozenset({"timeout", "unreadable"})


@dataclass(frozen=True)
class Ask:
    """A request and the model it goes to."""

    request: Request
    model: ModelTable


@dataclass(frozen=True)
class Failure:
    """A request that got no reply: how it failed last, in words, and after how many attempts."""

    key: str
    kind: FailureKind
    words: str
    attempts: int


@dataclass
class Round:
    """One call of the asker: what came back so far, and the error that stops it."""

    purpose: Purpose
    on_done: Callable[["Round"], None]
    results: dict[str, Reply | Failure] = field(default_factory=dict)
    calls: int = 0
    retries: int = 0
    cost: float | None = 0.0
    error: BaseException | None = None

    def finish(self, key: str, result: Reply | Failure) -> None:
        """One request is settled for good."""
        self.results[key] = result
        self.on_done(self)

    def spend(self, cost: float | None) -> None:
        """Add a cost; one that is not known makes the sum unknown."""
        self.cost = None if cost is None or self.cost is None else self.cost + cost

    def stop(self, error: BaseException) -> None:
        """Send nothing more; the first error is the one told."""
        self.error = self.error or error


@dataclass
class Work:
    """A request on its way, with what happened to it so far; `short` is its truncated reply, if it had one."""

    ask: Ask
    request: Request
    tries: int = 0
    waits: int = 0
    short: Reply | None = None


@dataclass(frozen=True)
class Rules:
    """What holds for every request of a lane; `price` is None where the model costs nothing."""

    sampling: SamplingTable
    shape: str
    price: Price | None


class Lane:
    """Asks all requests of one model and one shape of parameters."""

    def __init__(self, provider: Provider, limiter: Limiter, journal: Journal, rules: Rules, round_: Round) -> None:
        self._provider = provider
        self._limiter = limiter
        self._journal = journal
        self._rules = rules
        self._round = round_
        self._fresh: deque[Work] = deque()
        self._later: list[tuple[float, int, Work]] = []
        self._flying: set[asyncio.Task[None]] = set()
        self._order = count()
        self._same = ("", 0)

    async def run(self, works: Iterable[Work]) -> None:
        """Until every request is settled, or the round was stopped and nothing is in flight any more."""
        self._fresh.extend(works)
        try:
            while self._flying or (not self._round.error and (self._fresh or self._later)):
                self._launch()
                await self._wait()
        finally:
            for task in self._flying:
                task.cancel()
            await asyncio.gather(*self._flying, return_exceptions=True)

    def _launch(self) -> None:
        while not self._round.error and self._limiter.admits(self._rules.shape):
            work = self._next()
            if work is None:
                return
            self._limiter.running += 1
            task = asyncio.create_task(self._attempt(work))
            task.add_done_callback(self._landed)
            self._flying.add(task)

    def _landed(self, _: "asyncio.Task[None]") -> None:
        self._limiter.running -= 1

    def _next(self) -> Work | None:
        if self._later and self._later[0][0] <= monotonic():
            return heapq.heappop(self._later)[2]
        return self._fresh.popleft() if self._fresh else None

    async def _wait(self) -> None:
        if not self._flying:
            await asyncio.sleep(self._until_next())
            return
        done, self._flying = await asyncio.wait(
            self._flying, timeout=self._until_next(), return_when=asyncio.FIRST_COMPLETED
        )
        for task in done:
            if error := task.exception():
                self._round.stop(error)

    def _until_next(self) -> float:
        """Seconds until something may be sent that may not be sent now; a free place is noticed by `_wait` itself."""
        now = monotonic()
        soon = [t - now for t in (self._limiter.resume_at, *(w[0] for w in self._later[:1])) if t > now]
        return min([POLL, *soon])

    # --- one attempt -------------------------------------------------------------------------------------------

    async def _attempt(self, work: Work) -> None:
        claimed = await self._journal.claim(Claim(work.request, self._round.purpose, self._reserve(work)))
        match claimed:
            case Reply():
                self._answered(work, claimed)
            case "yours":
                await self._send(work)
            case "taken":
                work.waits += 1
                self._postpone(work, min(2.0, 0.1 * 1.5**work.waits))
            case "wait_for_money":
                self._postpone(work, POLL)
            case "over_budget":
                raise BudgetError(
                    f"the budget in task.toml [budget] is used up: the next request to {work.ask.model.model} may cost "
                    f"${self._reserve(work):.4f}; every reply paid for is kept, raise usd and run again"
                )

    async def _send(self, work: Work) -> None:
        work.tries += 1
        self._round.calls += 1
        started = monotonic()
        landed = False
        try:
            came = await self._once(work)
            landed = True
        finally:
            if not landed:  # cancelled, or a provider's own mistake: nobody knows whether it was charged
                held = self._reserve(work)
                self._journal.post(Settlement(work.request.key, "lost", "given up", None, None if held else 0.0, held))
        if isinstance(came, Reply):
            await self._bought(work, came)
        else:
            await self._failed(work, came, started)

    async def _once(self, work: Work) -> Reply | AskFailed:
        seconds = work.ask.model.timeout
        try:
            async with asyncio.timeout(seconds):
                return await self._provider.ask(work.request, work.tries)
        except TimeoutError:
            return AskFailed("timeout", f"{self._provider.host} gave no answer within {seconds:g} s")
        except AskFailed as error:
            return error

    async def _bought(self, work: Work, reply: Reply) -> None:
        price = self._rules.price
        cost = 0.0 if price is None else price.cost(reply.usage)
        held = self._reserve(work) if cost is None else 0.0
        await self._journal.settle(Settlement(work.request.key, "reply", "", reply, cost, held))
        self._round.spend(cost)
        self._limiter.succeeded(self._rules.shape)
        if wait := self._provider.pace.take():
            self._limiter.pause(wait)
        self._same = ("", 0)
        self._answered(work, reply)

    def _answered(self, work: Work, reply: Reply) -> None:
        longer = None if work.short else longer_request(work.request, reply, self._rules.sampling)
        if longer is None:
            self._round.finish(work.ask.request.key, reply)
            return
        work.short, work.request, work.tries = reply, longer, 0
        self._postpone(work, 0.0)

    async def _failed(self, work: Work, failed: AskFailed, started: float) -> None:
        unknown = self._rules.price is not None and failed.kind in MAYBE_CHARGED
        held = self._reserve(work) if unknown else 0.0
        await self._journal.settle(
            Settlement(work.request.key, failed.kind, str(failed), None, None if unknown else 0.0, held)
        )
        delay = self._slow_down(work, failed, started)
        if failed.kind in RETRYABLE and work.tries < self._rules.sampling.attempts * PATIENCE.get(failed.kind, 1):
            self._round.retries += 1
            self._postpone(work, delay)
        elif work.short is not None:
            self._round.finish(work.ask.request.key, work.short)
        elif error := self._fatal(work, failed):
            raise error
        else:
            self._round.finish(
                work.ask.request.key, Failure(work.ask.request.key, failed.kind, str(failed), work.tries)
            )

    def _slow_down(self, work: Work, failed: AskFailed, started: float) -> float:
        """Tell the limiter; how long this request waits."""
        backoff = min(LONGEST_BACKOFF, BACKOFF * 2 ** (work.tries - 1))
        delay = backoff * (0.5 + draw(0, "backoff", work.request.key, work.tries))
        delay = max(delay, failed.retry_after) if failed.retry_after is not None else delay
        if failed.kind == "rate_limited":
            self._limiter.refused(started, failed.retry_after)
        elif failed.kind == "overloaded":
            self._limiter.refused(started)
        elif failed.kind == "connection":
            self._limiter.pause(delay)
        return delay

    def _fatal(self, work: Work, failed: AskFailed) -> StillhouseError | None:
        who = f"{work.ask.model.name!r} ({work.ask.model.model} at {self._provider.host})"
        if failed.kind == "connection":
            return ProviderError(f"{who} cannot be reached: {failed}; every reply paid for is kept")
        if failed.kind in STOPS_RUN:
            return ProviderError(f"{who} refused ({failed.kind}): {failed}; every reply paid for is kept")
        if failed.kind != "invalid_parameter":
            return None
        words = re.sub(r"\d+|'[^']*'|\"[^\"]*\"", "#", str(failed))
        self._same = (words, self._same[1] + 1 if words == self._same[0] else 1)
        if self._same[1] < self._rules.sampling.stop_after_identical_errors:
            return None
        return RunStopped(f"{who} refused {self._same[1]} requests in a row alike: {failed}")

    def _postpone(self, work: Work, delay: float) -> None:
        heapq.heappush(self._later, (monotonic() + delay, next(self._order), work))

    def _reserve(self, work: Work) -> float:
        return 0.0 if self._rules.price is None else self._rules.price.most(work.request)


def longer_request(request: Request, reply: Reply, sampling: SamplingTable) -> Request | None:
    """What a truncated reply is asked for once more: the same request with a larger cap; None where there is none."""
    cap = max_tokens(request)
    factor = sampling.truncated_retry_factor
    if reply.stop != "length" or cap is None or factor <= 1:
        return None
    name, value = cap
    return request.model_copy(update={"params": {**request.params, name: int(value * factor)}})
