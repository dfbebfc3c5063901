"""What one sample's card shows: its row, why it is in or out, where it came from, and what was changed in it."""

import difflib
import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from html import escape
from typing import Any, Literal, NamedTuple, cast

import polars as pl
from pydantic import JsonValue

from curation.errors import UnknownRecord
from curation.provenance import told
from curation.records import SAMPLES
from curation.scrub.before import Gone
from curation.scrub.scrubber import Scrubber
from curation.store.query import Query
from curation.store.replies import Replies
from curation.store.store import Store
from dashboard.marking import Spot as Mark
from dashboard.queries import without_open_votes
from dashboard.sample_queries import Spot, rows_at

_WORD = re.compile(r"\w+|\s+|.", re.DOTALL)
_LONGEST = 20_000
"""Characters up to which words are compared; longer texts are compared line by line."""
_DIFF = (
    "white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:plaintext;line-height:1.75;max-height:26rem;"
    "overflow-y:auto"
)
_LOOKS = {
    "added": ("ins", "background:#15803D2E;color:inherit;text-decoration:none;border-bottom:2px solid #15803D"),
    "removed": ("del", "background:#BE123C24;color:inherit;text-decoration:line-through;text-decoration-color:#BE123C"),
}


class Change(NamedTuple):
    """A piece of text that stayed, was added or was removed."""

    kind: Literal["same", "added", "removed"]
    text: str


def card(store: Store, query: Query, ident: str) -> dict[str, Any]:
    """All that `why` tells of a sample, and its `row`; from the version looked at, else the newest that holds it.

    The votes of open studies are left out and counted in `hidden_votes`. Raises UnknownRecord.
    """
    found = _found(query, ident)
    if found is not None:
        return _card(store, query, found)
    for version in reversed(store.versions.list()):
        if version != query.version:
            with Query(store, version) as other:
                if (found := _found(other, ident)) is not None:
                    return _card(store, other, found)
    raise UnknownRecord(f"no version holds a sample {ident!r}; search for a word of its text")


def _found(query: Query, ident: str) -> Spot | None:
    """Where the one sample lies whose id begins so; UnknownRecord where there are several."""
    if not ident:
        return None
    lies = query.sql("SELECT chunk, place FROM placed WHERE starts_with(id, $id) LIMIT 2", {"id": ident})
    if lies.height > 1:
        raise UnknownRecord(f"several samples have an id starting with {ident!r}; give more of it")
    return Spot(*lies.row(0)) if lies.height else None


def _card(store: Store, query: Query, spot: Spot) -> dict[str, Any]:
    row = rows_at(query, [spot], list(SAMPLES)).row(0, named=True)
    decisions = query.sql("SELECT * FROM decisions WHERE sample = $id", {"id": row["id"]})
    known = told(store, query.version, row, list(decisions.iter_rows(named=True)), [])
    return {**without_open_votes(store, cast("dict[str, Any]", known)), "row": row, "version": query.version}


def versions_of(store: Store, ident: str) -> pl.DataFrame:
    """version, state, reason: every version that holds a sample, newest first; each is looked through for its id."""
    rows: list[dict[str, str | None]] = []
    for version in reversed(store.versions.list()):
        with Query(store, version) as query:
            states = query.sql("SELECT state, reason FROM samples WHERE id = $id", {"id": ident})
        rows += [{"version": version, **row} for row in states.iter_rows(named=True)]
    return pl.DataFrame(rows, schema=dict.fromkeys(("version", "state", "reason"), pl.String))


def lineage(store: Store, card: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Where a sample came from, oldest first: (what, words)."""
    row, request = card["row"], card.get("request") or {}
    reply = Replies(store.replies_db).find([row["request_key"]]).get(row["request_key"]) if row["request_key"] else None
    asked = ", ".join(str(request[k]) for k in ("provider", "model", "host") if request.get(k))
    said = f"{reply.model}, stopped: {reply.stop}{_tokens(reply.usage.output)}" if reply else ""
    gone = "not in this workspace's journal"
    steps: list[tuple[str, str]] = [("Prompt", f"{row['prompt_id']}, {row['source'] or 'of no file'}")]
    if row["parent"]:
        steps.append(("Varied from", f"prompt {row['parent']}"))
    if not row["request_key"]:
        return [*steps, ("Request", "none: the prompt was held before anybody was asked")]
    steps.append(("Request", asked or gone))
    steps.append(("Reply", said or ("none came" if row["answer"] is None else gone)))
    if row["mode"] in ("repaired", "reasked"):
        steps.append(("Read", {"repaired": "after mending its format", "reasked": "after asking again"}[row["mode"]]))
    return [*steps, ("Sealed", f"version {card['version'][:12]}, {row['state']}")]


def _tokens(number: int | None) -> str:
    return "" if number is None else f", {number:,} tokens"


# --- edits and masks -------------------------------------------------------------------------------------------


def edit(store: Store, scrubber: Scrubber, row: Mapping[str, Any]) -> list[Change] | Gone:
    """What became of the reply on its way to the answer, beyond masking: both are compared as scrubbed."""
    reply = Replies(store.replies_db).find([row["request_key"]]).get(row["request_key"])
    if reply is None:
        return Gone("its reply is not in this workspace's journal")
    if row["answer"] is None:
        return Gone("it has no answer")
    return difference(scrubber.scrub(reply.text).text, row["answer"])


def difference(before: str, after: str) -> list[Change]:
    """The pieces that stayed, went and came, in reading order; word by word where the texts are not very long.

    >>> difference("a red car", "a blue car")[1:3]
    [Change(kind='removed', text='red'), Change(kind='added', text='blue')]
    """
    words = len(before) + len(after) <= _LONGEST
    old, new = (_WORD.findall(t) if words else t.splitlines(keepends=True) for t in (before, after))
    changes: list[Change] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            changes.append(Change("same", "".join(old[a:b])))
            continue
        pieces = (Change("removed", "".join(old[a:b])), Change("added", "".join(new[c:d])))
        changes += [piece for piece in pieces if piece.text]
    return changes


def shown(changes: list[Change], name: str) -> str:
    """The changes as HTML made of escaped text alone, in a box that can be reached by keyboard."""
    inner = "".join(_shown(change) for change in changes)
    return f'<div role="region" tabindex="0" aria-label="{escape(name)}" style="{_DIFF}">{inner}</div>'


def _shown(change: Change) -> str:
    if change.kind == "same":
        return escape(change.text)
    tag, style = _LOOKS[change.kind]
    return f'<{tag} style="{style}">{escape(change.text)}</{tag}>'


def masked(steps: list[dict[str, Any]]) -> pl.DataFrame:
    """kind, where, detector, score: what scrubbing masked in a sample, from its evidence, which holds no value."""
    spans = [span for step in steps if step["step"] == "scrub" for span in _spans(step.get("evidence"))]
    rows = [
        {"kind": s["type"].lower(), "where": s["path"], "detector": s["detector"], "score": s["score"]} for s in spans
    ]
    return pl.DataFrame(rows, schema={**dict.fromkeys(("kind", "where", "detector"), pl.String), "score": pl.Float64})


def _spans(evidence: JsonValue) -> Iterator[dict[str, Any]]:
    found = evidence.get("spans") if isinstance(evidence, dict) else None
    for span in found if isinstance(found, list) else ():
        if isinstance(span, dict):
            yield {"path": "", "detector": "", "score": None, **span}


def marks(text: str, kinds: AbstractSet[str]) -> list[Mark]:
    """Where the placeholders of these kinds stand in a text."""
    if not kinds:
        return []
    either = "|".join(sorted(re.escape(kind.upper()) for kind in kinds))
    return [Mark(*found.span(), found[1].lower()) for found in re.finditer(rf"\[({either})\]", text)]
