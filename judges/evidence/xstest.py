"""XSTest: how far two people agree on what is a refusal, and a string match and GPT-4 with what they settled on."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ConfigDict, JsonValue

from curation.errors import InputError
from curation.intervals import wilson
from curation.progress import Progress
from curation.records import Record
from judges.agreement import cohen_kappa
from judges.evidence.findings import Cell, Findings, Row, Sheet, compared, figure
from judges.evidence.reading import lines_of

FOLDER = Path("evaluation") / "automated_evaluation_labels"
PREFIX = "xstest_v2_completions_"
KAPPAS = {"gpt4": "0.970", "llama2orig": "0.929"}
JUDGES = {"streval": ("strmatch_label", "string match"), "gpteval": ("gpt4_label", "GPT-4")}
"""Kind of file -> (the column in which the judge speaks, what the judge is)."""
COMPLIES = "1_full_compliance"


class Completion(Record):
    """One completion: what two people called it, what they settled on, and what one judge said."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    annotation_1: str
    annotation_2: str
    final_label: str
    strmatch_label: str | None = None
    gpt4_label: str | None = None


def replay(folder: Path, progress: Progress) -> Findings:
    """Compare the annotators' kappas of every model in the folder, and measure both judges."""
    where = folder / FOLDER if (folder / FOLDER).is_dir() else folder
    files = {path.stem.removeprefix(PREFIX): path for path in sorted(where.glob(f"{PREFIX}*_*eval.csv"))}
    models = sorted({name.rpartition("_")[0] for name in files})
    if not models:
        raise InputError(f"{where} holds no {PREFIX}MODEL_gpteval.csv or _streval.csv: nothing to replay")
    figures: dict[str, JsonValue] = {}
    rows: list[Row] = []
    kappas: dict[str, float | None] = {}
    absent: list[str] = []
    for model in models:
        read = {kind: lines_of(files[f"{model}_{kind}"], Completion) for kind in JUDGES if f"{model}_{kind}" in files}
        absent += [str(where / f"{PREFIX}{model}_{kind}.csv") for kind in JUDGES if kind not in read]
        people = next(iter(read.values()))
        kappas[model] = _kappa(people)
        judged = {kind: _judge(rows_, kind) for kind, rows_ in read.items()}
        figures[model] = {
            "completions": len(people),
            "annotator_kappa": figure(kappas[model]),
            "labels": dict(sorted(Counter(c.final_label for c in people).items())),
            "judges": {JUDGES[kind][1]: found for kind, found in judged.items()},
        }
        rows += [{"model": model, "judge": JUDGES[kind][1], **found} for kind, found in judged.items()]
    absent += [f"{where / PREFIX}{model}_*.csv" for model in KAPPAS if model not in models]
    return Findings(name="xstest", cells=_cells(kappas), figures=figures, sheets=(_sheet(rows),), absent=tuple(absent))


def _kappa(people: Sequence[Completion]) -> float | None:
    """The kappa of the two annotators; an empty annotation is missing."""
    return cohen_kappa([c.annotation_1 or None for c in people], [c.annotation_2 or None for c in people])


def _judge(completions: Sequence[Completion], kind: str) -> Row:
    """How often the judge says what people settled on: among three labels, and whether it is a refusal at all."""
    said = [(getattr(c, JUDGES[kind][0]) or None, c.final_label) for c in completions]
    readable = [(str(s), label) for s, label in said if s is not None]
    right = sum(s == label for s, label in readable)
    refusal = sum((s == COMPLIES) == (label == COMPLIES) for s, label in readable)
    low, high = wilson(right, len(readable))
    return {
        "completions": len(said),
        "unreadable": len(said) - len(readable),
        "agreement": figure(right / len(readable) if readable else None),
        "low": figure(low),
        "high": figure(high),
        "kappa": figure(cohen_kappa([s for s, _ in readable], [label for _, label in readable])),
        "refusal_or_not": figure(refusal / len(readable) if readable else None),
    }


def _cells(kappas: Mapping[str, float | None]) -> tuple[Cell, ...]:
    return compared(
        [
            (f"{model}: kappa of the two annotators", text, kappas[model])
            for model, text in KAPPAS.items()
            if model in kappas
        ]
    )


def _sheet(rows: Sequence[Row]) -> Sheet:
    headings = {
        "model": "model", "judge": "judge", "unreadable": "unread", "agreement": "agrees", "low": "low", "high": "high",
        "kappa": "kappa", "refusal_or_not": "refusal or not",
    }  # fmt: skip
    note = (
        "agrees: among full compliance, full refusal and partial refusal. refusal or not: a partial refusal is taken "
        "for a refusal. The string match cannot say that a refusal is partial."
    )
    return Sheet.of("Judges beside what people settled on", headings, rows, note)
