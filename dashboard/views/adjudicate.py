"""Adjudicate: what raters flagged or disagree on, one item at a time, blind to sources and to who said what."""

from datetime import UTC, datetime
from functools import partial

import streamlit as st

from curation.errors import StillhouseError
from curation.people import Person
from curation.store.reviews import Study
from dashboard import adjudication_queries as queries
from dashboard.views import house, looks
from judges.adjudication import CATEGORIES, AdjudicationFigures, AdjudicationService
from judges.conflicts import Conflict
from judges.gold import GoldService
from judges.review import ReviewService
from judges.settled import EDIT, EDIT_LENGTH

LISTED = 50
"""Items listed at a time."""
CURRENT = "adjudicate_current"
"""The token of the item on the page: a key pressed twice decides once, and never about an item not yet seen."""
NOTICE = "adjudicate_notice"
INTO_GOLD = "Into a gold set"
SET_NAME = "adjudicate_gold"


def render() -> None:
    """Draw the page."""
    st.title("Adjudicate", anchor=False)
    st.caption("Where do people disagree, and what is the final answer?")
    person = house.person()
    newest = ReviewService(house.store(), person).studies()[::-1]
    studies = {s.name: s for s in sorted(newest, key=lambda s: s.closed is not None)}  # open ones first
    if not studies:
        house.empty("There is no study yet", "stillhouse review create NAME --kind pairwise -n 60 --overlap 2")
        return
    study, by = _who(studies, person)
    if not person.may("adjudicate", study.name):
        st.warning("Settling what raters disagree on takes the role of a curator or an admin.")
        return
    service = AdjudicationService(house.store(), person)
    found = service.figures(study.name, by or None)
    looks.figures(queries.figures(found, datetime.now(UTC)))
    if not by:
        st.info("Say who you are to get the first item.", icon=":material/person:")
        return
    _work(service, study, by, found)


def _who(studies: dict[str, Study], person: Person) -> tuple[Study, str]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Study", list(studies), key="study", bind="query-params", width=240)
        if not person.for_others:
            st.text(person.name)
            return studies[name], person.name
        by = st.text_input("Your name", key="adjudicator", max_chars=60, width=240, placeholder="your name")
        st.badge(
            "Not authenticated", icon=":material/lock_open:", color="orange", help="Anyone may pick any name here."
        )
    return studies[name], by.strip()


def _work(service: AdjudicationService, study: Study, by: str, found: AdjudicationFigures) -> None:
    show = st.segmented_control(
        "Show", list(queries.SHOWN), default="Conflicts", required=True, key="adjudicate_show",
        help="Conflicts: a rater flagged the item, or raters said different things. Differences of degree: they prefer "
        "the same answer more or less strongly. All: every item with two votes, to audit those on which raters agree.",
    )  # fmt: skip
    threshold = queries.SHOWN[show or "Conflicts"]
    if threshold is None:
        queue = service.settled(study.name, by, LISTED)
    else:
        queue = service.queue(study.name, by, LISTED, threshold)
    _notice()
    if not queue:
        _empty(study, found, show or "Conflicts")
    else:
        _item(service, queue, by, (study.name, show or "Conflicts"))
        with looks.card("In this order", "Flagged ones first, then the farthest apart; deferred items come last."):
            _table(queue)
    if not (causes := queries.causes(found)).is_empty():
        with looks.card("Why raters differed"):
            config = {
                "cause": st.column_config.TextColumn("Cause"),
                "items": st.column_config.NumberColumn("Items"),
                "share": st.column_config.TextColumn("Share of those with a cause"),
            }
            alt = "Why raters differed, the commonest cause first"
            st.dataframe(causes, column_config=config, hide_index=True, height="content", alt=alt)


def _empty(study: Study, found: AdjudicationFigures, show: str) -> None:
    if found.barred and found.barred == found.open:
        st.info("You voted on every item that is in dispute or flagged it, so somebody else has to settle them.")
    elif show == "Settled":
        st.info("Nothing is settled yet.")
    elif not found.agreed and not found.settled:
        house.empty("No item has two votes yet", f"stillhouse review status {study.name}")
    elif found.settled and not found.open:
        then = "Its report, and gold rows made from it, take what was settled over what most raters said."
        command = f"gold create --from {study.name} --set NAME" if study.closed else f"review close {study.name}"
        house.empty("Every conflict is settled", f"stillhouse {command}", then)
    else:
        alpha = found.alpha["value"]
        words = "" if alpha is None else f" Alpha is {alpha:.2f} (n = {found.alpha['n']})."
        st.info(f"No conflict on {found.agreed} items with two votes or more.{words} Show all to audit them.")


def _table(queue: list[Conflict]) -> None:
    config = {
        "place": st.column_config.NumberColumn("Place", width=60),
        "apart": st.column_config.NumberColumn("Apart", format="%.2f", width=70),
        "said": st.column_config.TextColumn("Raters said", width="medium"),
        "decision": st.column_config.TextColumn("Settled as", width="small"),
        "prompt": st.column_config.TextColumn("Prompt", width="large"),
    }
    frame = queries.waiting(queue)
    if frame["decision"].null_count() == frame.height:
        frame = frame.drop("decision")
    st.dataframe(frame, column_config=config, hide_index=True, alt="Disputed items, flagged ones first")


# --- one item --------------------------------------------------------------------------------------------------


def _item(service: AdjudicationService, queue: list[Conflict], by: str, listed: tuple[str, str]) -> None:
    place = _place(listed, len(queue))
    conflict = queue[place]
    st.session_state[CURRENT] = conflict.token
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge(f"{place + 1} of {len(queue)}", color="gray")
            if conflict.flagged:
                st.badge("Flagged by a rater", icon=":material/flag:", color="red")
            if conflict.decision:
                _stands(conflict.decision.choice)
            if conflict.deferred:
                st.badge("Deferred", color="orange")
        st.text(conflict.question)
        st.caption("Prompt")
        st.text(conflict.prompt)
        _panes(conflict)
        _votes(conflict)
        _decision(service, conflict, by, listed)
        _steps(service, conflict, by, listed)


def _stands(choice: str) -> None:
    """What an item is settled as; the word of a study rated elsewhere is text, which no badge can hold."""
    ours = queries.WORDS.get(choice)
    st.badge(f"Settled: {ours}" if ours else "Settled", color="green")
    if not ours:
        st.text(choice)


def _place(listed: tuple[str, str], n: int) -> int:
    """Which item of the list is looked at; another list begins at its first."""
    if st.session_state.get("adjudicate_listed") != listed:
        st.session_state["adjudicate_listed"], st.session_state["adjudicate_place"] = listed, 0
    return min(int(st.session_state["adjudicate_place"]), n - 1)


def _panes(conflict: Conflict) -> None:
    panes = [("A", conflict.a)] if conflict.b is None else [("A", conflict.a), ("B", conflict.b)]
    for column, (name, text) in zip(st.columns(len(panes), gap="small"), panes, strict=True):
        with column, st.container(border=True, height="stretch"):
            st.caption(name if len(panes) == 2 else "Answer")
            st.text(text)


def _votes(conflict: Conflict) -> None:
    st.caption("What raters said")
    if not conflict.votes:
        st.text("Nobody voted on it.")
    for vote in conflict.votes:
        first, *more = queries.said(vote)
        with st.container(gap="xxsmall"):
            st.text(first)
            for line in [*more, *queries.marks(vote, conflict)]:
                st.text(f"↳ {line}")
            if vote.edit:
                st.text(vote.edit)


def _decision(service: AdjudicationService, conflict: Conflict, by: str, listed: tuple[str, str]) -> None:
    token, before = conflict.token, conflict.decision
    st.segmented_control(
        "Why raters differ", CATEGORIES, default=before.category if before else None, key=f"why_{token}"
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Note", before.note if before else "", max_chars=500, key=f"note_{token}", width=420)
        gold = st.segmented_control(
            "Gold", [INTO_GOLD], default=INTO_GOLD if before and before.gold else None, key=f"gold_{token}"
        )
        if gold:
            names = GoldService(house.store()).names()
            st.selectbox("Gold set", names, key=SET_NAME, accept_new_options=True, width=220, placeholder="a name")
    if conflict.kind == "edit":
        _edits(conflict)
    if gold and not service.is_closed(listed[0]):
        st.caption("It goes into the gold set when the study is closed, because gold rows name their sources.")
    with st.container(horizontal=True):
        for choice, key in queries.keys(service.choices(listed[0])):
            st.button(
                queries.label(choice), key=f"{choice}_{token}", shortcut=key or None,
                on_click=partial(_decide, service, conflict, by, choice),
            )  # fmt: skip


def _edits(conflict: Conflict) -> None:
    """Whose edit stands: a label for each text, and the text below as plain text, because labels are Markdown."""
    before = conflict.decision.edit if conflict.decision else None
    labels = queries.edits(conflict)
    texts = list(conflict.edits)
    first = texts.index(before) if before in texts else len(texts) if before or not texts else None
    index = 0 if first is None and len(texts) == 1 else first
    # no st.radio: a key that decides does nothing while a radio input has the focus
    default = None if index is None else labels[index]
    chosen = st.segmented_control("Which edit stands", labels, default=default, key=f"whose_{conflict.token}")
    if chosen == queries.ANOTHER:
        own = before if before and before not in texts else conflict.a
        st.text_area("The text that stands", own, max_chars=EDIT_LENGTH, key=f"words_{conflict.token}")
    elif chosen is not None:
        st.text(texts[labels.index(chosen)])


def _edit(conflict: Conflict, choice: str) -> str | None:
    """The text that stands as the page has it, where an edit is decided on; None where none was picked."""
    chosen = st.session_state.get(f"whose_{conflict.token}")
    if choice != EDIT or chosen is None:
        return None
    if chosen == queries.ANOTHER:
        return st.session_state.get(f"words_{conflict.token}") or ""
    return list(conflict.edits)[queries.edits(conflict).index(chosen)]


def _steps(service: AdjudicationService, conflict: Conflict, by: str, listed: tuple[str, str]) -> None:
    with st.container(horizontal=True):
        st.button("Previous", key=f"k_{conflict.token}", shortcut="K", type="tertiary", on_click=partial(_step, -1))
        st.button("Next", key=f"j_{conflict.token}", shortcut="J", type="tertiary", on_click=partial(_step, 1))
        if conflict.decision is None:
            later = partial(_defer, service, conflict.token, by)
            st.button("Defer", key=f"d_{conflict.token}", shortcut="D", type="tertiary", on_click=later)


def _step(by: int) -> None:
    st.session_state["adjudicate_place"] = max(0, int(st.session_state["adjudicate_place"]) + by)


def _defer(service: AdjudicationService, token: str, by: str) -> None:
    if st.session_state.get(CURRENT) == token:
        st.session_state[CURRENT] = None
        service.defer(token, by)


def _decide(service: AdjudicationService, conflict: Conflict, by: str, choice: str) -> None:
    token = conflict.token
    if st.session_state.get(CURRENT) != token:
        return
    category = st.session_state.get(f"why_{token}")
    gold = st.session_state.get(SET_NAME) if st.session_state.get(f"gold_{token}") else None
    if not category:
        st.session_state[NOTICE] = ("Pick why raters differ, then decide.", False)
        return
    if st.session_state.get(f"gold_{token}") and not gold:
        st.session_state[NOTICE] = ("Name the gold set it should go into, then decide.", False)
        return
    note, edit = st.session_state.get(f"note_{token}") or "", _edit(conflict, choice)
    # Before the decision: touching the session is where Streamlit may drop this run for the next key press, and what
    # is written afterwards would be lost with it, so that the next press decided again.
    st.session_state[CURRENT] = None
    try:
        service.decide(token, by, choice, category, note, gold, edit)
    except StillhouseError as error:
        st.session_state[NOTICE] = (str(error), False)
        return
    st.session_state[NOTICE] = (f"Settled: {queries.word(choice)}.", True)


def _notice() -> None:
    if found := st.session_state.pop(NOTICE, None):
        words, good = found
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge("Kept" if good else "Not decided", color="green" if good else "orange")
            st.text(words)
