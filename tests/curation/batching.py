"""What the tests of batches share: an echoing practice server, models in every dialect, and what the server holds."""

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from curation.asker import Asker
from curation.llm.batches.office import BatchSettings
from curation.llm.practice import PROFILES, PracticeServer, Profile
from curation.llm.practice.echo import echo_of
from curation.progress import Silent
from curation.task import AnswerTable, Environment, SamplingTable, TeacherTable
from tests.curation.asking import asks, replies_in

PRICE = {"input": 2.5, "output": 10.0, "batch": 0.5}
DIALECTS = ("openai", "responses", "anthropic", "compat")
QUICK = {"poll": 0.02, "longest_poll": 0.1, "settle": 0.3}
NO_ERRORS = {family: Profile(wire=profile.wire) for family, profile in PROFILES.items()}


class Told(Silent):
    """Progress that hands every line for a person on."""

    def __init__(self, told: Callable[[str], object]) -> None:
        super().__init__()
        self._told = told

    def notice(self, text: str) -> None:
        super().notice(text)
        self._told(text)


@contextmanager
def server(**settings: Any) -> Iterator[PracticeServer]:
    """A server that answers every question with its echo, so that a swapped row shows."""
    with PracticeServer([], seed=5, answer=AnswerTable(), profiles=NO_ERRORS, echo=True, **settings) as opened:
        yield opened


def batch_model(dialect: str, url: str, **fields: Any) -> TeacherTable:
    """A priced model asked in batches through one of the dialects."""
    table = {
        "openai": {"use": "openai", "model": "alder-large", "base_url": f"{url}/v1"},
        "responses": {"use": "openai-responses", "model": "cedar-large", "base_url": f"{url}/v1"},
        "anthropic": {"use": "anthropic", "model": "birch-large", "base_url": url},
        "compat": {"use": "openai", "model": "alder-large", "base_url": f"{url}/compat/v1"},
    }[dialect]
    common = {"name": "t", "mode": "batch", "price": PRICE, "timeout": 20, "params": {"max_tokens": 50}}
    return TeacherTable.model_validate({**common, **table, **fields})


def batch_asker(
    root: Path, *, budget: float | None = 100.0, settings: dict[str, Any] | None = None,
    environment: dict[str, str] | None = None, practice_url: str | None = None,
    told: Callable[[str], object] = id, **sampling: Any,
):  # fmt: skip
    """An asker that looks at its batches often; returns it with the lines it tells a person, each given to `told`."""
    progress, chosen = Told(told), {**QUICK, **(settings or {})}
    asker = Asker(
        replies_in(root), Environment(environment or {}), sampling=SamplingTable(**{"attempts": 3, **sampling}),
        budget_usd=budget, progress=progress, wait_for_batches=chosen.get("wait", True),
        batches=BatchSettings(**chosen), practice_url=practice_url,
    )  # fmt: skip
    return asker, progress.notices


def texts(number: int) -> list[str]:
    """Distinct questions."""
    return [f"question {i}" for i in range(number)]


def asked(
    root: Path, dialect: str, url: str, number: int, *, model: dict[str, Any] | None = None, **options: Any
) -> tuple[dict[str, Any], list[str]]:
    """Ask so many questions in batches; the answers by question (of those that do not wait), and what was told."""
    asker, notices = batch_asker(root, **options)
    with asker:
        wanted = asks(asker, batch_model(dialect, url, **(model or {})), texts(number))
        answers = asker.ask(wanted, "sample")
        return {
            a.request.messages[-1].content: answers[a.request.key] for a in wanted if a.request.key in answers
        }, notices


def wrong_rows(answers: dict[str, Any]) -> dict[str, Any]:
    """Every answer that is not the echo of its own question."""
    return {q: a for q, a in answers.items() if getattr(a, "text", None) != echo_of(q)}


def requests_held(practice: PracticeServer) -> Counter[str]:
    """How often the server holds each request in a batch, by the part of its custom id that names the request."""
    return Counter(name.partition("_")[2] for batch in practice.batches() for name in batch.custom_ids)


def billed(url: str) -> float:
    """Dollars of everything the server charges for, at PRICE and its tiers."""
    bills = httpx2.get(f"{url}/practice/billing", trust_env=False).json()["requests"].values()
    return sum(
        (b["input"] * PRICE["input"] + b["output"] * PRICE["output"]) * (PRICE["batch"] if b["tier"] == "batch" else 1)
        for b in bills
    ) / 1e6  # fmt: skip


if __name__ == "__main__":  # python -m tests.curation.batching ROOT URL DIALECT NUMBER STEP: killed when STEP is done
    root_, url_, dialect_, number_, step_ = sys.argv[1:6]

    def die(step: str) -> None:
        """SIGKILL to ourselves: nothing is flushed, closed or told."""
        if step == step_:
            os.kill(os.getpid(), signal.SIGKILL)

    asked(Path(root_), dialect_, url_, int(number_), settings={"step": die})
