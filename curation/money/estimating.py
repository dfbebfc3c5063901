"""What requests not yet made will come to: counted as they go by, estimated from what the journal has measured."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property

from pydantic import JsonValue

from curation.llm.models import Models
from curation.llm.prices import Price, is_here
from curation.llm.protocol import FREE, choices, max_tokens
from curation.llm.terms_registry import terms_of
from curation.llm.work import BYTES_PER_TOKEN
from curation.records import Request, Usage, canonical
from curation.store.attempts import Purpose
from curation.store.sums import Sums
from curation.task import ModelTable

ASSUMED: Mapping[Purpose, float] = {"sample": 150.0, "judge": 60.0, "vary": 60.0}
"""Tokens of an answer where nothing of the kind was ever measured in this workspace."""


@dataclass(frozen=True)
class Basis:
    """What an estimate rests on: tokens per byte sent, the share of them cached, tokens of an answer, seconds."""

    tokens_per_byte: float
    cached: float
    output: float
    seconds: float | None
    follow_ups: float
    words: str


@dataclass(frozen=True)
class Line:
    """What one model is still to be asked for one purpose.

    `calls` are the planned requests, `follow_ups` those expected after them (a cut or unreadable answer, a next
    stage) by what the journal shows; both are in tokens and `usd_expected`. `usd_most` is what the planned ones
    reserve: no reply can cost more. Dollars are None where no price is known, minutes where no speed is.
    """

    name: str
    model: str
    host: str
    purpose: str
    mode: str
    calls: int
    follow_ups: int
    journalled: int
    input_tokens: int
    output_tokens: int
    usd_expected: float | None
    usd_most: float | None
    minutes: float | None
    basis: str


@dataclass(frozen=True)
class Host:
    """Bytes that go to one address, and what is known of it; `leaves_house` is False for this very machine."""

    host: str
    bytes: int
    leaves_house: bool
    region: str | None
    zero_retention: bool
    terms: str

    def as_dict(self) -> dict[str, JsonValue]:
        """For the last line of `run --plan --json`."""
        return asdict(self)


class Count:
    """Counts one model's requests of one purpose; nothing of a request is kept but the last one's size."""

    def __init__(self, model: ModelTable, purpose: Purpose, models: Models, sums: Sums) -> None:
        self.model = model
        self.purpose: Purpose = purpose
        self.calls = 0
        self.journalled = 0
        self.bytes = 0
        self.first: Request | None = None
        self._models = models
        self._sums = sums
        self._output = 0.0
        self._most = 0.0
        self._sized: tuple[Request, int, float] | None = None

    def add(self, request: Request, times: int = 1) -> None:
        """So many more requests like this one are to be made."""
        self.first = self.first or request
        sent, most = self._size(request)
        self.calls += times
        self.bytes += times * sent
        self._most += times * most
        self._output += times * self._answer(request)

    def _size(self, request: Request) -> tuple[int, float]:
        """Bytes and the most it can cost; the samples of one prompt differ in neither."""
        last = self._sized
        if last is None or last[0].messages != request.messages or last[0].params != request.params:
            most = self.price.most(request, self._tier) if self.price else 0.0
            self._sized = last = (request, bytes_of(request), most)
        return last[1], last[2]

    def _answer(self, request: Request) -> float:
        """Tokens expected back."""
        cap = max_tokens(request)
        expected = self.basis.output * choices(request)
        return min(expected, cap[1] * choices(request)) if cap else expected

    @cached_property
    def price(self) -> Price | None:
        """None where it costs nothing by the token, or where nobody knows."""
        return self._models.price(self.model)

    @property
    def _tier(self) -> str | None:
        return None if self.model.mode == "online" else self.model.mode

    @cached_property
    def host(self) -> str:
        """Where it is asked."""
        return self._models.address(self.model).host

    @cached_property
    def basis(self) -> Basis:
        """From this model's last replies of the purpose; else from other models' and a rule of thumb."""
        follow_ups = self._sums.follow_ups(self.purpose, self.model.name)
        m = self._sums.measured(self.purpose, self.model.model, self.host)
        if m is not None:
            sent = sum(bytes_of(r) for r in m.requests)
            asked = sum(choices(r) for r in m.requests)
            words = f"from its last {m.replies} replies"
            return Basis(m.input / sent, m.cached / m.input, m.output / asked, m.seconds, follow_ups, words)
        mean = self._sums.mean_output(self.purpose)
        words = f"at {BYTES_PER_TOKEN} bytes a token, with answers as long as other models' here"
        if mean is None:
            mean = ASSUMED[self.purpose]
            words = f"at {BYTES_PER_TOKEN} bytes a token and {mean:g} tokens an answer, which is assumed"
        return Basis(1 / BYTES_PER_TOKEN, 0.0, mean, None, follow_ups, words)

    def line(self) -> Line:
        """What it came to."""
        more = 1 + self.basis.follow_ups
        sent, back = self.bytes * self.basis.tokens_per_byte * more, self._output * more
        return Line(
            name=self.model.name, model=self.model.model, host=self.host, purpose=self.purpose, mode=self.model.mode,
            calls=self.calls, follow_ups=round(self.calls * self.basis.follow_ups), journalled=self.journalled,
            input_tokens=round(sent), output_tokens=round(back),
            usd_expected=self._expected(sent, back), usd_most=self._most if self.priced else None,
            minutes=self._minutes(more), basis=self.basis.words,
        )  # fmt: skip

    @property
    def priced(self) -> bool:
        """Whether its price is known, be it nothing; what is not asked need not be."""
        return not self.calls or self._models.priced(self.model)

    def _expected(self, sent: float, back: float) -> float | None:
        if self.price is None:
            return 0.0 if self.priced else None
        usage = Usage(input=round(sent), output=round(back), cached_input=round(sent * self.basis.cached))
        return self.price.cost(usage, self._tier)

    def _minutes(self, more: float) -> float | None:
        if not self.calls:
            return 0.0
        if self.basis.seconds is None or self.model.mode == "batch":
            return None
        return self.calls * more * self.basis.seconds / self.model.concurrency / 60

    def destination(self) -> Host:
        """Where its bytes go; follow-ups carry more."""
        terms = terms_of(self.model.use, self.model.model)
        return Host(
            host=self.host,
            bytes=self.bytes,
            leaves_house=self.model.use not in FREE and not is_here(self.host),
            region=self.model.region,
            zero_retention=self.model.zero_retention,
            terms=f"{terms.id}@{terms.retrieved}" if terms.retrieved else terms.id,
        )


def bytes_of(request: Request) -> int:
    """Bytes of what a request says, in messages, schema and tools; each wire format puts its own around them."""
    said = sum(len(m.content.encode()) + sum(len(c.arguments.encode()) for c in m.tool_calls) for m in request.messages)
    shaped = [part for part in (request.answer_schema, *request.tools) if part is not None]
    return said + (len(canonical(shaped)) if shaped else 0)
