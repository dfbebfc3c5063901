"""How long work tells whoever watches how far it is; the edge draws it, the library stays silent by default."""

from typing import Protocol


class Progress(Protocol):
    """Receives the progress of one stage after another; `notice` is a line a person should read."""

    def start(self, what: str, total: int | None) -> None:
        """A stage begins; `total` units where known."""
        ...

    def advance(self, n: int = 1, **figures: float | str) -> None:
        """`n` more units are done; figures such as `cost_usd` or `retries` replace the last ones shown."""
        ...

    def finish(self) -> None:
        """The stage is over."""
        ...

    def notice(self, line: str) -> None:
        """One line a person should read: what was found and what to do."""
        ...


class Silent:
    """Shows nothing and keeps the notices, so that a caller can read them afterwards."""

    def __init__(self) -> None:
        self.notices: list[str] = []

    def start(self, what: str, total: int | None) -> None:
        """Nothing is shown."""

    def advance(self, n: int = 1, **figures: float | str) -> None:
        """Nothing is shown."""

    def finish(self) -> None:
        """Nothing is shown."""

    def notice(self, line: str) -> None:
        """Keep the line."""
        self.notices.append(line)
