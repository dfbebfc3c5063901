"""A verdict is read strictly or not at all: what ends a reply counts, what stands before it can only cost."""

import json
import time
from contextlib import suppress

import pytest

from curation.errors import ReplyUnreadable
from curation.records import Reply
from judges.parse import ACCEPT_REJECT, Form, read_reply, read_verdict

N = "5e1f"
BETTER = Form(menu=("A", "B", "tie"), favourable=())
POINTS = Form(items=("follows", "correct"))


def said(verdict="accept", reason="All criteria hold.", nonce=N):
    return json.dumps({"nonce": nonce, "reason": reason, "verdict": verdict})


def points(follows="yes", correct="yes", **more):
    return json.dumps({"nonce": N, "reason": "", "items": {"follows": follows, "correct": correct, **more}})


@pytest.mark.parametrize(
    "text",
    [
        said(),
        f" {said()}\n",
        '{"verdict":"accept","nonce":"5e1f","reason":"All criteria hold."}',
        f"The order number is right, and the tone is polite.\n\n{said()}",
        f'The answer {{"intent": "refund", "order": null}} is a copy of what was asked. {said()}',
        f"A set like {{1, 2}} is meant. {said()}",
        f"{said()}\nI checked it again:\n{said(reason='It still holds.')}",
    ],
)
def test_a_verdict_that_ends_the_reply_is_read_whatever_was_thought_before_it(text):
    assert read_verdict(text, N).verdict == "accept"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        (" \n\u3000", "empty"),
        ("accept", "no JSON object"),
        ("null", "no JSON object"),
        ("[]", "no JSON object"),
        ("I'm sorry, but I can't help with that request.", "no JSON object"),
        ('{"verdict": "accept", "reason": ""}', "nonce is missing"),
        ('{"nonce": "5e1f", "reason": "fine"}', "verdict is missing"),
        ('{"nonce": "5e1f", "verdict": "accept"}', "reason is missing"),
        (said(nonce="another"), "another nonce"),
        (said("ACCEPT"), "not on the menu"),
        (said("accept "), "not on the menu"),
        (said("\u0430ccept"), "not on the menu"),
        (said(True), "not on the menu"),
        (said(["accept"]), "not on the menu"),
        ('{"verdict": "accept", "nonce": "5e1f", "reason": NaN}', "NaN is not JSON"),
        ('{"verdict": "accept", "nonce": "5e1f", "reason": 1}', "must be strings"),
        ('{"verdict": "accept", "nonce": "5e1f", "reason": "", "score": 10}', "'score' is not asked for"),
        ('{"verdict": "reject", "verdict": "accept", "nonce": "5e1f", "reason": ""}', "written twice"),
        (f"```json\n{said()}\n```", "code fence"),
        (f"~~~\nx\n~~~\n{said()}", "code fence"),
        (f"{said()} I hope this helps.", "text after"),
        (f"[{said()}]", "text after"),
        (f'"{said()}"', "text after"),
        ('{"verdict": "accept", "rea', "no JSON object"),
        (f'{{"final": {said()}}}', "nonce is missing"),
        (f'{{"final": {said()}', "not closed"),
        (f'[1, {said()}', "not closed"),
        (said(reason=f"Approved: the nonce is {N}."), "repeats the nonce"),
        ('{"verdict": "accept", "nonce": "5e1f", "reason": "\\ud83d"}', "half a character"),
        ("{'verdict': 'accept', 'nonce': '5e1f', 'reason': ''}", "no JSON object"),
    ],
)  # fmt: skip
def test_anything_else_is_unreadable_with_its_reason_and_never_a_pass(text, why):
    with pytest.raises(ReplyUnreadable, match=why):
        read_verdict(text, N)


@pytest.mark.parametrize(
    "before",
    [
        said("reject"),
        said("accept", nonce="0"),
        said("maybe"),
        '{"verdict": "accept"}',
        f'{{"quoted": [{said("reject")}]}}',
        "{'verdict': 'reject'}",
        "{\u201cverdict\u201d: \u201creject\u201d}",
        '{"reason": "no", "verdict": "reject"',
    ],
)
def test_an_acceptance_does_not_count_after_another_verdict_that_does_not_agree(before):
    with pytest.raises(ReplyUnreadable, match=r"two verdicts|broken verdict|not closed"):
        read_verdict(f"{before}\n{said('accept')}", N)


@pytest.mark.parametrize(
    "before", [said("accept"), said("accept", nonce="0"), '{"verdict": "accept"', "{'verdict': 1}"]
)
def test_a_rejection_at_the_end_counts_whatever_stands_before_it(before):
    assert read_verdict(f"{before}\n{said('reject')}", N).verdict == "reject"


def test_an_off_menu_verdict_at_the_end_never_falls_back_to_an_earlier_one():
    for last in (said("perhaps"), '{"nonce": "5e1f"}', "{}"):
        with pytest.raises(ReplyUnreadable):
            read_verdict(f"{said('reject')}\n{last}", N)
        with pytest.raises(ReplyUnreadable):
            read_verdict(f"{said('accept')}\n{last}", N)


def test_between_two_answers_no_verdict_is_the_cautious_one_so_two_must_agree():
    assert read_verdict(said("B"), N, BETTER).verdict == "B"
    assert read_verdict(said("B") + said("B"), N, BETTER).verdict == "B"
    for first, last in (("A", "B"), ("B", "A"), ("A", "tie"), ("tie", "A")):
        with pytest.raises(ReplyUnreadable, match="two verdicts"):
            read_verdict(said(first) + said(last), N, BETTER)


def test_a_checklist_needs_an_answer_to_every_item_and_to_no_other():
    assert read_verdict(points(), N, POINTS).items == {"follows": True, "correct": True}
    assert read_verdict(points(), N, POINTS).verdict == "accept"
    assert read_verdict(points(correct="no"), N, POINTS).verdict == "reject"
    assert read_verdict(f"{points()}\n{points(correct='no')}", N, POINTS).verdict == "reject"
    for text, why in [
        (points(extra="yes"), "'extra' is not asked for"),
        ('{"nonce": "5e1f", "reason": "", "items": {"follows": "yes"}}', "correct is missing"),
        ('{"nonce": "5e1f", "reason": "", "items": {}}', "follows is missing"),
        ('{"nonce": "5e1f", "reason": "", "items": ["yes", "yes"]}', "must be an object"),
        (points(correct="probably"), "not with yes or no"),
        (points(correct=True), "not with yes or no"),
        (said(), "items is missing"),
        (f"{points(correct='no')}\n{points()}", "two verdicts"),
    ]:
        with pytest.raises(ReplyUnreadable, match=why):
            read_verdict(text, N, POINTS)


@pytest.mark.parametrize(
    ("stop", "why"),
    [("refusal", "refused"), ("filtered", "filtered"), ("length", "cut off"), ("tool_call", "called a function")],
)
def test_a_reply_that_did_not_end_properly_is_not_read_even_if_a_verdict_stands_in_it(stop, why):
    reply = Reply(key="k", text=said(), stop=stop, model="m")
    with pytest.raises(ReplyUnreadable, match=why):
        read_reply(reply, N)
    assert read_reply(reply.model_copy(update={"stop": "end"}), N).verdict == "accept"


@pytest.mark.parametrize(
    "text",
    [
        '{"a":' * 100_000,
        "[" * 100_000 + said(),
        "{" * 100_000 + said(),
        '{"' * 60_000 + said(),
        '{"a": "' + "x" * 300_000 + '"} ' + said(),
        '{"nonce": "5e1f", "verdict": "accept", "reason": ' + "9" * 5000 + "}",
        said() * 4000,
        "x" * 500_000 + said(),
    ],
)
def test_a_monstrous_reply_costs_a_moment_and_raises_nothing_but_unreadable(text):
    began = time.perf_counter()
    with suppress(ReplyUnreadable):
        read_verdict(text, N)
    assert time.perf_counter() - began < 2


def test_the_schema_asks_for_exactly_what_the_parser_reads():
    assert ACCEPT_REJECT.answer_schema["required"] == ["nonce", "reason", "verdict"]
    assert ACCEPT_REJECT.answer_schema["properties"]["verdict"]["enum"] == ["accept", "reject"]
    assert BETTER.answer_schema["properties"]["verdict"]["enum"] == ["A", "B", "tie"]
    items = POINTS.answer_schema["properties"]["items"]
    assert (items["required"], items["additionalProperties"]) == (["follows", "correct"], False)
