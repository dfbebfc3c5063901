"""What the tests of asking share: an asker over a real store, and a process that asks on its own."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curation.asker import Ask, Asker
from curation.progress import Silent
from curation.records import Message
from curation.store.database import REPLIES, Database
from curation.store.replies import Replies
from curation.task import Environment, ModelTable, SamplingTable, TeacherTable

FREE = {"input": 0, "output": 0}


def replies_in(root: Path) -> Replies:
    """The journal of a workspace."""
    return Replies(Database.sqlite(root / ".stillhouse" / "replies.db", REPLIES))


def asker_in(root: Path, *, budget: float | None = None, url: str | None = None, **options: Any) -> Asker:
    """An asker over that journal; every environment variable called KEY is `sk-secret-123456`."""
    environment = Environment({"KEY": "sk-secret-123456", "OPENAI_API_KEY": "sk-usual-654321"})
    sampling = SamplingTable(**{"attempts": 3, **options})
    return Asker(
        replies_in(root), environment, sampling=sampling, budget_usd=budget, practice_url=url, progress=Silent()
    )


def openai_model(url: str, **fields: Any) -> TeacherTable:
    """A model behind OpenAI's chat wire format; free unless a price is given."""
    table = {"name": "t", "use": "openai", "model": "scripted", "base_url": url, "price": FREE, "timeout": 20}
    return TeacherTable.model_validate({**table, "params": {"max_tokens": 50}, **fields})


def asks(asker: Asker, model: ModelTable, texts: Sequence[str], system: str | None = None) -> list[Ask]:
    """One ask per text."""
    before = [Message(role="system", content=system)] if system else []
    return [Ask(asker.request(model, [*before, Message(role="user", content=t)]), model) for t in texts]


def by_text(answers: dict[str, Any], asked: Sequence[Ask]) -> dict[str, Any]:
    """Answers by what was asked."""
    return {a.request.messages[-1].content: answers[a.request.key] for a in asked}


if __name__ == "__main__":  # python -m tests.curation.asking ROOT URL TEXTS CONCURRENCY
    root, url, number, concurrency = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    with asker_in(root) as own:
        model = openai_model(url, concurrency=concurrency, timeout=120)
        wanted = asks(own, model, [f"text {i}" for i in range(number)])
        got = own.ask(wanted, "sample")
        print(sum(hasattr(reply, "text") for reply in got.values()), own.calls)
