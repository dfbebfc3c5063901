"""The three wire formats as questions: what a body asks of a practice model, or why a real service would refuse it."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from curation.llm.practice.profiles import Wire

Purpose = Literal["answer", "verdict", "rewording", "rationale", "confidence", "candidates", "critique"]
PATHS: dict[str, Wire] = {
    "/v1/chat/completions": "openai-chat",
    "/chat/completions": "openai-chat",
    "/v1/responses": "openai-responses",
    "/responses": "openai-responses",
    "/v1/messages": "anthropic",
    "/compat/v1/chat/completions": "openai-chat",
}
DEFAULT_LIMIT = 512
CONTEXT = 32_000
CACHEABLE = 1024
"""A shorter system prompt is never cached; cached tokens come in blocks of 128."""
LAST_LINES: dict[Purpose, frozenset[str]] = {
    "verdict": frozenset({"nonce", "prompt"}),
    "rewording": frozenset({"text", "style", "variant"}),
}
WRAPPERS: tuple[Purpose, ...] = ("rationale", "confidence", "candidates", "critique")
PURPOSES: dict[str, Purpose] = {purpose: purpose for purpose in (*WRAPPERS, *LAST_LINES)}
NO_LONGER = ("temperature", "top_p", "top_k")
"""Refused on the Anthropic wire since its API version 2026-10-21, whatever their value."""


class BadBody(Exception):
    """A body the real service would refuse with 400; `code` is its error code."""

    def __init__(self, message: str, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


@dataclass(frozen=True)
class Asked:
    """One request as the practice models understand it."""

    model: str
    turns: tuple[tuple[str, str], ...]
    """(role, words), the system prompt first."""
    purpose: Purpose
    limit: int
    index: int
    top: int
    """Alternatives wanted per token; -1: no log-probabilities."""
    schema: dict[str, Any]
    input_tokens: int
    cached_tokens: int = 0
    n: int = 1
    tier: str = "default"
    tier_asked: bool = False

    @cached_property
    def text(self) -> str:
        """The last user message."""
        return next((t for role, t in reversed(self.turns) if role == "user"), "")

    def last_line(self) -> dict[str, Any]:
        """The JSON object in the last line of the message, as judges and rewording requests carry it."""
        return object_of(self.text.rstrip().rpartition("\n")[2])


def read(wire: Wire, body: dict[str, Any], *, drops: Sequence[str] = (), caches: bool = False) -> Asked:
    """What a body asks; BadBody where the real service would refuse it.

    `drops` are the parameters this server silently ignores; `caches`: long system prompts are cached input.
    """
    model, turns = body.get("model"), _turns(wire, body)
    if not isinstance(model, str) or not turns:
        missing = "messages" if isinstance(model, str) else "model"
        raise BadBody(f"you must provide the parameter {missing!r}", param=missing)
    _check_numbers(wire, body)
    name, schema = _schema(wire, body)
    tokens = sum(len(t) for _, t in turns) // 4 + 3 * len(turns)
    if tokens > CONTEXT:
        raise BadBody(f"prompt is too long: {tokens} tokens > {CONTEXT} maximum", "context_length_exceeded", "messages")
    tier = body.get("service_tier")
    return Asked(
        model=model,
        turns=tuple(turns),
        purpose=_purpose(name, schema, turns),
        limit=_limit(wire, body),
        index=_index(body),
        top=-1 if "logprobs" in drops else _top(wire, body),
        schema=schema,
        input_tokens=tokens,
        cached_tokens=_cached(turns) if caches else 0,
        n=1 if "n" in drops else body.get("n") or 1,
        tier="standard" if wire == "anthropic" else "flex" if tier == "flex" else "default",
        tier_asked=tier is not None,
    )


def _turns(wire: Wire, body: dict[str, Any]) -> list[tuple[str, str]]:
    given: Any = body.get("input" if wire == "openai-responses" else "messages")
    if isinstance(given, str):
        return [("user", given)]
    if not isinstance(given, list):
        return []
    turns = [(str(m.get("role", "")), _plain(m.get("content"))) for m in given if isinstance(m, dict)]
    system = body.get("instructions" if wire == "openai-responses" else "system")
    return ([("system", _plain(system))] if system else []) + turns


def _plain(content: Any) -> str:
    if isinstance(content, list):
        return "".join(str(p.get("text", "")) for p in content if isinstance(p, dict))
    return content if isinstance(content, str) else ""


def _cached(turns: Sequence[tuple[str, str]]) -> int:
    role, words = turns[0]
    tokens = len(words) // 4
    return tokens // 128 * 128 if role in ("system", "developer") and tokens >= CACHEABLE else 0


def _check_numbers(wire: Wire, body: dict[str, Any]) -> None:
    if wire == "anthropic":
        _check_anthropic(body)
    temperature = body.get("temperature")
    if temperature is not None and not (isinstance(temperature, int | float) and 0 <= temperature <= 2):
        raise BadBody(f"temperature: {temperature!r} is not between 0 and 2", param="temperature")
    if _limit(wire, body) < 1:
        raise BadBody("the token limit must be at least 1", "integer_below_min_value", "max_tokens")
    if body.get("stream"):
        raise BadBody("the practice server does not stream", "unsupported_value", "stream")
    if _top(wire, body) > 20:
        raise BadBody("top_logprobs: at most 20", "integer_above_max_value", "top_logprobs")
    n = body.get("n")
    if n is not None and (wire != "openai-chat" or not isinstance(n, int) or not 1 <= n <= 128):
        known = wire == "openai-chat"
        raise BadBody("n: not between 1 and 128" if known else "Unknown parameter: 'n'.", "unknown_parameter", "n")


def _check_anthropic(body: dict[str, Any]) -> None:
    gone = next((name for name in NO_LONGER if name in body), None)
    if gone:
        raise BadBody(f"{gone}: no longer supported since API version 2026-10-21", param=gone)
    if not isinstance(body.get("max_tokens"), int):
        raise BadBody("max_tokens: Field required", param="max_tokens")


def _limit(wire: Wire, body: dict[str, Any]) -> int:
    names = {"openai-chat": ("max_completion_tokens", "max_tokens"), "openai-responses": ("max_output_tokens",)}
    given = [body[n] for n in names.get(wire, ("max_tokens",)) if isinstance(body.get(n), int)]
    return given[0] if given else DEFAULT_LIMIT


def _index(body: dict[str, Any]) -> int:
    """Which of n samples this is: `seed`, or the number ending metadata.user_id, metadata.sample or user."""
    if isinstance(seed := body.get("seed"), int):
        return seed
    metadata = body.get("metadata")
    named = metadata if isinstance(metadata, dict) else {}
    for value in (named.get("user_id"), named.get("sample"), body.get("user"), body.get("safety_identifier")):
        if isinstance(value, str) and (found := re.search(r"(\d+)$", value)):
            return int(found[1])
    return 0


def _top(wire: Wire, body: dict[str, Any]) -> int:
    if wire == "anthropic":
        return -1
    wanted = body.get("logprobs") or "message.output_text.logprobs" in (body.get("include") or ())
    return int(body.get("top_logprobs") or 0) if wanted else -1


def _schema(wire: Wire, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    match wire:
        case "openai-chat":
            holder = _dict(_dict(body.get("response_format")).get("json_schema"))
        case "openai-responses":
            holder = _dict(_dict(body.get("text")).get("format"))
        case "anthropic":
            holder = _dict(_dict(body.get("output_config")).get("format"))
    schema = _dict(holder.get("schema"))
    return str(schema.get("title") or holder.get("name") or ""), schema


def _purpose(name: str, schema: dict[str, Any], turns: Sequence[tuple[str, str]]) -> Purpose:
    """By the schema's title; without any schema by the shape of a user turn's last line."""
    plain: Purpose = "answer"
    if name.lower() in PURPOSES or schema:
        return PURPOSES.get(name.lower(), plain)
    for role, words in reversed(turns):
        line = object_of(words.rstrip().rpartition("\n")[2]).keys() if role == "user" else ()
        for purpose, keys in LAST_LINES.items():
            if keys <= set(line):
                return purpose
    return plain


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def object_of(line: str) -> dict[str, Any]:
    """The JSON object a line is; empty where it is none."""
    if not line.startswith("{"):
        return {}
    try:
        return _dict(json.loads(line))
    except ValueError:
        return {}
