"""Looks after the open batches of one model: one process at a time, patiently, until each has come home."""

import asyncio
from collections import Counter
from collections.abc import Collection
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from time import monotonic

from curation.errors import RETRYABLE, AskFailed, ProviderError
from curation.llm.batches.collect import collect
from curation.llm.batches.office import Office
from curation.llm.batches.pack import TOO_MUCH, TOO_MUCH_WORDS
from curation.llm.batches.submit import recover
from curation.llm.batches.wire import Remote, seconds_of
from curation.llm.protocol import kind_of
from curation.llm.work import Round
from curation.records import draw
from curation.store.batches import Batch, alone
from curation.store.replies import Settlement

LATE = 20 * 3600.0
"""Seconds after which a batch that has not ended is told: providers give up after 24 hours."""


class Keeper:
    """Owns batches while it lives (`held` gives them back) and moves each on by one step at a time."""

    def __init__(self, office: Office, round_: Round) -> None:
        self._office = office
        self._round = round_
        self._owned: set[str] = set()
        self._told: set[str] = set()
        self._unseen: Counter[str] = Counter()
        self._polls = 0
        self._too_much = 0
        self.held = ExitStack()
        self.not_before = 0.0
        """Nothing is submitted before this time of the monotonic clock."""

    def own(self, ident: str) -> bool:
        """Whether this process is the one that works on a batch."""
        if ident not in self._owned and self.held.enter_context(alone(self._office.house, ident)):
            self._owned.add(ident)
        return ident in self._owned

    async def look(self, waiting: Collection[str]) -> list[Batch]:
        """Ask about every open batch once; those that hold nothing any more, and those others brought home."""
        open_ones = {b.id: b for b in self._office.open_batches()}
        over = [self._office.batches.get(ident) for ident in waiting if ident not in open_ones]
        for batch in open_ones.values():
            if not self.own(batch.id):
                continue
            now = await self._advance(self._office.batches.get(batch.id))
            if not now.is_open:
                over.append(now)
        self._polls = 0 if over else self._polls + 1
        return over

    def pause(self) -> float:
        """Seconds until it is worth asking again: longer each time nothing has changed, never in step with others."""
        settings = self._office.settings
        grown = min(max(settings.longest_poll, settings.poll), settings.poll * 1.5**self._polls)
        return grown * (0.75 + draw(0, "poll", self._office.model, self._polls) / 2)

    async def _advance(self, batch: Batch) -> Batch:
        if batch.state in ("intent", "uploaded", "sending"):
            return await recover(self._office, batch)
        try:
            remote = await self._office.desk.look(batch.remote_id or "")
            self._tell(batch, remote)
            if remote.phase == "ended":
                batch = self._office.batches.update(batch.id, state="ended")
                self._office.settings.step("ended")
                return await collect(self._office, batch, remote, self._round)
        except AskFailed as failed:
            self._not_seen(batch, failed)
            return batch
        self._unseen.pop(batch.id, None)
        return await self._failed(batch, remote) if remote.phase == "failed" else batch

    def _tell(self, batch: Batch, remote: Remote) -> None:
        """What a person should know, once; how far it is, while there is a count."""
        if remote.expires_at and remote.expires_at != batch.expires_at:
            self._office.batches.update(batch.id, expires_at=remote.expires_at)
        if remote.phase == "unknown":
            words = f"says {remote.status!r}, which is no status known here; it is asked about again"
            self._once(f"{remote.id} {remote.status}", f"{self._office.named(batch)} {words}")
        age = datetime.now(UTC).timestamp() - (seconds_of(batch.sent_at) or 0.0)
        if remote.phase != "ended" and age > LATE:
            self._once(f"{remote.id} late", f"{self._office.named(batch)} has been out for {age / 3600:.0f} hours")

    def _once(self, what: str, words: str) -> None:
        if what not in self._told:
            self._told.add(what)
            self._office.settings.notice(words)

    def _not_seen(self, batch: Batch, failed: AskFailed) -> None:
        """No answer is no news; a batch that this key may not see is told as an error after a while."""
        if failed.kind in RETRYABLE:
            return
        self._unseen[batch.id] += 1
        if failed.kind != "unknown_model" or self._unseen[batch.id] >= self._office.rules.sampling.attempts:
            raise ProviderError(
                f"{self._office.named(batch)} cannot be seen ({failed.kind}): {failed}; was it made with another key? "
                "Its requests stay reserved until it is seen again or cancelled"
            )

    async def _failed(self, batch: Batch, remote: Remote) -> Batch:
        """It was refused as a whole, after it was taken: nothing of it was bought."""
        words = "; ".join(f"{p.code}: {p.words}" for p in remote.problems) or f"status {remote.status!r}"
        if any(p.code in TOO_MUCH for p in remote.problems):
            self._too_much += 1
            self.not_before = monotonic() + min(self._office.settings.longest_poll, self.pause() * 2**self._too_much)
            return self._office.batches.finish(batch.id, "failed", words=TOO_MUCH_WORDS + words)
        wrong = {p.line - 1: p for p in remote.problems if p.line is not None}
        if not wrong:
            batch = self._office.batches.finish(batch.id, "failed", words=words)
            code = remote.problems[0].code if remote.problems else None
            raise self._office.refused(batch, AskFailed(kind_of(400, code, None), words))
        settled: list[Settlement] = []
        for items in self._office.batches.items(batch.id):
            for item in items:
                if (p := wrong.get(item.position)) is not None:
                    said = f"{p.code}: {p.words}"
                    settled.append(
                        Settlement(item.key, kind_of(400, p.code, None), said, wire=item.custom_id, tier="batch")
                    )
        await asyncio.gather(*[self._office.journal.post(s) for s in settled])
        return self._office.batches.finish(batch.id, "failed", words=words)


async def bring_home(office: Office, round_: Round, *, cancel: bool) -> list[Batch]:
    """Every open batch of one model, to its end, whoever asked for it; `cancel` asks the provider to end it now."""
    keeper = Keeper(office, round_)
    over: list[Batch] = []
    asked: set[str] = set()
    try:
        with keeper.held:
            while open_ones := [b for b in office.open_batches() if keeper.own(b.id)]:
                for batch in open_ones:
                    if cancel and batch.state == "created" and batch.id not in asked:
                        asked.add(batch.id)
                        await office.patiently(batch.id, partial(office.desk.cancel, batch.remote_id or ""))
                over += (home := await keeper.look(()))
                if not home:
                    await asyncio.sleep(keeper.pause())
    finally:
        await office.desk.close()
    return over
