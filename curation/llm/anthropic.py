"""Anthropic's Messages API, at Anthropic or at any base_url that speaks it.

The SDK never retries here. Since API version 2026-10-21 there is no temperature, top_p or top_k, no log-probabilities
and no seed: variety between samples comes from varied prompts. The version is pinned, because it is part of the
request key and an SDK upgrade must not buy every reply again.
"""

import json
from collections.abc import Mapping
from typing import Any, cast

import anthropic
import httpx2

from curation.errors import AskFailed
from curation.llm.limits import Pace
from curation.llm.openai import CONNECT_SECONDS, connection_failed, lower, named
from curation.llm.protocol import Wire, address, host_of, key_for, kind_of, one_line, read_wire, retry_after, words_of
from curation.records import Message, Reply, Request, Stop, ToolCall, Usage
from curation.task import Environment, ModelTable

HOME = "https://api.anthropic.com"
API_VERSION = "2026-10-21"
ENFORCED = frozenset(
    {"$defs", "$ref", "type", "anyOf", "allOf", "enum", "const", "title", "description", "properties", "required",
     "additionalProperties", "items"}
)  # fmt: skip
"""What this API enforces of a JSON schema; it answers 400 to the rest."""
GONE = frozenset({"temperature", "top_p", "top_k"})
"""Parameters this version answers with 400; in a batch only hours later, and for every row."""
MOST_TOKENS = 21_333
"""Above this the SDK insists on streaming, which would tear a reply in two on a broken line."""


class Anthropic:
    """One model behind the Messages API; `sampled` puts a sample's index into the body."""

    def __init__(
        self,
        client: anthropic.AsyncAnthropic,
        *,
        host: str,
        name: str = "anthropic",
        key: str | None = None,
        sampled: bool = False,
    ) -> None:
        self.name = name
        self.host = host
        self.api_version = API_VERSION
        self.pace = Pace()
        self.client = client
        self._key = key
        self._sampled = sampled

    async def ask(self, request: Request, attempt: int, wire: str) -> Reply:
        """One attempt; AskFailed says how it failed."""
        body = self.body(request)
        headers = {"x-client-request-id": wire} | ({"x-stillhouse-attempt": str(attempt)} if self._sampled else {})
        create = self.client.messages.with_raw_response.create
        try:
            raw = await create(**named(self.client.messages.create, body), extra_headers=headers)
            text = await raw.text()
        except anthropic.APIStatusError as error:
            raise self._refused(error) from None
        except anthropic.APITimeoutError:
            raise AskFailed("timeout", f"{self.host} gave no answer in time") from None
        except anthropic.APIConnectionError as error:
            raise connection_failed(self.host, error.__cause__) from None
        self.pace.heard(lower(raw.headers))
        return read_message(request, text, self.host)

    def body(self, request: Request) -> dict[str, Any]:
        """What is posted for a request."""
        body = messages_body(request)
        if self._sampled and request.index:
            body["metadata"] = {"user_id": f"sample-{request.index}"}
        return body

    def _refused(self, error: anthropic.APIStatusError) -> AskFailed:
        self.pace.heard(lower(error.response.headers))
        message, _, type_ = words_of(error.response.text)
        return AskFailed(
            kind_of(error.status_code, error.error_code, type_),
            f"{error.status_code} {one_line(message, self._key)}",
            status=error.status_code,
            retry_after=retry_after(lower(error.response.headers)),
        )

    async def close(self) -> None:
        """Give back the connections."""
        await self.client.close()


def open_model(model: ModelTable, environment: Environment) -> Anthropic:
    """The provider of a task.toml table; the usual key goes to Anthropic's own host alone."""
    key = key_for(model, environment, usual="ANTHROPIC_API_KEY", home="api.anthropic.com")
    return Anthropic(client_for(model.base_url or HOME, key, model.timeout), host=address(model).host, key=key)


def client_for(base_url: str, key: str | None, timeout: float, *, local: bool = False) -> anthropic.AsyncAnthropic:
    """The SDK's client without retries; other hosts than Anthropic's also get the older `x-api-key`."""
    headers = {"anthropic-version": API_VERSION}
    if host_of(base_url) != host_of(HOME):
        headers["x-api-key"] = key or "none"
    return anthropic.AsyncAnthropic(
        api_key=key or "none",
        base_url=base_url,
        max_retries=0,
        timeout=httpx2.Timeout(timeout, connect=min(CONNECT_SECONDS, timeout)),
        default_headers=headers,
        http_client=anthropic.DefaultAsyncHttpxClient(trust_env=False) if local else None,
    )


# --- what is sent ----------------------------------------------------------------------------------------------


def messages_body(request: Request) -> dict[str, Any]:
    """The body of a message; system messages go where this API wants them."""
    params = dict(request.params)
    if gone := sorted(GONE & params.keys()):
        words = f"{', '.join(gone)} does not exist in version {API_VERSION} of this API; take it out of params, and "
        raise AskFailed("invalid_parameter", words + "vary the prompts or ask for candidates to get other answers")
    length = params.get("max_tokens")
    if isinstance(length, int) and length > MOST_TOKENS:
        raise AskFailed("invalid_parameter", f"max_tokens {length} is above {MOST_TOKENS}, which would need streaming")
    body: dict[str, Any] = {"model": request.model, "messages": _turns(request.messages)}
    if system := "\n\n".join(m.content for m in request.messages if m.role == "system"):
        body["system"] = system
    if request.answer_schema is not None:
        given = params.pop("output_config", None)
        schema = {"format": {"type": "json_schema", "schema": enforceable(request.answer_schema)}}
        body["output_config"] = {**(given if isinstance(given, dict) else {}), **schema}
    if request.tools:
        body["tools"] = [_tool(t) for t in request.tools]
    return body | params


def enforceable(schema: Any) -> Any:
    """A schema as this API takes it: limits it cannot enforce (numbers, lengths, counts, patterns) become words.

    >>> enforceable({"type": "integer", "minimum": 1, "description": "Stars."})
    {'type': 'integer', 'description': 'Stars. {"minimum": 1}'}
    """
    if isinstance(schema, list):
        return [enforceable(inner) for inner in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    given = cast("dict[str, Any]", schema)
    kept = {k: _inner(k, v) for k, v in given.items() if k in ENFORCED}
    rest = {k: v for k, v in given.items() if k not in ENFORCED}
    if rest:
        kept["description"] = f"{kept.get('description', '')} {json.dumps(rest)}".strip()
    return kept


def _inner(keyword: str, value: Any) -> Any:
    """What stands under a keyword: schemas by name, one schema or several, or plain values."""
    if keyword in ("properties", "$defs"):
        return {name: enforceable(inner) for name, inner in value.items()}
    return enforceable(value) if keyword in ("items", "anyOf", "allOf") else value


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    """A tool as the other wire formats write it, with this one's name for its schema."""
    renamed = {k: v for k, v in tool.items() if k not in ("parameters", "strict")}
    return {**renamed, "input_schema": tool.get("parameters") or {"type": "object"}}


def _turns(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    return [_turn(m) for m in messages if m.role != "system"]


def _turn(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        result = {"type": "tool_result", "tool_use_id": message.tool_call_id, "content": message.content}
        return {"role": "user", "content": [result]}
    if not message.tool_calls:
        return {"role": message.role, "content": message.content}
    calls = [
        {"type": "tool_use", "id": c.id, "name": c.name, "input": _arguments(c.arguments)} for c in message.tool_calls
    ]
    spoken = [{"type": "text", "text": message.content}] if message.content else []
    return {"role": message.role, "content": [*spoken, *calls]}


def _arguments(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise AskFailed(
            "invalid_parameter", f"a tool call in the prompt has arguments that are not JSON: {error}"
        ) from None


# --- what comes back -------------------------------------------------------------------------------------------


class _Block(Wire):
    type: str
    text: str | None = None
    thinking: str | None = None
    id: str = ""
    name: str = ""
    input: dict[str, Any] | None = None


class _Tokens(Wire):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    service_tier: str | None = None


class _Message(Wire):
    id: str = ""
    type: str
    model: str = ""
    content: tuple[_Block, ...]
    stop_reason: str | None = None
    usage: _Tokens | None = None


STOPS: dict[str | None, Stop] = {
    "end_turn": "end", "stop_sequence": "end", "max_tokens": "length", "model_context_window_exceeded": "length",
    "refusal": "refusal", "tool_use": "tool_call",
}  # fmt: skip


def read_message(request: Request, text: str, host: str) -> Reply:
    """The reply in a message's body."""
    message = read_wire(_Message, text, host)
    if message.type != "message":
        raise AskFailed("unreadable", f"{host} answered with a {message.type!r}, not a message")
    calls = [b for b in message.content if b.type == "tool_use"]
    return Reply(
        key=request.key,
        text="".join(b.text or "" for b in message.content if b.type == "text"),
        stop=STOPS.get(message.stop_reason, "other"),
        model=message.model or request.model,
        tool_calls=tuple(ToolCall(name=c.name, arguments=json.dumps(c.input or {}), id=c.id) for c in calls),
        reasoning="\n".join(b.thinking or "" for b in message.content if b.type == "thinking") or None,
        usage=_usage(message.usage or _Tokens()),
        provider_id=message.id,
        tier=message.usage.service_tier if message.usage else None,
    )


def _usage(tokens: _Tokens) -> Usage:
    """Anthropic reports cached input beside the rest; a record counts it within."""
    if tokens.input_tokens is None:
        return Usage(output=tokens.output_tokens)
    cached = tokens.cache_read_input_tokens or 0
    return Usage(
        input=tokens.input_tokens + cached + (tokens.cache_creation_input_tokens or 0),
        output=tokens.output_tokens,
        cached_input=tokens.cache_read_input_tokens,
        cache_write=tokens.cache_creation_input_tokens,
    )
