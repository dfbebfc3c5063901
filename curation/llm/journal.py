"""Group commit: whatever waits to be claimed or settled at one moment goes to disk in one transaction."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from curation.store.replies import Claim, Claimed, Owner, Replies, Settlement

FLUSH = "stillhouse-journal"
"""Name of the task that writes; whoever cancels tasks leaves it alone."""


@dataclass(frozen=True)
class _Waiting:
    item: Claim | Settlement
    answer: "asyncio.Future[Claimed | None]"


class Journal:
    """The asynchronous face of `Replies`; what it returns is durable."""

    def __init__(self, replies: Replies, owner: Owner, cap: float | None) -> None:
        self._replies = replies
        self._owner = owner
        self._cap = cap
        self._waiting: list[_Waiting] = []
        self._flusher: asyncio.Task[None] | None = None
        self._executor = ThreadPoolExecutor(1, "stillhouse-journal")

    async def claim(self, claim: Claim) -> Claimed:
        """Ask for the right to buy a reply."""
        answer = await self._put(claim)
        assert answer is not None
        return answer

    async def settle(self, settlement: Settlement) -> None:
        """Record what became of an attempt."""
        await self._put(settlement)

    def post(self, settlement: Settlement) -> None:
        """Record it with the next transaction, without waiting."""
        self._put(settlement)

    def _put(self, item: Claim | Settlement) -> "asyncio.Future[Claimed | None]":
        loop = asyncio.get_running_loop()
        waiting = _Waiting(item, loop.create_future())
        self._waiting.append(waiting)
        if self._flusher is None or self._flusher.done():
            self._flusher = loop.create_task(self._flush(), name=FLUSH)
        return waiting.answer

    async def _flush(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            done = asyncio.get_running_loop().run_in_executor(self._executor, self._commit, batch)
            await asyncio.wait([done])
            error = done.exception()
            for waiting, answer in zip(batch, [None] * len(batch) if error else done.result(), strict=True):
                if waiting.answer.done():  # whoever waited was cancelled
                    if answer == "yours" and isinstance(waiting.item, Claim):
                        self.post(Settlement(waiting.item.request.key, "lost", "given up before it was sent"))
                elif error:
                    waiting.answer.set_exception(error)
                else:
                    waiting.answer.set_result(answer)

    def _commit(self, batch: list[_Waiting]) -> list[Claimed | None]:
        claims = [w.item for w in batch if isinstance(w.item, Claim)]
        settlements = [w.item for w in batch if isinstance(w.item, Settlement)]
        granted = iter(self._replies.commit(self._owner, claims, settlements, cap=self._cap))
        return [next(granted) if isinstance(w.item, Claim) else None for w in batch]

    async def drain(self) -> None:
        """Until everything posted is written."""
        if self._flusher is not None:
            await asyncio.wait([self._flusher])

    def close(self) -> None:
        """Wait for the last transaction."""
        self._executor.shutdown()
