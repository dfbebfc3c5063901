"""What every page shares: the opened workspace, the version looked at, links between pages, the empty state."""

from pathlib import Path

import streamlit as st

from curation.errors import WorkspaceError
from curation.store.query import Query
from curation.store.store import Store
from curation.store.versions import Manifest
from curation.task import Environment
from dashboard.launch import ROLE, WORKSPACE

COLOURS = {
    **{"kept": "green", "keep": "gray", "edit": "blue"},
    **{"dropped": "orange", "drop": "orange", "quarantined": "violet", "quarantine": "violet"},
    **{"failed": "red", "fail": "red", "good": "green", "open": "orange", "bad": "red"},
    **{"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "orange", "INVALID": "gray"},
    **{"accept": "green", "reject": "orange", "unscored": "violet"},
    **{"yes": "green", "not yet": "orange", "no": "red"},
}


def root() -> Path:
    """The workspace the launcher named; WorkspaceError without one."""
    named = Environment.read().variables.get(WORKSPACE)
    if not named:
        raise WorkspaceError(f"{WORKSPACE} names no workspace; start the pages with `stillhouse dashboard`")
    return Path(named)


def reviewer_only() -> bool:
    """Whether this server shows raters the Review page and nothing else."""
    return Environment.read().variables.get(ROLE) == "reviewer"


def store() -> Store:
    """The opened workspace, one per server process; its connections are per use."""
    return _store(root())


@st.cache_resource(show_spinner=False, max_entries=4, on_release=Store.close)
def _store(folder: Path) -> Store:
    return Store.open(folder, Environment.read())


def query(version: str) -> Query:
    """A version opened for questions; each question has a cursor of its own."""
    return _query(root(), version)


@st.cache_resource(show_spinner=False, max_entries=8, on_release=Query.close)
def _query(folder: Path, version: str) -> Query:
    return Query(_store(folder), version)


def manifest() -> Manifest | None:
    """The version looked at, picked in the page's corner where there are several; None before the first seal."""
    versions = store().versions
    known = list(reversed(versions.list()))
    if not known:
        return None
    if len(known) == 1:
        st.caption(f"Version {known[0][:12]}", text_alignment="right")
        return versions.manifest(known[0])
    picked = st.selectbox(
        "Version",
        known,
        key="version",
        bind="query-params",
        width=260,
        format_func=lambda v: f"{v[:12]}{' (head)' if v == known[0] else ''}",
    )
    return versions.manifest(picked or known[0])


def heading(title: str, question: str) -> Manifest | None:
    """The page's title and the question it answers, with the version it is about."""
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    with left:
        st.title(title, anchor=False)
        st.caption(question)
    with right:
        return manifest()


def badge(word: str, label: str | None = None) -> None:
    """A coloured chip for one of our own words (a state, an outcome)."""
    st.badge(label or word, color=COLOURS.get(word, "gray"))  # type: ignore[arg-type]


def empty(what: str, command: str, then: str = "") -> None:
    """An empty state: what is missing and the command that fills it."""
    with st.container(border=True):
        st.subheader(what, anchor=False)
        st.caption(then or "This fills the page; reload it when the command is done.")
        st.code(f"{command}", language=None)


def link(page: str, label: str, **parameters: str) -> None:
    """A link to another page with its filters set; `label` is our own text."""
    st.page_link(pages()[page], label=label, icon=":material/arrow_forward:", query_params=parameters or None)


def pages() -> dict[str, st.Page]:
    """Every page by name, in the order of the top bar."""
    from dashboard.views import gate, gold, judges, overview, provenance, review, samples, scrub

    return {
        "overview": st.Page(overview.render, title="Overview", url_path="overview", default=True),
        "samples": st.Page(samples.render, title="Samples", url_path="samples"),
        "scrub": st.Page(scrub.render, title="Scrub", url_path="scrub"),
        "judges": st.Page(judges.render, title="Judges", url_path="judges"),
        "review": st.Page(review.render, title="Review", url_path="review"),
        "gold": st.Page(gold.render, title="Gold", url_path="gold"),
        "provenance": st.Page(provenance.render, title="Provenance", url_path="provenance"),
        "gate": st.Page(gate.render, title="Gate", url_path="gate"),
    }
