"""A served workspace and a real Chromium that records every request and websocket frame."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from dashboard import launch
from tests.dashboard.house import build

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-dev-shm-usage",
)


@dataclass
class Tab:
    """One open page with everything that crossed the wire to it."""

    page: Page
    base: str
    requests: list[str] = field(default_factory=list)
    received: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        self.page.goto(self.base + path)
        self.settle()

    def settle(self) -> None:
        self.page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=60_000)

    def abroad(self) -> list[str]:
        """Requests that would have left this machine."""
        return [
            r for r in self.requests if not r.startswith((self.base, "data:", "blob:", self.base.replace("http", "ws")))
        ]

    def card(self) -> None:
        """Wait for the review card's buttons."""
        self.page.locator("#verdicts button").first.wait_for(timeout=60_000)
        self.settle()

    def token(self) -> str | None:
        return self.page.locator("#card").get_attribute("data-token")


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("served") / "support")


@pytest.fixture
def house(built: Path, tmp_path: Path) -> Path:
    """A copy of its own, in a path with a space."""
    return shutil.copytree(built, tmp_path / "work space")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def served(
    workspace: Path, *, reviewer: bool = False, port: int | None = None, extra: Sequence[str] = ()
) -> Iterator[str]:
    """The dashboard, started as the command line starts it, with more flags; its address without a slash."""
    port = port or free_port()
    environment = launch.environment(workspace, reviewer=reviewer, base=os.environ)
    log = workspace / "server.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            launch.command(workspace, port, extra=extra), env=environment, stdout=output, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            _wait(f"http://127.0.0.1:{port}/_stcore/health", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait(30)


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(240):
        assert process.poll() is None, log.read_text()
        try:
            with urlopen(address, timeout=2) as answer:
                if answer.status == 200:
                    return
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.25)
    raise AssertionError(f"the server did not come up: {log.read_text()}")


@pytest.fixture(scope="module")  # while it is open, an event loop runs in this thread, and other tests start their own
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def address(built: Path) -> Iterator[str]:
    """The shared workspace, for tests that only look."""
    with served(built) as base:
        yield base


@pytest.fixture
def tab(browser: Browser) -> Iterator[Callable[[str], Tab]]:
    """Opens tabs, each in a browser session of its own."""
    with ExitStack() as stack:

        def new(base: str) -> Tab:
            context = browser.new_context(viewport={"width": 1400, "height": 1000})
            stack.callback(context.close)
            opened = Tab(context.new_page(), base)
            opened.page.on("request", lambda request: opened.requests.append(request.url))
            opened.page.on("pageerror", lambda error: opened.errors.append(str(error)))
            opened.page.on(
                "websocket", lambda socket: socket.on("framereceived", lambda f: opened.received.append(_text(f)))
            )
            return opened

        yield new


def _text(frame: str | bytes) -> str:
    return frame if isinstance(frame, str) else frame.decode("utf-8", "replace")
