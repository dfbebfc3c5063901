"""What is asked, how far each request has come, and what one round of asking came to."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from curation.errors import FailureKind
from curation.llm.limits import NOTHING, Load
from curation.llm.protocol import choices, max_tokens
from curation.records import Record, Reply, Request
from curation.store.replies import About, Purpose
from curation.task import ModelTable, SamplingTable

BYTES_PER_TOKEN = 4
"""A rule of thumb for quotas alone; the provider's own count corrects it, and money never depends on it."""


NOT_SENT: dict[Literal["erased", "held_back"], str] = {
    "erased": "its reply was bought and is erased by [rules] keep_days; change the prompt to ask anew",
    "held_back": "the egress guard found an e-mail address, card, IBAN or secret in it, put there by something other "
    "than a prompt (a rubric, a reply asked about again); take it out, or allow it in [scrub] allow",
}
"""Why the journal did not let a request go."""


@dataclass(frozen=True)
class Turn:
    """One request of a chain and the reply it got."""

    request: Request
    reply: Reply


class Next(Record):
    """The request that follows a reply, and why it is made, in a word for the report."""

    request: Request
    why: str


Follow = Callable[[Sequence[Turn]], Next | None]
"""Given all turns so far, the request that follows; None when the last reply stands."""


@dataclass(frozen=True)
class Ask:
    """A request, the model it goes to, and what may follow its reply (always: a truncated one is asked longer)."""

    request: Request
    model: ModelTable
    follow: Follow | None = None

    def next(self, turns: Sequence[Turn], sampling: SamplingTable) -> Next | None:
        """What follows the last of these turns."""
        longer = longer_request(turns, sampling)
        return longer or (self.follow(turns) if self.follow else None)


@dataclass(frozen=True)
class Failure:
    """A request that got no reply: how it failed last, in words, and after how many attempts."""

    key: str
    kind: FailureKind
    words: str
    attempts: int


@dataclass
class Work:
    """A request on its way, with what happened to it so far; `turns` are the replies it follows up."""

    ask: Ask
    request: Request
    turns: tuple[Turn, ...] = ()
    tries: int = 0
    waits: int = 0
    why: str = ""
    wire: str = ""
    shape: str = ""
    reserve: float = 0.0
    load: Load = NOTHING
    seconds: float | None = None
    """How long the last attempt took, waiting for its turn not counted."""

    def weigh(self) -> Load:
        """What it counts for in a provider's quotas."""
        cap = max_tokens(self.request)
        size = sum(len(m.content) for m in self.request.messages)
        return Load(size // BYTES_PER_TOKEN + 8, (cap[1] if cap else 0) * choices(self.request))

    def went_on(self, reply: Reply, sampling: SamplingTable) -> bool:
        """Take a reply; whether another request follows it, which is then the one to send."""
        turns = (*self.turns, Turn(self.request, reply))
        following = self.ask.next(turns, sampling)
        if following is None:
            return False
        self.turns, self.request, self.why = turns, following.request, following.why
        self.tries = self.waits = 0
        return True

    def about(self, terms: str | None, scrub: str | None) -> About:
        """What is recorded beside the request."""
        model = self.ask.model
        parent = self.turns[-1].reply.key if self.turns else None
        cap = max_tokens(self.request)
        why = self.why or None
        most = cap[1] if cap else None
        return About(model.name, parent, terms, model.region, model.zero_retention, why, most, scrub)


@dataclass
class Round:
    """One call of the asker: what came back so far, and the error that stops it.

    Replies lie in the journal; `results` holds them only where `keep` says so, failures always.
    """

    purpose: Purpose
    on_done: Callable[["Round"], None]
    keep: bool = True
    results: dict[str, Reply | Failure] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    ignored: dict[str, set[str]] = field(default_factory=dict)
    total: int = 0
    done: int = 0
    calls: int = 0
    retries: int = 0
    refused: int = 0
    waiting: int = 0
    cost: float | None = 0.0
    error: BaseException | None = None

    def finish(self, key: str, result: Reply | Failure) -> None:
        """One request is settled for good."""
        self.done += 1
        if self.keep or isinstance(result, Failure):
            self.results[key] = result
        self.on_done(self)

    def count(self, what: str) -> None:
        """One more attempt that failed this way, or one more follow-up of this kind."""
        self.counts[what] += 1

    def heard(self, ask: Ask, reply: Reply) -> None:
        """Note what a server silently left out."""
        if reply.ignored:
            self.ignored.setdefault(ask.model.name, set()).update(reply.ignored)

    def spend(self, cost: float | None) -> None:
        """Add a cost; one that is not known makes the sum unknown."""
        self.cost = None if cost is None or self.cost is None else self.cost + cost

    def figures(self) -> dict[str, float | str]:
        """What a watcher sees: dollars so far and to come, 429s, retries."""
        shown: dict[str, float | str] = {"cost_usd": self.cost or 0.0}
        if self.cost and self.calls and self.total > self.done:
            shown["to_come_usd"] = self.cost / self.calls * (self.total - self.done)
        return shown | {"429s": self.refused, "retries": self.retries}

    def stop(self, error: BaseException) -> None:
        """Send nothing more; the first error is the one told."""
        self.error = self.error or error


def shape_of(request: Request) -> str:
    """What one live call proves for all like it: which parameters, and the way of asking with its schema."""
    given = [request.answer_schema is not None, bool(request.tools)]
    return f"{sorted(request.params)}|{request.template}|{given}"


def longer_request(turns: Sequence[Turn], sampling: SamplingTable) -> Next | None:
    """A truncated reply is asked for once more with a larger cap on its length."""
    last = turns[-1]
    cap = max_tokens(last.request)
    factor = sampling.truncated_retry_factor
    again = len(turns) > 1 and turns[-2].reply.stop == "length"
    if last.reply.stop != "length" or cap is None or factor <= 1 or again:
        return None
    name, value = cap
    params = {**last.request.params, name: int(value * factor)}
    return Next(request=last.request.model_copy(update={"params": params}), why="truncated")
