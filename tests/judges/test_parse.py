"""A verdict is read strictly or not at all."""

import pytest

from curation.errors import ReplyUnreadable
from judges.parse import read_verdict


def test_a_verdict_in_the_asked_form_is_read_whatever_the_order_of_its_keys():
    assert read_verdict(' {"verdict":"accept","reason":"All criteria hold."}\n').verdict == "accept"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "accept",
        "null",
        "[]",
        '{"reason": "fine"}',
        '{"verdict": "accept"}',
        '{"verdict": "ACCEPT", "reason": ""}',
        '{"verdict": true, "reason": ""}',
        '{"verdict": "accept", "reason": NaN}',
        '{"verdict": "accept", "reason": "", "score": 10}',
        '{"verdict": "reject", "verdict": "accept", "reason": ""}',
        '```json\n{"verdict": "accept", "reason": ""}\n```',
        '{"verdict": "accept", "reason": ""} {"verdict": "reject", "reason": ""}',
        '{"verdict": "accept", "rea',
    ],
)
def test_anything_else_is_unreadable_and_never_a_pass(text):
    with pytest.raises(ReplyUnreadable):
        read_verdict(text)
