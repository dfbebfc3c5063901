"""A gold set keeps every version it ever had, and a bad line of a gold file is named."""

import json

import pytest

from curation.errors import InputError, UnknownRecord
from curation.store.gold import Gold, GoldItem
from curation.store.reviews import Item, Opening, Reviews
from curation.store.store import Store
from judges.gold import GoldService
from judges.review import ReviewService
from tests.judges.houses import TEACHERS, sealed


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


# --- verdicts in a file --------------------------------------------------------------------------------------------


def imported(store, tmp_path, *rows):
    path = tmp_path / "judged.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return GoldService(store).import_file(path)


def test_a_verdict_is_about_what_was_shown_and_the_right_answer_stays_right(store, tmp_path):
    imported(
        store, tmp_path,
        {"id": "a", "text": "hi", "answer": {"intent": "greet"}, "verdict": "accept"},
        {"id": "b", "text": "hi", "answer": {"intent": "greet"}, "shown": {"intent": "leave"}, "verdict": "reject"},
        {"id": "c", "text": "hi", "answer": "go away", "verdict": "reject"},
        {"id": "d", "text": "hi", "shown": ["hello", "hm"], "verdict": "first", "answer": None,
         "votes": {"ana": "first", "ben": "tie"}, "teachers": ["alder", ""], "probability": 0.25},
        {"id": "e", "text": "hi", "answer": "hello"},
    )  # fmt: skip
    a, b, c, d, e = GoldService(store).items("gold")
    assert [i.answer for i in (a, b, c, d, e)] == [{"intent": "greet"}, {"intent": "greet"}, None, None, "hello"]
    assert [i.judged.answers for i in (a, b, c, d)] == [
        ('{"intent": "greet"}',), ('{"intent": "leave"}',), ("go away",), ("hello", "hm"),
    ]  # fmt: skip
    assert [m.content for m in a.judged.messages] == ["hi"]
    assert (d.judged.votes, d.judged.teachers, d.judged.probability) == (
        {"ana": "first", "ben": "tie"}, ("alder", ""), 0.25,
    )  # fmt: skip
    assert e.judged is None
    assert [i.id for i in GoldService(store).judged()] == ["a", "b", "c", "d"]


def test_a_conversation_before_the_answer_is_kept(store, tmp_path):
    said = [("user", "hi"), ("assistant", "yes?"), ("user", "bye")]
    turns = [{"role": role, "content": content} for role, content in said]
    imported(store, tmp_path, {"id": "a", "text": "bye", "messages": turns, "answer": "bye", "verdict": "accept"})
    (item,) = GoldService(store).judged("gold")
    assert [(m.role, m.content) for m in item.judged.messages] == said


def test_a_line_whose_verdict_does_not_fit_is_named_and_set_aside(store, tmp_path):
    good = {"id": "a", "text": "hi", "answer": "hello", "verdict": "accept"}
    report = imported(
        store,
        tmp_path,
        good,
        {**good, "id": "b", "verdict": "good"},
        {**good, "id": "c", "verdict": "first"},
        {**good, "id": "d", "answer": None},
        {**good, "id": "e", "votes": ["accept"]},
        {**good, "id": "f", "messages": [{"role": "boss", "content": "hi"}]},
        {"id": "g", "answer": "hello", "verdict": "accept"},
    )
    assert (report.kept, [b.line for b in report.quarantined]) == (1, [2, 3, 4, 5, 6, 7])
    said = [b.reason for b in report.quarantined]
    assert "'good' is none of accept, reject, first, second" in said[0]
    assert "a list of two" in said[1]
    assert "about no answer" in said[2]
    assert "judged.votes" in said[3]
    assert "judged.messages.0.role" in said[4]
    assert "text: Field required" in said[5]


# --- from a study --------------------------------------------------------------------------------------------------


@pytest.fixture
def house(tmp_path):
    with sealed(tmp_path, 6) as opened:
        yield opened


def rate(house, study, **said):
    """Have raters say something about every item, then close the study."""
    service = ReviewService(house)
    for rater, choose in said.items():
        for shown in service.next(study, rater, 100):
            service.vote(shown.token, rater, choose(shown))
    service.close(study)


def strict(shown):
    return "reject" if shown.a.startswith("answer 1") else "accept"


def test_what_most_raters_said_becomes_gold_with_every_vote_and_the_teacher(house):
    ReviewService(house).create("s", kind="single", n=9, overlap=3)
    rate(house, "s", ana=strict, ben=strict, cy=lambda shown: "accept")
    made = GoldService(house).create_from_study("s", "tone", "ana")
    assert (made.items, made.rows, made.tied, made.undecided, made.unrated) == (9, 9, 0, 0, 0)
    samples = {row["id"]: row for row in house.versions.samples().to_dicts()}
    for item in GoldService(house).judged("tone"):
        sample, said = samples[item.sample], item.judged
        wrong = sample["answer"].startswith("answer 1")
        assert said.answers == (sample["answer"],)
        assert said.verdict == ("reject" if wrong else "accept")
        assert item.answer == (None if wrong else json.loads(sample["labels"]))
        assert said.votes == {"ana": said.verdict, "ben": said.verdict, "cy": "accept"}
        assert said.teachers == (sample["teacher"],)
        assert [m.role for m in said.messages] == ["system", "user"]
        assert said.probability == 9 / 12
    ana, *_ = GoldService(house).raters("tone")
    assert (ana.votes, ana.as_decided) == (9, 9)


def test_ties_and_items_without_a_vote_are_left_out_and_counted(house):
    ReviewService(house).create("s", kind="single", n=4, overlap=2)
    service = ReviewService(house)
    for place, shown in enumerate(service.next("s", "ana", 4)):
        service.vote(shown.token, "ana", "skip" if place == 0 else "accept")
    for place, shown in enumerate(service.next("s", "ben", 3)):
        service.vote(shown.token, "ben", ("accept", "reject", "accept")[place])
    service.close("s")
    made = GoldService(house).create_from_study("s", "gold", "ana")
    assert made.items == made.rows + made.tied + made.undecided + made.unrated == 4
    assert (made.tied, made.unrated) == (1, 1)


def test_of_two_answers_the_preferred_one_is_kept_with_the_order_undone(house):
    ReviewService(house).create("s", n=6, overlap=2, seed=3)

    def longer(shown):
        return "a" if len(shown.a) > len(shown.b) else "b"

    rate(house, "s", ana=longer, ben=longer)
    assert GoldService(house).create_from_study("s", "pairs", "ana").rows == 6
    for item in GoldService(house).judged("pairs"):
        first, second = item.judged.answers
        assert item.judged.verdict == ("first" if len(first) > len(second) else "second")
        assert set(item.judged.votes.values()) == {item.judged.verdict}
        assert sorted(item.judged.teachers) == sorted(TEACHERS)
        assert (item.judged.probability, item.answer) == (1.0, None)


def test_answers_called_equal_or_both_bad_are_left_out_and_counted(house):
    ReviewService(house).create("s", n=3, overlap=1)
    service = ReviewService(house)
    for shown, choice in zip(service.next("s", "ana", 3), ("tie", "both_bad", "a"), strict=True):
        service.vote(shown.token, "ana", choice)
    service.close("s")
    made = GoldService(house).create_from_study("s", "pairs", "ana")
    assert (made.rows, made.undecided) == (1, 2)
    (row,) = GoldService(house).judged("pairs")
    assert row.judged.probability == 3 / 6


def test_items_somebody_chose_by_hand_have_no_known_probability(house):
    drawn = ReviewService(house).create("even", kind="single", n=1, seed=0)
    (taken,) = [i.a for i in ReviewService(house).next("even", "ana")]
    row = next(r for r in house.versions.samples().to_dicts() if r["answer"] != taken)
    item = Item(prompt="?", first=row["answer"], first_sample=row["id"], first_teacher=row["teacher"])
    by_hand = drawn.model_copy(update={"name": "s", "seed": 0})
    Reviews(house.state).open(Opening(study=by_hand, items=(item,)), house.ledger, "ana")
    rate(house, "s", ana=strict)
    GoldService(house).create_from_study("s", "gold", "ana")
    (found,) = GoldService(house).judged("gold")
    assert found.judged.probability is None


def test_an_open_study_and_one_that_decided_nothing_are_refused(house):
    service = ReviewService(house)
    service.create("s", kind="single", n=2, overlap=1)
    with pytest.raises(InputError, match="review close s"):
        GoldService(house).create_from_study("s", "gold", "ana")
    service.close("s")
    with pytest.raises(InputError, match="none of its 2 items"):
        GoldService(house).create_from_study("s", "gold", "ana")
    assert GoldService(house).names() == []


def test_a_row_reviewed_twice_is_replaced_and_not_doubled(house):
    for study, word in (("one", "accept"), ("two", "reject")):
        ReviewService(house).create(study, kind="single", n=4, overlap=1, seed=5)
        rate(house, study, ana=lambda shown, word=word: word)
        made = GoldService(house).create_from_study(study, "gold", "ana")
    assert (made.version, made.changed) == (2, 4)
    assert [i.judged.verdict for i in GoldService(house).judged("gold")] == ["reject"] * 4


@pytest.mark.parametrize(("by", "slices"), [("label", {f"l{i}" for i in range(6)}), ("tag", {None}), (None, {None})])
def test_a_slice_is_what_the_user_asks_for(house, by, slices):
    ReviewService(house).create("s", kind="single", n=12, overlap=1)
    rate(house, "s", ana=strict)
    GoldService(house).create_from_study("s", "gold", "ana", slice_by=by, guideline="Be strict.")
    counts = GoldService(house).slices("gold")
    assert {c.slice for c in counts} == slices
    assert sum(c.rows for c in counts) == sum(c.accepts + c.rejects for c in counts) == 12
    assert sum(c.rejects for c in counts) == 2
    assert GoldService(house).guideline("gold") == "Be strict."


def test_the_newest_version_of_every_set_is_what_judges_are_measured_by(house, tmp_path):
    gold = GoldService(house)
    path = tmp_path / "g.jsonl"
    for number, verdict in enumerate(("reject", "accept")):
        path.write_text(json.dumps({"id": "a", "text": f"hi {number}", "answer": "x", "verdict": verdict}))
        gold.import_file(path, name="one")
        gold.import_file(path, name=f"two-{number}")
    assert [i.judged.verdict for i in gold.judged()] == ["accept", "reject", "accept"]
    assert [i.judged.verdict for i in gold.judged("one")] == ["accept"]
