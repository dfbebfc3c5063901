"""Provenance: where a row came from, whether every stored byte is what was sealed, and what happened when."""

import polars as pl
import streamlit as st

from curation.errors import UnknownRecord
from curation.store.verify import verify
from curation.store.versions import Manifest
from dashboard import queries
from dashboard.views import house


def render() -> None:
    """Draw the page."""
    manifest = house.heading("Provenance", "Where did this row come from, and is it what was sealed?")
    if manifest is None:
        house.empty("Nothing is sealed here yet", f"stillhouse -C {house.root()} run")
        return
    left, right = st.columns(2, gap="medium")
    with left:
        _seal(manifest)
    with right:
        _timeline()
        _models(manifest)
    _ledger()


def _seal(manifest: Manifest) -> None:
    with st.container(border=True):
        st.subheader("This version", anchor=False)
        for label, value in (
            ("Version", manifest.version),
            ("Merkle root", manifest.root),
            ("Signing key's fingerprint", house.store().fingerprint),
        ):
            st.caption(label)
            st.code(value, language=None)
        st.caption(f"{manifest.records:,} records, {_parents(manifest)}")
        if st.button("Verify every stored byte", type="primary", icon=":material/verified:"):
            _verified(manifest)
        st.code(f"stillhouse verify {manifest.version[:12]} --key {house.store().fingerprint}", language=None)


def _parents(manifest: Manifest) -> str:
    return f"made on top of {', '.join(p[:12] for p in manifest.parents)}" if manifest.parents else "the first version"


def _verified(manifest: Manifest) -> None:
    with st.spinner("Checking chunks, manifests, leaves, ledger and signatures"):
        report = verify(house.store(), manifest.version)
    if report.ok:
        st.success(
            f"Nothing is wrong: {report.records:,} records, {report.chunks} chunks, {report.events} events, "
            f"signature {report.signature}.",
            icon=":material/check_circle:",
        )
        return
    st.error(f"{len(report.problems)} problems", icon=":material/error:")
    for problem in report.problems[:50]:
        st.text(problem)


def _models(manifest: Manifest) -> None:
    with st.container(border=True):
        st.subheader("Models and their terms", anchor=False)
        rows = [
            {
                "as": part[:-1],
                **{k: str(m.get(k) or "unknown") for k in ("name", "provider", "model", "family", "terms")},
            }
            for part in ("teachers", "judges")
            for m in queries.models_of(manifest, part)
        ]
        if rows:
            st.dataframe(pl.DataFrame(rows), hide_index=True, alt="Teachers and judges with family and terms of use")
        else:
            st.caption("The manifest names no model.")


def _timeline() -> None:
    with st.container(border=True):
        st.subheader("Timeline of one sample", anchor=False)
        sample = st.text_input(
            "Sample id", key="id", bind="query-params", max_chars=32, placeholder="an id, or its beginning"
        )
        if not sample:
            st.caption("Paste an id, or come here from a sample's card.")
            return
        try:
            card = queries.sample_card(house.store(), sample.strip())
        except UnknownRecord as error:
            st.warning("There is no such sample.")
            st.text(str(error))
            return
        for what, outcome, words in queries.timeline(card):
            left, middle, right = st.columns([2, 2, 5])
            left.text(what)
            with middle:
                if outcome in house.COLOURS:
                    house.badge(outcome)
                else:
                    st.text(outcome.replace("_", " "))
            right.text(words)
        request = card.get("request") or {}
        if request.get("messages"):
            with st.expander("The request, as it was sent"):
                st.json(request, expanded=1)
        house.link("samples", "Open its card", id=card["id"], text=card["id"])


def _ledger() -> None:
    with st.container(border=True):
        st.subheader("Ledger: the last events", anchor=False)
        st.caption("Each event carries the hash of the one before it, and the last is signed.")
        config = {
            "seq": st.column_config.NumberColumn("Event", width=60),
            "at": st.column_config.TextColumn("When (UTC)", width=160),
            "actor": st.column_config.TextColumn("Who", width=100),
            "kind": st.column_config.TextColumn("What", width=110),
            "says": st.column_config.TextColumn("Says", width="large"),
        }
        events = queries.ledger_tail(house.store())
        st.dataframe(events, column_config=config, hide_index=True, height=320, alt="The last events of the ledger")
