"""Builds small real workspaces for the store's tests: no provider is asked, everything else is the product's own."""

from pathlib import Path

import polars as pl

from curation.records import (
    SAMPLES,
    Decision,
    Message,
    Request,
    canonical,
    decisions_frame,
    message_row,
)
from curation.store.store import Store
from curation.store.versions import Sealed

STEPS = [{"name": "scrub"}, {"name": "checks", "checks": [{"name": "length", "min": 5}]}, {"name": "dedup"}]
FACTS = {
    "task": "support",
    "kind": "classify",
    "use": "narrow-model",
    "teachers": [{"name": "alder", "provider": "practice", "model": "alder-large", "family": "alder", "terms": "free"}],
    "judges": [],
    "unjudged": {"kept": 3, "rule": "keep"},
    "answer": {"format": "json", "field": "intent"},
    "scrub": {"entities": ["email"], "allow": [{"pattern": r"ORD-\d{6}", "owner": "ops"}]},
}


def request_of(i: int) -> Request:
    return Request(
        provider="practice",
        host="practice",
        api_version="1",
        model="alder-large",
        messages=(Message(role="system", content="Answer in JSON."), Message(role="user", content=f"Question {i}?")),
    )


def samples_of(store: Store, n: int, **changes: dict[int, dict[str, object]]) -> pl.DataFrame:
    """n answered samples; every fifth is too short and dropped; `changes={...}` maps a position to new columns."""
    rows = []
    for i in range(n):
        request = request_of(i)
        dropped = i % 5 == 4
        row = dict.fromkeys(SAMPLES) | {
            "id": store.sample_id(request.key, 0),
            "position": i,
            "teacher": "alder",
            "index": 0,
            "prompt_id": f"p{i}",
            "request_key": request.key,
            "messages": [message_row(m) for m in request.messages],
            "answer": f'{{"intent": "refund", "reply": "Är gjort, no. {i}"}}',
            "labels": canonical({"intent": "refund", "reply": f"Är gjort, no. {i}"}).decode(),
            "signal": '{"refund":0.75}',
            "stop": "end",
            "logprob": -0.25,
            "group": f"customer-{i // 2}",
            "tags": ["web"],
            "fields": "{}",
            "source": f"prompts.jsonl:{i + 1}",
            "state": "dropped" if dropped else "kept",
            "reason": "too_short" if dropped else None,
            "step": "checks" if dropped else None,
            "edited": False,
            "judged": "unjudged",
            "control": i % 2 == 0,
        }
        rows.append(row | changes.get("changes", {}).get(i, {}))
    return pl.DataFrame(rows, schema=SAMPLES)


def decisions_of(samples: pl.DataFrame) -> pl.DataFrame:
    return decisions_frame(
        Decision(
            sample=row["id"],
            step="checks",
            action="drop",
            reason="too_short",
            words="answer has 2 characters, fewer than 5",
            number=2,
            evidence={"check": "length"},
        )
        for row in samples.filter(pl.col("state") == "dropped").iter_rows(named=True)
    )


def seal(store: Store, n: int = 20, *, recipe: str = "recipe", **changes: dict[int, dict[str, object]]) -> Sealed:
    samples = samples_of(store, n, **changes)
    return store.versions.seal(samples, decisions_of(samples), recipe=recipe, steps=STEPS, facts=FACTS)


def open_store(root: Path) -> Store:
    root.mkdir(parents=True, exist_ok=True)
    (root / "task.toml").write_text('[task]\nname = "support"\n', encoding="utf-8")
    return Store.open(root)
