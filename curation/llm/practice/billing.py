"""What the practice server charges for: every request it answered with 200, by the client's own id of the request."""

from typing import NamedTuple


class Spent(NamedTuple):
    """Tokens of one reply; `cached` is part of `input`, `reasoning` part of `output`."""

    input: int
    output: int
    cached: int = 0
    reasoning: int = 0


class Bill(NamedTuple):
    """One charge."""

    model: str
    tier: str
    spent: Spent

    def told(self) -> dict[str, str | int]:
        """As the billing page shows it."""
        return {"model": self.model, "tier": self.tier, **self.spent._asdict()}


class Billing:
    """All charges, in the order they were made.

    A request without an id gets a number; an id met again (a client that asked twice) gets one appended, so that
    nothing that was charged is lost.
    """

    def __init__(self) -> None:
        self._bills: dict[str, Bill] = {}
        self._seen: dict[str, int] = {}

    def charge(self, client_id: str | None, bill: Bill) -> None:
        """One more charge."""
        name = client_id or "request"
        times = self._seen[name] = self._seen.get(name, 0) + 1
        self._bills[name if client_id and times == 1 else f"{name}#{times}"] = bill

    def told(self) -> dict[str, object]:
        """Every charge and the sums."""
        bills = dict(self._bills)
        sums = [sum(column) for column in zip(*(b.spent for b in bills.values()), strict=True)] or [0] * 4
        totals = {"requests": len(bills), **Spent(*sums)._asdict()}
        return {"requests": {name: bill.told() for name, bill in bills.items()}, "totals": totals}
