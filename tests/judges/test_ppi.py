"""Few people and a judge: the interval covers as often as it says; a good judge narrows it, a bad one costs nothing."""

from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from scipy.stats import binom, norm

from curation.errors import InputError
from curation.intervals import wilson
from judges.estimate import paired_difference
from judges.ppi import PpiEstimate, ppi_difference, ppi_mean

RUNS = 2000
BOUNDS = binom.interval(0.99, RUNS, 0.95)
"""Exact bounds of the runs that cover; at 0.99, because ten worlds are tried and 0.95 alone fails one in 20 by luck."""
NAN = float("nan")


class Drawn(NamedTuple):
    human: np.ndarray
    judged: np.ndarray
    clusters: list[int] | None = None
    probabilities: np.ndarray | None = None


class Figures(NamedTuple):
    covered: int
    human_covered: int
    width: float
    """Mean width over that of people alone."""


def right_or_wrong(rng, *, useful, n=100, total=500):
    """Accepted answers: the judge sees a noisy part of what people see, or nothing."""
    seen = rng.normal(size=total)
    people = (seen + rng.normal(size=total) > -0.8).astype(float)
    judged = (seen + 0.3 * rng.normal(size=total) > -0.5 if useful else rng.random(total) < 0.7).astype(float)
    return Drawn(np.where(rng.permutation(total) < n, people, np.nan), judged)


def graded(rng, *, useful, n=60, total=500):
    """Scores without bounds."""
    seen = rng.normal(size=total)
    people = seen + rng.normal(size=total)
    judged = 2 + seen + 0.5 * rng.normal(size=total) if useful else rng.normal(size=total)
    return Drawn(np.where(rng.permutation(total) < n, people, np.nan), judged)


def conversations(rng, *, useful, groups=120, turns=5, share=0.35):
    """Turns of a conversation are alike for people and judge, and people read whole conversations."""
    mood = 0.7 * rng.normal(size=groups).repeat(turns)
    noise = 0.7 * rng.normal(size=groups).repeat(turns)
    seen = mood + rng.normal(size=groups * turns)
    judged = seen + 0.7 * rng.normal(size=len(seen)) if useful else noise + rng.normal(size=len(seen))
    read = (rng.random(groups) < share).repeat(turns)
    clusters = np.arange(groups).repeat(turns).tolist()
    return Drawn(np.where(read, seen > -0.6, np.nan), (judged > -0.3).astype(float), clusters)


def doubted(rng, *, useful, total=600, groups=None):
    """What the judge doubts is drawn for people more often, with the chance written down."""
    mood = 0 if groups is None else 0.7 * rng.normal(size=groups).repeat(total // groups)
    seen = mood + rng.normal(size=total)
    judged = 1 / (1 + np.exp(-2 * seen - rng.normal(size=total))) if useful else rng.random(total)
    chance = 0.08 + 0.4 * (1 - np.abs(2 * judged - 1))
    clusters = None if groups is None else np.arange(groups).repeat(total // groups).tolist()
    return Drawn(np.where(rng.random(total) < chance, seen > -0.6, np.nan), judged, clusters, chance)


def doubted_conversations(rng, *, useful):
    return doubted(rng, useful=useful, groups=150)


TRUTH = {
    right_or_wrong: norm.cdf(0.8 / 2**0.5),
    graded: 0.0,
    conversations: norm.cdf(0.6 / 1.49**0.5),
    doubted: norm.cdf(0.6),
    doubted_conversations: norm.cdf(0.6 / 1.49**0.5),
}


@cache
def simulated(world, useful) -> Figures:
    rng = np.random.default_rng(11)
    covered = human_covered = 0
    wide = narrow = 0.0
    for _ in range(RUNS):
        drawn = world(rng, useful=useful)
        found = ppi_mean(drawn.human, drawn.judged, clusters=drawn.clusters, probabilities=drawn.probabilities)
        covered += found.low <= TRUTH[world] <= found.high
        human_covered += found.human_only.low <= TRUTH[world] <= found.human_only.high
        narrow += found.high - found.low
        wide += found.human_only.high - found.human_only.low
    return Figures(covered, human_covered, narrow / wide)


WORLDS = pytest.mark.parametrize("world", list(TRUTH), ids=lambda world: world.__name__)


@WORLDS
@pytest.mark.parametrize("useful", [True, False], ids=["useful", "useless"])
def test_the_interval_covers_the_truth_as_often_as_it_says(world, useful):
    low, high = BOUNDS
    found = simulated(world, useful)
    assert low <= found.covered <= high
    assert low <= found.human_covered <= high


@WORLDS
def test_a_useless_judge_widens_the_interval_by_two_percent_at_most(world):
    assert 0.98 < simulated(world, False).width <= 1.02


@WORLDS
def test_a_useful_judge_narrows_the_interval(world):
    assert simulated(world, True).width < 0.93


def test_with_equal_chances_and_no_clusters_the_estimate_is_the_papers():
    drawn = graded(np.random.default_rng(1), useful=True, n=80, total=400)
    found = ppi_mean(drawn.human, drawn.judged)
    some = ~np.isnan(drawn.human)
    people, judged, rest = drawn.human[some], drawn.judged[some], drawn.judged[~some]
    # The paper's weight is on the mean of the other items: lam times their share of all.
    lam = found.lam * len(rest) / len(drawn.human)
    assert found.mean == pytest.approx(people.mean() + lam * (rest.mean() - judged.mean()))
    papers = np.cov(people, judged)[0, 1] / ((1 + len(people) / len(rest)) * np.var(drawn.judged, ddof=1))
    assert lam == pytest.approx(papers, abs=0.1)
    variance = np.var(people - lam * judged) / len(people) + lam**2 * np.var(rest) / len(rest)
    assert found.se == pytest.approx(variance**0.5, rel=0.05)


def test_items_without_a_label_are_the_only_thing_a_judge_adds():
    drawn = graded(np.random.default_rng(2), useful=True, n=100, total=100)
    found = ppi_mean(drawn.human, drawn.judged)
    assert found.lam == 0
    assert (found.low, found.high) == found.human_only


def test_scores_moved_by_a_constant_change_nothing_and_a_judge_that_inverts_is_not_used():
    drawn = graded(np.random.default_rng(3), useful=True)
    found = ppi_mean(drawn.human, drawn.judged)
    assert ppi_mean(drawn.human, drawn.judged + 100).high == pytest.approx(found.high)
    inverted = ppi_mean(drawn.human, -drawn.judged)
    assert (inverted.lam, inverted.aided) == (0, False)
    assert "do not go with what people say" in inverted.why
    assert inverted.rho == pytest.approx(-found.rho)


def test_each_item_as_its_own_cluster_is_the_same_as_no_clusters():
    drawn = right_or_wrong(np.random.default_rng(4), useful=True)
    alone = ppi_mean(drawn.human, drawn.judged, clusters=[f"c{i:03}" for i in range(len(drawn.human))])
    assert alone == ppi_mean(drawn.human, drawn.judged)


def test_people_alone_is_the_clustered_interval_of_a_mean():
    drawn = conversations(np.random.default_rng(5), useful=True)
    some = ~np.isnan(drawn.human)
    scores = drawn.human + np.where(some, 0.001, 0)  # not shares, so Student's t
    found = ppi_mean(scores, drawn.judged, clusters=drawn.clusters)
    clusters = [str(c) for c, read in zip(drawn.clusters, some, strict=True) if read]
    theirs = paired_difference((drawn.human[some] + 0.001).tolist(), clusters, 0.025)
    assert found.human_only == pytest.approx((theirs.low, theirs.high))


def test_equal_logged_chances_change_nothing():
    drawn = right_or_wrong(np.random.default_rng(6), useful=True)
    found = ppi_mean(drawn.human, drawn.judged)
    weighed = ppi_mean(drawn.human, drawn.judged, probabilities=[0.2] * len(drawn.human))
    assert (weighed.low, weighed.high) == pytest.approx((found.low, found.high))
    assert (weighed.floor, weighed.effective) == (0.2, pytest.approx(100))


def test_a_queue_of_disputed_items_misleads_without_its_chances_and_not_with_them():
    rng = np.random.default_rng(7)
    misled = right = 0
    for _ in range(200):
        hard = rng.random(800) < 0.3
        people = (rng.random(800) < np.where(hard, 0.4, 0.9)).astype(float)
        judged = np.where(hard, 0.5, 0.9)
        chance = np.where(hard, 0.5, 0.05)
        human = np.where(rng.random(800) < chance, people, np.nan)
        plain, weighed = ppi_mean(human, rng.random(800)), ppi_mean(human, judged, probabilities=chance)
        misled += not plain.low <= 0.75 <= plain.high
        right += weighed.low <= 0.75 <= weighed.high
    assert misled > 180
    assert right > 180


@pytest.mark.parametrize("chance", [NAN, 0.0, -0.1, 1.5])
def test_a_missing_or_impossible_chance_is_refused_even_of_an_item_nobody_looked_at(chance):
    drawn = right_or_wrong(np.random.default_rng(8), useful=True)
    chances = np.full(len(drawn.human), 0.2)
    chances[np.flatnonzero(np.isnan(drawn.human))[0]] = chance
    with pytest.raises(InputError, match="every row needs the one logged at its draw"):
        ppi_mean(drawn.human, drawn.judged, probabilities=chances)


def test_with_few_labels_or_few_clusters_people_alone_give_the_interval_and_it_says_so():
    rng = np.random.default_rng(9)
    few = ppi_mean(*right_or_wrong(rng, useful=True, n=49)[:2])
    assert (few.aided, few.why) == (False, "people alone: 49 human labels, fewer than 50")
    assert (few.low, few.high) == few.human_only
    drawn = conversations(rng, useful=True, groups=19, turns=20, share=1)
    grouped = ppi_mean(drawn.human, drawn.judged, clusters=drawn.clusters)
    assert grouped.why == "people alone: human labels in 19 clusters, fewer than 20"
    with pytest.raises(InputError, match="lie in 1 clusters; an interval needs two at least"):
        ppi_mean([1.0, NAN], [0.5, 0.5])


def test_a_judge_is_not_trusted_with_a_share_that_hardly_any_label_differs_on():
    human = np.where(np.arange(300) < 9, 0.0, np.where(np.arange(300) < 100, 1.0, np.nan))
    judged = (np.arange(300) % 100 >= 9).astype(float)
    found = ppi_mean(human, judged)
    assert found.why == "people alone: 9 human labels say otherwise than the rest, fewer than 10"
    human[9] = 0.0
    assert ppi_mean(human, judged).aided


def test_labels_that_are_all_the_same_give_no_certainty():
    found = ppi_mean([1.0] * 60 + [NAN] * 200, np.random.default_rng(10).random(260))
    assert (found.low, found.high) == pytest.approx(wilson(60, 60, 0.954), abs=0.002)  # t is a little wider
    assert found.low < 0.95
    assert found.high == 1


def test_people_of_two_conversations_alone_know_next_to_nothing():
    found = ppi_mean([1.0, 1.0, 0.0, 1.0], [0.5] * 4, clusters=[1, 1, 2, 2])
    assert found.low < 0.02
    assert found.high > 0.98


def test_an_item_the_judge_did_not_score_weighs_as_an_average_one_and_is_counted():
    drawn = right_or_wrong(np.random.default_rng(12), useful=True)
    judged = drawn.judged.copy()
    judged[::10] = np.nan
    found = ppi_mean(drawn.human, judged)
    assert (found.unscored, found.total, found.n) == (50, 500, 100)
    assert found.human_mean == ppi_mean(drawn.human, drawn.judged).human_mean
    silent = ppi_mean(drawn.human, np.full(500, np.nan))
    assert (silent.lam, silent.judge_mean, silent.rho, silent.unscored) == (0, None, None, 500)


def paired(rng, total=600, n=150, better=0.06):
    """A candidate and a baseline that find the same items hard, and a judge that sees most of it."""
    ease = rng.normal(size=total)
    truth = [(ease + shift + 0.6 * rng.normal(size=total) > 0).astype(float) for shift in (better, 0.0)]
    judged = [np.where(rng.random(total) < 0.9, side, 1 - side) for side in truth]
    looked = rng.permutation(total) < n
    return tuple(np.where(looked, side, np.nan) for side in truth), tuple(judged)


def test_the_interval_of_a_paired_difference_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(13)
    truth = norm.cdf(0.06 / 1.36**0.5) - 0.5
    found = [ppi_difference(*paired(rng)) for _ in range(RUNS)]
    low, high = BOUNDS
    assert low <= sum(f.low <= truth <= f.high for f in found) <= high
    assert np.mean([f.high - f.low for f in found]) < 0.9 * np.mean([np.ptp(f.human_only) for f in found])


def test_pairing_is_narrower_than_two_separate_means():
    human, judged = paired(np.random.default_rng(14))
    together = ppi_difference(human, judged)
    apart = [ppi_mean(h, j) for h, j in zip(human, judged, strict=True)]
    assert together.se < 0.9 * (apart[0].se ** 2 + apart[1].se ** 2) ** 0.5


def test_an_item_is_labelled_in_a_pair_only_where_both_of_its_sides_are():
    human, judged = paired(np.random.default_rng(15))
    first = human[0].copy()
    first[np.flatnonzero(~np.isnan(first))[:5]] = np.nan
    assert ppi_difference((first, human[1]), judged).n == 145


def test_where_people_hardly_tell_two_answers_apart_the_interval_is_not_a_point():
    rng = np.random.default_rng(16)
    same = np.where(rng.permutation(400) < 80, 1.0, np.nan)
    found = ppi_difference((same, same), (rng.random(400), rng.random(400)))
    assert found.why == "people alone: they tell the two apart on 0 labelled items, fewer than 10"
    assert found.low < -0.04 < 0.04 < found.high
    once_better = same.copy()
    once_better[np.flatnonzero(same == 1)[:3]] = 0
    assert (
        ppi_difference((same, once_better), (rng.random(400), rng.random(400))).low < 0
    )  # three of eighty prove nothing


def test_a_good_judge_is_worth_labels_and_the_record_reads_back_from_json():
    drawn = graded(np.random.default_rng(17), useful=True)
    found = ppi_mean(drawn.human, drawn.judged)
    assert found.labels_worth > 80
    assert found.why.startswith("people and judge: the judge's scores count 0.")
    assert PpiEstimate.model_validate_json(found.model_dump_json()) == found


def test_labels_and_scores_of_different_items_are_refused():
    with pytest.raises(InputError, match="not of the same items"):
        ppi_mean([1.0, 0.0], [1.0])
    with pytest.raises(InputError, match="1 probabilities for 2 items"):
        ppi_mean([1.0, 0.0], [1.0, 0.0], probabilities=[0.5])
