"""Posting over connections of our own: whole responses or an error, nothing sent twice, nothing mixed up."""

import asyncio
import contextlib
import gzip
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable

import httpx2
import pytest

from curation.llm.posting import Posted, Poster, Where

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HEAD = b"HTTP/1.1 200 OK\r\n"


async def read(reader: asyncio.StreamReader) -> bytes:
    """One request: its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
    return await reader.readexactly(int(length.split(b":")[1]))


def whole(body: bytes, *headers: bytes) -> bytes:
    return HEAD + b"".join(h + b"\r\n" for h in headers) + b"content-length: %d\r\n\r\n" % len(body) + body


def answering(handler: Handler, work: Callable[[Poster], Awaitable[None]], seconds: float = 2.0) -> None:
    """Run `work` with a poster at a server that handles each connection as written."""

    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            await handler(reader, writer)
        writer.close()

    async def both() -> None:
        server = await asyncio.start_server(closing, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/chat"
        async with server, httpx2.AsyncClient() as client:
            poster = Poster(Where(url, {"authorization": "Bearer k"}, httpx2.Timeout(seconds), local=True), client)
            try:
                await work(poster)
            finally:
                await poster.close()
                await asyncio.sleep(0.02)  # both sides see the end

    asyncio.run(both())


def post(handler: Handler, seconds: float = 2.0) -> Posted:
    """One request to such a server."""
    got: list[Posted] = []

    async def work(poster: Poster) -> None:
        got.append(await poster.post(b'{"a": 1}', {"x-id": "7"}))

    answering(handler, work, seconds)
    return got[0]


def written(*parts: bytes) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read(reader)
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.01)

    return handler


@pytest.mark.parametrize(
    "parts",
    [
        (whole(b"hello!"),),
        (HEAD, b"content-length: 6\r\n\r\nhel", b"lo!"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n", b"1;x=y\r\n!\r\n0\r\n", b"\r\n"),
        (HEAD + b"\r\nhello!",),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + whole(b"hello!"),),
        (whole(gzip.compress(b"hello!"), b"content-encoding: gzip"),),
        (whole("hello!".encode("utf-16"), b"content-type: text/plain; charset=utf-16"),),
    ],
    ids=["whole", "in parts", "chunked", "until the end", "continue", "gzip", "another charset"],
)
def test_a_response_is_read_to_its_end_however_it_is_framed(parts):
    assert (post(written(*parts)).status, post(written(*parts)).text) == (200, "hello!")


def test_headers_reach_the_server_and_come_back_in_lower_case():
    seen: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(whole(b"ok", b"X-RateLimit-Limit: 5"))
        await writer.drain()

    assert post(handler).headers["x-ratelimit-limit"] == "5"
    assert b"POST /v1/chat HTTP/1.1\r\n" in seen[0]
    assert b"authorization: Bearer k\r\n" in seen[0]
    assert b"x-id: 7\r\n" in seen[0]


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        (written(HEAD + b"content-length: 100\r\n\r\nall"), httpx2.RemoteProtocolError),
        (written(), httpx2.RemoteProtocolError),
        (written(b"garbage\r\n\r\n"), httpx2.RemoteProtocolError),
    ],
    ids=["cut", "nothing", "no HTTP"],
)
def test_a_response_that_is_not_whole_is_an_error_and_is_not_asked_for_again(handler, error):
    with pytest.raises(error):
        post(handler)


def test_no_answer_in_time_is_a_timeout_and_nobody_there_a_connection_error():
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await read(reader)
        await asyncio.sleep(1)

    with pytest.raises(httpx2.ReadTimeout):
        post(silent, seconds=0.2)

    async def nobody() -> None:
        async with httpx2.AsyncClient() as client:
            await Poster(Where("http://127.0.0.1:1/", {}, httpx2.Timeout(1), local=True), client).post(b"", {})

    with pytest.raises(httpx2.ConnectError):
        asyncio.run(nobody())


def test_many_at_once_each_get_their_own_answer_over_connections_that_are_used_again():
    opened = 0

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        while True:
            writer.write(whole(await read(reader)))
            await writer.drain()

    async def work(poster: Poster) -> None:
        for _ in range(3):
            bodies = [b"%d" % i * 5000 for i in range(20)]
            came = await asyncio.gather(*(poster.post(b, {}) for b in bodies))
            assert [c.text.encode() for c in came] == bodies

    answering(echo, work)
    assert opened == 20


def test_a_connection_the_server_closed_while_idle_is_not_used_again():
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read(reader)
        writer.write(whole(b"ok"))
        await writer.drain()

    async def work(poster: Poster) -> None:
        for _ in range(3):
            assert (await poster.post(b"", {})).text == "ok"
            await asyncio.sleep(0.05)

    answering(once, work)


def test_a_cancelled_request_leaves_no_answer_for_the_next_one():
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            body = await read(reader)
            await asyncio.sleep(0.1 if body == b"first" else 0)
            writer.write(whole(body))
            await writer.drain()

    async def work(poster: Poster) -> None:
        first = asyncio.create_task(poster.post(b"first", {}))
        await asyncio.sleep(0.03)
        first.cancel()
        assert (await poster.post(b"second", {})).text == "second"

    answering(slow, work)


@pytest.mark.parametrize(
    ("variables", "proxied"),
    [
        ({}, False),
        ({"NO_PROXY": "127.0.0.1"}, False),
        ({"HTTPS_PROXY": "http://127.0.0.1:1"}, True),
        ({"HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": "api.example.com"}, False),
        ({"HTTP_PROXY": "http://127.0.0.1:1"}, False),
    ],
)
def test_a_proxy_counts_only_where_the_environment_names_one_for_the_address(variables, proxied):
    script = (
        "from urllib.parse import urlsplit; from curation.llm.posting import _proxied; "
        "print(_proxied(urlsplit('https://api.example.com/v1')))"
    )
    clean = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    said = subprocess.run(
        [sys.executable, "-c", script], env={**clean, **variables}, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == str(proxied)
