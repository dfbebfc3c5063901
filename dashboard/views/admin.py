"""Admin: who may do what, how studies are set up, what was done by whom, and what a backup must hold."""

import math
from collections.abc import Sequence

import polars as pl
import streamlit as st

from curation.people import ALLOWED, ROLES
from curation.store import ledger_search
from curation.store.ledger import Event
from curation.store.ledger_search import Wanted
from dashboard import admin_queries, audit
from dashboard.views import house, looks

QUESTION = "Who may do what here, what was done by whom, and could it all be brought back?"
PAGE = 50
CHIPS = {"admin": "red", "curator": "blue", "gatekeeper": "violet", "auditor": "gray", "reviewer": "green"}


def render() -> None:
    """Draw the page; Forbidden for anybody but an admin."""
    who = house.person()
    who.require("manage_people")
    st.title("Admin", anchor=False)
    st.caption(QUESTION)
    people, studies, events, backup = st.tabs(["People", "Studies", "Audit", "Backups"])
    with people:
        _people()
    with studies:
        _studies()
    with events:
        _audit()
    with backup:
        _backup()


# --- people ----------------------------------------------------------------------------------------------------


def _people() -> None:
    store, who = house.store(), house.person()
    with looks.card("People and their roles", "Who signs in with an address checked by the identity provider."):
        found = admin_queries.members(store, who)
        if found.is_empty():
            st.caption("Nobody has a role yet. Whoever holds the files may do everything; this command adds somebody.")
            st.code("stillhouse people add EMAIL --role curator", language=None)
        else:
            _table(found, "People with their roles", roles=_chips("Roles"))
        with st.expander("What each role may do"):
            rows = [{"action": a.replace("_", " "), **{r: r in roles for r in ROLES}} for a, roles in ALLOWED.items()]
            _table(pl.DataFrame(rows), "Actions by role")
    with looks.card("Invites", "Links that let one person into one study, once. A link is never shown again."):
        found = admin_queries.invites(store, who)
        if found.is_empty():
            st.caption("Nobody was invited.")
            st.code("stillhouse review invite NAME --study STUDY", language=None)
        else:
            _table(found, "Invites, newest first")
            st.code("stillhouse review revoke NAME --study STUDY", language=None)
    with looks.card("Raters", "How much each of them did; what they said is in the report of a closed study."):
        found = admin_queries.rated(store)
        if found.is_empty():
            st.caption("Nobody has been shown an item.")
            st.code("stillhouse review create NAME", language=None)
        else:
            _table(found, "Raters by study")


def _chips(label: str) -> object:
    return st.column_config.MultiselectColumn(label, options=list(CHIPS), color=list(CHIPS.values()))


def _table(rows: pl.DataFrame, alt: str, **config: object) -> None:
    named = {name: config.get(name, name.replace("_", " ").capitalize()) for name in rows.columns}
    height = "content" if rows.height < 15 else 480
    st.dataframe(rows, column_config=named, hide_index=True, height=height, alt=alt)  # type: ignore[arg-type]


# --- studies ---------------------------------------------------------------------------------------------------


def _studies() -> None:
    store = house.store()
    with looks.card("Studies and their settings"):
        found = admin_queries.studies(store, house.person())
        if found.is_empty():
            st.caption("No study was opened.")
            st.code("stillhouse review create NAME", language=None)
        else:
            share = {n: st.column_config.NumberColumn(label, format="percent") for n, label in _SHARES.items()}
            _table(found, "Studies, newest first", **share)
            house.link("review", "Open review")
        looks.figures(admin_queries.fixed())
    with looks.card("When sources became known", "Closing a study and exporting it with names, as the ledger has it."):
        found = admin_queries.unblindings(store)
        if found.is_empty():
            st.caption("No study was closed and nothing was exported with names.")
            st.code("stillhouse review close STUDY", language=None)
        else:
            looks.events(found, "Events after which sources may be known")


_SHARES = {"repeats": "Hidden repeats", "gold": "Gold share"}


# --- audit -----------------------------------------------------------------------------------------------------


def _audit() -> None:
    store = house.store()
    with looks.card("What was done", "Every event of the signed ledger; votes of open studies name their study alone."):
        wanted = _wanted()
        n = audit.count(store, wanted)
        pages = max(1, math.ceil(n / PAGE))
        page = min(int(st.session_state.get("audit_page") or 1), pages)
        st.caption(f"{n:,} {'event fits' if n == 1 else 'events fit'}, newest first; times are UTC.")
        found = audit.page(store, wanted, page, PAGE)
        newest = found[0].seq if found else 0
        picked = looks.events(audit.rows(found), key=f"audit_{newest}_{hash(wanted)}")
        if pages > 1:
            st.pagination(pages, key="audit_page", bind="query-params")
        _exactly(found if picked is None else [found[picked]])


def _exactly(found: Sequence[Event]) -> None:
    """What an event says to the letter: the one that was picked, or any of the page by its number."""
    if not found:
        return
    with st.expander("What an event says, field by field"):
        event = found[0]
        if len(found) > 1:
            numbers = {e.seq: e for e in found}
            event = numbers[st.selectbox("Event", list(numbers), key=f"audit_event_{found[0].seq}", width=200)]
        # Names in it are other people's words: shown as they are, never as Markdown.
        st.code(audit.exact(event), language=None, wrap_lines=True)


def _wanted() -> Wanted:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.selectbox("What", _values("kind"), index=None, key="audit_kind", placeholder="Anything", width=200)
        actor = st.selectbox("Who", _values("actor"), index=None, key="audit_actor", placeholder="Anybody", width=200)
        text = st.text_input("Words", key="audit_text", max_chars=200, placeholder="in what it says", width=240)
        since = st.date_input("From", None, key="audit_since", width=150)
        until = st.date_input("To", None, key="audit_until", width=150)
    return Wanted(
        kinds=(kind,) if kind else (),
        actor=actor,
        text=text.strip() or None,
        since=since.isoformat() if since else None,
        until=until.isoformat() if until else None,
    )


def _values(field: str) -> list[str]:
    store = house.store()
    return _known(str(house.root()), field, store.ledger.checkpoint().size)


@st.cache_data(show_spinner=False, max_entries=16)
def _known(folder: str, field: str, size: int) -> list[str]:
    """Asked again when the ledger has grown."""
    return list(ledger_search.values(house.store().state, field))


# --- backups ---------------------------------------------------------------------------------------------------


def _backup() -> None:
    store = house.store()
    found = admin_queries.parts(store)
    told = f"{admin_queries.total(found)} in all. Chunks and versions never change: a copy of them only ever grows."
    with looks.card("What a backup must hold", told):
        rows = [{"path": p.path, "what it is": p.what, "size": admin_queries.written(p.size)} for p in found]
        _table(pl.DataFrame(rows), "Parts of the workspace with their sizes")
        if not store.state.is_sqlite:
            st.caption("Runs, reviews, gold, people and the ledger lie in PostgreSQL, in a schema of this workspace.")
    with looks.card(
        "How to make one", "In the workspace, also while it is in use; BACKUP is the full path of a folder."
    ):
        st.code("\n".join(admin_queries.backup_commands(store)), language=None)
        st.caption("The last line checks every byte of the copy against the signatures.")
