"""How far a run is, drawn: a bar with rate, cost and time left on a terminal, plain lines in a log.

Both write to standard error, so that standard output stays the command's answer.
"""

import sys
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from time import monotonic
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from dashboard.cli.output import clean

LINE_EVERY_SECONDS = 5.0
PATIENCE_SECONDS = 2.0
"""What is over sooner needs no progress bar."""


def shown() -> "Bar | Lines":
    """A bar when standard error is a terminal, else lines."""
    return Bar(sys.stderr) if sys.stderr.isatty() else Lines(sys.stderr)


MONEY = {"cost_usd": "so far", "to_come_usd": "to come"}


def _words(figures: dict[str, float | str]) -> str:
    """Dollars so far and to come, then whatever else is not nought."""
    return clean(" · ".join(filter(None, (_figure(k, v) for k, v in figures.items()))))


def _figure(name: str, value: float | str) -> str:
    if name in MONEY and not isinstance(value, str):
        return f"${value:.4f} {MONEY[name]}" if value else ""
    return f"{name} {value}" if value else ""


class Lines(AbstractContextManager["Lines"]):
    """One line when a stage begins, at most one every few seconds while it goes on, one when it is over."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._what, self._total = "", None
        self._done, self._began, self._said = 0, 0.0, 0.0
        self._figures: dict[str, float | str] = {}

    def start(self, what: str, total: int | None) -> None:
        """Say that a stage begins."""
        self._what, self._total, self._done, self._figures = what, total, 0, {}
        self._began = self._said = self._clock()

    def advance(self, n: int = 1, **figures: float | str) -> None:
        """Count, and say so when the last line is some seconds old."""
        self._done += n
        self._figures |= figures
        if self._clock() - self._said >= LINE_EVERY_SECONDS:
            self._said = self._clock()
            self._line()

    def finish(self) -> None:
        """Say what the stage came to."""
        self._line()

    def notice(self, line: str) -> None:
        """Print the line."""
        print(clean(line), file=self._stream, flush=True)

    def _line(self) -> None:
        seconds = self._clock() - self._began
        rate = self._done / seconds if seconds > 0 else 0.0
        of = f"/{self._total}" if self._total is not None else ""
        parts = [f"{self._what}: {self._done}{of}", f"{rate:.1f}/s"]
        if self._total is not None and rate > 0 and self._done < self._total:
            parts.append(f"{(self._total - self._done) / rate:.0f} s left")
        print(" · ".join([*parts, *filter(None, [_words(self._figures)])]), file=self._stream, flush=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class Bar(AbstractContextManager["Bar"]):
    """A rich progress bar per stage."""

    def __init__(self, stream: TextIO) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[figures]}"),
            console=Console(file=stream),
        )
        self._task: TaskID | None = None
        self._figures: dict[str, float | str] = {}

    def start(self, what: str, total: int | None) -> None:
        """A new bar."""
        self._figures = {}
        self._task = self._bar.add_task(what, total=total, rate="", figures="")

    def advance(self, n: int = 1, **figures: float | str) -> None:
        """Move the bar."""
        if self._task is None:
            return
        self._figures |= figures
        speed = self._bar.tasks[self._task].speed
        rate = f"{speed:.1f}/s" if speed else ""
        self._bar.update(self._task, advance=n, rate=rate, figures=_words(self._figures))

    def finish(self) -> None:
        """Fill the bar of a stage whose length was not known."""
        if self._task is not None and (task := self._bar.tasks[self._task]).total is None:
            self._bar.update(self._task, total=task.completed)

    def notice(self, line: str) -> None:
        """Print the line above the bar."""
        self._bar.console.print(clean(line), markup=False, highlight=False)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()


class Late:
    """Progress that is shown only once the work takes a while."""

    def __init__(self) -> None:
        self._shown: Bar | Lines | None = None
        self._what, self._total, self._done, self._began = "", None, 0, monotonic()

    def start(self, what: str, total: int | None) -> None:
        """Note what begins."""
        self._what, self._total, self._done, self._began = what, total, 0, monotonic()
        if self._shown is not None:
            self._shown.start(what, total)

    def advance(self, n: int = 1, **figures: float | str) -> None:
        """Count, and begin to show."""
        self._done += n
        if self._shown is None and monotonic() - self._began > PATIENCE_SECONDS:
            self._shown = shown().__enter__()
            self._shown.start(self._what, self._total)
            n = self._done
        if self._shown is not None:
            self._shown.advance(n, **figures)

    def finish(self) -> None:
        """Say what it came to, if anything was shown."""
        if self._shown is not None:
            self._shown.finish()

    def notice(self, line: str) -> None:
        """Print the line."""
        print(clean(line), file=sys.stderr)

    def close(self) -> None:
        """Take the bar away."""
        if self._shown is not None:
            self._shown.__exit__(None, None, None)


@contextmanager
def late() -> Generator[Late]:
    """Progress for work that is mostly over at once."""
    progress = Late()
    try:
        yield progress
    finally:
        progress.close()
