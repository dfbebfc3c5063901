"""`transformers serve` leaves out the choices and log-probabilities it was asked for: that is noticed, and said."""

import re

import pytest

from curation.asker import Ask, Asker, Failure
from curation.progress import Silent
from curation.records import Message, Reply
from curation.signals import signal_of
from curation.task import AnswerTable, Environment, SamplingTable, TeacherTable
from tests.counterparts.tiny import ANSWERS, LONG, SHARES, UNCLEAR, Tiny
from tests.curation.asking import asker_in, asks, openai_model, replies_in


@pytest.fixture
def asker(tmp_path):
    with asker_in(tmp_path, truncated_retry_factor=1) as asker:
        yield asker


def table(url: str, tiny: Tiny, use: str = "openai", **params) -> TeacherTable:
    return openai_model(url, use=use, model=str(tiny.folder), timeout=60, params={"max_tokens": 60, **params})


def one(asker: Asker, model: TeacherTable, text: str, **fields) -> Reply:
    request = asker.request(model, [Message(role="user", content=text)], **fields)
    (reply,) = asker.ask([Ask(request, model)], "sample").values()
    assert isinstance(reply, Reply), reply
    return reply


@pytest.mark.parametrize("use", ["openai", "openai-responses"])
def test_an_answer_comes_with_the_tokens_it_took_and_nothing_is_missing_from_it(
    transformers_serve, tiny_model, asker, use
):
    reply = one(asker, table(transformers_serve, tiny_model, use, temperature=0), LONG)
    assert [reply.text] == list(ANSWERS[LONG])
    assert (reply.stop, reply.ignored, reply.others, reply.logprobs) == ("end", (), (), None)
    assert reply.usage.input
    assert reply.usage.output


@pytest.mark.parametrize("use", ["openai", "openai-responses"])
def test_an_answer_cut_at_max_tokens_says_so_in_both_wire_formats(transformers_serve, tiny_model, asker, use):
    reply = one(asker, table(transformers_serve, tiny_model, use, temperature=0, max_tokens=3), LONG)
    assert (reply.text, reply.stop, reply.usage.output) == ("one two three", "length", 3)


def test_log_probabilities_and_choices_it_drops_are_named_and_never_recorded_as_present(
    transformers_serve, tiny_model, asker
):
    model = table(transformers_serve, tiny_model, temperature=1, logprobs=True, top_logprobs=3, n=2)
    reply = one(asker, model, UNCLEAR)
    assert reply.text in SHARES
    assert reply.ignored == ("logprobs", "n")
    assert reply.logprobs is None
    assert reply.others == ()
    assert signal_of(reply, AnswerTable(format="label", labels=tuple(SHARES))) is None


def test_what_was_dropped_is_still_known_when_the_reply_comes_from_the_journal(
    transformers_serve, tiny_model, tmp_path
):
    model = table(transformers_serve, tiny_model, temperature=1, logprobs=True)
    for calls in (1, 0):
        with asker_in(tmp_path) as asker:
            assert one(asker, model, UNCLEAR).ignored == ("logprobs",)
            assert asker.calls == calls


def test_a_person_is_told_once_per_model_what_its_server_drops(transformers_serve, tiny_model, tmp_path):
    progress = Silent()
    dropping = table(transformers_serve, tiny_model, logprobs=True, n=2).model_copy(update={"name": "dropping"})
    fine = table(transformers_serve, tiny_model).model_copy(update={"name": "fine"})
    asker = Asker(
        replies_in(tmp_path), Environment({}), sampling=SamplingTable(attempts=1), budget_usd=None, progress=progress
    )
    with asker:
        wanted = [a for model in (dropping, fine) for a in asks(asker, model, list(ANSWERS))]
        assert all(isinstance(reply, Reply) for reply in asker.ask(wanted, "sample").values())
        asker.ask(asks(asker, dropping, ["one more"]), "sample")
    (line,) = [n for n in progress.notices if "logprobs" in n]
    assert {"dropping", "logprobs", "n"} <= set(re.findall(r"\w+", line))


def test_a_parameter_it_does_not_know_fails_in_its_own_words(transformers_serve, tiny_model, asker):
    (failure,) = asker.ask(asks(asker, table(transformers_serve, tiny_model, top_k=3), [UNCLEAR]), "sample").values()
    assert isinstance(failure, Failure)
    assert "top_k" in failure.words
