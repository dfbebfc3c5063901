"""A batch whose creation was never answered is one batch, also when another process goes on with it."""

import time

import pytest

from curation.llm.practice import BatchFaults
from tests.curation.asking import asks, replies_in
from tests.curation.batching import DIALECTS, asked, batch_asker, batch_model, billed, server, texts, wrong_rows


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_create_that_timed_out_is_one_batch_at_the_server_after_a_restart(tmp_path, dialect):
    """Regression 14.

    Mutation: curation/llm/batches/submit.py: lambda: office.desk.create(batch, file), only=NEVER_SENT)
        => lambda: office.desk.create(batch, file))
    """
    with server(batch_ms=None) as practice:
        practice.batch_faults = BatchFaults(create_hangs=3)
        asker, _ = batch_asker(tmp_path, settings={"wait": False, "settle": 30.0})
        with asker:
            hasty = batch_model(dialect, practice.url, timeout=0.7)
            asker.ask(asks(asker, hasty, texts(40)), "sample")
            assert asker.waiting == 39
        time.sleep(3)
        practice.finish_batches()
        answers, _ = asked(tmp_path, dialect, practice.url, 40, settings={"settle": 30.0})
        assert len(practice.batches()) == 1
        assert not wrong_rows(answers)
        assert replies_in(tmp_path).spending().known == pytest.approx(billed(practice.url), abs=1e-9)
