"""How every page looks: cards with a heading and what it tells, figures in a row, and a check with its chip."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import polars as pl
import streamlit as st

from dashboard.views import house

BUTTON = '[data-testid="stBaseButton-primary"], [data-testid="stBaseButton-primaryFormSubmit"]'
DARK_LETTERS = f"<style>:is({BUTTON}):not(:disabled) {{ color: #0E1513 }}</style>"
"""In the dark the main colour is a light one, on which the white letters of a main button could not be read."""
FIGURE_WIDTH = 165
"""Pixels below which figures go on to the next line: two stand side by side on a telephone held upright."""


@contextmanager
def card(title: str, told: str = "", *, stretch: bool = False) -> Generator[None]:
    """A bordered card with its heading and a line about it; `stretch` makes it as tall as the one beside it."""
    with st.container(border=True, height="stretch" if stretch else "content"):
        st.header(title, anchor=False)
        if told:
            st.caption(told)
        yield


@contextmanager
def line() -> Generator[None]:
    """Things beside one another that go on to the next line where there is no room for them."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        yield


def figures(shown: Sequence[tuple[str, str, str]], *, width: int = FIGURE_WIDTH) -> None:
    """Figures without a link, side by side: (label, value, words)."""
    with st.grid(len(shown), min_column_width=width, gap="small"):
        for label, value, words in shown:
            with st.container(border=True, gap="xxsmall", height="stretch"):
                st.metric(label, value)
                if words:
                    st.caption(words)


def figure(  # noqa: PLR0913 - one card of everything that is known of a figure
    label: str,
    value: str | None,
    words: str,
    page: str,
    *,
    filters: Mapping[str, str] | None = None,
    delta: int | None = None,
    trend: Sequence[int] = (),
    command: str | None = None,
) -> None:
    """One figure in a card of its own, with a link to what is behind it; without a value, what makes it."""
    with st.container(border=True, gap="xxsmall", height="stretch"):
        st.metric(
            label,
            "none yet" if value is None else value,
            delta=delta,
            delta_description=None if delta is None else "since the version before",
            chart_data=list(trend) or None,
            chart_type="area",
        )
        st.caption(words)
        if value is None and command:
            st.code(command, language=None)
        house.link(page, f"Open {page}", **(filters or {}))


def events(
    shown: pl.DataFrame, alt: str = "Events of the ledger, newest first", *, key: str | None = None
) -> int | None:
    """Events of the ledger as a table; with a key one can be picked, whose place is returned."""
    config = {
        "seq": st.column_config.NumberColumn("Event", width=60),
        "at": st.column_config.TextColumn("When (UTC)", width=150),
        "actor": st.column_config.TextColumn("Who", width=100),
        "kind": st.column_config.TextColumn("What", width=120),
        "says": st.column_config.TextColumn("Says", width="large"),
    }
    if key is None:
        st.dataframe(shown, column_config=config, hide_index=True, height="content", alt=alt)
        return None
    event: Any = st.dataframe(
        shown, column_config=config, hide_index=True, height="content", alt=alt, key=key,
        on_select="rerun", selection_mode="single-row",
    )  # fmt: skip
    return next((place for place in event.selection.rows if place < shown.height), None)
