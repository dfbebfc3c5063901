"""PandaLM's test set: how far three people agree, and two judge models with what most of them say."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

from pydantic import ConfigDict, JsonValue

from curation.errors import InputError
from curation.intervals import wilson
from curation.progress import Progress
from curation.records import Record
from judges.agreement import cohen_kappa
from judges.evidence.findings import Cell, Findings, Row, Sheet, compared, figure
from judges.evidence.reading import entries_of, required

PEOPLE: tuple[str, ...] = ("annotator1", "annotator2", "annotator3")
PEOPLES_FILE = "testset-v1.json"
JUDGES = ("gpt-3.5-turbo", "pandalm-7b")
MENU = {"0": 0, "1": 1, "2": 2, "tie": 0}
"""What a judge may say; any other word is unreadable, and no tie."""

KAPPAS = {
    ("annotator1", "annotator2"): "0.852",
    ("annotator1", "annotator3"): "0.879",
    ("annotator2", "annotator3"): "0.862",
}
MAJORITY = {0: "105", 1: "422", 2: "472"}
AGREEMENT = {"gpt-3.5-turbo": "0.698"}
"""Share of *all* pairs on which a judge says what most people say: an unreadable verdict counts as saying otherwise."""
UNREADABLE = {"gpt-3.5-turbo": "25"}


class Pair(Record):
    """A pair of answers and what each person said: 1, 2, or 0 for a tie."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    idx: int
    annotator1: int
    annotator2: int
    annotator3: int


class _Open(Record):
    model_config = ConfigDict(frozen=True, extra="allow")

    idx: int


def replay(folder: Path, progress: Progress) -> Findings:
    """Compare the kappas, the majority and the judges' agreement; InputError where the people's file is absent."""
    pairs = entries_of(required(folder / PEOPLES_FILE), Pair)
    said = {person: [int(getattr(p, person)) for p in pairs] for person in PEOPLE}
    kappas = {two: cohen_kappa(said[two[0]], said[two[1]]) for two in combinations(PEOPLE, 2)}
    most = {p.idx: _most([p.annotator1, p.annotator2, p.annotator3]) for p in pairs}
    counts = Counter(most.values())
    judges: dict[str, Row] = {}
    absent: list[str] = []
    for judge in JUDGES:
        path = folder / f"{judge}-{PEOPLES_FILE}"
        if path.is_file():
            judges[judge] = _judge(_verdicts(path), most)
        else:
            absent.append(str(path))
    figures: dict[str, JsonValue] = {
        "pairs": len(pairs),
        "kappa": {f"{a} {b}": figure(k) for (a, b), k in kappas.items()},
        "majority": {str(k): counts[k] for k in sorted(MENU.values()) if k in counts},
        "no_majority": counts[None],
        "judges": dict(judges),
    }
    return Findings(
        name="pandalm",
        cells=_cells(kappas, counts, judges),
        figures=figures,
        sheets=(_sheet(judges),) if judges else (),
        absent=tuple(absent),
    )


def _most(said: Sequence[int]) -> int | None:
    """What more than half say; None where they all differ."""
    value, count = Counter(said).most_common(1)[0]
    return value if 2 * count > len(said) else None


def _verdicts(path: Path) -> dict[int, int | None]:
    """Pair -> what the judge said, None where it cannot be read."""
    found: dict[int, int | None] = {}
    for entry in entries_of(path, _Open):
        results = [v for k, v in (entry.model_extra or {}).items() if k.endswith("_result")]
        if len(results) != 1:
            raise InputError(
                f"{path}, idx {entry.idx}: one field that ends in _result is expected, {len(results)} found"
            )
        found[entry.idx] = MENU.get(str(results[0]).strip().lower())
    return found


def _judge(verdicts: Mapping[int, int | None], most: Mapping[int, int | None]) -> Row:
    """How often the judge says what most people say: over all pairs, and over those where it could be read."""
    asked = [(verdicts[idx], label) for idx, label in most.items() if idx in verdicts and label is not None]
    readable = [(said, label) for said, label in asked if said is not None]
    right = sum(said == label for said, label in readable)
    low, high = wilson(right, len(readable))
    kappa = cohen_kappa([s for s, _ in readable], [label for _, label in readable])
    return {
        "pairs": len(asked),
        "unreadable": len(asked) - len(readable),
        "agreement_of_all": figure(right / len(asked) if asked else None),
        "agreement_of_readable": figure(right / len(readable) if readable else None),
        "low": figure(low),
        "high": figure(high),
        "kappa": figure(kappa),
    }


def _cells(
    kappas: Mapping[tuple[str, str], float | None], counts: Mapping[int | None, int], judges: Mapping[str, Row]
) -> tuple[Cell, ...]:
    people = [(f"kappa of {a} and {b}", KAPPAS[a, b], k) for (a, b), k in kappas.items()]
    majority = [(f"most people say {k}", text, counts[k]) for k, text in MAJORITY.items()]
    shares = [
        (f"{j}: agreement with most people", AGREEMENT[j], _number(r, "agreement_of_all"))
        for j, r in judges.items()
        if j in AGREEMENT
    ]
    lost = [
        (f"{j}: unreadable verdicts", UNREADABLE[j], _number(r, "unreadable"))
        for j, r in judges.items()
        if j in UNREADABLE
    ]
    return compared([*people, *majority, *shares, *lost])


def _number(row: Row, name: str) -> float | None:
    value = row[name]
    return float(value) if isinstance(value, int | float) else None


def _sheet(judges: Mapping[str, Row]) -> Sheet:
    headings = {
        "judge": "judge", "pairs": "pairs", "unreadable": "unread", "agreement_of_all": "of all",
        "agreement_of_readable": "of readable", "low": "low", "high": "high", "kappa": "kappa",
    }  # fmt: skip
    note = (
        "Share of pairs on which the judge says what most people say. An unreadable verdict is no vote: it is left out "
        "of the share of readable ones, its interval and kappa. The published share is of all pairs."
    )
    rows = [{"judge": name, **row} for name, row in judges.items()]
    return Sheet.of("Judges beside what most people say", headings, rows, note)
