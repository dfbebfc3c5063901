"""Duplicates collapse to one; nothing else goes."""

import csv
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.dedup import DedupStep, fold
from curation.pipeline import apply
from curation.task import DedupTable
from tests.curation.rows import row, table

STEP = DedupStep(DedupTable())


def kept(samples, step=STEP):
    after, _ = apply(samples, [step])
    return after.filter(state="kept")["id"].to_list()


def test_of_an_exact_duplicate_pair_exactly_one_survives_and_the_other_names_it():
    """Regression 9.

    Mutation: curation/dedup.py: keyed.filter(pl.col("id") != pl.col("twin")) => keyed.filter(pl.col("n") > 1)
    """
    samples, decisions = apply(table(row(1), row(2)), [STEP])
    assert samples["state"].to_list() == ["kept", "dropped"]
    assert json.loads(decisions["evidence"][0]) == {"twin": "s1"}
    assert decisions.select("reason", "number").row(0) == ("duplicate", 2)
    assert "s1" in decisions["words"][0]


def test_different_answers_to_one_prompt_are_no_duplicates_and_one_answer_to_two_prompts_neither():
    assert kept(table(row(1, answer="yes"), row(2, answer="no"), row(3, prompt="Why?", answer="no"))) == [
        "s1",
        "s2",
        "s3",
    ]


def test_the_row_with_labels_stays_then_the_surest_then_the_first():
    labels = {"intent": "refund"}
    assert kept(table(row(1, logprob=-0.1), row(2, logprob=-0.2))) == ["s1"]
    assert kept(table(row(1, logprob=-0.2), row(2, logprob=-0.1), row(3))) == ["s2"]
    step = DedupStep(DedupTable(on=("prompt",)))
    assert kept(table(row(1, logprob=-0.1), row(2, labels=labels)), step) == ["s2"]


def test_case_white_space_and_punctuation_are_folded_and_what_carries_meaning_is_not():
    assert fold("Where's  my card?!") == fold("wheres my CARD")
    different = ["C", "C++", "C#", "1.5", "15", "5", "-5", "$5", "€5", "5%", "?!", "...", "😀", "12:30", "1230"]
    assert len({fold(text) for text in different}) == len(different)


def test_json_answers_are_compared_as_values():
    first = row(1, answer='{"a": "x",  "b": 1}', labels={"a": "x", "b": 1})
    assert kept(table(first, row(2, answer='{"b":1,"a":"X."}', labels={"b": 1, "a": "X."}))) == ["s1"]
    assert kept(table(first, row(2, answer='{"b":2,"a":"x"}', labels={"b": 2, "a": "x"}))) == ["s1", "s2"]
    assert kept(table(first, row(2, answer='{"b":"1","a":"x"}', labels={"b": "1", "a": "x"}))) == ["s1", "s2"]


def test_another_system_message_or_tool_call_makes_another_sample():
    assert kept(table(row(1, system="Be brief."), row(2, system="Be kind."))) == ["s1", "s2"]
    assert kept(table(row(1, tool_calls='[{"name":"a"}]'), row(2, tool_calls='[{"name":"b"}]'))) == ["s1", "s2"]


def test_switched_off_or_to_the_letter_it_does_as_told():
    rows = table(row(1, answer="Yes."), row(2, answer="yes"), row(3, answer="yes"))
    assert kept(rows, DedupStep(DedupTable(exact=False))) == ["s1", "s2", "s3"]
    assert kept(rows, DedupStep(DedupTable(normalise=False))) == ["s1", "s2"]


def test_a_thousand_different_rows_of_one_to_four_words_lose_none():
    """Regression 10.

    Mutation: curation/dedup.py: return _SPACE.sub(" ", bare).strip() or plain
        => return " ".join(sorted(set(bare.split()))) or plain
    """
    words = ["card", "cash", "top", "up", "lost", "my", "pin", "no", "pay", "fee"]
    texts = [" ".join(words[int(d)] for d in str(n)) for n in range(0, 10_000, 10)]
    assert {len(t.split()) for t in texts} == {1, 2, 3, 4}
    assert len(set(texts)) == 1000
    assert len(kept(table(*(row(n, prompt=t, answer="ok") for n, t in enumerate(texts))))) == 1000


def test_long_shared_boilerplate_around_different_payloads_loses_none_and_raises_no_alarm():
    """Regression 11.

    Mutation: curation/dedup.py: unicodedata.normalize("NFKC", text).casefold()).strip()
        => unicodedata.normalize("NFKC", text[:500]).casefold()).strip()
    """
    form = "Dear customer, " + "thank you for your patience with our service. " * 40
    samples = table(*(row(n, prompt=f"{form}{n}", answer="ok") for n in range(200)))
    assert len(kept(samples)) == 200
    assert STEP(samples).notices == ()


def test_when_most_rows_are_one_the_run_says_so_and_still_keeps_every_other_row():
    """Regression 11.

    Mutation: curation/dedup.py: n <= self.table.alarm_share * keyed.height: => n <= keyed.height:
    """
    alike = [row(n, prompt="Dear customer, {text}", answer="ok") for n in range(120)]
    others = [row(n, prompt=f"message {n}", answer="ok") for n in range(120, 200)]
    told: list[str] = []
    after, _ = apply(table(*alike, *others), [STEP], notice=told.append)
    assert after.filter(state="kept").height == 81
    assert len(told) == 1
    assert "120 of 200 samples (60 %)" in told[0]
    assert "s0" in told[0]


@pytest.mark.parametrize(("alike", "others", "share"), [(49, 1, 0.5), (100, 100, 0.5), (120, 80, 0.7), (0, 0, 0.5)])
def test_a_cluster_that_is_small_or_within_its_share_is_not_told(alike, others, share):
    rows = [row(n, answer="ok") for n in range(alike)] + [row(n, prompt=str(n)) for n in range(900, 900 + others)]
    assert DedupStep(DedupTable(alarm_share=share))(table(*rows)).notices == ()


PARTS = st.sampled_from(["yes", "Yes", "yes.", "YES ", "no", "-1", "1", "?!", "", "😀"])


@given(st.lists(st.tuples(PARTS, PARTS), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_no_cluster_vanishes_and_every_dropped_row_has_a_kept_twin_like_it(pairs):
    """Regression 9.

    Mutation: curation/dedup.py: twin=pl.col("id").first().over("cluster")
        => twin=pl.col("id").shift(1).over("cluster")
    """
    samples = table(*(row(n, prompt=p, answer=a) for n, (p, a) in enumerate(pairs)))
    after, decisions = apply(samples, [STEP])
    key = {f"s{n}": (fold(p), fold(a)) for n, (p, a) in enumerate(pairs)}
    alive = set(after.filter(state="kept")["id"])
    assert {key[i] for i in alive} == set(key.values())
    assert len(alive) == len(set(key.values()))
    for ident, evidence in decisions.select("sample", "evidence").iter_rows():
        twin = json.loads(evidence)["twin"]
        assert twin in alive
        assert key[twin] == key[ident]


def test_ten_thousand_real_messages_hold_the_duplicates_known_by_hand(shared_data):
    # Folding case and white space finds 4, folding punctuation as well 12; two of these differ in their currency alone.
    with (shared_data / "banking77" / "train.csv").open(encoding="utf-8") as file:
        texts = [r["text"] for r in csv.DictReader(file)]
    samples = table(*(row(n, prompt=t, answer="ok") for n, t in enumerate(texts)))
    after, _ = apply(samples, [STEP])
    assert after.filter(state="dropped").height == 10
    assert after.height == 10_003


@pytest.mark.parametrize("text", ["Where's my card?", "ＦＵＬＬ width!", "-5 and 1.5", "(a) b", "no… really", "''"])
def test_folding_twice_is_folding_once(text):
    assert fold(fold(text)) == fold(text)
