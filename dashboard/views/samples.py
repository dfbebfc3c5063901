"""Samples: what is in the dataset, and why a row was kept, dropped or held."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import streamlit as st

from curation.shares import percent
from curation.store.query import Query
from curation.store.versions import Manifest
from dashboard import queries, sample_queries
from dashboard.sample_queries import Facts, Filters, Seen
from dashboard.views import house, sample_bulk, sample_card, sample_map

SHORT = 17
"""Rows that fit without a scroll bar."""
TICK = 0.2
"""Seconds between two looks of a search that goes on."""
WHOLE = "count_all"
CHIPS = {"kept": "green", "dropped": "orange", "quarantined": "violet", "failed": "red"}


@dataclass
class Drawn:
    """What the page was drawn from, for the part of it that is drawn again and again while a search goes on."""

    seen: Seen
    again: bool = False


def render() -> None:
    """Draw the page."""
    manifest = house.heading("Samples", "What is in the dataset, and why is this row in or out?")
    if manifest is None:
        house.empty("Nothing is sealed here yet", f"stillhouse -C {house.root()} run")
        return
    query, known = house.query(manifest.version), _facts(house.root(), manifest.version)
    filters = _filters(known, manifest.version)
    if st.session_state.get("map"):
        sample_map.render(manifest.version)
    number = max(1, int(st.session_state.get("page", 1)))
    wanted = math.inf if st.session_state.get(WHOLE) == filters else number * queries.PAGE_ROWS
    seen = _look(manifest, query, known, filters, wanted)
    table, card = st.columns([3, 2], gap="medium")
    with table:
        line = st.fragment(_matches, run_every=TICK if _looking(seen, wanted) else None)
        line(manifest, query, known, filters, wanted, Drawn(seen))
        picked = _table(query, filters, seen, number)
    with card:
        if len(picked) > 1:
            st.caption("The first of those picked")
        sample_card.render(query, picked[0]["id"] if picked else st.query_params.get("id"))
    with table:
        sample_bulk.render(manifest, query, filters, seen, picked)


# --- what is looked at -----------------------------------------------------------------------------------------


@st.cache_resource(show_spinner=False, max_entries=8)
def _facts(folder: Path, version: str) -> Facts:
    """A version never changes, so neither do its counts."""
    return sample_queries.facts(house.query(version))


@st.cache_resource(show_spinner=False, max_entries=256)
def _seen(folder: Path, version: str, filters: Filters) -> list[Seen]:
    """How far a filter was looked through: one entry, replaced as the look goes on; counts and places, no text."""
    return []


def _look(manifest: Manifest, query: Query, known: Facts, filters: Filters, wanted: float) -> Seen:
    """What matches as far as was looked; looks on for a moment as long as fewer are found than wanted."""
    held = _seen(house.root(), manifest.version, filters)
    if not held or _looking(held[0], wanted):
        held[:] = [sample_queries.look(query, known, filters, held[0] if held else None)]
    return held[0]


def _looking(seen: Seen, wanted: float) -> bool:
    """Whether the search has to go on."""
    return not seen.done and seen.total < wanted


def _filters(known: Facts, version: str) -> Filters:
    picked: dict[str, str | None] = {}
    above, below = st.columns([3, 2, 2, 2, 2]), st.columns([3, 2, 2, 2, 2])
    with above[0]:
        picked["text"] = st.text_input(
            "Search", key="text", bind="query-params", type="search", placeholder="prompt, answer or id"
        )
    short = {"state": above[1], "reason": above[2], "teacher": above[3], "step": above[4]}
    for name, column in {**short, "judged": below[3], "edited": below[4]}.items():
        picked[name] = _choice(column, name, list(sample_queries.offered(known, Filters(), name)))
    picked["label"] = _choice(below[0], "label", known.labels, new=True)
    picked["tag"] = _choice(below[1], "tag", known.tags, new=True)
    with below[2]:
        picked["group"] = st.text_input(
            "Group", key="group", bind="query-params", placeholder="its whole name", disabled=not known.groups
        )
    part = sample_map.part(version)
    filters = Filters(**{name: value or None for name, value in picked.items()}, marked=part and part.marked)
    with st.container(horizontal=True, vertical_alignment="center"):
        _counts(known, filters)
        st.toggle("Map", key="map", bind="query-params", help="Samples that are alike lie together on it.")
    return filters


def _choice(column: Any, name: str, options: Sequence[str], *, new: bool = False) -> str | None:
    # What is picked stays an option though nothing matches it, or the address would lose it.
    held = st.session_state.get(name) or st.query_params.get(name)
    options = [*options, held] if new and held and held not in options else options
    with column:
        return st.selectbox(
            name.capitalize(),
            options,
            index=None,
            key=name,
            bind="query-params",
            placeholder=f"any {name}" if options else f"no {name} here",
            disabled=not options,
            accept_new_options=new,
        )


def _counts(known: Facts, filters: Filters) -> None:
    """How many samples each choice leaves beside the others; the names of choices go into the address as they are."""
    with st.popover("What each choice leaves", icon=":material/filter_alt:", type="tertiary"):
        if not filters.counted:
            st.caption("Before label, tag, group and search: at most so many.")
        rows = [
            (name.capitalize(), value, n)
            for name in sample_queries.SHORT
            for value, n in sample_queries.offered(known, filters, name).items()
        ]
        frame = pl.DataFrame(rows, schema={"filter": pl.String, "choice": pl.String, "samples": pl.Int64}, orient="row")
        config = {
            "filter": st.column_config.TextColumn("Filter"),
            "choice": st.column_config.TextColumn("Choice"),
            "samples": st.column_config.NumberColumn("Samples", format="localized"),
        }
        alt = "Samples that each choice leaves"
        st.dataframe(frame, column_config=config, hide_index=True, width=420, height="content", alt=alt)


# --- the table -------------------------------------------------------------------------------------------------


def _matches(manifest: Manifest, query: Query, known: Facts, filters: Filters, wanted: float, page: Drawn) -> None:
    """How many match; where that takes long, at least how many, and the search goes on while the page is open."""
    again, page.again = page.again, True
    seen = _look(manifest, query, known, filters, wanted) if again else page.seen
    looking = _looking(seen, wanted)
    st.caption(_told(seen, known, filters))
    if not seen.done and not looking:
        if st.button("Count them all", icon=":material/search:", type="tertiary"):
            st.session_state[WHOLE] = filters
            st.rerun()
    elif again and (seen.total > page.seen.total or not looking):
        st.rerun()


def _told(seen: Seen, known: Facts, filters: Filters) -> str:
    every, kept = sample_queries.kept_of(known, filters)
    if filters.counted:
        share = f", {percent(kept / every, '.1f')} of them kept" if 0 < kept < every else ""
        return f"{_samples(every)}{share}"
    if seen.done:
        return _samples(seen.total)
    rows = sum(known.rows)
    looked = min(rows, sum(known.rows_of(part) for part in known.parts[: seen.looked]))
    return f"At least {_samples(seen.total)}; looked through {looked:,} of {rows:,} in plan order"


def _samples(number: int) -> str:
    return f"{number:,} {'sample matches' if number == 1 else 'samples match'}"


def _table(query: Query, filters: Filters, seen: Seen, number: int) -> list[dict[str, Any]]:
    """A page of the table and its pager; the rows that are picked in it."""
    rows = sample_queries.page(query, filters, seen, number)
    if seen.total and rows.is_empty() and seen.done:
        number, rows = 1, sample_queries.page(query, filters, seen, 1)
    if rows.is_empty():
        st.info("No sample matches these filters." if seen.done else "None so far; still looking.")
        return []
    config = {
        "id": st.column_config.TextColumn("Id", width=90),
        "state": st.column_config.MultiselectColumn(
            "State", options=list(CHIPS), color=list(CHIPS.values()), width=100
        ),
        "reason": st.column_config.TextColumn("Reason", width=110),
        "teacher": st.column_config.TextColumn("Teacher", width=90),
        "prompt": st.column_config.TextColumn("Prompt", width=190),
        "answer": st.column_config.TextColumn("Answer", width=190),
    }
    chips = rows["state"].reshape((-1, 1)).arr.to_list()
    event: Any = st.dataframe(
        rows.drop("chunk", "place").with_columns(state=chips, reason=rows["reason"].fill_null("")),
        column_config=config,
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        height="content" if rows.height < SHORT else 620,
        key=f"rows_{number}_{hash(filters)}",
        alt="Samples in plan order",
    )
    pages = math.ceil(seen.total / queries.PAGE_ROWS)
    if pages > 1:
        st.pagination(pages if seen.done else max(pages, number), key="page", bind="query-params")
    return [rows.row(place, named=True) for place in event.selection.rows if place < rows.height]
