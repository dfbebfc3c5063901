"""The card a rater works on: a prefetched queue goes out, an outbox of deeds comes back until it is acknowledged."""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import streamlit as st
from pydantic import ValidationError
from streamlit.components import v2

from curation.errors import StillhouseError, StoreBusy
from dashboard.review_desk import Act, Desk, Wants

PARTS = ("words", "outbox", "diff", "work", "texts", "rubric", "side", "card", "paint", "mount")
"""The files of the card's script: one module, so they are joined, each using only what comes before it."""
_HERE = Path(__file__).parent / "card"


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


_component = v2.component(
    "stillhouse_review_card",
    html=_read("card.html"),
    css=_read("card.css"),
    js="\n".join(_read(f"{part}.js") for part in PARTS),
)


class Delivered(NamedTuple):
    """What became of the deeds that came in: to acknowledge, tokens of those not taken, and what to tell the rater."""

    acked: list[str]
    refused: list[str]
    notice: str | None = None


def review_card(desk: Desk) -> None:
    """Record what came back, then show the card.

    A deed that raises StillhouseError is given up and its message shown. Only a busy store keeps it in the outbox, to
    be delivered again.
    """
    key = card_key(f"{desk.study.name}|{desk.rater}")
    state: Any = st.session_state.get(key) or {}
    desk.feedback, desk.hand = st.session_state.get(f"{key}_feedback"), st.session_state.get(f"{key}_hand")
    delivered = _deliver(state.get("outbox"), f"{key}_applied", desk)
    data = {**desk.card(_wants(state.get("wants"))), **delivered._asdict(), "key": key}
    st.session_state.update({f"{key}_feedback": desk.feedback, f"{key}_hand": desk.hand})
    _component(key=key, data=data, on_outbox_change=_nothing, on_wants_change=_nothing)


def card_key(name: str) -> str:
    """The widget key of a card: it reaches the browser, so it says nothing by itself."""
    return f"card_{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def _deliver(outbox: Any, applied_key: str, desk: Desk) -> Delivered:
    """Apply each new deed once and in order."""
    applied: set[str] = st.session_state.setdefault(applied_key, set())
    found = Delivered([], [])
    for sent in outbox if isinstance(outbox, list) else []:
        try:
            act = Act.model_validate(sent)
        except ValidationError:
            found = _unreadable(found, sent)
            continue
        if act.id not in applied:
            try:
                desk.apply(act)
            except StoreBusy as error:
                return found._replace(notice=str(error))
            except StillhouseError as error:
                found.refused.append(act.token)
                found = found._replace(notice=str(error))
            applied.add(act.id)
        found.acked.append(act.id)
    return found


def _unreadable(found: Delivered, sent: Any) -> Delivered:
    """A deed that cannot be read is let go, so that it does not stand before the others."""
    said: dict[str, Any] = sent if isinstance(sent, dict) else {}
    found.acked.extend([said["id"]] if isinstance(said.get("id"), str) else [])
    found.refused.extend([said["token"]] if isinstance(said.get("token"), str) else [])
    return found._replace(notice="One of your answers could not be read and was not kept; give it again.")


def _wants(state: Any) -> Wants:
    try:
        return Wants.model_validate(state or {})
    except ValidationError:
        return Wants()


def _nothing() -> None:
    """Streamlit wants a callback for each state it returns."""
