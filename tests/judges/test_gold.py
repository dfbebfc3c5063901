"""A gold set keeps every version it ever had, and a bad line of a gold file is named."""

import json

import pytest

from curation.errors import InputError, UnknownRecord
from curation.store.gold import Gold, GoldItem
from curation.store.store import Store
from judges.gold import GoldService


@pytest.fixture
def store(tmp_path):
    with Store.create(tmp_path) as opened:
        yield opened


def row(name, text, intent="refund"):
    return GoldItem(id=name, text=text, answer={"intent": intent}, slice="typos")


def test_a_changed_answer_makes_a_new_version_and_the_old_one_can_still_be_read(store):
    gold = GoldService(store)
    first = gold.add("gold", [row("g1", "where is it"), row("g2", "money back")], actor="ana")
    second = gold.add("gold", [row("g2", "money back", "exchange")], actor="bob", note="guideline 2")
    assert [first.number, second.number] == [1, 2]
    assert first.digest != second.digest
    assert [i.answer["intent"] for i in gold.items("gold", 1)] == ["refund", "refund"]
    assert [i.answer["intent"] for i in gold.items("gold")] == ["refund", "exchange"]
    assert [e.actor for e in store.ledger.events("gold")] == ["ana", "bob"]


def test_adding_what_is_there_makes_no_version(store):
    gold = GoldService(store)
    gold.add("gold", [row("g1", "where is it")], actor="ana")
    assert gold.add("gold", [row("g1", "where is it")], actor="ana").number == 1
    assert len(gold.versions("gold")) == 1


def test_the_texts_of_every_set_are_protected(store):
    gold = GoldService(store)
    gold.add("gold", [row("g1", "where is it"), row("g2", "money back")], actor="ana")
    gold.add("hard", [row("h1", "money back"), row("h2", "and now?")], actor="ana")
    assert Gold(store.state).texts() == ["and now?", "money back", "where is it"]


def test_a_bad_line_is_set_aside_with_its_number_and_the_others_go_in(store, tmp_path):
    good = {"id": "g1", "text": "where is it", "answer": {"intent": "track"}, "slice": "plain", "note": "ignored"}
    lines = [json.dumps(good), "", '{"id": "g2"', '{"id": "g3", "answer": 1}', json.dumps(good), "[]"]
    path = tmp_path / "gold.jsonl"
    path.write_bytes("\n".join(lines).encode() + b"\n\xff\n")
    report = GoldService(store).import_file(path)
    assert (report.rows, report.kept, [b.line for b in report.quarantined]) == (6, 1, [3, 4, 5, 6, 7])
    assert "text: Field required" in report.quarantined[1].reason
    assert report.rows == report.kept + len(report.quarantined)


def test_a_file_without_a_gold_row_is_refused_naming_its_first_fault(store, tmp_path):
    path = tmp_path / "gold.jsonl"
    path.write_text("intent,text\n")
    with pytest.raises(InputError, match="line 1: not JSON"):
        GoldService(store).import_file(path)


def test_an_unknown_set_or_version_is_named_with_the_known_ones(store):
    gold = GoldService(store)
    gold.add("gold", [row("g1", "where is it")], actor="ana")
    with pytest.raises(UnknownRecord, match="Known: gold"):
        gold.items("golden")
    with pytest.raises(UnknownRecord, match="versions 1 to 1"):
        gold.items("gold", 4)
