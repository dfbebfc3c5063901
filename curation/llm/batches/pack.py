"""What goes into one batch: as much as its provider takes at once, by number, by bytes and by tokens that may wait."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from curation.errors import AskFailed, ProviderError
from curation.llm.batches.office import Office
from curation.llm.batches.submit import custom_id, new_name
from curation.llm.work import BYTES_PER_TOKEN, Work
from curation.store.batches import Batch

SERVED = 64
"""Requests packed before the loop serves whoever else waits."""


@dataclass
class Pack:
    """The requests of one batch to be; `refused` cannot be asked at all."""

    works: list[Work] = field(default_factory=list[Work])
    refused: list[tuple[Work, AskFailed]] = field(default_factory=list[tuple[Work, AskFailed]])
    bytes: int = 0
    tokens: float = 0.0

    @property
    def is_tail(self) -> bool:
        """Whether all of it was tried before or follows up a reply."""
        return all(w.tries or w.turns for w in self.works)


class Packer:
    """Fills batches of one model; remembers what a provider refused to have waiting."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._back: deque[Work] = deque()
        self._learnt: float | None = None
        self._ratio: float | None = None
        self._size_of_name = len(custom_id(new_name(), "0" * 64))

    @property
    def most_requests(self) -> int:
        """How many requests one batch takes."""
        return min(self._office.rules.sampling.batch_requests, self._office.desk.most_requests)

    @property
    def set_aside(self) -> int:
        """How many were drawn and found no room."""
        return len(self._back)

    def put_back(self, works: Sequence[Work]) -> None:
        """These are drawn first the next time."""
        self._back.extendleft(reversed(works))

    async def fill(self, draw: Callable[[], Work | None]) -> Pack:
        """The next batch, empty where nothing is left or nothing may wait with the provider besides what does."""
        pack, room = Pack(), self._room()
        if room is not None and room <= 0:
            return pack
        while len(pack.works) < self.most_requests:
            work = self._back.popleft() if self._back else draw()
            if work is None:
                break
            try:
                size = len(self._office.desk.line("0" * self._size_of_name, work.request))
            except AskFailed as failed:
                pack.refused.append((work, failed))
                continue
            if not self._fits(pack, size, room):
                self._back.appendleft(work)
                break
            pack.works.append(work)
            pack.bytes += size
            pack.tokens += size * self._per_byte()
            if len(pack.works) % SERVED == 0:
                await asyncio.sleep(0)
        return pack

    def _fits(self, pack: Pack, size: int, room: float | None) -> bool:
        if not pack.works:  # one that is too large for an empty house is for the provider to judge
            return room is None or size * self._per_byte() <= room or not self._enqueued()
        tokens = pack.tokens + size * self._per_byte()
        return pack.bytes + size <= self._office.desk.most_bytes and (room is None or tokens <= room)

    def _per_byte(self) -> float:
        if self._ratio is None:
            office = self._office
            known = office.batches.tokens_per_byte(office.desk.provider, office.desk.host, office.model)
            self._ratio = known or 1 / BYTES_PER_TOKEN
        return self._ratio

    def _enqueued(self) -> int:
        return sum(b.tokens for b in self._office.open_batches())

    def _room(self) -> float | None:
        limits = [x for x in (self._office.rules.sampling.batch_tokens, self._learnt) if x is not None]
        return min(limits) - self._enqueued() if limits else None

    def learn(self, batch: Batch) -> None:
        """A batch came home, or was too much: the limit is found by halving and doubling.

        Raises ProviderError where a single request is too much for an empty house.
        """
        self._ratio = None
        if batch.state == "collected":
            self._learnt = None if self._learnt is None else self._learnt * 2
        elif batch.state == "failed" and (batch.words or "").startswith(TOO_MUCH_WORDS):
            others = self._enqueued()
            if batch.requests == 1 and not others:
                raise ProviderError(f"{self._office.named(batch)} is refused even alone: {batch.words}")
            self._learnt = (others + batch.tokens) / 2


TOO_MUCH = frozenset({"token_limit_exceeded", "too_many_enqueued_tokens", "rate_limit_exceeded"})
"""Codes of a batch that failed only because too much waits already."""

TOO_MUCH_WORDS = "too much waits: "
