"""Whether to distil: the arithmetic, what tips the verdict, and that nothing unknown is taken for 0."""

import json
from pathlib import Path

import pytest

from curation.errors import TaskError, UnknownRecord
from curation.pilot.advice import Advice, Thresholds, Wishes
from curation.pilot.advise import advise
from curation.store.store import Store
from curation.task import Environment, read_task

PRICE = "price = { input = 2.0, output = 10.0, cached_input = 0.5, batch = 0.5 }"
TASK = """
[task]
name = "t"

[answer]
format = "label"
labels = ["a", "b"]

[[teachers]]
name = "dear"
use = "practice"
model = "alder-large"
{price}

[[teachers]]
name = "cheap"
use = "practice"
model = "birch-large"
price = {{ input = 0.2, output = 1.0 }}
{more}
"""
TOKENS = {"input": 2000.0, "cached": 0.0, "output": 100.0, "shared": 1500.0}
"""At PRICE: $0.004 sent and $0.001 answered, half a cent a request; the cheap teacher costs a tenth."""


def share(of: float, n: int = 200, width: float = 0.05) -> dict:
    return {"share": of, "low": max(0.0, of - width), "high": min(1.0, of + width), "n": n}


def teacher(name: str, **fields) -> dict:
    words = {"p50": 1.0, "low": 1.0, "high": 1.0, "p90": 1.0}
    return {
        "teacher": name,
        "model": name,
        "answers": 50,
        "tokens": TOKENS,
        "words": words,
        "gold": share(0.9),
        **fields,
    }


def report(teachers=None, **fields) -> dict:
    route = {
        "tag": None,
        "measure": "agreement with gold",
        "candidates": [],
        "proposed": "dear",
        "words": "dear is best",
    }
    return {
        "prompts": 50, "of": 900, "gold": 200, "teachers": teachers or [teacher("dear"), teacher("cheap")],
        "routes": [route], "toml": [], "gold_words": None, "breadth": {"unseen": 0.1, "prompts": 400},
        "multi_step": share(0.0), "judges": [], "notes": [], "calls": 0, "cost_usd": 0.0, "seconds": 1.0, **fields,
    }  # fmt: skip


@pytest.fixture
def ask(tmp_path: Path):
    """Advice on a pilot with these fields, in a workspace with this task."""

    def asked(wishes: Wishes | None = None, pilot: dict | None = None, price: str = PRICE, more: str = "") -> Advice:
        (tmp_path / "task.toml").write_text(TASK.format(price=price, more=more), encoding="utf-8")
        with Store.open(tmp_path) as store:
            store.runs.finish(store.runs.start("pilot"), pilot or report())
            return advise(store, read_task(tmp_path / "task.toml"), Environment({}), wishes or full())

    return asked


def full(**fields) -> Wishes:
    return Wishes(**{"monthly_requests": 100_000, "serving_usd_month": 100.0, "training_usd": 15.0, **fields})


def criterion(advice: Advice, name: str):
    return next(c for c in advice.criteria if c.name == name)


def saved(advice: Advice) -> dict[str, float | None]:
    return {a.name: a.saved_usd_month for a in advice.alternatives}


# --- the verdict ---------------------------------------------------------------------------------------------------


def test_a_narrow_task_with_many_requests_and_a_good_teacher_is_worth_distilling(ask):
    advice = ask(full(review_usd=160.0))
    money = advice.money
    assert advice.verdict == "yes"
    assert money.usd_month_today == pytest.approx(500)
    assert money.dataset_usd == pytest.approx(25)
    assert money.once_usd == pytest.approx(25 + 15 + 160)
    assert money.break_even_months == pytest.approx(200 / 400)
    assert {c.effect for c in advice.criteria} == {"for"}


def test_a_student_that_costs_more_to_serve_than_it_saves_is_advised_against(ask):
    advice = ask(full(monthly_requests=15_000))
    assert advice.verdict == "no"
    assert "nothing to save" in advice.because


def test_a_break_even_beyond_the_horizon_is_advised_against(ask):
    assert ask(full(review_usd=40_000.0)).verdict == "no"
    assert ask(full(review_usd=40_000.0, horizon_months=200)).verdict == "yes"


def test_a_teacher_clearly_below_the_ceiling_is_not_worth_copying(ask):
    advice = ask(pilot=report([teacher("dear", gold=share(0.6)), teacher("cheap")]))
    assert advice.verdict == "no"
    assert "60 % [55, 65], and a faithful student inherits the rest" in advice.because


@pytest.mark.parametrize("gold", [None, share(0.9, n=20), share(0.78)], ids=["no gold", "few rows", "straddling"])
def test_a_ceiling_that_cannot_be_told_asks_for_more_gold(ask, gold):
    advice = ask(pilot=report([teacher("dear", gold=gold), teacher("cheap")], gold_words="no gold yet"))
    assert advice.verdict == "pilot more"
    assert criterion(advice, "ceiling").effect == "unknown"


def test_breadth_length_steps_and_volume_make_a_no_together_but_not_alone(ask):
    assert ask(pilot=report(multi_step=share(0.5))).verdict == "yes"
    both = ask(pilot=report(multi_step=share(0.5), breadth={"unseen": 0.3, "prompts": 400}))
    assert both.verdict == "no"
    assert "tools" in both.because


def test_breadth_measured_on_few_prompts_says_nothing(ask):
    advice = ask(pilot=report(breadth={"unseen": 0.5, "prompts": 60}))
    assert criterion(advice, "breadth of prompts").effect == "unknown"


# --- what is not known ---------------------------------------------------------------------------------------------


def test_without_serving_and_training_costs_more_is_asked_for_and_nothing_counts_as_free(ask):
    advice = ask(Wishes(monthly_requests=100_000))
    assert advice.verdict == "pilot more"
    assert "--training-usd" in advice.because
    assert "--serving-usd-month" in advice.because
    assert (advice.money.once_usd, advice.money.saved_usd_month, advice.money.break_even_months) == (None, None, None)


def test_hours_of_the_task_stand_in_for_what_is_not_given(ask):
    advice = ask(Wishes(monthly_requests=100_000), more="\n[hours]\ntraining = 3.0\nserving = 0.1")
    assert advice.money.training_usd == pytest.approx(6)
    assert advice.money.serving_usd_month == pytest.approx(73)
    assert any("[hours] training = 3" in words for words in advice.money.assumed)


def test_a_model_of_unknown_price_makes_every_sum_unknown(tmp_path: Path):
    task = TASK.format(price="", more="").replace(
        'use = "practice"\nmodel = "alder-large"', 'use = "openai"\nmodel = "nobodys-model"'
    )
    (tmp_path / "task.toml").write_text(task, encoding="utf-8")
    with Store.open(tmp_path) as store:
        store.runs.finish(store.runs.start("pilot"), report())
        advice = advise(store, read_task(tmp_path / "task.toml"), Environment({}), full())
    assert advice.money.usd_month_today is None
    assert criterion(advice, "break-even").effect == "unknown"
    assert set(saved(advice).values()) <= {None, 0.0}
    assert saved(advice)["shorter prompts"] is None


def test_a_teacher_that_costs_nothing_leaves_nothing_to_save(ask):
    advice = ask(price="")
    assert advice.verdict == "no"
    assert advice.alternatives == ()


# --- instead -------------------------------------------------------------------------------------------------------


def test_each_alternative_is_priced_from_the_tokens_of_the_pilot(ask):
    route = {"tag": None, "measure": "m", "candidates": [], "proposed": "cheap", "words": "cheap is as good"}
    found = saved(ask(pilot=report(routes=[route])))
    assert found["prompt caching"] == pytest.approx(100_000 * 1500 * 1.5 / 1e6)
    assert found["a cheaper teacher"] == pytest.approx(100_000 * (0.005 - 0.0005))
    assert found["shorter prompts"] == pytest.approx(100_000 * 750 * 2.0 / 1e6)
    assert found["the batch tier"] == pytest.approx(250)
    assert found["the flex tier"] is None


def test_a_short_beginning_cannot_be_cached_and_an_unknown_cached_price_is_no_saving_of_zero(ask):
    short = report([teacher("dear", tokens={**TOKENS, "shared": 200.0}), teacher("cheap")])
    assert saved(ask(pilot=short))["prompt caching"] == 0.0
    assert saved(ask(price="price = { input = 2.0, output = 10.0 }"))["prompt caching"] is None


def test_the_model_in_use_can_be_named_and_a_wrong_name_is_told_with_the_nearest(ask):
    assert ask(full(model="cheap")).money.usd_month_today == pytest.approx(50)
    with pytest.raises(TaskError, match="cheap"):
        ask(full(model="cheep"))


def test_without_a_pilot_the_command_that_makes_one_is_named(tmp_path: Path):
    (tmp_path / "task.toml").write_text(TASK.format(price=PRICE, more=""), encoding="utf-8")
    with Store.open(tmp_path) as store, pytest.raises(UnknownRecord, match="run --pilot"):
        advise(store, read_task(tmp_path / "task.toml"), Environment({}), Wishes())


def test_every_threshold_says_where_it_comes_from(ask):
    advice = ask()
    assert set(advice.sources) == set(Thresholds.model_fields)
    assert all(advice.sources.values())
    assert json.loads(advice.model_dump_json())["sources"]["ceiling"]
