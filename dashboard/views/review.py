"""Review: people judge blind; only opaque tokens and texts reach the browser until the study is closed."""

import streamlit as st

from curation.store.reviews import Study
from dashboard import queries
from dashboard.components.review_card import PREFETCH, Act, Card, Shown, review_card
from dashboard.views import house
from judges.review import ReviewService


def render() -> None:
    """Draw the page."""
    service = ReviewService(house.store())
    newest = service.studies()[::-1]
    studies = {s.name: s for s in sorted(newest, key=lambda s: s.closed is not None)}  # open ones first
    if not studies:
        st.title("Review", anchor=False)
        house.empty("There is no study yet", "stillhouse review create NAME --kind pairwise -n 60")
        return
    name, rater = _who(studies)
    study = studies[name]
    if study.closed:
        _closed(study)
    elif not rater:
        st.info("Say who you are to get your first item.", icon=":material/person:")
    else:
        _card(service, study, rater)


def _who(studies: dict[str, Study]) -> tuple[str, str]:
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
    return name, (rater or "").strip()


@st.fragment
def _card(service: ReviewService, study: Study, rater: str) -> None:
    """The card alone is redrawn after a vote."""

    def apply(act: Act) -> object:
        if act.kind == "undo":
            return service.undo(act.token)
        return service.vote(act.token, rater, act.choice, act.reason or None, act.dwell_ms)

    def card() -> Card:
        items = service.next(study.name, rater, PREFETCH)
        progress = service.progress(study.name, rater)
        queue = [Shown(i.token, i.prompt, i.a, i.b) for i in items]
        return Card(study.kind, study.question, queue, progress.done + progress.skipped, progress.left)

    review_card(f"{study.name}|{rater}", apply, card)


def _closed(study: Study) -> None:
    st.title("This study is closed", anchor=False)
    st.text(study.question)
    with st.grid(4, min_column_width=190, gap="small"):
        for label, value, words in queries.agreement_figures(study):
            with st.container(border=True, gap="xxsmall", height="stretch"):
                st.metric(label, value)
                st.caption(words)
    config = {
        "rater": st.column_config.TextColumn("Rater"),
        "votes": st.column_config.NumberColumn("Votes"),
        "median_s": st.column_config.NumberColumn("Median seconds", format="%.1f"),
    }
    st.dataframe(queries.pace_rows(study), column_config=config, hide_index=True, alt="Votes and pace of each rater")
