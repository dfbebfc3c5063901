"""Twenty-five thousand prompts through batches against a server of its own: every row right, every cent known."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import psutil
import pytest

from curation.llm.practice.echo import echo_of
from tests.conftest import ROOT
from tests.curation.asking import asks, replies_in
from tests.curation.batching import batch_asker, batch_model, billed

NUMBER = 25_000
PER_BATCH = 10_000
MOST_GROWTH = 400.0
"""MiB: about 10 KiB for each request that waits, and what one pass over a file holds."""


@contextmanager
def server_of_its_own() -> Iterator[str]:
    """The url of an echoing practice server in another process, as it always starts."""
    command = [sys.executable, "-m", "curation.llm.practice", "--batch-ms", "100"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def megabytes() -> float:
    return psutil.Process().memory_info().rss / 2**20


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_25000_prompts_come_home_once_each_and_the_ledger_is_the_servers_bill(tmp_path, dialect):
    words = " ".join(["please tell me where my order is"] * 8)
    with server_of_its_own() as url:
        asker, notices = batch_asker(tmp_path, settings={"poll": 0.2, "longest_poll": 1.0}, batch_requests=PER_BATCH)
        with asker:
            model = batch_model(dialect, url, timeout=120)
            stream = (ask for i in range(NUMBER) for ask in asks(asker, model, [f"{i}: {words}"]))
            before, began = megabytes(), time.monotonic()
            failed = asker.buy([stream], "sample", NUMBER)
            seconds, grown = time.monotonic() - began, megabytes() - before
            print(f"\n{dialect}: {NUMBER} prompts, {seconds:.1f} s, {grown:.0f} MiB RSS growth")
            assert not failed
            for start in range(0, NUMBER, 1000):
                block = asks(asker, model, [f"{i}: {words}" for i in range(start, start + 1000)])
                for ask, (turn,) in zip(block, asker.recall(block), strict=True):
                    assert turn.reply.text == echo_of(ask.request.messages[-1].content)
        assert not notices
        assert httpx2.get(f"{url}/practice/stats", trust_env=False).json()["batches"] == 3
        spent, charged = replies_in(tmp_path).spending(), billed(url)
    assert spent.known == pytest.approx(charged, abs=0.005)
    assert (spent.held, spent.reserved) == (0.0, 0.0)
    assert grown < MOST_GROWTH
