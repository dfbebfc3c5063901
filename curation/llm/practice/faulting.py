"""How the practice server refuses and fails on purpose: drawn from seed, body and attempt, in the wire's own form."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property

from curation.llm.practice.listening import Answer, Call, told
from curation.llm.practice.profiles import Faults, Wire
from curation.llm.practice.wires import refuse
from curation.records import draw

BAD_KEY = "bad-key"
NO_QUOTA = "no-quota"
TOO_MANY = "Rate limit reached; slow down."


def refused(wire: Wire, key: str) -> Answer | None:
    """The keys that are refused on purpose."""
    if key == BAD_KEY:
        return told(refuse(wire, 401, "Incorrect API key provided.", "invalid_api_key"), 401)
    if key == NO_QUOTA:
        status = 402 if wire == "anthropic" else 429
        return told(refuse(wire, status, "You exceeded your current quota.", "insufficient_quota"), status)
    return None


def too_many(wire: Wire, wait: float | None = None) -> Answer:
    """The 429 of a limit; `wait` (seconds) is announced, None is not."""
    headers = {} if wait is None else {"retry-after": f"{wait:g}"}
    return told(refuse(wire, 429, TOO_MANY, "rate_limit_exceeded"), 429, headers)


@dataclass(frozen=True)
class Faulting:
    """The faults of a server; `wait` sleeps for some seconds."""

    faults: Faults
    seed: int
    wait: Callable[[float], Awaitable[None]]

    async def met(self, wire: Wire, call: Call, identity: bytes, tier: str) -> Answer | None:
        """The fault this attempt meets, if any."""
        if not self._any:
            return None
        faults, attempt = self.faults, _attempt(call)
        if faults.until_attempt and attempt >= faults.until_attempt:
            return None
        if tier == "flex" and draw(self.seed, "flex", identity.hex(), attempt) < faults.flex_unavailable:
            words = "There are no resources for this tier now; try again later."
            return told(refuse(wire, 429, words, "resource_unavailable"), 429)
        u = draw(self.seed, "fault", identity.hex(), attempt)
        for rate, fault in (
            (faults.rate_limited, self._rate_limited),
            (faults.server_error, _server_error),
            (faults.overloaded, _overloaded),
            (faults.timeout, self._hung),
            (faults.garbage, _garbage),
            (faults.slow, self._slow),
        ):
            if u < rate:
                return await fault(wire)
            u -= rate
        return None

    @cached_property
    def _any(self) -> bool:
        f = self.faults
        return any((f.rate_limited, f.server_error, f.overloaded, f.timeout, f.garbage, f.slow, f.flex_unavailable))

    async def _rate_limited(self, wire: Wire) -> Answer:
        return too_many(wire, self.faults.retry_after)

    async def _hung(self, wire: Wire) -> Answer:
        await self.wait(self.faults.hang)
        return told(refuse(wire, 504, "The upstream did not answer in time."), 504)

    async def _slow(self, _wire: Wire) -> None:
        await self.wait(self.faults.hang)


def _attempt(call: Call) -> int:
    header = call.headers.get("x-stillhouse-attempt", "1")
    return int(header) if header.isdecimal() else 1


async def _server_error(wire: Wire) -> Answer:
    return told(refuse(wire, 500, "The server had an error while processing your request."), 500)


async def _overloaded(wire: Wire) -> Answer:
    status = 529 if wire == "anthropic" else 503
    return told(refuse(wire, status, "Overloaded"), status)


async def _garbage(_wire: Wire) -> Answer:
    return Answer(200, b"<html><body>Bad gateway</body></html>", media="text/html; charset=utf-8")
