"""Reads what LLMBar's judges said of each pair in both orders: the compact file, or the published result files."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field

from curation.errors import InputError
from curation.records import Record
from judges.evidence.reading import entries_of, json_of, numbered

COMPACT = "judgments_compact.jsonl"
PUBLISHED = "published_statistics.json"
BETWEEN = "evaluators"
"""An evaluator's name in the published files is SUBSET/evaluators/JUDGE/STRATEGY."""


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Word = Annotated[str, BeforeValidator(_as_text)]


class Pair(Record):
    """One pair of answers, its label, and the answer one judge preferred in each order (the order already undone)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    subset: Word
    item: Word
    judge: Word
    strategy: Word
    label: Word
    winner_as_is: Word | None
    winner_swapped: Word | None

    @property
    def evaluator(self) -> str:
        """The name its published figures stand under."""
        return f"{self.subset}/{BETWEEN}/{self.judge}/{self.strategy}"


class _Winner(Record):
    model_config = ConfigDict(frozen=True, extra="ignore")

    winner: Word | None


class _Orders(Record):
    model_config = ConfigDict(frozen=True, extra="ignore")

    as_is: _Winner = Field(alias="swap = False")
    swapped: _Winner = Field(alias="swap = True")


class _Result(Record):
    """One entry of a published result.json; the last of its results is the verdict, those before lead up to it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    label: Word
    results: tuple[Any, ...] = Field(min_length=1)


def read_pairs(folder: Path) -> list[Pair]:
    """Every pair of verdicts in the folder: the compact file's, and those of evaluators that only have a result.json.

    InputError where there is neither, or where a judge speaks twice of one pair.
    """
    compact = folder / COMPACT
    pairs = _compact(compact) if compact.is_file() else []
    known = {pair.evaluator for pair in pairs}
    for path in sorted(folder.glob(f"**/{BETWEEN}/*/*/result.json")):
        if (name := path.parent.relative_to(folder).as_posix()) not in known:
            pairs += _results(path, name)
    if not pairs:
        raise InputError(
            f"{compact} is absent, and no {BETWEEN}/JUDGE/STRATEGY/result.json is below {folder}: nothing to replay"
        )
    return pairs


def read_published(folder: Path, absent: list[str]) -> dict[str, Mapping[str, Any]]:
    """Evaluator -> its published figures, from one file or from a statistics.json beside each result.json."""
    found: dict[str, Mapping[str, Any]] = {}
    for path in sorted(folder.glob(f"**/{BETWEEN}/*/*/statistics.json")):
        found[path.parent.relative_to(folder).as_posix()] = _figures(json_of(path), str(path))
    path = folder / PUBLISHED
    if path.is_file():
        whole = json_of(path)
        if not isinstance(whole, dict):
            raise InputError(f"{path}: an object of evaluators is expected")
        found |= {name: _figures(value, f"{path}, {name}") for name, value in whole.items()}
    if not found:
        absent.append(str(path))
    return found


def _compact(path: Path) -> list[Pair]:
    seen: dict[tuple[str, str], int] = {}
    pairs: list[Pair] = []
    for number, pair in numbered(path, Pair):
        key = (pair.evaluator, pair.item)
        if key in seen:
            raise InputError(
                f"{path}:{number}: {pair.evaluator} speaks of item {pair.item} again (first: line {seen[key]})"
            )
        seen[key] = number
        pairs.append(pair)
    return pairs


def _results(path: Path, evaluator: str) -> Iterable[Pair]:
    subset, _, rest = evaluator.rpartition(f"/{BETWEEN}/")
    judge, _, strategy = rest.partition("/")
    for item, entry in enumerate(entries_of(path, _Result)):
        last = entry.results[-1]
        try:
            orders = _Orders.model_validate(last)
        except ValueError as error:
            raise InputError(f"{path}, entry {item + 1}: no winner for both orders") from error
        yield Pair(
            subset=subset, item=str(item), judge=judge, strategy=strategy, label=entry.label,
            winner_as_is=orders.as_is.winner, winner_swapped=orders.swapped.winner,
        )  # fmt: skip


def _figures(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{where}: an object of figures is expected")
    return value
