"""One model's queue: first attempts and retries interleaved, as many in flight as the model bears, each journalled.

Requests are claimed a little ahead of their turn, so that a place in flight holds a request and nothing else. A
retry is sent as soon as its time has come and never waits for stragglers. A failure of one request is its own; only
a failure that every request would meet stops the round, and then what is in flight is still waited for, because it
is paid for.
"""

import asyncio
import heapq
import secrets
from collections import deque
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from itertools import count
from time import monotonic
from typing import Any

from curation.errors import AskFailed, BudgetError
from curation.llm.fates import Fates, backoff
from curation.llm.journal import Journal
from curation.llm.limits import Limiter, Ticket
from curation.llm.prices import Price
from curation.llm.protocol import Provider
from curation.llm.work import NOT_SENT, Failure, Round, Work, shape_of
from curation.records import Reply
from curation.store.replies import Claim, Settlement
from curation.task import SamplingTable

END = object()
POLL = 0.25
"""Seconds after which a waiting lane looks again, whatever it waits for."""

AHEAD = 64
"""At most so many requests are claimed before there is a place for them."""


@dataclass(frozen=True)
class Rules:
    """What holds for every request of a lane; `price` is None where the model costs nothing."""

    sampling: SamplingTable
    model: str  # identity of the model and how it is asked
    price: Price | None
    tier: str | None = None
    terms: str | None = None
    scrub: str | None = None


class Lane:
    """Asks all requests of one model and one shape of parameters."""

    def __init__(self, provider: Provider, limiter: Limiter, journal: Journal, rules: Rules, round_: Round) -> None:
        self._provider = provider
        self._limiter = limiter
        self._journal = journal
        self._rules = rules
        self._round = round_
        self._fates = Fates(provider.host, rules.sampling)
        self._fresh: Iterator[Work | None] = iter(())
        self._dry = False
        self._ready: deque[Work] = deque()
        self._later: list[tuple[float, int, Work]] = []
        self._busy: set[asyncio.Task[None]] = set()
        self._claiming = False
        self._order = count()
        self._name = f"sh-{secrets.token_hex(8)}"
        self._wake = asyncio.Event()

    async def run(self, works: Iterator[Work | None]) -> None:
        """Until every request is settled, or the round was stopped and nothing is in flight any more.

        A None among the works means that others may run before the next one is looked for.
        """
        self._fresh, self._dry = works, False
        try:
            while not self._finished():
                self._wake.clear()
                self._launch()
                self._claim_ahead()
                await self._sleep()
        finally:
            self._limiter.leave(self)
            self._journal.release([w.request.key for w in self._ready])
            for task in self._busy:
                task.cancel()
            await asyncio.gather(*self._busy, return_exceptions=True)

    def _finished(self) -> bool:
        if self._busy:
            return False
        return self._round.error is not None or (self._dry and not self._ready and not self._later)

    # --- claiming ----------------------------------------------------------------------------------------------

    def _claim_ahead(self) -> None:
        room = self._limiter.limit
        lack = min(AHEAD, room) - len(self._ready)
        free = room - self._limiter.running - len(self._ready)
        if self._claiming or self._round.error or (lack <= 0 and free <= 0):
            return
        works = self._next(max(lack, free))
        if works:
            self._claiming = True
            self._start(self._claim(works))

    def _next(self, most: int) -> list[Work]:
        """What is asked next: retries whose time has come, then what was never asked."""
        now = monotonic()
        works: list[Work] = []
        while self._later and self._later[0][0] <= now and len(works) < most:
            works.append(heapq.heappop(self._later)[2])
        while len(works) < most and not self._dry:
            match next(self._fresh, END):
                case Work() as work:
                    works.append(work)
                case None:
                    self._wake.set()  # look again as soon as the loop has served the others
                    break
                case _:
                    self._dry = True
        return works

    async def _claim(self, works: list[Work]) -> None:
        try:
            answers = await self._journal.claim([self._claim_of(w) for w in works])
        finally:
            self._claiming = False
        for work, answer in zip(works, answers, strict=True):
            match answer:
                case Reply():
                    self._answered(work, answer)
                case "yours":
                    self._ready.append(work)
                case "taken":
                    work.waits += 1
                    self._postpone(work, min(2.0, 0.1 * 1.5**work.waits))
                case "wait_for_money":
                    self._postpone(work, POLL)
                case "erased" | "held_back":
                    self._round.finish(work.ask.request.key, Failure(work.ask.request.key, answer, NOT_SENT[answer], 0))
                case "over_budget":
                    self._round.stop(self._over_budget(work))

    def _claim_of(self, work: Work) -> Claim:
        work.wire = f"{self._name}-{next(self._order)}"
        work.load = work.weigh()
        work.shape = f"{self._rules.model}|{shape_of(work.request)}"
        price = self._rules.price
        work.reserve = 0.0 if price is None else price.most(work.request, self._rules.tier)
        about = work.about(self._rules.terms, self._rules.scrub)
        return Claim(work.request, self._round.purpose, work.reserve, work.wire, price.id if price else None, about)

    def _over_budget(self, work: Work) -> BudgetError:
        return BudgetError(
            f"the budget in task.toml [budget] is used up: the next request to {work.ask.model.model} may cost "
            f"${work.reserve:.4f}; every reply paid for is kept, raise usd and run again"
        )

    # --- sending -----------------------------------------------------------------------------------------------

    def _launch(self) -> None:
        while self._ready and not self._round.error:
            work = self._ready[0]
            if not self._limiter.admits(work.shape, work.load, lane=self):
                self._limiter.queue(self, self._wake.set)
                return
            self._ready.popleft()
            self._start(self._send(work, self._limiter.sent(work.shape, work.load)))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._busy.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._busy.discard(task)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()):
            self._round.stop(error)

    async def _sleep(self) -> None:
        """Until something happens, or until something may be sent that may not be sent now."""
        now = monotonic()
        soon = [self._later[0][0] - now] if self._later and self._later[0][0] > now else []
        if self._ready:
            soon.append(self._limiter.wait(self._ready[0].load) or POLL)
        timer = asyncio.get_running_loop().call_later(max(0.001, min([POLL, *soon])), self._wake.set)
        await self._wake.wait()
        timer.cancel()

    async def _send(self, work: Work, ticket: Ticket) -> None:
        work.tries += 1
        self._round.calls += 1
        landed = False
        try:
            came = await self._once(work)
            landed = True
        finally:
            self._limiter.back(ticket, self._provider.pace.take())
            if not landed:  # cancelled, or a provider's own mistake: nobody knows whether it was charged
                self._limiter.settled()
                held = work.reserve
                self._journal.post(self._settlement(work, "lost", "given up", cost=None if held else 0.0, held=held))
        self._wake.set()
        try:
            if isinstance(came, Reply):
                await self._bought(work, came)
            else:
                await self._failed(work, came, ticket.sent_at)
        finally:
            self._limiter.settled()

    async def _once(self, work: Work) -> Reply | AskFailed:
        seconds = work.ask.model.timeout
        began = monotonic()
        try:
            async with asyncio.timeout(seconds):
                return await self._provider.ask(work.request, work.tries, work.wire)
        except TimeoutError:
            return AskFailed("timeout", f"{self._provider.host} gave no answer within {seconds:g} s")
        except AskFailed as error:
            return error
        finally:
            work.seconds = monotonic() - began

    async def _bought(self, work: Work, reply: Reply) -> None:
        price = self._rules.price
        cost = 0.0 if price is None else price.cost(reply.usage, reply.tier)
        held = work.reserve if cost is None else 0.0
        self._limiter.succeeded(work.shape)
        await self._journal.settle(self._settlement(work, "reply", "", reply=reply, cost=cost, held=held))
        self._round.spend(cost)
        self._round.heard(work.ask, reply)
        self._fates.forget()
        self._answered(work, reply)

    def _answered(self, work: Work, reply: Reply) -> None:
        if work.went_on(reply, self._rules.sampling):
            self._round.count(work.why)
            self._postpone(work, 0.0)
        else:
            self._round.finish(work.ask.request.key, reply)

    async def _failed(self, work: Work, failed: AskFailed, started: float) -> None:
        unknown = self._rules.price is not None and self._fates.maybe_charged(failed)
        held = work.reserve if unknown else 0.0
        self._round.count(failed.kind)
        delay = self._slow_down(work, failed, started)
        fate = self._fates.of(work, failed)
        if fate.error is not None:
            self._round.stop(fate.error)  # before anything is awaited, or the next request would be on its way
        settled = self._settlement(work, failed.kind, str(failed), cost=None if unknown else 0.0, held=held)
        await self._journal.settle(settled)
        if fate.what == "again":
            self._round.retries += 1
            self._postpone(work, delay)
        elif fate.what == "row":
            failure = Failure(work.ask.request.key, failed.kind, str(failed), work.tries)
            self._round.finish(work.ask.request.key, work.turns[-1].reply if work.turns else failure)

    def _slow_down(self, work: Work, failed: AskFailed, started: float) -> float:
        """Tell the limiter; how long this request waits."""
        delay = backoff(work.request.key, work.tries, failed.retry_after)
        if failed.kind == "rate_limited":
            self._round.refused += 1
            self._limiter.refused(started, failed.retry_after)
        elif failed.kind == "overloaded":
            self._limiter.refused(started)
        elif failed.kind == "connection":
            self._limiter.pause(delay)
        return delay

    def _settlement(self, work: Work, outcome: str, words: str, *, reply: Reply | None = None,
                    cost: float | None, held: float) -> Settlement:  # fmt: skip
        price = self._rules.price.id if self._rules.price else None
        tier = (reply.tier if reply else None) or self._rules.tier
        return Settlement(work.request.key, outcome, words, reply, cost, held, work.wire, tier, price, work.seconds)

    def _postpone(self, work: Work, delay: float) -> None:
        heapq.heappush(self._later, (monotonic() + delay, next(self._order), work))
        self._wake.set()
