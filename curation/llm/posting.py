"""Posts over HTTP/1.1 straight from the event loop: h11 reads and writes, each request in flight has a connection.

The client beneath the SDK looks at every open connection for each request it takes and polls the idle ones; with 64 in
flight that costs several times what the request does. Here a connection that ends while idle says so itself. Nothing
is ever sent twice: a connection that breaks after the request was written fails the request, because the server may
have answered and charged for it. Where the environment names a proxy, the SDK's client posts, which can reach it.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

import h11
import httpx2

IDLE_SECONDS = 60.0
"""A connection unused for so long is closed rather than tried: the other side may be about to."""


ANY = h11.Request(method="POST", target="/", headers=[("host", "any"), ("content-length", "0")])


@dataclass(frozen=True)
class Posted:
    """A response, read to its end: headers with lower-case names, the body as text."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True)
class Where:
    """Where a poster posts: the url, the headers of every request, how long it waits."""

    url: str
    headers: Mapping[str, str]
    timeout: httpx2.Timeout
    local: bool = False
    """A server on this machine: proxies do not count."""


class Poster:
    """An HTTP client that posts to one url; `client` is used where a proxy is set, and closed by its owner."""

    def __init__(self, where: Where, client: httpx2.AsyncClient) -> None:
        self._where = where
        self._parts = urlsplit(where.url)
        self._client = client if not where.local and _proxied(self._parts) else None
        self._idle: list[_Connection] = []
        target = (self._parts.path or "/") + (f"?{self._parts.query}" if self._parts.query else "")
        fixed = {"host": self._parts.netloc.rpartition("@")[2], **where.headers, "accept-encoding": "identity"}
        h11.Request(method="POST", target=target, headers=list(fixed.items()))  # refuses what may not stand in a header
        lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fixed.items())]
        self._head = "\r\n".join(lines).encode()

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Posted:
        """The response; raises httpx2.TransportError."""
        if self._client is not None:
            both = {**self._where.headers, **headers}
            response = await self._client.post(self._where.url, content=body, headers=both)
            return Posted(response.status_code, {k.lower(): v for k, v in response.headers.items()}, response.text)
        connection = await self._connection()
        whole = False
        try:
            posted = await connection.ask(self._written(body, headers), self._where.timeout.read)
            whole = True
        finally:
            if whole and connection.reusable:
                self._idle.append(connection)
            else:
                connection.close()
        return posted

    def _written(self, body: bytes, headers: Mapping[str, str]) -> bytes:
        own = "".join(f"\r\n{name}: {value}" for name, value in headers.items())
        return b"%b%b\r\ncontent-length: %d\r\n\r\n%b" % (self._head, own.encode(), len(body), body)

    async def _connection(self) -> "_Connection":
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable and now - connection.used_at < IDLE_SECONDS:
                return connection
            connection.close()
        try:
            async with asyncio.timeout(self._where.timeout.connect):
                host, port = self._address
                _, connection = await asyncio.get_running_loop().create_connection(
                    _Connection, host, port, ssl=self._tls
                )
        except TimeoutError:
            raise httpx2.ConnectTimeout("no connection in time") from None
        except OSError as error:
            raise httpx2.ConnectError(str(error)) from error
        return connection

    @property
    def _address(self) -> tuple[str, int]:
        host = self._parts.hostname
        if self._parts.scheme not in ("http", "https") or not host:
            raise httpx2.UnsupportedProtocol(f"{self._where.url!r} is no http:// or https:// address")
        return host, self._parts.port or (443 if self._parts.scheme == "https" else 80)

    @cached_property
    def _tls(self) -> ssl.SSLContext | None:
        return httpx2.create_ssl_context() if self._parts.scheme == "https" else None

    async def close(self) -> None:
        """Give back the connections."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()


class _Connection(asyncio.Protocol):
    """One request at a time; its response is gathered until it is whole."""

    def __init__(self) -> None:
        self.reusable = True
        self.used_at = 0.0
        self._http = h11.Connection(h11.CLIENT)
        self._waiting: asyncio.Future[Posted] | None = None
        self._head: h11.Response | None = None
        self._body = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def close(self) -> None:
        """End it, whatever is still on its way."""
        self.reusable = False
        if self._transport is not None:
            self._transport.abort()

    async def ask(self, written: bytes, seconds: float | None) -> Posted:
        """Send one request, as it is written, and wait for its whole response."""
        loop = asyncio.get_running_loop()
        assert self._transport is not None
        self._waiting = loop.create_future()
        self._head, self._body = None, bytearray()
        self._http.send(ANY)  # so that h11 expects a response; the bytes are our own, in one packet
        self._http.send(h11.EndOfMessage())
        self._transport.write(written)
        late = httpx2.ReadTimeout("no answer in time")
        timer = None if seconds is None else loop.call_later(seconds, self._fail, late)
        try:
            return await self._waiting
        finally:
            self.used_at = loop.time()
            if timer is not None:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        if self._waiting is None or self._waiting.done():
            self.close()  # nobody asked for this
            return
        self._read(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.reusable = False
        if self._waiting is None or self._waiting.done():
            return
        if exc is None:
            self._read(b"")  # the end of the connection may be what ends the body
        if not self._waiting.done():
            self._fail(httpx2.RemoteProtocolError("the connection ended before the answer did"))

    def _read(self, data: bytes) -> None:
        try:
            self._http.receive_data(data)
            while (event := self._http.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                if isinstance(event, h11.Response):
                    self._head = event
                elif isinstance(event, h11.Data):
                    self._body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    self._whole()
                    return
                elif isinstance(event, h11.ConnectionClosed):
                    return
        except h11.RemoteProtocolError as error:
            self._fail(httpx2.RemoteProtocolError(str(error)))

    def _whole(self) -> None:
        """Hand over the response, and make the connection ready for another request where both sides keep it."""
        assert self._head is not None
        assert self._waiting is not None
        headers = {name.decode("ascii"): value.decode("latin-1") for name, value in self._head.headers}
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        else:
            self.reusable = False
        self._waiting.set_result(Posted(self._head.status_code, headers, _text(headers, bytes(self._body))))

    def _fail(self, error: httpx2.TransportError) -> None:
        self.reusable = False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)


def _proxied(parts: SplitResult) -> bool:
    """Whether the environment names a proxy for this address, and does not except it."""
    proxies = getproxies()
    return bool(proxies.get(parts.scheme) or proxies.get("all")) and not proxy_bypass(parts.hostname or "")


def _text(headers: Mapping[str, str], body: bytes) -> str:
    """The body as text; one that was compressed unasked, or is not said to be UTF-8, as httpx2 reads it."""
    kind = headers.get("content-type", "")
    if "content-encoding" in headers or ("charset" in kind and "utf-8" not in kind.lower()):
        return httpx2.Response(200, headers=dict(headers), content=body).text
    return body.decode("utf-8", errors="replace")
