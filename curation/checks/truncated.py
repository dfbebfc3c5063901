"""Answers that were cut off."""

from curation.answers import load_json
from curation.checking import Check, Drop
from curation.errors import ReplyUnreadable
from curation.records import Sample


class Truncated(Check):
    """Object to an answer the provider cut at its token limit, or one that leaves a code block or JSON object open.

    Recorded replies often carry no stop reason; there the open end is all there is to see.
    """

    open_ends: bool = True

    def __call__(self, sample: Sample) -> Drop | None:
        """Read the stop reason first, then the end of the text."""
        if sample.stop == "length":
            return self.against("truncated", "the provider stopped at its token limit")
        text = (sample.answer or "").strip()
        if self.open_ends and text.count("```") % 2:
            return self.against("truncated", "a code block is opened and not closed")
        if self.open_ends and sample.labels is None and _open_json(text):
            return self.against("truncated", "a JSON object is opened and not closed")
        return None


def _open_json(text: str) -> bool:
    """Whether a text is JSON that stops in the middle: it starts as an object and its brackets do not close."""
    if not text.startswith(("{", "[{")) or text.endswith(("}", "]")):
        return False
    try:
        load_json(text)
    except ReplyUnreadable:
        return text.count("{") > text.count("}")
    return False
