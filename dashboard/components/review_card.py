"""The card a rater works on: a prefetched queue goes out, an outbox of acts comes back until it is acknowledged."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import streamlit as st
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from streamlit.components import v2

from curation.errors import StillhouseError, StoreBusy

MIN_DWELL_MS = 400
"""A verdict sooner than this after an item appeared is a slip of the key and is not taken."""
PREFETCH = 10


class Act(BaseModel):
    """One thing a rater did, as the browser states it; untrusted, so every field is bounded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    kind: Literal["vote", "undo"]
    token: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    choice: Annotated[str, Field(max_length=20)] = ""
    reason: Annotated[str, Field(max_length=2100)] = ""
    dwell_ms: Annotated[int, Field(ge=0, le=86_400_000)] = 0


@dataclass(frozen=True)
class Shown:
    """What the browser gets of one item: an opaque token and texts."""

    token: str
    prompt: str
    a: str
    b: str | None


@dataclass(frozen=True)
class Card:
    """Everything the card shows: one study's question, one rater's queue and own progress."""

    kind: Literal["pairwise", "single"]
    question: str
    queue: Sequence[Shown]
    done: int
    left: int


_ACTS = TypeAdapter(list[Act])
_HERE = Path(__file__).parent
_component = v2.component(
    "stillhouse_review_card",
    html=(_HERE / "review_card.html").read_text(encoding="utf-8"),
    css=(_HERE / "review_card.css").read_text(encoding="utf-8"),
    js=(_HERE / "review_card.js").read_text(encoding="utf-8"),
)


def review_card(name: str, apply: Callable[[Act], object], card: Callable[[], Card]) -> None:
    """Apply what came back, then show the card; `name` keeps two raters' or studies' outboxes apart.

    `apply` records one act and may raise StillhouseError: the act is then given up and its message is shown. Only a
    busy store keeps the act in the outbox, to be delivered again.
    """
    key = card_key(name)
    acked, notice = _deliver(st.session_state.get(key), f"{key}_applied", apply)
    shown = card()
    data = {
        **{field: getattr(shown, field) for field in ("kind", "question", "done", "left")},
        "queue": [{"token": i.token, "prompt": i.prompt, "a": i.a, "b": i.b} for i in shown.queue],
        "acked": acked,
        "notice": notice,
        "min_dwell_ms": MIN_DWELL_MS,
    }
    _component(key=key, data=data, on_outbox_change=_nothing)


def card_key(name: str) -> str:
    """The widget key of a card: it reaches the browser, so it says nothing by itself."""
    return f"card_{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def _deliver(state: Any, applied_key: str, apply: Callable[[Act], object]) -> tuple[list[str], str | None]:
    """Apply each new act once and in order; the ids to acknowledge, and what to tell the rater."""
    applied: set[str] = st.session_state.setdefault(applied_key, set())
    try:
        acts = _ACTS.validate_python((state or {}).get("outbox") or [])
    except ValidationError:
        return [], "The votes of this tab could not be read. Reload the page; votes already saved are kept."
    notice = None
    for act in acts:
        if act.id in applied:
            continue
        try:
            apply(act)
        except StoreBusy as error:
            return [a.id for a in acts if a.id in applied], str(error)
        except StillhouseError as error:
            notice = str(error)
        applied.add(act.id)
    return [act.id for act in acts], notice


def _nothing() -> None:
    """Streamlit wants a callback for each state it returns."""
