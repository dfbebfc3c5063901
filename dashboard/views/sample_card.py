"""A sample's card: prompt, answer, labels, decisions step by step, votes, where it came from and what was changed."""

from collections.abc import Set as AbstractSet
from typing import Any

import streamlit as st

from curation.errors import UnknownRecord
from curation.scrub.before import Gone
from curation.scrub.scrubber import Scrubber
from curation.store.query import Query
from curation.task import read_task
from dashboard import queries, sample_cards, sample_votes
from dashboard.judge_queries import votes_on
from dashboard.marking import pane
from dashboard.plain import plain
from dashboard.sample_queries import OF_PROMPT
from dashboard.views import house


def render(query: Query, sample: str | None) -> None:
    """Draw the card of one sample, or say what the place is for."""
    if not sample:
        with st.container(border=True):
            st.header("Why is it in or out?", anchor=False)
            st.caption("Pick a row to see its prompt, its answer and what each step decided about it.")
        return
    try:
        card = sample_cards.card(house.store(), query, sample)
    except UnknownRecord as error:
        st.warning("There is no such sample.")
        st.text(str(error))
        return
    kinds = sample_cards.masked(card["steps"])
    with st.container(border=True):
        _texts(card, set(kinds["kind"]))
        if kinds.height:
            st.caption("Masked in it")
            shown = kinds.rename(str.capitalize)
            st.dataframe(shown, hide_index=True, height="content", alt="What scrubbing masked, by kind and place")
    with st.container(border=True, gap="xsmall"):
        st.header("What each step decided", anchor=False)
        for step in card["steps"]:
            _step(step)
    _votes(card)
    with st.container(border=True):
        _lineage(card)


def _texts(card: dict[str, Any], kinds: AbstractSet[str]) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        house.badge(card["state"])
        if card["row"]["edited"]:
            house.badge("edit", "edited")
        st.text(f"{card['teacher']}, prompt {card['prompt_id']}")
    messages = card["row"]["messages"]
    st.caption("Prompt")
    _text(card["prompt"], kinds, "prompt")
    if len(messages) > 1:
        with st.expander(f"All {len(messages)} messages"):
            for message in messages:
                st.caption(message["role"])
                _text(message["content"], kinds, message["role"])
    st.caption("Answer")
    answer_of(card, kinds)
    _changed(card)


def _text(text: str, kinds: AbstractSet[str], name: str) -> None:
    """A text as it is, with what was masked in it marked."""
    if spots := sample_cards.marks(text, kinds):
        st.html(pane(text, spots, f"{name}, masked"))
    else:
        st.text(text)


def answer_of(card: dict[str, Any], kinds: AbstractSet[str] = frozenset()) -> None:
    """A sample's answer, field by field where it has any, with what was masked of these kinds marked."""
    labels = card.get("labels")
    if not isinstance(labels, dict) or card["answer"] is None:
        _text(card["answer"] if card["answer"] is not None else "No answer came back.", kinds, "answer")
        return
    for name, value in labels.items():
        left, right = st.columns([1, 3])
        left.text(name)
        with right:
            _text("none" if value is None else str(value), kinds, name)


def _changed(card: dict[str, Any]) -> None:
    """What was changed between reply and answer; read when asked for, because the reply has to be scrubbed again."""
    row = card["row"]
    if not (row["edited"] or row["mode"] in ("repaired", "reasked")):
        return
    if not st.toggle("Show what was edited", key="edits"):
        return
    scrubber = Scrubber.today(read_task(house.root() / "task.toml").scrub, house.store().keys.scrub)
    changes = sample_cards.edit(house.store(), scrubber, row)
    if isinstance(changes, Gone):
        st.text(f"The edit cannot be shown: {changes.why}.")
    elif all(change.kind == "same" for change in changes):
        st.text("Nothing but what was masked: the answer is the reply as it was scrubbed.")
    else:
        st.html(sample_cards.shown(changes, "reply and answer compared"))


def _step(step: dict[str, Any]) -> None:
    """One step's decision: its chip, its name, its reason in words, and its evidence but for votes and spans."""
    left, right = st.columns([1, 3])
    with left:
        house.badge(step["decision"])
    with right:
        words = step.get("words") or "passed"
        st.text(f"{step['step']}: {words}")
        evidence = step.get("evidence")
        if isinstance(evidence, dict):
            evidence = {k: v for k, v in evidence.items() if k not in ("votes", "spans")}
        if told := queries.evidence_line(evidence):
            st.text(told)


def _votes(card: dict[str, Any]) -> None:
    """What judges said, with weight and reason, and what people said in studies that are closed."""
    _, votes = votes_on(card["steps"])
    if votes:
        with st.container(border=True, gap="xsmall"):
            st.header("Judges", anchor=False)
            for vote in votes:
                left, right = st.columns([1, 3])
                with left:
                    house.badge(vote["vote"])
                weight = vote.get("weight")
                counts = f"weight {weight:.2f}" if weight else "no vote, advice"
                right.text(f"{vote['judge']} ({counts}): {vote['reason']}")
    with st.container(border=True):
        _people(card)


def _people(card: dict[str, Any]) -> None:
    st.header("People", anchor=False)
    for vote in card.get("reviews") or []:
        reason = f", {vote['reason']}" if vote.get("reason") else ""
        st.text(f"{vote['rater']} in {vote['study']}: {vote['choice'].replace('_', ' ')}{reason}")
    for said in sample_votes.said_of(house.store(), card):
        _more(card, said)
    for gold in card.get("gold") or []:
        st.text(f"gold set {gold['name']}, row {gold['item']}")
    if hidden := card.get("hidden_votes"):
        st.caption(f"{hidden} more in a study that is still open; shown when it is closed.")
    elif not card.get("reviews") and not card.get("gold"):
        st.caption("Nobody has reviewed this sample.")


def _more(card: dict[str, Any], said: sample_votes.Said) -> None:
    """What a vote says beyond its choice; marks and edits lie in the texts as they were shown."""
    st.caption(f"More of the vote in {plain(said.study)}")
    st.text(said.rater)
    if said.comment:
        st.text(said.comment)
    if said.scores:
        st.text(", ".join(f"{name}: {score}" for name, score in said.scores))
    if said.prompt:
        st.html(pane(sample_votes.shown_prompt(card), said.prompt, "prompt, marked by a rater"))
    if said.answer and card["answer"] is not None:
        st.html(pane(card["answer"], said.answer, "answer, marked by a rater"))
    if said.edit is not None and card["answer"] is not None:
        changes = sample_cards.difference(card["answer"], said.edit)
        st.html(sample_cards.shown(changes, "answer and what a rater made of it"))


def _lineage(card: dict[str, Any]) -> None:
    st.header("Where it came from", anchor=False)
    with st.container(gap="xxsmall"):
        for what, words in sample_cards.lineage(house.store(), card):
            left, right = st.columns([1, 3])
            left.caption(what)
            right.text(words)
    with st.container(horizontal=True):
        if parent := card["row"]["parent"]:
            house.link("samples", "Samples of its parent", text=OF_PROMPT + parent)
        house.link("samples", "Others of this prompt", text=OF_PROMPT + card["prompt_id"])
        house.link("provenance", "Its whole timeline", id=card["id"])
    if st.toggle("Show the versions that hold it", key="versions", help="Looks through every version for its id."):
        found = sample_cards.versions_of(house.store(), card["id"])
        shown = found.fill_null("").rename(str.capitalize)
        st.dataframe(shown, hide_index=True, height="content", alt="Versions that hold this sample, newest first")
    st.caption("Id")
    st.code(card["id"], language=None)
