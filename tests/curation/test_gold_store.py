"""Judged rows, guidelines and seals lie beside the gold rows; what was stored before they existed stays as it is."""

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from curation.errors import InputError, UnknownRecord
from curation.records import Message, canonical, digest, text_digest
from curation.store.database import STATE
from curation.store.gold import Gold, GoldItem, Judged
from curation.store.store import Store
from curation.task import Environment
from tests.postgres import server

ASKED = (Message(role="user", content="where is it"),)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store(request, tmp_path):
    if request.param == "sqlite":
        with Store.create(tmp_path) as opened:
            yield opened
        return
    with server() as url, Store.create(tmp_path, Environment({"DATABASE_URL": url})) as opened:
        yield opened


def judged(verdict="accept", **more):
    return Judged(messages=ASKED, answers=("on its way",), verdict=verdict, **more)


def row(name="g1", **more):
    return GoldItem(id=name, text="where is it", answer="on its way", slice="plain", **more)


def put(store, *rows, name="gold", **more):
    return Gold(store.state).put(name, rows, ledger=store.ledger, actor="ana", **more)


def test_what_people_said_is_kept_by_version_and_read_back_as_it_was(store):
    first = judged(votes={"ana": "accept", "ben": "reject", "cy": "accept"}, teachers=("alder",), probability=1 / 3)
    put(store, row(judged=first), row("g2"))
    put(store, row(judged=judged("reject")))
    gold = Gold(store.state)
    assert [i.judged for i in gold.items("gold", 1)] == [first, None]
    assert [i.judged for i in gold.items("gold")] == [judged("reject"), None]


def test_the_digest_of_a_version_without_judged_rows_is_what_it_always_was(store):
    version, _ = put(store, row("g1"), row("g2"))
    rows = [{"id": i, "text": "where is it", "answer": "on its way", "slice": "plain"} for i in ("g1", "g2")]
    assert version.digest == digest(rows)


def test_the_digest_of_a_version_covers_what_people_said(store):
    digests = [put(store, row(judged=judged(v)))[0].digest for v in ("accept", "reject")]
    digests.append(put(store, row(judged=judged("reject", votes={"ana": "reject"})))[0].digest)
    assert len(set(digests)) == 3


def test_a_database_made_before_rows_could_be_judged_is_read_and_written_on(store):
    put(store, row("g1"))
    later = ("gold_judged", "gold_version_guidelines", "gold_guidelines", "gold_seals")
    with store.state.write() as connection:
        for table in later:
            STATE.tables[table].drop(connection)
    store.state._made = store.state._made - set(later)  # as the process that opens an old file finds it
    assert Gold(store.state).items("gold") == [row("g1")]
    put(store, row("g2", judged=judged()))
    assert [i.judged for i in Gold(store.state).items("gold")] == [None, judged()]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"verdict": "first"}, "is about 2 answers, not 1"),
        ({"answers": ("a", "b")}, "is about 1 answer, not 2"),
        ({"answers": ()}, "at least 1"),
        ({"teachers": ("alder", "birch")}, "2 teachers are named for 1"),
        ({"probability": 0.0}, "greater than 0"),
    ],
)
def test_a_verdict_that_does_not_fit_its_answers_is_refused(changes, why):
    with pytest.raises(ValidationError, match=why):
        Judged.model_validate({**judged().model_dump(), **changes})


def test_a_guideline_stays_with_its_version_and_holds_until_another_is_stated(store):
    put(store, row("g1"), guideline="Accept what is true.")
    put(store, row("g2"))
    put(store, guideline="Accept what is true and kind.")
    gold = Gold(store.state)
    assert [gold.guideline("gold", n) for n in (1, 2, 3)] == [
        "Accept what is true.", "Accept what is true.", "Accept what is true and kind.",
    ]  # fmt: skip
    assert gold.versions("gold")[0].guideline == text_digest("Accept what is true.")
    assert put(store, guideline="Accept what is true and kind.")[0].number == 3
    assert store.ledger.events("gold")[-1].body["guideline"] == text_digest("Accept what is true and kind.")


def test_a_sealed_set_takes_no_change_and_says_where_to_go_on(store):
    put(store, row("g1"), guideline="one")
    gold = Gold(store.state)
    seal = gold.seal("gold", ledger=store.ledger, actor="ben")
    with pytest.raises(InputError, match=r"sealed at version 1 by ben.*start a new set: --set gold-2"):
        put(store, row("g2"))
    with pytest.raises(InputError, match="sealed"):
        put(store, guideline="two")
    assert put(store, row("g1"))[1] == 0  # what is there already changes nothing
    assert gold.seal("gold", ledger=store.ledger, actor="cy") == seal == gold.sealed("gold")
    assert [(e.actor, e.body["number"]) for e in store.ledger.events("gold_sealed")] == [("ben", 1)]
    assert put(store, row("g2"), name="gold-2")[0].number == 1


def test_a_set_that_is_not_there_cannot_be_sealed(store):
    with pytest.raises(UnknownRecord, match="no gold set 'gold'"):
        Gold(store.state).seal("gold", ledger=store.ledger, actor="ana")


def test_what_people_said_is_stored_as_canonical_json(store):
    put(store, row(judged=judged()))
    with store.state.read() as connection:
        (body,) = connection.execute(sa.select(STATE.tables["gold_judged"].c.body)).scalars()
    assert body.encode() == canonical(judged().model_dump(mode="json"))
