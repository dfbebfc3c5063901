"""What a token costs: a dated price table, the cost of a reply from its reported usage, and the most one may cost."""

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field

from curation.llm.families import plain_name
from curation.records import Record, Request, Usage, canonical

TABLE = Path(__file__).with_name("prices.toml")
LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "0.0.0.0")
OVERHEAD = 256
"""Tokens a provider's own framing may add to a request, generously."""

Dollars = Annotated[float, Field(ge=0)]


class Price(Record):
    """US dollars per million tokens, from a day on; `max_output` is the longest answer the model can give."""

    vendor: str
    model: str
    since: date
    input: Dollars
    output: Dollars
    cached_input: Dollars | None = None
    max_output: int | None = None

    def cost(self, usage: Usage) -> float | None:
        """Dollars of one reply; None where the provider reported no usage."""
        if usage.input is None or usage.output is None:
            return None
        cached = usage.cached_input or 0
        cached_rate = self.input if self.cached_input is None else self.cached_input
        return ((usage.input - cached) * self.input + cached * cached_rate + usage.output * self.output) / 1e6

    def most(self, request: Request) -> float:
        """The most one reply can cost: a token is at least one byte of what is sent, and the answer is capped."""
        from curation.llm.protocol import max_tokens

        sent = len(canonical([request.model_dump(mode="json", include={"messages", "answer_schema", "tools"})]))
        cap = max_tokens(request)
        out = cap[1] if cap else (self.max_output or 0)
        return ((sent + OVERHEAD) * self.input + out * self.output) / 1e6


def price_of(provider: str, model: str, on: date) -> Price | None:
    """The price of a vendor's model on a day; None where the table does not know it.

    >>> price_of("openai", "gpt-4o-mini", date(2025, 6, 1)).output
    0.6
    """
    for name in (model.lower(), plain_name(model)):
        known = [p for p in _prices() if p.vendor == provider and p.model == name and p.since <= on]
        if known:
            return max(known, key=lambda p: p.since)
    return None


def price_at(host: str, model: str, on: date) -> Price | None:
    """The price of a model at a host: the vendor's whose host it is; elsewhere the vendor's who made the model.

    A model no vendor sells, on this very machine, costs nothing.
    """
    vendor = _hosts().get(host)
    vendors = [vendor] if vendor else sorted({p.vendor for p in _prices()})
    found = next((p for v in vendors if (p := price_of(v, model, on)) is not None), None)
    if found is None and (host in LOOPBACK or host.rpartition(":")[0] in LOOPBACK):
        return Price(vendor="this machine", model=model, since=on, input=0, output=0, max_output=0)
    return found


def cost(usage: Usage, price: Price) -> float | None:
    """Dollars of one reply."""
    return price.cost(usage)


@cache
def _table() -> Mapping[str, object]:
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


@cache
def _prices() -> tuple[Price, ...]:
    rows = _table()["price"]
    assert isinstance(rows, list)
    return tuple(Price.model_validate(row) for row in rows)


@cache
def _hosts() -> dict[str, str]:
    hosts = _table()["hosts"]
    assert isinstance(hosts, dict)
    return {str(host): str(vendor) for host, vendor in hosts.items()}
