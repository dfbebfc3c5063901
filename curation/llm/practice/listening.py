"""HTTP/1.1 on this machine for the practice server: one small protocol, because benchmarks pay for every request.

It knows what clients of model services send: keep-alive, bodies with a length or in chunks, `Expect: 100-continue`.
A request that has arrived is always worked on to its end, also when its client is gone.
"""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from curation.errors import ProviderError

T = TypeVar("T")
REASONS = {s.value: s.phrase for s in HTTPStatus} | {529: "Overloaded"}
LONGEST_HEAD = 65_536


@dataclass(frozen=True)
class Call:
    """One request; names of headers are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def key(self) -> str:
        """The API key, in whichever header the client sends it."""
        return self.headers.get("x-api-key") or self.headers.get("authorization", "").removeprefix("Bearer ")


@dataclass
class Answer:
    """One response."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict[str, str])
    media: str = "application/json"


def told(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """A response whose body is JSON."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Answer(status, text.encode(errors="replace"), dict(headers or {}))


Handler = Callable[[Call], Awaitable[Answer]]


class Connection(asyncio.Protocol):
    """One client's connection; its requests are answered one after the other."""

    def __init__(self, handler: Handler, opened: set["Connection"]) -> None:
        self._handler = handler
        self._opened = opened
        self._buffer = bytearray()
        self._head: tuple[str, str, dict[str, str]] | None = None
        self._working: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: Any) -> None:
        """A client has connected."""
        self._transport = transport
        self._opened.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone; its request is still worked on."""
        self._transport = None
        if self._working is None:
            self._opened.discard(self)

    def data_received(self, data: bytes) -> None:
        """More of a request."""
        self._buffer += data
        if self._working is None:
            self._next()

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Hang up without waiting for a client that does not read."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def working(self) -> asyncio.Task[None] | None:
        """The request being worked on."""
        return self._working

    def _next(self) -> None:
        try:
            call = self._read()
        except ValueError:
            self._send(Answer(400, b'{"error":{"message":"this is not HTTP/1.1"}}'), keep=False)
            return
        if call is not None:
            self._working = asyncio.get_running_loop().create_task(self._work(call))

    def _read(self) -> Call | None:
        """The next whole request in the buffer; None while some of it is still to come."""
        if self._head is None:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > LONGEST_HEAD:
                    raise ValueError("no end of the head")
                return None
            self._head = _head(bytes(self._buffer[:end]))
            del self._buffer[: end + 4]
            if "100-continue" in self._head[2].get("expect", "").lower() and self._transport is not None:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        method, target, headers = self._head
        body = self._chunked() if "chunked" in headers.get("transfer-encoding", "") else self._counted(headers)
        if body is None:
            return None
        self._head = None
        path, _, query = target.partition("?")
        return Call(method, path, dict(parse_qsl(query)) if query else {}, headers, body)

    def _counted(self, headers: Mapping[str, str]) -> bytes | None:
        length = int(headers.get("content-length", "0"))
        if len(self._buffer) < length:
            return None
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        return body

    def _chunked(self) -> bytes | None:
        chunks, at = [], 0
        while (end := self._buffer.find(b"\r\n", at)) >= 0:
            size = int(bytes(self._buffer[at:end]).split(b";")[0], 16)
            start, at = end + 2, end + 4 + size
            if len(self._buffer) < at:
                return None
            if size == 0:
                del self._buffer[:at]
                return b"".join(chunks)
            chunks.append(bytes(self._buffer[start : start + size]))
        return None

    async def _work(self, call: Call) -> None:
        answered = False
        try:
            answer = await self._handler(call)
            answered = True
        finally:
            self._working = None
            if not answered:  # a mistake in the server itself: the client is not left waiting
                self.close()
        self._send(answer, keep=call.headers.get("connection", "").lower() != "close")
        if self._transport is None:
            self._opened.discard(self)
        elif self._buffer:
            self._next()

    def _send(self, answer: Answer, *, keep: bool) -> None:
        if self._transport is None:
            return
        lines = [f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, '')}", f"content-type: {answer.media}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        lines += [f"content-length: {len(answer.body)}", *([] if keep else ["connection: close"]), "", ""]
        self._transport.write("\r\n".join(lines).encode("latin-1") + answer.body)
        if not keep:
            self._transport.close()


def _head(head: bytes) -> tuple[str, str, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return method, target, headers


class Listening:
    """A context manager: while it is open, `handler` answers at `url`, from a thread of this process."""

    def __init__(self, handler: Handler, port: int = 0) -> None:
        self.url = ""
        self._handler = handler
        self._port = port
        self._opened: set[Connection] = set()
        self._sleeping: set[asyncio.Future[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> "Listening":
        listener = _listen(self._port)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._loop = asyncio.new_event_loop()
        self.closing = asyncio.Event()
        self._thread = threading.Thread(target=self._run, args=(listener,), name="practice-server", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            self._loop.call_soon_threadsafe(self.closing.set)
        self._thread.join()

    async def wait(self, seconds: float) -> None:
        """Sleeps, but never keeps the server from closing."""
        if self.closing.is_set():
            return
        woken = self._loop.create_future()
        alarm = self._loop.call_later(seconds, _wake, woken)
        self._sleeping.add(woken)
        await woken
        alarm.cancel()
        self._sleeping.discard(woken)

    def work(self, steps: Iterator[None]) -> None:
        """Go through the steps in the server's thread, looking after clients between them."""
        task = self._loop.create_task(_go_through(steps))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def call(self, function: Callable[[], T]) -> T:
        """What a function returns that is run in the server's thread, where nothing else happens meanwhile."""
        if not self._thread.is_alive():
            return function()

        async def called() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(called(), self._loop).result()

    def _run(self, listener: socket.socket) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve(listener))
        finally:
            self._loop.close()
            listener.close()

    async def _serve(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(self._handler, self._opened), sock=listener, backlog=2048)
        await self.closing.wait()
        server.close()
        for woken in list(self._sleeping):
            _wake(woken)
        working = [c.working for c in self._opened if c.working is not None]
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*working, *self._tasks, return_exceptions=True)
        for hang_up in (Connection.close, Connection.abort):
            for connection in list(self._opened):
                hang_up(connection)
            await asyncio.sleep(0)  # lets the transports close their sockets


async def _go_through(steps: Iterator[None]) -> None:
    for _ in steps:
        await asyncio.sleep(0)


def _wake(sleeper: "asyncio.Future[None]") -> None:
    if not sleeper.done():
        sleeper.set_result(None)


def _listen(port: int) -> socket.socket:
    # Said to be TCP, or asyncio leaves Nagle's algorithm on and every reply waits 40 ms for a delayed ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(2048)  # from here on clients wait instead of being refused
    except OSError as error:
        listener.close()
        raise ProviderError(
            f"the practice server cannot use port {port} ({error.strerror}); 0 takes a free one"
        ) from error
    return listener
