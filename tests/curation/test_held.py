"""A prompt that scrubbing held back is ruled on by a person, and no value of it is ever written down."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from curation import Workspace
from curation.errors import InputError, UnknownRecord
from curation.quarantine import Quarantine
from curation.scrub import overview
from curation.scrub.before import Gone, Original
from curation.scrub.examples import TAUGHT
from curation.scrub.held import HeldPrompts, Piece, training_rows
from curation.store.scrub_rulings import Mark
from tests.curation import holding
from tests.curation.running import run
from tests.curation.scripted import Scripted, chat, said

NAME = Piece("Ottoline Quill", "person")


@pytest.fixture(scope="module")
def server() -> Iterator[Scripted]:
    with Scripted(lambda body: chat(f"{body['model']} has read {len(said(body))} letters")) as running:
        yield running


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory, server: Scripted) -> Path:
    """A workspace that has been run once; every test takes a copy."""
    folder = holding.make(tmp_path_factory.mktemp("held") / "w", server.url)
    run(folder)
    return folder


@pytest.fixture
def root(sealed: Path, tmp_path: Path) -> Path:
    return shutil.copytree(sealed, tmp_path / "w")


@pytest.fixture
def workspace(root: Path) -> Iterator[Workspace]:
    with Workspace.open(root) as opened:
        yield opened


@pytest.fixture
def held(workspace: Workspace) -> HeldPrompts:
    return HeldPrompts(workspace.store, workspace.task)


def prompt_texts(rows: list[dict], prompt: str) -> set[str]:
    return {row["messages"][-1]["content"] for row in rows if row["prompt_id"] == prompt}


def test_each_held_prompt_is_listed_once_with_its_masked_text_its_place_and_what_is_in_doubt(held):
    dated, key = held.prompts()
    assert (dated.id, dated.source, dated.reason) == ("p1", "prompts/p.jsonl:2", "scrub_uncertain")
    assert dated.text == "From [EMAIL]: it broke on 2 May 1987, says Ottoline Quill, and Ottoline will ring [PHONE]."
    (doubt,) = held.doubts([dated.text])
    assert (doubt.message, dated.text[doubt.start : doubt.end], doubt.entity) == (0, "2 May 1987", "date")
    assert (key.text, held.doubts([key.text]), key.ruling) == ("[SECRET]", (), None)
    assert "whose end could not be told" in key.words


def test_an_approved_prompt_is_asked_by_the_next_run_as_it_is_masked(root, held, server):
    held.approve("p1", by="maria", why="a date of a product")
    assert [p.ruling.by for p in held.prompts() if p.ruling] == ["maria"]
    before = server.calls
    report, rows, _ = run(root)
    assert server.calls == before + 2
    assert report.quarantined == 2
    assert {r["state"] for r in rows if r["prompt_id"] == "p1"} == {"kept"}
    assert "2 May 1987, says Ottoline Quill" in prompt_texts(rows, "p1").pop()


def test_a_corrected_prompt_is_asked_with_every_occurrence_of_what_was_pointed_out_masked(root, held, server):
    held.correct("p1", [NAME, Piece("Ottoline", "person"), Piece("2 May 1987", "date")], by="maria")
    asked = len(server.bodies)
    _, rows, _ = run(root)
    masked = "From [EMAIL]: it broke on [DATE], says [PERSON], and [PERSON] will ring [PHONE]."
    assert prompt_texts(rows, "p1") == {masked}
    assert "Ottoline" not in json.dumps(server.bodies[asked:])
    assert held.prompts()[0].id == "p2"


def test_a_corrections_masks_hold_where_a_changed_setting_would_not_hold_the_prompt_any_more(root, held):
    held.correct("p1", [NAME], by="maria")
    task = root / "task.toml"
    task.write_text(task.read_text(encoding="utf-8").replace("doubt = 0.25", "doubt = 0.0"), encoding="utf-8")
    _, rows, _ = run(root)
    assert "says [PERSON], and" in prompt_texts(rows, "p1").pop()


def test_places_can_be_given_as_offsets_into_the_masked_messages(held):
    text = held.one("p1").text
    start = text.index("Quill")
    ruling = held.correct("p1", [Mark(message=0, start=start, end=start + 5, entity="person")], by="maria")
    assert [(m.start, m.end, m.entity) for m in ruling.marks] == [(start, start + 5, "PERSON")]


def test_a_piece_inside_a_longer_word_is_left_alone_unless_it_stands_nowhere_else(held):
    prompt = held.one("p1")
    assert len(held.marks(prompt, [Piece("it", "person")])) == 1
    (inside,) = held.marks(prompt, [Piece("ttoline Quil", "person")])
    assert prompt.text[inside.start : inside.end] == "ttoline Quil"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (Piece("Ottolina", "person"), "'Ottolina' does not occur in prompt p1"),
        (Piece("", "person"), "does not occur"),
        (Piece("[EMAIL]: it", "person"), "masked already"),
        (Piece("EMAIL", "person"), "masked already"),
        (Piece("Quill", "persn"), "no kind 'persn'; did you mean 'person'. Known: account, address"),
        (Mark(message=0, start=5, end=900, entity="person"), "is no place in prompt p1"),
        (Mark(message=0, start=6, end=8, entity="person"), "masked already"),
        (Mark(message=3, start=0, end=1, entity="person"), "is no place in prompt p1"),
    ],
)
def test_what_cannot_be_masked_is_refused_in_one_line(held, more, message):
    with pytest.raises(InputError) as refused:
        held.correct("p1", [more], by="maria")
    assert message.replace("'. Known", "'? Known") in str(refused.value)
    assert "\n" not in str(refused.value)
    assert held.one("p1").ruling is None


def test_a_correction_of_nothing_and_a_prompt_that_is_not_held_are_refused(held):
    with pytest.raises(InputError, match="approve it"):
        held.correct("p1", [], by="maria")
    with pytest.raises(UnknownRecord, match="no prompt 'p0' is held"):
        held.approve("p0", by="maria")


def test_the_text_before_masking_is_read_from_its_file_with_what_is_masked_in_it(held):
    before = held.original("p1")
    assert isinstance(before, Original)
    assert before.texts == (holding.DATED,)
    assert [before.texts[0][s.start : s.end] for s in before.spans[0]] == list(holding.RAW)
    assert "quillmere" not in repr(before)


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (lambda text: text.replace("it broke", "it fell"), "has changed since"),
        (lambda text: text.splitlines()[0], "not there any more"),
        (lambda text: text.replace('"text": "From', '"words": "From'), "not there any more"),
    ],
)
def test_where_the_source_changed_there_is_a_reason_instead_of_a_text(root, held, edit, why):
    file = root / "prompts" / "p.jsonl"
    file.write_text(edit(file.read_text(encoding="utf-8")), encoding="utf-8")
    before = held.original("p1")
    assert isinstance(before, Gone)
    assert why in before.why
    file.unlink()
    assert isinstance(held.original("p1"), Gone)


def test_a_correction_becomes_a_training_row_with_an_invented_value_in_every_masked_place(workspace, held):
    held.correct("p1", [NAME, Piece("Ottoline", "person")], by="maria")
    (row,) = training_rows(workspace.store)
    text, spans = row["text"], row["spans"]
    assert not any(word in text for word in ("Ottoline", "Quill", "[EMAIL]", "[PHONE]", "[PERSON]", "quillmere"))
    assert text.startswith("From ")
    assert "it broke on 2 May 1987, says " in text
    assert [s["kind"] for s in spans] == ["person", "person"]
    full, first = (text[s["start"] : s["end"]] for s in spans)
    assert full.split()[0] == first, "the same person in the same form"
    held.approve("p1", by="ben")
    assert training_rows(workspace.store) == []


def test_a_secret_stays_a_placeholder_in_a_training_row(tmp_path, server):
    folder = holding.make(tmp_path / "w", server.url, texts=("Anna Otter sent -----BEGIN PRIVATE KEY-----\nMIIB",))
    run(folder)
    with Workspace.open(folder) as opened:
        HeldPrompts(opened.store, opened.task).correct("p0", [Piece("Anna Otter", "person")], by="maria")
        (row,) = training_rows(opened.store)
    assert row["text"].endswith(" sent [SECRET]")
    assert "Anna" not in row["text"]


def test_every_kind_the_tagger_learns_is_invented_where_a_placeholder_or_a_mark_stands(tmp_path, server):
    kinds = sorted(TAUGHT)
    text = " and ".join(f"[{kind.upper()}]" for kind in kinds) + " on 2 May 1987 near Quillmere Bay"
    folder = holding.make(tmp_path / "w", server.url, texts=(text,))
    run(folder)
    with Workspace.open(folder) as opened:
        HeldPrompts(opened.store, opened.task).correct("p0", [Piece("Quillmere Bay", "place")], by="maria")
        (row,) = training_rows(opened.store)
    assert "[" not in row["text"]
    assert "Quillmere" not in row["text"]
    assert [s["kind"] for s in row["spans"]] == [*kinds, "place"]
    values = [row["text"][s["start"] : s["end"]] for s in row["spans"]]
    assert row["text"] == f"{' and '.join(values[:4])} on 2 May 1987 near {values[4]}"


def test_no_value_that_was_masked_is_written_by_any_of_it(root, held, workspace):
    held.original("p1")
    held.correct("p1", [NAME, Piece("Ottoline", "person")], by="maria", why=f"she is {holding.RAW[0]}")
    run(root)
    raw = [value.encode() for value in (*holding.RAW, "MIIB")]
    assert [name for name, data in holding.written(root).items() if any(value in data for value in raw)] == []
    rulings = [event.body for event in workspace.store.ledger.events("scrub_ruling")]
    assert "Ottoline" not in json.dumps([rulings, training_rows(workspace.store)])


def test_quarantine_shows_a_held_prompt_once_and_rules_on_it_by_any_of_its_ids(workspace):
    quarantine = Quarantine(workspace.store, workspace.task)
    rows = quarantine.waiting().to_dicts()
    assert [(r["prompt_id"], r["answer"], r["ruling"]) for r in rows] == [("p1", None, None), ("p2", None, None)]
    quarantine.approve(rows[1]["id"][:12], by="maria")
    quarantine.mask("p1", [NAME], by="maria")
    assert quarantine.waiting()["ruling"].to_list() == ["correct", "approve"]
    with pytest.raises(InputError, match=r"no answer to correct.*--mask"):
        quarantine.correct(rows[0]["id"], "x", by="maria")


def test_an_answer_that_scrubbing_held_can_be_seen_as_it_came(tmp_path):
    with Scripted(lambda body: chat(f"Write to {holding.RAW[0]} please")) as server:
        scrub = holding.SCRUB + 'action = "quarantine"\n'
        folder = holding.make(tmp_path / "w", server.url, scrub, ("Where do I write to?",))
        run(folder)
    with Workspace.open(folder) as opened:
        quarantine = Quarantine(opened.store, opened.task)
        row = quarantine.waiting().row(0, named=True)
        before = quarantine.before(row["id"])
        with pytest.raises(InputError, match="has an answer"):
            quarantine.mask(row["id"], [NAME], by="maria")
    assert row["answer"] == "Write to [EMAIL] please"
    assert isinstance(before, Original)
    assert before.texts == (f"Write to {holding.RAW[0]} please",)
    assert [(s.entity, s.start) for s in before.spans[0]] == [("EMAIL", 9)]


def test_what_was_found_is_counted_once_a_prompt_and_every_sample_is_in_one_zone(tmp_path):
    with Scripted(lambda body: chat(f"Write to {holding.RAW[0]}" if "close" in said(body) else "fine")) as server:
        folder = holding.make(tmp_path / "w", server.url)
        run(folder)
    with Workspace.open(folder) as opened:
        samples, decisions = opened.samples(), opened.decisions()
    decisions = decisions.filter(step="scrub")
    places = overview.found(samples, decisions)
    kinds = overview.types(places).rows()
    assert kinds == [
        ("EMAIL", "prompts", 2),
        ("EMAIL", "answers", 2),
        ("PHONE", "prompts", 1),
        ("SECRET", "prompts", 1),
    ]
    assert dict(overview.zones(samples, decisions).rows()) == {"clean": 0, "masked": 4, "uncertain": 4}
    busiest = overview.detectors(places).row(0, named=True)
    assert (busiest["detector"], busiest["found"], busiest["prompts"], busiest["shape_only"]) == ("email", 4, 2, 0.0)
    assert busiest["version"]
    assert overview.found(samples, decisions.clear()).is_empty()
    assert dict(overview.zones(samples, decisions.clear()).rows()) == {"clean": 8, "masked": 0, "uncertain": 0}


def test_where_values_are_replaced_by_invented_ones_those_are_marked_as_masked_and_invented_anew(tmp_path, server):
    scrub = holding.SCRUB + 'action = "surrogate"\n'
    folder = holding.make(tmp_path / "w", server.url, scrub, (holding.DATED,))
    run(folder)
    with Workspace.open(folder) as opened:
        held = HeldPrompts(opened.store, opened.task)
        prompt = held.one("p0")
        before = held.original("p0")
        shown = [prompt.text[s.start : s.end] for s in held.masks(prompt.text)]
        with pytest.raises(InputError, match="masked already"):
            held.correct("p0", [Piece(shown[0], "email")], by="maria")
        held.correct("p0", [NAME], by="maria")
        (row,) = training_rows(opened.store)
    assert isinstance(before, Original)
    assert before.texts == (holding.DATED,)
    assert len(shown) == 2
    assert not any(value in prompt.text for value in holding.RAW)
    assert "Ottoline Quill" not in row["text"]
    assert not any(value in row["text"] for value in shown)
