"""Rare strings: what fewer than k sources hold and no list knows."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.rarity import Rare, Tally, rare_strings

WORDS = "i the we is in to please order my met her monthly report new york great with and for a"
ORDINARY = frozenset(WORDS.split())


def known(word: str) -> bool:
    return word in ORDINARY


def shown(records: list[tuple[str, str]], k: int = 2) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    for source, text in records:
        texts.setdefault(source, []).append(text)
    found = rare_strings(records, k, known)
    return {source: [texts[source][r.text][r.start : r.end] for r in places] for source, places in found.items()}


def test_a_name_one_source_has_is_rare_and_one_that_k_sources_have_is_not():
    records = [("a", "I met Zorblax."), ("b", "I met Ana."), ("c", "We met Ana and her.")]
    assert shown(records) == {"a": ["Zorblax"]}
    assert shown(records, k=3) == {"a": ["Zorblax"], "b": ["Ana"], "c": ["Ana"]}


def test_sources_are_counted_not_texts():
    records = [("a", "I met Zorblax."), ("a", "Is Zorblax in?"), ("b", "I met her.")]
    assert rare_strings(records, 2, known)["a"] == [Rare(6, 13, 1, 0), Rare(3, 10, 1, 1)]


def test_the_number_of_sources_is_told():
    records = [(str(n), "I met Quillam.") for n in range(4)]
    assert {r.sources for places in rare_strings(records, 5, known).values() for r in places} == {4}
    assert rare_strings(records, 4, known) == {}


def test_a_full_name_is_one_place_and_rare_even_where_each_word_is_common():
    records = [
        ("a", "I met Ana Lopez."),
        ("b", "I met Ana."),
        ("c", "I met Mr Lopez with Ana."),
        ("d", "My Lopez, Mr X"),
    ]
    assert shown(records)["a"] == ["Ana Lopez"]


def test_a_name_of_ordinary_words_is_ordinary():
    assert shown([("a", "Please see the Monthly Report for New York.")]) == {}


def test_a_word_capitalised_only_at_the_start_of_sentences_is_no_name():
    records = [("a", "Whereupon I met her. Verily! Hence\nThusly the order"), ("b", "- Quoth the order")]
    assert shown(records) == {}


def test_a_sentence_may_begin_with_a_name_that_stands_inside_another():
    records = [("a", "Zorblax met her."), ("a", "I met Zorblax."), ("b", "Zorblax Inc is in.")]
    assert shown(records, k=3) == {"a": ["Zorblax", "Zorblax"], "b": ["Zorblax Inc"]}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("my order 48213", ["48213"]),
        ("my order 4821", []),
        ("call 0176 0406 9012 please", ["0176 0406 9012"]),
        ("1 2 3 4 5 6", []),
        ("my order ORD-48213x please", ["ORD-48213x"]),
        ("key a1b2c3d4", ["a1b2c3d4"]),
        ("the 3rd mp3 at 10am with 500gb", []),
        ("my [PERSON] [ACCOUNT_NUMBER] order", []),
    ],
)
def test_numbers_of_five_digits_and_mixed_codes_are_candidates(text, found):
    assert [s for places in shown([("a", text)]).values() for s in places] == found


def test_one_number_in_two_groupings_is_one_string():
    records = [("a", "my order 482-13-9"), ("b", "my order 482139")]
    assert shown(records) == {}


def test_placeholders_neither_count_nor_join_names():
    records = [("a", "I met [PERSON] Zorblax [PERSON]"), ("b", "I met [PERSON]")]
    assert shown(records) == {"a": ["Zorblax"]}


def test_a_possessive_is_the_same_name_and_offsets_count_code_points():
    text = "👩🏽‍💻 I met Zorblax's order"
    (place,) = rare_strings([("a", text)], 2, known)["a"]
    assert text[place.start : place.end] == "Zorblax"
    assert shown([("a", text), ("b", "I met Zorblax")]) == {}


def test_an_iterator_gives_what_a_list_gives():
    records = [("a", "I met Zorblax."), ("b", "I met Ana.")]
    assert rare_strings(iter(records), 2, known) == rare_strings(records, 2, known)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9)), max_size=200), st.integers(1, 6), st.integers(1, 40))
def test_a_tally_counts_distinct_sources_up_to_k(pairs, k, every):
    tally = Tally(k)
    for n, (string, source) in enumerate(pairs):
        tally.add([str(string)], str(source))
        if n % every == 0:
            tally.merge()
    tally.merge()
    expected = [min(k, len({s for w, s in pairs if w == string})) for string in range(31)]
    assert tally.sources([str(n) for n in range(31)]) == expected


def test_a_tally_of_many_strings_stays_small():
    tally = Tally(5)
    for n in range(2000):
        tally.add([f"{n}-{m}" for m in range(100)], str(n))
    tally.merge()
    assert tally.nbytes <= 200_000 * 16


def test_texts_of_any_kind_give_places_inside_them():
    source = random.Random(4)
    letters = "Ab1 -'[]\n.é👩🏽İß_/#"
    records = [(str(n % 50), "".join(source.choices(letters, k=60))) for n in range(500)]
    found = rare_strings(records, 3, known)
    assert all(0 <= r.start < r.end <= 60 and r.sources < 3 for places in found.values() for r in places)
