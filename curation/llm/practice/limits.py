"""How much the practice server takes at once and a minute: limits that are announced, and one that is not."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from curation.llm.practice.profiles import Wire


class Limits(BaseModel):
    """What one account may ask of the server; None: no limit. Announced limits hold for each model apart.

    A request is charged its input tokens and its token limit (times n) when it is let in. On the Anthropic wire
    these are two buckets of `tokens_per_minute` each, as that service counts input and output apart.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    concurrency: Annotated[int, Field(ge=1)] | None = None
    """Hidden: with more in flight, a request is refused at once with 429, and no header ever says so."""
    requests_per_minute: Annotated[float, Field(gt=0)] | None = None
    tokens_per_minute: Annotated[float, Field(gt=0)] | None = None
    burst_seconds: Annotated[float, Field(gt=0)] = 60.0
    """A bucket holds what is refilled in so long; it starts full and is refilled continuously."""
    enqueued_tokens: Annotated[int, Field(ge=1)] | None = None
    """Prompt tokens that the open batches of one model may hold together; what is above fails after a while."""
    cached_input: bool = False
    """A system prompt of 1,024 tokens or more is reported, and billed, as cached input."""


class Bucket:
    """Tokens that come back at an even rate; more than it holds is charged as all it holds."""

    def __init__(self, per_minute: float, burst_seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self.per_minute = per_minute
        self.capacity = max(1.0, per_minute / 60 * burst_seconds)
        self._rate = per_minute / 60
        self._level = self.capacity
        self._clock = clock
        self._at = clock()

    @property
    def level(self) -> float:
        """What it holds now."""
        now = self._clock()
        self._level = min(self.capacity, self._level + (now - self._at) * self._rate)
        self._at = now
        return self._level

    def lacks(self, amount: float) -> float:
        """Seconds until so much can be taken."""
        return max(0.0, min(amount, self.capacity) - self.level) / self._rate

    def take(self, amount: float) -> None:
        """Take it out; the caller has asked `lacks` first."""
        self._level = self.level - min(amount, self.capacity)

    def fills(self) -> float:
        """Seconds until it is full again."""
        return (self.capacity - self.level) / self._rate


class Gate:
    """Counts what is in flight and lets requests in as `Limits` say."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = monotonic) -> None:
        self.limits = limits
        self.in_flight = 0
        self.highest = 0
        self._clock = clock
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def enter(self) -> bool:
        """Whether one more may be in flight; each True is followed by one `leave`."""
        if self.limits.concurrency is not None and self.in_flight >= self.limits.concurrency:
            return False
        self.in_flight += 1
        self.highest = max(self.highest, self.in_flight)
        return True

    def leave(self) -> None:
        """A request is done."""
        self.in_flight -= 1

    @property
    def announces(self) -> bool:
        """Whether there is anything to put into headers."""
        return self.limits.requests_per_minute is not None or self.limits.tokens_per_minute is not None

    def admit(self, wire: Wire, model: str, tokens: tuple[int, int]) -> float:
        """0: let in and charged for (input, output) tokens; else seconds until this request would fit."""
        charges = self._charges(wire, model, tokens)
        wait = max((bucket.lacks(amount) for _, bucket, amount in charges), default=0.0)
        if wait <= 1e-9:
            for _, bucket, amount in charges:
                bucket.take(amount)
            return 0.0
        return wait

    def headers(self, wire: Wire, model: str) -> dict[str, str]:
        """What the wire's service announces after a request."""
        told: dict[str, str] = {}
        for name, bucket, _ in self._charges(wire, model, (0, 0)):
            told |= _anthropic_headers(name, bucket) if wire == "anthropic" else _openai_headers(name, bucket)
        return told

    def _charges(self, wire: Wire, model: str, tokens: tuple[int, int]) -> list[tuple[str, Bucket, float]]:
        wanted: list[tuple[str, float | None, float]] = [("requests", self.limits.requests_per_minute, 1.0)]
        if wire == "anthropic":
            wanted += [("input-tokens", self.limits.tokens_per_minute, float(tokens[0]))]
            wanted += [("output-tokens", self.limits.tokens_per_minute, float(tokens[1]))]
        else:
            wanted += [("tokens", self.limits.tokens_per_minute, float(sum(tokens)))]
        return [(name, self._bucket(model, name, rate), amount) for name, rate, amount in wanted if rate is not None]

    def _bucket(self, model: str, name: str, per_minute: float) -> Bucket:
        if (model, name) not in self._buckets:
            self._buckets[model, name] = Bucket(per_minute, self.limits.burst_seconds, self._clock)
        return self._buckets[model, name]


def _openai_headers(name: str, bucket: Bucket) -> dict[str, str]:
    return {
        f"x-ratelimit-limit-{name}": f"{bucket.per_minute:.0f}",
        f"x-ratelimit-remaining-{name}": f"{max(0, math.floor(bucket.level))}",
        f"x-ratelimit-reset-{name}": go_duration(bucket.fills()),
    }


def _anthropic_headers(name: str, bucket: Bucket) -> dict[str, str]:
    full = datetime.now(UTC) + timedelta(seconds=math.ceil(bucket.fills()))
    return {
        f"anthropic-ratelimit-{name}-limit": f"{bucket.per_minute:.0f}",
        f"anthropic-ratelimit-{name}-remaining": f"{max(0, math.floor(bucket.level))}",
        f"anthropic-ratelimit-{name}-reset": full.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def go_duration(seconds: float) -> str:
    """Seconds as Go writes a duration.

    >>> [go_duration(s) for s in (0, 0.085, 6.25, 63.2, 3600)]
    ['0s', '85ms', '6.25s', '1m3.2s', '1h0m0s']
    """
    ms = math.ceil(round(seconds * 1000, 6))
    if ms == 0:
        return "0s"
    if ms < 1000:
        return f"{ms}ms"
    minutes, rest = divmod(ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{rest / 1000:g}s"
