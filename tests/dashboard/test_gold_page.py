"""The Gold page: what people said, what to look at again, and batches that are told, done and undone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from curation.records import Message
from curation.store.gold import Gold, GoldItem, Judged
from curation.store.review_records import Design
from curation.store.store import Store
from curation.task import AnswerTable
from dashboard import gold_actions
from dashboard.launch import WORKSPACE
from judges.gold_again import open_again, suspects_of
from judges.review import ReviewService
from tests.dashboard.test_pages import page, words

HOSTILE = "**bold** ![x](http://tracker.example/p.png) :red[now]"


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


def again(app: AppTest) -> AppTest:
    app.run()
    assert not app.exception, app.exception[0].message
    return app


def press(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click()
    return again(app)


def said(app: AppTest) -> str:
    kinds = (app.text, app.caption, app.success, app.warning, app.info)
    return "\n".join(str(e.value) for kind in kinds for e in kind)


def rows_of(app: AppTest) -> list[str]:
    return next(f for f in frames(app) if "answer" in f.columns)["id"].tolist()


def test_slices_show_what_was_accepted_and_rejected(store: Store):
    put(store, judged("a", "accept"), judged("b", "reject"))
    app = page("gold", set="judged")
    slices = next(f for f in frames(app) if "accepts" in f.columns)
    assert slices.to_dict("records") == [{"slice": "tone", "rows": 2, "accepts": 1, "rejects": 1, "pairs": 0}]
    assert not [m.value for m in app.markdown if "tracker" in m.value]


def test_the_guideline_is_shown_as_text_with_its_digest(store: Store):
    put(store, judged("a", "accept"), guideline=f"Be strict. {HOSTILE}")
    app = page("gold", set="judged", part="Versions")
    assert f"Be strict. {HOSTILE}" in [text.value for text in app.text]
    assert Gold(store.state).versions("judged")[0].guideline[:12] in words(app)
    assert not [m.value for m in app.markdown if "tracker" in m.value]


def test_a_sealed_set_says_so_and_offers_no_change(store: Store):
    put(store, judged("a", "accept"))
    Gold(store.state).seal("judged", ledger=store.ledger, actor="ana")
    app = page("gold", set="judged")
    assert "sealed at version 1" in " ".join(m.value for m in app.markdown)
    assert not app.button
    assert not page("gold", set="judged", part="Versions").button


def test_doubtful_labels_are_listed_with_the_reason_and_the_command_for_a_second_look(store: Store):
    put(store, judged("a", "accept", ana="accept", ben="reject"), judged("b", "reject", ana="reject"))
    app = page("gold", set="judged", part="Look again")
    doubtful = next(f for f in frames(app) if "why" in f.columns)
    assert doubtful["id"].tolist() == ["a"]
    assert doubtful["why"].tolist() == ["1 of 2 raters said reject, not accept"]
    assert "gold errors --set judged --review STUDY" in words(app)


def flagged(store: Store, *, close: bool = True) -> None:
    """A study in which the one row of the set lay hidden, and was flagged."""
    service, design = ReviewService(store), Design(gold="judged", gold_share=0.5)
    service.create("seeded", kind="single", n=6, overlap=1, design=design)
    while offered := service.next("seeded", "cy"):
        for shown in offered:
            is_gold = shown.a == "answer a"
            service.vote(shown.token, "cy", "flag" if is_gold else "accept", HOSTILE if is_gold else None)
    if close:
        service.close("seeded")


def test_a_flag_on_a_planted_copy_is_told_of_its_row_once_the_study_is_closed(store: Store):
    """Mutation: judges/gold_again.py: answer), copies) => answer))
    Mutation: dashboard/views/gold_rows.py: st.text(words) => st.caption(words)"""
    put(store, judged("a", "accept", ana="accept"))
    flagged(store, close=False)
    assert "No rater, judge or nearly equal row" in said(page("gold", set="judged", part="Look again"))
    assert gold_actions.copies_words(store, "judged", judged("a", "accept", ana="accept")) == ""
    ReviewService(store).close("seeded")
    why = f"0 of 1 raters of planted copies said reject, 1 flagged it: {HOSTILE}"
    app = page("gold", set="judged", part="Look again")
    doubtful = next(f for f in frames(app) if "why" in f.columns)
    assert doubtful[["id", "why"]].to_dict("records") == [{"id": "a", "why": why}]
    assert not [m.value for m in app.markdown if "tracker" in m.value]

    def card() -> None:
        from curation.store.gold import Gold
        from dashboard.views import gold_rows, house

        gold_rows._row("judged", Gold(house.store().state).items("judged")[0])

    drawn = again(AppTest.from_function(card, default_timeout=60))
    assert why in [text.value for text in drawn.text]


def test_doubtful_rows_are_sent_to_a_blind_review_after_a_dry_run_and_called_back(store: Store):
    put(store, judged("a", "accept", ana="accept", ben="reject"), judged("b", "reject", ana="reject"))
    app = page("gold", set="judged", part="Look again")
    app.text_input(key="look_name").set_value("second look")
    app.text_input(key="look_by").set_value("maria")
    press(app, "look_dry")
    assert "Opens the blind review 'second look' of 1 row of gold set 'judged': 2 votes wanted." in said(app)
    assert "second look" not in {study.name for study in ReviewService(store).studies()}
    press(app, "look_do")
    assert "Opened with 1 rows" in said(app)
    assert ReviewService(store).next("second look", "cy")[0].a == "answer a"
    press(app, "look_undo")
    assert next(s for s in ReviewService(store).studies() if s.name == "second look").closed


def test_rows_are_searched_and_narrowed_to_a_slice(store: Store):
    app = page("gold", set="gold")
    app.text_input(key="gold_text").set_value("ACCOUNT")
    assert rows_of(again(app)) == ["g10", "g2", "g6"]
    app.text_input(key="gold_text").set_value("message 11")
    assert rows_of(again(app)) == ["g11"]
    app.text_input(key="gold_text").set_value("no such thing")
    assert "No row matches." in said(again(app))


def test_what_matches_is_moved_after_a_dry_run_and_moved_back_by_undo(store: Store):
    there = GoldItem(id="h", text="hard one", answer="x", slice="hard")
    Gold(store.state).put("gold", [there], ledger=store.ledger, actor="ana")
    app = page("gold", set="gold")
    app.text_input(key="gold_text").set_value("account")
    again(app)
    app.selectbox(key="gold_target").set_value("hard")
    press(app, "gold_dry")
    assert "Moves 3 rows to slice 'hard': version 3 has 4 there, 1 now." in said(app)
    press(app, "gold_do")
    assert "Say who you are first." in said(app)
    assert len(Gold(store.state).versions("gold")) == 2
    app.text_input(key="gold_by").set_value("maria")
    press(app, "gold_do")
    assert "moved 3 rows to slice 'hard'" in said(app)
    assert {i.id for i in Gold(store.state).items("gold") if i.slice == "hard"} == {"g10", "g2", "g6", "h"}
    press(app, "gold_undo")
    assert "Undone: version 4 holds the 13 rows that were there before." in said(app)
    made = Gold(store.state).versions("gold")
    assert (made[3].digest, made[3].actor) == (made[1].digest, "maria")


def test_undo_is_refused_with_its_reason_where_somebody_built_on_the_batch(store: Store):
    app = page("gold", set="gold")
    app.text_input(key="gold_text").set_value("account")
    app.text_input(key="gold_by").set_value("maria")
    app.segmented_control(key="gold_action").set_value("Take out")
    again(app)
    press(press(app, "gold_dry"), "gold_do")
    put_in = GoldItem(id="new", text="one more", answer="x")
    Gold(store.state).put("gold", [put_in], ledger=store.ledger, actor="ben")
    press(app, "gold_undo")
    assert "This cannot be undone." in said(app)
    assert "1 later version would be lost with version 2" in said(app)
    assert Gold(store.state).versions("gold")[-1].number == 3


def test_one_row_is_corrected_and_its_answer_is_read_as_json(store: Store):
    app = page("gold", set="gold")
    app.text_input(key="gold_text").set_value("message 11")
    app.text_input(key="gold_by").set_value("maria")
    app.segmented_control(key="gold_action").set_value("Correct")
    again(app)
    app.text_area[0].set_value('{"intent": ')
    press(app, "gold_dry")
    assert "the answer is not JSON" in said(app)
    app.text_area[0].set_value('{"intent": "account"}')
    press(app, "gold_dry")
    assert "Changes the answer of 1 of 12 rows, g11" in said(app)
    press(app, "gold_do")
    held = {item.id: item.answer for item in Gold(store.state).items("gold")}
    assert held["g11"] == {"intent": "account"}


def test_two_versions_are_compared_word_by_word_as_text(store: Store):
    put(store, judged("a", "accept"))
    put(store, judged("a", "reject"), judged("b", "accept"))
    app = page("gold", set="judged", part="Versions")
    changed = next(f for f in frames(app) if "parts" in f.columns)
    assert changed.to_dict("records") == [
        {"id": "a", "what": "changed", "parts": "verdict"},
        {"id": "b", "what": "added", "parts": ""},
    ]
    (compared,) = [str(e.proto.body) for e in app.main.get("html")]
    assert ">accept</del>" in compared
    assert ">reject</ins>" in compared


def test_a_version_is_undone_from_the_history(store: Store):
    put(store, judged("a", "accept"))
    put(store, judged("b", "accept"))
    app = page("gold", set="judged", part="Versions")
    app.text_input(key="history_by").set_value("maria")
    press(press(app, "undo_dry"), "undo_do")
    assert "undid version 2" in said(app)
    assert [item.id for item in Gold(store.state).items("judged")] == ["a"]


def test_the_guideline_is_set_after_a_dry_run(store: Store):
    put(store, judged("a", "accept"))
    app = page("gold", set="judged", part="Versions")
    app.text_input(key="history_by").set_value("maria")
    app.toggle(key="gold_guide").set_value(True)
    again(app)
    app.text_area[0].set_value("Be kind.")
    press(app, "guide_dry")
    assert "instead of no guideline; its 1 row stay" in said(app)
    press(app, "guide_do")
    assert Gold(store.state).guideline("judged") == "Be kind."


def test_a_set_is_sealed_only_after_its_name_was_typed(store: Store):
    put(store, judged("a", "accept"))
    app = page("gold", set="judged", part="Versions")
    app.text_input(key="history_by").set_value("maria")
    press(app, "seal_dry")
    assert "Seals gold set 'judged' at version 1: 1 row, no guideline" in said(app)
    press(app, "seal_do")
    assert "The name is not the set's." in said(app)
    assert Gold(store.state).sealed("judged") is None
    app.text_input(key="seal_name").set_value("judged")
    press(app, "seal_do")
    sealed = Gold(store.state).sealed("judged")
    assert sealed is not None
    assert sealed.actor == "maria"


def test_a_gold_row_that_was_reviewed_again_is_no_sample_to_promote(store: Store):
    put(store, judged("a", "accept", ana="accept", ben="reject"))
    open_again(store, "judged", "again", suspects_of(store, "judged", AnswerTable()), overlap=1)
    service = ReviewService(store)
    (item,) = service.next("again", "cy")
    service.vote(item.token, "cy", "accept")
    service.close("again")
    app = page("gold", set="judged", part="Promote")
    assert not [o for box in app.selectbox for o in box.options if "gold/" in o]
