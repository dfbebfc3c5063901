"""What a token costs: a dated price table, the cost of a reply from its reported usage, and the most one may cost."""

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated

from pydantic import Field

from curation.llm.aliases import plain_name
from curation.records import Record, Request, Usage

TABLE = Path(__file__).with_name("prices.toml")
LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "0.0.0.0")
OVERHEAD = 256
"""Tokens a provider's own framing may add to a request, generously."""

CACHE_WRITE = 1.25
"""What writing to a five-minute prompt cache costs, in input prices (Anthropic; nobody else charges for it)."""
STATED = "stated"
"""The vendor of a price that task.toml states."""
RATES = ("input", "output", "cached_input", "batch", "flex")
STANDARD_TIERS = frozenset({None, "", "auto", "default", "standard", "online"})

_STATED = re.compile(rf"{STATED}/(?P<model>.*)@(?P<since>[0-9-]{{10}})(?P<rates>(?: \w+=[\d.e+-]+)*)")

Dollars = Annotated[float, Field(ge=0)]
Factor = Annotated[float, Field(gt=0, le=1)]


class Price(Record):
    """US dollars per million tokens, from a day on; `max_output` is the longest answer the model can give."""

    vendor: str
    model: str
    since: date
    input: Dollars
    output: Dollars
    cached_input: Dollars | None = None
    max_output: int | None = None
    batch: Factor = 1.0
    """What a batch pays of these prices."""
    flex: Factor = 1.0
    """What the flex tier pays of these prices."""

    @cached_property
    def id(self) -> str:
        """As the ledger names it: a row of the table, `openai/gpt-4o-mini@2024-07-18`; a stated one with its rates."""
        row = f"{self.vendor}/{self.model}@{self.since}"
        if self.vendor != STATED:
            return row
        rates = {name: getattr(self, name) for name in RATES}
        return " ".join([row, *(f"{name}={rate!r}" for name, rate in rates.items() if rate is not None)])

    def factor(self, tier: str | None) -> float | None:
        """What a service tier pays of the standard price; None for a tier whose price is not known."""
        if tier in STANDARD_TIERS:
            return 1.0
        return {"batch": self.batch, "flex": self.flex}.get(tier or "")

    def cost(self, usage: Usage, tier: str | None = None) -> float | None:
        """Dollars of one reply; None where the provider reported no usage, or a tier of unknown price.

        Reasoning tokens are within `output`, cached ones and those written to a cache within `input`.
        """
        factor = self.factor(tier)
        if usage.input is None or usage.output is None or factor is None:
            return None
        cached, written = usage.cached_input or 0, usage.cache_write or 0
        cached_rate = self.input if self.cached_input is None else self.cached_input
        fresh = (usage.input - cached - written) * self.input
        into_cache = written * self.input * CACHE_WRITE
        return factor * (fresh + cached * cached_rate + into_cache + usage.output * self.output) / 1e6

    def most(self, request: Request, tier: str | None = None) -> float:
        """The most one reply can cost: a token is at least one byte of what is sent, and each answer is capped.

        Only a batch is sure of its discount; a flex request is reserved at the standard price.
        """
        from curation.llm.protocol import choices, max_tokens

        cap = max_tokens(request)
        out = (cap[1] if cap else (self.max_output or 0)) * choices(request)
        factor = self.batch if tier == "batch" else 1.0
        return factor * ((request.size + OVERHEAD) * self.input + out * self.output) / 1e6


def price_named(id_: str) -> Price | None:
    """The price that a `Price.id` in the ledger stands for; None for a row that the table no longer has.

    >>> price_named("stated/my model@2026-01-31 input=0.2 output=0.6").output
    0.6
    """
    if not id_.startswith(f"{STATED}/"):
        return next((p for p in _prices() if p.id == id_), None)
    found = _STATED.fullmatch(id_)
    if found is None:
        return None
    rates = dict(part.split("=") for part in found["rates"].split())
    return Price.model_validate({"vendor": STATED, "model": found["model"], "since": found["since"], **rates})


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
    if found is None and is_here(host):
        return Price(vendor="this machine", model=model, since=on, input=0, output=0, max_output=0)
    return found


def is_here(host: str) -> bool:
    """Whether a host, with or without its port, is this very machine."""
    return host in LOOPBACK or host.rpartition(":")[0] in LOOPBACK


@cache
def _table() -> Mapping[str, object]:
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


@cache
def _prices() -> tuple[Price, ...]:
    rows, tiers = _table()["price"], _table()["tiers"]
    assert isinstance(rows, list)
    assert isinstance(tiers, dict)
    return tuple(Price.model_validate({**tiers.get(row["vendor"], {}), **row}) for row in rows)


@cache
def _hosts() -> dict[str, str]:
    hosts = _table()["hosts"]
    assert isinstance(hosts, dict)
    return {str(host): str(vendor) for host, vendor in hosts.items()}
