"""What a way of asking produces: the messages, the schema of the answer and the digest of the way itself."""

from dataclasses import dataclass

from pydantic import JsonValue

from curation.records import Message


@dataclass(frozen=True)
class Asking:
    """A prompt turned into what is sent to a teacher; `template` is part of the request key."""

    messages: tuple[Message, ...]
    answer_schema: dict[str, JsonValue] | None
    template: str
