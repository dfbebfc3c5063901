"""Makes a training row for the tagger out of a masked text: in place of every value stands an invented one."""

import random
from collections.abc import Callable, Sequence
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from curation.records import draw
from curation.scrub.spans import Span, substituted

if TYPE_CHECKING:
    from faker import Faker

TAUGHT = frozenset({"person", "address", "place", "organisation"})
"""What the tagger learns to find; other kinds have patterns."""
LOCALES = ("en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pl_PL", "pt_BR", "en_IN")
MODELS = {
    "email": "ann.lee@example.com", "phone": "+44 20 7946 0018", "card": "4111 1111 1111 1111",
    "iban": "GB82 WEST 1234 5698 7654 32", "national_id": "078-05-1120", "ip": "192.0.2.17",
    "mac": "00:00:5e:00:53:01", "url": "https://www.example.com/ann", "date": "2 May 1987", "account": "AB-204117",
}  # fmt: skip
"""What an invented value looks like where nothing but its kind is known."""


def example(text: str, masks: Sequence[Span], values: Sequence[Span], key: bytes, scope: str) -> dict[str, JsonValue]:
    """The row `{"text", "spans": [{"kind", "start", "end"}]}`; the same text and `scope` give the same row.

    `masks` are the placeholders of the text and `values` where something is written out, none of them overlapping.
    A value gives way to one of the same form (a first name to a first name); a secret stays a placeholder.
    """
    from curation.surrogates import Surrogates

    session = Surrogates(key, "record").session(scope)
    for value in values:
        session.meet(value.entity.lower(), text[value.start : value.end])
    spans = sorted([*masks, *values], key=lambda s: s.start)
    new: list[str] = []
    for place, span in enumerate(spans):
        kind = span.entity.lower()
        model = text[span.start : span.end] if span in values else MODELS.get(kind)
        made = f"[{span.entity}]" if model is None else session.of(kind, span.kind, model)
        new.append(_drawn(kind, draw(0, scope, place)) if made == f"[{span.entity}]" and kind in TAUGHT else made)
    return {"text": substituted(text, spans, new), "spans": _taught(spans, new)}


def _taught(spans: Sequence[Span], values: Sequence[str]) -> list[JsonValue]:
    """Where the invented values of the tagger's kinds stand in the new text."""
    grown = accumulate((len(v) - (s.end - s.start) for s, v in zip(spans, values, strict=True)), initial=0)
    return [
        {"kind": span.entity.lower(), "start": span.start + by, "end": span.start + by + len(value)}
        for span, value, by in zip(spans, values, grown, strict=False)
        if span.entity.lower() in TAUGHT
    ]


def _drawn(kind: str, number: float) -> str:
    """A value of a kind the tagger is taught, drawn from nothing but a number in [0, 1)."""
    rng = random.Random(number)
    faker = _faker(rng.choice(LOCALES))
    faker.seed_instance(rng.getrandbits(32))
    made: dict[str, Sequence[Callable[[], Any]]] = {
        "person": (faker.name, faker.first_name, lambda: f"{faker.first_name()} {faker.last_name()}"),
        "address": (faker.street_address,),
        "place": (faker.city,),
        "organisation": (faker.company,),
    }
    return str(rng.choice(made[kind])()).replace("\n", ", ")


@cache
def _faker(locale: str) -> "Faker":
    from faker import Faker

    return Faker(locale)
