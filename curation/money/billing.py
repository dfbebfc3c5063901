"""Asks a provider what it charged for single requests: the practice server tells, the others do not."""

from urllib.parse import urlsplit

import httpx2

from curation.errors import AskFailed
from curation.llm.prices import Price
from curation.llm.protocol import Wire, read_wire
from curation.records import Usage

PAGE = "/practice/billing"


class Bill(Wire):
    """One charge; `cached` is part of `input`, `reasoning` part of `output`."""

    model: str
    tier: str
    input: int
    cached: int
    output: int
    reasoning: int

    def cost(self, price: Price) -> float | None:
        """Dollars; None for a tier whose price is not known."""
        usage = Usage(input=self.input, cached_input=self.cached, output=self.output, reasoning=self.reasoning)
        return price.cost(usage, self.tier)


class Bills(Wire):
    """Every charge, by the client's own id of the request; `ID#2` is the second charge of one id."""

    requests: dict[str, Bill]

    def of(self, wire: str) -> list[Bill]:
        """What was charged for an attempt."""
        found = [self.requests[wire]] if wire in self.requests else []
        number = 2
        while (bill := self.requests.get(f"{wire}#{number}")) is not None:
            found.append(bill)
            number += 1
        return found


def billed(url: str) -> Bills | None:
    """The bills of the practice server behind any of its addresses; None where no practice server answers."""
    where = urlsplit(url)
    try:
        with httpx2.Client(trust_env=False, timeout=10) as client:
            answer = client.get(f"{where.scheme}://{where.netloc}{PAGE}")
    except httpx2.TransportError:
        return None
    if answer.status_code != 200:
        return None
    try:
        return read_wire(Bills, answer.text, where.netloc)
    except AskFailed:
        return None
