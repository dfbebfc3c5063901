"""The Gold page shows what people said, under which guideline, whether it may change, and what to look at again."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st

from curation.records import Message
from curation.store.gold import Gold, GoldItem, Judged
from curation.store.store import Store
from curation.task import AnswerTable
from dashboard.launch import WORKSPACE
from judges.gold_again import open_again, suspects_of
from judges.review import ReviewService
from tests.dashboard.test_pages import page, words

HOSTILE = "**bold** ![x](http://tracker.example/p.png) :red[now]"


@pytest.fixture(autouse=True)
def _released() -> Iterator[None]:
    yield
    st.cache_resource.clear()


@pytest.fixture
def store(house: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv(WORKSPACE, str(house))
    with Store.open(house) as opened:
        yield opened


def judged(name: str, verdict: str, **votes: str) -> GoldItem:
    said = Judged(
        messages=(Message(role="user", content=HOSTILE),), answers=(f"answer {name}",), verdict=verdict, votes=votes
    )
    return GoldItem(id=name, text=HOSTILE, answer=None, slice="tone", judged=said)


def put(store: Store, *rows: GoldItem, guideline: str | None = None) -> None:
    Gold(store.state).put("judged", rows, ledger=store.ledger, actor="ana", guideline=guideline)


def frames(app) -> list:
    return [frame.value for frame in app.dataframe]


def test_slices_show_what_was_accepted_and_rejected_and_the_guideline_its_text_and_digest(store: Store):
    put(store, judged("a", "accept"), judged("b", "reject"), guideline=f"Be strict. {HOSTILE}")
    app = page("gold", set="judged")
    slices = next(f for f in frames(app) if "accepts" in f.columns)
    assert slices.to_dict("records") == [{"slice": "tone", "rows": 2, "accepts": 1, "rejects": 1, "pairs": 0}]
    assert f"Be strict. {HOSTILE}" in [text.value for text in app.text]
    assert Gold(store.state).versions("judged")[0].guideline[:12] in words(app)
    assert not [m.value for m in app.markdown if "tracker" in m.value]


def test_a_sealed_set_says_so(store: Store):
    put(store, judged("a", "accept"))
    Gold(store.state).seal("judged", ledger=store.ledger, actor="ana")
    assert "sealed at version 1" in " ".join(m.value for m in page("gold", set="judged").markdown)


def test_doubtful_labels_are_listed_with_the_reason_and_the_command_for_a_second_look(store: Store):
    put(store, judged("a", "accept", ana="accept", ben="reject"), judged("b", "reject", ana="reject"))
    app = page("gold", set="judged")
    doubtful = next(f for f in frames(app) if "why" in f.columns)
    assert doubtful["id"].tolist() == ["a"]
    assert doubtful["why"].tolist() == ["1 of 2 raters said reject, not accept"]
    assert "gold errors --set judged --review STUDY" in words(app)


def test_a_gold_row_that_was_reviewed_again_is_no_sample_to_promote(store: Store):
    put(store, judged("a", "accept", ana="accept", ben="reject"))
    open_again(store, "judged", "again", suspects_of(store, "judged", AnswerTable()), overlap=1)
    service = ReviewService(store)
    (item,) = service.next("again", "cy")
    service.vote(item.token, "cy", "accept")
    service.close("again")
    app = page("gold", set="judged")
    assert not [o for box in app.selectbox for o in box.options if "gold/" in o]
