"""Anthropic's Message Batches: a batch carries its requests itself, and no name of ours but their custom ids.

The lines travel from the file as they lie there, so that a batch of 256 MB is never in memory.
"""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import IO, Literal

from curation.llm.anthropic import Anthropic, read_message
from curation.llm.batches.calls import Caller
from curation.llm.batches.wire import (
    AnthropicBatch,
    AnthropicBatches,
    Came,
    Found,
    Line,
    Remote,
    read_anthropic,
    read_line,
)
from curation.llm.protocol import read_wire
from curation.records import Request
from curation.store.batches import Batch

PATH = "/v1/messages/batches"
PAGE = 100
BEFORE, BETWEEN, AFTER = b'{"requests":[', b",", b"]}"


class AnthropicDesk:
    """The message batches of one model; `completed` fills in what a host wants in every request."""

    dialect = "anthropic-batch"
    most_requests = 100_000
    most_bytes = 256 * 1000 * 1000

    def __init__(
        self,
        inner: Anthropic,
        *,
        name: str | None = None,
        host: str | None = None,
        completed: Callable[[Request], Request] = lambda request: request,
    ) -> None:
        self.provider = name or inner.name
        self.host = host or inner.host
        self._inner = inner
        self._completed = completed
        client = inner.client
        headers = {**client.default_headers, **client.auth_headers}
        self._calls = Caller(str(client.base_url), headers, client.api_key, client.timeout)

    def line(self, custom_id: str, request: Request) -> bytes:
        """A request as one line of a batch; AskFailed for parameters that would fail hours later."""
        line = {"custom_id": custom_id, "params": self._inner.body(self._completed(request))}
        return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

    async def upload(self, batch: str, file: Path) -> str | None:
        """Nothing is sent ahead here."""
        return None

    async def create(self, batch: Batch, file: Path) -> Remote:
        """Create the batch from the lines in the file."""
        size = file.stat().st_size + len(BEFORE) + len(AFTER) - 1  # a comma for each newline but the last
        headers = {"content-type": "application/json", "content-length": str(size)}
        return self._remote(await self._calls.text("POST", PATH, content=_document(file), headers=headers))

    async def look(self, remote_id: str) -> Remote:
        """How a batch stands."""
        return self._remote(await self._calls.text("GET", f"{PATH}/{remote_id}"))

    def _remote(self, text: str) -> Remote:
        return read_wire(AnthropicBatch, text, self.host).remote()

    async def find(self, batch: Batch, known: set[str], since: float) -> Found:
        """By time and number of requests; once it has ended, by the custom ids of its results."""
        surely: list[Remote] = []
        possibly: list[Remote] = []
        async for remote in self._listed(since):
            if remote.id in known or remote.total not in (None, batch.requests):
                continue
            if remote.phase != "ended":
                possibly.append(remote)
            elif await self._is_ours(remote, batch):
                surely.append(remote)
        return Found(tuple(surely), tuple(possibly))

    async def _listed(self, since: float) -> AsyncIterator[Remote]:
        query = {"limit": str(PAGE)}
        while True:
            page = read_wire(AnthropicBatches, await self._calls.text("GET", PATH, params=query), self.host)
            recent = [r for r in (b.remote() for b in page.data) if r.created_at is None or r.created_at >= since]
            for remote in recent:
                yield remote
            if not page.has_more or page.last_id is None or not recent:
                return
            query["after_id"] = page.last_id

    async def _is_ours(self, remote: Remote, batch: Batch) -> bool:
        async with self._calls.stream(f"{PATH}/{remote.id}/results") as answer:
            async for text in answer.aiter_lines():
                if line := read_line(text.encode()):
                    return line.custom_id.startswith(f"{batch.id}_")
        return False

    async def cancel(self, remote_id: str) -> None:
        """Ask for the end of a batch."""
        await self._calls.text("POST", f"{PATH}/{remote_id}/cancel")

    async def fetch(self, remote: Remote, what: Literal["output", "errors"], to: IO[bytes]) -> bool:
        """Write the results as they come; there is one file for all outcomes.

        They are asked for where the batch is, not where `results_url` says: the key goes to no address but our own.
        """
        if what == "errors":
            return False
        async with self._calls.stream(f"{PATH}/{remote.id}/results") as answer:
            async for some in answer.aiter_bytes():
                to.write(some)
        return True

    def read(self, line: Line, request: Request) -> Came:
        """What a line of results says about its request."""
        return read_anthropic(line, request, self.host, read_message)

    async def close(self) -> None:
        """Give back the connections."""
        await self._calls.close()


async def _document(file: Path) -> AsyncIterator[bytes]:
    """The lines of a file as one JSON document."""
    yield BEFORE
    with file.open("rb") as lines:
        for number, line in enumerate(lines):
            yield (BETWEEN if number else b"") + line.rstrip(b"\n")
    yield AFTER
