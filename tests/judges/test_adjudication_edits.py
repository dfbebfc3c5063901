"""In a study of edits the adjudicator says whose text stands: the ledger holds its digest, the export the text."""

import json

import pytest

from curation.errors import InputError
from curation.store.adjudications import Adjudications
from curation.store.database import STATE
from curation.store.review_imports import ReviewItems
from curation.store.review_records import Details, exact_digest
from curation.store.store import Store
from judges.adjudication import AdjudicationService
from judges.gold import GoldService
from judges.review import ReviewService
from judges.review_files import export_study
from judges.settled import EDIT_LENGTH
from tests.judges.disputes import BOTH, sealed_on
from tests.judges.houses import sealed

SAID = {
    "ana": ("better", "better", "accept", "better"),
    "ben": ("best", "better", "reject", "flag"),
    "cem": ("accept", "better", "accept", "accept"),
}
"""What three raters say of four items; a word that is no choice is the text of their edit."""


@pytest.fixture
def store(tmp_path):
    with sealed(tmp_path) as opened:
        edited(opened)
        yield opened


def edited(store):
    review = ReviewService(store)
    review.create("fix", kind="edit", n=4, overlap=3, seed=3)
    place = {item.prompt: k for k, item in enumerate(ReviewItems(store.state).of("fix"))}
    for rater, words in SAID.items():
        for shown in review.next("fix", rater, 9):
            word = words[place[shown.prompt]]
            choice = word if word in ("accept", "reject", "flag") else "edit"
            details = Details(edit=f"{word}, *{place[shown.prompt]}*") if choice == "edit" else Details()
            review.vote(shown.token, rater, choice, details=details)
    return place


def item_at(store, position, by="lead"):
    """The item at a position as an adjudicator sees it."""
    prompt = ReviewItems(store.state).of("fix")[position].prompt
    service = AdjudicationService(store)
    shown = [*service.queue("fix", by, 9, 0.0), *service.settled("fix", by)]
    return next(conflict for conflict in shown if conflict.prompt == prompt)


def decide(store, position, choice="edit", **more):
    return AdjudicationService(store).decide(item_at(store, position).token, "lead", choice, "ambiguous", **more)


@pytest.mark.parametrize("postgres", BOTH)
def test_the_edit_that_stands_is_kept_beside_the_decision_and_the_ledger_tells_its_digest_alone(tmp_path, postgres):
    """Mutation: curation/store/adjudications.py: = exact_digest(settling.edit) => = settling.edit"""
    with sealed_on(postgres, tmp_path) as store:
        edited(store)
        conflict = item_at(store, 0)
        assert {text: len(raters) for text, raters in conflict.edits.items()} == {"better, *0*": 1, "best, *0*": 1}
        assert decide(store, 0, edit="best, *0*").edit == "best, *0*"
        assert Adjudications(store.state).standing("fix")[0].edit == "best, *0*"
        assert item_at(store, 0, "other").decision.edit == "best, *0*"
        (event,) = store.ledger.events("vote_adjudicated")
        assert event.body["edit"] == exact_digest("best, *0*")
        assert "best, *0*" not in json.dumps(event.body)
        decide(store, 0, edit="my own\n words ")
        decide(store, 2, "accept")
        standing = Adjudications(store.state).standing("fix")
        assert {k: made.edit for k, made in standing.items()} == {0: "my own\n words ", 2: None}
        assert [made.edit for made in Adjudications(store.state).history("fix")] == [
            "best, *0*", "my own\n words ", None,
        ]  # fmt: skip
        assert "edit" not in {key for key, value in store.ledger.events("vote_adjudicated")[-1].body.items() if value}
        assert store.ledger.verify() == []


def test_where_all_edits_are_one_text_it_stands_without_being_named(store):
    assert decide(store, 1).edit == "better, *1*"
    assert decide(store, 3).edit == "better, *3*"  # one edit, beside a flag and an acceptance


def test_a_decision_to_edit_needs_a_text_that_differs_and_no_other_decision_takes_one(store):
    shown = ReviewItems(store.state).of("fix")[0].first
    for choice, edit, words in (
        ("edit", None, "raters made 2 different edits; say which text stands"),
        ("edit", " \n", "differs from the one shown and is not empty"),
        ("edit", shown, "differs from the one shown and is not empty"),
        ("edit", "x" * (EDIT_LENGTH + 1), "at most 200,000 characters"),
        ("edit", "a\0b", "no NUL"),
        ("accept", "better, *0*", "an edit stands only where the decision is 'edit'"),
        ("set_aside", "better, *0*", "an edit stands only where the decision is 'edit'"),
    ):
        with pytest.raises(InputError, match=words):
            decide(store, 0, choice, edit=edit)
    with pytest.raises(InputError, match="no rater made an edit"):
        decide(store, 2)
    assert Adjudications(store.state).history("fix") == []


def test_a_study_of_another_kind_takes_no_edit(store):
    review = ReviewService(store)
    review.create("tone", kind="single", n=1, overlap=1)
    review.vote(review.next("tone", "ana")[0].token, "ana", "flag", "unsafe")
    (conflict,) = AdjudicationService(store).queue("tone", "lead")
    with pytest.raises(InputError, match="'tone' asks for no edits"):
        AdjudicationService(store).decide(conflict.token, "lead", "accept", "ambiguous", edit="better")


def test_a_workspace_from_before_gets_the_table_of_edits_beside_its_decisions(tmp_path, store):
    """Its decisions, made when nobody could say whose edit stands, have none."""
    decide(store, 2, "reject")
    with store.state.write() as connection:
        STATE.tables["review_adjudication_edits"].drop(connection)
    store.close()
    (tmp_path / "task.toml").write_text('[task]\nname = "old"\n')
    with Store.open(tmp_path) as again:
        assert [made.edit for made in Adjudications(again.state).history("fix")] == [None]
        decide(again, 1)
        assert Adjudications(again.state).standing("fix")[1].edit == "better, *1*"


def test_an_edit_leaves_with_the_study_and_makes_no_gold_row(store):
    decide(store, 0, edit="best, *0*")
    with pytest.raises(InputError, match="this decision does not"):
        decide(store, 1, promote_to="hard")
    decide(store, 2, "reject")
    ReviewService(store).close("fix")
    lines = [json.loads(line) for line in export_study(store, "fix")[0].splitlines()]
    told = {line["position"]: line["stillhouse"]["settled"].get("edit") for line in lines if "final" in line}
    assert told == {0: "best, *0*", 2: None}
    assert {line["final"] for line in lines if line["position"] == 0} == {"edit"}
    made = GoldService(store).create_from_study("fix", "people", "lead")
    assert made.undecided >= 1
    assert "best" not in json.dumps([row.model_dump(mode="json") for row in GoldService(store).items("people")])
