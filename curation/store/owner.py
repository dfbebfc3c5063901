"""The name under which a process claims what it is about to buy: alive as long as an OS lock on its file is held."""

import os
import secrets
from pathlib import Path

from filelock import FileLock, Timeout


class Owner:
    """A living process, as the others see it; a slow one is never taken for a dead one, because no clock is asked."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.name = f"asker-{os.getpid()}-{secrets.token_hex(6)}"
        self._lock = FileLock(self._file(self.name), thread_local=False)  # closed by whichever thread is last
        self._lock.acquire()

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.lock"

    def is_alive(self, name: str) -> bool:
        """Whether the process behind a claim still lives; the lock file of a dead one is removed."""
        if name == self.name:
            return True
        file = self._file(name)
        if not file.exists():
            return False
        try:
            with FileLock(file, timeout=0):
                file.unlink(missing_ok=True)
        except Timeout:
            return True
        return False

    def close(self) -> None:
        """Stop claiming: what is still claimed is free for others."""
        self._file(self.name).unlink(missing_ok=True)
        self._lock.release()
