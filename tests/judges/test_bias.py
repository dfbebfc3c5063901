"""A judge's preferences are told beside people's, on the same items, and a judge without one is not accused of it."""

import json

import numpy as np
import pytest

from curation.errors import InputError
from curation.intervals import wilson
from judges.bias import (
    Baseline,
    Gap,
    PositionBias,
    family_preference,
    length_acceptance,
    length_preference,
    leniency,
    longer_wins,
    position_bias,
    side_preference,
    trait_acceptance,
)

NAN = float("nan")


def votes(rng, n, accept):
    return np.where(rng.random(n) < accept, 1.0, -1.0)


def agreeing(rng, human, share):
    """A judge that says what people say this often, and otherwise the opposite."""
    return np.where(rng.random(len(human)) < share, human, -human)


def test_a_judge_that_always_takes_the_first_place_flips_on_every_pair():
    # Swapped and told back in terms of the answers, "the first place" is the second answer.
    found = position_bias([1.0] * 30, [-1.0] * 30)
    assert (found.flipped, found.first, found.both, found.verdicts) == (1.0, 1.0, 30, 60)
    assert found.flipped_interval == pytest.approx(wilson(30, 30))


def test_a_judge_that_keeps_its_answer_in_both_orders_takes_either_place_half_of_the_time():
    said = votes(np.random.default_rng(0), 40, 0.8)
    found = position_bias(said, said)
    assert (found.flipped, found.first) == (0.0, 0.5)
    assert found.first_interval == (0.5, 0.5)


def test_a_pair_read_in_one_order_tells_its_place_but_no_flip():
    found = position_bias([1, -1, NAN, 1], [1, NAN, NAN, NAN])
    assert (found.both, found.flipped, found.verdicts, found.clusters) == (1, 0.0, 4, 3)
    assert found.first == 0.5


def test_pairs_of_one_conversation_count_less_in_the_flip_rate():
    as_is, swapped = np.ones(60), np.where(np.arange(60) < 15, -1.0, 1.0)
    alone = position_bias(as_is, swapped).flipped_interval
    together = position_bias(as_is, swapped, clusters=[str(i // 5) for i in range(60)]).flipped_interval
    assert alone == pytest.approx(wilson(15, 60))
    assert together.low < alone.low < alone.high < together.high


def test_verdicts_that_were_never_given_leave_no_figure_and_no_error():
    nothing = [NAN] * 5
    assert position_bias(nothing, nothing).flipped is position_bias(nothing, nothing).first is None
    for found in (leniency(nothing, [1] * 5), length_preference(nothing, nothing, [1] * 5)):
        assert (found.gap, found.judge, found.interval, found.n, found.left_out) == (None, None, None, 0, 5)
    assert trait_acceptance([1, 1], [1, 1], [1, 1]).gap is None  # nobody without the trait to compare with
    assert longer_wins([1.0, NAN], [0, 3]).accuracy is None


def test_a_gap_counts_only_items_that_both_people_and_judge_spoke_of():
    found = leniency([1, 1, NAN, -1], [1, -1, -1, NAN])
    assert (found.judge, found.human, found.gap, found.n, found.left_out) == (1.0, 0.5, 0.5, 2, 2)


def test_a_judge_that_takes_the_longer_answer_is_told_from_people_who_do_so_less():
    rng = np.random.default_rng(1)
    longer = rng.normal(size=300)
    people = np.where(rng.random(300) < 0.6, np.sign(longer), -np.sign(longer))
    judge = np.where(rng.random(300) < 0.85, np.sign(longer), -np.sign(longer))
    found = length_preference(judge, people, longer)
    assert found.gap == pytest.approx(found.judge - found.human)
    assert found.interval.low > 0.1
    same = length_preference(agreeing(rng, people, 0.8), people, longer)
    assert same.gap < 0  # noise moves a judge towards one half, where people are not


def test_a_judge_that_says_what_people_say_has_no_gap_and_an_interval_that_is_not_a_point():
    people = votes(np.random.default_rng(2), 50, 0.7)
    lengths = np.arange(50) - 24.5
    for found in (leniency(people, people), length_preference(people, people, lengths)):
        assert found.gap == 0
        assert found.interval.low < -0.05 < 0.05 < found.interval.high
    found = length_acceptance(people, people, np.arange(50))
    assert (found.n, found.n_others, found.gap) == (25, 25, 0)
    assert found.interval.low < -0.1 < 0.1 < found.interval.high


def test_the_interval_of_a_gap_covers_the_true_one_as_often_as_it_says():
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(400):
        hard = rng.beta(2, 2, 50).repeat(4)  # answers to one prompt are alike
        people = np.where(rng.random(200) < hard, 1.0, -1.0)
        judge = np.where(rng.random(200) < 0.8 * hard + 0.2, 1.0, -1.0)
        interval = leniency(judge, people, clusters=(np.arange(200) // 4).tolist(), draws=300).interval
        covered += interval.low <= 0.1 <= interval.high  # E[.8 h + .2 - h] = .1
    assert 0.92 <= covered / 400 <= 0.975


def test_the_interval_of_a_gap_between_groups_covers_the_true_one_as_often_as_it_says():
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(400):
        own = np.where(np.arange(160) < 80, 1.0, -1.0)
        people = votes(rng, 160, 0.6)
        judge = np.where((own > 0) & (rng.random(160) < 0.3), 1.0, people)
        interval = trait_acceptance(judge, people, own, draws=300).interval
        covered += interval.low <= 0.3 * 0.4 <= interval.high
    assert 0.92 <= covered / 400 <= 0.985


def test_a_judge_that_favours_its_own_family_is_told_and_a_better_family_is_not_a_bias():
    rng = np.random.default_rng(5)
    related = [True] * 150 + [False] * 150 + [None] * 20
    people = np.concatenate([votes(rng, 150, 0.8), votes(rng, 150, 0.5), votes(rng, 20, 0.5)])
    fair = family_preference(agreeing(rng, people, 0.95), people, related)
    assert fair.interval.low < 0 < fair.interval.high
    assert fair.human > 0.2  # its own family is better, and people say so too
    kind = np.where(np.array([bool(r) for r in related]), 1.0, people)
    found = family_preference(kind, people, related)
    assert (found.n, found.n_others, found.left_out) == (150, 150, 20)
    assert found.interval.low > 0.1


def test_pairs_whose_sides_do_not_differ_say_nothing_about_a_side():
    found = side_preference([1, 1, 1, -1], [1, -1, 1, -1], [1, 1, 0, NAN])
    assert (found.judge, found.human, found.n, found.left_out) == (1.0, 0.5, 2, 2)


def test_the_longer_answer_wins_as_often_as_counted():
    found = longer_wins([1, -1, -1, 1, NAN], [4, 2, -1, 0, 3])
    assert (found.accuracy, found.n, found.left_out) == (2 / 3, 3, 2)


def test_lists_of_different_length_are_refused():
    with pytest.raises(InputError, match="not of the same items"):
        leniency([1, 1], [1])
    with pytest.raises(InputError, match="1 sides for 2 pairs"):
        side_preference([1, 1], [1, 1], [1])


def test_records_repeat_with_their_seed_and_read_back_from_json():
    rng = np.random.default_rng(6)
    people = votes(rng, 60, 0.6)
    judge = agreeing(rng, people, 0.7)
    for record, found in (
        (Gap, lambda: leniency(judge, people)),
        (PositionBias, lambda: position_bias(judge, people)),
        (Baseline, lambda: longer_wins(people, judge)),
    ):
        assert found() == found() == record.model_validate_json(found().model_dump_json())


@pytest.mark.shared
def test_preferences_of_four_judges_for_the_longer_answer_are_the_recomputed_ones(shared_data):
    # Shares of verdicts that both orders agree on, against people's labels of the same 466 pairs.
    said = {"1": 1.0, "2": -1.0, 1: 1.0, 2: -1.0, None: NAN}
    texts = {
        s: json.loads((shared_data / "llmbar" / s / "dataset.json").read_text(encoding="utf-8"))
        for s in ("Processed/MT-Bench", "Processed/LLMEval^2", "Processed/FairEval")
    }
    lines = (shared_data / "llmbar" / "judgments_compact.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [r for r in map(json.loads, lines) if r["strategy"] == "Vanilla_NoRules" and r["subset"] in texts]
    found = {}
    for judge in ("GPT-4", "ChatGPT", "LLaMA2", "PaLM2"):
        own = [r for r in rows if r["judge"] == judge]
        assert len(own) == 466
        pairs = [texts[r["subset"]][r["item"]] for r in own]
        longer = [len(p["output_1"]) - len(p["output_2"]) for p in pairs]
        as_is, swapped = (np.array([said[r[f"winner_{k}"]] for r in own]) for k in ("as_is", "swapped"))
        people = [said[r["label"]] for r in own]
        consistent = np.where(as_is == swapped, as_is, NAN)
        found[judge] = round(length_preference(consistent, people, longer).judge, 3)
        assert round(longer_wins(people, longer).accuracy, 3) == 0.646
        places = position_bias(as_is, swapped)
        assert round(1 - places.flipped, 3) == round(float(np.mean((as_is == swapped)[~np.isnan(as_is + swapped)])), 3)
    assert found == {"GPT-4": 0.697, "ChatGPT": 0.695, "LLaMA2": 0.734, "PaLM2": 0.635}
