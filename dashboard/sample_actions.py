"""What may be done to many samples at once: a review opened on them, or rulings on those in quarantine.

Each action is planned first: the plan says in words what would happen to how many, and what is left out and why. Both
can be undone: a review is closed as long as nobody has voted in it, rulings are withdrawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from curation.errors import InputError
from curation.quarantine import Quarantine
from curation.records import SAMPLES
from curation.scrub.held import IS_HELD, held_key_of
from curation.store.quarantine import Rulings
from curation.store.query import Query
from curation.store.reviews import Study
from curation.store.scrub_rulings import PromptRulings
from curation.store.store import Store
from dashboard.sample_queries import Spot, rows_at
from judges.review import ReviewService
from judges.study import item_of

MOST = 1_000
"""Samples that one action takes at once."""


@dataclass(frozen=True)
class Plan:
    """What an action would do: the samples it is done to (schema SAMPLES), and sentences that say so."""

    rows: pl.DataFrame
    words: tuple[str, ...]


def chosen(query: Query, where: Sequence[Spot]) -> pl.DataFrame:
    """The samples that lie there, whole, at most MOST of them."""
    return rows_at(query, where[:MOST], list(SAMPLES)).select(list(SAMPLES))


def plan_review(store: Store, rows: pl.DataFrame, name: str, overlap: int) -> Plan:
    """A blind review of exactly these samples; InputError where its name is missing or taken."""
    if not name:
        raise InputError("give the review a name")
    if name in {study.name for study in ReviewService(store).studies()}:
        raise InputError(f"there is already a review {name!r}; choose another name")
    answered = rows.filter(pl.col("answer").is_not_null())
    wanted = answered.height * overlap
    votes = f"{wanted:,} {'vote' if wanted == 1 else 'votes'}"
    words = [
        f"Opens the blind review {name!r} of {_samples(answered)}: {votes} wanted. "
        "Raters see prompt and answer, and nothing of where they came from.",
        "These samples were picked and not drawn by chance: what people say of them holds for no others.",
    ]
    return Plan(answered, (*words, *_left_out(rows.height - answered.height, "have no answer")))


def open_review(service: ReviewService, version: str, plan: Plan, name: str, overlap: int, actor: str) -> Study:
    """Open the planned review; InputError when there is nothing in it or its name was taken meanwhile."""
    items = [item_of(row, None) for row in plan.rows.iter_rows(named=True)]
    return service.open_on(name, version, items, overlap=overlap, actor=actor)


def close_review(service: ReviewService, name: str, actor: str) -> None:
    """Undo `open_review`; InputError once somebody has voted, because votes are never thrown away."""
    if given := service.status(name).given:
        raise InputError(f"{given} {'vote was' if given == 1 else 'votes were'} given in {name!r} already; it stays")
    service.close(name, actor)


def plan_approval(store: Store, rows: pl.DataFrame) -> Plan:
    """Approving those of these samples that wait in quarantine and that nobody has ruled on."""
    held = rows.filter(pl.col("state") == "quarantined")
    waiting = held.filter(~_ruled(store, held))
    asked = waiting.filter(~IS_HELD)
    prompts = waiting.filter(IS_HELD)["prompt_id"].n_unique()
    words: list[str] = []
    if asked.height or not prompts:
        words.append(
            f"Approves {_samples(asked)}: the next run lets each go on as it is from the step that held it, "
            "and later steps still look at it."
        )
    if prompts:
        words.append(
            f"Approves {prompts:,} held {'prompt' if prompts == 1 else 'prompts'}: the next run asks them as they are "
            "masked, and that costs money."
        )
    words += _left_out(rows.height - held.height, "are not in quarantine")
    words += _left_out(held.height - waiting.height, "were ruled on already")
    return Plan(waiting, tuple(words))


def _ruled(store: Store, held: pl.DataFrame) -> pl.Series:
    """Whether somebody has ruled on each of these samples, or on its prompt where that was held."""
    samples = {ruling.sample for ruling in Rulings(store.state, store.ledger).list()}
    prompts = PromptRulings(store.state, store.ledger).newest()
    unasked = held.select(IS_HELD).to_series()
    ruled = [
        held_key_of(row) in prompts if is_prompt else row["id"] in samples
        for row, is_prompt in zip(held.iter_rows(named=True), unasked, strict=True)
    ]
    return pl.Series(ruled, dtype=pl.Boolean)


def approve(quarantine: Quarantine, plan: Plan, by: str, why: str) -> int:
    """Record the planned rulings; how many."""
    return quarantine.rule_on(plan.rows, "approve", by, why)


def withdraw(quarantine: Quarantine, plan: Plan, by: str) -> int:
    """Undo `approve`: these samples wait again; on how many rulings."""
    return quarantine.rule_on(plan.rows, "withdraw", by, "undone")


def _samples(rows: pl.DataFrame) -> str:
    return f"{rows.height:,} {'sample' if rows.height == 1 else 'samples'}"


def _left_out(number: int, why: str) -> list[str]:
    return [f"Left out: {number:,} that {why}."] if number else []
