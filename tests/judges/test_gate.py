"""The gate pairs by item, clusters by customer, and states one of four outcomes in a sentence."""

import math
import re
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import t

from curation.errors import UnknownPlugin, UnknownRecord
from curation.evaluation import Evaluation, ItemScore
from curation.store.evaluations import Evaluations
from curation.store.gates import Gates
from curation.store.store import Store
from judges.estimate import paired_difference, tango_interval
from judges.gate import GateTable, decide, decide_and_record, evaluation_named, pool
from judges.power import items_needed, smallest_margin

GATE = GateTable(items="messy messages", groups="customers")


def evaluation(scores, *, arm="curated", per_cluster=4, name=None, seed=1, holdout="h" * 64):
    items = tuple(
        ItemScore(item=f"i{i}", cluster=f"c{i // per_cluster}", expected="x", predicted="x", score=score)
        for i, score in enumerate(scores)
    )
    return Evaluation(
        id=name or f"{arm}-{seed}", student=f"{arm}-{seed}", version="v", arm=arm, seed=seed,
        holdout=holdout, metric="accuracy@1", items=items, summary={},
    )  # fmt: skip


def scores(n, right, seed):
    rng = np.random.default_rng(seed)
    return [float(x) for x in rng.random(n) < right]


def changed(base, share, seed, to):
    """The same scores with a share of the items set to `to`."""
    rng = np.random.default_rng(seed)
    return [to if rng.random() < share else s for s in base]


RAW = scores(800, 0.8, 0)


def test_a_clearly_better_student_passes_with_a_sentence_a_manager_can_read():
    decision = decide(evaluation(changed(RAW, 0.3, 1, 1.0)), evaluation(RAW, arm="raw"), GATE)
    assert decision.outcome == "PASS"
    low, high = decision.ci
    assert decision.sentence == (
        f"The curated student is {100 * decision.estimate:.1f} points better than the raw one on 800 messy messages "
        f"from 200 customers (95 % interval {100 * low:.1f} to {100 * high:.1f}), "
        "so it is not worse by more than the allowed 2 points: PASS."
    )


def test_a_clearly_worse_student_fails():
    decision = decide(evaluation(changed(RAW, 0.2, 2, 0.0)), evaluation(RAW, arm="raw"), GATE)
    assert decision.outcome == "FAIL"
    assert "points worse than the raw one" in decision.sentence


def test_a_holdout_too_small_to_tell_is_inconclusive_and_says_how_many_items_would_do():
    base = [0.0 if i % 20 == 0 else 1.0 for i in range(300)]
    other = [0.0 if i % 20 == 10 else 1.0 for i in range(300)]
    decision = decide(evaluation(other), evaluation(base, arm="raw"), GATE)
    assert decision.outcome == "INCONCLUSIVE"
    assert re.search(r"does not settle .* \(about [\d,]+ would\): INCONCLUSIVE\.$", decision.sentence)


def test_few_clusters_withhold_a_pass():
    wide = {"per_cluster": 100}
    decision = decide(evaluation(changed(RAW, 0.5, 1, 1.0), **wide), evaluation(RAW, arm="raw", **wide), GATE)
    assert decision.outcome == "INCONCLUSIVE"
    assert "fewer than 20 customers" in decision.sentence


@pytest.mark.parametrize(
    ("other", "cause"),
    [
        (evaluation(RAW[:-1], arm="raw"), "items that differ: 1"),
        (evaluation(RAW, arm="raw", holdout="g" * 64), "same holdout"),
        (evaluation(RAW, arm="raw", per_cluster=5), "same holdout"),
        (evaluation([None] * 17 + RAW[17:], arm="raw"), "17 of 800 messy messages have no score"),
    ],
)
def test_a_comparison_that_cannot_be_made_is_invalid_and_spends_nothing(other, cause):
    decision = decide(evaluation(RAW), other, GATE)
    assert (decision.outcome, decision.estimate, decision.alpha_spent) == ("INVALID", None, 0)
    assert cause in decision.sentence


def test_an_unscored_item_leaves_both_sides():
    decision = decide(evaluation([None] * 8 + RAW[8:]), evaluation(RAW, arm="raw"), GATE)
    assert decision.n == 792


def test_the_decision_as_a_dictionary_has_the_promised_keys():
    decision = decide(evaluation(RAW), evaluation(RAW, arm="raw"), GATE)
    assert list(decision.as_dict()) == ["outcome", "estimate", "ci", "margin", "n", "clusters", "alpha_spent"]


def test_twenty_identical_answers_prove_nothing_about_two_points():
    few = [1.0] * 20
    decision = decide(evaluation(few, per_cluster=1), evaluation(few, arm="raw", per_cluster=1), GATE)
    assert decision.outcome == "INCONCLUSIVE"
    assert decision.ci[0] < -0.1


def test_the_clustered_standard_error_is_the_hand_worked_one():
    # Differences 1 1 | 0 0 | 0 -1 in three clusters: mean 1/6, cluster sums of deviations 5/3, -1/3, -4/3.
    found = paired_difference([1, 1, 0, 0, 0, -1], list("aabbcc"), 0.025)
    assert found.mean == pytest.approx(1 / 6)
    assert found.se == pytest.approx(math.sqrt(3 / 2 * (25 + 1 + 16) / 9) / 6)
    assert found.low <= found.mean - t.ppf(0.975, 2) * found.se


def test_repeating_every_item_in_its_cluster_does_not_narrow_the_interval():
    base = [float(x) for x in np.random.default_rng(0).integers(-1, 2, 60)]
    once = paired_difference(base, [f"c{i}" for i in range(60)], 0.025)
    tenfold = paired_difference(base * 10, [f"c{i}" for i in range(60)] * 10, 0.025)
    assert tenfold.se == pytest.approx(once.se)


def test_tangos_interval_is_where_his_statistic_meets_z_and_mirrors_when_sides_swap():
    z = 1.959964
    low, high = tango_interval(0, 0, 100, 0.025)
    assert high == pytest.approx(z**2 / (100 + z**2), abs=1e-6)  # the closed form with nothing discordant
    assert low == pytest.approx(-high)
    low, high = tango_interval(9, 3, 60, 0.025)
    assert tango_interval(3, 9, 60, 0.025) == pytest.approx((-high, -low))
    assert low < 6 / 60 < high


def test_a_pass_at_the_margin_is_as_rare_as_alpha_says():
    rng = np.random.default_rng(11)
    passes = 0
    for _ in range(400):
        effect_C = rng.normal(-0.02, 0.05, 60).repeat(5)  # a whole customer goes well or badly
        d = rng.normal(effect_C, 0.2)
        found = paired_difference(list(d), [f"c{i // 5}" for i in range(300)], 0.025)
        passes += found.low > -0.02
    assert passes <= 400 * 0.025 + 3 * math.sqrt(400 * 0.025 * 0.975)


def test_seeds_are_pooled_inside_an_item_and_never_count_as_items():
    pooled = pool([evaluation([1.0, 0.0, None]), evaluation([0.0, 0.0, 1.0], seed=2)])
    assert [i.score for i in pooled.items] == [0.5, 0.0, None]
    assert pooled.arm == "curated"


@pytest.mark.parametrize(
    ("margin", "discordant", "items"),
    [(0.02, 0.1, 1546), (0.02, 0.2, 3092), (0.03, 0.1, 687), (0.03, 0.2, 1374), (0.05, 0.1, 248), (0.05, 0.2, 495)],
)
def test_the_items_needed_are_those_of_the_published_table(margin, discordant, items):
    assert items_needed(margin, math.sqrt(discordant), alpha=0.05) == items


def test_more_items_prove_a_smaller_margin():
    margins = [smallest_margin(n, 0.4) for n in (100, 400, 1600)]
    assert [round(a / b, 6) for a, b in pairwise(margins)] == [2, 2]


def test_an_unknown_rule_is_named_with_the_nearest_one():
    with pytest.raises(UnknownPlugin, match="did you mean 'noninferiority'"):
        decide(evaluation(RAW), evaluation(RAW, arm="raw"), GateTable(rule="non-inferiority"))


def test_a_decision_is_recorded_with_its_sentence_and_an_event(tmp_path):
    with Store.create(tmp_path) as store:
        for arm, values in (("raw", RAW), ("curated", changed(RAW, 0.3, 1, 1.0))):
            for seed in (1, 2):
                Evaluations(store.state).save(evaluation(values, arm=arm, seed=seed))
        candidate, baseline = evaluation_named(store, "curated"), evaluation_named(store, "raw")
        decision = decide_and_record(store, candidate, baseline, GATE)
        (record,) = Gates(store.state).list()
        assert (record.sentence, record.body["settings"]["margin"]) == (decision.sentence, 0.02)
        assert store.ledger.events("gate")[0].body["outcome"] == "PASS"
        with pytest.raises(UnknownRecord, match="curated-1"):
            evaluation_named(store, "curate")
