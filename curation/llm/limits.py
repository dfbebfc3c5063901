"""How fast one model may be asked: concurrency that falls once per burst of refusals and climbs back, and pauses."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from time import monotonic

FALL = 0.75
"""Concurrency is multiplied by this when the provider says it is too much."""

REMEMBERED = 0.9
"""The climb is fast up to this share of the last limit that was too much, then slow."""

SHORT_RESET = 300.0
"""A header promising a longer wait than this (seconds) is left to Retry-After."""


class Limiter:
    """Additive increase, multiplicative decrease of how many requests one model has in flight.

    It starts with one request until a first one succeeds, so that a wrong key, model or parameter costs one call.
    Times are of the monotonic clock.
    """

    def __init__(self, most: int, clock: Callable[[], float] = monotonic) -> None:
        self.most = most
        self.running = 0
        self.resume_at = 0.0
        self._clock = clock
        self._limit = 1.0
        self._ceiling = float("inf")
        self._fell_at = float("-inf")
        self._proven: set[str] = set()

    @property
    def limit(self) -> int:
        """How many requests may be in flight now."""
        return max(1, int(self._limit))

    def admits(self, shape: str) -> bool:
        """Whether one more request of this shape of parameters may be sent now."""
        free = self.running < (self.limit if shape in self._proven else 1)
        return free and self._clock() >= self.resume_at

    def succeeded(self, shape: str) -> None:
        """A reply came back: double per round up to just under the last limit, then one more per round."""
        if shape not in self._proven:
            self._proven.add(shape)
            self._limit = max(self._limit, min(4.0, self.most))
        fast = self._limit < REMEMBERED * self._ceiling
        self._limit = min(float(self.most), self._limit + (1.0 if fast else 1.0 / (4 * self._limit)))

    def refused(self, started: float, wait: float | None = None) -> None:
        """The provider said too much to a request sent at `started`: fall once per burst; wait if it says so."""
        if started > self._fell_at:
            self._ceiling = min(float(self.most), self._limit)
            self._limit = max(1.0, self._limit * FALL)
            self._fell_at = self._clock()
        if wait:
            self.pause(wait)

    def pause(self, seconds: float) -> None:
        """Send nothing for so long."""
        self.resume_at = max(self.resume_at, self._clock() + seconds)


class Pace:
    """What the last reply's headers said about what may still be sent, in requests and in tokens."""

    def __init__(self) -> None:
        self.wait = 0.0

    def heard(self, headers: Mapping[str, str]) -> None:
        """Read `x-ratelimit-*` or `anthropic-ratelimit-*`; an exhausted bucket means waiting until it is refilled."""
        waits = [_reset(value) for name, value in headers.items() if _is_reset_of_empty(name, headers)]
        self.wait = max((w for w in waits if w <= SHORT_RESET), default=0.0)

    def take(self) -> float:
        """Seconds to wait before the next request; forgotten once taken."""
        wait, self.wait = self.wait, 0.0
        return wait


def _is_reset_of_empty(name: str, headers: Mapping[str, str]) -> bool:
    match = re.fullmatch(r"(x-ratelimit|anthropic-ratelimit)-(?:(.+)-)?reset(?:-(.+))?", name.lower())
    if match is None:
        return False
    prefix, before, after = match.groups()
    remaining = f"{prefix}-{before}-remaining" if before else f"{prefix}-remaining-{after}"
    return headers.get(remaining, "").strip() == "0"


def _reset(value: str) -> float:
    """Seconds from `6m0s`, `850ms`, `12` or an RFC 3339 time; 0 where it is none of these.

    >>> _reset("1m30s"), _reset("850ms"), _reset("12")
    (90.0, 0.85, 12.0)
    """
    if re.fullmatch(r"[\d.]+", value):
        return float(value)
    parts = re.findall(r"([\d.]+)(ms|h|m|s)", value)
    if parts and "".join(n + u for n, u in parts) == value:
        scale = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
        return sum(float(n) * scale[u] for n, u in parts)
    try:
        return max(0.0, (datetime.fromisoformat(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
