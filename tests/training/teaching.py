"""Small real training sets and sealed versions for the training tests; the encoder is the packaged one."""

from pathlib import Path

import polars as pl

from curation.records import SAMPLES, Decision, Message, Request, canonical, decisions_frame, message_row
from curation.store.store import Store
from curation.task import Task, read_task
from training.data import HoldoutItem, TrainingSet
from training.settings import TrainTable

LABELS = ("refund", "delivery", "password")
SAID = {
    "refund": "I want my money back for the {} I returned",
    "delivery": "my parcel with the {} has not arrived yet",
    "password": "I cannot log in on my {}, reset my password",
}
THINGS = ("lamp", "phone", "chair", "tablet", "kettle", "laptop", "shirt", "watch", "bike", "radio", "desk", "mirror")
QUICK = TrainTable(
    layers=2,
    steps=24,
    batch=9,
    max_tokens=24,
    learning_rate=3e-3,
    head_learning_rate=1e-2,
    lora_rank=4,
)
TASK = f"""
[task]
name = "support"
[answer]
format = "json"
field = "intent"
labels = {list(LABELS)}
[train]
layers = 2
steps = 24
batch = 9
max_tokens = 24
learning_rate = 3e-3
head_learning_rate = 1e-2
lora_rank = 4
"""


def said(label: str, thing: str) -> str:
    return SAID[label].format(thing)


def rows(things: tuple[str, ...] = THINGS, **changes: object) -> TrainingSet:
    """Every thing once per label, rightly labelled, without signals."""
    pairs = [(said(label, thing), label) for thing in things for label in LABELS]
    facts: dict[str, object] = {
        "texts": tuple(text for text, _ in pairs),
        "labels": tuple(label for _, label in pairs),
        "soft": (None,) * len(pairs),
        "label_names": LABELS,
        "arm": "curated",
    }
    return TrainingSet(**(facts | changes))


def holdout() -> list[HoldoutItem]:
    """Two messages per cluster, about things no training row names."""
    return [
        HoldoutItem(
            id=f"h-{label}-{thing}",
            text=said(label, thing),
            cluster=f"customer-{thing}",
            expected=label,
            slices=("log in",) if label == "password" else (),
        )
        for thing in ("sofa", "camera", "guitar", "carpet")
        for label in LABELS
    ]


def sample_row(store: Store, i: int, text: str, label: str | None, **changes: object) -> dict[str, object]:
    request = Request(
        provider="practice",
        host="practice",
        api_version="1",
        model="alder-large",
        messages=(Message(role="user", content=text),),
        index=i,
    )
    answer = None if label is None else canonical({"intent": label}).decode()
    return (
        dict.fromkeys(SAMPLES)
        | {
            "id": store.sample_id(request.key, 0),
            "position": i,
            "teacher": "alder",
            "index": 0,
            "prompt_id": f"p{i}",
            "request_key": request.key,
            "messages": [message_row(m) for m in request.messages],
            "answer": answer,
            "labels": answer,
            "stop": "end",
            "tags": [],
            "fields": "{}",
            "state": "kept",
            "edited": False,
            "control": False,
        }
        | changes
    )


def sealed_store(root: Path, wrong: int = 6) -> Store:
    """A version whose first `wrong` rows are wrong and dropped, with one unreadable answer; half the raw is control."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "task.toml").write_text(TASK, encoding="utf-8")
    store = Store.open(root)
    dropped = {"state": "dropped", "reason": "judge_rejected", "step": "judges"}
    table: list[dict[str, object]] = []
    for i, (text, label) in enumerate(zip(rows().texts, rows().labels, strict=True)):
        shown, became = (LABELS[(LABELS.index(label) + 1) % 3], dropped) if i < wrong else (label, {})
        table.append(sample_row(store, i, text, shown, **became, control=i % 2 == 0))
    unreadable = {"answer": "I cannot help", "state": "dropped", "reason": "not_json", "step": "schema"}
    table.append(sample_row(store, len(table), "where is it", None, **unreadable))
    samples = pl.DataFrame(table, schema=SAMPLES)
    store.versions.seal(samples, decisions_of(samples), recipe="recipe", steps=[{"name": "judges"}], facts={})
    return store


def decisions_of(samples: pl.DataFrame) -> pl.DataFrame:
    return decisions_frame(
        Decision(sample=r["id"], step=r["step"], action="drop", reason=r["reason"], words="two of three rejected it")
        for r in samples.filter(pl.col("state") == "dropped").iter_rows(named=True)
    )


def task_of(store: Store) -> Task:
    return read_task(store.layout.task)
