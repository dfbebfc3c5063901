"""A judge behind llama.cpp's own server: what the grader `logprob` weighs are that server's log-probabilities."""

import math

import pytest

from curation.asker import Ask
from curation.errors import ReplyUnreadable
from curation.records import Message, Reply
from judges.graders.logprob import VERDICT, Logprob
from judges.grading import Put
from judges.parse import last_object
from tests.counterparts.tiny import NAME, UNCLEAR
from tests.curation.asking import asker_in, openai_model
from tests.judges.bench import RUBRIC, unit

NONCE = "5e1f0b2c"


def put(grader: Logprob) -> Put:
    """A request short enough for the tiny model; the schema writes the nonce, which so small a model cannot copy."""
    (full,) = grader.puts(RUBRIC, unit(0, "refund"))
    menus = {"nonce": [NONCE], "reason": ["so"], "verdict": ["accept", "reject"]}
    properties = {name: {"enum": words} for name, words in menus.items()}
    schema = {"title": "verdict", "type": "object", "properties": properties, "required": list(menus)}
    asked = (Message(role="user", content=f"{UNCLEAR} {NONCE}"),)
    return full.model_copy(update={"messages": asked, "nonce": NONCE, "answer_schema": schema})


@pytest.fixture
def asked(llama_cpp, tmp_path):
    """A put, and what the server says to it with the parameters given."""
    grader = Logprob(alternatives=20)
    one = put(grader)
    model = openai_model(llama_cpp, model=NAME, params={"max_tokens": 120, "temperature": 0})

    def ask(params) -> Reply:
        with asker_in(tmp_path) as asker:
            request = asker.request(model, one.messages, answer_schema=one.answer_schema, params=params)
            (reply,) = asker.ask([Ask(request, model)], "judge").values()
        assert isinstance(reply, Reply), reply
        return reply

    return grader, one, ask


def test_the_score_is_the_share_of_acceptance_among_the_verdicts_the_server_weighed(asked):
    grader, one, ask = asked
    reply = ask(one.params)
    verdict = grader.read(RUBRIC, one, reply)
    assert verdict.verdict in ("accept", "reject")
    assert verdict.score is not None
    assert reply.logprobs
    at = VERDICT.search(reply.text, last_object(reply.text).start).end()
    spelled, first = 0, None
    for token in reply.logprobs:
        if spelled + len(token.token) > at:
            first = token
            break
        spelled += len(token.token)
    assert first is not None
    mass = {"accept": 0.0, "reject": 0.0}
    for text, logprob in {first.token: first.logprob, **dict(first.top)}.items():
        word = text[max(0, at - spelled) :].strip('"')
        for label in mass:
            if word and label.startswith(word):
                mass[label] += math.exp(logprob)
    assert verdict.score == pytest.approx(mass["accept"] / sum(mass.values()), abs=0.02)
    judgement = grader.judge(unit(0, "refund"), [one], [verdict])
    assert judgement.votes == ("accept" if verdict.score >= 0.5 else "reject",)


def test_the_same_server_asked_without_them_leaves_the_answer_unscored_by_name(asked):
    grader, one, ask = asked
    with pytest.raises(ReplyUnreadable, match=f"{NAME} reported no log-probabilities"):
        grader.read(RUBRIC, one, ask({}))
