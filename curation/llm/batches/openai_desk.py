"""OpenAI's Batch interface, and those that imitate it: a file is uploaded, a batch made of it, its files fetched.

What comes back is read by our own tolerant records, because imitations leave fields out and spell statuses their
own way.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import IO, Literal

from curation.llm.batches.calls import Caller
from curation.llm.batches.wire import (
    METADATA,
    Came,
    Found,
    Line,
    OpenAIBatch,
    OpenAIBatches,
    Remote,
    read_openai,
)
from curation.llm.openai import REFUSED_CODES, OpenAI
from curation.llm.protocol import read_wire
from curation.records import Reply, Request
from curation.store.batches import Batch

PAGE = 100


class OpenAIDesk:
    """The batches of one model; `completed` fills in what a host wants in every request."""

    dialect = "openai-batch"
    most_requests = 50_000
    most_bytes = 200 * 1000 * 1000

    def __init__(
        self,
        inner: OpenAI,
        *,
        name: str | None = None,
        host: str | None = None,
        completed: Callable[[Request], Request] = lambda request: request,
    ) -> None:
        self.provider = name or inner.name
        self.host = host or inner.host
        self._inner = inner
        self._completed = completed
        self._url = "/v1/chat/completions" if inner.wire == "chat" else "/v1/responses"
        client = inner.endpoint.client
        self._calls = Caller(str(client.base_url), inner.endpoint.headers(), client.api_key, client.timeout)

    def line(self, custom_id: str, request: Request) -> bytes:
        """A request as one line of a batch."""
        body = self._inner.body(self._completed(request))
        line = {"custom_id": custom_id, "method": "POST", "url": self._url, "body": body}
        return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

    async def upload(self, batch: str, file: Path) -> str | None:
        """Send the lines ahead; a file that never becomes part of a batch costs nothing."""
        with file.open("rb") as lines:
            part = (f"stillhouse-{batch}.jsonl", lines, "application/jsonl")
            text = await self._calls.text("POST", "/files", data={"purpose": "batch"}, files={"file": part})
        return read_wire(OpenAIBatch, text, self.host).id

    async def create(self, batch: Batch, file: Path) -> Remote:
        """Create the batch under our own name of it."""
        wanted = {
            "input_file_id": batch.remote_file, "endpoint": self._url, "completion_window": "24h",
            "metadata": {METADATA: batch.id},
        }  # fmt: skip
        return self._remote(await self._calls.text("POST", "/batches", json=wanted))

    async def look(self, remote_id: str) -> Remote:
        """How a batch stands."""
        return self._remote(await self._calls.text("GET", f"/batches/{remote_id}"))

    def _remote(self, text: str) -> Remote:
        return read_wire(OpenAIBatch, text, self.host).remote()

    async def find(self, batch: Batch, known: set[str], since: float) -> Found:
        """By our name in its metadata, or by its input file where a host drops metadata."""
        surely: list[Remote] = []
        seen: set[str] = set()
        query = {"limit": str(PAGE)}
        while True:  # every page: an imitation may list the oldest first, and absence has to be proven
            page = read_wire(OpenAIBatches, await self._calls.text("GET", "/batches", params=query), self.host)
            remotes = [b.remote() for b in page.data if b.id not in seen]
            surely += [r for r in remotes if self._is(r, batch)]
            if not remotes or not (len(page.data) >= PAGE if page.has_more is None else page.has_more):
                return Found(tuple(surely))
            seen |= {r.id for r in remotes}
            query["after"] = remotes[-1].id

    def _is(self, remote: Remote, batch: Batch) -> bool:
        return remote.local == batch.id or (remote.input_file is not None and remote.input_file == batch.remote_file)

    async def cancel(self, remote_id: str) -> None:
        """Ask for the end of a batch."""
        await self._calls.text("POST", f"/batches/{remote_id}/cancel")

    async def fetch(self, remote: Remote, what: Literal["output", "errors"], to: IO[bytes]) -> bool:
        """Write one of the two result files as it comes."""
        name = remote.output if what == "output" else remote.errors
        if name is None:
            return False
        async with self._calls.stream(f"/files/{name}/content") as answer:
            async for some in answer.aiter_bytes():
                to.write(some)
        return True

    def read(self, line: Line, request: Request) -> Came:
        """What a line of results says about its request."""
        return read_openai(line, request, self.host, self._read, REFUSED_CODES)

    def _read(self, request: Request, text: str, _host: str) -> Reply:
        return self._inner.read(request, text)

    async def close(self) -> None:
        """Give back the connections."""
        await self._calls.close()
