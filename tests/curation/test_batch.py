"""Batches: every request answered under its own name, bought once, at its price, whatever the provider does."""

import hashlib
import json
import stat

import pytest

from curation.errors import BudgetError, ProviderError, RunStopped
from curation.llm.practice import BatchFaults, Limits
from curation.llm.work import Failure
from curation.store.batches import Batches
from curation.store.replies import Claim
from tests.curation.asking import asks, by_text, replies_in
from tests.curation.batching import (
    DIALECTS,
    asked,
    batch_asker,
    batch_model,
    billed,
    requests_held,
    server,
    texts,
    wrong_rows,
)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_question_gets_its_own_answer_and_the_ledger_is_what_the_server_charged(tmp_path, dialect):
    """Regression 13.

    Mutation: curation/llm/batches/collect.py: cost = 0.0 if price is None else price.cost(came.usage, "batch")
        => cost = 0.0
    Mutation: curation/llm/prices.py: return {"batch": self.batch, "flex": self.flex}.get(tier or "")
        => return {"batch": 1.0, "flex": self.flex}.get(tier or "")
    """
    with server() as practice:
        answers, notices = asked(tmp_path, dialect, practice.url, 120)
        assert not wrong_rows(answers)
        assert len(answers) == 120
        assert set(requests_held(practice).values()) == {1}
        assert len(practice.batches()) == 1
        assert not notices
        spent, charged = replies_in(tmp_path).spending(), billed(practice.url)
    assert spent.known == pytest.approx(charged, abs=1e-9)
    assert (spent.held, spent.reserved) == (0.0, 0.0)
    assert 0 < spent.known < 0.1


@pytest.mark.parametrize("dialect", DIALECTS)
def test_shuffled_missing_doubled_and_failed_lines_never_put_an_answer_under_another_question(tmp_path, dialect):
    """Regression 1.

    Mutation: curation/llm/batches/collect.py: self._office.desk.read(lines[item.custom_id], request)
        => self._office.desk.read(list(lines.values())[len(came)], request)
    """
    with server() as practice:
        practice.batch_faults = BatchFaults(missing=1, duplicated=1, server_errors=1)
        answers, notices = asked(tmp_path, dialect, practice.url, 60)
        assert not wrong_rows(answers)
        assert len(answers) == 60
        spent, charged = replies_in(tmp_path).spending(), billed(practice.url)
    told = "\n".join(notices)
    assert "1 missing" in told
    assert "1 server" in told
    assert "1 lines were repeated" in told
    assert spent.known == pytest.approx(charged, abs=1e-9)


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_what_expired_goes_into_the_next_batch_until_every_question_is_answered(tmp_path, dialect):
    with server() as practice:
        practice.batch_faults = BatchFaults(expired=0.5)
        answers, notices = asked(tmp_path, dialect, practice.url, 100, attempts=9)
        assert not wrong_rows(answers)
        assert len(practice.batches()) > 1
        spent, charged = replies_in(tmp_path).spending(), billed(practice.url)
    assert any("expired" in line for line in notices)
    assert spent.known == pytest.approx(charged, abs=1e-9)
    assert spent.held == 0


def test_a_torn_file_loses_one_line_which_is_asked_again(tmp_path):
    with server() as practice:
        practice.batch_faults = BatchFaults(torn=True)
        answers, notices = asked(tmp_path, "openai", practice.url, 30)
    assert not wrong_rows(answers)
    assert any("1 missing" in line and "1 lines were unreadable" in line for line in notices)


@pytest.mark.parametrize("dialect", ["openai", "anthropic", "compat"])
@pytest.mark.parametrize("status", ["canceling ", "validatedd", "donne"])
def test_a_status_nobody_knows_is_told_once_and_asked_about_again(tmp_path, dialect, status):
    """Regression 15.

    Mutation: curation/llm/batches/wire.py: return "ended" if delivered and complete else "unknown"
        => return "failed"
    """
    with server(batch_ms=None) as practice:
        practice.batch_faults = BatchFaults(status_once=status)
        answers, notices = asked(tmp_path, dialect, practice.url, 30, told=lambda _: practice.finish_batches())
        assert len(practice.batches()) == 1
    assert not wrong_rows(answers)
    assert [line for line in notices if repr(status) in line] == notices
    assert len(notices) == 1


def test_a_bad_request_fails_alone(tmp_path):
    with server() as practice:
        practice.batch_faults = BatchFaults(bad_requests=2)
        answers, _ = asked(tmp_path, "openai", practice.url, 50)
        assert len(practice.batches()) == 1
    failed = [a for a in answers.values() if isinstance(a, Failure)]
    assert [f.kind for f in failed] == ["invalid_parameter"] * 2
    assert len(wrong_rows(answers)) == 2


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_batch_refused_row_by_row_for_the_same_reason_stops_the_run(tmp_path, dialect):
    with server() as practice:
        practice.batch_faults = BatchFaults(bad_requests=40)
        with pytest.raises(RunStopped, match="in a row alike"):
            asked(tmp_path, dialect, practice.url, 40)
        assert len(practice.batches()) == 1


def test_temperature_for_claude_is_refused_before_any_batch_exists(tmp_path):
    """Regression 20.

    Mutation: curation/llm/anthropic.py: if gone := sorted(GONE & params.keys()):
        => if gone := sorted(GONE - params.keys() - GONE):
    """
    with server() as practice:
        warm = {"params": {"max_tokens": 50, "temperature": 0.7}}
        with pytest.raises(RunStopped, match="temperature does not exist"):
            asked(tmp_path, "anthropic", practice.url, 30, model=warm)
        assert (practice.stats().batches, practice.stats().answered) == (0, 0)
    assert not Batches(replies_in(tmp_path).database).open()


def test_a_parameter_only_the_server_refuses_costs_a_few_calls_and_no_batch(tmp_path):
    with server() as practice:
        hot = {"params": {"max_tokens": 50, "temperature": 7}}
        with pytest.raises(RunStopped, match="in a row alike"):
            asked(tmp_path, "openai", practice.url, 30, model=hot)
        assert practice.stats().batches == 0
        assert practice.stats().by_status["400"] == 5


def test_a_run_may_leave_its_batch_and_the_next_one_brings_it_home(tmp_path):
    with server(batch_ms=None) as practice:
        for _ in range(2):
            asker, notices = batch_asker(tmp_path, settings={"wait": False})
            with asker:
                asker.ask(asks(asker, batch_model("openai", practice.url), texts(50)), "sample")
                assert asker.waiting == 49
            assert notices == ["49 requests wait in 1 batches at 127.0.0.1:"
                               f"{practice.url.rpartition(':')[2]}; run again to go on"]  # fmt: skip
        practice.finish_batches()
        answers, _ = asked(tmp_path, "openai", practice.url, 50, settings={"wait": False})
        assert not wrong_rows(answers)
        assert len(answers) == 50
        assert len(practice.batches()) == 1


def test_what_waits_in_a_batch_is_sold_to_nobody_else(tmp_path):
    with server(batch_ms=None) as practice:
        asker, _ = batch_asker(tmp_path, settings={"wait": False})
        with asker:
            wanted = asks(asker, batch_model("openai", practice.url), texts(20))
            asker.ask(wanted, "sample")
        replies = replies_in(tmp_path)
        owner = replies.new_owner()
        answers = replies.commit(owner, [Claim(a.request, "sample") for a in wanted], cap=100.0)
        owner.close()
    assert answers.count("taken") == 19
    assert replies.spending().reserved > 0


def test_raw_files_are_kept_with_their_digests_for_the_owner_alone(tmp_path):
    with server() as practice:
        practice.batch_faults = BatchFaults(server_errors=1)
        asked(tmp_path, "openai", practice.url, 30)
    (folder,) = (tmp_path / ".stillhouse" / "batches").iterdir()
    batch = Batches(replies_in(tmp_path).database).get(folder.name)
    kept = {"input": batch.input_sha256, "output": batch.output_sha256, "errors": batch.error_sha256}
    for name, digest in kept.items():
        file = folder / f"{name}.jsonl"
        assert hashlib.sha256(file.read_bytes()).hexdigest() == digest
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_batches_are_packed_by_number_of_requests(tmp_path):
    with server() as practice:
        answers, _ = asked(tmp_path, "openai", practice.url, 100, batch_requests=30)
        assert sorted(len(b.custom_ids) for b in practice.batches()) == [9, 30, 30, 30]
    assert not wrong_rows(answers)


def test_no_more_tokens_wait_than_the_task_allows(tmp_path):
    with server(batch_ms=100) as practice:
        answers, _ = asked(tmp_path, "openai", practice.url, 100, batch_tokens=1500)
        sizes = [len(b.custom_ids) for b in practice.batches()]
    assert not wrong_rows(answers)
    assert sum(sizes) == 99
    assert len(sizes) >= 2
    kept = Batches(replies_in(tmp_path).database)
    assert all(kept.get(f.name).tokens <= 1500 for f in (tmp_path / ".stillhouse" / "batches").iterdir())


def test_a_batch_that_fails_later_for_too_many_waiting_tokens_is_split_and_sent_again(tmp_path):
    with server(limits=Limits(enqueued_tokens=300), batch_ms=50) as practice:
        answers, notices = asked(tmp_path, "openai", practice.url, 100)
        held = practice.batches()
    assert not wrong_rows(answers)
    assert {b.phase for b in held} == {"failed", "ended"}
    assert requests_in_ended(held) == 99
    assert not notices


def requests_in_ended(held) -> int:
    names = [name.partition("_")[2] for b in held if b.phase == "ended" for name in b.custom_ids]
    assert len(names) == len(set(names))
    return len(names)


def test_reservations_of_a_batch_never_exceed_the_budget_and_what_does_not_fit_waits_its_turn(tmp_path):
    with server() as practice:
        answers, _ = asked(tmp_path, "openai", practice.url, 60, budget=0.02)
        assert len(practice.batches()) > 1
        assert set(requests_held(practice).values()) == {1}
    assert not wrong_rows(answers)
    assert replies_in(tmp_path).spending().total < 0.02


def test_a_budget_that_is_used_up_stops_the_run_and_holds_nothing_back(tmp_path):
    with server() as practice, pytest.raises(BudgetError, match="used up"):
        asked(tmp_path, "openai", practice.url, 100, budget=0.0025)
    spent = replies_in(tmp_path).spending()
    assert 0.0005 < spent.total <= 0.0025
    assert spent.reserved == 0


def test_truncated_answers_are_asked_longer_in_the_next_batch_when_they_are_many(tmp_path):
    with server() as practice:
        asker, _ = batch_asker(tmp_path)
        with asker:
            model = batch_model("openai", practice.url, params={"max_tokens": 2})
            wanted = asks(asker, model, texts(60))
            answers = by_text(asker.ask(wanted, "sample"), wanted)
            assert asker.counts["truncated"] == 60
        assert sorted(len(b.custom_ids) for b in practice.batches()) == [59, 59]
        assert replies_in(tmp_path).spending().known == pytest.approx(billed(practice.url), abs=1e-9)
    assert len(answers) == 60


def test_a_key_without_money_stops_the_run_before_any_batch(tmp_path):
    with server() as practice:
        poor = {"model": {"api_key_env": "POOR"}, "environment": {"POOR": "no-quota"}}
        with pytest.raises(ProviderError, match="quota"):
            asked(tmp_path, "openai", practice.url, 30, **poor)
        assert practice.stats().batches == 0


@pytest.mark.parametrize("model", ["alder-small", "birch-small", "cedar-small"])
def test_a_practice_model_of_any_family_is_asked_in_batches(tmp_path, model):
    with server() as practice:
        asker, notices = batch_asker(tmp_path, budget=None, practice_url=practice.url)
        with asker:
            table = {"use": "practice", "model": model, "base_url": None, "price": None, "params": {}}
            wanted = asks(asker, batch_model("openai", practice.url, **table), texts(40))
            assert not wrong_rows(by_text(asker.ask(wanted, "sample"), wanted))
        assert len(practice.batches()) == 1
    assert not notices


def test_account_trouble_in_the_rows_stops_the_run_and_leaves_them_to_be_asked(tmp_path):
    with server(batch_ms=None) as practice:
        asked(tmp_path, "openai", practice.url, 40, settings={"wait": False})
        practice.finish_batches()
        (folder,) = (tmp_path / ".stillhouse" / "batches").iterdir()
        broke = {"error": {"message": "You exceeded your quota.", "code": "insufficient_quota"}}
        names = practice.batches()[0].custom_ids
        lines = [
            json.dumps({"custom_id": n, "response": {"status_code": 429, "body": broke}, "error": None}) for n in names
        ]
        output = folder / "output.jsonl"
        output.write_text("\n".join(lines))
        kept = Batches(replies_in(tmp_path).database)
        path = str(output.relative_to(tmp_path / ".stillhouse"))
        kept.update(folder.name, output_path=path, output_sha256=hashlib.sha256(output.read_bytes()).hexdigest())
        with pytest.raises(ProviderError, match="quota"):
            asked(tmp_path, "openai", practice.url, 40)
    assert kept.counts(folder.name) == {"quota": 39}
    assert replies_in(tmp_path).spending().reserved == 0


def test_retention_erases_the_files_of_a_batch_that_is_over_and_nothing_of_one_that_is_out(tmp_path):
    with server(batch_ms=None) as practice:
        for number in (30, 60):
            asked(tmp_path, "openai", practice.url, number, settings={"wait": False})
            replies_in(tmp_path).erase_before("9999-12-31")
            folders = [f for f in (tmp_path / ".stillhouse" / "batches").iterdir() if any(f.iterdir())]
            assert len(folders) == 1
            practice.finish_batches()
            answers, _ = asked(tmp_path, "openai", practice.url, number, settings={"wait": False})
            assert all(a.kind == "erased" for a in wrong_rows(answers).values())
            assert len(answers) == number
