"""The ledger is searched in the database, a page at a time; on SQLite and on a real PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.store import ledger_search
from curation.store.ledger_search import Wanted
from curation.store.store import Store
from curation.task import Environment
from tests import postgres


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with postgres.server() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    settings = {} if request.param == "sqlite" else {"DATABASE_URL": request.getfixturevalue("url")}
    with Store.create(tmp_path, Environment(settings)) as opened:
        for n in range(5):
            opened.ledger.append("vote", {"study": "tone", "choice": "a", "n": n}, "ana")
        opened.ledger.append("seal", {"version": "abc_1", "note": 'said "yes" at 100%'}, "engine")
        opened.ledger.append("vote", {"study": "done", "choice": "a"}, "ben")
        yield opened


def seqs(store: Store, wanted: Wanted, number: int = 50, start: int = 0) -> list[int]:
    return [event.seq for event in ledger_search.find(store.state, wanted, number, start)]


def test_events_come_newest_first_a_page_at_a_time(store: Store):
    assert seqs(store, Wanted()) == [7, 6, 5, 4, 3, 2, 1]
    assert seqs(store, Wanted(), 3, 3) == [4, 3, 2]
    assert ledger_search.count(store.state, Wanted()) == 7


def test_kind_and_person_narrow_it(store: Store):
    assert seqs(store, Wanted(kinds=("vote",), actor="ben")) == [7]
    assert seqs(store, Wanted(kinds=("vot",))) == []


def test_words_are_found_whatever_their_case_and_quotation_marks(store: Store):
    assert seqs(store, Wanted(text='SAID "yes"')) == [6]
    assert seqs(store, Wanted(text="100%")) == [6]
    assert seqs(store, Wanted(text="abc%1")) == []


def test_a_day_is_in_it_whole(store: Store):
    day = store.ledger.events()[0].at[:10]
    assert len(seqs(store, Wanted(since=day, until=day))) == 7
    assert seqs(store, Wanted(until="2001-01-01")) == []
    assert seqs(store, Wanted(since="2999")) == []


def test_a_search_for_words_does_not_look_into_what_is_hidden(store: Store):
    hidden = {"silent": ("vote",), "unsaid": ("tone",)}
    assert seqs(store, Wanted(text="choice")) == [7, 5, 4, 3, 2, 1]
    assert seqs(store, Wanted(text="choice", **hidden)) == [7]
    assert len(seqs(store, Wanted(kinds=("vote",), **hidden))) == 6


def test_values_are_counted_most_frequent_first(store: Store):
    assert ledger_search.values(store.state, "kind") == {"vote": 6, "seal": 1}
    assert list(ledger_search.values(store.state, "actor")) == ["ana", "ben", "engine"]
