"""What a closed study says of its raters finds what was planted: repeats, gold, a liking for length, other texts."""

import numpy as np
import pytest

from curation.records import draw
from curation.store.review_records import Criterion, Design, Details, PlantBallot, Span, exact_digest
from judges.agreement import krippendorff_alpha
from judges.review import ReviewService
from judges.study_beside import Beside, Texts
from judges.study_edits import changed_share
from judges.study_report import report_of
from judges.study_words import sentences
from tests.judges.houses import sealed
from tests.judges.test_study_report import both_orders, items, study, vote


def said(ballot, **update):
    return ballot.model_copy(update=update)


def plant(ballot, role, **more):
    return PlantBallot(**ballot.model_dump(), role=role, **more)


def scored(ballot, **scores):
    return said(ballot, details=Details(scores=scores))


# --- five points ---------------------------------------------------------------------------------------------------


def test_strength_has_an_ordinal_alpha_beside_the_nominal_one_of_the_winner():
    """Both always name the same winner and differ by one step at most: the ordinal alpha forgives what it may."""
    pairs = items(60)
    ladder = ("a_much", "a", "b", "b_much")
    votes = []
    for i, item in enumerate(pairs):
        step = int(4 * draw(1, i))
        other = step if draw(2, i) < 0.6 else {0: 1, 1: 0, 2: 3, 3: 2}[step]
        votes += [vote(item, i, "ana", ladder[step]), vote(item, i, "ben", ladder[other])]
    found = report_of(study(60), votes, Beside(pairs))
    assert found["alpha"] == 1.0
    ordinal = found["strength"]["alpha"]
    points = [[v.points for v in votes[k : k + 2]] for k in range(0, 120, 2)]
    assert ordinal["value"] == pytest.approx(krippendorff_alpha(points, measure="ordinal").value, abs=1e-4)
    assert krippendorff_alpha(points).value < ordinal["value"] < 1
    assert ordinal["ci"][0] < ordinal["value"] < ordinal["ci"][1]
    assert sum(found["strength"]["said"].values()) == 120


def test_how_strongly_is_said_of_the_answers_and_not_of_the_panes_they_stood_in():
    pairs = items(40)
    votes = [vote(p, i, r, "b_much" if swap else "a_much", swap) for i, p in enumerate(pairs)
             for r, swap in (("ana", False), ("ben", True))]  # fmt: skip
    found = report_of(study(40), votes, Beside(pairs))
    assert found["strength"]["said"] == {"2": 80, "1": 0, "0": 0, "-1": 0, "-2": 0}
    assert (found["position"]["share"], found["position"]["decided"]) == (0.5, 80)
    assert found["win_rates"]["teachers"]["alder"]["rate"] == 1.0


def test_a_win_counts_the_same_by_much_or_by_little_and_the_report_says_so():
    pairs = items(40)
    little = [vote(p, i, "ana", "a" if i % 3 else "b") for i, p in enumerate(pairs)]
    much = [said(v, choice=f"{v.choice}_much") for v in little]
    one, other = (report_of(study(40), votes, Beside(pairs))["win_rates"] for votes in (little, much))
    assert one == other
    assert "by much or by little" in one["meaning"]


def test_both_bad_compares_nothing_so_it_has_no_strength():
    pairs = items(6)
    votes = [vote(p, i, r, "both_bad") for i, p in enumerate(pairs) for r in ("ana", "ben")]
    found = report_of(study(6), votes, Beside(pairs))["strength"]
    assert (sum(found["said"].values()), found["alpha"]["value"], found["alpha"]["n"]) == (0, None, 0)


# --- criteria ------------------------------------------------------------------------------------------------------

TONE = Criterion(name="tone", question="How kind is it?", anchors=("rude", "cold", "plain", "kind"))


def test_each_criterion_has_its_mean_with_an_interval_and_an_ordinal_alpha():
    answers = [i.model_copy(update={"second": None, "second_teacher": None}) for i in items(80)]
    answers = [a.model_copy(update={"first_teacher": ("alder", "birch")[k % 2]}) for k, a in enumerate(answers)]
    votes = []
    for i, answer in enumerate(answers):
        kind = 2 + (i % 2) + (draw(3, i) < 0.5)  # birch is one point kinder
        votes += [scored(vote(answer, i, "ana", "accept"), tone=kind)]
        votes += [scored(vote(answer, i, "ben", "accept"), tone=kind if draw(4, i) < 0.8 else 1)]
    found = report_of(study(80, "single"), votes, Beside(answers, design=Design(criteria=(TONE,))))["criteria"]["tone"]
    scores = [v.details.scores["tone"] for v in votes]
    assert found["value"] == pytest.approx(np.mean(scores), abs=1e-4)
    assert found["ci"][0] < found["value"] < found["ci"][1]
    assert (found["n"], found["points"]) == (160, 4)
    assert found["alpha"]["ci"][0] < found["alpha"]["value"] < 1
    assert found["teachers"]["birch"]["value"] - found["teachers"]["alder"]["value"] == pytest.approx(0.8, abs=0.3)


def test_a_criterion_nobody_scored_is_there_without_a_figure():
    answers = items(4)
    found = report_of(study(4, "single"), [], Beside(answers, design=Design(criteria=(TONE,))))["criteria"]["tone"]
    assert (found["value"], found["n"], found["alpha"]["value"]) == (None, 0, None)


# --- repeats, gold, reasons ----------------------------------------------------------------------------------------


def test_hidden_repeats_tell_how_often_a_rater_says_the_same_again():
    pairs = items(40)
    votes = [vote(item, i, rater, "first") for i, item in enumerate(pairs) for rater in ("ana", "ben")]
    again = [plant(vote(pairs[i], 100 + i, "ana", "first" if i > 1 else "second", True), "repeat", of=i)
             for i in range(10)]  # fmt: skip
    again += [plant(vote(pairs[0], 200, "ben", "skip"), "repeat", of=0)]
    found = report_of(study(40), votes, Beside(pairs, planted=again))
    mine = found["self_consistency"]["raters"]
    assert {r: (row["share"], row["n"]) for r, row in mine.items()} == {"ana": (0.8, 10)}
    assert mine["ana"]["ci"][0] < 0.8 < mine["ana"]["ci"][1]
    assert found["self_consistency"]["all"]["n"] == 10
    assert found["votes"] == 80


def test_seeded_gold_tells_how_often_each_rater_is_right_and_counts_in_nothing_else():
    pairs = items(20)
    votes = [vote(item, i, rater, "first") for i, item in enumerate(pairs) for rater in ("ana", "ben")]
    seeded = [
        plant(said(vote(pairs[0], 50 + k, rater, "first", swap=bool(k % 2)), first_sample=f"gold/set/g{k}"), "gold",
              right="first" if rater == "ana" or k < 4 else "second")
        for k in range(8) for rater in ("ana", "ben")
    ]  # fmt: skip
    found = report_of(study(20), votes, Beside(pairs, planted=seeded))
    plain = report_of(study(20), votes, Beside(pairs))
    assert (found["gold"]["rows"], found["gold"]["all"]["n"]) == (8, 16)
    assert {r: row["share"] for r, row in found["gold"]["raters"].items()} == {"ana": 1.0, "ben": 0.5}
    assert found["gold"]["raters"]["ben"]["ci"][1] < 1
    same = ("votes", "alpha", "win_rates", "majority", "position")
    assert {k: found[k] for k in same} == {k: plain[k] for k in same}


def test_practice_counts_nowhere():
    pairs = items(5)
    practised = [plant(vote(pairs[0], 50, "ana", "second"), "practice", right="first")]
    votes = [vote(item, i, "ana", "first") for i, item in enumerate(pairs)]
    assert report_of(study(5), votes, Beside(pairs, planted=practised)) == report_of(study(5), votes, Beside(pairs))


def test_skips_and_flags_are_counted_by_their_reason_and_are_nobodys_verdict():
    pairs = items(9)
    reasons = [("skip", "too long"), ("skip", None), ("flag", "unsafe"), ("flag", "unsafe"), ("skip", "too long")]
    votes = [said(vote(pairs[i], i, "ana", c), reason=why) for i, (c, why) in enumerate(reasons)]
    votes += [vote(pairs[i], i, "ana", "first") for i in range(5, 9)]
    found = report_of(study(9), votes, Beside(pairs))
    assert found["passed"] == {"skip": {"too long": 2, "no reason given": 1}, "flag": {"unsafe": 2}}
    assert (found["votes"], found["skipped"], found["flagged"]) == (4, 3, 2)
    assert set(found["teachers"]["alder"]) == {"won"}


# --- guidelines ----------------------------------------------------------------------------------------------------


def test_agreement_is_told_apart_before_and_after_a_changed_guideline():
    pairs = items(80)
    votes = []
    for i, item in enumerate(pairs):
        late = i >= 40
        right = "first" if draw(5, i) < 0.5 else "second"
        for k, rater in enumerate(("ana", "ben")):
            word = right if draw(6, i, k) < (0.97 if late else 0.6) else {"first": "second", "second": "first"}[right]
            ballot = vote(item, i, rater, word)
            votes.append(said(ballot, guideline="new" if late else "old", at=f"2026-01-01T{i:02d}"))
    before, after = report_of(study(80), votes, Beside(pairs))["guidelines"]
    assert (before["guideline"], after["guideline"], before["votes"]) == ("old", "new", 80)
    assert after["alpha"]["value"] > before["alpha"]["value"] + 0.4
    assert (before["alpha"]["n"], after["since"]) == (40, "2026-01-01T40")


# --- length --------------------------------------------------------------------------------------------------------


def test_a_rater_who_likes_length_is_told_from_one_who_does_not():
    pairs = items(200, lambda i: (100 + int(200 * draw(7, i)), 100 + int(200 * draw(8, i))))

    def choose(i, item, swap):
        longer, shorter = ("first", "second") if len(item.first) > len(item.second) else ("second", "first")
        fond = swap == bool(i % 2)  # ana
        return (longer if draw(9, i) < 0.9 else shorter) if fond else ("first" if draw(10, i) < 0.5 else "second")

    found = report_of(study(200), both_orders(pairs, choose), Beside(pairs))["verbosity"]
    ana, ben = found["raters"]["ana"], found["raters"]["ben"]
    assert ana["ci"][0] > 0.5
    assert ben["ci"][0] < 0 < ben["ci"][1]
    assert ana["longer"]["share"] > 0.8
    assert found["all"]["n"] == 400


def test_the_correlation_with_length_is_pearsons():
    pairs = items(50, lambda i: (50 + i, 90 - i))
    ladder = ("a_much", "a", "tie", "b", "b_much")
    votes = [vote(p, i, "ana", ladder[int(5 * draw(11, i))]) for i, p in enumerate(pairs)]
    ratio = [np.log(len(p.first)) - np.log(len(p.second)) for p in pairs]
    wanted = np.corrcoef(ratio, [v.points for v in votes])[0, 1]
    assert report_of(study(50), votes, Beside(pairs))["verbosity"]["all"]["value"] == pytest.approx(wanted, abs=1e-4)


def test_answers_all_equally_long_tell_nothing_about_length():
    pairs = items(10)
    votes = [vote(p, i, "ana", "first" if i % 2 else "second") for i, p in enumerate(pairs)]
    found = report_of(study(10), votes, Beside(pairs))["verbosity"]["all"]
    assert (found["value"], found["longer"]["n"]) == (None, 0)


# --- what was shown ------------------------------------------------------------------------------------------------


def shown(item, swap):
    a, b = (item.second, item.first) if swap else (item.first, item.second)
    return {"prompt": exact_digest(item.prompt), "a": exact_digest(a), "b": exact_digest(b)}


def test_votes_on_other_texts_than_those_of_the_version_are_named():
    pairs = items(6)
    rows = {f"{i}{s}": Texts(exact_digest(p.prompt), exact_digest(getattr(p, side)))
            for i, p in enumerate(pairs) for s, side in (("a", "first"), ("b", "second"))}  # fmt: skip
    votes = [said(vote(p, i, "ana", "first", bool(i % 2)), shown=shown(p, bool(i % 2))) for i, p in enumerate(pairs)]
    found = report_of(study(6), votes, Beside(pairs, rows=rows))["shown"]
    assert found == {"checked": 6, "equal": 6, "differ": [], "why": None}
    rows["3b"] = Texts(rows["3b"].prompt, exact_digest("an answer nobody saw"))
    found = report_of(study(6), votes, Beside(pairs, rows=rows))["shown"]
    assert (found["equal"], found["differ"]) == (
        5, [{"item": 3, "rater": "ana", "panes": ["a"], "samples": ["3a", "3b"]}],
    )  # fmt: skip


def test_every_vote_of_a_real_study_was_on_what_is_trained_on(tmp_path):
    with sealed(tmp_path) as store:
        service = ReviewService(store)
        service.create("s", n=8, overlap=2)
        for rater in ("ana", "ben"):
            for item in service.next("s", rater, 10):
                service.vote(item.token, rater, "a")
        assert service.close("s")["shown"] == {"checked": 16, "equal": 16, "differ": [], "why": None}


def test_imported_votes_say_that_nothing_could_be_checked():
    pairs = items(3)
    votes = [vote(p, i, "ana", "first") for i, p in enumerate(pairs)]
    found = report_of(study(3), votes, Beside(pairs))["shown"]
    assert (found["checked"], found["why"]) == (0, "no vote holds what was shown beside a row of a version here")


# --- edits and spans -----------------------------------------------------------------------------------------------


def levenshtein(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        above, row = row, [i]
        for j, y in enumerate(b, 1):
            row.append(min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (x != y)))
    return row[-1]


def test_the_changed_share_is_levenshteins_over_the_longer_text():
    for k in range(200):
        a = "".join("ab "[int(3 * draw(12, k, i))] for i in range(int(9 * draw(13, k))))
        b = "".join("ab "[int(3 * draw(14, k, i))] for i in range(int(9 * draw(15, k))))
        one, other = " ".join(a.split() or []).split(" "), " ".join(b.split() or []).split(" ")
        pieces = [[p for w in words for p in (w, " ")][:-1] if words != [""] else [] for words in (one, other)]
        wanted = levenshtein(*pieces) / max(map(len, pieces)) if any(pieces) else 0.0
        assert changed_share("".join(pieces[0]), "".join(pieces[1])) == pytest.approx(wanted)


def test_edits_are_counted_with_how_much_they_changed():
    answers = [i.model_copy(update={"first": "the cat sat down", "second": None}) for i in items(10)]
    votes = [vote(a, i, "ana", "accept") for i, a in enumerate(answers[:6])]
    votes += [said(vote(a, i, "ana", "edit"), details=Details(edit="the dog sat down"))
              for i, a in enumerate(answers[6:], 6)]  # fmt: skip
    found = report_of(study(10, "edit"), votes, Beside(answers))
    assert (found["edits"]["edited"]["share"], found["edits"]["answers"]) == (0.4, 4)
    assert found["edits"]["changed"]["value"] == pytest.approx(1 / 7, abs=1e-4)
    assert (found["acceptance"]["all"]["share"], found["acceptance"]["all"]["n"]) == (0.6, 10)


def test_spans_are_counted_by_tag():
    answers = [i.model_copy(update={"second": None}) for i in items(4)]
    name, place = Span(pane="a", start=0, end=2, tag="name"), Span(pane="a", start=3, end=5, tag="place")
    marks = [(name, name), (name, place), (), ()]
    votes = [said(vote(a, i, "ana", "marked" if m else "clean"), details=Details(spans=m))
             for i, (a, m) in enumerate(zip(answers, marks, strict=True))]  # fmt: skip
    found = report_of(study(4, "spans"), votes, Beside(answers))
    tags = {tag: (row["spans"], row["items"], row["share"]) for tag, row in found["spans"].items()}
    assert tags == {"name": (3, 2, 0.5), "place": (1, 1, 0.25)}
    assert found["acceptance"]["all"]["share"] == 0.5


# --- in words ------------------------------------------------------------------------------------------------------


def test_the_sentences_of_a_report_tell_what_raters_are_told_after_the_study_only():
    pairs = items(30, lambda i: (60 + i, 90 - i))
    votes = [
        said(scored(v, tone=1 + v.position % 4), guideline=("old", "new")[v.position > 14], at=f"{v.position:02d}")
        for v in both_orders(pairs, lambda i, item, swap: "first" if draw(16, i, swap) < 0.7 else "second")
    ]
    votes += [said(vote(pairs[0], 0, "cem", "flag"), reason="unsafe")]
    again = [plant(vote(pairs[i], 50 + i, "ana", "first", True), "repeat", of=i) for i in range(5)]
    seeded = [plant(vote(pairs[0], 60, "ben", "first"), "gold", right="first")]
    rows = {f"{i}{s}": Texts("", "") for i in range(30) for s in "ab"}
    votes = [said(v, shown={"a": "x"}) for v in votes]
    lines = "\n".join(sentences(report_of(study(30), votes, Beside(pairs, planted=again + seeded, rows=rows,
                                                                    design=Design(criteria=(TONE,))))))  # fmt: skip
    for words in (
        "1 flagged: 1 unsafe", "How strongly: alpha (ordinal)", "tone: mean", "of 4 points",
        "ana said the same of items seen again", "ben said what the gold rows say: 100 %",
        "Votes under the first guideline", "since the guideline was changed", "ana: correlation with length",
        "61 votes were on other texts than the version holds",
    ):  # fmt: skip
        assert words in lines
