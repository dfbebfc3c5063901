"""OpenAI's two wire formats as data: a request as the body that is sent, a body that came back as a reply."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from curation.errors import AskFailed
from curation.llm.protocol import Wire, choices, max_tokens, one_line, read_wire
from curation.records import Alternative, Message, Reply, Request, Stop, TokenLogprob, ToolCall, Usage

# --- what is sent ----------------------------------------------------------------------------------------------


def chat_body(request: Request) -> dict[str, Any]:
    """The body of a chat completion."""
    body: dict[str, Any] = {"model": request.model, "messages": [_chat_message(m) for m in request.messages]}
    if request.answer_schema is not None:
        body["response_format"] = {"type": "json_schema", "json_schema": _named_schema(request.answer_schema)}
    if request.tools:
        body["tools"] = [{"type": "function", "function": t} for t in request.tools]
    return body | request.params


def responses_body(request: Request) -> dict[str, Any]:
    """The body of a response; `store` is off unless the task says otherwise: nothing is left with the provider.

    `stream` is said although off is OpenAI's default: the server of transformers streams unless told not to.
    """
    body: dict[str, Any] = {"model": request.model, "store": False, "stream": False}
    body["input"] = [item for m in request.messages for item in _response_items(m)]
    if request.answer_schema is not None:
        body["text"] = {"format": {"type": "json_schema", **_named_schema(request.answer_schema)}}
    if request.tools:
        body["tools"] = [{"type": "function", "strict": False, **t} for t in request.tools]
    params = dict(request.params)
    if params.pop("logprobs", None):
        body["include"] = ["message.output_text.logprobs"]
    if "max_tokens" in params:
        params["max_output_tokens"] = params.pop("max_tokens")
    return body | params


def _chat_message(message: Message) -> dict[str, Any]:
    turn: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        turn["tool_calls"] = [
            {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}}
            for c in message.tool_calls
        ]
    if message.tool_call_id is not None:
        turn["tool_call_id"] = message.tool_call_id
    return turn


def _response_items(message: Message) -> list[dict[str, Any]]:
    if message.role == "tool":
        return [{"type": "function_call_output", "call_id": message.tool_call_id, "output": message.content}]
    calls = [
        {"type": "function_call", "call_id": c.id, "name": c.name, "arguments": c.arguments} for c in message.tool_calls
    ]
    spoken = [{"role": message.role, "content": message.content}] if message.content or not calls else []
    return [*spoken, *calls]


def _named_schema(schema: Mapping[str, JsonValue]) -> dict[str, Any]:
    return {"name": str(schema.get("title") or "answer"), "schema": dict(schema), "strict": is_strict(schema)}


def is_strict(schema: JsonValue | Mapping[str, JsonValue]) -> bool:
    """Whether a schema is one OpenAI can enforce: every object closed, all its properties required."""
    if isinstance(schema, list):
        return all(is_strict(s) for s in schema)
    if not isinstance(schema, Mapping):
        return True
    properties = schema.get("properties")
    if isinstance(properties, dict):
        required = schema.get("required")
        if schema.get("additionalProperties") is not False or set(properties) != set(_list(required)):
            return False
    return all(is_strict(v) for v in schema.values())


def _list(value: JsonValue) -> list[str]:
    return [str(v) for v in value] if isinstance(value, list) else []


# --- what comes back -------------------------------------------------------------------------------------------


class _Top(Wire):
    token: str
    logprob: float


class _Token(_Top):
    top_logprobs: tuple[_Top, ...] = ()

    def read(self) -> TokenLogprob:
        return TokenLogprob(
            token=self.token, logprob=self.logprob, top=tuple((t.token, t.logprob) for t in self.top_logprobs)
        )


class _Function(Wire):
    name: str
    arguments: str = ""


class _Call(Wire):
    id: str = ""
    function: _Function


class _ChatMessage(Wire):
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    tool_calls: tuple[_Call, ...] | None = None


class _Logprobs(Wire):
    content: tuple[_Token, ...] | None = None


class _Choice(Wire):
    index: int = 0
    message: _ChatMessage
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None

    def read(self) -> Alternative:
        message = self.message
        return Alternative(
            text=message.content or message.refusal or "",
            stop="refusal" if message.refusal else FINISH.get(self.finish_reason, "other"),
            tool_calls=tuple(
                ToolCall(name=c.function.name, arguments=c.function.arguments, id=c.id)
                for c in message.tool_calls or ()
            ),
            logprobs=_tokens(self.logprobs.content if self.logprobs else None),
        )


class _Cached(Wire):
    cached_tokens: int | None = None


class _Reasoning(Wire):
    reasoning_tokens: int | None = None


class _ChatUsage(Wire):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Cached | None = None
    completion_tokens_details: _Reasoning | None = None


class _Chat(Wire):
    id: str = ""
    model: str = ""
    choices: tuple[_Choice, ...]
    usage: _ChatUsage | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None


FINISH: dict[str | None, Stop] = {
    "stop": "end", "length": "length", "tool_calls": "tool_call", "function_call": "tool_call",
    "content_filter": "filtered",
}  # fmt: skip


def read_chat(request: Request, text: str, host: str) -> Reply:
    """The reply in a chat completion's body: the first choice, with the further ones beside it."""
    chat = read_wire(_Chat, text, host)
    if not chat.choices:
        raise AskFailed("unreadable", f"{host} answered without any choice")
    in_order = sorted(chat.choices, key=lambda c: c.index)
    first, *others = read = [choice.read() for choice in in_order]
    spoken = [r.logprobs for r, choice in zip(read, in_order, strict=True) if choice.message.content]
    usage = chat.usage or _ChatUsage()
    return Reply(
        key=request.key,
        text=first.text,
        stop=first.stop,
        model=chat.model or request.model,
        tool_calls=first.tool_calls,
        reasoning=in_order[0].message.reasoning_content,
        logprobs=first.logprobs,
        usage=Usage(
            input=usage.prompt_tokens,
            output=usage.completion_tokens,
            cached_input=usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else None,
            reasoning=usage.completion_tokens_details.reasoning_tokens if usage.completion_tokens_details else None,
        ),
        provider_id=chat.id,
        fingerprint=chat.system_fingerprint,
        tier=chat.service_tier,
        ignored=ignored(request, spoken, len(chat.choices)),
        others=tuple(others),
    )


def ignored(request: Request, spoken: Sequence[tuple[TokenLogprob, ...] | None], received: int) -> tuple[str, ...]:
    """The parameters that the server accepted and then left out, told by what is missing from its answer.

    `spoken` holds the log-probabilities of each choice that has text: a refusal or a tool call has none anywhere.
    """
    params, dropped = request.params, list[str]()
    if params.get("logprobs") and spoken:
        if not any(spoken):
            dropped.append("logprobs")
        elif params.get("top_logprobs") and not any(t.top for tokens in spoken for t in tokens or ()):
            dropped.append("top_logprobs")
    if received < choices(request):
        dropped.append("n")
    return tuple(dropped)


def _tokens(tokens: Sequence[_Token] | None) -> tuple[TokenLogprob, ...] | None:
    return tuple(t.read() for t in tokens) if tokens else None


class _Part(Wire):
    type: str
    text: str | None = None
    refusal: str | None = None
    logprobs: tuple[_Token, ...] | None = None


class _Item(Wire):
    type: str
    content: tuple[_Part, ...] | None = None
    summary: tuple[_Part, ...] | None = None
    name: str | None = None
    arguments: str | None = None
    call_id: str | None = None


class _Reason(Wire):
    reason: str | None = None


class _Error(Wire):
    code: str | None = None
    message: str = ""


class _ResponseUsage(Wire):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _Cached | None = None
    output_tokens_details: _Reasoning | None = None


class _Response(Wire):
    id: str = ""
    model: str = ""
    status: str
    output: tuple[_Item, ...]
    error: _Error | None = None
    incomplete_details: _Reason | None = None
    usage: _ResponseUsage | None = None
    service_tier: str | None = None


def read_response(request: Request, text: str, host: str) -> Reply:
    """The reply in a response's body; a response that failed on their side is asked for again."""
    response = read_wire(_Response, text, host)
    if response.status not in ("completed", "incomplete"):
        said = response.error.message if response.error else ""
        raise AskFailed("server", f"{host} ended the response as {response.status}: {one_line(said, None)}")
    parts = [p for item in response.output if item.type == "message" for p in item.content or ()]
    calls = [item for item in response.output if item.type == "function_call"]
    usage = response.usage or _ResponseUsage()
    tokens = _tokens([t for p in parts for t in p.logprobs or ()])
    thoughts = [
        p.text or "" for i in response.output if i.type == "reasoning" for p in i.summary or i.content or ()
    ]  # a hosted model sums its thoughts up; llama.cpp and other open servers send them whole, as content
    return Reply(
        key=request.key,
        text="".join(p.text or p.refusal or "" for p in parts),
        stop=_stop(request, response, parts, calls),
        model=response.model or request.model,
        tool_calls=tuple(ToolCall(name=c.name or "", arguments=c.arguments or "", id=c.call_id or "") for c in calls),
        reasoning="\n".join(thoughts) or None,
        logprobs=tokens,
        usage=Usage(
            input=usage.input_tokens,
            output=usage.output_tokens,
            cached_input=usage.input_tokens_details.cached_tokens if usage.input_tokens_details else None,
            reasoning=usage.output_tokens_details.reasoning_tokens if usage.output_tokens_details else None,
        ),
        provider_id=response.id,
        tier=response.service_tier,
        ignored=ignored(request, [tokens] if any(p.text for p in parts) else [], 1),
    )


def _stop(request: Request, response: _Response, parts: Sequence[_Part], calls: Sequence[_Item]) -> Stop:
    reason = response.incomplete_details.reason if response.incomplete_details else None
    if reason is not None:
        return "length" if reason == "max_output_tokens" else "filtered" if reason == "content_filter" else "other"
    if "incomplete_details" not in response.model_fields_set and _spent(request, response):
        return "length"  # llama.cpp does not know the field, and calls an answer it cut "completed"
    if any(p.refusal for p in parts):
        return "refusal"
    return "tool_call" if calls else "end"


def _spent(request: Request, response: _Response) -> bool:
    """Whether every token the request allowed was used."""
    most, used = max_tokens(request), response.usage.output_tokens if response.usage else None
    return most is not None and used is not None and used >= most[1]
