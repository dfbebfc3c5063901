"""A line to a server of this machine on which every byte of an answer arrives later, in its order."""

import asyncio
import contextlib
import threading
from collections.abc import Generator

HOST = "127.0.0.1"


@contextlib.contextmanager
def slow_line(port: int, delay: float) -> Generator[int]:
    """A port that leads to `port`; what comes back takes `delay` seconds longer, what goes there does not."""
    ready, here = threading.Event(), _Line()

    async def live() -> None:
        here.loop, here.over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(lambda r, w: _join(r, w, port, delay), HOST, 0)
        here.port = server.sockets[0].getsockname()[1]
        ready.set()
        await here.over.wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(live()), daemon=True)
    thread.start()
    if not ready.wait(30):
        raise TimeoutError("the slow line did not open")
    try:
        yield here.port
    finally:
        here.loop.call_soon_threadsafe(here.over.set)
        thread.join(10)


class _Line:
    """What the thread of a line tells the one that opened it."""

    loop: asyncio.AbstractEventLoop
    over: asyncio.Event
    port: int


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, delay: float) -> None:
    there, back = await asyncio.open_connection(HOST, port)
    try:
        # Cancelled when the line is taken down; the callback that Python's streams have for this task cannot bear that.
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(_carry(reader, back, 0), _carry(there, writer, delay))
    finally:
        for end in (back, writer):
            end.close()


async def _carry(source: asyncio.StreamReader, target: asyncio.StreamWriter, delay: float) -> None:
    """Bytes keep their distance from each other: each is late, none waits for the one before to have been late."""
    loop = asyncio.get_running_loop()
    late: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def deliver() -> None:
        while True:
            due, data = await late.get()
            await asyncio.sleep(due - loop.time())
            if not data:
                if target.can_write_eof():
                    target.write_eof()
                return
            target.write(data)
            await target.drain()

    delivering = asyncio.create_task(deliver())
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            late.put_nowait((loop.time() + delay, data))
    late.put_nowait((loop.time() + delay, b""))
    with contextlib.suppress(OSError):
        await delivering
