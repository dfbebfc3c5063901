"""The egress guard: the last look at a request before it is claimed, sent or put into a batch.

Prompts are scrubbed long before; this catches what came in by another way: a rubric with an address in it, a reply
that is sent back for a second look. It looks only for what is unmistakable in any context, so that what scrubbing
let pass is not held here.
"""

import re
from functools import lru_cache

from curation.records import Request
from curation.scrub.scrubber import Scrubber
from curation.scrub.spans import Span

UNMISTAKABLE = ("email", "card", "iban", "secret")
_RESERVED = re.compile(r"[@.]example\.(?:com|net|org)$", re.IGNORECASE)
CERTAIN = 0.9
"""A key of a provider's format, a number whose checksum holds. What only looks random may be an id of our own."""
REMEMBERED = 4096
"""Texts whose answer is kept: system prompts and rubrics come with every request."""


class EgressGuard:
    """Says what must not leave in a request; `state` is what is recorded beside each request that may."""

    def __init__(self, scrubber: Scrubber) -> None:
        table = scrubber.table
        entities = tuple(name for name in UNMISTAKABLE if name in table.entities)
        settings = {name: table.detectors[name] for name in entities if name in table.detectors}
        strict = {"entities": entities, "detectors": settings, "custom": {}, "point": "precision", "doubt": 0.0}
        self._strict = scrubber.using(table.model_copy(update={**strict, "action": "mask"}))
        self.state = f"{table.point}, {scrubber.fingerprint}" if table.enabled else "off"
        self._surrogates = table.action == "surrogate"
        self._kinds = lru_cache(REMEMBERED)(self._look)

    def __call__(self, request: Request) -> tuple[str, ...]:
        """The kinds of personal data in a request; none, and it may go."""
        return tuple(
            dict.fromkeys(
                kind
                for message in request.messages
                for text in (message.content, *(call.arguments for call in message.tool_calls))
                for kind in self._kinds(text)
            )
        )

    def _look(self, text: str) -> tuple[str, ...]:
        spans = self._strict.scrub(text).spans
        sure = [span for span in spans if span.score >= CERTAIN]
        return tuple(span.entity.lower() for span in sure if not self._invented(text[span.start : span.end], span))

    def _invented(self, value: str, span: Span) -> bool:
        """Whether this may be a surrogate: of a reserved domain, or a number whose checksum fails on purpose."""
        return self._surrogates and (span.shape_only or _RESERVED.search(value) is not None)
