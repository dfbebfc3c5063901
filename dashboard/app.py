"""The pages: Overview, Samples, Scrub, Judges, Review, Gold, Provenance, Gate; a reviewer's server has Review alone."""

from pathlib import Path

import streamlit as st

from curation.errors import StillhouseError
from dashboard.views import house

HERE = Path(__file__).parent

st.set_page_config(page_title="Stillhouse", page_icon=str(HERE / "favicon.png"), layout="wide")
st.logo(str(HERE / "logo.png"), size="medium")

pages = house.pages()


def door() -> None:
    """Where a reviewer's server opens: on to Review, which so keeps the same address on every server."""
    st.switch_page(pages["review"], query_params=st.query_params.to_dict())


shown = list(pages.values())
if house.reviewer_only():
    shown = [st.Page(door, title="Review", url_path="door", default=True, visibility="hidden"), pages["review"]]
page = st.navigation(shown, position="top")
try:
    page.run()
except StillhouseError as error:
    st.error("This page cannot be shown.")
    # A rater may not learn from an error what the study is made of.
    st.text("Reload the page, or ask whoever runs the study." if page.title == "Review" else str(error))
