"""Disputes are settled blind, the farthest apart first, by nobody who voted; what was settled stands over votes."""

import csv
import json

import pytest

from curation.errors import Forbidden, InputError, UnknownRecord
from curation.people import Person
from curation.store.adjudications import Adjudications, adjudicated
from curation.store.review_imports import ReviewItems
from curation.store.review_records import Ballot, Details, Span
from curation.store.review_tables import ITEMS
from curation.store.reviews import Reviews
from judges.adjudication import AdjudicationService, promote_settled
from judges.conflicts import CONFLICT, FLAGGED, STRENGTH, value_of
from judges.gold import GoldService
from judges.review import ReviewService
from judges.review_files import import_study
from judges.review_ratings import Reading
from tests.judges.disputes import BOTH, disputed, sealed_on
from tests.judges.houses import TEACHERS, sealed

SAID = [
    ("first", "first"),  # agreed
    ("first_much", "second_much"),  # as far apart as can be
    ("first", "tie"),
    ("first", "first_much"),  # agreed, not to the same degree
    ("first", "second"),
]
"""What ana and ben say of five items."""


@pytest.fixture
def store(tmp_path):
    with sealed(tmp_path) as opened:
        yield opened


def places(store, queue, study="tone"):
    """The positions of the items of a queue."""
    place = {item.prompt: k for k, item in enumerate(ReviewItems(store.state).of(study))}
    return [place[conflict.prompt] for conflict in queue]


def settle(store, position, verdict="first", category="ambiguous", by="lead", study="tone", **more):
    """Settle the item at a position, whatever order it is shown in."""
    service = AdjudicationService(store)
    shown = {
        **{c.token: c for c in service.queue(study, by, 99, 0.0)},
        **{c.token: c for c in service.settled(study, by)},
    }
    found = next(c for c in shown.values() if places(store, [c], study) == [position])
    first = ReviewItems(store.state).of(study)[position].first
    sides = ("a", "b") if found.a == first else ("b", "a")
    choice = {"first": sides[0], "second": sides[1]}.get(verdict, verdict)
    return service.decide(found.token, by, choice, category, **more)


def ballot(choice, **more):
    return Ballot(
        position=0, rater="ana", choice=choice, swap=False, reason=None, dwell_ms=1, at="", first_sample="x",
        second_sample="y", first_teacher="t", second_teacher="u", **more,
    )  # fmt: skip


# --- the queue -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("postgres", BOTH)
def test_the_votes_farthest_apart_come_first_and_agreed_items_only_when_asked_for(tmp_path, postgres):
    with sealed_on(postgres, tmp_path) as store:
        disputed(store, SAID)
        service = AdjudicationService(store)
        assert places(store, service.queue("tone", "lead")) == [1, 4, 2]
        assert places(store, service.queue("tone", "lead", threshold=STRENGTH)) == [1, 4, 2, 3]
        assert places(store, service.queue("tone", "lead", threshold=0.0)) == [1, 4, 2, 3, 0]
        assert places(store, service.queue("tone", "lead", limit=1)) == [1]


def test_no_strong_feeling_about_the_same_answer_outranks_a_dispute():
    agreed = [ballot("a_much")] * 10 + [ballot("a")] * 10
    one_dissents = [ballot("a")] * 19 + [ballot("tie")]
    assert value_of(agreed) < CONFLICT <= value_of(one_dissents)
    assert value_of([ballot("a"), ballot("skip")]) is None
    assert value_of([ballot("a"), ballot("a")]) == 0
    assert value_of([ballot("a_much"), ballot("b_much")]) == 1


def test_marks_that_do_not_overlap_are_a_dispute_and_marks_that_do_are_none():
    def marked(start, end):
        return ballot("marked", details=Details(spans=(Span(pane="a", start=start, end=end, tag="name"),)))

    assert value_of([marked(0, 10), marked(0, 10)]) == 0
    assert 0 < value_of([marked(0, 10), marked(0, 9)]) < CONFLICT
    assert value_of([marked(0, 10), marked(20, 30)]) == 1


def test_nothing_an_adjudicator_gets_names_a_source_or_a_rater(store):
    disputed(store, SAID)
    shown = AdjudicationService(store).queue("tone", "lead", threshold=0.0)
    text = json.dumps([c.model_dump() for c in shown])
    ids = store.versions.samples("head")["id"].to_list()
    assert not [name for name in (*TEACHERS, *ids, "ana", "ben", "request") if name in text]
    assert {len(c.token) for c in shown} == {32}
    assert {vote.rater for c in shown for vote in c.votes} == {"R1", "R2"}


def test_the_order_of_panes_and_raters_is_drawn_for_each_adjudicator_and_stays(tmp_path):
    with sealed(tmp_path, 40) as store:
        disputed(store, [("first", "second")] * 40)
        service = AdjudicationService(store)
        lead = service.queue("tone", "lead", 40)
        assert service.queue("tone", "lead", 40) == lead
        other = service.queue("tone", "second lead", 40)
        assert {c.token for c in lead}.isdisjoint(c.token for c in other)
        firsts = {item.prompt: item.first for item in ReviewItems(store.state).of("tone")}
        assert 0 < sum(c.a == firsts[c.prompt] for c in lead) < 40  # a fair coin fails once in 10^12
        ana_first = [c.votes[0].choice == ("a" if c.a == firsts[c.prompt] else "b") for c in lead]
        assert 0 < sum(ana_first) < 40


def test_votes_are_told_about_the_panes_as_the_adjudicator_sees_them(store):
    disputed(store, [("first_much", "second")] * 8)
    firsts = {item.prompt: item.first for item in ReviewItems(store.state).of("tone")}
    for conflict in AdjudicationService(store).queue("tone", "lead"):
        sides = ("a_much", "b") if conflict.a == firsts[conflict.prompt] else ("b_much", "a")
        assert {vote.choice for vote in conflict.votes} == set(sides)


def test_a_rater_who_votes_later_gets_the_next_number(store):
    disputed(store, [("first", "second")] * 3)
    service = AdjudicationService(store)
    before = service.queue("tone", "lead")
    adjudications = Adjudications(store.state)
    views = adjudications.views("tone", "lead", {0: ["ana", "ben", "cem"]})
    assert views[0].raters[2] == "cem"
    assert set(views[0].raters[:2]) == {"ana", "ben"}
    assert service.queue("tone", "lead") == before


def test_a_deferred_item_comes_after_the_others_of_this_adjudicator_alone(store):
    disputed(store, SAID)
    service = AdjudicationService(store)
    service.defer(service.queue("tone", "lead")[0].token, "lead")
    assert places(store, service.queue("tone", "lead")) == [4, 2, 1]
    assert places(store, service.queue("tone", "other")) == [1, 4, 2]
    assert [c.deferred for c in service.queue("tone", "lead")] == [0, 0, 1]


# --- flags ---------------------------------------------------------------------------------------------------------

FLAGS = [
    ("first_much", "second_much"),  # as far apart as can be
    ("first", "flag"),  # one vote and a flag
    ("tie", "skip"),  # one vote alone
    ("skip", "skip"),
    ("flag", "flag"),  # no vote at all
    ("first", "first"),  # agreed
]
"""What ana and ben say of six items."""


@pytest.mark.parametrize("postgres", BOTH)
def test_what_a_rater_flagged_comes_before_any_disagreement_and_skips_stay_out(tmp_path, postgres):
    """Mutation: judges/conflicts.py: any(b.choice == "flag" for b in ballots) => any(b.passed for b in ballots)
    Mutation: judges/conflicts.py: FLAGGED = 2.0 => FLAGGED = 0.5
    """
    with sealed_on(postgres, tmp_path) as store:
        disputed(store, FLAGS)
        service = AdjudicationService(store)
        assert places(store, service.queue("tone", "lead")) == [1, 4, 0]
        assert places(store, service.queue("tone", "lead", threshold=0.0)) == [1, 4, 0, 5]
        figures = service.figures("tone", "cleo")
        assert (figures.open, figures.flagged, figures.agreed, figures.barred) == (3, 2, 1, 0)
        settle(store, 1, "second", "edge case")
        settle(store, 4, "set_aside", "bad item")
        assert places(store, service.queue("tone", "lead", threshold=0.0)) == [0, 5]
        figures = service.figures("tone")
        assert (figures.open, figures.flagged, figures.settled) == (1, 0, 2)
        assert {c.decision.choice for c in service.settled("tone", "lead")} & {"set_aside"}


def test_one_flag_among_votes_that_agree_is_enough_and_flags_do_not_hide_how_far_votes_are_apart():
    agreed, apart = [ballot("a")] * 2, [ballot("a_much"), ballot("b_much")]
    assert value_of([*agreed, ballot("flag")]) == FLAGGED
    assert value_of([*apart, ballot("flag")]) == FLAGGED + 1
    assert value_of(apart) < FLAGGED
    assert value_of([ballot("flag")]) == FLAGGED
    assert value_of([ballot("skip")]) is value_of([]) is None


@pytest.mark.parametrize("postgres", BOTH)
def test_an_adjudicator_reads_why_an_item_was_flagged_and_not_by_whom(tmp_path, postgres):
    with sealed_on(postgres, tmp_path, 1) as store:
        review = ReviewService(store)
        review.create("tone", kind="single", n=1, overlap=3)
        for rater, choice, reason in (("ana", "flag", "personal data"), ("ben", "accept", None), ("cem", "skip", "")):
            review.vote(review.next("tone", rater)[0].token, rater, choice, reason)
        (conflict,) = AdjudicationService(store).queue("tone", "lead")
        told = {vote.choice: vote.reason for vote in conflict.votes}
        assert (told["flag"], set(told), conflict.flagged, conflict.apart) == (
            "personal data", {"flag", "accept", "skip"}, True, 0.0,
        )  # fmt: skip
        assert "ana" not in json.dumps(conflict.model_dump())


@pytest.mark.parametrize("postgres", BOTH)
def test_whoever_flagged_an_item_may_not_settle_it_and_may_take_the_flag_back(tmp_path, postgres):
    with sealed_on(postgres, tmp_path, 1) as store:
        review, service = ReviewService(store), AdjudicationService(store)
        review.create("tone", kind="single", n=1, overlap=2)
        token = review.next("tone", "ana")[0].token
        review.vote(token, "ana", "flag", "unsafe")
        assert service.queue("tone", "ana") == []
        assert (service.figures("tone", "ana").barred, len(service.queue("tone", "lead"))) == (1, 1)
        view = Adjudications(store.state).views("tone", "ANA ", {0: ["ana"]})[0]
        with pytest.raises(Forbidden, match="voted on this item"):
            service.decide(view.token, "ANA ", "accept", "ambiguous")
        review.undo(token, "ana")
        assert (service.figures("tone").open, service.queue("tone", "lead")) == (0, [])


def test_a_flagged_item_of_a_closed_study_waits_with_the_time_of_its_flag_and_may_become_gold(store):
    disputed(store, [("accept", "flag"), ("accept", "accept")], kind="single")
    ReviewService(store).close("tone")
    flag = next(b for b in Reviews(store.state).ballots("tone") if b.choice == "flag")
    assert AdjudicationService(store).figures("tone").oldest == flag.at
    settle(store, 0, "reject", "bad item", promote_to="hard")
    assert [row.judged.verdict for row in GoldService(store).items("hard")] == ["reject"]
    assert AdjudicationService(store).figures("tone").oldest is None


# --- deciding ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("postgres", BOTH)
def test_a_decision_can_be_made_again_and_the_last_one_stands(tmp_path, postgres):
    with sealed_on(postgres, tmp_path) as store:
        disputed(store, SAID)
        settle(store, 1, "first", "rater error", note=" A invents a number ")
        assert places(store, AdjudicationService(store).queue("tone", "lead")) == [4, 2]
        settle(store, 1, "tie", "ambiguous", by="other")
        tables = Adjudications(store.state)
        assert [(a.verdict, a.category, a.adjudicator) for a in tables.history("tone")] == [
            ("first", "rater error", "lead"), ("tie", "ambiguous", "other"),
        ]  # fmt: skip
        assert tables.history("tone")[0].note == "A invents a number"
        assert tables.standing("tone")[1].verdict == "tie"
        events = store.ledger.events("vote_adjudicated")
        assert [(e.actor, e.body["verdict"], e.body["again"]) for e in events] == [
            ("lead", "first", False), ("other", "tie", True),
        ]  # fmt: skip
        assert store.ledger.verify() == []


def test_a_decision_for_a_pane_is_kept_as_one_for_an_answer(tmp_path):
    with sealed(tmp_path, 20) as store:
        disputed(store, [("first", "second")] * 20)
        service = AdjudicationService(store)
        firsts = {item.prompt: item.first for item in ReviewItems(store.state).of("tone")}
        for conflict in service.queue("tone", "lead", 20):
            made = service.decide(conflict.token, "lead", "a_much", "edge case")
            on_first = conflict.a == firsts[conflict.prompt]
            assert (made.verdict, made.points) == (("first", 2) if on_first else ("second", -2))
        assert {c.decision.choice for c in service.settled("tone", "lead")} == {"a_much"}
        assert {c.decision.choice for c in service.settled("tone", "other")} == {"a_much", "b_much"}


def test_whoever_voted_on_an_item_may_not_settle_it_under_any_spelling(store):
    tokens = disputed(store, SAID)
    service = AdjudicationService(store)
    assert service.queue("tone", "ana", threshold=0.0) == service.queue("tone", "Ben ", threshold=0.0) == []
    assert service.figures("tone", "ANA").barred == 3
    view = Adjudications(store.state).views("tone", " Ana", {1: ["ana", "ben"]})[1]
    with pytest.raises(Forbidden, match="voted on this item"):
        service.decide(view.token, " Ana", "tie", "ambiguous")
    ReviewService(store).undo(tokens["ana"][1], "ana")
    with pytest.raises(Forbidden, match="voted on this item"):
        service.decide(view.token, " Ana", "tie", "ambiguous")


def test_settling_takes_the_role_and_a_token_of_ones_own(store):
    disputed(store, SAID)
    token = AdjudicationService(store).queue("tone", "lead")[0].token
    reviewer = Person(name="ana", roles=frozenset({"reviewer"}), study="tone")
    curator = Person(name="cleo", roles=frozenset({"curator"}))
    for person in (reviewer, Person(name="gil", roles=frozenset({"gatekeeper", "auditor"}))):
        barred = AdjudicationService(store, person)
        for call in (
            lambda s=barred, p=person: s.queue("tone", p.name),
            lambda s=barred, p=person: s.settled("tone", p.name),
            lambda s=barred, p=person: s.figures("tone", p.name),
        ):
            with pytest.raises(Forbidden):
                call()
    service = AdjudicationService(store, curator)
    with pytest.raises(Forbidden, match="act for somebody else"):
        service.queue("tone", "lead")
    with pytest.raises(UnknownRecord, match="not shown to this adjudicator"):
        service.decide(token, "cleo", "tie", "ambiguous")
    assert service.queue("tone", "cleo")
    for call in (lambda: service.decide(token, "lead", "tie", "ambiguous"), lambda: service.defer(token, "lead")):
        with pytest.raises(Forbidden):
            call()
    assert Adjudications(store.state).history("tone") == []


def test_a_decision_needs_a_known_choice_and_a_known_cause(store):
    disputed(store, SAID)
    service = AdjudicationService(store)
    token = service.queue("tone", "lead")[0].token
    for choice, category, words in (
        ("skip", "ambiguous", "no choice 'skip' here. Known: a_much, a, tie, b, b_much, both_bad, set_aside"),
        ("tie", "", "no category ''. Known: ambiguous, guideline gap"),
        ("tie", "boredom", "no category 'boredom'"),
    ):
        with pytest.raises(InputError, match=words):
            service.decide(token, "lead", choice, category)
    with pytest.raises(InputError, match="needs a name"):
        service.queue("tone", " ")
    assert Adjudications(store.state).history("tone") == []


def test_a_vote_is_taken_back_until_its_item_is_settled(store):
    tokens = disputed(store, SAID)
    settle(store, 1)
    reviews = ReviewService(store)
    with pytest.raises(InputError, match="was settled"):
        reviews.undo(tokens["ana"][1], "ana")
    assert reviews.undo(tokens["ana"][4], "ana")
    assert sum(b.position == 1 for b in Reviews(store.state).ballots("tone")) == 2


@pytest.mark.parametrize("postgres", BOTH)
def test_the_store_can_say_inside_a_transaction_that_an_item_is_settled(tmp_path, postgres):
    with sealed_on(postgres, tmp_path) as store:
        disputed(store, SAID)
        settle(store, 1)
        with store.state.write() as connection:
            ids = {r.position: r.id for r in connection.execute(ITEMS.select().where(ITEMS.c.study == "tone"))}
            assert [adjudicated(connection, ids[k]) for k in range(5)] == [False, True, False, False, False]


# --- what becomes of it --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("postgres", BOTH)
def test_a_report_says_what_was_settled_why_and_who_was_right(tmp_path, postgres):
    with sealed_on(postgres, tmp_path) as store:
        disputed(store, [("first", "first", "second"), ("first", "first", "second"), ("tie", "tie", "tie"),
                         ("first", "second", "tie")])  # fmt: skip
        settle(store, 0, "first", "rater error")
        settle(store, 1, "second", "guideline gap")
        settle(store, 2, "set_aside", "bad item")
        settle(store, 3, "tie", "guideline gap")
        settled = ReviewService(store).close("tone")["adjudicated"]
        assert (settled["n"], settled["set_aside"], settled["rows"]) == (4, 1, 3)
        causes = {name: row["items"] for name, row in settled["by_category"].items()}
        assert list(causes.items()) == [("guideline gap", 2), ("bad item", 1), ("rater error", 1)]
        assert (settled["overruled"]["share"], settled["overruled"]["n"]) == (0.5, 2)
        right = {name: (row["share"], row["n"]) for name, row in settled["raters"].items()}
        assert right == {"ana": (0.3333, 3), "ben": (0.3333, 3), "cem": (0.6667, 3)}
        low, high = settled["raters"]["cem"]["ci"]
        assert 0 < low < 0.6667 < high < 1


def test_a_study_nobody_settled_anything_of_says_so_in_its_report(store):
    disputed(store, SAID)
    settled = ReviewService(store).close("tone")["adjudicated"]
    assert (settled["n"], settled["rows"], settled["why"]) == (0, 0, "nothing was settled on")


def test_gold_rows_take_what_was_settled_over_what_most_raters_said(store):
    disputed(store, [("first", "first", "second"), ("first", "first", "second"), ("first", "second", "tie"),
                     ("first", "first", "first")])  # fmt: skip
    settle(store, 0, "second")
    settle(store, 2, "first")
    settle(store, 3, "set_aside", "bad item")
    ReviewService(store).close("tone")
    made = GoldService(store).create_from_study("tone", "people", "lead")
    assert (made.items, made.rows, made.undecided, made.tied) == (4, 3, 1, 0)
    items = ReviewItems(store.state).of("tone")
    rows = {item.text: item.judged for item in GoldService(store).items("people")}
    verdicts = {k: rows[items[k].prompt].verdict for k in (0, 1, 2)}
    assert verdicts == {0: "second", 1: "first", 2: "first"}
    assert rows[items[0].prompt].votes == {"ana": "first", "ben": "first", "cem": "second"}


def test_an_item_promoted_in_an_open_study_becomes_gold_when_the_study_is_closed(store):
    disputed(store, SAID)
    settle(store, 1, "second", promote_to="hard")
    settle(store, 4, "first")
    assert GoldService(store).names() == []
    with pytest.raises(InputError, match="is open, and gold rows name teachers"):
        promote_settled(store, "tone", "lead")
    ReviewService(store).close("tone")
    (row,) = GoldService(store).items("hard")
    assert (row.judged.verdict, len(row.judged.answers), set(row.judged.teachers)) == ("second", 2, set(TEACHERS))
    number = GoldService(store).versions("hard")[-1].number
    promote_settled(store, "tone", "lead")
    assert GoldService(store).versions("hard")[-1].number == number


def test_an_item_of_a_closed_study_is_promoted_at_once_and_again_when_decided_again(store):
    disputed(store, [("accept", "reject")] * 4, kind="single")
    ReviewService(store).close("tone")
    settle(store, 2, "reject", promote_to="hard")
    settle(store, 2, "accept", promote_to="hard")
    (row,) = GoldService(store).items("hard")
    assert (row.judged.verdict, row.judged.votes) == ("accept", {"ana": "accept", "ben": "reject"})


def test_what_says_nothing_about_an_answer_and_a_sealed_set_promote_nothing(store):
    disputed(store, SAID)
    with pytest.raises(InputError, match="this decision does not"):
        settle(store, 1, "tie", promote_to="hard")
    with pytest.raises(InputError, match="name the gold set"):
        settle(store, 1, "first", promote_to=" ")
    ReviewService(store).close("tone")
    settle(store, 1, "first", promote_to="hard")
    GoldService(store).seal("hard", "lead")
    with pytest.raises(InputError, match="'hard' is sealed"):
        settle(store, 4, "first", promote_to="hard")
    assert list(Adjudications(store.state).standing("tone")) == [1]


# --- figures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("postgres", BOTH)
def test_the_figures_count_what_is_open_settled_and_agreed(tmp_path, postgres):
    with sealed_on(postgres, tmp_path) as store:
        disputed(store, SAID)
        before = AdjudicationService(store).figures("tone", "lead")
        assert (before.open, before.settled, before.agreed, before.barred) == (3, 0, 2, 0)
        assert before.oldest == min(
            max(b.at for b in Reviews(store.state).ballots("tone") if b.position == k) for k in (1, 2, 4)
        )
        settle(store, 1, "first", "guideline gap")
        settle(store, 0, "second", "rater error")
        after = AdjudicationService(store).figures("tone")
        assert (after.open, after.settled, after.agreed) == (2, 2, 1)
        assert (after.overruled["share"], after.overruled["n"]) == (1.0, 1)
        assert {name: row["share"] for name, row in after.categories.items()} == {
            "guideline gap": 0.5, "rater error": 0.5,
        }  # fmt: skip
        assert (after.before, after.after) == (None, None)


def test_alpha_is_told_apart_before_and_since_the_last_guideline(tmp_path):
    from tests.judges.disputes import rate

    with sealed(tmp_path, 30) as store:
        service = ReviewService(store)
        service.create("tone", kind="single", n=30, overlap=2, seed=3, guideline="Accept what is right.")
        for half in (1, 2):
            for rater, flip in (("ana", False), ("ben", half == 1)):
                say = {item.prompt: k % 2 for k, item in enumerate(ReviewItems(store.state).of("tone"))}
                rate(store, "tone", rater, lambda p: ("accept", "reject")[say[p] ^ flip], limit=15)  # noqa: B023
            if half == 1:
                service.set_guideline("tone", "Accept what is right, and kind.")
        found = AdjudicationService(store).figures("tone")
        assert found.before["value"] < 0
        assert found.after["value"] == 1
        assert found.before["value"] < found.alpha["value"] < 1


# --- settled elsewhere ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("postgres", BOTH)
def test_labels_a_finished_study_was_settled_on_come_in_as_its_adjudications(tmp_path, postgres):
    rows = [
        {"item": k, "prompt": f"q{k}", "a": f"answer {k}", "rater": rater, "choice": choice, "final": final}
        for k, (ana, ben, final) in enumerate([("accept", "accept", "reject"), ("accept", "reject", "accept")])
        for rater, choice in (("ana", ana), ("ben", ben))
    ]
    (tmp_path / "ratings.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    with sealed_on(postgres, tmp_path / "house", 1) as store:
        import_study(store, tmp_path / "ratings.jsonl", "earlier")
        standing = Adjudications(store.state).standing("earlier")
        assert [(a.verdict, a.category, a.adjudicator) for a in standing.values()] == [
            ("reject", None, "settled elsewhere"), ("accept", None, "settled elsewhere"),
        ]  # fmt: skip
        service = AdjudicationService(store)
        assert (service.queue("earlier", "lead"), service.figures("earlier").open) == ([], 0)
        shown = service.settled("earlier", "lead")
        assert [(c.decision.choice, c.decision.category) for c in shown] == [("reject", None), ("accept", None)]
        report = ReviewService(store).close("earlier")["adjudicated"]
        assert (report["n"], report["overruled"]["share"], report["raters"]["ana"]["share"]) == (2, 1.0, 0.5)
        made = GoldService(store).create_from_study("earlier", "gold", "lead")
        assert (made.rows, made.tied) == (2, 0)
        assert [g.judged.verdict for g in GoldService(store).items("gold")] == ["reject", "accept"]


def test_xstests_settled_labels_can_be_looked_at_and_settled_again_in_their_own_words(tmp_path, store, shared_data):
    file = shared_data / "xstest" / "evaluation" / "automated_evaluation_labels"
    with (file / "xstest_v2_completions_gpt4_gpteval.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    labels = sorted({label for row in rows for label in (row["annotation_1"], row["annotation_2"]) if label})
    ratings = [
        {"item": row["id"], "prompt": row["prompt"], "a": row["completion"], "rater": who, "choice": row[who],
         "final": row["final_label"]}
        for row in rows
        for who in ("annotation_1", "annotation_2")
    ]  # fmt: skip
    (tmp_path / "ratings.jsonl").write_text("\n".join(json.dumps(row) for row in ratings))
    import_study(store, tmp_path / "ratings.jsonl", "xstest", Reading(choices={label: label for label in labels}))
    service = AdjudicationService(store)
    assert service.choices("xstest") == (*labels, "set_aside")
    figures = service.figures("xstest")
    differ = [row for row in rows if row["annotation_1"] != row["annotation_2"]]
    assert (figures.open, figures.settled, figures.agreed) == (0, len(rows), 0)
    overruled = [r for r in rows if r["annotation_1"] == r["annotation_2"] != r["final_label"]]
    assert figures.overruled["n"] == len(rows) - len(differ)
    assert figures.overruled["share"] == pytest.approx(len(overruled) / (len(rows) - len(differ)), abs=1e-4)
    conflict = next(c for c in service.settled("xstest", "lead", 450) if c.prompt == differ[0]["prompt"])
    assert conflict.decision.choice == differ[0]["final_label"]
    assert {v.choice for v in conflict.votes} == {differ[0]["annotation_1"], differ[0]["annotation_2"]}
    service.decide(conflict.token, "lead", labels[0], "ambiguous")
    assert service.settled("xstest", "lead")[0].decision.choice == labels[0]
