"""An asyncio loop in a thread of its own, so that asking works beside a loop that is already running."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from curation.llm.journal import FLUSH

T = TypeVar("T")


class LoopThread:
    """Started when first needed; closed with everything in it cancelled, save what writes paid replies."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def submit(self, work: Coroutine[Any, Any, T]) -> "asyncio.Future[T]":
        """Start a coroutine there; the future is a concurrent one."""
        return asyncio.run_coroutine_threadsafe(work, self._started())  # pyright: ignore[reportReturnType]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Its result; interrupting the wait cancels the work."""
        future = asyncio.run_coroutine_threadsafe(work, self._started())
        try:
            return future.result()
        finally:
            future.cancel()

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="stillhouse-asker", daemon=True)
                self._thread.start()
            return self._loop

    def close(self, last: Coroutine[Any, Any, None]) -> None:
        """Cancel what still runs, do one last thing, and end the thread."""
        if self._loop is None or self._thread is None:
            last.close()
            return
        asyncio.run_coroutine_threadsafe(_finish(last), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = None


async def _finish(last: Coroutine[Any, Any, None]) -> None:
    mine = asyncio.current_task()
    rest = [t for t in asyncio.all_tasks() if t is not mine and t.get_name() != FLUSH]  # a paid reply is written
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    await last
    await asyncio.get_running_loop().shutdown_default_executor()
