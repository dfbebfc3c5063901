"""Label errors found by confident learning: how often three of five people do not confirm the label a set came with."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ConfigDict, Field, JsonValue

from curation.errors import InputError
from curation.intervals import wilson
from curation.progress import Progress
from curation.records import Record
from judges.evidence.findings import Cell, Findings, Row, Sheet, compared, figure
from judges.evidence.reading import entries_of

PEOPLE, ENOUGH = 5, 3
PUBLISHED = {"imdb_mturk.json": {"not_confirmed": "725", "examined": "1310"}}


class Examined(Record):
    """One example whose label was doubted, and how many people chose the given label, the guessed one, or neither."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    mturk: dict[str, int] = Field(min_length=1)


def replay(folder: Path, progress: Progress) -> Findings:
    """Compare the count of labels that people do not confirm, for every set under `mturk/`."""
    paths = sorted((folder / "mturk").glob("*_mturk.json")) or sorted(folder.glob("*_mturk.json"))
    if not paths:
        raise InputError(
            f"{folder} holds no mturk/*_mturk.json, such as mturk/{next(iter(PUBLISHED))}: nothing to replay"
        )
    figures: dict[str, JsonValue] = {}
    cells: list[Cell] = []
    rows: list[Row] = []
    for path in paths:
        name = path.stem.removesuffix("_mturk")
        found = _set([e.mturk for e in entries_of(path, Examined)])
        figures[name] = found
        rows.append({"set": name, **found})
        for what, text in PUBLISHED.get(path.name, {}).items():
            value = found[what]
            cells += compared([(f"{name}: {what}", text, value if isinstance(value, int) else None)])
    here = {path.name for path in paths}
    return Findings(
        name="label_errors",
        cells=tuple(cells),
        figures=figures,
        sheets=(
            Sheet(
                title="Labels that people looked at again",
                columns=tuple(rows[0]),
                rows=tuple(rows),
                note=f"Not confirmed: fewer than {ENOUGH} of {PEOPLE} people chose the label the set came with. "
                "Corrected: as many chose the guessed one. An example with fewer votes is left out.",
            ),
        ),
        absent=tuple(str(folder / "mturk" / name) for name in PUBLISHED if name not in here),
    )


def _set(votes: Sequence[Mapping[str, int]]) -> Row:
    whole = [v for v in votes if sum(v.values()) >= PEOPLE]
    confirmed = sum(v.get("given", 0) >= ENOUGH for v in whole)
    low, high = wilson(len(whole) - confirmed, len(whole))
    return {
        "examined": len(whole),
        "too_few_votes": len(votes) - len(whole),
        "not_confirmed": len(whole) - confirmed,
        "share": figure((len(whole) - confirmed) / len(whole) if whole else None),
        "low": figure(low),
        "high": figure(high),
        "corrected": sum(v.get("guessed", 0) >= ENOUGH for v in whole),
    }
