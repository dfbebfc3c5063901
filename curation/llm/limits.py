"""How fast one model may be asked: concurrency found by trying, quotas as the provider announces them, and pauses.

Concurrency is additive increase, multiplicative decrease with a remembered ceiling. Announced quotas (requests and
tokens a minute) are token buckets of our own, set right by every response's headers.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic

FALL = 0.75
"""Concurrency is multiplied by this when the provider says it is too much; where that was known, one less will do."""

REMEMBERED = 0.95
"""The climb is fast up to this share of the last limit that was too much, then slow."""

PROBE = 8
"""Rounds of replies before the limit is raised by one near the ceiling."""

COARSE = 2.0
"""Below this many seconds a reset may be rounded so much that no rate can be told from it."""

SHORT_RESET = 300.0
"""A bucket that needs longer than this (seconds) to refill one request is left to Retry-After."""


@dataclass(frozen=True)
class Load:
    """What one request counts for in a provider's quotas: itself, the tokens sent, the most tokens that come back."""

    sent: int = 0
    back: int = 0

    def counts(self, resource: str) -> float:
        """Its share of `requests`, `tokens`, `input-tokens` or `output-tokens`."""
        match resource:
            case "requests":
                return 1.0
            case "input-tokens":
                return float(self.sent)
            case "output-tokens":
                return float(self.back)
            case _:
                return float(self.sent + self.back)


NOTHING = Load()


@dataclass(frozen=True)
class Quota:
    """One announced limit as a response's headers state it; `reset` is seconds until the bucket is full."""

    resource: str
    limit: float
    remaining: float
    reset: float


@dataclass
class _Bucket:
    """Our copy of a provider's bucket: what is left, what it holds, how fast it refills (per second)."""

    size: float
    level: float
    rate: float
    at: float
    used: float = 0.0
    """Everything ever sent, so that what was sent since some request can be told."""

    def refill(self, now: float) -> None:
        self.level = min(self.size, self.level + self.rate * (now - self.at))
        self.at = now

    def wait_for(self, amount: float) -> float:
        """Seconds until so much is there; one that asks for more than the bucket holds waits for a full one."""
        lack = min(amount, self.size) - self.level
        return max(0.0, lack / self.rate) if lack > 0 else 0.0


@dataclass(frozen=True)
class Ticket:
    """One request in flight: when it was sent, and what each bucket had been used for by then."""

    shape: str
    sent_at: float
    used: Mapping[str, float] = field(default_factory=dict)


class Limiter:
    """How many requests one model has in flight and how many a minute; lanes that share it take turns.

    It starts with one request until a first one succeeds, so that a wrong key, model or parameter costs one call.
    Times are of the monotonic clock.
    """

    def __init__(self, most: int, clock: Callable[[], float] = monotonic) -> None:
        self.most = most
        self.running = 0
        self.unsettled = 0
        self.refusals = 0
        self.resume_at = 0.0
        self._clock = clock
        self._limit = 1.0
        self._ceiling = float("inf")
        self._fell_at = float("-inf")
        self._peak = 0
        """The most in flight since the limit last fell: a limit that was never reached proves nothing."""
        self._proven: set[str] = set()
        self._probing: set[str] = set()
        self._buckets: dict[str, _Bucket] = {}
        self._turns: dict[object, Callable[[], None]] = {}

    @property
    def limit(self) -> int:
        """How many requests may be in flight now."""
        return max(1, int(self._limit))

    def admits(self, shape: str, load: Load = NOTHING, *, lane: object = None) -> bool:
        """Whether one more request of this shape of parameters may be sent now; of one not proven only one at a time.

        Where lanes stand in line (`queue`), only the first one is let through.
        """
        free = self.running < self.limit and self.running + self.unsettled < self.most
        free = free and (shape in self._proven or shape not in self._probing)
        if free and self.wait(load) <= 0 and self._is_next(lane):
            self._turns.pop(lane, None)
            return True
        return False

    def wait(self, load: Load = NOTHING) -> float:
        """Seconds until pauses and quotas let a request of this load through."""
        now = self._clock()
        waits = [self.resume_at - now]
        for resource, bucket in self._buckets.items():
            bucket.refill(now)
            waits.append(bucket.wait_for(load.counts(resource)))
        return max(0.0, *waits)

    def queue(self, lane: object, wake: Callable[[], None]) -> None:
        """Stand in line: `wake` is called when a place is free and the turn is this lane's."""
        self._turns.setdefault(lane, wake)

    def leave(self, lane: object) -> None:
        """Stand in line no longer."""
        self._turns.pop(lane, None)
        self._wake_next()

    def _is_next(self, lane: object) -> bool:
        return not self._turns or lane is None or next(iter(self._turns)) is lane

    def _wake_next(self) -> None:
        if self._turns:
            next(iter(self._turns.values()))()

    def sent(self, shape: str, load: Load = NOTHING) -> Ticket:
        """A request leaves now."""
        self.running += 1
        self._peak = max(self._peak, self.running)
        if shape not in self._proven:
            self._probing.add(shape)
        now = self._clock()
        used: dict[str, float] = {}
        for resource, bucket in self._buckets.items():
            bucket.refill(now)
            bucket.used += load.counts(resource)
            bucket.level -= load.counts(resource)
            used[resource] = bucket.used
        return Ticket(shape, now, used)

    def back(self, ticket: Ticket, quotas: tuple[Quota, ...] = ()) -> None:
        """Its answer is here, with what the headers said about what is left; call `settled` when it is journalled."""
        self.running -= 1
        self.unsettled += 1
        self._probing.discard(ticket.shape)
        for quota in quotas:
            self._hear(quota, ticket)
        self._wake_next()

    def settled(self) -> None:
        """An answer is safe: until then it counts against `most`, so a crash never loses more than that."""
        self.unsettled -= 1
        self._wake_next()

    def _hear(self, quota: Quota, ticket: Ticket) -> None:
        """What is left when it was counted, less what was sent after that request: never more than there is."""
        now = self._clock()
        rate = quota.limit / 60.0
        if quota.reset >= COARSE:  # a quota by the day shows in how slowly it refills
            rate = min(rate, (quota.limit - quota.remaining) / quota.reset)
        if rate < 1 / SHORT_RESET:
            return
        bucket = self._buckets.get(quota.resource)
        if bucket is None:
            bucket = self._buckets[quota.resource] = _Bucket(quota.limit, quota.remaining, rate, now)
        since = bucket.used - ticket.used.get(quota.resource, bucket.used)
        bucket.size, bucket.rate, bucket.at = quota.limit, rate, now
        bucket.level = min(quota.limit, quota.remaining - since)

    def succeeded(self, shape: str) -> None:
        """A reply came back: double per round up to just under the last limit, then one more in some rounds.

        Where what holds us up is something else (our own CPU, a quota), the limit is not reached and stays.
        """
        if shape not in self._proven:
            self._proven.add(shape)
            self._limit = max(self._limit, min(4.0, self.most))
        if self._peak < self.limit:
            return
        near = min(REMEMBERED * self._ceiling, self._ceiling - 1.0)
        fast = self._limit < near
        grown = min(self._limit + 1.0, near) if fast else self._limit + 1.0 / (PROBE * self._limit)
        self._limit = min(float(self.most), grown)

    def refused(self, started: float, wait: float | None = None) -> None:
        """The provider said too much to a request sent at `started`: fall once per burst; wait if it says so.

        What is still in flight when a burst of refusals is over is what the provider bears: the limit falls to that
        at least. A quota that is used up says nothing about concurrency: then only its refill is waited for.
        """
        self.refusals += 1
        if not any(b.level < 1 for b in self._buckets.values()):
            if started > self._fell_at:
                known = self._limit >= min(REMEMBERED * self._ceiling, self._ceiling - 1.0)
                self._ceiling = min(float(self.most), self._limit)
                self._limit = self._limit - 1.0 if known else self._limit * FALL
                self._fell_at = self._clock()
                self._peak = 0
            self._ceiling = min(self._ceiling, self.running + 1.0)
            self._limit = max(1.0, min(self._limit, float(self.running)))
        if wait:
            self.pause(wait)

    def pause(self, seconds: float) -> None:
        """Send nothing for so long."""
        self.resume_at = max(self.resume_at, self._clock() + seconds)


class Pace:
    """What the last response's headers said about what may still be sent."""

    def __init__(self) -> None:
        self._quotas: tuple[Quota, ...] = ()

    def heard(self, headers: Mapping[str, str]) -> None:
        """Read `x-ratelimit-*` or `anthropic-ratelimit-*` headers (names in lower case)."""
        self._quotas = tuple(_quotas(headers))

    def take(self) -> tuple[Quota, ...]:
        """The quotas of the response just read; forgotten once taken."""
        quotas, self._quotas = self._quotas, ()
        return quotas


_OPENAI = re.compile(r"x-ratelimit-limit-(requests|tokens)")
_ANTHROPIC = re.compile(r"anthropic-ratelimit-(requests|tokens|input-tokens|output-tokens)-limit")


def _quotas(headers: Mapping[str, str]) -> list[Quota]:
    found: list[Quota] = []
    for name in headers:
        if "ratelimit" not in name:
            continue
        if match := _OPENAI.fullmatch(name):
            names = [f"x-ratelimit-{what}-{match[1]}" for what in ("limit", "remaining", "reset")]
        elif match := _ANTHROPIC.fullmatch(name):
            names = [f"anthropic-ratelimit-{match[1]}-{what}" for what in ("limit", "remaining", "reset")]
        else:
            continue
        limit, remaining = (_number(headers.get(n)) for n in names[:2])
        if limit is not None and remaining is not None:
            found.append(Quota(match[1], limit, remaining, _reset(headers.get(names[2], ""))))
    return found


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and re.fullmatch(r"\d+(\.\d+)?", text.strip()) else None


def _reset(value: str) -> float:
    """Seconds from `6m0s`, `850ms`, `12` or an RFC 3339 time; 0 where it is none of these.

    >>> _reset("1m30s"), _reset("850ms"), _reset("12")
    (90.0, 0.85, 12.0)
    """
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return float(value)
    parts = re.findall(r"([\d.]+)(ms|h|m|s)", value)
    if parts and "".join(n + u for n, u in parts) == value:
        scale = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
        return sum(float(n) * scale[u] for n, u in parts)
    try:
        return max(0.0, (datetime.fromisoformat(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
