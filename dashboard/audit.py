"""The ledger for reading: who did what and when, without what is hidden while a study is open."""

from collections.abc import Iterable
from dataclasses import replace

import polars as pl

from curation.store import ledger_search
from curation.store.ledger import Event
from curation.store.ledger_search import Wanted
from curation.store.store import Store
from dashboard.queries import evidence_line, moment
from judges.review import ReviewService

SILENT = ("vote",)
"""Beginnings of the kinds of event that say what people think of answers: of an open study they name it alone."""
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
    return rows(ledger_search.find(store.state, Wanted(), n), open_studies(store))


def page(store: Store, wanted: Wanted, number: int, size: int) -> pl.DataFrame:
    """One page (from 1) of the events that fit, newest first; the search tells nothing that is hidden either."""
    hidden = open_studies(store)
    events = ledger_search.find(store.state, closed_to(wanted, hidden), size, size * (max(1, number) - 1))
    return rows(events, hidden)


def count(store: Store, wanted: Wanted) -> int:
    """How many events fit."""
    return ledger_search.count(store.state, closed_to(wanted, open_studies(store)))


def closed_to(wanted: Wanted, hidden: tuple[str, ...]) -> Wanted:
    """The same search, which does not look into what is hidden."""
    return replace(wanted, silent=SILENT, unsaid=hidden)


def rows(events: Iterable[Event], hidden: Iterable[str]) -> pl.DataFrame:
    """Events as a table; one about an open study's votes says no more than which study."""
    shut = set(hidden)

    def says(event: Event) -> str:
        silent = event.kind.startswith(SILENT) and event.body.get("study") in shut
        return evidence_line({"study": event.body.get("study")} if silent else event.body)[:SAYS]

    told = [{"seq": e.seq, "at": moment(e.at), "actor": e.actor, "kind": e.kind, "says": says(e)} for e in events]
    return pl.DataFrame(told, schema=COLUMNS)
