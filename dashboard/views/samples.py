"""Samples: what is in the dataset, and why a row was kept, dropped or held."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from curation.store.query import Query
from curation.store.versions import Manifest
from dashboard import queries, sample_queries
from dashboard.sample_queries import Facts, Filters, Seen
from dashboard.views import house, sample_bulk, sample_card
from dashboard.views.sample_card import answer_of as answer_of

SHORT = 17
"""Rows that fit without a scroll bar."""
TICK = 0.2
"""Seconds between two looks of a search that goes on."""
WHOLE = "count_all"
CHIPS = {"kept": "green", "dropped": "orange", "quarantined": "violet", "failed": "red"}


def render() -> None:
    """Draw the page."""
    manifest = house.heading("Samples", "What is in the dataset, and why is this row in or out?")
    if manifest is None:
        house.empty("Nothing is sealed here yet", f"stillhouse -C {house.root()} run")
        return
    query, known = house.query(manifest.version), _facts(house.root(), manifest.version)
    filters = _filters(known)
    number = max(1, int(st.session_state.get("page", 1)))
    seen = _look(manifest, query, known, filters)
    table, card = st.columns([3, 2], gap="medium")
    with table:
        _matches(manifest, query, known, filters, number)
        picked = _table(query, filters, seen, number)
    with card:
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


def _look(manifest: Manifest, query: Query, known: Facts, filters: Filters, *, on: bool = False) -> Seen:
    """What matches as far as was looked; looks (further, where `on`) for as long as a page may take."""
    held = _seen(house.root(), manifest.version, filters)
    if on or not held:
        held[:] = [sample_queries.look(query, known, filters, held[0] if held else None)]
    return held[0]


def _filters(known: Facts) -> Filters:
    said = {name: st.session_state.get(name) or st.query_params.get(name) for name in vars(Filters())}
    picked: dict[str, str | None] = {}
    above, below = st.columns([3, 2, 2, 2, 2]), st.columns([3, 2, 2, 2, 2])
    with above[0]:
        picked["text"] = st.text_input(
            "Search", key="text", bind="query-params", type="search", placeholder="prompt, answer or id"
        )
    short = {"state": above[1], "reason": above[2], "teacher": above[3], "step": above[4]}
    for name, column in {**short, "judged": below[3], "edited": below[4]}.items():
        counts = sample_queries.offered(known, Filters(**said), name)
        picked[name] = _choice(column, name, counts, _counted(counts, Filters(**said)))
    picked["label"] = _choice(below[0], "label", dict.fromkeys(known.labels, 0), str, new=True)
    picked["tag"] = _choice(below[1], "tag", dict.fromkeys(known.tags, 0), str, new=True)
    with below[2]:
        picked["group"] = st.text_input(
            "Group", key="group", bind="query-params", placeholder="its whole name", disabled=not known.groups
        )
    return Filters(**{name: value or None for name, value in picked.items()})


def _counted(counts: Mapping[str, int], filters: Filters) -> Callable[[str], str]:
    """An option with how many samples it leaves; at most so many where a filter on text narrows them further."""
    most = "" if filters.counted else "up to "
    return lambda value: f"{value} ({most}{counts[value]:,})" if value in counts else str(value)


def _choice(
    column: Any, name: str, options: Mapping[str, int], told: Callable[[str], str], *, new: bool = False
) -> str | None:
    with column:
        return st.selectbox(
            name.capitalize(),
            list(options),
            index=None,
            key=name,
            bind="query-params",
            format_func=told,
            placeholder=f"any {name}" if options else f"no {name} here",
            disabled=not options and not st.session_state.get(name),
            accept_new_options=new,
        )


# --- the table -------------------------------------------------------------------------------------------------


def _matches(manifest: Manifest, query: Query, known: Facts, filters: Filters, number: int) -> None:
    """How many match; where that takes long, at least how many, looking on as long as the page is not full."""
    seen = _look(manifest, query, known, filters)
    full = seen.total >= number * queries.PAGE_ROWS
    looking = not seen.done and (not full or st.session_state.get(WHOLE) == filters)
    line = st.fragment(_line, run_every=TICK if looking else None)
    line(manifest, query, known, filters, number, looking)


def _line(manifest: Manifest, query: Query, known: Facts, filters: Filters, number: int, looking: bool) -> None:
    before = _look(manifest, query, known, filters)
    seen = _look(manifest, query, known, filters, on=looking)
    st.caption(_told(seen, known, filters))
    wanted = number * queries.PAGE_ROWS
    if looking and (seen.done or min(before.total, wanted) < min(seen.total, wanted)):
        st.rerun()
    if not seen.done and not looking and st.button("Count them all", icon=":material/search:", type="tertiary"):
        st.session_state[WHOLE] = filters
        st.rerun()


def _told(seen: Seen, known: Facts, filters: Filters) -> str:
    every, kept = sample_queries.kept_of(known, filters)
    if filters.counted:
        return f"{every:,} samples match" + (f", {kept / every:.1%} of them kept" if every else "")
    if seen.done:
        return f"{seen.total:,} samples match"
    rows = sum(known.rows)
    looked = min(rows, sum(known.rows_of(part) for part in known.parts[: seen.looked]))
    return f"At least {seen.total:,} samples match; looked through {looked:,} of {rows:,} in plan order"


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
