"""Answers that are too short or too long."""

from typing import Annotated

from pydantic import Field

from curation.checking import Check, Drop, text_of
from curation.records import Sample


class Length(Check):
    """Object to an answer (or one `field` of it) with too few or too many characters."""

    min_characters: Annotated[int, Field(ge=0)] = 1
    max_characters: Annotated[int, Field(ge=1)] | None = None
    field: str | None = None

    def __call__(self, sample: Sample) -> Drop | None:
        """Count code points, white space at the ends not counted."""
        n = len(text_of(sample, self.field).strip())
        what = f"field {self.field!r}" if self.field else "answer"
        if n < self.min_characters:
            return self.against("too_short", f"{what} has {n} characters, fewer than {self.min_characters}", n)
        if self.max_characters is not None and n > self.max_characters:
            return self.against("too_long", f"{what} has {n} characters, more than {self.max_characters}", n)
        return None
