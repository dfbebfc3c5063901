"""Ending batches early: what was done by then is kept and paid for, the rest is free to be asked again."""

import pytest

from curation.store.batches import Batches
from tests.curation.asking import asks, replies_in
from tests.curation.batching import (
    asked,
    batch_asker,
    batch_model,
    billed,
    requests_held,
    server,
    texts,
    wrong_rows,
)


@pytest.mark.parametrize("dialect", ["openai", "anthropic", "compat"])
def test_cancelling_collects_what_was_done_and_frees_the_rest(tmp_path, dialect):
    with server(batch_ms=None) as practice:
        model = batch_model(dialect, practice.url)
        asker, notices = batch_asker(tmp_path, settings={"wait": False})
        with asker:
            asker.ask(asks(asker, model, texts(60)), "sample")
            (batch,) = asker.end_batches([model], cancel=True)
        assert batch.state == "collected"
        counts = Batches(replies_in(tmp_path).database).counts(batch.id)
        assert set(counts) == {"reply", "cancelled"}
        assert sum(counts.values()) == 59
        assert any("cancelled" in line for line in notices)
        spent = replies_in(tmp_path).spending()
        assert spent.known == pytest.approx(billed(practice.url), abs=1e-9)
        assert (spent.held, spent.reserved) == (0.0, 0.0)
        answers, _ = asked(tmp_path, dialect, practice.url, 60, model={"mode": "online"})
        assert not wrong_rows(answers)
        assert max(requests_held(practice).values()) == 1


def test_cancelling_a_batch_that_was_never_sent_asks_nobody(tmp_path):
    with server() as practice:
        model = batch_model("openai", practice.url)
        asker, _ = batch_asker(tmp_path, settings={"wait": False, "step": stop_at("written")})
        with asker, pytest.raises(RuntimeError):
            asker.ask(asks(asker, model, texts(30)), "sample")
        other, _ = batch_asker(tmp_path)
        with other:
            (batch,) = other.end_batches([model], cancel=True)
        assert (batch.state, practice.stats().batches) == ("cancelled", 0)
    assert replies_in(tmp_path).spending().reserved == 0


def stop_at(wanted: str):
    def step(name: str) -> None:
        if name == wanted:
            raise RuntimeError(name)

    return step
