"""Creating a batch exactly once: what is not answered is looked for, and absence is proven before anything is sent."""

import threading
import time

import pytest

from curation.llm.practice import BatchFaults
from tests.curation.asking import replies_in
from tests.curation.batching import DIALECTS, asked, billed, requests_held, server, wrong_rows


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_create_that_is_never_answered_leaves_one_batch_at_the_server(tmp_path, dialect):
    """Regression 14.

    Mutation: curation/llm/batches/submit.py: NEVER_SENT = frozenset({"connection", "rate_limited"})
        => NEVER_SENT = frozenset({"connection", "rate_limited", "timeout", "server", "overloaded", "unreadable"})
    """
    with server(batch_ms=100) as practice:
        practice.batch_faults = BatchFaults(create_hangs=3)
        answers, _ = asked(tmp_path, dialect, practice.url, 40, model={"timeout": 0.7})
        assert not wrong_rows(answers)
        assert len(practice.batches()) == 1
        assert replies_in(tmp_path).spending().known == pytest.approx(billed(practice.url), abs=1e-9)


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_two_runs_at_once_on_one_workspace_share_one_batch(tmp_path, dialect):
    results = {}

    def ask(name: str) -> None:
        results[name], _ = asked(tmp_path, dialect, practice.url, 80)

    with server(batch_ms=400) as practice:
        threads = [threading.Thread(target=ask, args=(name,)) for name in ("one", "two")]
        for thread in threads:
            thread.start()
            time.sleep(0.2)
        for thread in threads:
            thread.join()
        assert max(requests_held(practice).values()) == 1
        assert replies_in(tmp_path).spending().known == pytest.approx(billed(practice.url), abs=1e-9)
    assert not wrong_rows(results["one"])
    assert not wrong_rows(results["two"])
