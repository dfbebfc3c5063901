"""Step `scrub`: replies are scrubbed before a person sees them; the evidence names kinds and places, no value."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl
from pydantic import JsonValue

from curation.answers import parse_answer
from curation.errors import ReplyUnreadable
from curation.pipeline import Outcome
from curation.records import Decision, canonical, decisions_frame
from curation.scrub.ledger import entries, values
from curation.scrub.prompts import held_back
from curation.scrub.scrubber import Scrubber
from curation.scrub.values import Later, Looks, constant
from curation.scrub.writing import Writer
from curation.task import AnswerTable

PARTS = ("answer", "tool_calls", "rationale")
"""The columns of a sample that a teacher wrote."""


@dataclass(frozen=True)
class ScrubReplies:
    """Edits the answers that hold personal data, and their labels with them."""

    scrubber: Scrubber
    answer: AnswerTable
    name: str = "scrub"
    scope: Literal["sample", "table"] = "sample"

    def __call__(self, samples: pl.DataFrame) -> Outcome:
        """Scrub every part a teacher wrote."""
        rows = samples.select("id", "labels", "messages", "group", *PARTS).rows(named=True)
        looks = [Looks(self._writer(row), self.scrubber.judge("answer")) for row in rows]
        later = [_parts(row, look) for row, look in zip(rows, looks, strict=True)]
        Looks.scrub_all(self.scrubber, looks)
        decisions: list[Decision] = []
        columns: list[dict[str, str | None]] = []
        for row, look, parts in zip(rows, looks, later, strict=True):
            texts = {part: text() if text else None for part, text in parts.items()}
            if any(texts[part] != row[part] for part in PARTS):
                labels = row["labels"] if texts["answer"] == row["answer"] else self._labels(texts["answer"])
                columns.append({"id": row["id"], "labels": labels, **texts})
            decisions += self._decide(row["id"], look)
        schema: dict[str, type[pl.String]] = dict.fromkeys(("id", "labels", *PARTS), pl.String)
        return Outcome(decisions_frame(decisions), pl.DataFrame(columns, schema=schema) if columns else None)

    def describe(self) -> dict[str, JsonValue]:
        """The scrubber's settings."""
        return self.scrubber.describe()

    def _writer(self, row: Mapping[str, Any]) -> Writer:
        asked = "\n".join(message["content"] for message in row["messages"] or ())
        wide = self.scrubber.table.scope == "conversation" and row["group"] is not None
        return self.scrubber.writer(f"group {row['group']}" if wide else asked, known=asked)

    def _labels(self, answer: str | None) -> str | None:
        try:
            labels = None if answer is None else parse_answer(answer, self.answer)
        except ReplyUnreadable:
            return None
        return None if labels is None else canonical(labels).decode()

    def _decide(self, sample: str, looks: Looks) -> Iterator[Decision]:
        spans = entries(looks.places, self.scrubber)
        if spans:
            yield Decision(
                sample=sample, step=self.name, action="edit", reason="personal_data",
                words=f"{values(len(spans))} of personal data masked in the answer",
                number=len(spans), evidence={"spans": [*spans]},
            )  # fmt: skip
        if (held := held_back(self.scrubber, looks)) is not None:
            yield Decision(sample=sample, step=self.name, action=held[2], reason=held[0], words=held[1])


def _parts(row: Mapping[str, Any], looks: Looks) -> dict[str, Later | None]:
    return {part: None if row[part] is None else looks.text_or_json(row[part], (constant(part),)) for part in PARTS}
