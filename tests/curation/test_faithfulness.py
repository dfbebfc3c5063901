"""Faithfulness of summaries: what a source does not support is found, what it says in another form is not."""

import subprocess
import sys

import numpy as np
import pytest

from curation.checks.faithful import Faithful
from curation.faithfulness import Source, copied_share, faithfulness, fragments, words
from curation.figures import figures, plain_numbers, supported
from curation.proper_names import Mentions, names
from tests.bench.faithfulness import auroc, draws, features, interval, summaries
from tests.curation.rows import sample

SAME = [
    ("14 days", "two weeks"), ("1.2k", "1,200"), ("twelve hundred", "1,200"), ("twenty-one", "21"), ("21st", "21"),
    ("£3bn", "3 billion pounds"), ("3m", "3,000,000"), ("20 per cent", "20%"), ("a dozen", "12"),
    ("18-month", "18 months"), ("one year", "12 months"), ("two-and-a-half", "2.5"), ("1.204,50", "1,204.50"),
    ("1’204", "1,204"), ("3 May", "2021-05-03"), ("May 3rd, 2021", "03/05/2021"), ("May 2021", "3 May 2021"),
    ("2021", "on 3 May 2021"), ("10pm", "22:00"), ("10.30am", "10:30"), ("nearly 30", "29"),
    ("3 million", "2,987,431"), ("15", "14.6"), ("ord-300101", "ORD-300101"), ("5km", "5,000 metres"),
    ("six-year-old", "aged 6"), ("two thousand and nineteen", "2019"),
]  # fmt: skip
DIFFERENT = [
    ("15 days", "two weeks"), ("12%", "£12"), ("2020", "2019"), ("30 people", "29 people"), ("4 May", "2021-05-03"),
    ("10pm", "10am"), ("3 million", "3 billion"), ("ORD-300101", "ORD-300102"), ("about 50", "29"), ("1.2", "12"),
    ("May 2020", "3 May 2021"), ("7 km", "7 miles"), ("twenty-one", "20 and 1"),
]  # fmt: skip


def holds(source: str, answer: str) -> bool:
    said = figures(answer)
    assert said
    return all(supported(figure, list(plain_numbers(figures(source)))) for figure in said)


@pytest.mark.parametrize(("answer", "source"), SAME)
def test_a_number_is_the_same_however_it_is_written(answer, source):
    assert holds(source, answer)


@pytest.mark.parametrize(("answer", "source"), DIFFERENT)
def test_a_number_date_or_code_that_differs_is_not_supported(answer, source):
    assert not holds(source, answer)


@pytest.mark.parametrize(
    ("name", "source", "lacks"),
    [
        ("Ann Brown", "Brown, Ann", []),
        ("Ann Brown", "Ann Green", ["brown"]),
        ("the BBC", "the British Broadcasting Corporation", []),
        ("the World Health Organization", "the WHO", []),
        ("the Iranian side", "Iran", []),
        ("the French side", "France", []),
        ("Johnson", "Johnston", ["johnson"]),
        ("Hull's side", "HULL", []),
    ],
)
def test_a_name_is_mentioned_in_any_of_its_forms(name, source, lacks):
    [found] = names(f"They met {name}")
    assert Mentions(source).lacks(found) == lacks


def test_a_capital_that_only_opens_a_sentence_or_a_headline_makes_no_name():
    assert [n.text for n in names("However, the shop closed. Staff met Dr. Smith.")] == ["Smith"]
    assert names("Shop Closed After Fire In Kitchen") == []


def test_a_source_that_capitalises_every_noun_leaves_only_names_that_lists_know():
    german = (
        "Der Mann kaufte das Brot und die Milch im Laden und ging dann mit dem Hund in den Garten bei der Schule. " * 2
    )
    source = Source(german)
    assert not source.mentions.capitals_tell
    assert faithfulness(source, "der Mann kaufte im Laden ein Geschenk").names == ()


def test_a_text_without_capitals_has_the_names_that_lists_know():
    assert [n.text for n in names("she moved to london with maria")] == ["london", "maria"]


def test_coverage_and_density_are_those_of_grusky_and_others():
    source, answer = words("a b c d e f"), words("b c d x f a")
    assert fragments(source, answer) == [3, 1, 1]
    found = faithfulness(Source(" ".join(source)), " ".join(answer), run=2)
    assert (found.coverage, found.density, found.copied) == pytest.approx((5 / 6, 11 / 6, 2 / 5))


@pytest.mark.parametrize(("answer", "coverage"), [("", 0.0), ("z", 0.0), ("a b", 1.0)])
def test_an_answer_without_words_or_without_any_of_the_sources_is_covered_by_nothing(answer, coverage):
    assert faithfulness(Source("a b"), answer).coverage == coverage
    assert copied_share(words("a b"), words(answer), 4) == 0


def test_no_run_of_words_goes_from_one_part_of_a_source_into_the_next():
    assert faithfulness(Source("a b", "c d"), "a b c d", run=4).copied == 0


# --- the check -----------------------------------------------------------------------------------------------------

STORY = "Ann Lee, 41, left Hull on 3 May with 1,200 others. The council spent £3m on it."


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        ("Ann Lee left Hull on 3 May.", None, None),
        ("About 1,200 people left; the cost was three million pounds.", None, None),
        ("Ann Lee left Hull on 4 May.", "unsupported_number", "the source does not hold the number '4 May'"),
        ("Ann Lee moved to York.", "unsupported_name", "the source does not hold the name 'York'"),
        ("In all 7 or 8 or 9 or 10 went.", "unsupported_number", "the numbers '7', '8', '9' and 1 more"),
        ("Two people left Hull.", None, None),
    ],
)
def test_an_unsupported_number_or_name_is_dropped_and_named(answer, reason, words):
    found = Faithful()(sample(answer, prompt=STORY))
    assert (found and found.reason) == reason
    assert words is None or words in found.words


def test_what_must_be_supported_and_how_much_may_not_be_are_settings():
    wrong = sample("Ann Lee went to York on 4 May.", prompt=STORY)
    assert Faithful(look_for=("names",))(wrong).reason == "unsupported_name"
    assert Faithful(unsupported=1)(wrong) is None
    assert Faithful(action="quarantine")(wrong).action == "quarantine"


def test_the_source_may_be_a_column_of_the_prompt_and_the_summary_a_field():
    check = Faithful(source="article", field="summary")
    given = sample("x", prompt="Summarise.", fields={"article": STORY}, labels={"summary": "Lee, 42, left Hull."})
    assert check(given).evidence["unsupported"] == ["42"]
    missing = check(sample("x", prompt="Summarise.", labels={"summary": "Lee left."}))
    assert (missing.action, missing.reason) == ("quarantine", "no_source")


def test_copying_can_be_bounded_from_both_sides():
    copied = sample("Ann Lee, 41, left Hull on 3 May", prompt=STORY)
    assert Faithful(max_copied=0.5)(copied).words == "100 % of its runs of 4 words are copied, more than 50 %"
    own = sample("a woman moved away", prompt=STORY)
    assert Faithful(min_coverage=0.5)(own).reason == "low_coverage"


def test_loading_the_check_reads_no_word_list():
    code = "import sys, curation.checks.faithful; print('curation.tagger.tagger' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# --- measured on summaries that people voted on --------------------------------------------------------------------


def test_auroc_counts_ties_half_and_knows_weights():
    factual = np.array([True, True, False, False])
    assert auroc(factual, np.array([2.0, 1.0, 1.0, 0.0])) == pytest.approx(7 / 8)
    doubled = auroc(factual, np.array([2.0, 1.0, 1.0, 0.0]), np.array([1.0, 2.0, 1.0, 1.0]))
    assert doubled == pytest.approx((2 + 2 * 1.5) / 6)


def test_what_agreement_with_other_summaries_says_about_being_factual_is_fixed(shared_data):
    rows, left_out = summaries(shared_data / "xsum_hallucination")
    assert (len(rows), sum(row.factual for row in rows)) == (1856, 184)
    assert left_out == {"no readable vote": 11, "only one of its article": 1, "tied votes": 1}
    factual = np.array([row.factual for row in rows])
    found = features(rows)
    figures = {name: round(auroc(factual, score), 3) for name, score in found.items()}
    assert figures == {
        "unsupported": 0.634, "numbers": 0.533, "names": 0.617, "coverage": 0.63, "density": 0.625, "copied": 0.609,
        "shorter": 0.606,
    }  # fmt: skip
    weights = draws([row.document for row in rows])[:300]
    low, high = interval([auroc(factual, found["unsupported"], w) for w in weights])
    assert 0.58 < low < 0.61 < 0.66 < high < 0.69
