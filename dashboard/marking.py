"""Text with places marked in it, as HTML made of escaped text alone: what a model or a user wrote stays text."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Literal, NamedTuple

FAMILIES = {
    "#6366F1": ("person",),
    "#0F766E": ("email", "phone", "url", "ip", "mac"),
    "#15803D": ("address", "place", "organisation"),
    "#B45309": ("card", "iban", "national_id", "account"),
    "#0369A1": ("date",),
    "#BE123C": ("secret",),
}
"""A colour for kinds that belong together; the kind itself is always written beside it."""
COLOURS = {kind: colour for colour, kinds in FAMILIES.items() for kind in kinds}
OTHER = "#64748B"
_PANE = (
    "white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:plaintext;line-height:1.75;max-height:26rem;"
    "overflow-y:auto;padding:0.1rem 0.2rem"
)
_LABEL = "font-size:0.72em;font-weight:600;opacity:0.8;margin-left:0.35em;user-select:none"


class Spot(NamedTuple):
    """A place to mark: its kind in lower case, and what it is: masked, in doubt, or about to be masked."""

    start: int
    end: int
    kind: str
    look: Literal["masked", "doubt", "added"] = "masked"


def pane(text: str, spots: Iterable[Spot], name: str) -> str:
    """One text in a box that scrolls, can be reached by keyboard and is called `name`; earlier spots win overlaps."""
    parts: list[str] = []
    at = 0
    for spot in _apart(spots):
        parts += (escape(text[at : spot.start]), _marked(text[spot.start : spot.end], spot))
        at = spot.end
    inner = "".join(parts) + escape(text[at:])
    return f'<div role="region" tabindex="0" aria-label="{escape(name)}" style="{_PANE}">{inner}</div>'


def _apart(spots: Iterable[Spot]) -> Sequence[Spot]:
    kept: list[Spot] = []
    for spot in spots:
        if spot.start < spot.end and not any(k.start < spot.end and spot.start < k.end for k in kept):
            kept.append(spot)
    return sorted(kept)


def _marked(text: str, spot: Spot) -> str:
    colour = COLOURS.get(spot.kind, OTHER)
    line = {"masked": "solid", "doubt": "dashed", "added": "double"}[spot.look]
    shade = "00" if spot.look == "doubt" else "2E"
    style = (
        f"background:{colour}{shade};color:inherit;border-bottom:{3 if line == 'double' else 2}px {line} {colour};"
        "border-radius:3px;padding:0.05em 0.2em;unicode-bidi:isolate"
    )
    label = {"masked": "", "doubt": "?", "added": " +"}[spot.look]
    told = escape(spot.kind.replace("_", " ") + label)
    # A placeholder says its kind already.
    shown = "" if text == f"[{spot.kind.upper()}]" else f'<span style="{_LABEL}">{told}</span>'
    return f'<mark data-kind="{escape(spot.kind)}" data-look="{spot.look}" style="{style}">{escape(text)}{shown}</mark>'
