"""Families come from the table alone; terms and prices are there for what is in it."""

from datetime import date

import pytest

from curation.errors import TaskError, TermsConflict
from curation.llm.families import family_of, plain_name, related
from curation.llm.prices import price_at, price_of
from curation.llm.terms_registry import USES, require_terms, terms_of
from curation.records import Message, Request, Usage
from curation.task import Task


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("gpt-4o-2024-08-06", "gpt"),
        ("openai/gpt-5-mini", "gpt"),
        ("us.anthropic.claude-3-5-sonnet-20241022-v2:0", "claude"),
        ("claude-sonnet-4-5-20250929", "claude"),
        ("models/gemini-2.5-flash-preview-09-2025", "gemini"),
        ("meta-llama/Llama-3.3-70B-Instruct", "llama"),
        ("Qwen/Qwen3-8B", "qwen"),
        ("alder-large", "alder"),
        ("text-davinci-003", "gpt"),
    ],
)
def test_a_model_is_known_by_its_many_names(model, family):
    found = family_of(model)
    assert found is not None
    assert found.name == family


@pytest.mark.parametrize("model", ["my-gpt-4o-clone", "not-llama", "qwen", "gpt-9"])
def test_a_name_that_only_contains_a_known_one_is_unknown(model):
    assert family_of(model) is None
    assert related(family_of(model), family_of("gpt-4o")) == "unknown"


@pytest.mark.parametrize(
    ("a", "b", "relation"),
    [
        ("gpt-4o", "gpt-4o-2024-05-13", "same"),
        ("gpt-4o", "o3", "family"),
        ("deepseek-r1-distill-qwen-7b", "deepseek-chat", "inheritance"),
        ("deepseek-r1-distill-qwen-7b", "qwen3-8b", "family"),
        ("phi-4", "gpt-4o", "inheritance"),
        ("zephyr-7b-beta", "phi-4", "inheritance"),
        ("claude-opus-5", "gpt-5", "none"),
        ("alder-large", "birch-small", "none"),
    ],
)
def test_relations_hold_in_both_directions(a, b, relation):
    assert related(family_of(a), family_of(b)) == relation
    assert related(family_of(b), family_of(a)) == relation


def test_a_family_given_by_hand_must_exist_and_may_not_contradict_the_table():
    assert family_of("our-own-7b", "llama").name == "llama"
    with pytest.raises(TaskError, match="no family 'lama'"):
        family_of("our-own-7b", "lama")
    with pytest.raises(TaskError, match="is of the family 'gpt'"):
        family_of("gpt-4o", "claude")


def test_the_price_of_a_day_is_the_last_one_set_before_it():
    assert price_of("openai", "o3", date(2025, 5, 1)).output == 40
    assert price_of("openai", "o3-2025-04-16", date(2025, 7, 1)).output == 8
    assert price_of("openai", "o3", date(2024, 1, 1)) is None
    assert price_of("anthropic", "claude-haiku-5-5", date(2026, 11, 1)) is None


def test_a_host_is_billed_as_its_vendor_and_a_model_nobody_sells_is_free_on_this_machine():
    day = date(2026, 1, 1)
    assert price_at("api.openai.com", "gpt-4o-mini", day).input == 0.15
    assert price_at("127.0.0.1:4000", "gpt-4o-mini", day).input == 0.15
    assert price_at("localhost:8080", "our-own-7b", day).input == 0
    assert price_at("api.example.com", "our-own-7b", day) is None
    assert price_at("api.deepseek.com", "gpt-4o-mini", day) is None


def test_a_reply_costs_its_tokens_with_cached_ones_at_their_own_price():
    price = price_of("openai", "gpt-4o-mini", date(2026, 1, 1))
    usage = Usage(input=1_000_000, cached_input=400_000, output=100_000)
    assert price.cost(usage) == pytest.approx(0.6 * 0.15 + 0.4 * 0.075 + 0.1 * 0.60)
    assert price.cost(Usage(output=5)) is None


def test_the_most_a_request_can_cost_bounds_what_it_does_cost():
    price = price_of("openai", "gpt-4o-mini", date(2026, 1, 1))
    text = "äöü €" * 1000
    request = Request(
        provider="openai", host="h", api_version="1", model="gpt-4o-mini",
        messages=(Message(role="user", content=text),), params={"max_tokens": 100},
    )  # fmt: skip
    worst = Usage(input=len(text.encode()) + 20, output=100)
    assert price.most(request) >= price.cost(worst)


def task_with(use: str, model: str, provider: str = "openai") -> Task:
    return Task.model_validate(
        {"task": {"name": "t", "use": use}, "teachers": [{"name": "t", "use": provider, "model": model}]}
    )


def test_terms_that_forbid_the_stated_use_stop_before_the_first_call():
    with pytest.raises(TermsConflict, match=r"gpt-4o.*openai\.com"):
        require_terms(task_with("competing-model", "gpt-4o"))
    require_terms(task_with("narrow-model", "claude-sonnet-5"))
    require_terms(task_with("competing-model", "alder-large", "practice"))
    with pytest.raises(TaskError, match="did you mean 'narrow-model'"):
        require_terms(task_with("narow-model", "gpt-4o"))


def test_every_line_of_families_has_terms_that_say_something_about_every_use():
    for model in ("gpt-4o", "claude-opus-5", "gemini-3-pro", "llama-3.1-8b-instruct", "qwen3-8b", "never-heard-of"):
        terms = terms_of("openai", model)
        assert {terms.allows(use) for use in USES} <= {"yes", "no", "unknown"}
    assert terms_of("openai", "never-heard-of").id == "unknown"
    assert plain_name("gpt-4o-latest") == "gpt-4o"
