"""Agreement statistics equal the figures published with the examples they are tested on, and other libraries'."""

import csv
import json
import math
from collections import Counter, defaultdict
from itertools import combinations

import numpy as np
import pytest

from curation.errors import InputError
from curation.intervals import wilson
from judges.agreement import (
    PairAgreement,
    PanelAgreement,
    agreement_matrix,
    cohen_kappa,
    fleiss_kappa,
    gwet_ac1,
    krippendorff_alpha,
    pair_agreement,
    panel_agreement,
    raw_agreement,
)
from judges.resampling import cluster_numbers, percentile, share_interval

# Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011): four observers, twelve units, gaps.
FOUR_OBSERVERS = [
    "123321412...",
    "1233224125.3",
    ".3332342251.",
    "12332441251.",
]
# Fleiss (1971), as worked on many pages since: fourteen raters, ten subjects, five categories.
FOURTEEN_RATERS = [
    (0, 0, 0, 0, 14),
    (0, 2, 6, 4, 2),
    (0, 0, 3, 5, 6),
    (0, 3, 9, 2, 0),
    (2, 2, 8, 1, 1),
    (7, 7, 0, 0, 0),
    (3, 2, 6, 3, 0),
    (2, 5, 3, 2, 2),
    (6, 5, 2, 1, 0),
    (0, 2, 2, 3, 7),
]


def units(observers):
    return [[None if r == "." else r for r in unit] for unit in zip(*observers, strict=True)]


def grades(observers):
    return [[None if r is None else int(r) for r in unit] for unit in units(observers)]


def table(counts):
    """Two raters' labels from a square table of counts."""
    pairs = [(i, j) for i, row in enumerate(counts) for j, n in enumerate(row) for _ in range(n)]
    return [list(x) for x in zip(*pairs, strict=True)]


def two_raters(n, labels, seed, shift=0.7):
    """Two lists of grades that often agree, from a fixed seed."""
    rng = np.random.default_rng(seed)
    first = rng.integers(0, labels, n)
    second = np.where(rng.random(n) < shift, first, rng.integers(0, labels, n))
    return first.tolist(), second.tolist()


def needs(module):
    return pytest.importorskip(module, reason=f"oracle: no {module.split('.')[0]}; pip install 'stillhouse[dev]'")


def test_alpha_of_four_observers_with_missing_ratings_is_the_published_one():
    found = krippendorff_alpha(units(FOUR_OBSERVERS))
    assert round(found.value, 3) == 0.743
    assert found.units == 11  # unit 12 has a single rating
    assert found.left_out == 1


@pytest.mark.parametrize(("measure", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_of_four_observers_by_each_measure_is_the_published_one(measure, published):
    assert round(krippendorff_alpha(grades(FOUR_OBSERVERS), measure=measure).value, 3) == published


def test_ordinal_alpha_asks_for_the_order_of_values_only_and_interval_alpha_for_their_distances():
    stretched = [[None if g is None else g**3 for g in unit] for unit in grades(FOUR_OBSERVERS)]
    ordinal = [krippendorff_alpha(u, measure="ordinal").value for u in (stretched, grades(FOUR_OBSERVERS))]
    interval = [krippendorff_alpha(u, measure="interval").value for u in (stretched, grades(FOUR_OBSERVERS))]
    assert ordinal[0] == pytest.approx(ordinal[1])
    assert abs(interval[0] - interval[1]) > 0.01


def test_alpha_of_two_observers_is_the_published_one_for_binary_and_nominal_data():
    binary = ["0100000010", "1110010000"]
    nominal = ["aabbdcccedda", "babbbccceddd"]
    assert round(krippendorff_alpha(units(binary)).value, 3) == 0.095
    assert round(krippendorff_alpha(units(nominal)).value, 3) == 0.692


def test_alpha_is_undefined_and_not_one_when_only_one_label_was_ever_given():
    assert krippendorff_alpha([["a", "a"], ["a", "a"]]).value is None
    assert krippendorff_alpha([[3, 3], [3, 3]], measure="interval").value is None
    assert krippendorff_alpha([[3, 3], [3, 3]], measure="ordinal", draws=50).interval is None


def test_a_measure_of_distances_refuses_words():
    with pytest.raises(InputError, match="need numbers; found 'bad', 'good'"):
        krippendorff_alpha([["good", "bad"]], measure="ordinal")


def test_the_interval_of_alpha_holds_its_value_and_repeats_with_its_seed():
    first = krippendorff_alpha(units(FOUR_OBSERVERS), draws=500, seed=3)
    assert first.interval.low < first.value <= first.interval.high
    assert first == krippendorff_alpha(units(FOUR_OBSERVERS), draws=500, seed=3)


@pytest.mark.parametrize("measure", ["nominal", "ordinal", "interval"])
def test_drawing_ratings_anew_equals_computing_alpha_of_the_drawn_items(measure):
    rated = grades(FOUR_OBSERVERS)
    rng = np.random.default_rng(5)
    drawn = []
    kept = [u for u in rated if sum(g is not None for g in u) > 1]
    for _ in range(200):  # the same draws as the bootstrap's, one at a time
        drawn.append([kept[i] for i in rng.integers(0, len(kept), len(kept))])
    values = [krippendorff_alpha(d, measure=measure).value for d in drawn]
    interval = percentile(np.array([math.nan if v is None else v for v in values]))
    assert krippendorff_alpha(rated, measure=measure, draws=200, seed=5).interval == pytest.approx(interval)


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
    found = pair_agreement({"a": ["y", None], "b": [None, "n"]})
    assert (found.n, found.left_out, found.constant) == (0, 2, None)
    assert {found.raw.value, found.kappa.value, found.alpha.value, found.ac1.value} == {None}
    assert fleiss_kappa([]).value is gwet_ac1([]).value is krippendorff_alpha([]).value is None


def test_weights_need_the_order_of_the_labels_and_every_label_in_it():
    with pytest.raises(InputError, match="labels in their order"):
        cohen_kappa(["low"], ["high"], weights="linear")
    with pytest.raises(InputError, match="lacks 'middling'"):
        cohen_kappa(["low"], ["middling"], weights="linear", order=["low", "high"])


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
@pytest.mark.parametrize("seed", range(4))
def test_kappas_equal_those_of_scikit_learn_and_statsmodels(weights, seed):
    sklearn, statsmodels = needs("sklearn.metrics"), needs("statsmodels.stats.inter_rater")
    first, second = two_raters(120, 5, seed)
    ours = cohen_kappa(first, second, weights=weights, order=range(5))
    theirs = sklearn.cohen_kappa_score(first, second, weights=None if weights == "none" else weights, labels=range(5))
    assert ours == pytest.approx(theirs)
    counts = sklearn.confusion_matrix(first, second, labels=range(5))
    kind = {"none": None, "linear": "linear", "quadratic": "quadratic"}[weights]
    assert ours == pytest.approx(statsmodels.cohens_kappa(counts, wt=kind, return_results=False))


def test_fleiss_kappa_of_the_published_example_and_of_statsmodels():
    rated = [[k for k, n in enumerate(row) for _ in range(n)] for row in FOURTEEN_RATERS]
    assert round(fleiss_kappa(rated).value, 3) == 0.210
    statsmodels = needs("statsmodels.stats.inter_rater")
    assert fleiss_kappa(rated).value == pytest.approx(statsmodels.fleiss_kappa(np.array(FOURTEEN_RATERS)))


def test_fleiss_kappa_leaves_incomplete_items_out_and_says_how_many():
    complete = [["a", "a", "b"], ["b", "b", "b"], ["a", "b", "a"]]
    found = fleiss_kappa([*complete, ["a", None, "a"], [None, None, None], ["b"]])
    assert (found.value, found.units, found.left_out) == (fleiss_kappa(complete).value, 3, 3)


def test_ac1_of_four_raters_with_missing_ratings_is_the_published_one():
    # Gwet (2014, page 120), the same ratings: AC1 .77544, beside Krippendorff's .74342.
    found = gwet_ac1(units(FOUR_OBSERVERS))
    assert round(found.value, 5) == 0.77544
    assert (found.units, found.left_out) == (11, 1)
    assert round(panel_agreement(dict(zip("abcd", _by_rater(FOUR_OBSERVERS), strict=True))).raw.value, 7) == 0.8181818


def _by_rater(observers):
    return [[None if r == "." else r for r in row] for row in observers]


def test_every_coefficient_of_two_abstractors_is_the_published_one():
    # Gwet's example of a hundred cases read by two abstractors in three categories.
    first, second = table([(13, 0, 0), (0, 20, 7), (0, 4, 56)])
    found = pair_agreement({"first": first, "second": second})
    assert round(found.raw.value, 2) == 0.89
    assert round(found.kappa.value, 7) == 0.7964094
    assert round(found.ac1.value, 7) == 0.8493305
    assert round(found.alpha.value, 7) == 0.7972585


def test_a_pairs_figures_are_those_of_the_functions_for_any_number_of_raters():
    first, second = two_raters(80, 4, 1)
    both = list(zip(first, second, strict=True))
    found = pair_agreement({"a": first, "b": second}, order=range(4))
    assert found.raw.value == pytest.approx(raw_agreement(first, second))
    assert found.alpha.value == pytest.approx(krippendorff_alpha(both).value)
    assert found.ac1.value == pytest.approx(gwet_ac1(both).value)
    assert found.linear.value == pytest.approx(cohen_kappa(first, second, weights="linear", order=range(4)))
    assert found.quadratic.value == pytest.approx(
        krippendorff_alpha(both, measure="interval").value, abs=0.02
    )  # they differ by chance's small-sample correction only


def test_ac1_stays_high_where_nearly_all_labels_are_the_same_and_kappa_does_not():
    pairs = [("y", "y")] * 118 + [("y", "n")] * 5 + [("n", "y")] * 2
    found = pair_agreement(dict(zip(("a", "b"), map(list, zip(*pairs, strict=True)), strict=True)))
    assert round(found.ac1.value, 4) == 0.9408
    assert round(found.kappa.value, 4) == -0.0234
    assert found.constant.share > found.raw.value  # and saying "y" without looking agrees as well


def test_two_raters_who_always_say_the_same_label_agree_fully_by_ac1_alone():
    found = pair_agreement({"a": ["y"] * 30, "b": ["y"] * 30})
    assert (found.raw.value, found.ac1.value, found.kappa.value, found.alpha.value) == (1, 1, None, None)


def test_drawing_clusters_is_wider_than_drawing_items_where_a_clusters_items_are_alike():
    first, second = two_raters(40, 2, 2)
    said = {"a": first * 10, "b": second * 10}
    alone = pair_agreement(said).kappa.interval
    together = pair_agreement(said, clusters=[str(i) for i in range(40)] * 10).kappa.interval
    assert together.high - together.low > 2.5 * (alone.high - alone.low)  # ten copies: √10 wider


def test_intervals_do_not_depend_on_the_order_of_rows_and_change_with_the_seed():
    first, second = two_raters(60, 3, 3)
    clusters = [f"c{i // 3}" for i in range(60)]
    found = pair_agreement({"a": first, "b": second}, clusters=clusters)
    turned = pair_agreement({"a": first[::-1], "b": second[::-1]}, clusters=clusters[::-1])
    assert turned == found
    assert pair_agreement({"a": first, "b": second}, clusters=clusters, seed=1).kappa.interval != found.kappa.interval


def test_the_interval_of_a_share_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(500):
        often = rng.beta(3, 1.5, 60).repeat(5)  # items of one cluster are alike
        low, high = share_interval(rng.random(300) < often, np.arange(60).repeat(5))
        covered += low <= 3 / 4.5 <= high
    assert 0.93 <= covered / 500 <= 0.975


def test_the_interval_of_a_share_is_wilsons_for_single_items_and_statsmodels():
    assert share_interval([1.0] * 17 + [0.0] * 3, cluster_numbers(None, 20)) == pytest.approx(wilson(17, 20))
    proportion = needs("statsmodels.stats.proportion")
    assert wilson(17, 20) == pytest.approx(proportion.proportion_confint(17, 20, method="wilson"))


def test_identical_items_of_one_cluster_count_once_in_the_interval_of_a_share():
    assert share_interval([1.0] * 40, np.arange(4).repeat(10)) == pytest.approx(wilson(4, 4))


def test_one_cluster_gives_a_value_and_no_interval():
    found = pair_agreement({"a": ["x", "y", "x"], "b": ["x", "y", "y"]}, clusters=["only"] * 3)
    assert found.kappa.value is not None
    assert found.kappa.interval is None


def test_a_matrix_holds_every_two_raters_once_and_reads_back_from_json():
    rng = np.random.default_rng(1)
    said = {name: [None if rng.random() < 0.1 else int(rng.random() < 0.6) for _ in range(50)] for name in "abc"}
    matrix = agreement_matrix(said, [str(i // 2) for i in range(50)], draws=200)
    assert [(p.first, p.second) for p in matrix] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert all(p.n + p.left_out == 50 for p in matrix)
    assert [PairAgreement.model_validate_json(p.model_dump_json()) for p in matrix] == list(matrix)
    panel = panel_agreement(said, draws=200)
    assert PanelAgreement.model_validate_json(panel.model_dump_json()) == panel
    assert panel.fleiss.units < panel.alpha.units <= 50  # complete items only, then two ratings or more


def test_the_constant_rater_says_the_second_raters_commonest_label():
    found = pair_agreement({"judge": ["x", "y", "y", "y"], "people": ["x", "x", "x", "y"]})
    assert (found.constant.label, found.constant.share) == ("x", 0.75)
    assert found.raw.value == 0.5


def test_a_rater_who_always_says_the_same_has_a_balanced_accuracy_of_one_half_and_no_kappa():
    sklearn = needs("sklearn.metrics")
    always, gold = ["y"] * 100, ["y"] * 80 + ["n"] * 20
    assert sklearn.balanced_accuracy_score(gold, always) == 0.5
    assert pair_agreement({"habit": always, "gold": gold}).kappa.value == pytest.approx(0)


def test_the_wilson_interval_never_claims_certainty_from_a_clean_sheet():
    low, high = wilson(20, 20)
    assert high == 1
    assert 0.83 < low < 0.84


@pytest.mark.shared
def test_kappas_of_the_three_pandalm_annotators_are_the_published_ones(shared_data):
    rows = json.loads((shared_data / "pandalm" / "testset-v1.json").read_text())
    raters = {str(i): [row[f"annotator{i}"] for row in rows] for i in (1, 2, 3)}
    kappas = sorted(round(cohen_kappa(a, b), 3) for a, b in combinations(raters.values(), 2))
    assert kappas == [0.852, 0.862, 0.879]
    majority = Counter(Counter(votes).most_common(1)[0][0] for votes in zip(*raters.values(), strict=True))
    assert [majority[k] for k in (0, 1, 2)] == [105, 422, 472]
    matrix = agreement_matrix(raters, [row["cmp_key"] + str(row["idx"]) for row in rows])
    assert sorted(round(p.kappa.value, 3) for p in matrix) == kappas
    assert all(p.kappa.interval.low > p.constant.share for p in matrix)


@pytest.mark.shared
def test_fleiss_kappa_of_summaries_is_the_published_one_on_complete_items_and_null_votes_stay_missing(shared_data):
    path = shared_data / "xsum_hallucination" / "factuality_annotations_xsum_summaries.csv"
    votes = defaultdict(list)
    nulls = 0
    for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
        said = None if row["is_factual"] == "NULL" else row["is_factual"]
        nulls += said is None
        votes[row["bbcid"], row["system"]].append(said)
    rated = [[*v, *[None] * (3 - len(v))] for v in votes.values()]
    found = fleiss_kappa(rated, clusters=[article for article, _ in votes], draws=200)
    assert nulls == 33
    assert (round(found.value, 3), found.units, found.left_out) == (0.774, 1848, 21)
    assert found.interval.low < found.value < found.interval.high
    assert found.clusters < found.units  # several systems summarise one article


@pytest.mark.shared
@pytest.mark.parametrize(("model", "published"), [("gpt4", 0.970), ("llama2orig", 0.929)])
def test_kappa_of_two_annotators_of_refusals_is_the_published_one(shared_data, model, published):
    folder = shared_data / "xstest" / "evaluation" / "automated_evaluation_labels"
    text = (folder / f"xstest_v2_completions_{model}_gpteval.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines(keepends=True)))
    assert len(rows) == 450
    kappa = cohen_kappa([r["annotation_1"] for r in rows], [r["annotation_2"] for r in rows])
    assert round(kappa, 3) == published
