"""A model asked through its provider's batch interface: half the price, within a day, and no request bought twice.

The first request of each shape of parameters goes online. The rest is packed by number, bytes and enqueued tokens;
what does not fit waits until a batch has come home. What a batch did not answer, and what follows up its replies, goes
into the next one, or online where it is few. A run may leave its batches and be run again tomorrow.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from time import monotonic

from curation.errors import STOPS_RUN, AskFailed, BudgetError, FailureKind, RunStopped, StillhouseError
from curation.llm.batches.keep import Keeper
from curation.llm.batches.office import Office
from curation.llm.batches.pack import Pack, Packer
from curation.llm.batches.submit import intend, new_name, submit
from curation.llm.fates import Fates
from curation.llm.lane import Lane
from curation.llm.work import NOT_SENT, Failure, Round, Work, shape_of
from curation.records import Reply
from curation.store.batches import Batch, Item
from curation.store.replies import Claimed

FEW, SMALL_SHARE = 20, 0.01
"""A rest of less than this many requests, or of this share of all, is a tail."""

KINDS: dict[str, FailureKind] = {"expired": "timeout", "missing": "unreadable", "cancelled": "timeout"}
"""The class of failure that a request without a line ends as, when it has been tried often enough."""


class BatchLane:
    """Asks all requests of one model in batches; `lane` asks the few that go online."""

    def __init__(self, lane: Lane, office: Office, round_: Round) -> None:
        self._lane = lane
        self._round = round_
        self._office = office
        self._keeper = Keeper(office, round_)
        self._packer = Packer(office)
        self._fates = Fates(office.desk.host, office.rules.sampling)
        self._fresh: Iterator[Work | None] = iter(())
        self._dry = False
        self._again: deque[Work] = deque()
        """Asked before: what failed, what follows up a reply, what could not be paid for or is asked elsewhere."""
        self._waiting: dict[str, dict[str, list[Work]]] = {}
        self._failed: dict[str, Item] = {}
        self._proven: set[str] = set()
        self._seen = 0
        self._online: asyncio.Task[None] | None = None

    async def run(self, works: Iterator[Work | None]) -> None:
        """Until every request is settled, or those that are not wait in batches and the run is not to wait for them."""
        self._fresh = works
        with self._keeper.held:
            try:
                await self._go_on()
            except StillhouseError as error:
                self._round.stop(error)
            finally:
                await self._end()

    async def _end(self) -> None:
        if self._online is not None:
            if not self._round.error:
                self._online.cancel()
            await asyncio.gather(self._online, return_exceptions=True)
        await self._office.desk.close()

    async def _go_on(self) -> None:
        while not self._round.error:
            await self._send()
            home = await self._keeper.look(self._waiting)
            for batch in home:
                await self._home(batch)
            if self._round.error or self._is_done():
                return
            if home:
                continue
            if not (self._office.settings.wait or self._online or (self._again and not self._waiting)):
                self._leave()
                return
            await self._sleep()

    def _is_done(self) -> bool:
        return self._dry and not (self._again or self._waiting or self._online or self._packer.set_aside)

    def _leave(self) -> None:
        """Count what waits; the next run goes on with it."""
        inside = sum(len(works) for batch in self._waiting.values() for works in batch.values())
        outside = len(self._again) + self._packer.set_aside + sum(work is not None for work in self._fresh)
        self._round.waiting += inside + outside
        self._office.settings.notice(
            f"{inside:,} requests wait in {len(self._waiting)} batches at {self._office.desk.host}"
            + (f", {outside:,} more for their turn" if outside else "")
            + "; run again to go on"
        )

    async def _sleep(self) -> None:
        tasks = [self._online] if self._online else []
        pause = asyncio.ensure_future(asyncio.sleep(self._keeper.pause()))
        await asyncio.wait([*tasks, pause], return_when=asyncio.FIRST_COMPLETED)
        pause.cancel()
        await asyncio.gather(pause, return_exceptions=True)

    # --- sending -----------------------------------------------------------------------------------------------

    async def _send(self) -> None:
        if self._online is not None:
            if not self._online.done():
                return
            online, self._online = self._online, None
            online.result()
        while not self._round.error and monotonic() >= self._keeper.not_before:
            pack = await self._packer.fill(self._next)
            for work, failed in pack.refused:
                self._follow(work, failed)
            if not pack.works or self._goes_online(pack) or not await self._submit(pack):
                return

    def _next(self) -> Work | None:
        """What is packed next: what was never asked, then, once nothing is out any more, what is asked again."""
        while not self._dry:
            try:
                work = next(self._fresh)
            except StopIteration:
                self._dry = True
                break
            if work is not None and not self._known_to_fail(work):
                self._seen += 1
                return work
        if not self._again or (self._waiting and len(self._again) < self._packer.most_requests):
            return None
        return self._again.popleft()

    def _known_to_fail(self, work: Work) -> bool:
        """A batch of an earlier run came home before this request was drawn, and says that it failed for good."""
        item = self._failed.pop(work.request.key, None)
        if item is None:
            return False
        self._outcome(work, item, None)
        return True

    def _goes_online(self, pack: Pack) -> bool:
        """Whether something is asked online before this is sent: the first of an unproven shape, or a small rest."""
        busy = self._office.batches.holders(w.request.key for w in pack.works)
        is_rest = self._dry and not self._again and not self._packer.set_aside and pack.is_tail and not busy
        if is_rest and self._office.settings.tail_online and self._is_small(len(pack.works)):
            self._start_online(pack.works, shape=None)
            return True
        for work in pack.works:
            shape = shape_of(work.request)
            if shape not in self._proven and work.request.key not in busy:
                self._packer.put_back([w for w in pack.works if w is not work])
                self._start_online([work], shape)
                return True
        return False

    def _is_small(self, number: int) -> bool:
        return number < max(FEW, SMALL_SHARE * self._seen)

    def _start_online(self, works: Sequence[Work], shape: str | None) -> None:
        self._online = asyncio.create_task(self._ask_online(works, shape))

    async def _ask_online(self, works: Sequence[Work], shape: str | None) -> None:
        await self._lane.run(iter(works))
        if shape is not None and not isinstance(self._round.results.get(works[0].ask.request.key), Failure):
            self._proven.add(shape)

    async def _submit(self, pack: Pack) -> bool:
        """Buy a pack in one batch; False where it is better to look around before the next one is packed."""
        ident = new_name()
        self._keeper.own(ident)
        answers = await intend(self._office, ident, self._round.purpose, pack.works)
        before = len(self._again)
        mine = self._sorted(pack.works, answers)
        for work in mine:
            work.tries += 1
            self._wait_for(work, ident)
        if mine:
            self._round.calls += len(mine)
            await submit(self._office, ident, mine, pack.tokens)
        return len(self._again) == before

    def _wait_for(self, work: Work, batch: str) -> None:
        self._waiting.setdefault(batch, {}).setdefault(work.request.key, []).append(work)

    def _sorted(self, works: Sequence[Work], answers: Sequence[Claimed]) -> list[Work]:
        """Those to be sent; the others are answered, wait elsewhere, or wait for money."""
        answered = list(zip(works, answers, strict=True))
        holders = self._office.batches.holders(w.request.key for w, answer in answered if answer == "taken")
        for work, answer in answered:
            if answer == "taken" and (batch := holders.get(work.request.key)) is not None:
                self._wait_for(work, batch)
            elif answer != "yours":
                self._not_sent(work, answer)
        return [work for work, answer in answered if answer == "yours"]

    def _not_sent(self, work: Work, answer: Claimed) -> None:
        if isinstance(answer, Reply):
            self._answered(work, answer)
        elif answer in ("erased", "held_back"):
            self._fail(work, AskFailed(answer, NOT_SENT[answer]))
        else:  # no money for now, or for good; or another process is asking it online
            self._again.append(work)
            if answer == "over_budget":
                self._round.stop(self._over_budget(work))

    def _over_budget(self, work: Work) -> BudgetError:
        return BudgetError(
            f"the budget in task.toml [budget] is used up: the next request to {work.ask.model.model} may cost "
            f"${work.reserve:.4f} in a batch; every reply paid for is kept, raise usd and run again"
        )

    # --- coming home -------------------------------------------------------------------------------------------

    async def _home(self, batch: Batch) -> None:
        """A batch holds nothing any more: what became of each request that this run waits for."""
        works = self._waiting.pop(batch.id, {})
        self._packer.learn(batch)
        for items in self._office.batches.items(batch.id):
            replies = self._office.journal.replies.find(i.key for i in items if i.outcome == "reply" and i.key in works)
            for item in items:
                for work in works.pop(item.key, []):
                    self._outcome(work, item, replies.get(item.key))
                if item.state == "done" and item.outcome != "reply":
                    self._failed[item.key] = item
            await asyncio.sleep(0)

    def _outcome(self, work: Work, item: Item, reply: Reply | None) -> None:
        outcome, words = item.outcome or "", item.words or ""
        if reply is not None:
            self._fates.forget()
            self._round.heard(work.ask, reply)
            self._answered(work, reply)
        elif not outcome:  # the batch never was: it is as if it had not been tried
            work.tries = max(0, work.tries - 1)
            self._again.append(work)
        elif outcome == "cancelled":
            self._again.append(work)
            self._round.stop(RunStopped("a batch was cancelled; run again to ask the rest of it"))
        else:
            self._follow(work, AskFailed(KINDS.get(outcome, outcome), words))  # pyright: ignore[reportArgumentType]

    def _follow(self, work: Work, failed: AskFailed) -> None:
        fate = self._fates.of(work, failed)
        if fate.what == "again":
            self._round.retries += 1
            self._again.append(work)
        elif fate.error is not None:
            self._round.stop(fate.error)
            if failed.kind not in STOPS_RUN:
                self._fail(work, failed)
        elif work.turns:
            self._round.finish(work.ask.request.key, work.turns[-1].reply)
        else:
            self._fail(work, failed)

    def _fail(self, work: Work, failed: AskFailed) -> None:
        key = work.ask.request.key
        self._round.finish(key, Failure(key, failed.kind, str(failed), work.tries))

    def _answered(self, work: Work, reply: Reply) -> None:
        if work.went_on(reply, self._office.rules.sampling):
            self._round.count(work.why)
            self._again.append(work)
        else:
            self._round.finish(work.ask.request.key, reply)
