"""How fast a model is asked, by a clock the test turns."""

import pytest

from curation.llm.limits import Limiter, Pace


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_first_request_goes_alone_until_one_has_succeeded():
    limiter = Limiter(16, Clock())
    assert limiter.admits("shape")
    limiter.running = 1
    assert not limiter.admits("shape")
    limiter.succeeded("shape")
    assert limiter.admits("shape")
    assert not limiter.admits("another shape")


def test_a_burst_of_refusals_lowers_the_limit_once_and_successes_raise_it_to_just_under_the_ceiling():
    clock = Clock()
    limiter = Limiter(64, clock)
    for _ in range(60):
        limiter.succeeded("s")
    high = limiter.limit
    started = clock.now
    clock.now += 1
    for _ in range(10):
        limiter.refused(started)
    low = limiter.limit
    assert high * 0.7 <= low < high
    for _ in range(20):
        limiter.succeeded("s")
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


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m30s"}, 90.0),
        ({"x-ratelimit-remaining-tokens": "12", "x-ratelimit-reset-tokens": "6s"}, 0.0),
        ({"anthropic-ratelimit-requests-remaining": "0", "anthropic-ratelimit-requests-reset": "12"}, 12.0),
    ],
)
def test_an_exhausted_bucket_in_the_headers_means_waiting_until_it_is_refilled(headers, wait):
    pace = Pace()
    pace.heard(headers)
    assert pace.take() == wait
    assert pace.take() == 0.0
