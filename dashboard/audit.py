"""The ledger for reading: who did what and when, without what is hidden while a study is open."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

import polars as pl

from curation.store import ledger_search
from curation.store.ledger import Event
from curation.store.ledger_search import Wanted
from curation.store.store import Store
from dashboard.audit_words import sentence
from dashboard.queries import moment
from judges.review import ReviewService

SILENT = ("vote",)
"""Beginnings of the kinds of event that say what people think of answers: of an open study they name it alone."""
DRAWN = {"wave_begun": "items", "review_drawn": "probabilities"}
"""Kinds of event that list how each item of a study was drawn, which tells what comes every time: when it is closed."""
SAYS = 160
"""Characters of what an event says."""
COLUMNS: dict[str, type[pl.DataType]] = {
    "seq": pl.Int64,
    **dict.fromkeys(("at", "actor", "kind", "says"), pl.String),
}


def open_studies(store: Store) -> tuple[str, ...]:
    """The studies whose votes nobody may read yet."""
    return tuple(study.name for study in ReviewService(store).studies() if not study.closed)


def newest(store: Store, n: int = 30) -> pl.DataFrame:
    """The last events, newest first: seq, at, actor, kind, and what they say."""
    return rows(page(store, Wanted(), 1, n))


def page(store: Store, wanted: Wanted, number: int, size: int) -> list[Event]:
    """One page (from 1) of the events that fit, newest first; neither they nor the search tell what is hidden."""
    hidden = open_studies(store)
    found = ledger_search.find(store.state, closed_to(wanted, hidden), size, size * (max(1, number) - 1))
    return [_told(event, hidden) for event in found]


def count(store: Store, wanted: Wanted) -> int:
    """How many events fit."""
    return ledger_search.count(store.state, closed_to(wanted, open_studies(store)))


def closed_to(wanted: Wanted, hidden: tuple[str, ...]) -> Wanted:
    """The same search, which does not look into what is hidden."""
    return replace(wanted, silent=SILENT, unsaid=hidden)


def _told(event: Event, hidden: Sequence[str]) -> Event:
    """An event as it may be read now; one about an open study's votes says no more than which study."""
    if event.body.get("study") not in hidden:
        return event
    if event.kind.startswith(SILENT):
        return event.model_copy(update={"body": {"study": event.body["study"]}})
    told = {name: value for name, value in event.body.items() if name != DRAWN.get(event.kind)}
    return event.model_copy(update={"body": told})


def rows(events: Iterable[Event]) -> pl.DataFrame:
    """Events as a table."""
    told = [
        {"seq": e.seq, "at": moment(e.at), "actor": e.actor, "kind": e.kind, "says": sentence(e.kind, e.body)[:SAYS]}
        for e in events
    ]
    return pl.DataFrame(told, schema=COLUMNS)


def exact(event: Event) -> str:
    """What an event says, field by field as it is stored."""
    return json.dumps(event.body, ensure_ascii=False, indent=2)
