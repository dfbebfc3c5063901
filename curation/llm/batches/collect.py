"""How a batch comes home: its files to disk as they are, then line by line into the journal, each under its custom id.

Order means nothing. The first of two lines about one request counts, a line that is torn or about nothing is told,
and a request without any line is `missing`, unless the batch was cancelled or expired. Reading starts again where it
was torn: what is settled is settled.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal

from curation.errors import AskFailed, Corrupt
from curation.llm.batches.office import Office
from curation.llm.batches.wire import Came, Line, Remote, Undone, read_line
from curation.llm.fates import MAYBE_CHARGED
from curation.llm.work import Round
from curation.records import Reply, Usage
from curation.store.batches import SLICE, Batch, Item
from curation.store.durable import digest_of, written_durably
from curation.store.replies import Settlement

UNDONE: dict[Undone, str] = {
    "expired": "the batch expired before its turn came",
    "cancelled": "the batch was cancelled before its turn came",
    "missing": "no line of the results is about this request",
}


async def collect(office: Office, batch: Batch, remote: Remote, round_: Round) -> Batch:
    """Settle every request of a batch that has ended; AskFailed where its files cannot be had now."""
    batch = await _fetch(office, batch, remote)
    reading = _Reading(office, batch, round_)
    for path in filter(None, (batch.output_path, batch.error_path)):
        await reading.read(office.house / path)
    await reading.settle_rest(remote)
    return _closed(office, batch, reading)


async def _fetch(office: Office, batch: Batch, remote: Remote) -> Batch:
    """Both files on disk, as they came, with their digests written down."""
    batch = await _fetch_one(office, batch, remote, "output", batch.output_path, batch.output_sha256)
    return await _fetch_one(office, batch, remote, "errors", batch.error_path, batch.error_sha256)


async def _fetch_one(
    office: Office, batch: Batch, remote: Remote, what: Literal["output", "errors"], known: str | None,
    sha256: str | None,
) -> Batch:  # fmt: skip
    if known and (office.house / known).is_file() and digest_of(office.house / known) == sha256:
        return batch
    path = office.folder(batch.id) / f"{what}.jsonl"

    async def download() -> bool:
        with written_durably(path) as file:
            return await office.desk.fetch(remote, what, file)

    if not await office.patiently(batch.id, download):
        path.unlink()
        return batch
    office.settings.step(f"{what} fetched")
    column = "output" if what == "output" else "error"
    values = {f"{column}_path": str(path.relative_to(office.house)), f"{column}_sha256": digest_of(path)}
    return office.batches.update(batch.id, **values)


class _Reading:
    """Goes through the files of one batch; counts what is odd about them."""

    def __init__(self, office: Office, batch: Batch, round_: Round) -> None:
        self._office = office
        self._batch = batch
        self._round = round_
        self._seen: set[str] = set()
        self.odd: Counter[str] = Counter()

    async def read(self, path: Path) -> None:
        """Settle what a file says, in slices."""
        with path.open("rb") as file:
            while lines := list(islice(file, SLICE)):
                await self._take(self._first_ones(lines))
                await asyncio.sleep(0)

    def _first_ones(self, texts: Sequence[bytes]) -> dict[str, Line]:
        found: dict[str, Line] = {}
        for text in texts:
            line = read_line(text)
            if line is None:
                self.odd["unreadable"] += bool(text.strip())
            elif line.custom_id in self._seen:
                self.odd["repeated"] += 1
            else:
                self._seen.add(line.custom_id)
                found[line.custom_id] = line
        return found

    async def _take(self, lines: Mapping[str, Line]) -> None:
        batches = self._office.batches
        items = await asyncio.to_thread(batches.named, self._batch.id, lines)
        self.odd["about no request of this batch"] += len(lines) - len(items)
        open_ones = [item for item in items.values() if item.state == "open"]
        requests = await asyncio.to_thread(batches.bodies, [item.key for item in open_ones])
        came: list[tuple[Item, Came]] = []
        for item in open_ones:
            request = requests.get(item.key)
            if request is None:
                came.append((item, AskFailed("erased", "its request was erased by [rules] keep_days")))
            else:
                came.append((item, self._office.desk.read(lines[item.custom_id], request)))
        await self._settle([self._settlement(item, what) for item, what in came])

    def _settlement(self, item: Item, came: Came) -> Settlement:
        price = self._office.rules.price
        if isinstance(came, Reply):
            cost = 0.0 if price is None else price.cost(came.usage, "batch")
            return self._of(item, "reply", reply=came, cost=cost)
        if isinstance(came, AskFailed):
            unknown = price is not None and came.kind in MAYBE_CHARGED
            return self._of(item, came.kind, str(came), cost=None if unknown else 0.0)
        return self._of(item, came, UNDONE[came], cost=0.0)

    def _of(
        self, item: Item, outcome: str, words: str = "", *, reply: Reply | None = None, cost: float | None
    ) -> Settlement:
        price = self._office.rules.price
        held = item.reserve if cost is None else 0.0
        named = price.id if price else None
        return Settlement(item.key, outcome, words, reply, cost, held, item.custom_id, "batch", named)

    async def _settle(self, settlements: Sequence[Settlement]) -> None:
        if not settlements:
            return
        journal = self._office.journal
        await asyncio.gather(*[journal.post(s) for s in settlements])
        for s in settlements:
            self._round.spend(s.cost)
            if s.outcome != "reply":
                self._round.count(s.outcome)
        self._office.settings.step("settled")

    async def settle_rest(self, remote: Remote) -> None:
        """What no line is about; where the provider's own sum leaves nothing over for it, it cost nothing."""
        why = remote.undone
        left = [item for items in self._office.batches.items(self._batch.id, only="open") for item in items]
        costs = self._costs_of_missing(remote, len(left)) if why == "missing" else [0.0] * len(left)
        for start in range(0, len(left), SLICE):
            some = zip(left[start : start + SLICE], costs[start : start + SLICE], strict=True)
            await self._settle([self._of(item, why, UNDONE[why], cost=cost) for item, cost in some])

    def _costs_of_missing(self, remote: Remote, number: int) -> Sequence[float | None]:
        """The sum of usage not explained by any line goes to the first; unknown where there is no such sum."""
        price = self._office.rules.price
        if price is None or not number:
            return [0.0] * number
        used = self._office.batches.used(self._batch.id)
        if remote.tokens is None or used.unknown:
            return [None] * number
        over = Usage(input=max(0, remote.tokens[0] - used.input), output=max(0, remote.tokens[1] - used.output))
        return [price.cost(over, "batch"), *[0.0] * (number - 1)]


def _closed(office: Office, batch: Batch, reading: _Reading) -> Batch:
    """The batch is over: every request of it has an outcome, and what is odd is told."""
    counts = office.batches.counts(batch.id)
    if sum(counts.values()) != batch.requests or counts.get("open"):
        raise Corrupt(f"{office.named(batch)}: its requests came to {counts}, which is not all of them")
    batch = office.batches.finish(batch.id, "collected", input_tokens=office.batches.used(batch.id).input)
    office.settings.step("collected")
    odd = [f"{n} lines were {what}" for what, n in reading.odd.items() if n]
    if odd or counts.keys() != {"reply"}:
        office.settings.notice("; ".join([f"{office.named(batch)} came home: {_sum(counts)}", *odd]))
    return batch


def _sum(counts: Mapping[str, int]) -> str:
    """
    >>> _sum({"reply": 7, "expired": 2, "server": 1})
    '10 = 7 ok + 2 expired + 1 server'
    """
    parts: Iterator[str] = (f"{n:,} {name}" for name, n in sorted(counts.items()) if name != "reply")
    return f"{sum(counts.values()):,} = " + " + ".join([f"{counts.get('reply', 0):,} ok", *parts])
