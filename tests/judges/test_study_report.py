"""A study's report finds what was planted in simulated votes, and says of every figure how many votes it is of."""

import numpy as np
import polars as pl
import pytest
from scipy.optimize import minimize
from scipy.stats import binom, norm

from curation.records import DECISIONS, Decision, decisions_frame, draw
from curation.store.gold import GoldItem, Judged
from curation.store.reviews import Ballot, Item, Study
from curation.store.store import Store
from judges.gold import GoldService
from judges.gold_again import open_again
from judges.label_errors import Suspect
from judges.preference import controlled_rate
from judges.review import ReviewService
from judges.study_beside import Beside
from judges.study_figures import detectable
from judges.study_report import position, report_of
from tests.judges.houses import samples

TEACHERS = ("alder", "birch")


def study(n, kind="pairwise"):
    return Study(
        name="s", version="v", kind=kind, question="?", overlap=2, seed=0, raters=None, items=n, opened="", closed=None
    )


def items(n, lengths=lambda i: (20, 20)):
    """`n` pairs of answers of two teachers, as long as asked."""
    found = []
    for i in range(n):
        first, second = (f"{i} ".ljust(k, "x") for k in lengths(i))
        found.append(
            Item(
                prompt=f"question {i}", first=first, second=second, first_sample=f"{i}a", second_sample=f"{i}b",
                first_teacher=TEACHERS[0], second_teacher=TEACHERS[1],
            )
        )  # fmt: skip
    return found


def vote(item, position, rater, winner, swap=False, dwell_ms=4000):
    """A ballot for `first`, `second` or a tie, as it was given in the order shown."""
    pane = {"first": "ab"[swap], "second": "ba"[swap]}.get(winner, winner)
    about = item.model_dump(include={"first_sample", "second_sample", "first_teacher", "second_teacher"})
    return Ballot(
        position=position, rater=rater, choice=pane, swap=swap, reason=None, dwell_ms=dwell_ms, at="", **about
    )


def both_orders(pairs, choose):
    """Two raters vote on every pair, each in another order."""
    return [
        vote(item, i, rater, choose(i, item, swap), swap)
        for i, item in enumerate(pairs)
        for rater, swap in (("ana", bool(i % 2)), ("ben", not i % 2))
    ]


def test_raters_who_like_the_left_pane_raise_an_alarm():
    pairs = items(200)
    liking = both_orders(
        pairs, lambda i, item, swap: ("second" if swap else "first") if draw(2, i, swap) < 0.7 else "second"
    )
    found = report_of(study(200), liking, Beside(pairs))["position"]
    assert "pane A is favoured" in found["alarm"]
    assert found["ci"][0] > 0.5
    assert {r: row["decided"] for r, row in found["raters"].items()} == {"ana": 200, "ben": 200}


def test_raters_who_do_not_care_about_sides_raise_an_alarm_once_in_twenty_studies_at_most():
    pairs = items(100)
    studies = [
        both_orders(pairs, lambda i, item, swap: "first" if draw(k, i, swap) < 0.6 else "second")  # noqa: B023 - called at once
        for k in range(200)
    ]
    assert sum(position(votes)["alarm"] is not None for votes in studies) <= 20


def test_items_shown_in_one_order_only_do_not_tell_a_liking_for_a_pane():
    pairs = items(50)
    votes = [vote(item, i, "ana", "first") for i, item in enumerate(pairs)]
    found = report_of(study(50), votes, Beside(pairs))["position"]
    assert (found["share"], found["alarm"]) == (1.0, None)
    assert "one order" in found["why"]


def test_a_teacher_preferred_for_its_length_alone_is_even_at_equal_lengths():
    """Its answers are longer nine times in ten, and raters prefer the longer one two to one, whoever wrote it."""
    pairs = items(400, lambda i: (300, 100) if draw(3, i) < 0.9 else (100, 300))

    def choose(i, item, swap):
        longer, shorter = ("first", "second") if len(item.first) > len(item.second) else ("second", "first")
        return longer if draw(4, i, swap) < 2 / 3 else shorter

    found = report_of(study(400), both_orders(pairs, choose), Beside(pairs))["win_rates"]["teachers"]
    assert found["alder"]["ci"][0] > 0.55
    low, high = found["alder"]["controlled_ci"]
    assert low < 0.5 < high
    assert found["alder"]["controlled"] == pytest.approx(1 - found["birch"]["controlled"], abs=1e-3)
    assert (found["alder"]["n"], found["alder"]["prompts"]) == (800, 400)


def test_a_better_teacher_stays_better_at_equal_lengths():
    pairs = items(400, lambda i: (100 + int(100 * draw(5, i)), 100 + int(100 * draw(6, i))))
    votes = both_orders(pairs, lambda i, item, swap: "first" if draw(7, i, swap) < 0.7 else "second")
    found = report_of(study(400), votes, Beside(pairs))["win_rates"]["teachers"]["alder"]
    assert found["controlled_ci"][0] < 0.7 < found["controlled_ci"][1]
    assert found["ci"][0] > 0.5 + found["mde"] / 2


def test_the_controlled_rate_is_that_of_a_general_optimiser():
    rng = np.random.default_rng(8)
    ratio_N = rng.normal(0, 0.7, 500)
    score_N = rng.choice([0.0, 0.5, 1.0], 500, p=[0.3, 0.1, 0.6])

    def cost(b_2):
        eta_N = b_2[0] + b_2[1] * ratio_N
        return float((np.logaddexp(0, eta_N) - score_N * eta_N).sum())

    wanted = 1 / (1 + np.exp(-minimize(cost, [0.0, 0.0], tol=1e-12).x[0]))
    found, (low, high), why = controlled_rate(score_N, ratio_N, np.arange(500))
    assert found == pytest.approx(wanted, abs=1e-5)
    assert low < found < high
    assert why is None


@pytest.mark.parametrize(
    ("score", "ratio", "words"),
    [
        ([1.0] * 20, list(range(20)), "all alike"),
        ([0.0] * 10 + [1.0] * 10, [-1.0 - i for i in range(10)] + [1.0 + i for i in range(10)], "length alone"),
        ([0.0, 1.0] * 10, [0.7] * 20, "cannot be told apart"),
    ],
)
def test_votes_that_hold_no_controlled_rate_say_why(score, ratio, words):
    value, interval, why = controlled_rate(np.array(score), np.array(ratio, dtype=float), np.arange(20))
    assert (value, interval) == (None, None)
    assert words in why


def test_the_interval_of_the_controlled_rate_holds_the_truth_about_as_often_as_it_says():
    """A true intercept of 0.4, two votes a prompt that share the prompt's own leaning; 95 % intervals of 60 studies."""
    held = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        ratio_N = np.repeat(rng.normal(0, 0.6, 150), 2)
        score_N = (rng.random(300) < 1 / (1 + np.exp(-(0.4 + 0.8 * ratio_N)))).astype(float)
        _, (low, high), _ = controlled_rate(score_N, ratio_N, np.repeat(np.arange(150), 2), seed, draws=300)
        held += low < 1 / (1 + np.exp(-0.4)) < high
    assert 52 <= held <= 60


@pytest.mark.parametrize("n", [40, 200, 1000])
def test_the_smallest_effect_is_one_that_so_many_votes_find_four_times_in_five(n):
    effect = detectable(n)
    half = norm.ppf(0.975) * 0.5 / np.sqrt(n)
    assert 0.76 < binom.sf(np.ceil(n * (0.5 + half)) - 1, n, 0.5 + effect) < 0.88


def test_votes_of_one_prompt_are_worth_less_than_as_many_prompts():
    apart, together = items(60), [i.model_copy(update={"prompt": "one of two"}) for i in items(60)]
    together = [i.model_copy(update={"prompt": f"question {k % 6}"}) for k, i in enumerate(together)]
    votes = [vote(item, i, "ana", "first" if i % 6 < 3 else "second") for i, item in enumerate(apart)]
    one = report_of(study(60), votes, Beside(apart))["win_rates"]["teachers"]["alder"]
    other = report_of(study(60), votes, Beside(together))["win_rates"]["teachers"]["alder"]
    assert (one["rate"], one["n"]) == (other["rate"], other["n"])
    assert other["ci"][1] - other["ci"][0] > one["ci"][1] - one["ci"][0]
    assert one["mde"] < 0.2
    assert other["mde"] is None


def test_pace_tells_the_median_the_slow_tail_and_what_nobody_can_have_read():
    pairs = items(100)
    votes = [vote(item, i, "ana", "first", dwell_ms=200 if i < 25 else 5000 + i) for i, item in enumerate(pairs)]
    votes += [vote(item, i, "ben", "first", dwell_ms=0) for i, item in enumerate(pairs)]
    raters = report_of(study(100), votes, Beside(pairs))["raters"]
    assert (raters["ana"]["under_1s"]["share"], raters["ana"]["under_1s"]["n"]) == (0.25, 100)
    assert 5000 < raters["ana"]["median_dwell_ms"] < raters["ana"]["p90_dwell_ms"] < 5100
    assert (raters["ben"]["under_1s"], raters["ben"]["why"]) == (None, "no time was recorded with these votes")


def test_a_rater_who_saw_an_item_again_is_held_to_what_they_said_before():
    pairs = items(20)
    votes = [vote(item, i, "ana", "first") for i, item in enumerate(pairs)]
    votes += [vote(item, i, "ana", "first" if i else "second", swap=True) for i, item in enumerate(pairs[:10])]
    found = report_of(study(20), votes, Beside(pairs))["self_consistency"]
    assert (found["raters"]["ana"]["share"], found["raters"]["ana"]["n"]) == (0.9, 10)
    once = report_of(study(20), votes[:20], Beside(pairs))["self_consistency"]
    assert once == {"raters": {}, "why": "no rater saw an item twice"}


def test_every_two_raters_have_their_kappa_and_ac1_with_intervals():
    pairs = items(60)
    votes = [
        vote(item, i, rater, "first" if draw(9, i) < 0.5 or draw(k, i) < 0.1 else "second")
        for i, item in enumerate(pairs)
        for k, rater in enumerate(("ana", "ben", "cem"))
    ]
    found = report_of(study(60), votes, Beside(pairs))
    assert [p["raters"] for p in found["pairs"]] == [["ana", "ben"], ["ana", "cem"], ["ben", "cem"]]
    for pair in found["pairs"]:
        for name in ("kappa", "ac1"):
            low, high = pair[name]["ci"]
            assert low <= pair[name]["value"] <= high
    assert found["ac1_ci"][0] < found["ac1"] < found["ac1_ci"][1]
    assert found["kappa"] is None


def shares(value):
    """Every share, rate or coefficient in a report."""
    if isinstance(value, dict):
        if {"share", "rate", "value"} & value.keys():
            yield value
        for inner in value.values():
            yield from shares(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from shares(inner)


def test_every_figure_has_its_interval_and_its_number_of_votes_or_items():
    pairs = items(30)
    votes = both_orders(pairs, lambda i, item, swap: "first" if draw(11, i, swap) < 0.6 else "tie")
    rows = list(shares(report_of(study(30), votes, Beside(pairs, right={0: "first", 1: "second"}))))
    assert len(rows) > 10
    assert not [row for row in rows if "ci" not in row or not {"n", "decided"} & row.keys()]


@pytest.mark.parametrize("kind", ["pairwise", "single"])
def test_a_study_without_a_vote_has_a_report_that_says_what_is_missing(kind):
    found = report_of(study(5, kind), [], Beside(items(5)))
    assert (found["votes"], found["alpha"], found["ac1"]) == (0, None, None)
    assert "no item has two votes" in found["note"]
    missing = found["win_rates"] if kind == "pairwise" else found["acceptance"]
    assert missing["why"]
    assert found["judges"]["why"] == "no judge was asked about these samples"


# --- beside gold and judges ----------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path):
    with Store.create(tmp_path) as opened:
        yield opened


def gold_row(i):
    verdict = "accept" if i % 2 else "reject"
    judged = Judged(messages=({"role": "user", "content": f"q{i}"},), answers=(f"answer {i}",), verdict=verdict)
    return GoldItem(id=f"g{i}", text=f"q{i}", answer=None, judged=judged)


def test_raters_of_gold_rows_have_their_accuracy_with_its_interval(store):
    GoldService(store).add("gold", [gold_row(i) for i in range(12)], actor="lead")
    rows = GoldService(store).items("gold")
    suspects = [Suspect(row=row, score=0.5, reasons=("somebody asked",)) for row in rows]
    open_again(store, "gold", "again", suspects, overlap=2)
    service = ReviewService(store)
    for rater, wrong in (("ana", 0), ("ben", 3)):
        for shown in service.next("again", rater, 12):
            i = int(shown.a.split()[1])
            service.vote(shown.token, rater, "accept" if i % 2 != (i < 2 * wrong and i % 2 == 0) else "reject")
    found = service.close("again")["gold"]
    assert (found["rows"], found["why"]) == (12, None)
    assert {r: (row["share"], row["n"]) for r, row in found["raters"].items()} == {"ana": (1.0, 12), "ben": (0.75, 12)}
    assert found["raters"]["ben"]["ci"][0] < 0.75 < found["raters"]["ben"]["ci"][1]


def ruled(ident, i, number, judges):
    """A decision of the judges' step: kept by a panel whose judges said this."""
    votes = [{"judge": name, "vote": said, "weight": 1.0} for name, said in judges.items()]
    return Decision(
        sample=ident, step="judges", action="keep", reason="judge_agreed", words="", number=number,
        evidence={"votes": votes, "majority": "agreed"},
    )  # fmt: skip


def judged_house(store, judge):
    """A sealed version of 40 prompts, two answers each, with what the judges said of them."""
    frame = samples(40, store.sample_id)
    rows = frame.to_dicts()
    decisions = [ruled(row["id"], row["position"], *judge(row)) for row in rows]
    store.versions.seal(frame, decisions_frame(decisions), recipe="0" * 64, steps=[], facts={})
    return ReviewService(store), {row["answer"]: row for row in rows}


def test_judges_stand_beside_what_most_raters_say_of_single_answers(store):
    def judge(row):
        strict = "reject" if row["position"] % 4 == 0 else "accept"
        return 0.9, {"strict": strict, "mild": "accept"}

    service, known = judged_house(store, judge)
    service.create("s", kind="single", n=80, overlap=1)
    while shown := service.next("s", "ana"):
        for item in shown:
            service.vote(item.token, "ana", "reject" if known[item.a]["position"] % 4 == 0 else "accept")
    found = service.close("s")["judges"]
    assert (found["panel"]["share"], found["panel"]["n"], found["panel"]["judge_undecided"]) == (0.75, 80, 0)
    assert {name: row["share"] for name, row in found["by_judge"].items()} == {"mild": 0.75, "strict": 1.0}
    assert found["by_judge"]["strict"]["kappa"]["value"] == 1.0
    assert found["panel"]["ci"][0] < 0.75 < found["panel"]["ci"][1]
    assert "kept" in found["note"]


def test_of_two_answers_the_panel_prefers_the_one_it_accepts_more_strongly(store):
    def judge(row):
        better = (row["teacher"] == "teacher-zeta") != (row["position"] < 10)
        same = row["position"] >= 30
        return 0.8 if same or better else 0.6, {"one": "accept"}

    service, known = judged_house(store, judge)
    service.create("s", n=40, overlap=1)
    while shown := service.next("s", "ana"):
        for item in shown:
            service.vote(item.token, "ana", "a" if known[item.a]["teacher"] == "teacher-zeta" else "b")
    found = service.close("s")["judges"]
    panel = found["panel"]
    assert (panel["n"], panel["judge_undecided"], panel["people_undecided"]) == (30, 10, 0)
    assert panel["share"] == pytest.approx(2 / 3, abs=1e-3)
    assert (found["by_judge"]["one"]["n"], found["by_judge"]["one"]["judge_undecided"]) == (0, 40)


def test_a_version_no_judge_saw_says_so(store):
    frame = samples(4, store.sample_id)
    store.versions.seal(frame, pl.DataFrame(schema=DECISIONS), recipe="0" * 64, steps=[], facts={})
    service = ReviewService(store)
    service.create("s", n=4, overlap=1)
    assert service.close("s")["judges"]["why"] == "no judge was asked about these samples"
