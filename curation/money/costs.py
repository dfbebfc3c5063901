"""What a workspace has cost, from the ledger of every attempt, and settling with the provider what is not known.

Attempts are under the hard budget: known costs, unknown ones at their cap, and reservations in flight. Hours of
machines are booked after the fact and are not.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby

from pydantic import JsonValue

from curation.llm.prices import STANDARD_TIERS, is_here, price_named
from curation.money.billing import Bills, billed
from curation.store.charges import Charge, Charges
from curation.store.replies import Replies, Spending
from curation.store.store import Store
from curation.store.sums import Sum, Sums, Unsettled
from curation.task import Environment, Task

PRACTICE = "practice"
PATIENCE = 600.0
"""Seconds after which no server still works on a request whose client is gone."""


@dataclass(frozen=True)
class Line:
    """What one model cost for one purpose at one tier; dollars, tokens as the provider reported them.

    `usd` is what is known, `held_usd` the most that attempts of unknown cost may have cost. `failed_usd` (of both) went
    to attempts that brought no reply, `discarded_usd` to replies that were asked again. `saved_usd` is what the same
    tokens would have cost more at the standard tier, `cache_saved_usd` without cached input.
    """

    name: str
    model: str
    host: str
    purpose: str
    tier: str
    calls: int = 0
    unknown: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    usd: float = 0.0
    held_usd: float = 0.0
    failed_usd: float = 0.0
    discarded_usd: float = 0.0
    saved_usd: float = 0.0
    cache_saved_usd: float = 0.0

    def plus(self, s: Sum) -> "Line":
        """With more attempts of the same kind."""
        saved, cache_saved = _saved(s)
        return replace(
            self,
            calls=self.calls + s.calls,
            unknown=self.unknown + s.unknown,
            input_tokens=self.input_tokens + s.input,
            cached_tokens=self.cached_tokens + s.cached,
            output_tokens=self.output_tokens + s.output,
            reasoning_tokens=self.reasoning_tokens + s.reasoning,
            usd=self.usd + s.cost,
            held_usd=self.held_usd + s.held,
            failed_usd=self.failed_usd + (0.0 if s.replied else s.cost + s.held),
            discarded_usd=self.discarded_usd + (s.cost + s.held if s.discarded else 0.0),
            saved_usd=self.saved_usd + saved,
            cache_saved_usd=self.cache_saved_usd + cache_saved,
        )


@dataclass(frozen=True)
class Costs:
    """What a workspace has cost so far, over all runs and processes."""

    spending: Spending
    budget_usd: float | None
    lines: tuple[Line, ...]
    charges: tuple[Charge, ...] = ()
    runs: tuple[dict[str, JsonValue], ...] = ()

    @property
    def left_usd(self) -> float | None:
        """What the budget still allows; None without one."""
        return None if self.budget_usd is None else self.budget_usd - self.spending.total

    @property
    def hours_usd(self) -> float:
        """What hours of machines cost, beside the budget."""
        return sum(c.cost for c in self.charges)

    def total(self, name: str) -> float:
        """The sum of one figure over all lines."""
        return sum(getattr(line, name) for line in self.lines)

    def as_dict(self) -> dict[str, JsonValue]:
        """The last line of `cost --json`.

        {"known_usd", "held_usd", "reserved_usd", "budget_usd", "left_usd", "failed_usd", "discarded_usd", "saved_usd",
        "cache_saved_usd", "hours_usd", "models": [the fields of Line], "charges": [the fields of Charge, "usd"],
        "runs": [{"run", "at", "command", "calls", "cost_usd", "seconds"}]}; with `--reconcile` also "reconciled":
        {"charged", "usd", "never_charged", "still_held": [the fields of Held]}
        """
        apart = ("failed_usd", "discarded_usd", "saved_usd", "cache_saved_usd")
        charges: list[JsonValue] = [{**asdict(c), "usd": c.cost} for c in self.charges]
        return {
            "known_usd": self.spending.known,
            "held_usd": self.spending.held,
            "reserved_usd": self.spending.reserved,
            "budget_usd": self.budget_usd,
            "left_usd": self.left_usd,
            **{name: self.total(name) for name in apart},
            "hours_usd": self.hours_usd,
            "models": [asdict(line) for line in self.lines],
            "charges": charges,
            "runs": list(self.runs),
        }


def costs(store: Store, task: Task) -> Costs:
    """What this workspace has cost; asks nobody."""
    by_kind: dict[tuple[str, ...], Line] = {}
    for s in Sums(store.replies_db).all():
        tier = "online" if s.tier in STANDARD_TIERS else s.tier or "online"
        kind = (s.name, s.model, s.host, s.purpose, tier)
        by_kind[kind] = by_kind.get(kind, Line(*kind)).plus(s)
    keys = ("calls", "cost_usd", "seconds")
    runs = [
        {"run": r["run"], "at": r["started"], "command": r["command"], **{k: (r["report"] or {}).get(k) for k in keys}}
        for r in store.runs.list()
    ]
    charges = tuple(Charges(store.replies_db).list())
    return Costs(Replies(store.replies_db).spending(), task.budget.usd, tuple(by_kind.values()), charges, tuple(runs))


def _saved(s: Sum) -> tuple[float, float]:
    """Dollars saved by the tier, and by cached input, against the standard price."""
    price = price_named(s.price) if s.price else None
    factor = price.factor(s.tier) if price else None
    if price is None or factor is None:
        return 0.0, 0.0
    per_token = 0.0 if price.cached_input is None else price.input - price.cached_input
    return s.cost / factor - s.cost, factor * s.cached * per_token / 1e6


# --- settling with the provider --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Held:
    """Attempts whose cost stays unknown, at their cap, and why."""

    host: str
    attempts: int
    usd: float
    why: str


@dataclass(frozen=True)
class Reconciled:
    """What a provider said about attempts of unknown cost: how many it charged for, how many it never saw."""

    charged: int = 0
    usd: float = 0.0
    never_charged: int = 0
    held: tuple[Held, ...] = field(default=())

    def as_dict(self) -> dict[str, JsonValue]:
        """Part of the last line of `cost --reconcile --json`."""
        held: list[JsonValue] = [asdict(h) for h in self.held]
        return {"charged": self.charged, "usd": self.usd, "never_charged": self.never_charged, "still_held": held}


def reconcile(store: Store, environment: Environment, patience: float = PATIENCE) -> Reconciled:
    """Ask each provider about attempts whose cost is not known, where it can tell; what nobody can tell stays held.

    An attempt the provider does not know was never charged: but only a provider that knows every reply it is known
    to have given can say so, and only of an attempt that is older than `patience` (seconds).
    """
    replies = Replies(store.replies_db)
    owner = replies.new_owner()
    try:
        replies.sweep(owner)  # what a killed process had in flight
    finally:
        owner.close()
    done = Reconciled()
    unsettled = sorted(Sums(store.replies_db).unsettled(), key=lambda a: a.host)
    for host, attempts in groupby(unsettled, key=lambda a: a.host):
        url = environment.practice_url if host == PRACTICE else f"http://{host}" if is_here(host) else None
        done = _settled_at(host, url, list(attempts), done, store, patience)
    return done


def _settled_at(
    host: str, url: str | None, attempts: Sequence[Unsettled], done: Reconciled, store: Store, patience: float
) -> Reconciled:
    bills = billed(url) if url else None
    if bills is None:
        return replace(done, held=(*done.held, _held(host, attempts, _why_silent(host, url))))
    costs: dict[str, float] = {}
    open_: dict[str, list[Unsettled]] = {}
    forgot = _forgot(bills, host, attempts, store)
    for attempt in attempts:
        told = _told(attempt, bills)
        if told is None:
            young = "it may still be worked on; ask again later" if attempt.age < patience else None
            told = forgot or young or 0.0
        if isinstance(told, str):
            open_.setdefault(told, []).append(attempt)
        else:
            costs[attempt.wire] = told
    Replies(store.replies_db).reconcile(costs)
    charged = [c for wire, c in costs.items() if bills.of(wire)]
    return Reconciled(
        done.charged + len(charged),
        done.usd + sum(charged),
        done.never_charged + len(costs) - len(charged),
        (*done.held, *(_held(host, some, why) for why, some in open_.items())),
    )


def _told(attempt: Unsettled, bills: Bills) -> float | str | None:
    """Dollars of an attempt; None where there is no bill of it, or in words why a bill cannot be read."""
    found = bills.of(attempt.wire)
    if not found:
        return None
    price = price_named(attempt.price or "")
    if price is None:
        return f"its price {attempt.price!r} is no longer in the table"
    costs = [bill.cost(price) for bill in found]
    known = [c for c in costs if c is not None]
    return sum(known) if len(known) == len(costs) else f"no price is known for the tier {found[0].tier!r}"


def _forgot(bills: Bills, host: str, attempts: Iterable[Unsettled], store: Store) -> str | None:
    """Why the server's not knowing an attempt says nothing; None where it does."""
    answered = list(Sums(store.replies_db).answered(host))
    if any(not bills.of(wire) for wire in answered):
        return "the server there does not know replies it has given, so it was started anew since"
    if not answered and not any(bills.of(a.wire) for a in attempts):
        return "the server there knows nothing of this workspace, so it may have been started anew"
    return None


def _why_silent(host: str, url: str | None) -> str:
    if host == PRACTICE and url is None:
        return "the practice server of that run is gone; with STILLHOUSE_PRACTICE_URL one that stays can be asked"
    if url is not None:
        return f"no practice server answers at {url}, and no other kind tells what single requests cost"
    return "this provider tells nobody what a single request cost"


def _held(host: str, attempts: Sequence[Unsettled], why: str) -> Held:
    return Held(host, len(attempts), sum(a.held for a in attempts), why)
