"""Our side: the asker over a real journal, with a budget that holds; every reply is durable before it is a row."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from curation.asker import Ask, Asker
from curation.progress import Silent
from curation.records import Message, Reply
from curation.store.database import REPLIES, Database
from curation.store.replies import Replies
from curation.task import Environment, SamplingTable, TeacherTable
from tests.bench.peers.rows import MODEL, Row, measured
from tests.bench.peers.rows import Ask as AskTexts

MAX_TOKENS = 64


@contextmanager
def opened(url: str, folder: Path, flight: int) -> Generator[AskTexts]:
    """One asker for all prompts; at the end every row is looked up in the journal once more."""
    replies = Replies(Database.sqlite(folder / ".stillhouse" / "replies.db", REPLIES))
    told: dict[str, str] = {}
    with Asker(replies, Environment({}), sampling=SamplingTable(), budget_usd=1000.0, progress=Silent()) as asker:
        yield lambda texts: _ask(asker, model_at(url, flight), texts, told)
    kept = replies.find(list(told))
    if lost := [key for key, text in told.items() if key not in kept or kept[key].text != text]:
        raise SystemExit(f"{len(lost)} rows are not in the journal")


def model_at(url: str, flight: int) -> TeacherTable:
    """A priced model behind OpenAI's wire format."""
    return TeacherTable.model_validate(
        {
            "name": "t", "use": "openai", "model": MODEL, "base_url": f"{url}/v1", "timeout": 60,
            "price": {"input": 0.15, "output": 0.6}, "params": {"max_tokens": MAX_TOKENS}, "concurrency": flight,
        }
    )  # fmt: skip


def _ask(asker: Asker, model: TeacherTable, texts: list[str], told: dict[str, str]) -> list[Row]:
    asked = [Ask(asker.request(model, [Message(role="user", content=t)]), model) for t in texts]
    came = asker.ask(asked, "sample")
    rows: list[Row] = []
    for text, one in zip(texts, asked, strict=True):
        reply = came[one.request.key]
        rows.append((text, reply.text if isinstance(reply, Reply) else None))
        if isinstance(reply, Reply):
            told[one.request.key] = reply.text
    return rows


if __name__ == "__main__":
    measured(opened)
