"""The many names of one model: hosts, tags, dates and quantisations are read off its ends, never searched for words."""

import re
from collections.abc import Iterator
from typing import NamedTuple


class Spelling(NamedTuple):
    """One way to look a model up: `key` is what a table may list, `model` names the model itself.

    A quantisation, a date or a host makes no other model, so `model`, for people to read, goes without them; `tuned`
    where the name says that it is a fine-tune of the model it names.
    """

    key: str
    model: str
    tuned: bool = False


def plain_name(model: str) -> str:
    """A model's name as price lists have it: without its organisation, its date and `-latest`, in lower case.

    >>> plain_name("openai/gpt-4o-2024-08-06"), plain_name("claude-sonnet-4-5-20250929"), plain_name("Qwen/Qwen3-8B")
    ('gpt-4o', 'claude-sonnet-4-5', 'qwen3-8b')
    """
    name = model.lower().rsplit("/", 1)[-1]
    name = re.sub(r"^((us|eu|apac|global)\.)?(anthropic|meta|mistral|amazon|cohere|deepseek)\.", "", name)  # Bedrock
    name = re.sub(r"(-v\d+)?:\d+$", "", name)
    return re.sub(r"[-@](20\d{6}|20\d\d-\d\d-\d\d|latest|preview-\d\d-\d\d(?:-20\d\d)?|preview-\d\d-20\d\d)$", "", name)


def name_key(name: str) -> str:
    """A name with its parts set apart in one way, whoever wrote it.

    >>> name_key("llama3.1:8b"), name_key("Llama-3.1-8B"), name_key("llama-v3p1-8b"), name_key("claude-3.5-sonnet")
    ('llama-3-1-8b', 'llama-3-1-8b', 'llama-3-1-8b', 'claude-3-5-sonnet')
    """
    parted = re.sub(r"(?<=[a-z])(?=\d)", "-", re.sub(r"(?<=\d)p(?=\d)", ".", name.lower()))
    return re.sub(r"(?:^|(?<=-))v-(?=\d)", "", re.sub(r"[-_.:@+\s]+", "-", parted))


def spellings(model: str) -> Iterator[Spelling]:
    """What a table may list a model under: its name first, then with less and less of what only qualifies it.

    >>> [s.key for s in spellings("TheBloke/Mistral-7B-Instruct-v0.2-GGUF")][:3]
    ['mistral-7b-instruct-0-2-gguf', 'mistral-7b-instruct-0-2', 'mistral-7b-instruct']
    """
    hosted, tuned = _unhosted(model)
    for name in _beginnings(hosted):
        *longer, itself = _peeled(name, _SAME)
        yield from (Spelling(name_key(less), itself, tuned) for less in (*longer, *_peeled(itself, _QUALIFIER)))


def _unhosted(model: str) -> tuple[str, bool]:
    """A name without paths, ARNs, organisations and regions; and whether it is said to be a fine-tune."""
    path = model.strip().lower().rstrip("/")
    tuned = _TUNED.search(path)
    name = next(part for part in tuned.groups() if part) if tuned else path
    name = name.rsplit("/", 1)[-1].rsplit("--", 1)[-1]
    return _REGION.sub("", name), tuned is not None


def _beginnings(name: str) -> Iterator[str]:
    """The name, then without each provider, vendor or maker before it, one by one."""
    yield name
    while (shorter := _BEFORE.sub("", name)) != name:
        name = shorter
        yield name


def _peeled(name: str, end: re.Pattern[str]) -> Iterator[str]:
    """The name, then without its last qualifier, then without the one before, as far as they are known."""
    yield name
    while (shorter := end.sub("", name)) != name and shorter:
        name = shorter
        yield name


_TUNED = re.compile(
    r"(?:^|/)ft:([^:]+)"  # ft:gpt-4o-mini-2024-07-18:org::id
    r"|custom-model/([^/]+)"  # a Bedrock ARN
    r"|(?:^|/)([^/]+)\.ft-[0-9a-z]+"  # Azure: gpt-35-turbo-0125.ft-0e208cf33a6a466994aff31a08aba678
)
_REGION = re.compile(r"^(?:[a-z]{2}|us-gov|apac|global)\.(?=[a-z])")
"""`us.anthropic.claude-...`: a Bedrock inference profile."""
_MAKERS = (
    r"meta|nvidia|cohere|ai21|ibm|databricks|snowflake|microsoft|google|azure|amazon|openai|anthropic|alibaba|zai|fw"
)
_HOSTS = (
    r"openai|anthropic|google|google-gla|google-vertex|vertex|vertex_ai|gemini|bedrock|azure|azureopenai|groq|mistral|"
    r"mistralai|cohere|together|togetherai|fireworks|openrouter|ollama|huggingface|hf|xai|deepseek|cerebras|moonshotai|"
    r"vllm|replicate|nvidia"
)
_BEFORE = re.compile(
    rf"^(?:(?:{_HOSTS})(?::(?:chat|messages|responses|completion|converse))?:"  # openai:gpt-4o; mistral:7b stays
    r"|[a-z][a-z0-9]*\.(?=[a-z])"  # anthropic.claude-...; deepseek.v3 is looked up whole first
    rf"|(?:{_MAKERS})-)"  # Meta-Llama-3-8B, databricks-claude-sonnet-4
)

_DATE = (
    r"20\d\d[-_.]?\d\d[-_.]?\d\d|20\d\d-\d\d|\d\d-\d\d-20\d\d|(?:0[1-9]|1[0-2])-20\d\d|(?:0[1-9]|1[0-2])-[0-3]\d|"
    r"2\d(?:0[1-9]|1[0-2])[0-3]\d|2\d(?:0[1-9]|1[0-2])|(?:0[1-9]|1[0-2])[0-3]\d"
)
_QUANTISED = (
    r"gguf|ggml|safetensors|awq|gptq|exl[23]|bnb|hqq|mlx|onnx|marlin|imat|i1|qat|dwq|ud|nf4|u?int[48]|w\d+a\d+|"
    r"[2-8]-?bit|\d+(?:\.\d+)?bpw|\d+g|fp(?:4|8|16|32)|f(?:16|32)|bf16|nvfp4|mxfp4|quanti[sz]ed|quant|dynamic|"
    r"actorder(?:_true)?|i?q[1-8](?:_[0-9a-z]+)*"
)
_HOSTED = (
    r"hf|latest|default|free|extended|nitro|floor|online|exacto|maas|tput|reference|cloud|spot|basic|priority|v?\d+:\d+(?::\d+k)?|0\d\d|"
    r"[0-9a-f]{16,}|(?<=:)(?:fireworks-ai|together|groq|cerebras|novita|nebius|sambanova|hyperbolic|replicate|"
    r"hf-inference|nscale|fastest|cheapest|preferred)"
)
_VARIANT = (
    r"instruct|chat|it|base|pt|sft|dpo|rlhf|rlaif|preview|exp|experimental|thinking|think|non-reasoning|reasoning|alpha|beta|"
    r"v\d+(?:[.p]\d+)*|[ae]?\d+(?:[.p]\d+)?[bmkt]|\d+x\d+(?:\.\d+)?b|\d+e|nano|micro|tiny|mini|small|medium|large|xx?l|"
    r"lite|flash|plus|pro|max|turbo|ultra|fast|highspeed|lightning|vision|text|instant|versatile|uncased|cased|lora|"
    r"customtools"
)
_SAME = re.compile(rf"[-_.:@](?:{_DATE}|{_QUANTISED}|{_HOSTED})$")
_QUALIFIER = re.compile(rf"[-_.:@](?:{_DATE}|{_QUANTISED}|{_HOSTED}|{_VARIANT})$")
