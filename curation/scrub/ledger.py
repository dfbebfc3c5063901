"""The span ledger: what was found where, by which detector, and what was done about it, without a single raw value.

It is sealed with a version, as the evidence of its `scrub` decisions. In place of a value stands a keyed commitment:
whoever holds the workspace's key can find every place of a value somebody names, to erase it; nobody else can, not
even by trying all telephone numbers.
"""

import hashlib
import hmac
from collections.abc import Iterable

import polars as pl
from pydantic import JsonValue

from curation.records import Decision, Prompt
from curation.scrub.scrubber import Scrubber
from curation.scrub.values import Place
from curation.surrogates.canonical import canonical

CHARACTERS = 32
"""Of a commitment: hex digits of its HMAC-SHA256."""

SPANS = pl.Schema(
    {
        "sample": pl.String,
        "type": pl.String,  # the placeholder: PERSON
        "kind": pl.String,  # finer, empty where there is none
        "path": pl.String,  # of the string in the record: messages.0, answer.reply
        "start": pl.Int64,  # in the text as it was before scrubbing, code points
        "end": pl.Int64,
        "score": pl.Float64,
        "shape_only": pl.Boolean,
        "detector": pl.String,
        "version": pl.Int64,  # of the detector
        "action": pl.String,  # mask, surrogate, quarantine
        "commitment": pl.String,
    }
)
"""Schema of the ledger as a table: one row per found place."""

_EVIDENCE = pl.Struct({"spans": pl.List(pl.Struct({n: kind for n, kind in SPANS.items() if n != "sample"}))})


def entries(places: Iterable[Place], scrubber: Scrubber) -> list[dict[str, JsonValue]]:
    """One ledger entry for every place of a record."""
    return [_entry(place, scrubber) for place in places]


def _entry(place: Place, scrubber: Scrubber) -> dict[str, JsonValue]:
    span, detector = place.span, place.span.entity.lower()
    return {
        "type": span.entity, "kind": span.kind, "path": place.path, "start": span.start, "end": span.end,
        "score": round(span.score, 3), "shape_only": span.shape_only, "detector": detector,
        "version": scrubber.versions.get(detector),
        "action": "mask" if detector in ("secret", "rule") else scrubber.table.action,
        "commitment": commitment(scrubber.key, detector, place.value) if scrubber.key else None,
    }  # fmt: skip


def commitment(key: bytes, entity: str, value: str) -> str:
    """What stands for a value in the ledger: the same for every spelling that `canonical` holds for the same.

    >>> commitment(b"k" * 32, "person", "Priya Raman") == commitment(b"k" * 32, "person", "PRIYA  RAMAN's")
    True
    """
    return _committed(key, entity, canonical(entity, value))


def _committed(key: bytes, entity: str, form: str) -> str:
    message = f"{entity}|{form}".encode("utf-8", "surrogatepass")
    return hmac.new(key, message, hashlib.sha256).hexdigest()[:CHARACTERS]


def told(sample: str, prompt: Prompt) -> Decision:
    """The decision that carries a prompt's ledger entries into the version: the prompt goes on, masked."""
    found = len(prompt.masked)
    return Decision(
        sample=sample, step="scrub", action="keep", reason="prompt_masked",
        words=f"{values(found)} of personal data masked in the prompt before it was asked",
        number=found, evidence={"spans": list(prompt.masked)},
    )  # fmt: skip


def values(found: int) -> str:
    """`1 value` or `3 values`."""
    return f"{found} {'value' if found == 1 else 'values'}"


def spans_of(decisions: pl.DataFrame) -> pl.DataFrame:
    """The ledger of a version, read from its decisions, with the SPANS schema."""
    found = decisions.filter((pl.col("step") == "scrub") & pl.col("evidence").is_not_null())
    if found.is_empty():
        return pl.DataFrame(schema=SPANS)
    spans = found.select("sample", pl.col("evidence").str.json_decode(_EVIDENCE).struct.field("spans"))
    return spans.explode("spans").drop_nulls("spans").unnest("spans").select(list(SPANS))


def places_of(spans: pl.DataFrame, key: bytes, entity: str, value: str) -> pl.DataFrame:
    """The rows of the ledger where one value was found, however it was written.

    A telephone number is looked for with and without its country's code, as people write both.
    """
    forms = {canonical(entity, value)}
    if entity == "phone":
        from curation.surrogates.phones import spellings

        forms |= spellings(value, "en_US")
    return spans.filter(pl.col("commitment").is_in(sorted(_committed(key, entity, form) for form in forms)))
