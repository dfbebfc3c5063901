"""Agreement statistics equal the figures published with the examples they are tested on."""

import json
from collections import Counter
from itertools import combinations

import pytest

from curation.intervals import wilson
from judges.agreement import cohen_kappa, krippendorff_alpha, raw_agreement

# Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011): four observers, twelve units, gaps.
FOUR_OBSERVERS = [
    "123321412...",
    "1233224125.3",
    ".3332342251.",
    "12332441251.",
]


def units(observers):
    return [[None if r == "." else r for r in unit] for unit in zip(*observers, strict=True)]


def test_alpha_of_four_observers_with_missing_ratings_is_the_published_one():
    found = krippendorff_alpha(units(FOUR_OBSERVERS))
    assert round(found.value, 3) == 0.743
    assert found.units == 11  # unit 12 has a single rating


def test_alpha_of_two_observers_is_the_published_one_for_binary_and_nominal_data():
    binary = ["0100000010", "1110010000"]
    nominal = ["aabbdcccedda", "babbbccceddd"]
    assert round(krippendorff_alpha(units(binary)).value, 3) == 0.095
    assert round(krippendorff_alpha(units(nominal)).value, 3) == 0.692


def test_alpha_is_undefined_and_not_one_when_only_one_label_was_ever_given():
    assert krippendorff_alpha([["a", "a"], ["a", "a"]]).value is None


def test_the_interval_of_alpha_holds_its_value_and_repeats_with_its_seed():
    first = krippendorff_alpha(units(FOUR_OBSERVERS), draws=500, seed=3)
    assert first.interval.low < first.value <= first.interval.high
    assert first == krippendorff_alpha(units(FOUR_OBSERVERS), draws=500, seed=3)


@pytest.mark.parametrize(
    ("both_yes", "first_only", "second_only", "both_no", "kappa"),
    [(20, 5, 10, 15, 0.4), (45, 15, 25, 15, 0.1304), (25, 35, 5, 35, 0.2593)],
)
def test_kappa_of_hand_worked_two_by_two_tables(both_yes, first_only, second_only, both_no, kappa):
    pairs = [("y", "y")] * both_yes + [("y", "n")] * first_only + [("n", "y")] * second_only + [("n", "n")] * both_no
    first, second = zip(*pairs, strict=True)
    assert round(cohen_kappa(first, second), 4) == kappa


def test_raters_without_a_shared_item_have_no_agreement_figure():
    assert cohen_kappa(["y", None], [None, "n"]) is None
    assert raw_agreement(["y", None], [None, "n"]) is None


def test_the_wilson_interval_never_claims_certainty_from_a_clean_sheet():
    low, high = wilson(20, 20)
    assert high == 1
    assert 0.83 < low < 0.84


@pytest.mark.shared
def test_kappas_of_the_three_pandalm_annotators_are_the_published_ones(shared_data):
    rows = json.loads((shared_data / "pandalm" / "testset-v1.json").read_text())
    raters = [[row[f"annotator{i}"] for row in rows] for i in (1, 2, 3)]
    kappas = sorted(round(cohen_kappa(a, b), 3) for a, b in combinations(raters, 2))
    assert kappas == [0.852, 0.862, 0.879]
    majority = Counter(Counter(votes).most_common(1)[0][0] for votes in zip(*raters, strict=True))
    assert [majority[k] for k in (0, 1, 2)] == [105, 422, 472]
