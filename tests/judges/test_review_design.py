"""What a study asks beyond a choice, and what is planted in it: practice, gold rows, hidden repeats."""

import threading

import pytest

from curation.errors import Forbidden, InputError, UnknownRecord
from curation.people import Person
from curation.records import Message, text_digest
from curation.store.gold import GoldItem, Judged
from curation.store.review_own import OwnWork
from curation.store.review_records import Criterion, Design, Details, Draft, Span, exact_digest
from curation.store.reviews import Reviews
from judges.adjudication import AdjudicationService
from judges.gold import GoldService
from judges.review import ReviewService

TONE = Criterion(name="tone", question="How does it sound?", anchors=("rude", "cold", "fine", "warm"))


def gold(store, n=6):
    """A gold set of single answers, every other one right."""
    rows = [
        GoldItem(
            id=f"g{i}",
            text=f"gold question {i}",
            answer=None,
            judged=Judged(
                messages=(Message(role="user", content=f"gold question {i}"),),
                answers=(f"gold answer {i}",),
                verdict="accept" if i % 2 else "reject",
                votes={},
                teachers=("",),
            ),
        )
        for i in range(n)
    ]
    GoldService(store).add("gold", rows, actor="lead")


def walk(service, study, rater, say=lambda shown: "accept", batch=4):
    """Answer all that is offered; what was shown, in order."""
    seen = []
    while offered := service.next(study, rater, batch):
        for shown in offered:
            assert service.vote(shown.token, rater, say(shown), dwell_ms=900)
            seen.append(shown)
    return seen


def test_practice_comes_first_is_told_what_is_right_and_counts_for_nothing(store):
    gold(store)
    service = ReviewService(store)
    service.create("s", kind="single", n=5, overlap=1, design=Design(practice=3, gold="gold"))
    assert service.progress("s", "ana").practice_left == 3
    seen = walk(service, "s", "ana")
    assert [shown.practice for shown in seen] == [True] * 3 + [False] * 5
    told = [service.feedback("s", shown.token, "ana") for shown in seen]
    assert {"The gold set says so too: accept it.", "The gold set says otherwise: reject it."} >= set(told[:3])
    assert all(told[:3])
    assert told[3:] == [None] * 5
    assert service.progress("s", "ana").model_dump() == {"done": 5, "skipped": 0, "left": 0, "practice_left": 0}
    assert len(service.history("s", "ana")) == 5
    assert service.close("s")["votes"] == 5


def test_practice_without_gold_uses_items_that_are_not_asked(store):
    service = ReviewService(store)
    study = service.create("s", n=20, overlap=1, design=Design(practice=3))
    seen = walk(service, "s", "ana", lambda shown: "tie")
    assert (study.items, len({shown.prompt for shown in seen})) == (7, 10)
    assert service.feedback("s", seen[0].token, "ana") is None


def test_more_practice_than_there_is_to_practise_on_is_refused(store):
    with pytest.raises(InputError, match="9 items to practise on, not 12"):
        ReviewService(store).create("s", n=5, design=Design(practice=12))


def test_gold_rows_lie_hidden_among_the_items_and_are_told_apart_by_nothing_but_their_votes(store):
    gold(store)
    service = ReviewService(store)
    service.create("s", kind="single", n=20, overlap=1, design=Design(gold="gold", gold_share=0.2))
    seen = walk(service, "s", "ana")
    planted = Reviews(store.state).planted("s")
    assert {p.role for p in planted} == {"gold"}
    assert 3 <= len(planted) <= 5
    assert len(seen) == 20 + len(planted)
    assert {(p.right == "accept") == (p.winner == p.right) for p in planted} == {True}
    places = [i for i, shown in enumerate(seen) if shown.prompt.startswith("gold")]
    assert min(places) < 18, "gold rows come among the others, not after them"
    assert {frozenset(shown.model_dump(exclude_none=True)) for shown in seen} == {
        frozenset({"token", "question", "prompt", "a", "practice"})
    }
    assert service.close("s")["votes"] == 20


def test_what_is_done_and_left_counts_planted_items_as_any_other(store):
    gold(store)
    service = ReviewService(store)
    service.create("s", kind="single", n=20, overlap=1, design=Design(gold="gold", gold_share=0.2, repeats=0.1))
    totals = []
    while offered := service.next("s", "ana", 3):
        for shown in offered:
            service.vote(shown.token, "ana", "accept")
            now = service.progress("s", "ana")
            totals.append(now.done + now.left)
    assert len(set(totals)) == 1, "a total that jumps when a planted item comes would give it away"
    assert totals[-1] == len(totals)


def test_a_hidden_repeat_comes_later_in_the_other_order_to_the_same_rater_once(store):
    service = ReviewService(store)
    service.create("s", n=10, overlap=1, design=Design(repeats=0.3))
    seen = walk(service, "s", "ana", lambda shown: "a", batch=2)
    planted = Reviews(store.state).planted("s")
    assert {p.role for p in planted} == {"repeat"}
    assert 2 <= len(planted) <= 4
    first = {b.position: b for b in Reviews(store.state).ballots("s")}
    for again in planted:
        assert again.of is not None
        assert again.swap != first[again.of].swap
        assert again.winner != first[again.of].winner, "who always takes pane A contradicts themselves"
    prompts = [shown.prompt for shown in seen]
    gaps = [prompts.index(p, prompts.index(p) + 1) - prompts.index(p) for p in prompts if prompts.count(p) > 1]
    assert min(gaps) > 3
    assert len({p.of for p in planted}) == len(planted)
    assert service.close("s")["votes"] == 10


def test_a_repeat_is_one_raters_own(store):
    service = ReviewService(store)
    service.create("s", n=10, overlap=2, design=Design(repeats=0.3))
    walk(service, "s", "ana", lambda shown: "a", batch=2)
    assert service.progress("s", "ben").left in (12, 13)
    walk(service, "s", "ben", lambda shown: "b", batch=2)
    status = service.status("s")
    assert (status.given, status.complete_items) == (20, 10)
    raters = {p.rater for p in Reviews(store.state).planted("s")}
    assert raters == {"ana", "ben"}


def test_scores_spans_edits_and_comments_are_kept_with_the_vote(store):
    service = ReviewService(store)
    service.create("e", kind="edit", n=2, overlap=1, design=Design(criteria=(TONE,), tags=("name",)))
    one, other = service.next("e", "ana")
    details = Details(
        comment="too short", scores={"tone": 4}, edit=one.a + "!", spans=(Span(pane="a", start=0, end=3, tag="name"),)
    )
    assert service.vote(one.token, "ana", "edit", details=details)
    assert service.vote(other.token, "ana", "accept")
    ballots = {b.choice: b for b in Reviews(store.state).ballots("e")}
    assert ballots["edit"].details == details
    assert ballots["accept"].details == Details()


@pytest.mark.parametrize(
    ("choice", "details", "words"),
    [
        ("edit", Details(), "differs from the one shown"),
        ("accept", Details(scores={"tone": 5}), "tone 5 is no score of this study. Known: tone 1 to 4"),
        ("accept", Details(scores={"style": 1}), "style 1 is no score"),
        ("accept", Details(spans=(Span(pane="a", start=0, end=9_999, tag="name"),)), "ends at character 9999"),
        ("accept", Details(spans=(Span(pane="b", start=0, end=1, tag="name"),)), "pane b, which has 0"),
        ("accept", Details(spans=(Span(pane="a", start=0, end=1, tag="place"),)), "no tag 'place' here. Known: name"),
        ("a", Details(), "no choice 'a' here"),
    ],
)
def test_what_does_not_fit_is_refused_and_the_item_stays_open(store, choice, details, words):
    service = ReviewService(store)
    service.create("e", kind="edit", n=1, overlap=1, design=Design(criteria=(TONE,), tags=("name",)))
    shown = service.next("e", "ana")[0]
    with pytest.raises(InputError, match=words):
        service.vote(shown.token, "ana", choice, details=details)
    assert [p.token for p in service.next("e", "ana")] == [shown.token]


def test_text_that_is_called_marked_has_a_mark(store):
    service = ReviewService(store)
    service.create("p", kind="spans", n=1, overlap=1)
    token = service.next("p", "ana")[0].token
    with pytest.raises(InputError, match="nothing is marked"):
        service.vote(token, "ana", "marked")
    assert service.vote(token, "ana", "marked", details=Details(spans=(Span(pane="a", start=0, end=2, tag="x"),)))


def test_a_draft_is_kept_until_the_vote_and_belongs_to_its_rater(store):
    service = ReviewService(store)
    service.create("s", kind="single", n=2, overlap=1)
    token = service.next("s", "ana")[0].token
    service.draft(token, "ana", Draft(comment="half a thou"))
    service.draft(token, "ana", Draft(comment="half a thought", choice="reject"))
    assert service.next("s", "ana")[0].draft == Draft(comment="half a thought", choice="reject")
    with pytest.raises(UnknownRecord):
        service.draft(token, "ben", Draft(comment="mine"))
    service.vote(token, "ana", "reject")
    service.undo(token, "ana")
    assert {p.token: p.draft for p in service.next("s", "ana")}[token] is None


def test_the_same_act_sent_again_after_an_undo_is_not_a_second_vote(store):
    service = ReviewService(store)
    service.create("s", kind="single", n=1, overlap=1)
    token = service.next("s", "ana")[0].token

    def deliver():
        return [
            service.vote(token, "ana", "accept", act="1"),
            service.undo(token, "ana", act="2"),
            service.vote(token, "ana", "reject", act="3"),
        ]

    assert deliver() == [True, True, True]
    assert deliver() == [False, False, False]
    assert [b.choice for b in Reviews(store.state).ballots("s")] == ["reject"]
    assert len([e for e in store.ledger.events() if e.kind.startswith("vote")]) == 3


def test_every_vote_holds_the_digest_of_what_was_shown_which_is_that_of_the_row(store):
    service = ReviewService(store)
    service.create("s", n=10, overlap=2)
    for rater in ("ana", "ben"):
        walk(service, "s", rater, lambda shown: "a_much")
    rows = {row["id"]: exact_digest(row["answer"]) for row in store.versions.samples().to_dicts()}
    ballots = Reviews(store.state).ballots("s")
    assert len(ballots) == 20
    for ballot in ballots:
        sides = ("b", "a") if ballot.swap else ("a", "b")
        shown = [ballot.shown[side] for side in sides]
        assert shown == [rows[ballot.first_sample], rows[ballot.second_sample]]
    assert {(b.points, b.winner) for b in ballots} == {(2, "first"), (-2, "second")}


def test_every_vote_holds_the_guideline_that_was_in_force(store):
    service = ReviewService(store)
    service.create("s", kind="single", n=3, overlap=1, guideline="Be strict.")
    one, two, _ = service.next("s", "ana")
    service.vote(one.token, "ana", "accept")
    changed = service.set_guideline("s", "Be kind.", "lead")
    service.vote(two.token, "ana", "accept")
    assert service.guideline("s") == "Be kind."
    assert [b.guideline for b in Reviews(store.state).ballots("s")] == [text_digest("Be strict."), changed]
    service.close("s")
    with pytest.raises(InputError, match="is closed"):
        service.set_guideline("s", "Too late.")


def test_a_pause_gives_everything_back_at_once(store):
    service = ReviewService(store)
    service.create("s", kind="single", n=3, overlap=1)
    mine = [p.token for p in service.next("s", "ana")]
    assert service.next("s", "ben") == []
    assert service.release("s", "ana") == 3
    assert len(service.next("s", "ben")) == 3
    assert service.next("s", "ana") == []
    service.release("s", "ben")
    assert [p.token for p in service.next("s", "ana")] == mine


def test_a_vote_that_comes_too_late_is_kept_as_surplus_and_not_counted(store):
    service = ReviewService(store)
    service.create("s", kind="single", n=1, overlap=1)
    late = service.next("s", "ana")[0].token
    service.release("s", "ana")
    service.vote(service.next("s", "ben")[0].token, "ben", "accept")
    assert service.vote(late, "ana", "reject")
    assert [(b.rater, b.choice) for b in Reviews(store.state).ballots("s")] == [("ben", "accept")]
    assert {p.rater: p.state for p in Reviews(store.state).presented("s")} == {"ana": "surplus", "ben": "done"}
    assert service.progress("s", "ana").done == 1
    assert service.status("s").given == 1


def test_who_was_late_is_told_so_once_the_study_is_closed_and_not_before(store):
    """Mutation: curation/store/review_own.py: if self._study.closed is None: => if self._study is None:"""
    service = ReviewService(store)
    service.create("s", kind="single", n=2, overlap=1)
    late = [shown.token for shown in service.next("s", "ana")]
    service.release("s", "ana")
    service.vote(service.next("s", "ben", 1)[0].token, "ben", "accept")
    for token in late:
        service.vote(token, "ana", "reject")

    def told(rater):
        return OwnWork(store.state, Reviews(store.state).study("s"), service.design("s"), rater).kept_apart()

    assert [told("ana"), told("ben")] == [0, 0]
    service.close("s")
    assert [told("ana"), told("ben")] == [1, 0]


def test_a_flagged_item_says_why_and_goes_to_somebody_else(store):
    service = ReviewService(store)
    service.create("s", kind="single", n=1, overlap=1)
    service.vote(service.next("s", "ana")[0].token, "ana", "flag", "personal data")
    assert service.vote(service.next("s", "ben")[0].token, "ben", "accept")
    assert [(b.choice, b.reason, b.passed) for b in Reviews(store.state).ballots("s")] == [
        ("flag", "personal data", True), ("accept", None, False),
    ]  # fmt: skip
    assert service.close("s")["votes"] == 1


def test_a_raters_history_is_their_own_and_newest_first(store):
    service = ReviewService(store)
    service.create("s", kind="single", n=4, overlap=2)
    for shown in service.next("s", "ben", 2):
        service.vote(shown.token, "ben", "reject")
    mine = service.next("s", "ana", 3)
    for shown in mine:
        service.vote(shown.token, "ana", "accept")
    service.undo(mine[0].token, "ana")
    assert [(p.token, p.choice) for p in service.history("s", "ana")] == [
        (mine[2].token, "accept"), (mine[1].token, "accept"),
    ]  # fmt: skip


def test_an_invited_reviewer_acts_in_their_study_under_their_name_alone(store):
    service = ReviewService(store)
    for name in ("s", "other"):
        service.create(name, kind="single", n=2, overlap=2)
    ana = ReviewService(store, Person(name="ana", roles=frozenset({"reviewer"}), study="s"))
    token = service.next("other", "ana")[0].token
    for deed in (
        lambda: ana.next("other", "ana"),
        lambda: ana.next("s", "ben"),
        lambda: ana.vote(token, "ana", "accept"),
        lambda: ana.history("s", "ben"),
        lambda: ana.status("s"),
        lambda: ana.close("s"),
    ):
        with pytest.raises(Forbidden):
            deed()
    assert ana.vote(ana.next("s", "ana")[0].token, "ana", "accept")
    assert [s.name for s in ana.studies()] == ["s"]


def sit(store, rater):
    """A rater in a thread of their own, who walks away once with items open, and passes some on."""
    service, rounds = ReviewService(store), 0
    while batch := service.next("s", rater, 2):
        rounds += 1
        if rounds == 1:
            service.release("s", rater)
        else:
            service.vote(batch[0].token, rater, "skip" if rater == "rater 4" and rounds == 3 else "a")


def test_many_raters_at_once_give_every_item_its_votes_in_both_orders_and_nobody_starves(store):
    service = ReviewService(store)
    service.create("s", n=10, overlap=2, design=Design(repeats=0.2))
    raters = [f"rater {i}" for i in range(5)]
    threads = [threading.Thread(target=sit, args=(store, rater)) for rater in raters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for rater in raters:  # whoever found everything held by others comes back
        sit(store, rater)
    assert votes_of(store, "s") == [[False, True]] * 10
    assert store.ledger.verify() == []


def votes_of(store, study):
    """The orders each item was voted on in."""
    given = {}
    for ballot in Reviews(store.state).ballots(study):
        if not ballot.passed:
            given.setdefault(ballot.position, []).append(ballot.swap)
    return [sorted(orders) for orders in given.values()]


@pytest.mark.parametrize(("rater", "turned"), [("ana", True), ("ben", False)])
def test_who_comes_back_is_shown_the_other_order_where_theirs_was_given_meanwhile(store, rater, turned):
    """Mutation: curation/store/review_serving.py: alike < sa.bindparam("alike") => alike < 9 * sa.bindparam("alike")"""
    service = ReviewService(store)
    service.create("s", n=8, overlap=2)
    first = {}
    for early in ("ana", "ben"):  # each sees every item in an order of their own, and walks away
        first |= {(early, p.prompt): p for p in service.next("s", early, 8)}
        service.release("s", early)
    for shown in service.next("s", "cyd", 8):  # drawn as for ana, since nobody holds anything
        service.vote(shown.token, "cyd", "a")
    back = service.next("s", rater, 8)
    assert len(back) == 8
    for shown in back:
        before = first[rater, shown.prompt]
        assert (shown.token != before.token, (shown.a, shown.b) == (before.b, before.a)) == (turned, turned)
        assert service.vote(shown.token, rater, "b")
        if turned:
            with pytest.raises(UnknownRecord, match="reload"):
                service.vote(before.token, rater, "a")
    assert votes_of(store, "s") == [[False, True]] * 8


def test_a_late_vote_in_an_order_that_is_taken_is_surplus_and_the_item_stays_open_for_the_other(store):
    """Mutation: curation/store/review_votes.py: in_this >= in_one_order => in_this > in_one_order"""
    service = ReviewService(store)
    service.create("s", n=8, overlap=2)
    late = {}
    for rater in ("ana", "ben"):
        late |= {(rater, p.prompt): p for p in service.next("s", rater, 8)}
        service.release("s", rater)
    taken = {p.prompt: p for p in service.next("s", "cyd", 8)}
    for shown in taken.values():
        service.vote(shown.token, "cyd", "a")
    for (rater, _), shown in late.items():  # both are late: one of the two saw what cyd saw
        service.vote(shown.token, rater, "a")
    assert votes_of(store, "s") == [[False, True]] * 8
    states = [p.state for p in Reviews(store.state).presented("s")]
    assert (states.count("done"), states.count("surplus")) == (16, 8)


def test_a_vote_on_a_settled_item_can_no_longer_be_taken_back(store):
    service, lead = ReviewService(store), AdjudicationService(store)
    service.create("s", n=1, overlap=2)
    tokens = {rater: service.next("s", rater)[0].token for rater in ("ana", "ben")}
    for rater, token in tokens.items():
        service.vote(token, rater, "a")  # each saw the other order, so they disagree
    (dispute,) = lead.queue("s", "lead", 10)
    lead.decide(dispute.token, "lead", "tie", "ambiguous")
    with pytest.raises(InputError, match="settled meanwhile"):
        service.undo(tokens["ana"], "ana")


def test_who_saw_the_votes_on_an_item_to_settle_it_is_never_asked_to_vote_on_it(store):
    service, lead = ReviewService(store), AdjudicationService(store)
    service.create("s", n=2, overlap=3)
    for rater in ("ana", "ben"):
        service.vote(service.next("s", rater)[0].token, rater, "a")
    (dispute,) = lead.queue("s", "lead", 10)
    assert dispute.prompt not in [shown.prompt for shown in service.next("s", "lead")]
    assert service.progress("s", "lead").left == 1
