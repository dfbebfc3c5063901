"""Batches held by the practice server: taken now, worked on in steps, ended when their time has come or a test says so.

What a batch's wire calls things is not known here; `wire_batches` and `wire_message_batches` know it.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import time
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from curation.llm.practice.answering import Answering, Refusal, identity_of
from curation.llm.practice.billing import Bill, Billing, Spent
from curation.llm.practice.listening import told
from curation.llm.practice.profiles import Rate, Wire
from curation.llm.practice.reading import Asked
from curation.records import draw, text_digest

Dialect = Literal["openai", "compat", "anthropic"]
Phase = Literal["validating", "failed", "running", "finalizing", "ended", "cancelling", "cancelled"]
Count = Annotated[int, Field(ge=0)]
STEP = 50
"""Requests worked on before the server looks after its other clients."""


class BatchFaults(BaseModel):
    """What goes wrong with the next batches; lines are chosen by seed and custom_id, each meets at most one.

    What a client cannot read is not billed. The order of results is always another than that of the requests.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    missing: Count = 0
    """Lines that are in no file, while the counts say all is well."""
    duplicated: Count = 0
    """Lines that come twice."""
    server_errors: Count = 0
    """Requests that end with status 500, in the error file where there is one."""
    bad_requests: Count = 0
    """Requests that end with status 400 though nothing is wrong with them."""
    expired: Rate = 0.0
    """Share of the rest that was not reached in time."""
    status_once: str | None = None
    """Told once instead of the status, the first time a batch is looked at: misspelt, or never heard of."""
    create_hangs: Annotated[float, Field(ge=0)] = 0.0
    """The next batch is created, but the answer comes only after so many seconds; later ones are answered at once."""
    torn: bool = False
    """The output ends in the middle of its last line."""


@dataclass(frozen=True)
class LineError:
    """Why a batch failed while it was validated."""

    code: str
    message: str
    line: int | None = None
    param: str | None = None


class Unacceptable(Exception):
    """A file or a list of requests that fails as a whole."""

    def __init__(self, error: LineError) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass(frozen=True)
class Item:
    """One request of a batch."""

    custom_id: str
    body: dict[str, Any]


class Question(NamedTuple):
    """One request, read."""

    custom_id: str
    identity: bytes
    asked: Asked | Refusal


@dataclass(frozen=True)
class Outcome:
    """How one request ended: with a status and a body, or (status 0) not at all."""

    custom_id: str
    kind: Literal["succeeded", "errored", "expired", "canceled"]
    status: int = 0
    body: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class HeldBatch:
    """A batch as a test sees it."""

    id: str
    dialect: Dialect
    phase: Phase
    custom_ids: tuple[str, ...]
    metadata: dict[str, str]


@dataclass(frozen=True)
class Order:
    """What a client asks for when it creates a batch, and how its wire writes one result."""

    dialect: Dialect
    wire: Wire
    items: Iterator[Item]
    """Raises Unacceptable where the requests turn out to be wrong."""
    line_of: Callable[[Outcome], bytes]
    input_file: str = ""
    endpoint: str = ""
    metadata: dict[str, str] = field(default_factory=dict[str, str])
    requests: int = 0
    """How many there are, where that is known before they are read."""


@dataclass(frozen=True)
class Result:
    """One request's line and what it costs, should its batch get that far."""

    outcome: Outcome
    line: bytes
    bill: Bill | None


@dataclass
class Batch:
    """One batch: its requests as they become known, its results as they are worked out."""

    id: str
    order: Order
    created: float
    faults: BatchFaults
    ends_at: float | None
    """None: when a test says so."""
    custom_ids: list[str] = field(default_factory=list[str])
    results: list[Result] = field(default_factory=list[Result])
    model: str = ""
    enqueued: int = 0
    error: LineError | None = None
    validated: bool = False
    ready: bool = False
    cancelled_at: float | None = None
    reached: float = 1.0
    """Share of the requests that was reached; less when it was cancelled."""
    ended_at: float | None = None
    looked_at: bool = False
    counts: Counter[str] = field(default_factory=Counter[str])
    spent: Spent = field(default_factory=lambda: Spent(0, 0))
    output: bytes = b""
    errors: bytes = b""

    def share(self) -> float:
        """How much of its time is over; half, while only a test can end it."""
        if self.ends_at is None:
            return 0.5
        return min(1.0, (time() - self.created) / max(1e-9, self.ends_at - self.created))


@dataclass
class Desk:
    """Where batches are taken, worked on and looked up; all of it in the server's own thread.

    `batch_ms` is how long a batch takes, None until `finish`; `enqueued_tokens` how many prompt tokens the open
    batches of one model may hold together.
    """

    answering: Answering
    billing: Billing
    seed: int
    batch_ms: float | None = 0
    enqueued_tokens: int | None = None
    faults: BatchFaults = field(default_factory=BatchFaults)
    held: dict[str, Batch] = field(default_factory=dict[str, Batch])

    def __post_init__(self) -> None:
        self._steps: dict[str, Iterator[None]] = {}
        self._opened = 0

    def open(self, order: Order) -> Batch:
        """Take a batch; `work` has to be run on it."""
        prefix = "msgbatch_" if order.dialect == "anthropic" else "batch_"
        self._opened += 1
        name = prefix + text_digest(f"{self.seed}|{self._opened}|{order.input_file}")[:24]
        now = time()
        ends_at = None if self.batch_ms is None else now + self.batch_ms / 1000
        batch = self.held[name] = Batch(name, order, now, self.faults, ends_at)
        self.faults = self.faults.model_copy(update={"create_hangs": 0.0})
        self._steps[name] = self._work(batch)
        return batch

    def work(self, batch: Batch) -> Iterator[None]:
        """The work on a batch, in steps; who else goes through it gets what is left of it."""
        return self._steps[batch.id]

    def finish(self) -> None:
        """End every batch now."""
        for batch in self.held.values():
            for _ in self.work(batch):
                pass
            batch.ends_at = min(batch.ends_at or time(), time())
            self.look(batch)

    def tell(self) -> list[HeldBatch]:
        """All batches, oldest first; those that are still unread are read first."""
        for batch in self.held.values():
            while not (batch.validated or batch.error) and next(self.work(batch), batch) is None:
                pass
        return [
            HeldBatch(b.id, b.order.dialect, self.look(b), tuple(b.custom_ids), dict(b.order.metadata))
            for b in self.held.values()
        ]

    def cancel(self, batch: Batch) -> None:
        """Stop where it is: what was reached so far is done, and paid for."""
        if batch.cancelled_at is None and self.look(batch) in ("validating", "running", "finalizing"):
            batch.cancelled_at = time()
            batch.reached = batch.share()

    def look(self, batch: Batch) -> Phase:
        """Where a batch is now; it ends when it is looked at after its time."""
        over = batch.cancelled_at is not None or (batch.ends_at is not None and time() >= batch.ends_at)
        if batch.ended_at is None and batch.ready and over:
            self._end(batch)
        if batch.error is not None:
            return "failed"
        if batch.ended_at is not None:
            return "ended" if batch.cancelled_at is None else "cancelled"
        if batch.cancelled_at is not None:
            return "cancelling"
        if not batch.validated:
            return "validating"
        return "finalizing" if over or batch.share() > 0.95 else "running"

    def _work(self, batch: Batch) -> Iterator[None]:
        asked: list[Question] = []
        try:
            for number, item in enumerate(batch.order.items):
                asked.append(self._read(batch, item))
                if number % STEP == STEP - 1:
                    yield
            self._check_enqueued(batch)
        except Unacceptable as unacceptable:
            batch.error = unacceptable.error
            return
        batch.validated = True
        fates = _fates(self.seed, batch.custom_ids, batch.faults)
        asked.sort(key=lambda question: draw(self.seed, "order", question.custom_id))
        for number, question in enumerate(asked):
            outcome, bill = self._outcome(batch.order.wire, question, fates.get(question.custom_id))
            batch.results.append(Result(outcome, batch.order.line_of(outcome), bill))
            if number % STEP == STEP - 1:
                yield
        batch.ready = True

    def _read(self, batch: Batch, item: Item) -> Question:
        wire = batch.order.wire
        asked = self.answering.understood(wire, item.body)
        batch.custom_ids.append(item.custom_id)
        if isinstance(asked, Asked):
            batch.model = asked.model
            batch.enqueued += asked.input_tokens
        return Question(item.custom_id, identity_of(wire, told(item.body).body), asked)

    def _check_enqueued(self, batch: Batch) -> None:
        if self.enqueued_tokens is None or batch.order.dialect == "anthropic":
            return
        over = ("ended", "cancelled", "failed")
        held = sum(b.enqueued for b in self.held.values() if b.model == batch.model and self.look(b) not in over)
        if held > self.enqueued_tokens:
            words = f"Enqueued token limit reached for {batch.model}. Limit: {self.enqueued_tokens} enqueued tokens."
            raise Unacceptable(LineError("token_limit_exceeded", words))

    def _outcome(self, wire: Wire, question: Question, fate: str | None) -> tuple[Outcome, Bill | None]:
        custom_id, identity, asked = question
        if fate == "expired":
            return Outcome(custom_id, "expired"), None
        if fate == "server_errors":
            asked = Refusal(500, "The server had an error while processing your request.")
        elif fate == "bad_requests":
            asked = Refusal(400, "The request could not be read.", "invalid_request")
        if isinstance(asked, Refusal):
            return Outcome(custom_id, "errored", asked.status, asked.body(wire)), None
        body, bill = self.answering.reply(wire, asked, identity)
        if wire == "anthropic":
            body["usage"]["service_tier"] = "batch"
        return Outcome(custom_id, "succeeded", 200, body), bill._replace(tier="batch")

    def _end(self, batch: Batch) -> None:
        """Put the files together and the bill."""
        batch.ended_at = time()
        fates = _fates(self.seed, batch.custom_ids, batch.faults)
        reached = batch.results[: int(len(batch.results) * batch.reached)]
        batch.counts.update(r.outcome.kind for r in reached)
        batch.counts["canceled"] = len(batch.results) - len(reached)
        told_of = [r for r in reached if fates.get(r.outcome.custom_id) != "missing"]
        told_of += [r for r in told_of if fates.get(r.outcome.custom_id) == "duplicated"]
        one_file = batch.order.dialect == "anthropic"
        if one_file:
            told_of += [self._canceled(batch, r) for r in batch.results[len(reached) :]]
        output = [r for r in told_of if one_file or r.bill is not None]
        batch.output = b"".join(r.line for r in output)
        batch.errors = b"".join(r.line for r in told_of if not one_file and r.bill is None)
        if batch.faults.torn and output:
            torn = output.pop()
            batch.output = batch.output[: -1 - len(torn.line) // 2]
        self._charge(batch, {r.outcome.custom_id: r.bill for r in output if r.bill is not None})
        batch.results.clear()

    def _canceled(self, batch: Batch, result: Result) -> Result:
        outcome = Outcome(result.outcome.custom_id, "canceled")
        return Result(outcome, batch.order.line_of(outcome), None)

    def _charge(self, batch: Batch, bills: Mapping[str, Bill]) -> None:
        for custom_id, bill in bills.items():
            batch.spent = Spent(*(a + b for a, b in zip(batch.spent, bill.spent, strict=True)))
            self.billing.charge(custom_id, bill)


def _fates(seed: int, custom_ids: Sequence[str], faults: BatchFaults) -> dict[str, str]:
    """custom_id -> the fault its line meets, for those that meet one."""
    wanted = [(n, getattr(faults, n)) for n in ("missing", "duplicated", "server_errors", "bad_requests")]
    if not faults.expired and not any(count for _, count in wanted):
        return {}
    ranked = sorted(custom_ids, key=lambda name: draw(seed, "fate", name))
    fates: dict[str, str] = {}
    for fate, count in wanted:
        for _ in range(min(count, len(ranked))):
            fates[ranked.pop()] = fate
    return fates | {name: "expired" for name in ranked if draw(seed, "expired", name) < faults.expired}
