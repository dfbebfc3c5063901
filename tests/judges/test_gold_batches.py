"""Many rows of a gold set are changed at once: told before, done as a new version, and undone without losing any."""

import pytest

from curation.errors import Forbidden, InputError
from curation.people import Person
from curation.store.gold import Gold, GoldItem
from curation.store.store import Store
from curation.task import AnswerTable, Environment
from judges import gold_batches as batches
from judges.gold_again import open_again, suspects_of
from judges.gold_diff import changes_between
from judges.review import ReviewService
from tests.postgres import server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store(request, tmp_path):
    if request.param == "sqlite":
        with Store.create(tmp_path) as opened:
            yield filled(opened)
        return
    with server() as url, Store.create(tmp_path, Environment({"DATABASE_URL": url})) as opened:
        yield filled(opened)


def row(number, slice_name="plain", answer="refund"):
    return GoldItem(id=f"g{number}", text=f"message {number}", answer={"intent": answer}, slice=slice_name)


def filled(store):
    put(store, *(row(n) for n in range(4)), row(4, "typos"))
    return store


def put(store, *rows, **more):
    return Gold(store.state).put("gold", rows, ledger=store.ledger, actor="ana", **more)[0]


def held(store, number=None):
    return {item.id: item for item in Gold(store.state).items("gold", number)}


def newest(store):
    return Gold(store.state).versions("gold")[-1]


def test_a_dry_run_says_how_many_rows_would_go_and_which_ids_are_unknown_and_changes_nothing(store):
    plan = batches.plan_removal(store, "gold", ["g1", "g2", "g9", "g1"])
    assert plan.words[0] == "Takes 2 rows out of gold set 'gold': version 2 holds 3 of 5."
    assert plan.words[-1] == "Blocked: 1 of 3 ids are no rows of it: g9."
    assert plan.rows == 2
    assert (newest(store).number, len(held(store))) == (1, 5)


def test_rows_taken_out_are_gone_from_the_new_version_and_stay_in_the_old_one(store):
    version = batches.carry_out(store, batches.plan_removal(store, "gold", ["g1", "g2"]), "maria")
    assert (version.number, version.items, version.actor) == (2, 3, "maria")
    assert sorted(held(store)) == ["g0", "g3", "g4"]
    assert len(held(store, 1)) == 5
    assert Gold(store.state).texts() == ["message 0", "message 3", "message 4"]
    assert store.ledger.events("gold")[-1].body["note"] == "took out 2 rows"
    assert store.ledger.verify() == []


def test_a_batch_undone_leaves_the_same_rows_guideline_and_digest_as_before_and_its_trace_in_the_ledger(store):
    put(store, guideline="be strict")
    before = newest(store)
    batches.carry_out(store, batches.plan_guideline(store, "gold", "be kind"), "maria")
    batches.carry_out(store, batches.plan_undo(store, "gold"), "maria")
    batches.carry_out(store, batches.plan_move(store, "gold", list(held(store)), "hard"), "maria")
    plan = batches.plan_undo(store, "gold")
    assert "what version 4 held, 5 rows" in plan.words[0]
    assert plan.words[1] == "0 come back, 5 change back, 0 go."
    after = batches.carry_out(store, plan, "ben")
    assert (after.digest, after.guideline, after.number) == (before.digest, before.guideline, 6)
    assert [v.number for v in Gold(store.state).versions("gold")] == [1, 2, 3, 4, 5, 6]
    assert [e.body.get("undoes") for e in store.ledger.events("gold")] == [None, None, None, 3, None, 5]


def test_a_guideline_that_was_not_there_before_is_gone_again_after_undo(store):
    batches.carry_out(store, batches.plan_guideline(store, "gold", "be kind"), "maria")
    assert "guideline goes back" in batches.plan_undo(store, "gold").words[-1]
    assert batches.carry_out(store, batches.plan_undo(store, "gold"), "maria").guideline is None


def test_an_undo_is_undone_by_one_more(store):
    out = batches.carry_out(store, batches.plan_removal(store, "gold", ["g1"]), "maria")
    batches.carry_out(store, batches.plan_undo(store, "gold"), "maria")
    again = batches.carry_out(store, batches.plan_undo(store, "gold"), "maria")
    assert again.digest == out.digest


def test_a_version_that_later_ones_built_on_is_not_undone_and_they_are_named(store):
    batches.carry_out(store, batches.plan_removal(store, "gold", ["g1"]), "maria")
    batches.carry_out(store, batches.plan_move(store, "gold", ["g2"], "hard"), "ben")
    plan = batches.plan_undo(store, "gold", 2)
    assert plan.change is None
    assert "1 later version would be lost with version 2: 3 (moved 1 row to slice 'hard', by ben)" in plan.words[0]
    with pytest.raises(InputError, match="would be lost"):
        batches.carry_out(store, plan, "maria")
    batches.carry_out(store, batches.plan_undo(store, "gold"), "ben")
    batches.carry_out(store, batches.plan_undo(store, "gold", 2), "ben")
    assert newest(store).digest == Gold(store.state).versions("gold")[0].digest


def test_the_first_version_is_not_undone(store):
    assert "nothing before it" in batches.plan_undo(store, "gold").words[0]
    with pytest.raises(InputError, match="versions 1 to 1"):
        batches.plan_undo(store, "gold", 7)


def test_a_sealed_set_blocks_every_action_with_its_reason(store):
    batches.seal(store, batches.plan_seal(store, "gold"), "maria")
    plans = (
        batches.plan_removal(store, "gold", ["g1"]),
        batches.plan_move(store, "gold", ["g1"], "hard"),
        batches.plan_correction(store, "gold", "g1", "x", None),
        batches.plan_guideline(store, "gold", "x"),
        batches.plan_undo(store, "gold"),
        batches.plan_seal(store, "gold"),
    )
    for plan in plans:
        assert plan.change is None
        assert "was sealed at version 1 by maria" in plan.words[0]


def test_what_was_planned_on_an_older_version_is_not_done(store):
    plan, sealing = batches.plan_removal(store, "gold", ["g1"]), batches.plan_seal(store, "gold")
    put(store, row(7))
    with pytest.raises(InputError, match="at version 2 by now"):
        batches.carry_out(store, plan, "maria")
    with pytest.raises(InputError, match="at version 2 by now"):
        batches.seal(store, sealing, "maria")
    assert Gold(store.state).sealed("gold") is None


def test_rows_move_to_a_slice_and_those_there_already_are_counted(store):
    plan = batches.plan_move(store, "gold", ["g0", "g1", "g4"], "typos")
    assert plan.words == (
        "Moves 2 rows to slice 'typos': version 2 has 3 there, 1 now.",
        "Left alone: 1 row in slice 'typos' already.",
    )
    batches.carry_out(store, plan, "maria")
    assert {i for i, r in held(store).items() if r.slice == "typos"} == {"g0", "g1", "g4"}
    assert batches.plan_move(store, "gold", ["g0"], "typos").change is None


def test_a_row_gets_another_answer_and_nothing_else_changes(store):
    plan = batches.plan_correction(store, "gold", "g1", {"intent": "exchange"}, "plain")
    assert plan.words == ("Changes the answer of 1 of 5 rows, g1; version 2 is the first with it.",)
    batches.carry_out(store, plan, "maria")
    (change,) = changes_between(store, "gold", 1, 2)
    assert (change.id, change.what, change.parts) == ("g1", "changed", ("answer",))
    assert batches.plan_correction(store, "gold", "g1", {"intent": "exchange"}, "plain").change is None


def test_a_set_keeps_at_least_one_row(store):
    plan = batches.plan_removal(store, "gold", list(held(store)))
    assert plan.change is None
    assert "all 5 rows" in plan.words[-1]


def test_rows_people_are_being_asked_about_stay_until_the_review_is_closed(store):
    put(store, row(1, answer="refund"), GoldItem(id="twin", text="message 1", answer={"intent": "track"}))
    suspects = suspects_of(store, "gold", AnswerTable(format="json", field="intent", labels=("refund", "track")))
    open_again(store, "gold", "again", suspects, overlap=1)
    plan = batches.plan_removal(store, "gold", ["g1", "g2"])
    assert plan.change is not None
    assert plan.change.remove == ("g2",)
    assert plan.words[-1] == "Blocked: 1 row in the open review 'again', g1; close it first."
    assert "open review 'again', twin" in batches.plan_undo(store, "gold").words[0]
    ReviewService(store).close("again")
    assert batches.plan_removal(store, "gold", ["g1", "g2"]).rows == 2


def test_versions_are_compared_row_by_row(store):
    batches.carry_out(store, batches.plan_removal(store, "gold", ["g1"]), "maria")
    put(store, row(0, "hard", "track"), row(9))
    found = {c.id: (c.what, c.parts) for c in changes_between(store, "gold", 1, 3)}
    assert found == {"g0": ("changed", ("answer", "slice")), "g1": ("taken out", ()), "g9": ("added", ())}
    assert changes_between(store, "gold", 2, 2) == []


def test_somebody_whose_role_does_not_allow_it_changes_no_gold_set(store):
    rater = Person(name="ana", roles=frozenset({"reviewer"}))
    with pytest.raises(Forbidden, match="curate gold"):
        batches.carry_out(store, batches.plan_removal(store, "gold", ["g1"]), "ana", who=rater)
    with pytest.raises(Forbidden, match="curate gold"):
        batches.seal(store, batches.plan_seal(store, "gold"), "ana", who=rater)
