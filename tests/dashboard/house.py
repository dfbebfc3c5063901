"""A small sealed workspace for the pages: 20 prompts, 3 teachers, every state, studies, gold, evaluations, a gate."""

import json
from pathlib import Path

import polars as pl

from curation.evaluation import Evaluation, ItemScore
from curation.records import SAMPLES, Decision, Message, Request, canonical, decisions_frame, draw, message_row
from curation.store.evaluations import Evaluations
from curation.store.gold import GoldItem
from curation.store.store import Store
from judges.gate import GateTable, decide_and_record, evaluation_named
from judges.gold import GoldService
from judges.review import ReviewService

TEACHERS = ("alder-large", "birch-large", "cedar-large")
SECRETS = ("alder", "birch", "cedar", "dogwood", "practice")
"""Words that would tell a rater where an answer comes from."""

TASK = """
[task]
name = "support-triage"
kind = "classify"

[answer]
format = "json"
field = "intent"
labels = ["refund", "delivery", "account"]
"""

MESSAGES = (
    "my parcel ORD-{n} was due tuesday and nobody can tell me where it is",
    "I was charged twice for ORD-{n}. Please give me one payment back.",
    "cant log in since the update, it says my account is locked??? ticket {n}",
    "Hi, two things: ORD-{n} arrived broken, and also how do I change my address",
)
MARKUP = "see ![x](http://tracker.example/p.png) <img src=x onerror=alert(1)> :red[now] "
INTENTS = ("delivery", "refund", "account", "refund")
REPLIES = (
    "Thank you for writing. I am looking into it and come back to you today.",
    "I am sorry about the trouble. I have passed this on with the order number, and you hear from us within a day.",
    "Let me check that for you. Could you confirm the e-mail address the order was placed with?",
)
FATES = {
    7: ("drop", "checks", "schema", "answer is not JSON: the closing brace is missing"),
    13: ("drop", "checks", "too_short", "answer has 2 characters, fewer than 5"),
    22: ("drop", "dedup", "duplicate", "same prompt and answer as an earlier sample"),
    23: ("drop", "dedup", "duplicate", "same prompt and answer as an earlier sample"),
    34: ("drop", "judges", "judge_rejected", "2 of 2 judges rejected it"),
    41: ("quarantine", "judges", "split", "1 of 2 judges rejected it"),
    47: ("quarantine", "scrub", "uncertain", "a span may be a personal name"),
    55: ("fail", "sample", "timeout", "no answer in 120 s after 6 attempts"),
}
STATES = {"drop": "dropped", "quarantine": "quarantined", "fail": "failed"}
STEPS = ("scrub", "checks", "dedup", "protect", "judges", "select")


def build(root: Path) -> Path:
    """Make the workspace in `root`; its path."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "task.toml").write_text(TASK, encoding="utf-8")
    with Store.open(root) as store:
        run = store.runs.start("run")
        sealed = seal(store)
        report = {"version": sealed, "prompts": 20, "samples": 60, "kept": 52, "calls": 60, "cost_usd": 0.0}
        store.runs.finish(run, {**report, "seconds": 4.2})
        reviews = ReviewService(store)
        reviews.create("tone", kind="pairwise", n=12, overlap=2, raters=["ana", "ben"], seed=3)
        reviews.create("accept", kind="single", n=6, overlap=1, seed=4)
        judge(reviews)
        rows = [GoldItem(id=f"g{i}", text=f"Gold message {i}", answer={"intent": INTENTS[i % 4]}) for i in range(12)]
        GoldService(store).add("gold", rows, actor="lead", note="first dozen")
        evaluate(store, sealed)
    return root


def seal(store: Store) -> str:
    rows = [row(store, i) for i in range(60)]
    decisions = [
        Decision(
            sample=rows[i]["id"], step=step, action=action, reason=reason, words=words,
            evidence={"twin": rows[i - 1]["id"]} if reason == "duplicate" else None,
        )
        for i, (action, step, reason, words) in FATES.items()
    ]  # fmt: skip
    models = [
        {"name": n, "provider": "practice", "model": n, "family": n.split("-")[0], "terms": "practice"}
        for n in TEACHERS
    ]
    return store.versions.seal(
        pl.DataFrame(rows, schema=SAMPLES),
        decisions_frame(decisions),
        recipe="0" * 64,
        steps=[{"name": s} for s in STEPS],
        facts={
            "task": "support-triage", "kind": "classify", "teachers": models, "judges": models[:2],
            "unjudged": {"kept": 0, "rule": "keep"}, "counts": {}, "answer": {"format": "json", "field": "intent"},
        },
    ).version  # fmt: skip


def prompt_text(i: int) -> str:
    return (MARKUP if i == 4 else "") + MESSAGES[i % 4].format(n=100200 + i)


def row(store: Store, i: int) -> dict[str, object]:
    position, which = divmod(i, 3)
    teacher, prompt = TEACHERS[which], prompt_text(position)
    messages = (Message(role="system", content="Answer with JSON."), Message(role="user", content=prompt))
    request = Request(provider="practice", host="practice", api_version="1", model=teacher, messages=messages)
    action, step, reason, _ = FATES.get(i, ("keep", None, None, None))
    labels = {
        "intent": INTENTS[position % 4],
        "urgency": "normal",
        "order_id": None,
        "reply": f"{REPLIES[which]} ({position})",
    }
    failed = action == "fail"
    return {
        **dict.fromkeys(SAMPLES),
        "id": store.sample_id(request.key, 0), "position": position, "teacher": teacher, "index": 0,
        "prompt_id": f"p{position:03}", "request_key": request.key, "messages": [message_row(m) for m in messages],
        "answer": None if failed else json.dumps(labels), "labels": None if failed else canonical(labels).decode(),
        "stop": None if failed else "end", "group": f"customer-{position % 5}", "tags": [],
        "source": f"prompts.jsonl:{position + 1}",
        "state": STATES.get(action, "kept"), "reason": reason, "step": step, "edited": False, "judged": "agreed",
        "control": draw(0, "control", i) < 0.85,
    }  # fmt: skip


def judge(reviews: ReviewService) -> None:
    """A third study, voted on by two raters and closed."""
    reviews.create("pilot", kind="pairwise", n=8, overlap=2, raters=["ana", "ben"], seed=9)
    for rater in ("ana", "ben"):
        for place, item in enumerate(reviews.next("pilot", rater, 10)):
            longer = "a" if len(item.a) >= len(item.b or "") else "b"
            choice = longer if rater == "ana" or place % 4 else "tie"
            reviews.vote(item.token, rater, choice, None, 2400 + 300 * place)
    reviews.close("pilot")


def evaluate(store: Store, version: str) -> None:
    table = Evaluations(store.state)
    for arm, skill in (("raw", 0.78), ("control", 0.8), ("curated", 0.86)):
        for seed in (0, 1):
            items = tuple(
                ItemScore(
                    item=f"h{i}", cluster=f"c{i % 60}", expected="refund", predicted="refund",
                    score=float(draw(1, "h", i) < skill + 0.02 * draw(2, arm, seed, i)),
                )
                for i in range(300)
            )  # fmt: skip
            accuracy = sum(i.score or 0 for i in items) / len(items)
            table.save(
                Evaluation(
                    id=f"{arm}-{seed}", student=f"{arm}-s{seed}", version=version, arm=arm, seed=seed,
                    holdout="ab" * 32, metric="accuracy@1", items=items,
                    summary={"accuracy": accuracy, "ece": 0.04, "p50_ms": 6.1, "n": 300},
                )
            )  # fmt: skip
    gate = GateTable(items="messy messages", groups="customers")
    decide_and_record(store, evaluation_named(store, "curated"), evaluation_named(store, "raw"), gate)
