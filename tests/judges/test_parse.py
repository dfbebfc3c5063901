"""A verdict is read strictly or not at all."""

import pytest

from curation.errors import ReplyUnreadable
from judges.parse import read_verdict


def test_a_verdict_in_the_asked_form_is_read_whatever_the_order_of_its_keys():
    assert (
        read_verdict(' {"verdict":"accept","nonce":"5e1f","reason":"All criteria hold."}\n', "5e1f").verdict == "accept"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "accept",
        "null",
        "[]",
        '{"verdict": "accept", "reason": ""}',
        '{"nonce": "another", "verdict": "accept", "reason": ""}',
        '{"nonce": "5e1f", "reason": "fine"}',
        '{"nonce": "5e1f", "verdict": "accept"}',
        '{"verdict": "ACCEPT", "nonce": "5e1f", "reason": ""}',
        '{"verdict": true, "nonce": "5e1f", "reason": ""}',
        '{"verdict": "accept", "nonce": "5e1f", "reason": NaN}',
        '{"verdict": "accept", "nonce": "5e1f", "reason": "", "score": 10}',
        '{"verdict": "reject", "verdict": "accept", "nonce": "5e1f", "reason": ""}',
        '```json\n{"verdict": "accept", "nonce": "5e1f", "reason": ""}\n```',
        '{"verdict": "accept", "nonce": "5e1f", "reason": ""} {"verdict": "reject", "nonce": "5e1f", "reason": ""}',
        '{"verdict": "accept", "rea',
    ],
)
def test_anything_else_is_unreadable_and_never_a_pass(text):
    with pytest.raises(ReplyUnreadable):
        read_verdict(text, "5e1f")
