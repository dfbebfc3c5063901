"""What every page shares: the opened workspace, the version looked at, links between pages, the empty state."""

from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from curation.errors import WorkspaceError
from curation.people import Action, Person
from curation.store.people import People
from curation.store.query import Query
from curation.store.store import Store
from curation.store.versions import Manifest
from curation.task import Environment
from dashboard import signin
from dashboard.access import Access, providers
from dashboard.launch import ROLE, WORKSPACE

COLOURS = {
    **{"kept": "green", "keep": "gray", "edit": "blue"},
    **{"dropped": "orange", "drop": "orange", "quarantined": "violet", "quarantine": "violet"},
    **{"failed": "red", "fail": "red", "good": "green", "open": "orange", "bad": "red"},
    **{"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "orange", "INVALID": "gray"},
    **{"accept": "green", "reject": "orange", "unscored": "violet"},
    **{"yes": "green", "not yet": "orange", "no": "red"},
}

NEEDS: dict[str, Action] = {
    "overview": "see_samples",
    "samples": "see_samples",
    "scrub": "see_samples",
    "judges": "see_samples",
    "review": "rate",
    "adjudicate": "adjudicate",
    "studies": "see_study",
    "gold": "curate_gold",
    "provenance": "see_samples",
    "gate": "see_samples",
    "admin": "manage_people",
}
"""What somebody must be allowed to do to be shown a page; a page that is not named is for admins."""
OF_A_STUDY = frozenset({"review", "adjudicate"})
"""Pages that show one study at a time, so that somebody invited to one may have them for it."""
WHO = "signed_in_as"
SIGN_IN = "Sign in. If you were sent a link, open that in this browser instead."


def root() -> Path:
    """The workspace the launcher named; WorkspaceError without one."""
    named = Environment.read().variables.get(WORKSPACE)
    if not named:
        raise WorkspaceError(f"{WORKSPACE} names no workspace; start the pages with `stillhouse dashboard`")
    return Path(named)


def reviewer_only() -> bool:
    """Whether this server shows raters the Review page and nothing else."""
    return Environment.read().variables.get(ROLE) == "reviewer"


def access() -> Access:
    """How this server lets people in."""
    return Access.of(Environment.read().variables)


def person() -> Person:
    """Who looks at the page, asked anew at every call; signin.Stranger where nobody here knows them.

    On a server for its own machine that is the owner, who may do everything under any name.
    """
    how = access()
    if how.local:
        return signin.OWNER
    claims = st.user.to_dict() if how.oidc else {}
    return signin.person(People(store().state, store().ledger), how, st.context.cookies, claims)


def may(page: str, who: Person) -> bool:
    """Whether somebody is shown a page."""
    return who.may(NEEDS.get(page, "manage_people"), who.study if page in OF_A_STUDY else None)


def enter() -> Person | None:
    """Who looks at the page; None, with what a stranger is told drawn, where nobody here knows them."""
    try:
        who = person()
    except signin.Stranger as stranger:
        st.session_state.clear()
        _outside(stranger)
        return None
    if st.session_state.get(WHO, who.name) != who.name:
        st.session_state.clear()  # the same tab, another person: nothing of the one before
    st.session_state[WHO] = who.name
    return who


def _outside(stranger: signin.Stranger) -> None:
    st.title("Stillhouse", anchor=False)
    if not access().oidc:
        st.text(str(stranger))
        return
    st.text(SIGN_IN if stranger.why == "nobody" else str(stranger))
    if stranger.why == "expired" and st.user.is_logged_in:
        st.logout()
    elif stranger.why == "nobody":
        names = providers(st.secrets["auth"])
        for name in names:
            if st.button(f"Sign in with {name}" if name else "Sign in", type="primary"):
                st.login(name)
    elif st.button("Sign out"):
        st.logout()


def by(place: DeltaGenerator, key: str, **sized: Any) -> str:
    """The name somebody acts under: their own where they signed in, else what they type, which nobody checks."""
    who = person()
    if not who.for_others:
        place.text(who.name)
        st.session_state[key] = who.name
        return who.name
    return (place.text_input("Your name (not authenticated)", max_chars=60, key=key, **sized) or "").strip()


def signed_in(who: Person) -> None:
    """Who is signed in, and the way out; nothing on a server for its own machine."""
    how = access()
    if how.local:
        return
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="right"):
        st.text(f"Signed in as {who.name}")
        if st.button("Sign out", type="tertiary", key="sign_out"):
            if token := signin.session_token(how, st.context.cookies):
                People(store().state, store().ledger).sign_out(token)
            if how.oidc and st.user.is_logged_in:
                st.logout()
            else:
                st.rerun()


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
        st.header(what, anchor=False)
        st.caption(then or "This fills the page; reload it when the command is done.")
        st.code(f"{command}", language=None)


def link(page: str, label: str, **parameters: str) -> None:
    """A link to another page with its filters set, where one may go there; `label` is our own text."""
    if (there := pages().get(page)) is not None:
        st.page_link(there, label=label, icon=":material/arrow_forward:", query_params=parameters or None)


def pages() -> dict[str, st.Page]:
    """The pages that whoever looks may see, by name, in the order of the top bar."""
    who = person()
    return {name: page for name, page in _pages().items() if may(name, who)}


def _pages() -> dict[str, st.Page]:
    from dashboard.views import (
        adjudicate,
        admin,
        gate,
        gold,
        judges,
        overview,
        provenance,
        review,
        samples,
        scrub,
        studies,
    )

    return {
        "overview": st.Page(overview.render, title="Overview", url_path="overview", default=True),
        "samples": st.Page(samples.render, title="Samples", url_path="samples"),
        "scrub": st.Page(scrub.render, title="Scrub", url_path="scrub"),
        "judges": st.Page(judges.render, title="Judges", url_path="judges"),
        "review": st.Page(review.render, title="Review", url_path="review"),
        "adjudicate": st.Page(adjudicate.render, title="Adjudicate", url_path="adjudicate"),
        "studies": st.Page(studies.render, title="Studies", url_path="studies"),
        "gold": st.Page(gold.render, title="Gold", url_path="gold"),
        "provenance": st.Page(provenance.render, title="Provenance", url_path="provenance"),
        "gate": st.Page(gate.render, title="Gate", url_path="gate"),
        "admin": st.Page(admin.render, title="Admin", url_path="admin"),
    }
