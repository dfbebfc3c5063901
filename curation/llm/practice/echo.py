"""Synthetic answers: a digest of what was asked, so that a benchmark can tell that every row got its own."""

import hashlib
import json
from typing import Any

from curation.llm.practice.reading import Asked
from curation.llm.practice.spoiling import Said


def echo_of(text: str) -> str:
    """What the server in its synthetic mode answers to a last user message.

    >>> echo_of("Where is my order?")
    'answer to 6951ac186c3c'
    """
    return f"answer to {hashlib.sha256(text.encode(errors='replace')).hexdigest()[:12]}"


def echoed(asked: Asked) -> Said:
    """The echo of a request, in every string of the object it wants where it wants one."""
    words = echo_of(asked.text)
    return Said(json.dumps(_filled(asked.schema, words)) if asked.schema.get("properties") else words)


def _filled(schema: dict[str, Any], words: str) -> Any:
    if choices := schema.get("enum"):
        return choices[0]
    kind = schema.get("type", "string")
    match kind[0] if isinstance(kind, list) else kind:
        case "object":
            return {name: _filled(inner, words) for name, inner in schema.get("properties", {}).items()}
        case "array":
            return [_filled(schema.get("items", {}), words)] * max(1, schema.get("minItems", 1))
        case "number" | "integer":
            return 1
        case "boolean":
            return False
        case "null":
            return None
        case _:
            return words
