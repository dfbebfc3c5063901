"""The pages, each for the roles that may see it; a reviewer's server has Review alone."""

from pathlib import Path

import streamlit as st

from curation.errors import StillhouseError
from dashboard.views import house, looks

HERE = Path(__file__).parent

who = house.enter()
if who is None:
    # Without our own pictures: those are kept for people who are known here.
    st.set_page_config(page_title="Stillhouse")
    st.stop()

st.set_page_config(page_title="Stillhouse", page_icon=str(HERE / "favicon.png"), layout="wide")
st.logo(str(HERE / "logo.png"), size="medium")
if st.context.theme.type == "dark":
    st.html(looks.DARK_LETTERS)

pages = house.pages()


def door() -> None:
    """Where a server opens that has no Overview to show: on to the first page, which so keeps its own address."""
    st.switch_page(shown[0], query_params=st.query_params.to_dict())


def nothing() -> None:
    """What somebody sees who is known here and may see no page."""
    st.text("There is no page for you here. Ask whoever runs the study for a role.")


names = [name for name in pages if name == "review" or not house.reviewer_only()]
shown = [pages[name] for name in names]
listed = shown
if "overview" not in names:
    opens = st.Page(door if shown else nothing, title="Stillhouse", url_path="door", default=True, visibility="hidden")
    listed = [opens, *shown]
page = st.navigation(listed, position="top")
try:
    page.run()
except StillhouseError as error:
    st.error("This page cannot be shown.")
    # A rater may not learn from an error what the study is made of.
    st.text("Reload the page, or ask whoever runs the study." if page.title == "Review" else str(error))
house.signed_in(who)
