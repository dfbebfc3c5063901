"""What the Gold page asks and does beside the batches: rows found, answers read, a blind second look planned."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
from pydantic import JsonValue

from curation.errors import InputError
from curation.store.gold import GoldItem
from curation.store.reviews import Study
from curation.store.store import Store
from judges.gold_again import open_again
from judges.gold_diff import RowChange
from judges.gold_planted import said_of_copies
from judges.gold_rows import text_of
from judges.label_errors import Suspect, on_copies
from judges.planting import is_pair
from judges.review import ReviewService

NO_SLICE = "(no slice)"
"""What rows without a slice are found under."""
TEXT_SHOWN = 400
ROW: dict[str, type[pl.String]] = dict.fromkeys(["id", "text", "answer", "verdict", "slice"], pl.String)


@dataclass(frozen=True)
class GoldFilters:
    """What a person has narrowed the rows of a set to."""

    text: str = ""
    slice: str | None = None

    def finds(self, row: GoldItem) -> bool:
        """Whether a row's id, text or answer holds what is searched for, and its slice is the one wanted."""
        if self.slice is not None and (row.slice or NO_SLICE) != self.slice:
            return False
        wanted = self.text.casefold()
        return not wanted or any(wanted in part.casefold() for part in (row.id, row.text, answer_words(row.answer)))


def table(rows: Sequence[GoldItem]) -> pl.DataFrame:
    """Rows as a table shows them: the right answer where one is known, and what people said of the one they saw."""
    shown = [
        {
            "id": row.id,
            "text": row.text[:TEXT_SHOWN],
            "answer": answer_words(row.answer)[:TEXT_SHOWN] or None,
            "verdict": row.judged.verdict if row.judged else None,
            "slice": row.slice,
        }
        for row in rows
    ]
    return pl.DataFrame(shown, schema=ROW).fill_null("")


def copies_words(store: Store, name: str, row: GoldItem) -> str:
    """What raters of planted copies of a row say against its label, or flagged; empty where nothing."""
    return on_copies(row, said_of_copies(store, name, [row]).get(row.id, ()))[1]


def answer_words(answer: JsonValue) -> str:
    """A right answer as text; empty where none is known."""
    return "" if answer is None else text_of(answer)


def read_answer(text: str, before: JsonValue) -> JsonValue:
    """An answer as a person typed it: JSON where it was an object or a list before, else the text itself; None if
    empty.

    >>> read_answer('{"intent": "refund"}', {"intent": "other"}), read_answer("yes", None)
    ({'intent': 'refund'}, 'yes')
    """
    if not text.strip():
        return None
    if not isinstance(before, dict | list):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError(f"the answer is not JSON: {error}; correct it and try again") from error


def changed_words(change: RowChange) -> tuple[str, str]:
    """A row of both versions as one text each, for a comparison."""
    return _words(change.before), _words(change.after)


def _words(row: GoldItem | None) -> str:
    if row is None:
        return ""
    said = f"\nverdict: {row.judged.verdict}" if row.judged else ""
    return f"text: {row.text}\nanswer: {answer_words(row.answer) or 'none'}\nslice: {row.slice or 'none'}{said}"


@dataclass(frozen=True)
class SecondLook:
    """A blind review of doubtful rows that could be opened, in sentences."""

    words: tuple[str, ...]
    suspects: tuple[Suspect, ...]


def plan_second_look(
    store: Store, name: str, suspects: Sequence[Suspect], study: str, overlap: int
) -> SecondLook:  # fmt: skip
    """A blind review of these rows; InputError where its name is missing or taken, or there is no row."""
    if not study:
        raise InputError("give the review a name")
    if study in {known.name for known in ReviewService(store).studies()}:
        raise InputError(f"there is already a review {study!r}; choose another name")
    if not suspects:
        raise InputError(f"nothing speaks against a label of gold set {name!r}, so there is nothing to look at again")
    pairs = sum(is_pair(s.row) for s in suspects)
    asked, left = max(len(suspects) - pairs, pairs), min(len(suspects) - pairs, pairs)
    words = [
        f"Opens the blind review {study!r} of {asked:,} {_rows(asked)} of gold set {name!r}: {asked * overlap:,} "
        f"{'vote' if asked * overlap == 1 else 'votes'} wanted.",
        "Raters see what was asked and the answer; neither the label nor what speaks against it.",
    ]
    if left:
        kind = "pairs" if pairs == left else "single answers"
        words.append(f"Left out: {left:,} {_rows(left)} with {kind}; a review asks one kind of question.")
    words.append("The labels stay as they are until the review is closed and its verdicts are put into the set.")
    return SecondLook(tuple(words), tuple(suspects))


def open_second_look(store: Store, name: str, plan: SecondLook, study: str, overlap: int, actor: str) -> Study:
    """Open the planned review; InputError where its name was taken meanwhile."""
    return open_again(store, name, study, plan.suspects, overlap=overlap, actor=actor)[0]


def _rows(number: int) -> str:
    return "row" if number == 1 else "rows"
