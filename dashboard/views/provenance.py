"""Provenance: where a row came from, whether it may be shipped, and whether every stored byte is what was sealed."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import streamlit as st

from curation.errors import InputError, UnknownRecord
from curation.store import ledger_search
from curation.store.ledger_search import Wanted
from curation.store.verify import VerifyReport, verify
from curation.store.versions import Manifest
from dashboard import audit, forgetting, lineage, overview_queries, queries, sample_cards, timeline
from dashboard.lineage import Lineage
from dashboard.timeline import Event
from dashboard.views import house, looks, tracing

QUESTION = "Where did this row come from, and may we ship it?"
VERIFIED = "verified"
"""The kind of event that says that somebody had every stored byte checked from here."""
EVENTS = 15
WAYS: dict[forgetting.Kind, str] = {
    "file": "A file of prompts",
    "prompt": "A prompt and what was varied from it",
    "group": "A group (customer, conversation)",
    "teacher": "A teacher",
}


def render() -> None:
    """Draw the page."""
    manifest = house.heading("Provenance", QUESTION)
    if manifest is None:
        house.empty("Nothing is sealed here yet", f"stillhouse -C {house.root()} run")
        return
    traced = tracing.traced(manifest)
    _figures(manifest, traced)
    left, right = st.columns(2, gap="small")
    with left:
        _seal(manifest)
    with right:
        _timeline(manifest)
    _terms(manifest)
    left, right = st.columns(2, gap="small")
    with left:
        _sources(manifest)
    with right:
        _forget(manifest)
    with looks.card("The last events", "Each event carries the hash of the one before it, and the last is signed."):
        looks.events(audit.newest(house.store(), EVENTS))
    tracing.until_counted(manifest, traced)


def _figures(manifest: Manifest, traced: Lineage | None) -> None:
    answered, files = _answered(house.root(), manifest.version), _files(house.root(), manifest.version)
    unknown = int(lineage.terms(manifest, answered).filter(pl.col("allows") != "yes")["rows"].sum())
    named = f"{answered['teacher'].n_unique()} teachers, as replies name them"
    unlined = int(files.filter(source="(none)")["rows"].sum())
    files = files.filter(pl.col("source") != "(none)")
    looks.figures(
        [
            ("Rows with full lineage", *overview_queries.share_traced(traced)),
            ("Source not verifiable", f"{unlined:,}", "rows that name no file and line"),
            ("Terms not cleared", f"{unknown:,}", "rows whose terms do not plainly allow the task's use"),
            ("Teachers and versions", f"{answered.height:,}", named),
            ("Sources", f"{files.height:,}", "files that the rows came from"),
        ]
    )


@st.cache_data(show_spinner=False, max_entries=8)
def _answered(folder: Path, version: str) -> pl.DataFrame:
    return lineage.teachers(house.query(version))


@st.cache_data(show_spinner=False, max_entries=8)
def _files(folder: Path, version: str) -> pl.DataFrame:
    return lineage.sources(house.query(version))


# --- the seal --------------------------------------------------------------------------------------------------


def _seal(manifest: Manifest) -> None:
    store = house.store()
    with looks.card("This version and the chain of events", stretch=True):
        for label, value in (
            ("Version", manifest.version),
            ("Merkle root", manifest.root),
            ("Signing key's fingerprint", store.fingerprint),
        ):
            st.caption(label)
            st.code(value, language=None)
        st.caption(f"{manifest.records:,} records, {_parents(manifest)}")
        if st.button("Verify every stored byte", type="primary", icon=":material/verified:"):
            _verify(manifest)
        _last_verified()
        st.code(f"stillhouse verify {manifest.version[:12]} --key {store.fingerprint}", language=None)
        _hand_out(manifest)


def _parents(manifest: Manifest) -> str:
    return f"made on top of {', '.join(p[:12] for p in manifest.parents)}" if manifest.parents else "the first version"


def _last_verified() -> None:
    store = house.store()
    size = store.ledger.checkpoint().size
    found = ledger_search.find(store.state, Wanted(kinds=(VERIFIED,)), 1)
    chain = f"The chain holds {size:,} events, the last of them signed."
    if not found:
        st.caption(f"{chain} Nobody has had it verified from this page yet.")
        return
    last = found[0]
    outcome = "nothing was wrong" if last.body.get("ok") else f"{last.body.get('problems')} problems were found"
    since = size - last.seq
    later = "no event since" if not since else f"{since:,} events since"
    st.caption(f"{chain} Last verified here {queries.moment(last.at)} UTC by {last.actor}: {outcome}, {later}.")


def _verify(manifest: Manifest) -> None:
    with st.spinner("Checking chunks, manifests, leaves, ledger and signatures"):
        report = verify(house.store(), manifest.version)
    told = {k: v for k, v in report.as_dict().items() if k not in ("problems", "root")}
    house.store().ledger.append(VERIFIED, {**told, "problems": len(report.problems)}, _actor())
    _report(report)


def _actor() -> str:
    return house.person().name


def _report(report: VerifyReport) -> None:
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


def _hand_out(manifest: Manifest) -> None:
    path = house.store().layout.cards / f"{manifest.version}.md"
    if path.is_file():
        st.caption("The dataset card of this version, to hand out with it:")
        st.code(f"cards/{path.name}", language=None)
    else:
        st.caption("No dataset card lies here for this version; a run that seals one writes it to cards/.")
    st.caption("A proof that one sample is, or is not, in this version, for somebody without the workspace:")
    st.code(f"stillhouse prove ID --version {manifest.version[:12]}", language=None)


# --- one sample ------------------------------------------------------------------------------------------------


def _timeline(manifest: Manifest) -> None:
    with looks.card("The story of one sample", stretch=True):
        sample = st.text_input(
            "Sample id", key="id", bind="query-params", max_chars=32, placeholder="an id, or its beginning"
        )
        if not sample:
            st.caption("Paste an id, or come here from a sample's card.")
            house.link("samples", "Pick a sample")
            return
        try:
            card = sample_cards.card(house.store(), house.query(manifest.version), sample.strip())
        except UnknownRecord as error:
            st.warning("There is no such sample.")
            st.text(str(error))
            return
        events = timeline.timeline(house.store(), card)
        _told(events)
        request = card.get("request") or {}
        if request.get("messages"):
            with st.expander("The request, as it was sent"):
                st.json(request, expanded=1)
        with st.expander("As a diagram"):
            st.mermaid_chart(timeline.diagram(events), alt="The same steps as in the list, from top to bottom")
        with st.container(horizontal=True):
            house.link("samples", "Open its card", id=card["id"], text=card["id"])


def _told(events: Sequence[Event]) -> None:
    with st.container(gap="xsmall"):
        for event in events:
            with looks.line():
                st.caption(event.what, width=75)
                if event.outcome in house.COLOURS:
                    house.badge(event.outcome)
                else:
                    st.text(event.outcome.replace("_", " "))
                st.text(event.words)
                if event.at:
                    st.caption(f"{event.at} UTC")


# --- terms, sources --------------------------------------------------------------------------------------------


def _terms(manifest: Manifest) -> None:
    use = str(manifest.facts.get("use") or "not stated")
    told = f"What the terms of each teacher say of the use {use!r}: notes of people who read them, not legal advice."
    with looks.card("Teachers, and whether their answers may be used", told):
        answered = _answered(house.root(), manifest.version)
        rows = lineage.terms(manifest, answered)
        chips = rows["allows"].reshape((-1, 1)).arr.to_list()
        config = {
            "teacher": st.column_config.TextColumn("Teacher", width=110),
            "family": st.column_config.TextColumn("Family", width=90),
            "terms": st.column_config.TextColumn("Terms", width=230),
            "allows": st.column_config.MultiselectColumn(
                "Allow this use", options=["yes", "no", "unknown"], color=["green", "red", "orange"], width=110
            ),
            "read": st.column_config.TextColumn("Compared on", width=100),
            "rows": st.column_config.NumberColumn("Rows", format="localized", width=80),
            "kept": st.column_config.NumberColumn("Kept", format="localized", width=80),
            "url": st.column_config.TextColumn("Where they stand", width=260),
        }
        alt = "Each teacher with its terms of use and the rows under them"
        st.dataframe(rows.with_columns(allows=chips), column_config=config, hide_index=True, height="content", alt=alt)
        if judges := queries.models_of(manifest, "judges"):
            named = (f"{m.get('name')} ({m.get('model')}, terms {m.get('terms') or 'unknown'})" for m in judges)
            st.text(f"Judges, whose words no student is taught: {', '.join(named)}.")
        with st.expander("Which models answered, as their replies name them"):
            st.dataframe(
                answered.rename(str.capitalize),
                column_config={n: st.column_config.NumberColumn(n, format="localized") for n in ("Rows", "Kept")},
                hide_index=True,
                height="content",
                alt="Teacher, model and backend of the replies, with rows",
            )
        with st.container(horizontal=True):
            for teacher in rows["teacher"]:
                house.link("samples", f"Rows of {teacher}", teacher=teacher)


def _sources(manifest: Manifest) -> None:
    told = "Files as a run read them; (none) stands for no file and line."
    with looks.card("Where the prompts came from", told, stretch=True):
        files = _files(house.root(), manifest.version)
        st.dataframe(
            files.rename(str.capitalize),
            column_config={n: st.column_config.NumberColumn(n, format="localized") for n in ("Rows", "Kept")},
            hide_index=True,
            height="content" if files.height < 12 else 400,
            alt="Rows and kept rows of each file",
        )
        st.caption("One group or one prompt: search for it among the samples.")
        house.link("samples", "Open samples")


def _forget(manifest: Manifest) -> None:
    with looks.card("If a source had to be forgotten", "Counts what depends on it; nothing is changed.", stretch=True):
        with st.form("forget", border=False):
            kind = st.selectbox("What", list(WAYS), format_func=lambda k: WAYS[k])
            value = st.text_input("Which", max_chars=300, placeholder="prompts.jsonl, p0042, customer-17, birch")
            asked = st.form_submit_button("Count what depends on it", icon=":material/calculate:")
        st.caption(
            "No command forgets: sealed versions keep their rows. Take the lines out of their file and run again; "
            "the next version is made without them."
        )
        if asked:
            _depends(manifest, kind, value)


def _depends(manifest: Manifest, kind: forgetting.Kind, value: str) -> None:
    try:
        found = forgetting.forgetting(house.store(), house.query(manifest.version), kind, value)
    except InputError as error:
        st.warning("This cannot be counted.")
        st.text(str(error))
        return
    rows = sum(found.rows.values())
    by_state = ", ".join(f"{n:,} {state}" for state, n in found.rows.items())
    looks.figures(
        [
            ("Rows", f"{rows:,}", by_state or "none in this version"),
            ("Prompts", f"{found.prompts:,}", "of those rows"),
            ("Votes", f"{found.votes:,}", f"in {len(found.studies)} studies"),
            ("Versions", f"{found.versions.height:,}", "that hold such rows"),
        ],
        width=120,
    )
    for what, names in (("Studies", found.studies), ("Gold rows", found.gold), ("Students", found.students)):
        if names:
            more = f" and {len(names) - 20:,} more" if len(names) > 20 else ""
            st.text(f"{what}: {', '.join(names[:20])}{more}.")
    if found.versions.height:
        shown = found.versions.rename(str.capitalize)
        st.dataframe(shown, hide_index=True, height="content", alt="Versions that hold such rows, newest first")
