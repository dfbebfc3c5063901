"""What a pilot draws, how it counts, and which teacher it proposes, worked out on small tables."""

from datetime import date

import polars as pl
import pytest

from curation.intervals import Share, bootstrap_median, wilson
from curation.llm.prices import Price
from curation.pilot.draw import breadth_of, draw_gold, draw_prompts
from curation.pilot.report import PilotReport, TeacherFigures, Tokens, rubric, usd_per_1000, validity
from curation.pilot.routing import FEW, marks_of, propose, toml_lines
from curation.records import Message, Prompt
from curation.scrub.scrubber import Scrubber
from curation.store.gold import Gold, GoldItem
from curation.store.store import Store
from curation.tables import AnswerTable, PromptsTable, ScrubTable, TeacherTable
from tests.curation.rows import row, table

LABELS = AnswerTable(format="label", labels=("a", "b"))
TEACHERS = (
    TeacherTable(name="alder", use="practice", model="x"),
    TeacherTable(name="birch", use="practice", model="y"),
)


def prompt(name: str, *tags: str, text: str = "where is my parcel") -> Prompt:
    return Prompt(id=name, messages=(Message(role="user", content=text),), tags=tags)


MANY = [
    *(prompt(f"p{i}", "web") for i in range(400)),
    *(prompt(f"q{i}", "web", "typo") for i in range(25)),
    prompt("r"),
]


# --- drawing -------------------------------------------------------------------------------------------------------


def test_rare_tags_are_drawn_more_often_than_their_share_and_weights_undo_it():
    drawn = draw_prompts(MANY, 30, seed=1)
    typo = [d for d in drawn if "typo" in d.prompt.tags]
    assert len(drawn) == 30
    assert len(typo) > 30 * 25 / len(MANY)
    assert sum(d.weight for d in typo) == pytest.approx(25)
    assert sum(d.weight for d in drawn) == pytest.approx(len(MANY))


def test_the_draw_depends_on_the_seed_and_on_nothing_else():
    one, two = draw_prompts(MANY, 20, seed=1), draw_prompts(list(reversed(MANY)), 20, seed=1)
    assert {d.prompt.id for d in one} == {d.prompt.id for d in two}
    assert {d.prompt.id for d in one} != {d.prompt.id for d in draw_prompts(MANY, 20, seed=2)}


def test_asking_for_more_prompts_than_there_are_draws_each_once():
    assert sorted(d.prompt.id for d in draw_prompts(MANY, 10_000, seed=1)) == sorted(p.id for p in MANY)


def test_prompts_that_repeat_each_other_hold_no_unseen_words_and_different_ones_do():
    alike = breadth_of([prompt(f"p{i}") for i in range(20)], seed=1)
    apart = breadth_of([prompt(f"p{i}", text=chr(97 + i) * 5) for i in range(20)], seed=1)
    assert (alike.unseen, apart.unseen) == (0.0, 1.0)


@pytest.fixture
def gold(tmp_path) -> Gold:
    (tmp_path / "task.toml").write_text('[task]\nname = "t"\n', encoding="utf-8")
    store = Store.open(tmp_path)
    items = [GoldItem(id=f"g{i}", text=f"write to eve{i}@example.com", answer="a", slice="mail") for i in range(5)]
    held = Gold(store.state)
    held.put("mine", [*items, GoldItem(id="plain", text="hello", answer="b")], ledger=store.ledger, actor="ana")
    yield held
    store.close()


def drawn_gold(gold: Gold, n: int, answer: AnswerTable = LABELS, **prompts: str):
    scrubber = Scrubber.of(ScrubTable(), date(2026, 1, 1))
    return draw_gold(gold, n, answer, PromptsTable(**prompts), scrubber, seed=1)


def test_gold_is_asked_as_prompts_are_with_system_message_and_template_and_without_personal_data(gold: Gold):
    rows = drawn_gold(gold, 9, system="Be brief.", template="Customer: {text}").rows
    mail = next(r for r in rows if r.prompt.tags == ("mail",))
    assert mail.prompt.messages[0] == Message(role="system", content="Be brief.")
    assert mail.prompt.text == "Customer: write to [EMAIL]"
    assert mail.expected == "a"


def test_at_most_so_many_gold_rows_of_a_slice_are_drawn(gold: Gold):
    rows = drawn_gold(gold, 2).rows
    assert sorted(r.prompt.tags for r in rows) == [(), ("mail",), ("mail",)]


def test_gold_that_cannot_be_asked_or_compared_is_said_to_be_so(gold: Gold):
    assert "free text" in (drawn_gold(gold, 9, AnswerTable()).words or "")
    assert "6 gold rows were not asked" in (drawn_gold(gold, 9, template="{text} {product}").words or "")


# --- counting ------------------------------------------------------------------------------------------------------


def test_answers_to_one_prompt_count_as_one_because_they_err_together():
    one = Share.of([("p1", True)] * 50 + [("p2", False)] * 50)
    assert one == Share(share=0.5, low=round(wilson(1, 2).low, 4), high=round(wilson(1, 2).high, 4), n=2)
    assert Share.of([]) is None


def test_a_median_of_few_clusters_is_less_sure_than_one_of_many():
    few = bootstrap_median([1.0, 9.0] * 50, ["a", "b"] * 50, seed=3)
    many = bootstrap_median([1.0, 9.0] * 50, [str(i) for i in range(100)], seed=3)
    assert few.high - few.low >= many.high - many.low
    assert few == bootstrap_median([1.0, 9.0] * 50, ["a", "b"] * 50, seed=3)


def test_each_answer_is_counted_as_valid_refused_cut_unreadable_or_failed():
    said = [
        {"stop": "end", "mode": "native"},
        {"stop": "end", "mode": "reasked", "state": "dropped", "step": "checks", "reason": "too_short"},
        {"stop": "refusal", "mode": "plain"},
        {"stop": "length", "mode": "plain"},
        {"stop": "end"},
        {"state": "failed", "step": "sample", "reason": "timeout"},
    ]
    found = validity(table(*(row(i, **{"stop": None, **columns}) for i, columns in enumerate(said))))
    assert found["valid"].share == pytest.approx(2 / 6, abs=1e-4)
    assert found["modes"] == {"native": 1, "reasked": 1}
    assert (found["refusals"], found["truncated"], found["unreadable"]) == (1, 1, 1)
    assert found["failures"] == {"timeout": 1}
    assert found["dropped"] == {"too_short": 1}


def test_answers_no_judge_may_see_are_not_counted_as_accepted():
    why = "no eligible judge, or none that has earned a vote on gold"
    assert rubric(table(row(0, judged="unjudged"))) == (None, why)
    share, words = rubric(table(row(0, judged="agreed"), row(1, judged="split"), row(2, state="dropped")))
    assert (share.share, share.n, words) == (0.5, 2, None)


def test_a_cost_is_unknown_where_price_or_tokens_are_and_zero_only_where_nothing_is_charged():
    price = Price(vendor="v", model="m", since=date(2026, 1, 1), input=1.0, output=10.0, cached_input=0.5, batch=0.5)
    tokens = Tokens(input=300.5, output=20.25, cached=100.0)
    assert usd_per_1000(price, known=True, tokens=tokens, tier=None) == pytest.approx(0.2005 + 0.05 + 0.2025)
    assert usd_per_1000(price, known=True, tokens=tokens, tier="batch") == pytest.approx(0.4530 / 2)
    assert usd_per_1000(price, known=True, tokens=Tokens(), tier=None) is None
    assert usd_per_1000(None, known=False, tokens=tokens, tier=None) is None
    assert usd_per_1000(None, known=True, tokens=tokens, tier=None) == 0.0


def test_agreement_with_gold_is_told_as_a_ceiling():
    gold = Share(share=0.71, low=0.63, high=0.78, n=120)
    report = blank(teachers=(TeacherFigures(teacher="alder", model="m", answers=1, gold=gold),))
    assert report.sentences() == [
        "alder: agrees with gold 71 % [63, 78]; a faithful student inherits the rest (n = 120)"
    ]


def blank(**fields) -> PilotReport:
    empty = {
        "prompts": 0, "of": 0, "gold": 0, "teachers": (), "routes": (), "toml": (), "gold_words": None,
        "breadth": {"unseen": None, "prompts": 0}, "multi_step": None, "judges": (), "notes": (), "calls": 0,
        "cost_usd": 0.0, "seconds": 0.0,
    }  # fmt: skip
    return PilotReport.model_validate({**empty, **fields})


# --- routing -------------------------------------------------------------------------------------------------------


def answers(teacher: str, good: int, of: int, *tags: str, start: int = 0) -> list[dict]:
    """Rows of a teacher of which the first `good` are valid."""
    return [
        row(start + i, teacher=teacher, stop="end", mode="native" if i < good else None, tags=list(tags))
        for i in range(of)
    ]


def routes(rows: list[dict], tags: list[str], costs: dict[str, float | None], teachers=TEACHERS):
    gold = table().with_columns(right=pl.Series([], dtype=pl.Boolean))
    return propose(marks_of(table(*rows), gold), teachers, tags, costs)


def test_the_cheaper_of_two_equally_good_teachers_is_proposed():
    rows = [*answers("alder", 95, 100), *answers("birch", 92, 100)]
    (route,) = routes(rows, [], {"alder": 2.0, "birch": 0.5})
    assert route.proposed == "birch"
    assert "alder" in route.words
    assert "not shown to be better" in route.words


def test_a_cheap_teacher_that_is_shown_to_be_worse_is_not_proposed():
    rows = [*answers("alder", 95, 100), *answers("birch", 60, 100)]
    (route,) = routes(rows, [], {"alder": 2.0, "birch": 0.5})
    assert route.proposed == "alder"


def test_a_teacher_of_unknown_price_is_not_taken_for_a_free_one():
    rows = [*answers("alder", 95, 100), *answers("birch", 92, 100)]
    (route,) = routes(rows, [], {"alder": 2.0, "birch": None})
    assert route.proposed == "alder"
    assert "price unknown: birch" in route.words


def test_with_few_answers_nobody_is_proposed_and_the_number_is_said():
    rows = [*answers("alder", 9, FEW - 1), *answers("birch", 5, FEW - 1)]
    (route,) = routes(rows, [], {"alder": 2.0, "birch": 0.5})
    assert route.proposed is None
    assert route.words == f"too few to tell (n = {FEW - 1}; {FEW} wanted)"
    assert toml_lines([route], ["alder", "birch"], untagged=True) == ()


def test_each_tag_gets_its_own_proposal_and_the_lines_to_paste():
    rows = [
        *answers("alder", 50, 50, "de"), *answers("birch", 20, 50, "de"),
        *answers("alder", 50, 50, "en", start=50), *answers("birch", 50, 50, "en", start=50),
    ]  # fmt: skip
    found = routes(rows, ["de", "en", "rare"], {"alder": 2.0, "birch": 0.5})
    assert [(r.tag, r.proposed) for r in found] == [(None, "alder"), ("de", "alder"), ("en", "birch"), ("rare", None)]
    lines = toml_lines(found, ["alder", "birch"], untagged=False)
    assert lines == ("# [[teachers]] alder", 'tags = ["de", "rare"]', "# [[teachers]] birch", 'tags = ["en"]')


def test_a_teacher_asked_for_some_tags_alone_is_not_compared_on_all_prompts():
    some = (TEACHERS[0], TEACHERS[1].model_copy(update={"tags": ("de",)}))
    rows = [*answers("alder", 50, 50, "de"), *answers("birch", 50, 50, "de")]
    everything, german = routes(rows, ["de"], {"alder": 2.0, "birch": 0.5}, some)
    assert (everything.proposed, german.proposed) == ("alder", "birch")
