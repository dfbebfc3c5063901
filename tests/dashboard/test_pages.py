"""Every page runs on a sealed workspace, on an empty one, and answers what it promises (no browser)."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from curation.store.gold import Gold
from curation.store.store import Store
from dashboard.components.review_card import card_key
from dashboard.launch import ROLE, WORKSPACE
from tests.dashboard.house import SECRETS

APP = Path(__file__).parents[2] / "dashboard" / "app.py"
PAGES = ("overview", "samples", "scrub", "judges", "review", "gold", "provenance", "gate", "admin")


def page(name: str, **parameters: str) -> AppTest:
    app = AppTest.from_string(f"from dashboard.views import {name}\n{name}.render()", default_timeout=30)
    for key, value in parameters.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception, app.exception[0].message
    return app


def words(app: AppTest) -> str:
    kinds = (app.title, app.header, app.caption, app.text, app.markdown, app.code, app.metric, app.error, app.info)
    return "\n".join(str(e.value) for kind in kinds for e in kind)


@pytest.fixture
def workspace(built: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(WORKSPACE, str(built))
    return built


@pytest.fixture
def writable(house: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(WORKSPACE, str(house))
    return house


@pytest.mark.parametrize("name", PAGES)
def test_every_page_runs_on_a_sealed_workspace(name: str, workspace: Path):
    assert words(page(name))


@pytest.mark.parametrize("name", PAGES)
def test_every_page_of_an_empty_workspace_names_the_command_that_fills_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "task.toml").write_text('[task]\nname = "empty"\n', encoding="utf-8")
    monkeypatch.setenv(WORKSPACE, str(tmp_path))
    assert "stillhouse " in words(page(name))


def test_the_app_opens_on_the_overview(workspace: Path):
    app = AppTest.from_file(str(APP), default_timeout=30).run()
    assert not app.exception
    assert app.title[0].value == "Overview"
    assert "Not yet" in words(app)


def test_a_reviewers_server_opens_on_review_and_has_no_other_page(workspace: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(ROLE, "reviewer")
    app = AppTest.from_file(str(APP), default_timeout=30).run()
    assert not app.exception
    assert app.selectbox[0].label == "Study"
    assert not any(secret in words(app).lower() for secret in SECRETS)


def test_without_a_workspace_the_page_says_how_to_start_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(WORKSPACE, raising=False)
    app = AppTest.from_file(str(APP), default_timeout=30).run()
    assert "stillhouse dashboard" in words(app)


def test_the_address_of_the_samples_page_carries_its_filters(workspace: Path):
    assert "2 samples match" in words(page("samples", reason="duplicate"))
    assert "15 samples match" in words(page("samples", text="charged twice"))


def test_a_samples_card_shows_each_step_with_its_words(workspace: Path):
    with Store.open(workspace) as store:
        dropped = store.versions.decisions().filter(reason="duplicate")["sample"][0]
    said = words(page("samples", id=dropped))
    assert "dedup: same prompt and answer as an earlier sample" in said
    assert "twin" in said


@pytest.mark.parametrize("name", ["samples", "provenance"])
def test_an_id_that_no_version_holds_is_named_and_the_page_stays(name: str, workspace: Path):
    app = page(name, id="ffff")
    assert app.warning[0].value == "There is no such sample."
    assert "'ffff'" in words(app)
    assert app.title[0].value == name.capitalize()


def test_verify_finds_a_sealed_workspace_whole_and_a_flipped_bit_in_a_copy(writable: Path):
    app = page("provenance")
    app.button[0].click().run()
    assert "Nothing is wrong" in app.success[0].value
    chunk = next((writable / ".stillhouse" / "chunks").glob("*.parquet"))
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.write_bytes(data)
    app.button[0].click().run()
    assert app.error[0].value.endswith("problems")
    assert chunk.name.split(".")[0] in words(app)


def test_a_reviewed_sample_is_promoted_with_a_corrected_answer(writable: Path):
    app = page("gold", part="Promote")
    answer = {**json.loads(app.text_area[0].value), "intent": "account"}
    app.text_area[0].set_value(json.dumps(answer))
    next(box for box in app.text_input if box.label.startswith("Your name")).set_value("lead")
    app.button[0].click().run()
    assert app.success[0].value == "Gold version 2 now holds 13 rows."
    with Store.open(writable) as store:
        assert answer in [item.answer for item in Gold(store.state).items("gold")]


def test_promoting_without_a_name_records_nothing(writable: Path):
    app = page("gold", part="Promote")
    app.button[0].click().run()
    assert app.warning
    with Store.open(writable) as store:
        assert len(Gold(store.state).versions("gold")) == 1


def test_the_gate_page_shows_the_decision_as_one_sentence(workspace: Path):
    said = words(page("gate"))
    assert "300 messy messages from 60 customers" in said
    assert "PASS" in said


def test_a_closed_study_shows_its_agreement_and_an_open_one_does_not(workspace: Path):
    assert "Agreement α" in {m.label for m in page("studies", study="pilot").metric}
    assert not page("review", study="pilot").metric
    assert "Agreement α" not in {m.label for m in page("studies", study="tone").metric}


def test_votes_sent_again_or_for_an_unknown_token_change_nothing(writable: Path):
    from judges.review import ReviewService

    app = page("review", study="tone", rater="ana")
    with Store.open(writable) as store:
        token = ReviewService(store).next("tone", "ana", 1)[0].token
    key = card_key("tone|ana")
    vote = {"id": "0" * 16, "kind": "vote", "token": token, "choice": "a", "reason": "", "dwell_ms": 900}
    strange = {**vote, "id": "1" * 16, "token": "f" * 32}
    for _ in range(2):
        app.session_state[key] = {"outbox": [vote, {**vote, "id": "2" * 16}, strange]}
        app.run()
        assert not app.exception
    with Store.open(writable) as store:
        status = ReviewService(store).status("tone")
    assert status.by_rater == {"ana": 1}
