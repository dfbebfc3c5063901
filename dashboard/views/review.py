"""Review: people judge blind; only opaque tokens and texts reach the browser until the study is closed."""

import streamlit as st

from curation.errors import StillhouseError
from curation.people import Person
from curation.store.reviews import Study
from dashboard.components.review_card import review_card
from dashboard.components.review_native import review_native
from dashboard.review_desk import Desk, thanks
from dashboard.views import house
from judges.review import ReviewService


def render() -> None:
    """Draw the page."""
    who = house.person()
    service = ReviewService(house.store(), who)
    newest = service.studies()[::-1]
    studies = {s.name: s for s in sorted(newest, key=lambda s: s.closed is not None)}  # open ones first
    if not studies:
        st.title("Review", anchor=False)
        house.empty("There is no study yet", "stillhouse review create NAME --kind pairwise -n 60")
        return
    study, rater = _picked(studies) if who.for_others else _invited(studies, who)
    if study.closed:
        _closed(study, who, rater)
    elif not who.may("rate", study.name):
        st.info("You have no part in this study as a rater.", icon=":material/block:")
    elif study.raters is not None and rater and rater not in study.raters:
        st.info("This study names its raters, and you are not among them.", icon=":material/block:")
    elif not rater:
        st.info("Say who you are to get your first item.", icon=":material/person:")
    else:
        _desk(study, rater, native=st.query_params.get("ui") == "native")


def _picked(studies: dict[str, Study]) -> tuple[Study, str]:
    """On a server for its own machine anybody says who they are."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Study", list(studies), key="study", bind="query-params", width=240)
        named = studies[name].raters
        if named is None:
            rater = st.text_input(
                "Rater", key="rater", bind="query-params", max_chars=60, width=240, placeholder="your name"
            )
        else:
            rater = st.selectbox(
                "Rater",
                list(named),
                index=None,
                key="rater",
                bind="query-params",
                width=240,
                placeholder="who are you?",
            )
        st.badge(
            "Not authenticated", icon=":material/lock_open:", color="orange", help="Anyone may pick any name here."
        )
    return studies[name], (rater or "").strip()


def _invited(studies: dict[str, Study], who: Person) -> tuple[Study, str]:
    """Somebody who signed in rates as themselves; one who was invited to a study has that one alone."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if len(studies) == 1:
            name = next(iter(studies))
        else:
            name = st.selectbox("Study", list(studies), key="study", bind="query-params", width=240)
        st.text(who.name)
    return studies[name], who.name


@st.fragment
def _desk(study: Study, rater: str, *, native: bool) -> None:
    """The card alone is redrawn after a vote; who this is is asked anew each time, for sessions end."""
    try:
        desk = Desk(house.store(), house.person(), study, rater)
        (review_native if native else review_card)(desk)
    except StillhouseError:  # a rater may not learn from an error what the study is made of
        st.error("This page cannot be shown.")
        st.text("Reload the page, or ask whoever runs the study.")


def _closed(study: Study, who: Person, rater: str) -> None:
    st.title("This study is closed", anchor=False)
    st.text(study.question)
    st.text(thanks(house.store(), study, rater))
    if not house.reviewer_only() and house.may("studies", who):
        house.link("studies", "What it found", study=study.name)
