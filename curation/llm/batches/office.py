"""What working on one model's batches needs, and how long it waits for what."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from curation.errors import RETRYABLE, AskFailed, ProviderError, RunStopped
from curation.llm.batches.wire import Desk
from curation.llm.fates import backoff
from curation.llm.journal import Journal
from curation.llm.lane import Rules
from curation.store.batches import Batch, Batches

T = TypeVar("T")


def _nothing(_: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class BatchSettings:
    """How patient the batch mode is; times in seconds. `step` is called between the steps that must not be torn."""

    wait: bool = True
    """Whether a run waits for its batches, or leaves them for the next run."""
    poll: float = 30.0
    """Until a batch is first asked about again; longer each time, up to `longest_poll`."""
    longest_poll: float = 600.0
    settle: float = 60.0
    """How long after an unanswered `create` the batch may still turn up in the provider's list."""
    tail_online: bool = True
    """Whether a small rest is asked at once, at the full price, rather than in one more batch."""
    notice: Callable[[str], None] = _nothing
    step: Callable[[str], None] = _nothing


@dataclass(frozen=True)
class Office:
    """One model's desk, the books it is written down in, and the rules that hold."""

    model: str
    desk: Desk
    journal: Journal
    rules: Rules
    settings: BatchSettings = field(default_factory=BatchSettings)

    @cached_property
    def batches(self) -> Batches:
        """The table of batches."""
        return Batches(self.journal.replies.database)

    def open_batches(self) -> list[Batch]:
        """The model's batches that hold requests, oldest first, whoever asked for them."""
        return self.batches.of(self.desk.provider, self.desk.host, self.model)

    @property
    def house(self) -> Path:
        """The folder the store lies in."""
        return self.journal.replies.house

    def folder(self, ident: str) -> Path:
        """Where the files of a batch lie: scrubbed prompts, and replies as they came."""
        return self.house / "batches" / ident

    def named(self, batch: Batch) -> str:
        """A batch, for people."""
        remote = f" ({batch.remote_id})" if batch.remote_id else ""
        return f"batch {batch.id}{remote} of {batch.requests:,} requests to {batch.model} at {self.desk.host}"

    def refused(self, batch: Batch, failed: AskFailed) -> ProviderError:
        """The error of a batch that the provider does not take."""
        error = RunStopped if failed.kind in ("invalid_parameter", "too_long") else ProviderError
        return error(f"{self.named(batch)} was refused ({failed.kind}): {failed}; every reply paid for is kept")

    async def patiently(self, ident: str, call: Callable[[], Awaitable[T]], *, only: frozenset[str] = RETRYABLE) -> T:
        """A call that may be repeated, with growing pauses, as often as a request may be tried."""
        tries = 0
        while True:
            tries += 1
            try:
                return await call()
            except AskFailed as failed:
                if failed.kind not in only or tries >= self.rules.sampling.attempts:
                    raise
                await asyncio.sleep(min(self.settings.poll, backoff(ident, tries, failed.retry_after)))
