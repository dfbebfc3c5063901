"""The benchmark of scrubbing: its mails differ, its medians are compared, and a slow side means no ratio."""

import pytest

from tests.bench.harness import Missed
from tests.bench.scrub import EVERYTHING, PATTERNS, PATTERNS_ONLY, PRESIDIO, TAGGED, result_of, speed, support


def came(seconds: float) -> dict:
    return {"start_up": 0.5, "a": {"cpu": seconds, "wall": seconds, "found": {"email": 3}}}


def runs(everything: float, patterns: float, peer: float) -> dict:
    return {
        EVERYTHING.name: [came(everything)] * 3,
        PATTERNS_ONLY.name: [came(patterns)] * 3,
        PRESIDIO.name: [came(peer), came(peer * 9), came(peer)],
    }


def test_no_two_support_mails_are_alike_and_a_seed_gives_the_same_ones():
    mails = support(200_000, seed=1)
    assert sum(map(len, mails)) >= 200_000
    assert len(set(mails)) == len(mails)
    assert mails == support(200_000, seed=1) != support(200_000, seed=2)


def test_the_ratio_is_of_the_medians_of_characters_a_second():
    assert speed(came(2.0), {"a": 1000}) == 500
    result = result_of(runs(0.1, 0.02, 1.0), {"a": 1000})
    assert (result.ours, result.peer, result.ratio) == pytest.approx((10_000, 1000, 10))
    assert result.detail["patterns_only"] == pytest.approx(50)
    assert result.detail["found"]["presidio"] == {"a": {"email": 3}}


def test_there_is_no_ratio_when_patterns_alone_are_not_fast_enough():
    with pytest.raises(Missed, match=r"20\.0 times"):
        result_of(runs(0.1, 0.05, 1.0), {"a": 1000})


def test_patterns_are_all_that_is_not_tagged():
    assert not set(PATTERNS) & set(TAGGED)
    assert "email" in PATTERNS
