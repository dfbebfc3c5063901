"""The page Adjudicate settles one dispute at a time, names nobody, and takes a decision only for what is on it."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from curation.store.adjudications import Adjudications
from curation.store.review_imports import ReviewItems
from curation.store.review_records import Details
from curation.store.store import Store
from dashboard import adjudication_queries as queries
from dashboard.launch import WORKSPACE
from judges.gold import GoldService
from judges.review import ReviewService
from tests.dashboard.house import SECRETS

MARKUP = "see ![x](http://tracker.example/p.png) <img src=x onerror=alert(1)> :red[now]"


@pytest.fixture
def root(house: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace whose open study `tone` has four disputes and a shared view of the rest."""
    monkeypatch.setenv(WORKSPACE, str(house))
    with Store.open(house) as store:
        service = ReviewService(store)
        for rater in ("ana", "ben"):
            for shown in service.next("tone", rater, 20):
                items = {item.prompt: k for k, item in enumerate(ReviewItems(store.state).of("tone"))}
                disputed = items[shown.prompt] < 4
                reason = f"{rater} says {MARKUP}" if disputed and rater == "ana" else None
                choice = "a" if disputed and longer(shown) == (rater == "ana") else "b" if disputed else "tie"
                service.vote(shown.token, rater, choice, reason, 2400)
    return house


def longer(shown):
    """Whether pane A holds the longer answer: the same side for both raters, whatever order they see."""
    return (len(shown.a), shown.a) > (len(shown.b), shown.b)


def page(**parameters: str) -> AppTest:
    app = AppTest.from_string("from dashboard.views import adjudicate\nadjudicate.render()", default_timeout=30)
    for key, value in parameters.items():
        app.query_params[key] = value
    return ran(app)


def ran(app: AppTest) -> AppTest:
    app.run()
    assert not app.exception, app.exception[0].message
    return app


def as_lead(**parameters: str) -> AppTest:
    app = page(**parameters)
    app.text_input(key="adjudicator").set_value("lead")
    return ran(app)


def words(app: AppTest) -> str:
    kinds = (app.title, app.header, app.caption, app.text, app.markdown, app.code, app.metric, app.error, app.info,
             app.warning)  # fmt: skip
    return "\n".join(str(e.value) for kind in kinds for e in kind)


def figure(app: AppTest, label: str) -> str:
    return next(m.value for m in app.metric if m.label == label)


def token(app: AppTest) -> str:
    return next(b.key for b in app.button if b.key and b.key.startswith("tie_")).removeprefix("tie_")


def decide(app: AppTest, choice: str, cause: str | None = "ambiguous") -> AppTest:
    if cause is not None:
        app.segmented_control(key=f"why_{token(app)}").set_value(cause)
    app.button(key=f"{choice}_{token(app)}").click()
    return ran(app)


def settled(root: Path, study: str = "tone"):
    with Store.open(root) as store:
        return Adjudications(store.state).history(study)


def test_the_figures_stand_above_and_nobody_gets_an_item_without_a_name(root: Path):
    app = page(study="tone")
    assert (figure(app, "Open conflicts"), figure(app, "Majority overruled")) == ("4", "none yet")
    assert figure(app, "Oldest").endswith("min")
    assert "Say who you are" in words(app)
    assert not [b for b in app.button if b.key and b.key.startswith("tie_")]


def test_the_page_names_no_source_and_no_rater_and_draws_answers_as_plain_text(root: Path):
    app = as_lead(study="tone")
    said = words(app).lower()
    assert not any(secret in said for secret in (*SECRETS, "ben"))
    assert "r1: " in said
    assert "r2: " in said
    assert MARKUP.lower() in "\n".join(e.value for e in app.text).lower()
    assert not any("tracker.example" in str(e.value) for kind in (app.markdown, app.caption) for e in kind)


def test_a_flagged_item_comes_first_with_its_reason_and_leaves_when_it_is_set_aside(root: Path):
    with Store.open(root) as store:
        service = ReviewService(store)
        for shown in service.next("accept", "ana", 2):
            service.vote(shown.token, "ana", "accept")
        (shown,) = service.next("accept", "ben", 1)
        service.vote(shown.token, "ben", "flag", f"personal data, {MARKUP}")
    app = as_lead(study="accept")
    assert (figure(app, "Open conflicts"), "1 of 1" in badges(app)) == ("1", True)
    assert "Flagged by a rater" in badges(app)
    assert ": Flagged" in words(app)
    assert any(f"personal data, {MARKUP}" in e.value for e in app.text)
    app.segmented_control(key=f"why_{chosen(app)}").set_value("bad item")
    app.button(key=f"set_aside_{chosen(app)}").click()
    app = ran(app)
    assert (figure(app, "Open conflicts"), [a.verdict for a in settled(root, "accept")]) == ("0", ["set_aside"])
    assert "Flagged by a rater" not in badges(app)


@pytest.fixture
def fixes(root: Path) -> Path:
    """The workspace with an open study `fix` of one item, of which two raters made different edits."""
    with Store.open(root) as store:
        service = ReviewService(store)
        service.create("fix", kind="edit", n=1, overlap=3, seed=5)
        for rater, edit in (("ana", f"first {MARKUP}"), ("ben", f"second {MARKUP}")):
            service.vote(service.next("fix", rater)[0].token, rater, "edit", details=Details(edit=edit))
        service.vote(service.next("fix", "cem")[0].token, "cem", "flag", "unsafe")
    return root


def test_where_an_edit_is_decided_on_the_page_asks_whose_and_draws_it_as_plain_text(fixes: Path):
    app = as_lead(study="fix")
    texts = app.segmented_control(key=f"whose_{chosen(app)}")
    assert (len(texts.options), texts.options[-1], texts.value) == (3, "Another text", None)
    assert {name[:1] for name in texts.options[:2]} == {"R"}
    app.segmented_control(key=f"why_{chosen(app)}").set_value("ambiguous")
    app.button(key=f"edit_{chosen(app)}").click()
    app = ran(app)
    assert "raters made 2 different edits; say which text stands" in words(app)
    assert settled(fixes, "fix") == []
    app.segmented_control(key=f"whose_{chosen(app)}").set_value(texts.options[1])
    app = ran(app)
    assert sum(e.value in (f"first {MARKUP}", f"second {MARKUP}") for e in app.text) == 3  # two votes, one choice
    app.button(key=f"edit_{chosen(app)}").click()
    app = ran(app)
    (made,) = settled(fixes, "fix")
    assert (made.verdict, made.edit in (f"first {MARKUP}", f"second {MARKUP}")) == ("edit", True)
    app.segmented_control(key="adjudicate_show").set_value("Settled")
    app = ran(app)
    assert app.segmented_control(key=f"whose_{chosen(app)}").value == texts.options[1]
    assert not any("tracker.example" in str(e.value) for kind in (app.markdown, app.caption) for e in kind)


def test_an_adjudicator_may_write_the_text_that_stands(fixes: Path):
    app = as_lead(study="fix")
    app.segmented_control(key=f"whose_{chosen(app)}").set_value("Another text")
    app = ran(app)
    with Store.open(fixes) as store:
        (item,) = ReviewItems(store.state).of("fix")
    assert app.text_area(key=f"words_{chosen(app)}").value == item.first
    app.text_area(key=f"words_{chosen(app)}").set_value("mine")
    app.segmented_control(key=f"why_{chosen(app)}").set_value("ambiguous")
    app.button(key=f"edit_{chosen(app)}").click()
    app = ran(app)
    assert [(made.verdict, made.edit) for made in settled(fixes, "fix")] == [("edit", "mine")]
    app.segmented_control(key="adjudicate_show").set_value("Settled")
    app = ran(app)
    assert app.text_area(key=f"words_{chosen(app)}").value == "mine"
    app.button(key=f"accept_{chosen(app)}").click()
    ran(app)
    assert [(made.verdict, made.edit) for made in settled(fixes, "fix")] == [("edit", "mine"), ("accept", None)]


def chosen(app: AppTest) -> str:
    return next(b.key for b in app.button if b.key and b.key.startswith("set_aside_")).removeprefix("set_aside_")


def test_a_decision_is_one_key_after_the_cause_and_the_next_item_comes(root: Path):
    app = as_lead(study="tone")
    keys = {b.label: b.proto.shortcut for b in app.button}
    assert [keys[queries.word(c)] for c in ("a_much", "a", "tie", "b", "b_much", "both_bad", "set_aside")] == [
        "1", "2", "3", "4", "5", "6", "0",
    ]  # fmt: skip
    assert (keys["Next"], keys["Previous"], keys["Defer"]) == ("j", "k", "d")
    first = token(app)
    app = decide(app, "tie", "guideline gap")
    assert "Settled: Equally good." in words(app)
    assert token(app) != first
    (made,) = settled(root)
    assert (made.verdict, made.category, made.adjudicator, made.gold) == ("tie", "guideline gap", "lead", None)
    assert (figure(app, "Open conflicts"), figure(app, "Guideline gaps")) == ("3", "100 %")


def test_a_decision_without_a_cause_is_not_taken_and_a_second_press_decides_nothing_more(root: Path):
    app = as_lead(study="tone")
    first = token(app)
    app = decide(app, "tie", None)
    assert "Pick why raters differ" in words(app)
    assert (token(app), settled(root)) == (first, [])
    app = decide(app, "tie")
    app = decide(app, "tie", None)  # the key was still held down: it meets an item whose cause nobody named
    assert len(settled(root)) == 1


def test_what_was_decided_can_be_decided_again_from_the_settled_ones(root: Path):
    app = decide(as_lead(study="tone"), "a")
    app.segmented_control(key="adjudicate_show").set_value("Settled")
    app = ran(app)
    assert "Settled: A is better" in words(app)
    app = decide(app, "both_bad", "bad item")
    assert [a.verdict for a in settled(root)][-1] == "both_bad"
    assert len(settled(root)) == 2
    assert figure(app, "Open conflicts") == "3"


def test_deferring_and_stepping_show_other_items_and_decide_nothing(root: Path):
    app = as_lead(study="tone")
    first = token(app)
    app.button(key=f"j_{first}").click()
    app = ran(app)
    second = token(app)
    assert second != first
    app.button(key=f"k_{second}").click()
    app = ran(app)
    assert token(app) == first
    app.button(key=f"d_{first}").click()
    app = ran(app)
    assert token(app) == second
    assert settled(root) == []


def test_an_item_goes_into_a_gold_set_at_once_where_the_study_is_closed(root: Path):
    app = as_lead(study="pilot")
    app.segmented_control(key=f"gold_{token(app)}").set_value("Into a gold set")
    app = ran(app)
    app.selectbox(key="adjudicate_gold").set_value("gold")
    app = ran(app)
    decide(app, "a")
    with Store.open(root) as store:
        rows = [row for row in GoldService(store).items("gold") if row.judged]
    assert [row.judged.verdict for row in rows] == [settled(root, "pilot")[0].verdict]


def test_a_rater_is_told_that_others_have_to_settle_what_they_voted_on(root: Path):
    app = page(study="tone")
    app.text_input(key="adjudicator").set_value("Ana")
    app = ran(app)
    assert "somebody else has to settle them" in words(app)
    assert not [b for b in app.button if b.key and b.key.startswith("tie_")]


def test_agreed_items_are_shown_when_asked_for(root: Path):
    app = as_lead(study="tone")
    assert "1 of 4" in badges(app)
    app.segmented_control(key="adjudicate_show").set_value("All")
    assert "1 of 12" in badges(ran(app))


def badges(app: AppTest) -> str:
    return "\n".join(str(e.value) for e in app.markdown)


def test_a_settled_study_says_what_comes_next_and_one_without_votes_how_to_look(root: Path):
    app = as_lead(study="tone")
    for _ in range(4):
        app = decide(app, "tie")
    assert "stillhouse review close tone" in words(app)
    app = as_lead(study="accept")
    assert "stillhouse review status accept" in words(app)


def test_an_empty_workspace_names_the_command_that_makes_a_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "task.toml").write_text('[task]\nname = "empty"\n', encoding="utf-8")
    monkeypatch.setenv(WORKSPACE, str(tmp_path))
    assert "stillhouse review create" in words(page())


def test_every_table_carries_a_text_for_those_who_cannot_see_it(root: Path):
    app = decide(as_lead(study="tone"), "tie")
    assert "" not in {element.proto.alt for element in app.get("dataframe")}
