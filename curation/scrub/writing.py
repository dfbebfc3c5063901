"""What stands in place of a found value: its kind, or an invented value of the same kind."""

import re
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from curation.scrub.spans import Span, masked
from curation.surrogates import Session

_WORDS = re.compile(r"[^\W_]+")


class Writer(Protocol):
    """Puts something in place of every span of a text; spans are in order and apart."""

    def __call__(self, text: str, spans: Sequence[Span]) -> str:
        """The text as it may be seen."""
        ...


class _Place(NamedTuple):
    """A span as surrogates name it: lower case."""

    entity: str
    kind: str
    start: int
    end: int


class Inventor:
    """Writes surrogates, the same for the same value within its session; a secret is masked.

    `known` is a text that was scrubbed before and is now answered: what it holds is invented already and stays, so
    that a reply speaks of the same people as its prompt.
    """

    def __init__(self, session: Session, known: str = "") -> None:
        self._session = session
        self._known = _padded(known)

    def __call__(self, text: str, spans: Sequence[Span]) -> str:
        """The text with a surrogate in every place but those known."""
        new = [span for span in spans if not self._knows(text[span.start : span.end])]
        places = [_Place(span.entity.lower(), span.kind, span.start, span.end) for span in new]
        return self._session.replace(text, places, echoes=False)[0]

    def _knows(self, value: str) -> bool:
        words = _padded(value)
        return bool(words) and words in self._known


MASKS: Writer = masked


def _padded(text: str) -> str:
    """The words of a text, folded, one space around each: contained in another's only at whole words."""
    words = _WORDS.findall(text.casefold())
    return f" {' '.join(words)} " if words else ""
