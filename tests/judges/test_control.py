"""The control chart is silent about a stable process and loud about one that fell, as often as it says."""

import numpy as np
import pytest

from judges.control import BASE, RUN, Wave, control_chart, limits, smallest_fall

WAVES = 30
FALL = BASE + 2
"""The wave in which the process falls, where it does."""


def alarms(share, items, fall=0.0, series=200, seed=0):
    """For each simulated series of waves, the numbers of those that raised an alarm."""
    rng = np.random.default_rng(seed)
    share_W = np.where(np.arange(WAVES) >= FALL, share - fall, share)
    for count_W in rng.binomial(items, share_W, (series, WAVES)):
        chart = control_chart([Wave(k / items, items) for k in count_W])
        yield [t for t, mark in enumerate(chart) if mark.alarm]


@pytest.mark.parametrize("items", [20, 50, 100, 200])
@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_a_stable_process_is_left_alone_in_six_of_seven_series_of_thirty_waves(share, items):
    found = list(alarms(share, items))
    assert sum(map(bool, found)) / len(found) < 0.19
    assert sum(map(len, found)) / (len(found) * WAVES) < 0.02


@pytest.mark.parametrize(("items", "waves"), [(50, 8), (100, 4), (200, 2)])
@pytest.mark.parametrize("share", [0.6, 0.8, 0.95])
def test_a_fall_by_fifteen_points_is_found_within_a_few_waves(share, items, waves):
    found = [a for a in alarms(share, items, fall=0.15) if not a or a[0] >= FALL]
    within = [bool(a) and a[0] < FALL + waves for a in found]
    assert sum(within) / len(within) > 0.83


def test_the_smallest_fall_that_a_wave_shows_is_shown_four_times_in_five():
    for share, items in ((0.8, 60), (0.8, 150), (0.95, 80)):
        fall = smallest_fall(share, BASE * items, items)
        found = [a for a in alarms(share, items, fall=fall, series=400) if not a or a[0] >= FALL]
        assert sum(FALL in a for a in found) / len(found) == pytest.approx(0.8, abs=0.07)


def test_eight_waves_on_one_side_are_an_alarm_although_each_is_within_its_limits():
    low, _ = limits(0.8, 800, 100)
    chart = control_chart([Wave(0.8, 100)] * BASE + [Wave(0.74, 100)] * RUN)
    assert low < 0.74
    assert [m.alarm for m in chart[:-1]] == [None] * (BASE + RUN - 1)
    assert chart[-1].alarm == "8 waves in a row are below the line"


def test_a_wave_beyond_its_limits_is_no_part_of_the_line_that_it_left():
    chart = control_chart([Wave(0.8, 100)] * 4 + [Wave(0.3, 100), Wave(0.8, 100)])
    assert "below the limits" in chart[4].alarm
    assert (chart[5].line, chart[5].alarm) == (0.8, None)


def test_the_line_is_drawn_from_the_first_waves_and_stays_where_it_is():
    shares = [0.7, 0.8, 0.75, 0.7, 0.8, 0.75, 0.7, 0.8, 0.78, 0.72]
    chart = control_chart([Wave(share, 100) for share in shares])
    assert [m.line for m in chart[:2]] == [None, None]
    assert [m.line for m in chart[BASE:]] == [pytest.approx(sum(shares[:BASE]) / BASE)] * 2


def test_limits_are_wider_for_fewer_items_and_for_a_line_drawn_from_few_waves():
    wide = [high - low for low, high in (limits(0.8, 100, 20), limits(0.8, 100, 100), limits(0.8, 1e6, 100))]
    assert wide == sorted(wide, reverse=True)
    assert limits(1.0, 400, 20).low < 1.0
    assert limits(1.0, 400, 20).high == 1.0
