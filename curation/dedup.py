"""Exact duplicates: rows whose prompt and answer are the same once case, white space and punctuation are folded.

Different answers to one prompt are not duplicates. One row of each cluster always stays, and every dropped row names
it as its twin.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import polars as pl
from pydantic import JsonValue

from curation.pipeline import Outcome
from curation.records import Decision, canonical, decisions_frame
from curation.shares import percent
from curation.task import DedupTable

_PUNCTUATION = "".join(c for c in map(chr, range(0x2100)) if unicodedata.category(c)[0] == "P" and c not in "#%&@*/\\")
_SIGNS = re.compile(rf"(?<!\d)[{re.escape(_PUNCTUATION)}]|[{re.escape(_PUNCTUATION)}](?!\d)")
_MINUS = re.compile(r"(?<![^\s(])-(?=\d)")
_SPACE = re.compile(r"\s+")

ALARM_ROWS = 50
"""A cluster of fewer duplicates is never told, whatever its share."""


@lru_cache(maxsize=65536)
def fold(text: str) -> str:
    """A text without case, white space and punctuation that carry no meaning; what is all punctuation stays.

    `#%&@*/` and signs such as `+` and `$` stay ("C++" is not "C"), and so does what stands between digits ("1.5").

    >>> fold("  Where's my  CARD?!") == fold("wheres my card"), fold("-5") == fold("5"), fold("?!")
    (True, False, '?!')
    """
    plain = _SPACE.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()
    bare = _SIGNS.sub("", _MINUS.sub("\u2212", plain))
    return _SPACE.sub(" ", bare).strip() or plain


@dataclass(frozen=True)
class DedupStep:
    """Step `dedup`: of each cluster the best row stays: one with labels, then the teacher's surest, then the first."""

    table: DedupTable
    name: str = "dedup"
    scope: Literal["sample", "table"] = "table"

    def __call__(self, samples: pl.DataFrame) -> Outcome:
        """Drop all but the best row of each cluster; the number is the size of the cluster."""
        if not self.table.exact or not self.table.on:
            return Outcome(decisions_frame([]))
        best_first = pl.struct(pl.col("labels").is_null(), -pl.col("logprob").fill_null(-1e9), "position", "row")
        keyed = (
            samples.select("id", "labels", "logprob", "position", cluster=self._keys(samples))
            .with_row_index("row")
            .sort(best_first)
            .with_columns(twin=pl.col("id").first().over("cluster"), n=pl.len().over("cluster"))
        )
        dropped = keyed.filter(pl.col("id") != pl.col("twin")).sort("row")
        decisions = decisions_frame(self._decision(row) for row in dropped.iter_rows(named=True))
        return Outcome(decisions, notices=self._alarm(keyed))

    def _alarm(self, keyed: pl.DataFrame) -> tuple[str, ...]:
        """One line where a single cluster is so large that something before this step went wrong."""
        largest = keyed.sort("n", "row", descending=[True, False]).head(1).to_dicts()
        n = largest[0]["n"] if largest else 0
        if n < ALARM_ROWS or n <= self.table.alarm_share * keyed.height:
            return ()
        share = f"{n:,} of {keyed.height:,} samples ({percent(n / keyed.height)}) are duplicates of one another"
        return (f"{share}, such as {largest[0]['twin']}; look at it before you trust what is left",)

    def describe(self) -> dict[str, JsonValue]:
        """The [dedup] table."""
        return self.table.model_dump(mode="json")

    def _keys(self, samples: pl.DataFrame) -> pl.Series:
        rows = samples.select("messages", "answer", "labels", "tool_calls").iter_rows(named=True)
        return pl.Series("cluster", [canonical(self._key(row)) for row in rows], dtype=pl.Binary)

    def _key(self, row: Mapping[str, Any]) -> list[JsonValue]:
        key: list[JsonValue] = []
        if "prompt" in self.table.on:
            key += [[m["role"], self._fold(m["content"]), m["tool_calls"]] for m in row["messages"]]
        if "answer" in self.table.on:
            key += ["answer", self._fold_answer(row), row["tool_calls"]]
        return key

    def _fold_answer(self, row: Mapping[str, Any]) -> JsonValue:
        """Labels are compared as values, so that white space in the JSON a teacher wrote does not matter."""
        if row["labels"] is None or not self.table.normalise:
            return None if row["answer"] is None else self._fold(row["answer"])
        return self._fold_value(json.loads(row["labels"]))

    def _fold_value(self, value: JsonValue) -> JsonValue:
        match value:
            case str():
                return self._fold(value)
            case list():
                return [self._fold_value(v) for v in value]
            case dict():
                return {k: self._fold_value(v) for k, v in value.items()}
            case _:
                return value

    def _fold(self, text: str) -> str:
        return fold(text) if self.table.normalise else text

    def _decision(self, row: Mapping[str, Any]) -> Decision:
        what = " and ".join(self.table.on)
        how = "case, white space and punctuation aside" if self.table.normalise else "to the letter"
        return Decision(
            sample=row["id"],
            step=self.name,
            action="drop",
            reason="duplicate",
            words=f"same {what} as sample {row['twin']}, {how}; {row['n']} are alike",
            number=row["n"],
            evidence={"twin": row["twin"]},
        )
