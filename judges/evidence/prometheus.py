"""Prometheus' evaluation sets: how far three scores that GPT-4 gave one answer agree with each other."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import ConfigDict, JsonValue, field_validator

from curation.errors import InputError
from curation.intervals import wilson
from curation.progress import Progress
from curation.records import Record
from judges.agreement import krippendorff_alpha
from judges.evidence.findings import Cell, Findings, Row, Sheet, compared, figure
from judges.evidence.reading import entries_of

PUBLISHED = {"vicuna_eval.json": {"all_equal": "0.622", "within_one": "0.994"}}
FEWEST, HIGHEST = 1, 5


class Scored(Record):
    """One answer and the scores the same judge gave it; a score off the scale is missing."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    gpt4_score: tuple[int | None, ...]

    @field_validator("gpt4_score", mode="before")
    @classmethod
    def _on_the_scale(cls, value: object) -> object:
        if not isinstance(value, list):
            return value
        return tuple(v if isinstance(v, int) and FEWEST <= v <= HIGHEST else None for v in value)


def replay(folder: Path, progress: Progress) -> Findings:
    """Compare the shares of equal and neighbouring scores in every set of the folder."""
    paths = sorted(folder.glob("*_eval.json"))
    if not paths:
        raise InputError(f"{folder} holds no *_eval.json, such as {next(iter(PUBLISHED))}: nothing to replay")
    figures: dict[str, JsonValue] = {}
    cells: list[Cell] = []
    rows: list[Row] = []
    for path in paths:
        found = _set([s.gpt4_score for s in entries_of(path, Scored)])
        figures[path.stem] = found
        rows.append({"set": path.stem, **found})
        for name, text in PUBLISHED.get(path.name, {}).items():
            value = found[name]
            cells += compared([(f"{path.stem}: {name}", text, value if isinstance(value, float) else None)])
    return Findings(
        name="prometheus",
        cells=tuple(cells),
        figures=figures,
        sheets=(Sheet(title="Scores of one judge, asked again", columns=tuple(rows[0]), rows=tuple(rows)),),
        absent=tuple(str(folder / name) for name in PUBLISHED if not (folder / name).is_file()),
    )


def _set(scores: Sequence[tuple[int | None, ...]]) -> Row:
    whole = [[s for s in given if s is not None] for given in scores if len(given) > 1 and None not in given]
    equal = sum(len(set(given)) == 1 for given in whole)
    near = sum(max(given) - min(given) <= 1 for given in whole)
    low, high = wilson(equal, len(whole))
    return {
        "answers": len(scores),
        "incomplete": len(scores) - len(whole),
        "all_equal": figure(equal / len(whole) if whole else None),
        "low": figure(low),
        "high": figure(high),
        "within_one": figure(near / len(whole) if whole else None),
        "alpha": figure(krippendorff_alpha(whole).value),
    }
