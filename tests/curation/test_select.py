"""A quota is drawn from the seed, spread over labels; the control arm is as large and blind."""

import json

from hypothesis import given
from hypothesis import strategies as st

from curation.pipeline import apply
from curation.select import SelectStep, control_arm, spread
from curation.task import AnswerTable, SelectTable
from tests.curation.rows import row, table

ANSWER = AnswerTable(format="json", field="intent")


def step(seed=7, **settings):
    return SelectStep(SelectTable.model_validate(settings), seed, ANSWER)


def labelled(n, intent, **more):
    return row(n, labels={"intent": intent}, **more)


MANY = [labelled(n, "refund" if n < 80 else "lost_card" if n < 83 else "other") for n in range(120)]


def test_without_a_quota_everything_stays():
    assert apply(table(*MANY), [step()])[1].is_empty()


def test_a_quota_is_spread_over_labels_and_rare_ones_stay_whole():
    samples, decisions = apply(table(*MANY), [step(keep=23)])
    kept = [json.loads(labels)["intent"] for labels in samples.filter(state="kept")["labels"]]
    assert {i: kept.count(i) for i in set(kept)} == {"refund": 10, "lost_card": 3, "other": 10}
    assert set(decisions["reason"]) == {"quota"}
    assert "label 'refund': 80 passed, the share of the quota of 23 is 10" in decisions["words"][0]


def test_the_draw_depends_on_seed_and_request_and_not_on_the_workspace_s_ids():
    def requests(samples, seed):
        return apply(samples, [step(seed, keep=23)])[0].filter(state="kept")["request_key"].to_list()

    elsewhere = table(*({**r, "id": f"other{i}"} for i, r in enumerate(MANY)))
    assert requests(table(*MANY), 7) == requests(elsewhere, 7)
    assert requests(table(*MANY), 7) != requests(table(*MANY), 8)


def test_one_prompt_more_changes_little_of_the_draw():
    few = apply(table(*MANY), [step(keep=60, per_label=False)])[0].filter(state="kept")["id"]
    more = apply(table(*MANY, labelled(500, "refund")), [step(keep=60, per_label=False)])[0].filter(state="kept")["id"]
    assert len(set(few) ^ set(more)) <= 2


def test_unjudged_samples_are_held_only_where_the_task_says_so():
    rows = table(labelled(1, "a", judged="unjudged"), labelled(2, "a", judged="agreed"), labelled(3, "a"))
    assert apply(rows, [step()])[0]["state"].to_list() == ["kept"] * 3
    held, decisions = apply(rows, [step(unjudged="hold")])
    assert held.select("state", "reason").rows() == [("quarantined", "unjudged"), ("kept", None), ("kept", None)]
    assert decisions["action"].to_list() == ["quarantine"]


def test_the_control_arm_is_as_large_as_the_kept_set_and_drawn_from_every_answer():
    rows = [row(n, state="kept" if n % 4 == 0 else "dropped") for n in range(400)]
    rows += [row(n, answer=None, state="failed") for n in range(400, 500)]
    arm = control_arm(table(*rows), 7)
    chosen = set(arm.filter(control=True)["id"])
    assert arm.height == 500
    assert len(chosen) == 100
    assert all(int(ident[1:]) < 400 for ident in chosen)
    from_kept = sum(int(ident[1:]) % 4 == 0 for ident in chosen)
    assert 10 <= from_kept <= 45, "a blind draw takes about a quarter from the kept ones"
    assert control_arm(table(*rows), 7).equals(arm)
    assert not control_arm(table(*rows), 8).equals(arm)


def test_with_nothing_kept_the_control_arm_is_empty():
    assert control_arm(table(row(1, state="dropped")), 7)["control"].to_list() == [False]


@given(st.dictionaries(st.text("abc", max_size=3), st.integers(0, 30)), st.integers(0, 100))
def test_shares_fill_the_quota_never_exceed_a_group_and_differ_by_one_among_the_large(sizes, quota):
    shares = spread(sizes, quota, seed=1)
    assert sum(shares.values()) == min(quota, sum(sizes.values()))
    assert all(shares[g] <= sizes[g] for g in sizes)
    cut = [shares[g] for g in sizes if shares[g] < sizes[g]]
    assert not cut or max(cut) - min(cut) <= 1
    assert all(shares[g] <= min(cut) + 1 for g in sizes if cut)
