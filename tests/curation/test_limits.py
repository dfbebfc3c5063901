"""How fast a model is asked, by a clock the test turns."""

import pytest

from curation.llm.limits import Limiter, Load, Pace, Quota


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_first_request_goes_alone_until_one_has_succeeded():
    limiter = Limiter(16, Clock())
    assert limiter.admits("shape")
    limiter.sent("shape")
    assert not limiter.admits("shape")
    limiter.succeeded("shape")
    assert limiter.admits("shape")
    limiter.sent("another shape")
    assert not limiter.admits("another shape")
    assert limiter.admits("shape")


def answer_one(limiter: Limiter) -> None:
    """As many in flight as there may be, and one of them comes back."""
    while limiter.running < limiter.limit:
        ticket = limiter.sent("s")
    limiter.back(ticket)
    limiter.settled()
    limiter.succeeded("s")


def test_a_limit_that_is_never_reached_does_not_grow():
    limiter = Limiter(64, Clock())
    for _ in range(60):
        limiter.back(limiter.sent("s"))
        limiter.settled()
        limiter.succeeded("s")
    assert limiter.limit == 4


def test_what_was_too_much_is_what_was_in_flight_and_not_what_might_have_been():
    clock = Clock()
    limiter = Limiter(64, clock)
    for _ in range(40):
        answer_one(limiter)
    assert limiter.limit > 40
    limiter.running = 12
    limiter.refused(clock.now)
    assert 9 <= limiter.limit <= 12


def test_a_burst_of_refusals_lowers_the_limit_once_and_successes_raise_it_to_just_under_the_ceiling():
    clock = Clock()
    limiter = Limiter(64, clock)
    for _ in range(60):
        answer_one(limiter)
    high = limiter.limit
    started = clock.now
    clock.now += 1
    for _ in range(10):
        limiter.refused(started)
    low = limiter.limit
    assert high * 0.7 <= low < high
    limiter.running = 0
    for _ in range(20):
        answer_one(limiter)
    assert high * 0.85 <= limiter.limit < high


def test_retry_after_stops_all_requests_of_the_model_until_its_time_has_come():
    clock = Clock()
    limiter = Limiter(4, clock)
    limiter.succeeded("s")
    limiter.refused(clock.now, wait=30.0)
    clock.now += 29.9
    assert not limiter.admits("s")
    clock.now += 0.2
    assert limiter.admits("s")


OPENAI = {
    "x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m0s",
}  # fmt: skip
ANTHROPIC = {
    "anthropic-ratelimit-input-tokens-limit": "6000", "anthropic-ratelimit-input-tokens-remaining": "50",
    "anthropic-ratelimit-input-tokens-reset": "60",
}  # fmt: skip
BY_THE_DAY = {
    "x-ratelimit-limit-requests": "10000",
    "x-ratelimit-remaining-requests": "0",
    "x-ratelimit-reset-requests": "24h0m0s",
}  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "load", "wait"),
    [
        (OPENAI, Load(), 1.0),
        (ANTHROPIC, Load(sent=150), 1.0),
        (ANTHROPIC, Load(sent=50), 0.0),
        (BY_THE_DAY, Load(), 8.64),
    ],
)
def test_a_used_up_quota_is_waited_for_as_long_as_its_refill_for_the_next_request_takes(headers, load, wait):
    limiter, pace = Limiter(8, Clock()), Pace()
    limiter.succeeded("s")
    ticket = limiter.sent("s")
    pace.heard(headers)
    limiter.back(ticket, pace.take())
    assert limiter.wait(load) == pytest.approx(wait, rel=0.02)
    assert limiter.admits("s", load) == (wait == 0)
    assert pace.take() == ()


def test_what_was_sent_after_the_request_that_heard_the_headers_is_taken_off_what_they_say_is_left():
    clock = Clock()
    limiter = Limiter(8, clock)
    first = limiter.sent("s")
    limiter.back(first, (Quota("requests", 600, 10, 0),))
    tickets = [limiter.sent("s") for _ in range(4)]
    limiter.back(tickets[0], (Quota("requests", 600, 9, 0),))
    assert limiter.wait(Load()) == 0
    for _ in range(6):
        limiter.sent("s")
    assert limiter.wait(Load()) == pytest.approx(0.1)


def test_lanes_that_share_a_model_are_let_through_in_turn():
    limiter = Limiter(1, Clock())
    woken: list[str] = []
    ticket = limiter.sent("s")
    limiter.queue("a", lambda: woken.append("a"))
    limiter.queue("b", lambda: woken.append("b"))
    limiter.back(ticket)
    limiter.settled()
    assert woken[-1] == "a"
    assert not limiter.admits("s", lane="b")
    assert limiter.admits("s", lane="a")
    limiter.queue("a", lambda: woken.append("a"))
    assert not limiter.admits("s", lane="a")
    assert limiter.admits("s", lane="b")


def test_a_reply_that_is_not_journalled_yet_still_counts_against_the_most_that_a_crash_may_lose():
    limiter = Limiter(1, Clock())
    limiter.back(limiter.sent("s"))
    assert not limiter.admits("s")
    limiter.settled()
    assert limiter.admits("s")
