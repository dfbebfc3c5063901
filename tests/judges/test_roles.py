"""Every role against every action, through the services that pages and commands call, on a real store."""

from functools import partial

import polars as pl
import pytest

from curation.errors import Forbidden, UnknownRecord
from curation.evaluation import Evaluation, ItemScore
from curation.people import ACTIONS, ALL, ALLOWED, OWNER, ROLES, Person
from curation.quarantine import Quarantine
from curation.records import DECISIONS, Decision, decisions_frame
from curation.store.gold import GoldItem
from curation.store.people import People
from curation.store.store import Store
from curation.store.waves import Rubric, Schedule
from curation.task import read_task
from judges.adjudication import AdjudicationService
from judges.blinding import BlindingService
from judges.gate import GateTable, decide_and_record
from judges.gold import GoldService
from judges.gold_batches import carry_out, plan_move, plan_seal, seal
from judges.people import PeopleService
from judges.review import ReviewService
from judges.review_files import export_study
from judges.standing import StandingService
from judges.standing_chart import standing_report
from tests.judges.houses import samples

TASK = '[task]\nname = "x"\nkind = "classify"\n\n[answer]\nformat = "text"\n'
HELD = 19


@pytest.fixture
def store(tmp_path):
    yield from house(tmp_path)


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory):
    """A house that nothing is done in: for what is refused."""
    yield from house(tmp_path_factory.mktemp("unchanged"))


def house(root):
    """Studies open and closed, a gold set, an answer that waits for a person."""
    with Store.create(root) as store:
        frame = samples(10, store.sample_id)
        state = pl.when(pl.col("id") == frame["id"][HELD]).then(pl.lit("quarantined")).otherwise("state")
        frame = frame.with_columns(state.alias("state"))
        held = Decision(
            sample=frame["id"][HELD], step="judges", action="quarantine", reason="split", words="1 of 2 judges"
        )
        decisions = decisions_frame([held]) if held else pl.DataFrame(schema=DECISIONS)
        store.versions.seal(frame, decisions, recipe="0" * 64, steps=[], facts={})
        reviews = ReviewService(store)
        for name in ("tone", "over"):
            reviews.create(name, kind="pairwise", n=4, overlap=2, seed=3)
        reviews.vote(reviews.next("over", "ana", 1)[0].token, "ana", "a")
        reviews.close("over")
        GoldService(store).add(
            "gold", [GoldItem(id=f"g{i}", text=f"gold {i}", answer="a") for i in range(3)], actor="l"
        )
        yield store


def task_of(store):
    path = store.layout.root / "task.toml"
    path.write_text(TASK, encoding="utf-8")
    return read_task(path)


def evaluation(name):
    items = tuple(ItemScore(item=f"i{k}", cluster=f"c{k}", expected="a", predicted="a", score=1.0) for k in range(30))
    return Evaluation(
        id=name, student=name, arm=name, seed=0, holdout="h", version="v", metric="accuracy", items=items, summary={}
    )


def calls(store, who):
    """Every action with the calls that take it; each does its work for whoever may."""
    reviews, gold, people = ReviewService(store, who), GoldService(store, who), PeopleService(store, who)
    adjudicates, standing = AdjudicationService(store, who), StandingService(store, who)
    ident = store.versions.samples()["id"][HELD]
    name = who.name
    quarantine = Quarantine(store, task_of(store), who)

    def shown():
        return ReviewService(store).next("tone", name, 1)[0].token

    rubric = Rubric(question="Is it good?", kind="single", guideline="Be strict.")
    return {
        "rate": [
            lambda: reviews.next("tone", name, 1),
            lambda: reviews.vote(shown(), name, "a"),
            lambda: reviews.undo(shown(), name),
            lambda: reviews.progress("tone", name),
            lambda: reviews.history("tone", name),
            lambda: reviews.release("tone", name),
            lambda: BlindingService(store, who).pairs("tone", name),
        ],
        "open_study": [
            lambda: reviews.create("new", n=2),
            lambda: reviews.set_guideline("tone", "Be strict."),
            lambda: standing.declare("weekly", rubric, Schedule(every_new=10)),
        ],
        "see_study": [lambda: reviews.status("tone")],
        "close_study": [lambda: reviews.close("tone")],
        "adjudicate": [
            lambda: adjudicates.queue("tone", name),
            lambda: adjudicates.settled("tone", name),
            lambda: adjudicates.figures("tone", name),
        ],
        "unblind": [lambda: export_study(store, "over", who=who)],
        "see_gold": [
            lambda: gold.items("gold"),
            gold.texts,
            lambda: gold.judged("gold"),
            lambda: gold.slices("gold"),
            lambda: gold.raters("gold"),
            lambda: gold.guideline("gold"),
        ],
        "curate_gold": [
            lambda: gold.add("gold", [GoldItem(id="n", text="new", answer="a")], actor=name),
            lambda: carry_out(store, plan_move(store, "gold", ["g1"], "s"), name, who=who),
            lambda: gold.seal("gold", name),
        ],
        "see_raw": [lambda: quarantine.before(ident)],
        "rule_on_held": [
            lambda: quarantine.approve(ident, name),
            lambda: quarantine.rule_on(store.versions.samples(), "withdraw", name),
        ],
        "decide_gate": [lambda: decide_and_record(store, evaluation("a"), evaluation("b"), GateTable(), who)],
        "manage_people": [people.members, lambda: people.invite("tone", "zoe", actor=name)],
    }


CELLS = [(role, action) for role in ROLES for action in ACTIONS if action != "see_samples"]
"""Whether somebody sees samples is a matter of pages: the sealed files have no service of their own."""


@pytest.mark.parametrize(("role", "action"), [(r, a) for r, a in CELLS if r in ALLOWED[a]])
def test_a_role_does_what_the_table_allows(store, role, action):
    for call in calls(store, Person(name="kim", roles=frozenset({role})))[action]:
        call()


@pytest.mark.parametrize(("role", "action"), [(r, a) for r, a in CELLS if r not in ALLOWED[a]])
def test_a_role_does_nothing_that_the_table_does_not_allow(unchanged, role, action):
    before = len(unchanged.ledger.events())
    for call in calls(unchanged, Person(name="kim", roles=frozenset({role})))[action]:
        with pytest.raises(Forbidden, match=f"kim may not {action.replace('_', ' ')} here; it takes the role"):
            call()
    assert len(unchanged.ledger.events()) == before


def test_the_matrix_has_a_call_for_every_action_and_the_owner_may_take_each(store):
    assert set(calls(store, OWNER)) == set(ACTIONS) - {"see_samples"}
    for action in ACTIONS:
        assert OWNER.may(action)
        assert ALLOWED[action] <= ALL


def test_a_reviewer_is_shown_nothing_but_what_they_rate():
    assert [action for action in ACTIONS if "reviewer" in ALLOWED[action]] == ["rate"]


def invited(name="ana", study="tone", role="reviewer"):
    return Person(name=name, roles=frozenset({role}), study=study)


def test_an_invited_reviewer_is_bound_to_their_study_and_their_name(store):
    reviews = ReviewService(store, invited())
    assert [s.name for s in reviews.studies()] == ["tone"]
    token = reviews.next("tone", "ana", 1)[0].token
    for ask in (
        partial(reviews.next, "over", "ana"),
        partial(reviews.next, "tone", "ben"),
        partial(reviews.progress, "tone", "ben"),
        partial(reviews.history, "tone", "ben"),
        partial(reviews.release, "tone", "ben"),
        partial(reviews.vote, token, "ben", "a"),
    ):
        with pytest.raises((Forbidden, UnknownRecord)):
            ask()
    assert reviews.vote(token, "ana", "a")


def test_a_reviewer_reaches_neither_the_votes_nor_the_items_of_another(store):
    theirs = ReviewService(store, invited("ben"))
    token = theirs.next("tone", "ben", 1)[0].token
    theirs.vote(token, "ben", "a", "said by ben alone")
    mine = ReviewService(store, invited("ana"))
    for ask in (
        partial(mine.vote, token, "ana", "b"),
        partial(mine.undo, token, "ana"),
        partial(mine.undo, token, "ben"),
        partial(mine.feedback, "tone", token, "ben"),
    ):
        with pytest.raises((Forbidden, UnknownRecord)):
            ask()
    told = repr((mine.next("tone", "ana"), mine.progress("tone", "ana"), mine.history("tone", "ana")))
    assert token not in told
    assert "said by ben" not in told


def test_whoever_signs_in_acts_under_their_own_name_in_every_study(store):
    member = Person(name="lea@example.org", roles=frozenset({"curator"}))
    with pytest.raises(Forbidden, match="may not act for somebody else"):
        ReviewService(store, member).next("tone", "ana")
    with pytest.raises(Forbidden, match="may not act for somebody else"):
        AdjudicationService(store, member).queue("tone", "ana")
    assert ReviewService(store, member).next("tone", "lea@example.org", 1)
    assert ReviewService(store, OWNER).next("tone", "ana", 1)


def test_an_invited_curator_has_no_say_outside_the_study(store):
    curator = invited("kim", role="curator")
    assert AdjudicationService(store, curator).queue("tone", "kim") == []
    with pytest.raises(Forbidden):
        AdjudicationService(store, curator).queue("over", "kim")
    with pytest.raises(Forbidden):
        GoldService(store, curator).items("gold")
    with pytest.raises(Forbidden):
        seal(store, plan_seal(store, "gold"), "kim", who=curator)


def test_looking_at_raw_text_is_an_event_with_who_and_what(store):
    auditor = Person(name="ada@example.org", roles=frozenset({"auditor"}))
    ident = store.versions.samples()["id"][HELD]
    quarantine = Quarantine(store, task_of(store), auditor)
    quarantine.before(ident[:12])
    quarantine.before(ident, again=True)
    (event,) = store.ledger.events("raw_viewed")
    assert (event.actor, event.body) == ("ada@example.org", {"sample": ident, "prompt": "p9"})
    assert event.at
    curator = Person(name="cy", roles=frozenset({"curator"}))
    for ask in (
        Quarantine(store, task_of(store), curator).before,
        Quarantine(store, task_of(store), curator).prompts.original,
    ):
        with pytest.raises(Forbidden, match="cy may not see raw here; it takes the role admin, auditor"):
            ask(ident)
    assert len(store.ledger.events("raw_viewed")) == 1


def test_roles_taken_away_are_gone_at_the_next_question(store):
    people = People(store.state, store.ledger)
    people.add("lea@example.org", ["curator"], "lead")
    assert people.member("lea@example.org").may("open_study")
    people.remove("lea@example.org", "lead")
    assert people.member("lea@example.org") is None


def test_a_standing_study_is_read_by_those_who_may_see_and_unblind(store):
    reviewer = Person(name="ana", roles=frozenset({"reviewer"}))
    with pytest.raises(Forbidden):
        standing_report(store, "weekly", reviewer)
