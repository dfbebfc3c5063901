"""Counts how far a version's rows can be traced, beside the page where that takes long: a page opens without it."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import streamlit as st

from curation.store import journal_keys
from curation.store.versions import Manifest
from dashboard.lineage import Lineage, lineage
from dashboard.views import house

MANY = 100_000
"""Rows from which on a page does not wait for the count."""
EVERY = 1.0
"""Seconds between two looks at whether the count is done."""


class Counting:
    """One count: begun when it is first asked for, and known from then on."""

    def __init__(self, count: Callable[[], Lineage]) -> None:
        self._count = count
        self._future: Future[Lineage] | None = None

    def begin(self) -> Future[Lineage]:
        """Start counting in a thread, once."""
        if self._future is None:
            self._future = _threads().submit(self._count)
        return self._future

    def found(self) -> Lineage | None:
        """What was counted; None while it is not done or not begun."""
        return self._future.result() if self._future is not None and self._future.done() else None


@st.cache_resource(show_spinner=False)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="tracing")


@st.cache_resource(show_spinner=False, max_entries=8)
def _counting(folder: Path, version: str, requests: int) -> Counting:
    """One for each version and each state of the journal; neither ever changes."""
    store, query = house.store(), house.query(version)
    return Counting(lambda: lineage(store, query, store.versions.manifest(version)))


def _of(manifest: Manifest) -> Counting:
    return _counting(house.root(), manifest.version, journal_keys.requests(house.store().replies_db))


def traced(manifest: Manifest) -> Lineage | None:
    """What is known of the rows' origin; None of a large version that `until_counted` has to wait for."""
    counting = _of(manifest)
    return counting.begin().result() if manifest.records < MANY else counting.found()


def until_counted(manifest: Manifest, known: Lineage | None) -> None:
    """Where the page was drawn without the count: make it, and draw the page again when it is there.

    It is drawn last, so that counting does not slow down what comes before it.
    """
    if known is None:
        _waiting(manifest)


@st.fragment(run_every=EVERY)
def _waiting(manifest: Manifest) -> None:
    future = _of(manifest).begin()
    if future.done():
        st.rerun()
    st.caption("Looking for the request of each row in the journal; the figures come in a moment.")
