"""Marked texts: what is wrong with the marks is told, and found, false and missed spans count as worked out by hand."""

import json
from pathlib import Path

import pytest

from curation.errors import InputError
from curation.goldspans import GoldFile, Place, as_dict, gold_of, predict_all, read_gold, read_types, score
from curation.goldspans.matching import iou, match, together
from curation.goldspans.scoring import f_beta
from curation.goldspans.tokens import edges, tokens
from curation.goldspans.type_map import shipped
from curation.intervals import bootstrap_ratio

TYPES = shipped()


def span(text: str, value: str, kind: str) -> dict[str, object]:
    """A gold span where the value first stands."""
    start = text.index(value)
    return {"entity_type": kind, "entity_value": value, "start_position": start, "end_position": start + len(value)}


def gold(text: str, *marks: tuple[str, str], **more: object) -> GoldFile:
    return gold_of([{"full_text": text, "spans": [span(text, *mark) for mark in marks], **more}], TYPES)


def places(text: str, *found: tuple[str, str]) -> list[Place]:
    return [Place(text.index(value), text.index(value) + len(value), kind) for value, kind in found]


def counts(text: str, marks: list[tuple[str, str]], found: list[tuple[str, str]], *, typed: bool = False):
    """Gold spans, found ones, predictions, right ones."""
    matched = match(gold(text, *marks).texts[0], places(text, *found), typed=typed)
    return (
        len(matched.gold), sum(o.hit for o in matched.gold),
        len(matched.predicted), sum(o.hit for o in matched.predicted),
    )  # fmt: skip


# --- the arithmetic ------------------------------------------------------------------------------------------------


def test_overlap_is_intersection_over_union_in_characters():
    assert iou((0, 10), (3, 10)) == 7 / 10
    assert iou((2, 6), (4, 10)) == 2 / 8
    assert iou((0, 4), (4, 8)) == 0
    assert together((0, 10), [(0, 3), (6, 12)]) == (3 + 4) / 12


def test_f2_weighs_recall_four_times():
    # 5 * P * R / (4 * P + R) = 5 * 0.5 * 0.8 / (2.0 + 0.8)
    assert f_beta(0.5, 0.8) == pytest.approx(2.0 / 2.8)
    assert f_beta(0.0, 0.0) == 0.0
    assert f_beta(None, 0.5) is None


def test_the_edges_of_a_span_are_its_first_and_last_word_that_counts():
    text = 'met the "Acme Inc." of Ms. Ann Lee\'s'
    words = tokens(text)
    cut = {
        "the Acme Inc.": (9, 13),  # `the`, the quotes and `Inc.` do not count
        "Lee's": (31, 34),  # nor does the clitic
        "of": None,
    }
    assert edges(words, 4, 19) == cut["the Acme Inc."]
    assert edges(words, 31, 36) == cut["Lee's"]
    assert edges(words, 20, 22) is cut["of"]


@pytest.mark.parametrize(
    ("found", "hit"),
    [
        ("Annabella Lee", True),  # 13 of 13
        ("Annabella", False),  # 9 / 13 = 0.692
        ("nnabella Lee", True),  # 12 / 13 = 0.923
        ("Annabella Lee came", True),  # 13 / 18 = 0.722
        ("Annabella Lee came so", True),  # `so` does not count: 13 / 18 again
        ("Annabella Lee came so late", False),  # 13 / 26 = 0.5
    ],
)
def test_a_span_is_found_from_an_overlap_of_seven_tenths(found: str, hit: bool):
    text = "Annabella Lee came so late"
    assert counts(text, [("Annabella Lee", "PERSON")], [(found, "person")]) == (1, hit, 1, hit)


def test_neighbours_of_one_kind_with_nothing_that_counts_between_them_are_one():
    # Gold "12" + "Elm Road" and prediction "12 Elm Road" are one address each.
    text = "at 12, Elm Road, Leeds"
    marks = [("12", "ADDRESS"), ("Elm Road", "STREET_ADDRESS"), ("Leeds", "GPE")]
    assert counts(text, marks, [("12, Elm Road", "address"), ("Leeds", "place")], typed=True) == (2, 2, 2, 2)
    assert counts("Ann saw Lee", [("Ann", "PERSON"), ("Lee", "PERSON")], [])[0] == 2
    assert counts("Ann and Lee", [("Ann", "PERSON"), ("Lee", "PERSON")], [])[0] == 1


def test_neighbours_of_two_kinds_stay_two_whatever_the_kind_asked():
    # "12 Elm Road" is 11 characters, the prediction over both 18: 11 / 18 = 0.611 and 5 / 18.
    text = "12 Elm Road, Leeds"
    marks = [("12 Elm Road", "ADDRESS"), ("Leeds", "GPE")]
    assert counts(text, marks, [("12 Elm Road, Leeds", "address")]) == (2, 0, 1, 0)


def test_several_predictions_find_one_span_together_and_all_are_right():
    # The pieces cover 8 + 7 = 15 of 21 characters = 0.714, with a word that counts between them.
    text = "Northern Lion Trading"
    assert counts(text, [(text, "ORG")], [("Northern", "organisation"), ("Trading", "organisation")]) == (1, 1, 2, 2)
    # Without the last letter, 14 / 21 = 0.667 is too little, and both are false.
    assert counts(text, [(text, "ORG")], [("Northern", "organisation"), ("Tradin", "organisation")]) == (1, 0, 2, 0)


def test_one_prediction_finds_one_span_at_most_and_counts_once():
    # "Jonathan met Al": the prediction goes to Jonathan (8 / 15 = 0.533), which is too little for either.
    text = "Jonathan met Al"
    marks = [("Jonathan", "PERSON"), ("Al", "PERSON")]
    assert counts(text, marks, [(text, "person")]) == (2, 0, 1, 0)
    # Without the last word it is 8 / 12 = 0.667 of the first, which is still too little.
    assert counts(text, marks, [("Jonathan met", "person")]) == (2, 0, 1, 0)
    assert counts(text, marks, [("Jonathan", "person")]) == (2, 1, 1, 1)


def test_a_prediction_goes_to_the_span_it_matches_though_it_touches_an_earlier_one():
    # 10-18 matches "Jonathan" (8 / 10 with "42"): the touch of the number before it takes nothing away.
    text = "no 42 Jonathan"
    marks = [("42", "CUSTOMER_ID"), ("Jonathan", "PERSON")]
    assert counts(text, marks, [("2 Jonathan", "person")]) == (2, 1, 1, 1)


def test_the_wrong_kind_is_a_miss_and_a_false_one_only_when_kinds_count():
    text = "call 078-05-1120 now"
    marks, found = [("078-05-1120", "US_SSN")], [("078-05-1120", "phone")]
    assert counts(text, marks, found) == (1, 1, 1, 1)
    assert counts(text, marks, found, typed=True) == (1, 0, 1, 0)


def test_a_match_of_its_own_kind_wins_over_a_greater_overlap_with_another():
    # At a threshold of 0.25 the account is matched with 2 / 7 = 0.286, though the name overlaps more (4 / 7).
    text = "32 John"
    marks = gold(text, ("32", "CUSTOMER_ID"), ("John", "PERSON")).texts[0]
    matched = match(marks, places(text, ("32 John", "account")), typed=True, threshold=0.25)
    assert [(o.entity, o.hit) for o in matched.gold] == [("account", True), ("person", False)]
    assert [o.hit for o in matched.predicted] == [True]


def test_a_prediction_on_nothing_is_false():
    assert counts("Ann Lee ate toast", [("Ann Lee", "PERSON")], [("toast", "place")]) == (1, 0, 1, 0)


def test_titles_and_ages_neither_help_nor_harm():
    text = "Prof. Chen, aged 44, called"
    marks = [("Prof.", "TITLE"), ("Chen", "PERSON"), ("44", "AGE")]
    # The prediction "Prof. Chen" is scored as "Chen" (4 / 4), and the one on the age not at all.
    assert counts(text, marks, [("Prof. Chen", "person"), ("44", "date")]) == (1, 1, 1, 1)
    report = score(gold(text, *marks), predict_all(gold(text, *marks).texts, lambda t: [places(text, ("44", "date"))]))
    assert {name: (f.gold, f.found) for name, f in report.indirect.items()} == {"AGE": (1, 1), "TITLE": (1, 0)}
    assert (report.all.gold, report.all.found, report.all.predicted) == (1, 0, 0)


def test_a_gold_span_without_a_word_that_counts_is_left_out():
    text = "made in the US of steel"
    report = score(gold(text, ("US", "GPE")), predict_all(gold(text).texts, lambda t: [[]]))
    assert (report.all.gold, report.left_out) == (0, 1)


# --- the report ----------------------------------------------------------------------------------------------------

LETTER = "Ann Lee, ann@example.com, from Leeds"
MARKS = (("Ann Lee", "PERSON"), ("ann@example.com", "EMAIL_ADDRESS"), ("Leeds", "GPE"))


def test_the_report_has_its_fixed_shape_and_its_figures_add_up():
    file = gold(LETTER, *MARKS)
    found = places(LETTER, ("ann@example.com", "email"), ("Leeds", "person"), ("from Leeds", "url"))[:2]
    told = as_dict(score(file, predict_all(file.texts, lambda texts: [found])), "recall")
    assert list(told)[:6] == ["recall", "precision", "f2", "by_type", "characters_per_second", "defects_in_gold"]
    # 2 of 3 found, 2 of 2 right whatever the kind; F2 = 5 * 1 * 0.6667 / (4 + 0.6667) = 0.7143
    assert (told["recall"], told["precision"], told["f2"]) == (0.6666, 1.0, 0.7142)
    assert told["by_type"]["email"] | {"ci": 0} == told["by_type"]["email"] | {"ci": 0, "recall": 1.0, "gold": 1}
    # as a place, Leeds is missed; as whatever kind, it is masked. The person is missed, and Leeds is no person.
    assert (told["by_type"]["place"]["recall"], told["by_type"]["place"]["recall_any_kind"]) == (0.0, 1.0)
    assert (told["by_type"]["person"]["found"], told["by_type"]["person"]["precision"]) == (0, 0.0)
    assert told["by_gold_type"]["GPE"]["found"] == 1
    assert told["point"] == "recall"
    json.dumps(told, allow_nan=False)


def test_without_a_single_mark_there_is_no_recall_rather_than_a_perfect_one():
    file = gold("nothing here")
    told = as_dict(score(file, predict_all(file.texts, lambda texts: [[]])), "recall")
    assert (told["recall"], told["precision"], told["f2"]) == (None, None, None)


def test_a_text_the_scrubber_fails_on_counts_as_missed_and_the_others_go_on():
    rows = [{"full_text": t, "spans": [span(t, "Ann", "PERSON")]} for t in ("Ann sat", "Ann BOOM", "Ann ran")]
    file = gold_of(rows, TYPES)

    def predict(texts):
        if any("BOOM" in text for text in texts):
            raise IndexError("no such place")
        return [[Place(0, 3, "person")] for _ in texts]

    report = score(file, predict_all(file.texts, predict))
    assert (report.all.gold, report.all.found) == (3, 2)
    assert [(f.row, f.cause) for f in report.predictions.failures] == [(2, "IndexError: no such place")]


def test_only_some_entities_are_scored_when_asked_and_the_rest_is_neither_right_nor_wrong():
    file = gold(LETTER, *MARKS)
    found = places(LETTER, ("ann@example.com", "email"), ("Leeds", "place"))
    report = score(file, predict_all(file.texts, lambda texts: [found]), only=["email"])
    assert (report.all.gold, report.all.found, report.all.predicted, report.all.right) == (1, 1, 1, 1)


def test_intervals_draw_whole_templates():
    parts = [(1.0, 1.0)] * 10 + [(0.0, 1.0)] * 10
    apart = bootstrap_ratio(parts, [str(i) for i in range(20)], seed=0)
    two = bootstrap_ratio(parts, ["a"] * 10 + ["b"] * 10, seed=0)
    assert (two.low, two.high) == (0.0, 1.0)
    assert 0.2 < apart.low < 0.5 < apart.high < 0.8
    rows = [{"full_text": "Ann", "spans": [span("Ann", "Ann", "PERSON")], "template_id": i // 2} for i in range(4)]
    assert [t.cluster for t in gold_of(rows, TYPES).texts] == ["template 0", "template 0", "template 1", "template 1"]


# --- what is wrong with the gold -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mark", "kind", "right"),
    [
        ({"start_position": 1, "end_position": 4}, "wrong_offset", {"start_position": 0, "end_position": 3}),
        ({"start_position": 90, "end_position": 93}, "out_of_range", {"start_position": 0, "end_position": 3}),
        ({"start_position": -3, "end_position": 0}, "out_of_range", {"start_position": 0, "end_position": 3}),
        ({"start_position": "0"}, "not_a_number", {"start_position": 0, "end_position": 3}),
        ({"entity_value": "Bob"}, "not_in_text", None),
        ({"entity_value": "ANN"}, "not_in_text", {"start_position": 0, "end_position": 3, "entity_value": "Ann"}),
        ({"end_position": 0}, "empty", {"start_position": 0, "end_position": 3}),
        ({"entity_value": ""}, "empty", None),
    ],
)
def test_a_defective_span_says_where_it_is_what_is_wrong_and_what_would_be_right(mark, kind, right):
    bad = {**span("Ann sat", "Ann", "PERSON"), **mark}
    file = gold_of([{"full_text": "Bo ran", "spans": []}, {"full_text": "Ann sat", "spans": [bad]}], TYPES)
    (defect,) = file.defects
    assert (defect.row, defect.span, defect.kind, defect.right) == (2, 1, kind, right)
    assert file.texts[1].spans == ()


def test_offsets_in_utf_16_units_are_recognised():
    text = "😀 Ann sat with Ann"
    bad = {"entity_type": "PERSON", "entity_value": "Ann", "start_position": 3, "end_position": 6}
    (defect,) = gold_of([{"full_text": text, "spans": [bad]}], TYPES).defects
    assert "UTF-16" in defect.words
    assert defect.right == {"start_position": 2, "end_position": 5}


def test_a_wrong_key_is_told_with_the_right_one():
    mark = span("Ann sat", "Ann", "PERSON")
    mark["start"] = mark.pop("start_position")
    (defect,) = gold_of([{"full_text": "Ann sat", "spans": [mark]}], TYPES).defects
    assert (defect.kind, defect.right) == ("wrong_key", {"key": "start_position"})
    (defect,) = gold_of([{"text": "Ann sat", "NER": [{"=": "Ann", "label": "PERSON"}]}], TYPES).defects
    assert (defect.kind, defect.right) == ("wrong_key", {"key": "entity"})


def test_of_overlapping_spans_the_longer_one_is_scored():
    text = "Ann Lee sat"
    file = gold(text, ("Ann", "PERSON"), ("Ann Lee", "PERSON"), ("Ann Lee", "PATIENT"))
    assert [(s.start, s.end, s.number) for s in file.texts[0].spans] == [(0, 7, 2)]
    assert [(d.span, d.kind) for d in file.defects] == [(1, "overlap"), (3, "duplicate")]


def test_a_prediction_on_a_defective_span_is_neither_right_nor_false():
    bad = {**span("Ann saw Bob", "Bob", "PERSON"), "start_position": 2, "end_position": 5}
    file = gold_of([{"full_text": "Ann saw Bob", "spans": [span("Ann saw Bob", "Ann", "PERSON"), bad]}], TYPES)
    found = places("Ann saw Bob", ("Ann", "person"), ("Bob", "person"))
    report = score(file, predict_all(file.texts, lambda texts: [found]))
    assert (report.all.gold, report.all.found, report.all.predicted, report.all.right) == (1, 1, 1, 1)


def test_a_named_value_is_meant_wherever_it_stands_as_a_whole_word():
    text = "Ann met Anna; Ann left Ann Lee"
    rows = [{"text": text, "NER": [{"entity": "Ann", "label": "PERSON"}, {"entity": "Ann Lee", "label": "PERSON"}]}]
    file = gold_of(rows, TYPES)
    assert [(s.start, s.end) for s in file.texts[0].spans] == [(0, 3), (14, 17), (23, 30)]
    assert not file.defects


def test_a_value_that_is_not_in_the_text_is_told_as_the_text_has_it():
    rows = [{"text": "SSN 078-05-1120", "NER": [{"entity": "*078-05-1120*", "label": "SSN"}]}]
    (defect,) = gold_of(rows, TYPES).defects
    assert (defect.kind, defect.right) == ("not_in_text", {"entity": "078-05-1120"})


def test_an_unknown_type_is_an_error_that_lists_the_known_ones(tmp_path: Path):
    with pytest.raises(InputError, match=r"row 1 span 1: no gold type 'PERSN'; did you mean 'PERSON'\? Known: AADHAAR"):
        gold("Ann sat", ("Ann", "PERSN"))
    (tmp_path / "more.toml").write_text('person = ["persn"]\n', encoding="utf-8")
    rows = [{"full_text": "Ann", "spans": [span("Ann", "Ann", "Persn")]}]
    assert gold_of(rows, read_types(tmp_path / "more.toml")).texts[0].spans[0].entity == "person"


def test_a_file_that_is_no_gold_is_one_line(tmp_path: Path):
    for content, words in (("[1, 2]", "no row is gold"), ("[", "not JSON"), ('{"text": "x"}', "no row is gold")):
        (tmp_path / "f.json").write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match=words):
            read_gold(tmp_path / "f.json")
    (tmp_path / "f.json").write_bytes(b'[{"text": "\xff"}]')
    with pytest.raises(InputError, match="not UTF-8"):
        read_gold(tmp_path / "f.json")


def test_gold_may_be_lines_and_a_row_that_is_none_is_set_aside(tmp_path: Path):
    lines = [{"full_text": "Ann", "spans": [span("Ann", "Ann", "PERSON")]}, {"text": "no marks"}, 5]
    (tmp_path / "f.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    file = read_gold(tmp_path / "f.jsonl")
    assert (len(file.texts), [(d.row, d.span, d.kind) for d in file.defects]) == (
        1,
        [(2, None, "unreadable"), (3, None, "unreadable")],
    )


def test_the_known_defects_of_public_gold_are_found(shared_data: Path):
    small = read_gold(shared_data / "presidio_research" / "generated_small.json")
    (defect,) = small.defects
    assert (defect.row, defect.span, defect.kind) == (57, 1, "wrong_offset")
    assert defect.right == {"start_position": 20, "end_position": 25}
    assert not read_gold(shared_data / "presidio_research" / "generated_large.json").defects
    nano = read_gold(shared_data / "pii_synthetic_nano" / "pii_syn_nano_en.json")
    kinds = [d.kind for d in nano.defects]
    assert (kinds.count("wrong_key"), kinds.count("not_in_text"), len(kinds)) == (1, 43, 44)
