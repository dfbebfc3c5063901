"""The rows an arm teaches from, and the holdout a student is measured on."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import ValidationError

from curation.answers import target
from curation.errors import InputError, TaskError
from curation.gold_guard import without_gold
from curation.records import Record, digest, sample_of
from curation.select import Arm, arm_of
from curation.signals import labels_of
from curation.store.store import Store
from curation.task import AnswerTable, Task
from training.failures import EmptyArm, UnknownLabel
from training.signals import soft_row

ARMS: tuple[Arm, ...] = ("raw", "curated", "control")


@dataclass(frozen=True)
class TrainingSet:
    """Texts with their labels; `soft[i]` are teacher probabilities over `label_names`, None where not reported.

    `skipped` counts samples of the arm that carry no label the head knows (raw arms hold unreadable answers too).
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    soft: tuple[list[float] | None, ...]
    label_names: tuple[str, ...]
    arm: str
    version: str | None = None
    skipped: int = 0

    def __post_init__(self) -> None:
        if not self.texts:
            raise EmptyArm(
                f"arm {self.arm!r} has no labelled row to learn from ({self.skipped} rows had no usable label)"
            )
        if unknown := Counter(self.labels).keys() - set(self.label_names):
            raise UnknownLabel(
                f"arm {self.arm!r} holds the label {min(unknown)!r}, which is none of the head's "
                f"{len(self.label_names)}: add it to [answer] labels, or drop such rows with [checks.schema]"
            )

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def digest(self) -> str:
        """Of everything a student sees, in order; equal digests teach equal students."""
        return digest(
            [self.texts, self.labels, [row and [f"{p:.6g}" for p in row] for row in self.soft], self.label_names]
        )


def label_names(answer: AnswerTable, samples: pl.DataFrame) -> tuple[str, ...]:
    """The head's labels, the same for every arm: declared, else the schema's, else all that occur in the version."""
    if declared := labels_of(answer):
        return declared
    seen = {target(_loads(labels), answer) for labels in samples["labels"]}
    return tuple(sorted(label for label in seen if label is not None))


def arm_rows(store: Store, version: str, arm: Arm, task: Task) -> TrainingSet:
    """One arm of a sealed version; see `curation.select.arm_of`. InputError where a row became gold since."""
    version = store.versions.resolve(version)
    samples = store.versions.samples(version)
    leaving = arm_of(samples, arm)
    gone = leaving.join(without_gold(store, version, leaving, task), on="id", how="anti")["id"]
    return training_set(samples.filter(~pl.col("id").is_in(gone.implode())), arm, task.answer, version)


def training_set(samples: pl.DataFrame, arm: Arm, answer: AnswerTable, version: str | None = None) -> TrainingSet:
    """One arm of a samples table, in plan order.

    A raw or control row whose answer is no known label teaches nothing and is counted as skipped; a curated row
    like that is an error, since the checks should have dropped it.
    """
    if answer.format == "text":
        raise TaskError("a classifier student needs labels: set [answer] format to 'label', or 'json' with a field")
    names = label_names(answer, samples)
    chosen = [sample_of(row) for row in arm_of(samples, arm).iter_rows(named=True)]
    labelled = [(s, label) for s in chosen if (label := target(s.labels, answer)) is not None]
    if arm != "curated":
        labelled = [(s, label) for s, label in labelled if label in names]
    return TrainingSet(
        texts=tuple(s.prompt for s, _ in labelled),
        labels=tuple(label for _, label in labelled),
        soft=tuple(soft_row(s.signal, names) if s.signal else None for s, _ in labelled),
        label_names=names,
        arm=arm,
        version=version,
        skipped=len(chosen) - len(labelled),
    )


class HoldoutItem(Record):
    """One protected message with the answer a person stands behind; a cluster is one customer or conversation."""

    id: str
    text: str
    cluster: str
    expected: str
    slices: tuple[str, ...] = ()


def read_holdout(path: Path, answer: AnswerTable) -> list[HoldoutItem]:
    """The holdout in a JSONL file of {id, text, cluster, answer, slices?}; InputError names the first bad line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the holdout {path} cannot be read: {error}") from error
    items = [_item(line, f"{path.name}:{number}", answer) for number, line in enumerate(lines, 1) if line.strip()]
    if not items:
        raise InputError(f"the holdout {path} is empty")
    if twice := [i for i, n in Counter(item.id for item in items).items() if n > 1]:
        raise InputError(f"{path.name}: two holdout rows are named {twice[0]!r}")
    return items


def _item(line: str, where: str, answer: AnswerTable) -> HoldoutItem:
    try:
        row: Any = json.loads(line)
        known = row["answer"] if isinstance(row["answer"], dict) else {answer.field or "label": row["answer"]}
        return HoldoutItem(
            id=row["id"],
            text=row["text"],
            cluster=row.get("cluster") or row["id"],
            expected=known[answer.field or "label"],
            slices=tuple(row.get("slices") or ()),
        )
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise InputError(f"{where}: a holdout row needs id, text, cluster and answer; {error!r}") from error


def prepared(items: Sequence[HoldoutItem], scrub: Callable[[str], str]) -> list[HoldoutItem]:
    """The holdout as a student must see it: scrubbed the way the training prompts were."""
    return [item.model_copy(update={"text": scrub(item.text)}) for item in items]


def _loads(text: str | None) -> Any:
    return None if text is None else json.loads(text)
