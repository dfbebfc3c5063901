"""The three wire formats as replies: what a practice model says, as the body the wire's SDK expects."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from curation.llm.practice.billing import Spent
from curation.llm.practice.profiles import Wire
from curation.llm.practice.reading import Asked
from curation.llm.practice.spoiling import Said

CREATED = 1_760_000_000  # a reply is a function of its request, so its time is a constant
TOKEN = re.compile(r"\s*\w{1,12}|\s*[^\w\s]{1,3}|\s+")


@dataclass(frozen=True)
class Spoken:
    """One reply in tokens, cut at the limit."""

    said: Said
    tokens: list[str]
    thought: int
    """Hidden reasoning tokens, which count towards the limit."""


def write(wire: Wire, asked: Asked, saids: Sequence[Said], name: str) -> tuple[dict[str, Any], Spent]:
    """The body of a 200 and what it used; `name` is unique to the request and becomes the reply's id."""
    spoken = [_cut(asked, said) for said in saids]
    thought = sum(s.thought for s in spoken)
    spent = Spent(asked.input_tokens, sum(len(s.tokens) for s in spoken) + thought, asked.cached_tokens, thought)
    return _WRITERS[wire](asked, spoken, name, spent), spent


def _cut(asked: Asked, said: Said) -> Spoken:
    thought = min(said.reasoning, asked.limit)
    tokens, room = _tokens(said), asked.limit - thought
    if len(tokens) > room:
        tokens = tokens[:room]
        said = replace(said, text="".join(tokens), stop="length")
    return Spoken(said, tokens, thought)


def _tokens(said: Said) -> list[str]:
    """The text in tokens; the label that probabilities are about is one token."""
    if not said.label:
        return TOKEN.findall(said.text)
    at = said.label_at if said.text.startswith(said.label, said.label_at) else said.text.find(said.label)
    if at < 0:
        return TOKEN.findall(said.text)
    end = at + len(said.label)
    return [*TOKEN.findall(said.text[:at]), said.label, *TOKEN.findall(said.text[end:])]


def _chat(asked: Asked, spoken: Sequence[Spoken], name: str, spent: Spent) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{name}",
        "object": "chat.completion",
        "created": CREATED,
        "model": asked.model,
        "choices": [_choice(asked, s, i) for i, s in enumerate(spoken)],
        "usage": {
            "prompt_tokens": spent.input,
            "completion_tokens": spent.output,
            "total_tokens": spent.input + spent.output,
            "prompt_tokens_details": {"cached_tokens": spent.cached, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": spent.reasoning, "audio_tokens": 0},
        },
        "service_tier": asked.tier,
        "system_fingerprint": "fp_practice",
    }


def _choice(asked: Asked, spoken: Spoken, index: int) -> dict[str, Any]:
    said = spoken.said
    refused = said.stop == "refusal"
    message = {
        "role": "assistant",
        "content": None if refused else said.text,
        "refusal": said.text if refused else None,
        "annotations": [],
    }
    with_logprobs = asked.top >= 0 and not refused
    return {
        "index": index,
        "message": message,
        "logprobs": {"content": _logprobs(spoken, asked.top), "refusal": None} if with_logprobs else None,
        "finish_reason": "length" if said.stop == "length" else "stop",
    }


def _responses(asked: Asked, spoken: Sequence[Spoken], name: str, spent: Spent) -> dict[str, Any]:
    said = spoken[0].said
    cut_short = said.stop == "length"
    content: dict[str, Any] = {"type": "output_text", "text": said.text, "annotations": []}
    content["logprobs"] = [] if asked.top < 0 else _logprobs(spoken[0], asked.top)
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
            "input_tokens": spent.input,
            "input_tokens_details": {"cached_tokens": spent.cached, "cache_write_tokens": 0},
            "output_tokens": spent.output,
            "output_tokens_details": {"reasoning_tokens": spent.reasoning},
            "total_tokens": spent.input + spent.output,
        },
    } | ({"service_tier": asked.tier} if asked.tier_asked else {})


def _message(asked: Asked, spoken: Sequence[Spoken], name: str, spent: Spent) -> dict[str, Any]:
    said = spoken[0].said
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
            "input_tokens": spent.input - spent.cached,
            "output_tokens": spent.output,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": spent.cached,
            "service_tier": asked.tier,
        },
    }


_WRITERS = {"openai-chat": _chat, "openai-responses": _responses, "anthropic": _message}


def _logprobs(spoken: Spoken, top: int) -> list[dict[str, Any]]:
    said = spoken.said
    return [
        _label_logprobs(token, said, top) if token == said.label else _logprob(token, -0.02, [(token, -0.02)][:top])
        for token in spoken.tokens
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
