"""The practice server: real HTTP on this machine, three wire formats, faults on demand, nothing that depends on time.

Every reply and every fault is a function of seed, request body and attempt (header `x-stillhouse-attempt`, else 1),
never of the order in which requests arrive. Latency may be added; it changes no byte. Only `Limits` look at the clock.
"""

import contextlib
import math
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from curation.errors import TaskError
from curation.llm.practice.answering import Answering, Refusal, identity_of
from curation.llm.practice.batches import BatchFaults, Desk, HeldBatch
from curation.llm.practice.behaviour import Behaviour
from curation.llm.practice.billing import Billing
from curation.llm.practice.faulting import Faulting, refused, too_many
from curation.llm.practice.key import KeyBook, KeyEntry, read_key, rendered
from curation.llm.practice.limits import Gate, Limits
from curation.llm.practice.listening import Answer, Call, Listening, told
from curation.llm.practice.profiles import PROFILES, Faults, Profile, Wire
from curation.llm.practice.reading import PATHS, Asked
from curation.llm.practice.rewording import reword
from curation.llm.practice.spoiling import Injected
from curation.llm.practice.wire_batches import FilesAndBatches
from curation.llm.practice.wire_message_batches import MessageBatches
from curation.plugins import validate
from curation.records import draw
from curation.task import AnswerTable, Task, VaryTable
from curation.variation import wordings


@dataclass(frozen=True)
class Stats:
    """What the server did: bodies answered with 200, repeats among them, replies by status, most at one time."""

    answered: int
    answered_twice: int
    by_status: dict[str, int]
    most_in_flight: int = 0
    batches: int = 0


class PracticeServer:
    """A context manager: while it is open, the practice models answer at `url`, from a thread of this process.

    `entries` are the key as the server meets it (texts rendered and scrubbed; `server_for` does that); `scrub` is
    applied to rewordings, which are made here. Any API key is taken except "bad-key" (401) and "no-quota".
    A request is in flight for `latency_ms`, times 0.5 to 1.5 with `jitter`; a batch takes `batch_ms`, None: until
    `finish_batches`. `echo` answers from the question alone.
    """

    def __init__(  # noqa: PLR0913 - one keyword per thing a practice world is made of
        self,
        entries: Sequence[KeyEntry],
        *,
        seed: int,
        profiles: Mapping[str, Profile] = PROFILES,
        faults: Faults | None = None,
        answer: AnswerTable,
        vary: VaryTable | None = None,
        latency_ms: float = 0,
        jitter: bool = True,
        limits: Limits | None = None,
        batch_ms: float | None = 0,
        port: int = 0,
        scrub: Callable[[str], str] = str,
        echo: bool = False,
    ) -> None:
        book = KeyBook(entries, answer)
        _add_variants(book, vary or VaryTable(), scrub, seed)
        self.behaviour = Behaviour(book, seed)
        self.seed = seed
        self.profiles = dict(profiles)
        self.faults = faults or Faults()
        self.limits = limits or Limits()
        self.latency = latency_ms / 1000
        self._billing = Billing()
        self.url = ""
        self._jitter = jitter
        self._gate = Gate(self.limits)
        self._answering = Answering(self.behaviour, self.profiles, self.faults, self.limits.cached_input, echo)
        self._listening = Listening(self._handle, port)
        self._faulting = Faulting(self.faults, seed, self._listening.wait)
        self._answered: Counter[bytes] = Counter()
        self._statuses: Counter[int] = Counter()
        self._pages: dict[str, Callable[[], Any]] = {
            "/practice/models": self._models,
            "/practice/stats": lambda: vars(self.stats()),
            "/practice/billing": self._bills,
            "/v1/models": self._models_as_openai_lists_them,
            "/models": self._models_as_openai_lists_them,
            "/compat/v1/models": self._models_as_openai_lists_them,
        }
        self._desk = Desk(self._answering, self._billing, seed, batch_ms, self.limits.enqueued_tokens)
        start, wait = self._listening.work, self._listening.wait
        self._messages = MessageBatches(self._desk, start, wait)
        self._bases = {
            "/v1/messages/batches": self._messages,
            "/compat/v1": FilesAndBatches(self._desk, "compat", start, wait),
            "/v1": FilesAndBatches(self._desk, "openai", start, wait),
        }

    def __enter__(self) -> "PracticeServer":
        self._listening.__enter__()
        self.url = self._messages.url = self._listening.url
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.__exit__(kind, error, trace)

    def know(self, entries: Sequence[KeyEntry]) -> None:
        """Further rows, as the server meets them, whose answers the models know; no other reply changes."""
        for entry in entries:
            self.behaviour.book.add_variant(entry.text, entry, "")

    def stats(self) -> Stats:
        """What was done so far."""
        answered = dict(self._answered)
        twice = sum(n - 1 for n in answered.values())
        statuses = {str(k): v for k, v in sorted(dict(self._statuses).items())}
        return Stats(len(answered) + twice, twice, statuses, self._gate.highest, len(self._desk.held))

    def batches(self) -> list[HeldBatch]:
        """The batches held, oldest first, with the custom_ids of their requests."""
        return self._listening.call(self._desk.tell)

    def finish_batches(self) -> None:
        """End every batch now."""
        self._listening.call(self._desk.finish)

    def billed(self) -> dict[str, Any]:
        """What was charged so far, as GET /practice/billing shows it."""
        return self._listening.call(self._bills)

    @property
    def batch_faults(self) -> BatchFaults:
        """What goes wrong with the batches created from now on; to be set at any time."""
        return self._desk.faults

    @batch_faults.setter
    def batch_faults(self, faults: BatchFaults) -> None:
        self._desk.faults = faults

    def injected(self, model: str, text: str, index: int = 0) -> tuple[Injected, ...]:
        """The faults put on purpose into a teacher's reply to a prompt: what a scoring step counts against."""
        return self._answering.teacher(model, text, index).injected

    def _models(self) -> dict[str, Any]:
        models = self._answering.models.items()
        return {"models": [{"model": m, "family": f, "wire": self.profiles[f].wire} for m, f in models]}

    def _models_as_openai_lists_them(self) -> dict[str, Any]:
        models = self._answering.models.items()
        rows = [{"id": m, "object": "model", "created": 0, "owned_by": f} for m, f in models]
        return {"object": "list", "data": rows}

    def _bills(self) -> dict[str, Any]:
        self._desk.tell()  # a batch ends, and is billed, when it is looked at
        return self._billing.told()

    async def _handle(self, call: Call) -> Answer:
        wire = PATHS.get(call.path)
        if wire is not None and call.method == "POST":
            return await self._ask(wire, call)
        page = self._pages.get(call.path)
        if page is not None and call.method == "GET":
            return told(page())
        base = next((b for b in self._bases if call.path.startswith(f"{b}/") or call.path == b), None)
        if base is None:
            return told({"error": {"message": f"there is no {call.method} {call.path} here"}}, 404)
        wire = "anthropic" if base == "/v1/messages/batches" else "openai-chat"
        parts = [p for p in call.path.removeprefix(base).split("/") if p]
        return refused(wire, call.key) or await self._bases[base].answer(call, parts)

    async def _ask(self, wire: Wire, call: Call) -> Answer:
        identity = identity_of(wire, call.body)
        if self._gate.enter():
            try:
                answer = await self._let_in(wire, call, identity)
            finally:
                self._gate.leave()
        else:
            answer = too_many(wire)
        self._statuses[answer.status] += 1
        answer.headers["request-id" if wire == "anthropic" else "x-request-id"] = f"req_{identity.hex()[:24]}"
        return answer

    async def _let_in(self, wire: Wire, call: Call, identity: bytes) -> Answer:
        if answer := refused(wire, call.key):
            return answer
        asked = self._answering.understood(wire, call.body)
        wait = self._wait_for(wire, asked)
        answer = too_many(wire, wait) if wait else None
        if answer is None:
            tier = asked.tier if isinstance(asked, Asked) else ""
            answer = await self._faulting.met(wire, call, identity, tier) or self._replied(wire, asked, call, identity)
            if self.latency:
                factor = 0.5 + draw(self.seed, "latency", identity.hex()) if self._jitter else 1.0
                await self._listening.wait(self.latency * factor)
        if self._gate.announces and isinstance(asked, Asked):
            answer.headers |= self._gate.headers(wire, asked.model)
        return answer

    def _wait_for(self, wire: Wire, asked: Asked | Refusal) -> float:
        """Seconds until the announced limits let this request in, in whole milliseconds; 0: it is in."""
        if not self._gate.announces or isinstance(asked, Refusal):
            return 0.0
        wait = self._gate.admit(wire, asked.model, (asked.input_tokens, asked.limit * asked.n))
        return math.ceil(wait * 1000) / 1000

    def _replied(self, wire: Wire, asked: Asked | Refusal, call: Call, identity: bytes) -> Answer:
        if isinstance(asked, Refusal):
            return told(asked.body(wire), asked.status)
        body, bill = self._answering.reply(wire, asked, identity)
        self._answered[identity] += 1
        self._billing.charge(call.headers.get("x-client-request-id"), bill)
        return told(body)


def server_for(  # noqa: PLR0913 - what a task does not say about the server is said here
    task: Task,
    scrub: Callable[[str], str],
    render: Callable[[KeyEntry], str] | None = None,
    *,
    port: int = 0,
    latency_ms: float = 0,
    jitter: bool = True,
    limits: Limits | None = None,
    batch_ms: float | None = 0,
    also: Sequence[KeyEntry] = (),
) -> PracticeServer:
    """The practice server a task declares in [practice]; it reads the answer key now and never again.

    `render` makes the user message of a key entry (by default the task's template around its text); `also` are rows
    beside the key, such as the gold set's, that its models answer as they answer the key's.
    """
    if task.practice.key is None:
        raise TaskError("task.toml [practice]: 'key' is missing; it names the answer key the practice models know")
    template = task.prompts.template
    render = render or (lambda entry: template.replace("{text}", entry.text))
    entries = rendered(read_key(task.path(task.practice.key)), render, task.answer, scrub)
    server = PracticeServer(
        entries,
        seed=task.task.seed,
        profiles=_profiles(task),
        faults=validate(Faults, task.practice.faults, "task.toml [practice.faults]"),
        answer=task.answer,
        vary=task.vary,
        latency_ms=latency_ms,
        jitter=jitter,
        limits=limits,
        batch_ms=batch_ms,
        port=port,
        scrub=scrub,
    )
    server.know(rendered(also, render, task.answer, scrub))
    return server


def serve(server: PracticeServer, announce: Callable[[str], None]) -> None:
    """Keep a server open until the process is interrupted; `announce` is called once with its url."""
    with server, contextlib.suppress(KeyboardInterrupt):
        announce(server.url)
        threading.Event().wait()


def _profiles(task: Task) -> dict[str, Profile]:
    """The stated profiles with the task's overrides; a family of a new name starts from one without errors."""
    overridden = {
        name: validate(Profile, {**_stated(name), **table}, f"task.toml [practice.families.{name}]")
        for name, table in task.practice.families.items()
    }
    return PROFILES | overridden


def _stated(family: str) -> dict[str, Any]:
    return PROFILES[family].model_dump() if family in PROFILES else {}


def _add_variants(book: KeyBook, vary: VaryTable, scrub: Callable[[str], str], seed: int) -> None:
    """The texts that rewording requests, and noise, will bring back as prompts."""
    for variant in range(vary.per_prompt):
        for style in vary.styles:
            for entry in book.entries:
                book.add_variant(scrub(reword(entry.text, style, variant)), entry, f"{style}|{variant}")
    if vary.per_prompt and list(vary.kinds) != ["rewording"]:
        by_text = {entry.text: entry for entry in reversed(book.entries)}
        for text, name, words in wordings(vary, by_text, seed, reword):
            book.add_variant(scrub(words), by_text[text], name)
