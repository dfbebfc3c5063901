"""Several answers of one teacher to one prompt: how different they are, what most say, and who goes."""

import json
import math
from collections import Counter
from time import perf_counter

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.dedup import fold
from curation.groups import GroupsStep, agreement_confidence, folded, sample_groups
from curation.pipeline import apply
from curation.records import DECISIONS
from curation.task import AnswerTable, GroupsTable, Task
from tests.curation.rows import row, table

TEXT = AnswerTable()
LABEL = AnswerTable(format="label", labels=("refund", "other", "account"))
JSON = AnswerTable(format="json", field="intent")
OPEN = AnswerTable(format="json")


def group(*answers: str | None, position: int = 0, teacher: str = "alder", **columns) -> list[dict]:
    """One teacher's answers to one prompt; for JSON and label answers give `labels` as a function of the answer."""
    labels = columns.pop("labels", lambda answer: None)
    return [
        row(f"{position}{teacher}{i}", answer=a, labels=None if a is None else labels(a), position=position,
            teacher=teacher, index=i, **columns)
        for i, a in enumerate(answers)
    ]  # fmt: skip


def label(answer: str) -> dict | None:
    return {"label": answer} if answer in LABEL.labels else None


def only(samples: pl.DataFrame, answer: AnswerTable = TEXT) -> dict:
    found = sample_groups(samples, answer).table
    assert found.height == 1
    return found.row(0, named=True)


def test_a_group_says_how_many_answered_how_many_differ_what_most_say_and_how_far_they_spread():
    found = only(table(*group("Yes.", "yes", "No", None, "  YES!  ")))
    assert found == {
        "position": 0, "teacher": "alder", "n": 5, "answered": 4, "distinct": 2, "distinct_rate": 0.5,
        "majority": "yes", "share": 0.75,
        "spread": pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)) / math.log(4)),
    }  # fmt: skip


def test_groups_are_one_teachers_answers_to_one_prompt_and_a_single_answer_is_none():
    samples = table(
        *group("a", "b", position=1), *group("a", "a", position=1, teacher="birch"), *group("a", position=2),
        *group("c", "d", position=0),
    )  # fmt: skip
    groups = sample_groups(samples, TEXT)
    assert groups.table.select("position", "teacher", "distinct").rows() == [
        (1, "alder", 2), (1, "birch", 1), (0, "alder", 2),
    ]  # fmt: skip
    assert groups.repeated == pytest.approx(1 / 6)


def test_all_alike_spreads_zero_all_different_one_and_who_alone_answered_not_at_all():
    rows = [*group("a", "a", "a"), *group("a", "b", "c", position=1), *group("a", None, position=2)]
    found = sample_groups(table(*rows, *group(None, None, position=3)), TEXT).table
    assert found["spread"].to_list() == [0.0, pytest.approx(1.0), None, None]
    assert found["share"].to_list() == [1.0, pytest.approx(1 / 3), 1.0, None]
    assert found["distinct_rate"].to_list() == [pytest.approx(1 / 3), 1.0, 1.0, None]


def test_without_groups_there_is_nothing_to_say():
    for samples in (table(), table(*group("a"), *group("b", position=1))):
        groups = sample_groups(samples, TEXT)
        assert groups.table.is_empty()
        assert groups.repeated is None
        assert agreement_confidence(samples, TEXT).is_empty()


def test_a_vote_is_about_the_label_and_distinct_about_the_whole_answer():
    def parsed(answer: str) -> dict:
        return json.loads(answer)

    answers = ['{"intent": "refund", "reply": "Sure."}', '{"reply": "Of course.", "intent": "refund"}',
               '{"intent": "other", "reply": "Sure."}', '{"intent":"refund","reply":"SURE"}']  # fmt: skip
    found = only(table(*group(*answers, labels=parsed)), JSON)
    assert (found["distinct"], found["majority"], found["share"]) == (3, "refund", 0.75)
    whole = only(table(*group(*answers, labels=parsed)), OPEN)
    assert (whole["distinct"], whole["share"]) == (3, 0.5)
    assert json.loads(whole["majority"]) == {"intent": "refund", "reply": "Sure."}


def test_an_answer_that_is_no_label_votes_for_itself():
    found = only(table(*group("refund", "Refund, I think", "refund", labels=label)), LABEL)
    assert (found["majority"], found["share"], found["distinct"]) == ("refund", pytest.approx(2 / 3), 2)


def test_calls_of_the_same_function_with_the_same_arguments_are_the_same_whatever_their_ids():
    def call(ident: str, order: str) -> str:
        return json.dumps([{"name": "look_up", "arguments": json.dumps({"order": order}), "id": ident}])

    rows = group("", "", "")
    for r, c in zip(rows, (call("1", "A"), call("2", "A"), call("3", "B")), strict=True):
        r["tool_calls"] = c
    assert only(table(*rows))["distinct"] == 2


def test_of_equally_many_votes_the_first_said_is_named():
    assert only(table(*group("b", "a", "a", "b")))["majority"] == "b"


def test_confidence_from_agreement_is_the_share_of_the_group_that_says_the_same():
    rows = [*group("refund", "refund", "other", None, labels=label), *group("refund", position=1, labels=label)]
    found = dict(agreement_confidence(table(*rows, *group("account", None, position=2)), LABEL).iter_rows())
    two, one = pytest.approx(2 / 3), pytest.approx(1 / 3)
    assert found == {"s0alder0": two, "s0alder1": two, "s0alder2": one}


# --- the step --------------------------------------------------------------------------------------------------


def decided(keep: str, rows: list[dict], answer: AnswerTable = TEXT) -> tuple[list[str], pl.DataFrame]:
    step = GroupsStep(GroupsTable(keep=keep), answer)
    samples, decisions = apply(table(*rows), [step])
    assert decisions.schema == pl.Schema(DECISIONS)
    return samples.filter(state="kept")["id"].to_list(), decisions


def test_keep_all_decides_nothing():
    kept, decisions = decided("all", group("a", "a", "b"))
    assert len(kept) == 3
    assert decisions.is_empty()


def test_a_sample_outvoted_by_its_group_goes_with_the_count_and_the_share():
    rows = [*group("refund", "refund", "other", labels=label), *group("other", position=1, labels=label)]
    kept, decisions = decided("majority", rows, LABEL)
    assert kept == ["s0alder0", "s0alder1", "s1alder0"]
    (only_one,) = decisions.iter_rows(named=True)
    assert (only_one["sample"], only_one["step"], only_one["action"]) == ("s0alder2", "groups", "drop")
    assert (only_one["reason"], only_one["number"]) == ("outvoted", 0.666667)
    assert only_one["words"] == "1 of 3 samples of alder say so, 2 say 'refund'"


def test_a_tie_outvotes_nobody():
    kept, _ = decided("majority", [*group("a", "b"), *group("a", "a", "b", "b", "c", position=1)])
    assert kept == ["s0alder0", "s0alder1", "s1alder0", "s1alder1", "s1alder2", "s1alder3"]


def test_a_sample_that_repeats_another_of_its_group_goes_and_names_it_and_the_first_stays():
    rows = [*group("Yes.", "No", "yes", "YES"), *group("yes", position=1)]
    kept, decisions = decided("distinct", list(reversed(rows)))
    assert sorted(kept) == ["s0alder0", "s0alder1", "s1alder0"]
    assert set(decisions["reason"]) == {"repeated_sample"}
    assert set(decisions["number"]) == {0.75}
    assert decisions["words"][0] == "same answer as sample s0alder0 of alder; 3 of its 4 samples are alike"


def test_failed_samples_and_those_dropped_before_have_no_vote():
    rows = group("a", "a", "b", "b", "b")
    for r in rows[3:]:
        r["state"] = "dropped"
    kept, decisions = decided("majority", rows)
    assert kept == ["s0alder0", "s0alder1"]
    assert decisions["words"].to_list() == ["1 of 3 samples of alder say so, 2 say 'a'"]


def test_a_long_or_broken_majority_is_quoted_on_one_line_and_shortened():
    long = "word\n" * 40
    _, decisions = decided("majority", group(long, long, "no"))
    assert "\n" not in decisions["words"][0]
    assert len(decisions["words"][0]) < 120


def test_a_task_says_what_is_kept_and_a_wrong_word_is_refused():
    assert Task.model_validate({"task": {"name": "t"}, "groups": {"keep": "majority"}}).groups.keep == "majority"
    assert GroupsStep(GroupsTable(), TEXT).describe() == {"keep": "all"}
    with pytest.raises(ValueError, match="keep"):
        GroupsTable.model_validate({"keep": "some"})


# --- one way of folding ----------------------------------------------------------------------------------------

LETTERS = "ab Zß15.,:;-()'\"!?#%&@*/\\+$€ \n\té…\u2212_´`ﬁ\u00a0"


@given(st.lists(st.text(LETTERS, max_size=16), max_size=12))
def test_a_column_is_folded_as_one_text_is(texts):
    assert folded(pl.Series("t", texts, dtype=pl.String)).to_list() == [fold(t) for t in texts]


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=2, max_size=7), min_size=1, max_size=6))
def test_the_figures_are_those_a_plain_count_gives(groups):
    samples = table(*(r for i, answers in enumerate(groups) for r in group(*answers, position=i)))
    found = sample_groups(samples, TEXT).table
    for answers, (*_, n, answered, distinct, _, majority, share, spread) in zip(groups, found.iter_rows(), strict=True):
        votes = Counter(answers)
        p = [v / len(answers) for v in votes.values()]
        assert (n, answered, distinct) == (len(answers), len(answers), len(votes))
        assert (majority, share) == (votes.most_common(1)[0][0], pytest.approx(max(p)))
        assert spread == pytest.approx(-sum(q * math.log(q) for q in p) / math.log(len(answers)), abs=1e-9)


def test_a_hundred_thousand_samples_take_seconds():
    n = 100_000
    answers = [LABEL.labels[i * 7 % 3] for i in range(n)]
    samples = table(*group("x")).sample(n, with_replacement=True).with_columns(
        id=pl.int_range(n).cast(pl.String), position=pl.int_range(n) // 5, index=pl.int_range(n) % 5,
        answer=pl.Series(answers), labels=pl.Series([json.dumps({"label": a}) for a in answers]),
    )  # fmt: skip
    began = perf_counter()
    assert sample_groups(samples, LABEL).table.height == n // 5
    assert agreement_confidence(samples, LABEL).height == n
    assert GroupsStep(GroupsTable(keep="majority"), LABEL)(samples).decisions.height > 0
    assert perf_counter() - began < 20
