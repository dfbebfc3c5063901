"""What follows a failed attempt, by its class: ask again, let this row fail, or stop the run.

| class             | what follows                                                                    |
|-------------------|---------------------------------------------------------------------------------|
| rate_limited      | again, up to 4 x attempts: the concurrency falls, Retry-After is waited for      |
| overloaded        | again, up to 2 x attempts, more slowly                                           |
| server, timeout   | again, up to `attempts`                                                          |
| unreadable        | again, up to `attempts` (a broken proxy)                                         |
| connection        | again, then the run stops: nobody answers there                                  |
| quota, auth, unknown_model | the run stops at once                                                   |
| invalid_parameter | the row fails; `stop_after_identical_errors` alike in a row stop the run         |
| too_long          | the row fails                                                                    |

What came back but cannot be used is followed up by `curation/salvage.py`: truncated, empty, not readable.
"""

import re
from dataclasses import dataclass
from typing import Literal

from curation.errors import (
    RETRYABLE,
    STOPS_RUN,
    AskFailed,
    FailureKind,
    ProviderError,
    RunStopped,
    StillhouseError,
)
from curation.llm.work import Work
from curation.records import draw
from curation.task import SamplingTable

BACKOFF, LONGEST_BACKOFF = 0.5, 30.0

PATIENCE: dict[FailureKind, int] = {"rate_limited": 4, "overloaded": 2}
"""Being told to slow down says nothing about the request: it may be asked so many times more often."""

MAYBE_CHARGED: frozenset[FailureKind] = frozenset({"timeout", "unreadable"})


@dataclass(frozen=True)
class Fate:
    """What follows: `again`, the `row` fails, or the run must `stop` with an error."""

    what: Literal["again", "row", "stop"]
    error: StillhouseError | None = None


class Fates:
    """Decides about failed attempts at one model; remembers equal refusals in a row."""

    def __init__(self, host: str, sampling: SamplingTable) -> None:
        self._host = host
        self._sampling = sampling
        self._same = ("", 0)

    def maybe_charged(self, failed: AskFailed) -> bool:
        """Whether the provider may have charged for it all the same."""
        return failed.kind in MAYBE_CHARGED

    def forget(self) -> None:
        """A reply came back: what was refused before was not everybody's fault."""
        self._same = ("", 0)

    def of(self, work: Work, failed: AskFailed) -> Fate:
        """What follows this failure of this request."""
        if failed.kind in RETRYABLE and work.tries < self._sampling.attempts * PATIENCE.get(failed.kind, 1):
            return Fate("again")
        if work.turns:
            return Fate("row")
        error = self._fatal(work, failed)
        return Fate("stop", error) if error else Fate("row")

    def _fatal(self, work: Work, failed: AskFailed) -> StillhouseError | None:
        who = f"{work.ask.model.name!r} ({work.ask.model.model} at {self._host})"
        if failed.kind == "connection":
            return ProviderError(f"{who} cannot be reached: {failed}; every reply paid for is kept")
        if failed.kind in STOPS_RUN:
            return ProviderError(f"{who} refused ({failed.kind}): {failed}; every reply paid for is kept")
        if failed.kind != "invalid_parameter":
            return None
        words = re.sub(r"\d+|'[^']*'|\"[^\"]*\"", "#", str(failed))
        self._same = (words, self._same[1] + 1 if words == self._same[0] else 1)
        if self._same[1] < self._sampling.stop_after_identical_errors:
            return None
        return RunStopped(f"{who} refused {self._same[1]} requests in a row alike: {failed}")


def backoff(key: str, tries: int, retry_after: float | None) -> float:
    """Seconds until a request is asked again: doubled each time, spread by the request, Retry-After at least."""
    delay = min(LONGEST_BACKOFF, BACKOFF * 2 ** (tries - 1)) * (0.5 + draw(0, "backoff", key, tries))
    return delay if retry_after is None else max(delay, retry_after)
