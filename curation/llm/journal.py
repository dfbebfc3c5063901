"""Group commit: whatever waits to be claimed or settled at one moment goes to disk in one transaction."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from curation.records import Request
from curation.store.batches import NewBatch
from curation.store.replies import Claim, Claimed, Owner, Replies, Settlement

Guard = Callable[[Request], Collection[str]]
"""The kinds of personal data in a request, for which it must not leave."""
FLUSH = "stillhouse-journal"
"""Name of the task that writes; whoever cancels tasks leaves it alone."""


@dataclass(frozen=True)
class _Claims:
    items: Sequence[Claim]
    answer: "asyncio.Future[list[Claimed]]"


@dataclass(frozen=True)
class _Settled:
    item: Settlement
    answer: "asyncio.Future[None]"


class Journal:
    """The asynchronous face of `Replies`; what it returns is durable."""

    def __init__(self, replies: Replies, owner: Owner, cap: float | None, guard: Guard | None = None) -> None:
        self.replies = replies
        self.owner = owner
        self.cap = cap
        self._guard = guard
        self._claims: list[_Claims] = []
        self._settled: list[_Settled] = []
        self._release: list[str] = []
        self._flusher: asyncio.Task[None] | None = None
        self._executor = ThreadPoolExecutor(1, "stillhouse-journal")

    async def claim(self, claims: Sequence[Claim]) -> list[Claimed]:
        """Ask for the right to buy replies; one answer per claim, in order."""
        free = self._free(claims)
        waiting = _Claims(free, asyncio.get_running_loop().create_future())
        self._claims.append(waiting)
        self._start()
        return self._all(claims, free, await waiting.answer)

    async def settle(self, settlement: Settlement) -> None:
        """Record what became of an attempt."""
        await self.post(settlement)

    def post(self, settlement: Settlement) -> "asyncio.Future[None]":
        """Record it with the next transaction, without waiting."""
        waiting = _Settled(settlement, asyncio.get_running_loop().create_future())
        self._settled.append(waiting)
        self._start()
        return waiting.answer

    async def enqueue(self, batch: NewBatch, claims: Sequence[Claim]) -> list[Claimed]:
        """Write down the intent to buy requests in one batch; one answer per claim, in order."""
        free = self._free(claims)
        write = partial(self.replies.enqueue, self.owner, batch, free, cap=self.cap)
        answers = await asyncio.get_running_loop().run_in_executor(self._executor, write)
        return self._all(claims, free, answers)

    def _free(self, claims: Sequence[Claim]) -> Sequence[Claim]:
        """The claims whose requests may leave the house."""
        return claims if self._guard is None else [c for c in claims if not self._guard(c.request)]

    @staticmethod
    def _all(claims: Sequence[Claim], free: Sequence[Claim], answers: Sequence[Claimed]) -> list[Claimed]:
        if len(free) == len(claims):
            return list(answers)
        known = dict(zip(map(id, free), answers, strict=True))
        return [known.get(id(claim), "held_back") for claim in claims]

    def release(self, keys: Sequence[str]) -> None:
        """Give back claims that were never used, with the next transaction."""
        self._release.extend(keys)
        self._start()

    def _start(self) -> None:
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.get_running_loop().create_task(self._flush(), name=FLUSH)

    async def _flush(self) -> None:
        while self._claims or self._settled or self._release:
            claims, self._claims = self._claims, []
            settled, self._settled = self._settled, []
            release, self._release = self._release, []
            done = asyncio.get_running_loop().run_in_executor(self._executor, self._commit, claims, settled, release)
            await asyncio.wait([done])
            error = done.exception()
            for waiting in settled:
                _resolve(waiting.answer, None, error)
            for waiting, answer in zip(claims, [[] for _ in claims] if error else done.result(), strict=True):
                if not _resolve(waiting.answer, answer, error):  # whoever asked was cancelled
                    mine = [c.request.key for c, a in zip(waiting.items, answer, strict=False) if a == "yours"]
                    self._release.extend(mine)

    def _commit(
        self, claims: Sequence[_Claims], settled: Sequence[_Settled], release: Sequence[str]
    ) -> list[list[Claimed]]:
        wanted = [item for some in claims for item in some.items]
        granted = iter(
            self.replies.commit(self.owner, wanted, [s.item for s in settled], release=release, cap=self.cap)
        )
        return [[next(granted) for _ in some.items] for some in claims]

    async def drain(self) -> None:
        """Until everything posted is written."""
        if self._flusher is not None:
            await asyncio.wait([self._flusher])

    def close(self) -> None:
        """Wait for the last transaction."""
        self._executor.shutdown()


def _resolve(future: "asyncio.Future[Any]", value: object, error: BaseException | None) -> bool:
    """Tell whoever waits; False when nobody does any more."""
    if future.done():
        return False
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)
    return True
