"""Keeps protected texts out: a sample that equals or quotes a holdout, gold or benchmark text is dropped."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import polars as pl
from pydantic import JsonValue

from curation.dedup import fold
from curation.pipeline import Outcome
from curation.records import Decision, decisions_frame, digest
from curation.task import ProtectTable


@dataclass(frozen=True)
class Match:
    """What a sample resembles: which set, the digest of the protected text, how, and over how many words."""

    set: str
    row: str
    how: Literal["equal", "run"]
    words: int


@dataclass(frozen=True)
class ProtectStep:
    """Step `protected`: compares user turns and answers with protected texts, by set name.

    A turn equal to a protected text (case, white space, punctuation aside) or any text sharing a run of `ngram` words
    with one condemns the sample; so does being varied from a condemned prompt. The evidence never quotes the text.
    """

    table: ProtectTable
    protected: Mapping[str, Sequence[str]]
    name: str = "protected"
    scope: Literal["sample", "table"] = "table"

    def __call__(self, samples: pl.DataFrame) -> Outcome:
        """Drop every sample that resembles a protected text; the number is the words shared."""
        rows = samples.select("id", "prompt_id", "parent", "messages", "answer").to_dicts()
        matches = {row["id"]: self._match(row) for row in rows}
        guilty = {row["prompt_id"]: match for row in rows if (match := matches[row["id"]])}
        decisions = (self._decision(row, matches[row["id"]] or guilty.get(row["parent"])) for row in rows)
        return Outcome(decisions_frame(d for d in decisions if d is not None))

    def describe(self) -> dict[str, JsonValue]:
        """The run length, and each set's size and digest (its texts stay in the house)."""
        sets: list[JsonValue] = [
            {"set": name, "rows": len(texts), "digest": digest(sorted(digest([t]) for t in texts))}
            for name, texts in sorted(self.protected.items())
        ]
        return {"ngram": self.table.ngram, "sets": sets}

    @cached_property
    def whole(self) -> dict[str, tuple[str, str]]:
        """Folded text -> (set, digest of the row)."""
        return {fold(text): (name, digest([text])) for name, texts in self.protected.items() for text in texts}

    @cached_property
    def runs(self) -> dict[str, tuple[str, str]]:
        """Every run of `ngram` folded words in a protected text -> (set, digest of the row)."""
        return {run: place for text, place in self.whole.items() for run in self._runs(text)}

    def _match(self, row: Mapping[str, Any]) -> Match | None:
        turns = [fold(m["content"]) for m in row["messages"] if m["role"] == "user"]
        for turn in turns:
            if place := self.whole.get(turn):
                return Match(*place, "equal", len(turn.split()))
        for text in (*turns, fold(row["answer"] or "")):
            for run in self._runs(text):
                if place := self.runs.get(run):
                    return Match(*place, "run", self.table.ngram)
        return None

    def _runs(self, folded: str) -> Iterator[str]:
        words = folded.split()
        n = self.table.ngram
        return (" ".join(words[i : i + n]) for i in range(len(words) - n + 1))

    def _decision(self, row: Mapping[str, Any], match: Match | None) -> Decision | None:
        if match is None:
            return None
        how = "equals a row" if match.how == "equal" else f"shares a run of {match.words} words with a row"
        return Decision(
            sample=row["id"],
            step=self.name,
            action="drop",
            reason="protected",
            words=f"{how} of the protected set {match.set!r}",
            number=match.words,
            evidence={"set": match.set, "row": match.row, "match": match.how},
        )
