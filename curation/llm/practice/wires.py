"""The three wire formats: what was asked, read from a body; what is said, as the body its SDK expects."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from curation.llm.practice.profiles import Wire
from curation.llm.practice.spoiling import Said

Purpose = Literal["answer", "verdict", "rewording"]
PATHS: dict[str, Wire] = {
    "/v1/chat/completions": "openai-chat",
    "/chat/completions": "openai-chat",
    "/v1/responses": "openai-responses",
    "/responses": "openai-responses",
    "/v1/messages": "anthropic",
}
DEFAULT_LIMIT = 512
CREATED = 1_760_000_000  # a reply is a function of its request, so its time is a constant
TOKEN = re.compile(r"\s*\w{1,12}|\s*[^\w\s]{1,3}|\s+")
LAST_LINES: dict[Purpose, frozenset[str]] = {
    "verdict": frozenset({"nonce", "prompt", "answer"}),
    "rewording": frozenset({"text", "style", "variant"}),
}


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
    text: str
    """The last user message."""
    purpose: Purpose
    limit: int
    index: int
    top: int
    """Alternatives wanted per token; -1: no log-probabilities."""
    schema: dict[str, Any]
    input_tokens: int

    def last_line(self) -> dict[str, Any]:
        """The JSON object in the last line of the message, as judges and rewording requests carry it."""
        return _object(self.text.rstrip().rpartition("\n")[2])


def read(wire: Wire, body: dict[str, Any]) -> Asked:
    """What a body asks; BadBody where the real service would refuse it."""
    model, turns = body.get("model"), _turns(wire, body)
    if not isinstance(model, str) or not turns:
        missing = "messages" if isinstance(model, str) else "model"
        raise BadBody(f"you must provide the parameter {missing!r}", param=missing)
    _check_numbers(wire, body)
    name, schema = _schema(wire, body)
    text = next((t for role, t in reversed(turns) if role == "user"), "")
    tokens = sum(len(t) for _, t in turns) // 4 + 3 * len(turns)
    if tokens > 32_000:
        raise BadBody(f"prompt is too long: {tokens} tokens > 32000 maximum", "context_length_exceeded", "messages")
    return Asked(
        model, text, _purpose(name, schema, text), _limit(wire, body), _index(body), _top(wire, body), schema, tokens
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


def _check_numbers(wire: Wire, body: dict[str, Any]) -> None:
    ceiling = 1.0 if wire == "anthropic" else 2.0
    temperature = body.get("temperature")
    if temperature is not None and not (isinstance(temperature, int | float) and 0 <= temperature <= ceiling):
        raise BadBody(f"temperature: {temperature!r} is not between 0 and {ceiling:g}", param="temperature")
    if wire == "anthropic" and not isinstance(body.get("max_tokens"), int):
        raise BadBody("max_tokens: Field required", param="max_tokens")
    if _limit(wire, body) < 1:
        raise BadBody("the token limit must be at least 1", "integer_below_min_value", "max_tokens")
    if body.get("stream"):
        raise BadBody("the practice server does not stream", "unsupported_value", "stream")
    if _top(wire, body) > 20:
        raise BadBody("top_logprobs: at most 20", "integer_above_max_value", "top_logprobs")


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


def _purpose(name: str, schema: dict[str, Any], text: str) -> Purpose:
    """By the schema's title; without any schema by the shape of the last line."""
    lower = name.lower()
    for purpose, keys in LAST_LINES.items():
        if lower == purpose:
            return purpose
        if not schema and keys <= _object(text.rstrip().rpartition("\n")[2]).keys():
            return purpose
    return "answer"


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _object(line: str) -> dict[str, Any]:
    if not line.startswith("{"):
        return {}
    try:
        return _dict(json.loads(line))
    except ValueError:
        return {}


# --- what is said ------------------------------------------------------------------------------------------------


def write(wire: Wire, asked: Asked, said: Said, name: str) -> dict[str, Any]:
    """The body of a 200, cut at the token limit; `name` is unique to the request and becomes the reply's id."""
    tokens = _tokens(said)
    if len(tokens) > asked.limit:
        tokens = tokens[: asked.limit]
        said = replace(said, text="".join(tokens), stop="length")
    return _WRITERS[wire](asked, said, name, tokens)


def _tokens(said: Said) -> list[str]:
    """The text in tokens; the label that probabilities are about is one token."""
    at = said.text.find(said.label) if said.label else -1
    if at < 0 or said.label is None:
        return TOKEN.findall(said.text)
    end = at + len(said.label)
    return [*TOKEN.findall(said.text[:at]), said.label, *TOKEN.findall(said.text[end:])]


def _chat(asked: Asked, said: Said, name: str, tokens: list[str]) -> dict[str, Any]:
    refused = said.stop == "refusal"
    message = {
        "role": "assistant",
        "content": None if refused else said.text,
        "refusal": said.text if refused else None,
        "annotations": [],
    }
    logprobs = None if asked.top < 0 or refused else {"content": _logprobs(said, tokens, asked.top), "refusal": None}
    return {
        "id": f"chatcmpl-{name}",
        "object": "chat.completion",
        "created": CREATED,
        "model": asked.model,
        "choices": [
            {
                "index": 0,
                "message": message,
                "logprobs": logprobs,
                "finish_reason": "length" if said.stop == "length" else "stop",
            }
        ],
        "usage": {
            "prompt_tokens": asked.input_tokens,
            "completion_tokens": len(tokens),
            "total_tokens": asked.input_tokens + len(tokens),
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        },
        "service_tier": "default",
        "system_fingerprint": "fp_practice",
    }


def _responses(asked: Asked, said: Said, name: str, tokens: list[str]) -> dict[str, Any]:
    cut_short = said.stop == "length"
    content: dict[str, Any] = {"type": "output_text", "text": said.text, "annotations": []}
    content["logprobs"] = [] if asked.top < 0 else _logprobs(said, tokens, asked.top)
    if said.stop == "refusal":
        content = {"type": "refusal", "refusal": said.text}
    status = "incomplete" if cut_short else "completed"
    message = {"type": "message", "id": f"msg_{name}", "role": "assistant", "status": status, "content": [content]}
    return {
        "id": f"resp_{name}",
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if cut_short else None,
        "instructions": None,
        "metadata": {},
        "model": asked.model,
        "output": [message],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": {
            "input_tokens": asked.input_tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": len(tokens),
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": asked.input_tokens + len(tokens),
        },
    }


def _message(asked: Asked, said: Said, name: str, tokens: list[str]) -> dict[str, Any]:
    refused = said.stop == "refusal"
    stop = {"end": "end_turn", "length": "max_tokens", "refusal": "refusal"}[said.stop]
    return {
        "id": f"msg_{name}",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": [{"type": "text", "text": said.text}],
        "stop_reason": stop,
        "stop_details": {"type": "refusal", "category": None, "explanation": said.text} if refused else None,
        "stop_sequence": None,
        "usage": {
            "input_tokens": asked.input_tokens,
            "output_tokens": len(tokens),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "service_tier": "standard",
        },
    }


_WRITERS = {"openai-chat": _chat, "openai-responses": _responses, "anthropic": _message}


def _logprobs(said: Said, tokens: Sequence[str], top: int) -> list[dict[str, Any]]:
    return [
        _label_logprobs(token, said, top) if token == said.label else _logprob(token, -0.02, [(token, -0.02)][:top])
        for token in tokens
    ]


def _label_logprobs(token: str, said: Said, top: int) -> dict[str, Any]:
    ranked = sorted((said.probabilities or {}).items(), key=lambda pair: -pair[1])
    logs = [(label, round(math.log(p), 6)) for label, p in ranked]
    own = next((log for label, log in logs if label == token), -0.02)
    return _logprob(token, own, logs[:top])


def _logprob(token: str, value: float, top: Sequence[tuple[str, float]]) -> dict[str, Any]:
    alternatives = [{"token": t, "logprob": v, "bytes": list(t.encode())} for t, v in top]
    return {"token": token, "logprob": value, "bytes": list(token.encode()), "top_logprobs": alternatives}


# --- what goes wrong -----------------------------------------------------------------------------------------------

ANTHROPIC_TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 404: "not_found_error",
    429: "rate_limit_error", 500: "api_error", 504: "timeout_error", 529: "overloaded_error",
}  # fmt: skip
OPENAI_TYPES = {400: "invalid_request_error", 401: "invalid_request_error", 404: "invalid_request_error",
                429: "requests", 500: "server_error", 503: "server_error", 504: "server_error"}  # fmt: skip


def refuse(wire: Wire, status: int, message: str, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """The body of an error, as the wire's SDK expects it."""
    if wire == "anthropic":
        return {"type": "error", "error": {"type": ANTHROPIC_TYPES[status], "message": message}, "request_id": None}
    kind = code if code == "insufficient_quota" else OPENAI_TYPES[status]
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
