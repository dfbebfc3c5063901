"""The rows whose label raters, judges or a nearly equal row speak against come first, each with its reason."""

import json
import random

import pytest
from scipy.stats import mannwhitneyu

from curation.errors import InputError
from curation.records import Message
from curation.store.gold import GoldItem, Judged
from curation.store.verdicts import VerdictRow, Verdicts
from curation.task import AnswerTable
from judges.gold import GoldService
from judges.gold_again import open_again, suspects_of
from judges.label_errors import label_errors
from judges.near import near_equal
from judges.review import ReviewService
from tests.judges.houses import sealed

LABEL = AnswerTable(format="label")
WORDS = {"given": "accept", "guessed": "reject", "neutral": "neither", "off-topic": "neither"}


@pytest.fixture
def store(tmp_path):
    with sealed(tmp_path, 3) as opened:
        yield opened


def judged(name, verdict="accept", votes=(), text=None, answers=("an answer",), **more):
    said = Judged(
        messages=(Message(role="user", content=text or f"message {name}"),),
        answers=answers,
        verdict=verdict,
        votes={f"rater {i}": vote for i, vote in enumerate(votes)},
        **more,
    )
    return GoldItem(id=name, text=text or f"message {name}", answer=None, judged=said)


def label(name, text, answer):
    return GoldItem(id=name, text=text, answer=answer)


def test_a_row_on_which_raters_differ_more_comes_first_and_one_they_agree_on_not_at_all():
    rows = [
        judged("unanimous", votes=["accept"] * 3),
        judged("close", votes=["accept", "reject", "accept"]),
        judged("outvoted", votes=["reject", "reject", "accept"]),
        judged("closer", votes=["accept", "accept", "reject", "reject", "accept"]),
        judged("surer", votes=["accept", "accept", "accept", "reject", "accept"]),
    ]
    found = label_errors(rows)
    assert [s.row.id for s in found] == ["outvoted", "close", "closer", "surer"]
    assert found[0].reasons == ("2 of 3 raters said reject, not accept",)


def test_a_vote_for_neither_side_counts_half_against_the_label():
    rows = [judged("tie", "first", ["first", "tie"], answers=("x", "y")), judged("no", votes=["accept", "reject"])]
    found = label_errors(rows)
    assert [s.row.id for s in found] == ["no", "tie"]
    assert found[1].reasons == ("0 of 2 raters said second, not first, 1 neither",)


def test_judges_speak_against_a_label_with_the_weight_they_earned():
    rows = [judged("a"), judged("b"), judged("c"), judged("d")]
    votes = {
        "a": [("birch", "reject"), ("cedar", "accept")],
        "b": [("birch", "accept"), ("cedar", "reject")],
        "c": [("birch", "reject"), ("cedar", "reject")],
        "d": [("birch", "accept"), ("cedar", "accept")],
    }
    found = label_errors(rows, votes, {"birch": 2.0, "cedar": 0.2})
    assert [s.row.id for s in found] == ["c", "a", "b"]
    assert found[1].reasons == ("1 of 2 judges say reject: birch",)


def test_a_judge_that_earned_no_vote_speaks_against_nothing():
    assert label_errors([judged("a")], {"a": [("maple", "reject")]}, {"maple": 0.0}) == []


def test_nearly_equal_texts_with_different_labels_are_both_looked_at_the_outnumbered_one_first():
    asked = "where is my parcel, it was due on tuesday and nobody told me anything"
    rows = [
        label("a", asked, "delivery"),
        label("b", asked.upper() + "!!", "delivery"),
        label("c", asked.replace("tuesday", "Tuesday,"), "refund"),
        label("d", "I want my money back for the broken lamp", "refund"),
        label("e", "please cancel the order for the lamp", "cancel"),
    ]
    found = label_errors(rows)
    assert [s.row.id for s in found] == ["c", "a", "b"]
    assert found[0].reasons == ('nearly equal to a, which says "delivery", not "refund"',)


def test_another_answer_to_the_same_message_is_no_twin_however_alike_it_is_written():
    answers = [json.dumps({"intent": intent, "reply": "We are looking into it."}) for intent in ("refund", "refunds")]
    rows = [
        judged("a", "accept", text="hi", answers=(answers[0],)),
        judged("b", "reject", text="hi", answers=(answers[1],)),
    ]
    assert label_errors(rows) == []
    same = [judged("a", "accept", text="hi"), judged("b", "reject", text="Hi!")]
    assert [s.row.id for s in label_errors(same)] == ["a", "b"]


def test_a_pair_with_its_answers_swapped_is_the_same_pair():
    fits = [judged("a", "first", text="hi", answers=("x", "y")), judged("b", "second", text="hi", answers=("y", "x"))]
    assert label_errors(fits) == []
    clashes = [fits[0], judged("b", "first", text="hi", answers=("y", "x"))]
    assert len(label_errors(clashes)) == 2


def test_texts_are_clustered_as_comparing_every_pair_would():
    dice = random.Random(5)
    words = [f"w{i}" for i in range(12)]
    texts = [" ".join(dice.choice(words) for _ in range(dice.randint(1, 9))) for _ in range(150)]
    for threshold in (0.3, 0.6, 0.9):
        assert near_equal(texts, threshold) == compared(texts, threshold)


def compared(texts, threshold):
    runs = [{t[k : k + 4] for k in range(max(1, len(t) - 3))} for t in texts]
    leader = list(range(len(texts)))
    for i in range(len(texts)):
        for j in range(i):
            if len(runs[i] & runs[j]) >= threshold * len(runs[i] | runs[j]) and leader[i] != leader[j]:
                low, high = sorted((leader[i], leader[j]))
                leader = [low if k == high else k for k in leader]
    return leader


# --- in a workspace ------------------------------------------------------------------------------------------------


def verdict(row, judge, said, order=(0,), request="r"):
    return VerdictRow(
        kind="gold", subject=f"gold/gold/{row}", judge=judge, model="m", family=judge, rubric="0", grader="g", parser=1,
        request=f"{request}{order}", order=order, verdict=said, reason="", items=None, score=None,
    )  # fmt: skip


def test_what_judges_said_about_gold_rows_is_read_from_the_table_of_verdicts(store):
    pair = judged("pair", "first", answers=("x", "y"))
    GoldService(store).add("gold", [judged("a"), judged("b"), pair], actor="ana")
    Verdicts(store.replies_db).add([
        verdict("a", "birch", "accept"), verdict("a", "birch", "reject", request="newer rubric"),
        verdict("b", "birch", None),
        verdict("pair", "birch", "B", (0, 1)), verdict("pair", "birch", "A", (1, 0)),
        verdict("pair", "cedar", "A", (0, 1)), verdict("pair", "cedar", "A", (1, 0)),
    ])  # fmt: skip
    found = suspects_of(store, "gold", LABEL)
    assert {s.row.id: s.reasons for s in found} == {
        "a": ("1 of 1 judges say reject: birch",),
        "pair": ("1 of 1 judges say second: birch",),  # cedar follows the place and says nothing
    }


def test_doubtful_rows_are_reviewed_again_blind_and_the_new_verdict_replaces_the_old(store):
    rows = [
        judged("a", "accept", ["accept", "reject"], teachers=("teacher-zeta",), answers=("go away",)),
        judged("b", "accept", ["accept", "reject"]),
        judged("c", "accept", ["accept"]),
        judged("p", "first", ["first", "second"], answers=("x", "y")),
    ]
    GoldService(store).add("gold", rows, actor="ana")
    service = ReviewService(store)
    study, left = open_again(store, "gold", "again", suspects_of(store, "gold", LABEL), overlap=1, actor="ana")
    assert (study.items, study.kind, left) == (2, "single", 1)
    shown = service.next("again", "ben")
    assert not [w for w in ("teacher", "accept", "reject", "gold/") if w in json.dumps([s.model_dump() for s in shown])]
    for item in shown:
        service.vote(item.token, "ben", "reject" if item.a == "go away" else "accept")
    service.close("again")
    made = GoldService(store).create_from_study("again", "gold", "ben")
    assert (made.version, made.changed) == (2, 2)
    a, b, c, p = GoldService(store).items("gold")
    assert (a.judged.verdict, a.judged.votes, a.judged.teachers) == ("reject", {"ben": "reject"}, ("teacher-zeta",))
    assert (b.judged.verdict, c, p) == ("accept", rows[2], rows[3])
    assert [s.row.id for s in suspects_of(store, "gold", LABEL)] == ["p"]


def test_a_label_that_raters_call_wrong_is_no_right_answer_any_more(store):
    rows = [label("a", "where is my parcel", "delivery"), label("b", "Where is my parcel?", "refund")]
    GoldService(store).add("gold", rows, actor="ana")
    study, _ = open_again(store, "gold", "again", suspects_of(store, "gold", LABEL), overlap=1)
    assert study.question == "Is this the right answer?"
    service = ReviewService(store)
    for item in service.next("again", "ben"):
        service.vote(item.token, "ben", "accept" if item.a == "delivery" else "reject")
    service.close("again")
    GoldService(store).create_from_study("again", "gold", "ben")
    a, b = GoldService(store).items("gold")
    assert (a.answer, a.judged.verdict, b.answer, b.judged.verdict) == ("delivery", "accept", None, "reject")


def test_with_nothing_in_doubt_no_study_is_opened(store):
    GoldService(store).add("gold", [judged("a", votes=["accept"])], actor="ana")
    with pytest.raises(InputError, match="nothing speaks against a label"):
        open_again(store, "gold", "again", suspects_of(store, "gold", LABEL))
    assert ReviewService(store).studies() == []


# --- on real votes -------------------------------------------------------------------------------------------------


def ballots(row):
    return [WORDS[kind] for kind, n in row["mturk"].items() for _ in range(n)]


def ranked(votes):
    """Place in the queue of every row, doubtful ones first; rows nothing speaks against share the end."""
    rows = [judged(f"{i:04}", votes=some) for i, some in enumerate(votes)]
    score = {s.row.id: s.score for s in label_errors(rows)}
    return [score.get(row.id, 0.0) for row in rows]


def test_all_five_votes_put_the_725_labels_that_were_not_confirmed_before_the_585_that_were(shared_data):
    rows = json.loads((shared_data / "label_errors" / "mturk" / "imdb_mturk.json").read_text())
    wrong = [row["mturk"]["given"] < 3 for row in rows]
    score = ranked([ballots(row) for row in rows])
    assert (sum(wrong), len(rows)) == (725, 1310)
    assert min(s for s, w in zip(score, wrong, strict=True) if w) > max(
        s for s, w in zip(score, wrong, strict=True) if not w
    )


def test_two_raters_of_five_find_what_the_other_three_do_not_confirm_better_than_chance(shared_data):
    """Mean of 5 draws: 77 % of the first 300 rows are not confirmed by the three held out, of all rows 57 %."""
    rows = json.loads((shared_data / "label_errors" / "mturk" / "imdb_mturk.json").read_text())
    areas, hits, base = [], [], []
    for seed in range(5):
        dealt = [random.Random(f"{seed}|{row['id']}").sample(ballots(row), 5) for row in rows]
        wrong = [sum(vote == "accept" for vote in votes[2:]) < 2 for votes in dealt]
        score = ranked([votes[:2] for votes in dealt])
        order = sorted(range(len(rows)), key=lambda i: -score[i])
        hits.append(sum(wrong[i] for i in order[:300]) / 300)
        base.append(sum(wrong) / len(rows))
        found = [s for s, w in zip(score, wrong, strict=True) if w]
        areas.append(
            mannwhitneyu(found, [s for s, w in zip(score, wrong, strict=True) if not w]).statistic
            / (len(found) * (len(rows) - len(found)))
        )
    area, hit, of_all = (sum(some) / len(some) for some in (areas, hits, base))
    print(f"area under the curve {area:.3f}, wrong among the first 300 {hit:.3f}, among all {of_all:.3f}")
    assert area == pytest.approx(0.66, abs=0.02)
    assert hit == pytest.approx(0.77, abs=0.03)
    assert of_all == pytest.approx(0.57, abs=0.02)
