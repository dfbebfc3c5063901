"""The Scrub page shows what was found and lets a person rule, and nothing of the raw text is left behind."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from curation import Workspace
from curation.quarantine import Quarantine
from curation.scrub.held import HeldPrompts, training_rows
from dashboard.launch import WORKSPACE
from dashboard.marking import Spot, pane
from tests.curation import holding
from tests.curation.running import run
from tests.curation.scripted import Scripted, chat, said

MARKUP = "Since 3 June 2021 <img src=x onerror=alert(1)> **bold** :red[x] & so on"


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two held prompts, one with markup in it and held too, and one answer that is held."""
    texts = (*holding.TEXTS, MARKUP, "Which day?")
    with Scripted(lambda body: chat("It was 4 May 1999." if "Which" in said(body) else f"{len(said(body))}")) as server:
        yield prepared(holding.make(tmp_path_factory.mktemp("page") / "w", server.url, texts=texts))


def prepared(folder: Path) -> Path:
    run(folder)
    return folder


@pytest.fixture
def root(sealed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = shutil.copytree(sealed, tmp_path / "w")
    monkeypatch.setenv(WORKSPACE, str(folder))
    yield folder
    st.cache_resource.clear()
    st.cache_data.clear()


def opened() -> AppTest:
    app = AppTest.from_string("from dashboard.views import scrub\nscrub.render()", default_timeout=30)
    return checked(app.run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception, app.exception[0].message
    return app


def panes(app: AppTest) -> list[str]:
    return [element.proto.body for element in app.get("html")]


def labelled(elements, label: str):
    return next(element for element in elements if element.label.startswith(label))


def choose(app: AppTest, prompt: str) -> AppTest:
    box = labelled(app.selectbox, app.selectbox[0].label)
    return checked(box.select(next(option for option in box.options if f" {prompt}:" in option)).run())


def test_the_figures_say_how_many_samples_are_clean_masked_and_uncertain(root):
    app = opened()
    assert [(m.label, m.value) for m in app.metric] == [
        ("Clean samples", "2"),
        ("Masked samples", "2"),
        ("Uncertain samples", "8"),
    ]
    table = app.dataframe[0].value
    assert list(table["detector"])[:2] == ["email", "phone"]
    assert "Operating point: precision. Action: mask." in [c.value for c in app.caption]


def test_what_waits_is_listed_prompts_first_and_each_prompt_once(root):
    options = opened().selectbox[0].options
    assert options[:3] == [f"prompt p{n}: scrub uncertain" for n in (1, 2, 4)]
    assert [o.split(":")[0] for o in options[3:]] == ["answer of one to p5", "answer of two to p5"]


def test_the_text_before_masking_is_shown_only_when_asked_for_and_then_with_each_value_marked(root):
    app = opened()
    (after,) = panes(app)
    assert "[EMAIL]" in after
    assert "mira.holt" not in after
    assert 'data-kind="date" data-look="doubt"' in after
    checked(labelled(app.toggle, "Before").set_value(True).run())
    before, after = panes(app)
    assert "mira.holt@quillmere.example" in before
    assert 'data-kind="phone"' in before
    assert "mira.holt" not in after


def test_a_source_that_changed_is_told_instead(root):
    (root / "prompts" / "p.jsonl").unlink()
    app = opened()
    checked(labelled(app.toggle, "Before").set_value(True).run())
    assert app.info[0].value == "The text from before cannot be shown."
    assert any("prompts/p.jsonl:2 is not there any more" in text.value for text in app.text)


def test_model_text_with_markup_in_it_is_escaped(root):
    app = choose(opened(), "p4")
    assert "&lt;img src=x onerror=alert(1)&gt; **bold** :red[x] &amp; so on" in panes(app)[0]
    assert "<img" not in "".join(panes(app))


def test_approving_without_a_name_records_nothing(root):
    app = opened()
    checked(labelled(app.button, "Approve").click().run())
    assert "Say who you are" in app.warning[0].value
    with Workspace.open(root) as workspace:
        assert set(Quarantine(workspace.store, workspace.task).waiting()["ruling"]) == {None}


def test_an_approved_prompt_leaves_the_list_and_the_ruling_says_who(root):
    app = opened()
    labelled(app.text_input, "Your name").set_value("maria")
    labelled(app.text_input, "Why").set_value("a day, nobody's birthday")
    checked(labelled(app.button, "Approve").click().run())
    assert app.success[0].value.startswith("Recorded: approved.")
    assert not any(" p1:" in option for option in app.selectbox[0].options)
    with Workspace.open(root) as workspace:
        ruling = HeldPrompts(workspace.store, workspace.task).one("p1").ruling
    assert (ruling.ruling, ruling.by, ruling.why) == ("approve", "maria", "a day, nobody's birthday")


def test_a_person_masks_what_is_in_doubt_and_a_piece_they_type_and_it_becomes_a_training_row(root):
    app = opened()
    labelled(app.text_input, "Your name").set_value("maria")
    labelled(app.text_input, "Something else").set_value("Ottoline")
    checked(labelled(app.button, "Add").click().run())
    assert panes(app)[0].count('data-kind="person" data-look="added"') == 2
    more = labelled(app.multiselect, "Mask as well")
    assert more.options == ["date: 2 May 1987", "person: Ottoline"]
    checked(more.select(more.options[0]).run())
    checked(labelled(app.button, "Mask more").click().run())
    assert app.success[0].value.startswith("Recorded: corrected.")
    with Workspace.open(root) as workspace:
        marks = HeldPrompts(workspace.store, workspace.task).one("p1").ruling.marks
        (row,) = training_rows(workspace.store)
    assert [m.entity for m in marks] == ["DATE", "PERSON", "PERSON"]
    assert "Ottoline" not in json.dumps(row)


def test_a_piece_that_does_not_occur_is_refused_on_the_page(root):
    app = opened()
    labelled(app.text_input, "Something else").set_value("Nobody")
    checked(labelled(app.button, "Add").click().run())
    assert app.warning[0].value == "This cannot be masked."
    assert any("'Nobody' does not occur in prompt p1" in text.value for text in app.text)
    assert labelled(app.button, "Mask more").disabled


def test_a_held_answer_is_corrected(root):
    app = choose(opened(), "p5")
    labelled(app.text_input, "Your name").set_value("maria")
    labelled(app.text_area, "The right answer").set_value("In spring.")
    checked(labelled(app.button, "Use the answer").click().run())
    assert app.success
    with Workspace.open(root) as workspace:
        rulings = Quarantine(workspace.store, workspace.task).waiting()["ruling"].to_list()
    assert rulings.count("correct") == 1


def test_looking_and_ruling_write_no_raw_value_to_disk(root):
    app = opened()
    checked(labelled(app.toggle, "Before").set_value(True).run())
    labelled(app.text_input, "Your name").set_value("maria")
    checked(labelled(app.button, "Approve").click().run())
    raw = [value.encode() for value in holding.RAW]
    assert [name for name, data in holding.written(root).items() if any(value in data for value in raw)] == []


def test_a_workspace_without_a_seal_names_the_command_that_makes_one(tmp_path, monkeypatch):
    (tmp_path / "task.toml").write_text('[task]\nname = "empty"\n', encoding="utf-8")
    monkeypatch.setenv(WORKSPACE, str(tmp_path))
    assert any("stillhouse " in code.value for code in opened().code)
    st.cache_resource.clear()


def test_where_nothing_was_found_and_nothing_waits_the_page_says_so(tmp_path, monkeypatch):
    with Scripted(lambda body: chat("fine")) as server:
        folder = prepared(holding.make(tmp_path / "w", server.url, texts=("Please close my account.",)))
    monkeypatch.setenv(WORKSPACE, str(folder))
    app = opened()
    assert "Nothing personal was found in this version." in [c.value for c in app.caption]
    assert "Nothing waits." in [t.value for t in app.text]
    st.cache_resource.clear()


def test_a_pane_escapes_everything_and_marks_no_place_twice():
    text = '<b>"Ann" & Bo</b>'
    html = pane(text, [Spot(4, 7, "person", "added"), Spot(3, 8, "person", "doubt"), Spot(0, 3, "x")], 'na"me')
    assert html.count("<mark") == 2
    assert "<b>" not in html
    assert 'aria-label="na&quot;me"' in html
    assert "[PERSON]</mark>" in pane("[PERSON]", [Spot(0, 8, "person")], "a")
