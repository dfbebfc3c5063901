"""Raters who meet a gold row among the items of a study speak for or against its label, once the study is closed."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from curation.records import Message
from curation.store.gold import GoldItem, Judged
from curation.store.review_records import Design
from curation.task import AnswerTable
from judges.gold import GoldService
from judges.gold_again import open_again, suspects_of
from judges.gold_planted import said_of_copies
from judges.label_errors import label_errors
from judges.review import ReviewService

LABEL = AnswerTable(format="label")


def row(name, verdict="accept", answers=None, **votes):
    said = Judged(
        messages=(Message(role="user", content=f"gold {name}"),),
        answers=answers or (f"answer {name}",),
        verdict=verdict,
        votes=votes,
    )
    return GoldItem(id=name, text=f"gold {name}", answer=None, judged=said)


def put(store, *rows):
    GoldService(store).add("gold", rows, actor="lead")


def study(store, name, said, *, kind="single", close=True):
    """A study with the gold rows planted in it. `said` is what each rater answers: to a gold row's text, and reason."""
    service = ReviewService(store)
    design = Design(gold="gold", gold_share=0.5)
    service.create(name, kind=kind, n=8, overlap=len(said), raters=list(said), design=design)
    for rater, answers in said.items():
        while offered := service.next(name, rater, 4):
            for shown in offered:
                given = answers.get(shown.prompt, "accept" if kind == "single" else "tie")
                given = given(shown) if callable(given) else given
                service.vote(shown.token, rater, *(given if isinstance(given, tuple) else (given,)))
    if close:
        service.close(name)


def reasons(store):
    return {s.row.id: s.reasons for s in suspects_of(store, "gold", LABEL)}


# --- what votes on a copy weigh ------------------------------------------------------------------------------------


def test_raters_of_planted_copies_speak_against_a_label_and_a_flag_is_told_with_its_reason():
    copies = {"a": [("ana", "reject", None), ("ben", "reject", "too short"), ("cy", "flag", "unsafe")]}
    (found,) = label_errors([row("a")], copies=copies)
    assert found.reasons == ("2 of 3 raters of planted copies said reject, 1 flagged it: unsafe",)


def test_a_flag_weighs_half_as_much_as_a_vote_against_and_lists_a_row_that_nothing_else_speaks_against():
    """Mutation: judges/label_errors.py: (against + unsure / 2 - agreed) => (against + unsure - agreed)"""
    copies = {
        "against": [("ana", "reject", None)],
        "flagged": [("ana", "flag", None)],
        "kept": [("ana", "accept", None)],
        "liked": [("ana", "accept", None), ("ben", "accept", None), ("cy", "flag", "broken")],
    }
    found = label_errors([row(name) for name in copies], copies=copies)
    assert [s.row.id for s in found] == ["against", "flagged", "liked"]
    assert found[0].score > found[1].score
    assert found[1].reasons == ("0 of 1 raters of planted copies said reject, 1 flagged it: no reason given",)


def test_who_voted_on_the_row_itself_is_no_second_witness_but_their_flag_is_told():
    """Mutation: judges/label_errors.py:  in votes if rater not in own] =>  in votes]"""
    voted = row("a", ana="accept", ben="reject")
    alone = label_errors([voted])[0]
    (again,) = label_errors([voted], copies={"a": [("ben", "reject", None)]})
    assert (again.score, again.reasons) == (alone.score, alone.reasons)
    (flagged,) = label_errors([voted], copies={"a": [("ben", "flag", "not my language")]})
    assert flagged.score == alone.score
    assert flagged.reasons[1].endswith("1 flagged it: not my language")


def test_votes_for_a_label_make_it_less_doubtful():
    doubtful = row("a", ana="accept", ben="reject")
    (before,), (after,) = (label_errors([doubtful], copies=c) for c in (None, {"a": [("cy", "accept", None)]}))
    assert after.score < before.score
    assert after.reasons == before.reasons


def test_the_reason_of_a_flag_is_one_short_line_of_what_can_be_printed():
    copies = {"a": [("ana", "flag", "see\n\x1b[2J  \u202ethis " + "x" * 500)]}
    (told,) = label_errors([row("a")], copies=copies)[0].reasons
    assert told.split("flagged it: ")[1].startswith("see [2J this xxx")
    assert len(told) < 160
    assert told.isprintable()


# --- in a workspace ------------------------------------------------------------------------------------------------


def test_an_open_study_says_nothing_about_the_gold_rows_that_lie_in_it(store):
    """Mutation: curation/store/review_tables.py: .is_not(None), STUDIES.c.closed.is_not(None)) => .is_not(None))"""
    put(store, row("a"), row("b", "reject"))
    said = {"gold a": ("reject", "wrong"), "gold b": ("flag", "unsafe")}
    study(store, "s", {"ana": said, "ben": said}, close=False)
    assert reasons(store) == {}
    assert said_of_copies(store, "gold", GoldService(store).items("gold")) == {}
    ReviewService(store).close("s")
    assert reasons(store) == {
        "a": ("2 of 2 raters of planted copies said reject",),
        "b": ("0 of 2 raters of planted copies said accept, 2 flagged it: unsafe",),
    }


def test_a_row_that_states_an_answer_is_doubted_by_those_who_reject_it(store):
    put(store, GoldItem(id="a", text="gold a", answer="refund"), GoldItem(id="b", text="gold b", answer="track"))
    study(store, "s", {"ana": {"gold a": "reject"}})
    assert reasons(store) == {"a": ("1 of 1 raters of planted copies said reject",)}


def test_of_a_pair_the_order_in_which_each_rater_saw_it_is_undone(store):
    """Mutation: judges/gold_planted.py: (rater, vote.said, vote.reason) => (rater, vote.choice, vote.reason)
    Mutation: judges/gold_planted.py: (item.second, item.first) if swap => (item.second, item.first) if not swap"""
    rows = [row(f"p{i}", "first", ("good", "bad")) for i in range(4)]
    put(store, *rows)

    def bad(shown):
        return "a" if shown.a == "bad" else "b_much"

    swaps = dict.fromkeys((r.text for r in rows[:3]), bad)
    study(store, "s", {"ana": swaps, "ben": swaps, "cy": {**swaps, "gold p2": "both_bad"}}, kind="pairwise")
    assert reasons(store) == {
        "p0": ("3 of 3 raters of planted copies said second",),
        "p1": ("3 of 3 raters of planted copies said second",),
        "p2": ("2 of 3 raters of planted copies said second, 1 neither",),
        "p3": ("0 of 3 raters of planted copies said second, 3 neither",),
    }


def test_of_a_rater_who_meets_a_row_twice_the_last_word_counts_and_a_skip_is_none(store):
    """Mutation: judges/gold_planted.py: or vote.choice == "skip" => or vote.choice == "none\""""
    put(store, row("a"), row("b"), row("c"))
    study(store, "s", {"ana": {"gold a": "reject", "gold b": "reject", "gold c": "reject"}})
    study(store, "t", {"ana": {"gold a": "accept", "gold b": ("flag", "unsafe"), "gold c": "skip"}})
    assert reasons(store) == {
        "b": ("0 of 1 raters of planted copies said reject, 1 flagged it: unsafe",),
        "c": ("1 of 1 raters of planted copies said reject",),
    }


def test_votes_on_texts_that_the_row_does_not_hold_any_more_count_for_nothing(store):
    """Mutation: judges/gold_planted.py: if vote.shown == texts => if True or texts"""
    put(store, GoldItem(id="a", text="gold a", answer="refund"), row("b"))
    study(store, "s", {"ana": {"gold a": "reject", "gold b": "reject"}})
    assert set(reasons(store)) == {"a", "b"}
    put(store, GoldItem(id="a", text="gold a", answer="track"))
    assert set(reasons(store)) == {"b"}


def test_what_people_decided_since_settles_what_raters_said_before_and_moving_a_row_does_not(store):
    """Mutation: judges/gold_planted.py: or vote.closed <= decided.get(row.id, "") => or False"""
    put(store, row("a"), row("b"))
    study(store, "s", {"ana": {"gold a": "reject", "gold b": "reject"}})
    put(store, row("a").model_copy(update={"slice": "hard"}))
    suspects = suspects_of(store, "gold", LABEL)
    assert [s.row.id for s in suspects] == ["a", "b"]
    open_again(store, "gold", "again", suspects[:1], overlap=1)
    service = ReviewService(store)
    (item,) = service.next("again", "ben")
    service.vote(item.token, "ben", "accept")
    service.close("again")
    GoldService(store).create_from_study("again", "gold", "lead")
    assert set(reasons(store)) == {"b"}
    study(store, "t", {"cy": {"gold a": "reject"}})
    assert set(reasons(store)) == {"a", "b"}


def test_rows_of_another_set_whose_name_begins_alike_are_not_meant(store):
    put(store, row("a"))
    GoldService(store).add("gold_", [row("a")], actor="lead")
    GoldService(store).add("goldx", [row("a")], actor="lead")
    study(store, "s", {"ana": {"gold a": "reject"}})
    assert [len(suspects_of(store, name, LABEL)) for name in ("gold", "gold_", "goldx")] == [1, 0, 0]


@contextmanager
def statements() -> Iterator[list[str]]:
    seen: list[str] = []

    def told(_connection, _cursor, statement, *_):
        seen.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", told)
    try:
        yield seen
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", told)


@pytest.mark.parametrize("sets", [2, 12])
def test_the_votes_are_read_once_however_many_rows_there_are(store, sets):
    rows = [row(f"r{i:02}") for i in range(sets)]
    put(store, *rows)
    study(store, "s", {"ana": {r.text: "reject" for r in rows}})
    with statements() as asked:
        assert reasons(store)
    assert sum("review_votes" in statement for statement in asked) == 1
