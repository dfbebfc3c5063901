"""Makes the rows of the small workspace traceable: requests and replies in the journal, slices, a dataset card."""

from pathlib import Path

from curation.card import write_card
from curation.evaluation import Evaluation, ItemScore
from curation.records import Message, Reply, Request, Usage, draw
from curation.store.evaluations import Evaluations
from curation.store.replies import Replies
from curation.store.store import Store
from judges.gate import GateTable, decide_and_record, evaluation_named
from tests.dashboard.house import TEACHERS, prompt_text

JOURNALLED = 40
"""Rows of the sixty whose request is in the journal: the first."""
SLICES = ("clean", "typos", "long")


def trace(root: Path) -> Path:
    """Record the requests and replies of the first 40 rows, evaluations with slices, and the card of the version."""
    with Store.open(root) as store:
        Replies(store.replies_db).record([(asked(i), "sample", reply(i)) for i in range(JOURNALLED)])
        write_card(store)
        measure(store)
    return root


def asked(i: int) -> Request:
    """The request of the i-th row of the small workspace."""
    position, which = divmod(i, 3)
    messages = (
        Message(role="system", content="Answer with JSON."),
        Message(role="user", content=prompt_text(position)),
    )
    return Request(provider="practice", host="practice", api_version="1", model=TEACHERS[which], messages=messages)


def reply(i: int) -> Reply:
    """A reply as a provider would name it."""
    model = TEACHERS[i % 3]
    usage = Usage(input=120, output=40 + i)
    return Reply(key=asked(i).key, text="{}", stop="end", model=f"{model}-0611", provider_id=f"call-{i}", usage=usage)


def measure(store: Store) -> None:
    """Two arms measured on 90 items in three slices, and the gate's decision about them."""
    table, version = Evaluations(store.state), store.versions.head()
    for arm, skill in (("raw", 0.7), ("curated", 0.8)):
        items = tuple(
            ItemScore(
                item=f"s{i}", cluster=f"c{i % 30}", expected="refund", predicted="refund",
                score=float(draw(3, arm, i) < skill),
            )
            for i in range(90)
        )  # fmt: skip
        found = {name: _slice(items, k) for k, name in enumerate(SLICES)}
        summary = {"n": 90, "accuracy": sum(i.score or 0 for i in items) / 90, "slices": found}
        table.save(
            Evaluation(
                id=f"{arm}-sliced", student=f"{arm}-sliced", version=version, arm=f"{arm}-sliced", seed=0,
                holdout="cd" * 32, metric="accuracy@1", items=items, summary=summary,
            )
        )  # fmt: skip
    sides = [evaluation_named(store, f"{arm}-sliced") for arm in ("curated", "raw")]
    decide_and_record(store, *sides, GateTable(items="messy messages", groups="customers"))


def _slice(items: tuple[ItemScore, ...], k: int) -> dict[str, float | int]:
    own = [i.score or 0.0 for n, i in enumerate(items) if n % len(SLICES) == k]
    return {"n": len(own), "accuracy": round(sum(own) / len(own), 6)}
