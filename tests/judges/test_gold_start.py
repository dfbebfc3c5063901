"""A gold set begins with drawn samples that a person judges blind, and tells what the judges are worth by them."""

from collections import Counter
from itertools import pairwise

import polars as pl
import pytest

from curation.errors import InputError, UnknownRecord
from curation.progress import Silent
from curation.store.reviews import Reviews
from curation.task import AnswerTable
from judges.gold import GoldService
from judges.gold_draw import draw_over_clusters
from judges.gold_start import Sitting, begin, finish, standing, votes_needed, votes_of
from judges.qualify import Rules, Standing
from judges.review import ReviewService
from tests.curation.rows import row, table
from tests.judges.starting import right, started

LABEL = AnswerTable(format="label")


@pytest.fixture
def house(tmp_path):
    with started(tmp_path) as opened:
        yield opened


def judge(house, study, n, rater="ana", say=right):
    """Have a rater say something about the next `n` items."""
    service = ReviewService(house.store)
    for shown in service.next(study, rater, n):
        service.vote(shown.token, rater, say(shown.prompt, shown.a))


# --- what is drawn -------------------------------------------------------------------------------------------------


def kept(n, teacher, label, text=None, group=None):
    return row(
        n, text or f"message number {n} about something of its own: {n * 7919}", label, labels={"label": label},
        teacher=teacher, group=group,
    )  # fmt: skip


def test_every_label_gets_its_share_and_small_ones_all_they_have():
    rows = [kept(i, "alder", "refund" if i < 40 else "track" if i < 44 else "cancel") for i in range(60)]
    drawn = draw_over_clusters(table(*rows), 20, 0, LABEL)
    assert Counter(d.row["answer"] for d in drawn) == {"refund": 8, "cancel": 8, "track": 4}


def test_one_sample_of_a_group_or_of_nearly_equal_prompts_is_drawn_and_teachers_take_turns():
    asked = "where is the parcel that i ordered on monday, number {}"
    rows = [
        kept(
            10 * c + t, f"teacher {t}", "refund", asked.format(c) if c < 4 else None, f"customer {c}" if c > 7 else None
        )
        for c in range(12)
        for t in range(3)
    ]
    rows = [r if r["group"] is None else {**r, "group": f"customer {8 + int(r['group'][9:]) % 2}"} for r in rows]
    drawn = draw_over_clusters(table(*rows), 6, 4, LABEL)
    assert Counter(d.row["teacher"] for d in drawn) == {"teacher 0": 2, "teacher 1": 2, "teacher 2": 2}
    groups = Counter(d.row["group"] for d in drawn if d.row["group"])
    assert max(groups.values(), default=0) <= 1
    assert sum("parcel" in d.row["messages"][0]["content"] for d in drawn) <= 1


def test_dropped_and_unanswered_samples_are_never_drawn():
    rows = [kept(0, "alder", "refund"), {**kept(1, "alder", "refund"), "state": "dropped"}, row(2, answer=None)]
    assert [d.row["id"] for d in draw_over_clusters(table(*rows), 9, 0, LABEL)] == ["s0"]


def test_the_same_seed_draws_the_same_and_another_draws_another():
    rows = table(*(kept(i, f"teacher {i % 2}", "refund") for i in range(50)))
    drawn = [[d.row["id"] for d in draw_over_clusters(rows, 10, seed, LABEL)] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("n", [3, 7, 12, 22])
def test_a_stated_probability_is_how_often_a_sample_is_drawn(n):
    """Labels of unequal size, groups of unequal size, a teacher that did not answer everything."""
    rows = [
        kept(i, f"teacher {i % 3}", ("refund", "track")[i > 13], group=f"g{i // 2 % 5 if i < 10 else i}")
        for i in range(22)
        if i % 7
    ]
    samples, draws = table(*rows), 1500
    seen, stated = Counter(), {}
    for seed in range(draws):
        for d in draw_over_clusters(samples, n, seed, LABEL):
            seen[d.row["id"]] += 1
            stated.setdefault(d.row["id"], []).append(d.probability)
    for name, chances in stated.items():
        expected = sum(1 / p for p in chances) / draws  # Horvitz-Thompson: 1 where the chances are true
        assert expected == pytest.approx(1, abs=0.25), name
    total = sum(1 / p for chances in stated.values() for p in chances) / draws
    assert total == pytest.approx(len(rows), rel=0.03)


# --- the study -----------------------------------------------------------------------------------------------------


def test_a_start_is_gone_on_with_until_it_is_finished_and_then_draws_what_is_no_gold_yet(house):
    study, new = begin(house.store, house.task.answer, 12, actor="ana")
    assert (study.name, study.items, study.overlap, new) == ("gold-start", 12, 1, True)
    judge(house, study.name, 5)
    assert begin(house.store, house.task.answer, 12) == (study, False)
    assert votes_of(house.store, study.name) == (5, 7)
    judge(house, study.name, 12)
    made = finish(house.store, study.name, "gold", "ana", slice_by="label")
    assert (made.rows, made.version) == (12, 1)
    again, new = begin(house.store, house.task.answer, 50)
    assert (again.name, again.items, new) == ("gold-start-2", 20, True)
    first = {b.first_sample for b in Reviews(house.store.state).ballots(study.name)}
    judge(house, again.name, 50)
    assert not first & {b.first_sample for b in Reviews(house.store.state).ballots(again.name)}


def test_the_rows_say_how_likely_each_was_drawn_and_whose_answer_it_is(house):
    study, _ = begin(house.store, house.task.answer, 12)
    judge(house, study.name, 12)
    finish(house.store, study.name, "gold", "ana")
    rows = GoldService(house.store).judged("gold")
    assert all(0 < r.judged.probability <= 1 for r in rows)
    assert min(Counter(r.judged.teachers[0] for r in rows).values()) >= 5
    assert {(r.judged.teachers[0], r.judged.verdict) for r in rows} == {
        ("teacher-zeta", "accept"), ("teacher-omega", "reject"),
    }  # fmt: skip
    (drawn,) = house.store.ledger.events("review_drawn")
    assert sorted(drawn.body["probabilities"]) == sorted(r.judged.probability for r in rows)


def test_before_the_first_run_there_is_nothing_to_start_with(tmp_path):
    from curation.store.store import Store

    with Store.create(tmp_path) as store, pytest.raises(UnknownRecord):
        begin(store, LABEL, 5)


def test_when_every_sample_is_gold_there_is_nothing_left(house):
    study, _ = begin(house.store, house.task.answer, 99)
    judge(house, study.name, 99)
    finish(house.store, study.name, "gold", "ana")
    with pytest.raises(InputError, match="nothing to review"):
        begin(house.store, house.task.answer, 5)


# --- the judges ----------------------------------------------------------------------------------------------------


def test_after_each_ten_votes_the_judges_intervals_are_narrower(house):
    study, _ = begin(house.store, house.task.answer, 30)
    width = []
    for _ in range(3):
        judge(house, study.name, 10)
        lines = standing(house.store, house.task, house.environment, study.name, "gold", Silent())
        assert [line.judge for line in lines] == ["cedar-judge", "dogwood-judge"]
        width.append([line.high - line.low for line in lines])
    assert all(earlier > later for before, after in pairwise(width)
               for earlier, later in zip(before, after, strict=True))  # fmt: skip
    assert "may vote after about" in lines[0].words or lines[0].role == "votes"


def test_asking_the_judges_again_costs_nothing(house):
    study, _ = begin(house.store, house.task.answer, 10)
    judge(house, study.name, 10)
    told = [standing(house.store, house.task, house.environment, study.name, "gold", Silent()) for _ in range(2)]
    assert told[0] == told[1]
    with house.store.replies_db.read() as connection:
        spent = connection.exec_driver_sql("select count(*), count(distinct key) from replies").one()
    assert spent[0] == spent[1]


def test_without_judges_or_votes_nothing_is_told(tmp_path):
    with started(tmp_path / "none", judges="") as house:
        study, _ = begin(house.store, house.task.answer, 5)
        judge(house, study.name, 5)
        assert standing(house.store, house.task, house.environment, study.name, "gold", Silent()) == []
    with started(tmp_path / "some") as house:
        study, _ = begin(house.store, house.task.answer, 5)
        assert standing(house.store, house.task, house.environment, study.name, "gold", Silent()) == []


def known(n, right, **more):
    low, high = {"low": 0.3, "high": 0.9}.values()
    return Standing(
        judge="birch", role="report_only", n=n, right=right, accuracy=right / n if n else None, low=low, high=high,
        **{"informedness": 0.8, "informedness_low": 0.3, "informedness_high": 1.0, **more},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("standing", "needed"),
    [
        (known(10, 9), 10),  # twenty rows are enough for a good judge
        (known(12, 8), 23),  # two of three right: it takes more to tell that from chance
        (known(30, 14), None),  # worse than chance: more rows will not help
        (known(0, 0), None),
        (known(30, 28, informedness=None, informedness_low=None), None),  # only one verdict seen so far
        (known(30, 28, informedness=0.05, informedness_low=-0.9), None),
        (known(30, 28, canaries=(9, 10)), None),
    ],
)
def test_how_many_more_votes_a_judge_needs_is_what_would_qualify_it_at_this_rate(standing, needed):
    assert votes_needed(standing, Rules()) == needed


# --- one person at a terminal --------------------------------------------------------------------------------------


def test_a_sitting_is_blind_takes_back_and_goes_on_where_it_stopped(house):
    study, _ = begin(house.store, house.task.answer, 4)
    service = ReviewService(house.store)
    sitting = Sitting(service, study.name, "ana")
    first = sitting.show()
    assert first.b is None
    assert not [w for w in ("teacher", "zeta", "omega") if w in first.model_dump_json()]
    assert not sitting.press(first, "undo")
    assert sitting.press(first, "accept")
    second = sitting.show()
    assert second.token != first.token
    assert sitting.press(second, "undo")
    assert sitting.show().token == first.token
    assert sitting.press(first, "reject")
    assert sitting.press(sitting.show(), "skip")
    assert sitting.press(sitting.show(), "stop")
    later = Sitting(service, study.name, "ana")
    assert votes_of(house.store, study.name) == (1, 2)
    while shown := later.show():
        later.press(shown, "accept")
    assert votes_of(house.store, study.name) == (3, 0)
    assert Counter(b.choice for b in Reviews(house.store.state).ballots(study.name)) == {
        "accept": 2, "reject": 1, "skip": 1,
    }  # fmt: skip
    assert pl.Series([b.dwell_ms for b in Reviews(house.store.state).ballots(study.name)]).min() >= 0
