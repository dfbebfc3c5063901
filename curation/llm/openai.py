"""OpenAI's wire formats, chat completions and responses, at OpenAI or at any base_url that speaks them.

The SDK sends and reads HTTP; it never retries, because it would re-post after a read timeout without an idempotency
key. What we rely on in an answer is read strictly, so a server that sends something else is noticed.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Literal

import httpx2
import openai

from curation.errors import AskFailed
from curation.llm.limits import Pace
from curation.llm.openai_wire import chat_body, read_chat, read_response, responses_body
from curation.llm.protocol import address, key_for, kind_of, one_line, retry_after, words_of
from curation.records import Reply, Request
from curation.task import Environment, ModelTable

HOME = "https://api.openai.com/v1"
CONNECT_SECONDS = 10.0
REFUSED_CODES = frozenset({"content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation"})
"""Error codes that mean the model will never answer this: a terminal refusal, kept like a reply."""


class OpenAI:
    """One model in one of OpenAI's two wire formats; `sampled` puts a sample's index into the body."""

    def __init__(
        self,
        client: openai.AsyncOpenAI,
        *,
        host: str,
        wire: Literal["chat", "responses"] = "chat",
        name: str = "openai",
        key: str | None = None,
        sampled: bool = False,
    ) -> None:
        self.name = name
        self.host = host
        self.api_version = f"{wire}/v1"
        self.pace = Pace()
        self._client = client
        self._wire = wire
        self._key = key
        self._sampled = sampled

    async def ask(self, request: Request, attempt: int) -> Reply:
        """One attempt; AskFailed says how it failed."""
        body = chat_body(request) if self._wire == "chat" else responses_body(request)
        if self._sampled and request.index:
            body |= {"seed": request.index} if self._wire == "chat" else {"user": f"sample-{request.index}"}
        try:
            headers, text = await self._post(body, {"x-stillhouse-attempt": str(attempt)} if self._sampled else {})
        except openai.APIStatusError as error:
            return self._refused(request, error)
        except openai.APITimeoutError:
            raise AskFailed("timeout", f"{self.host} gave no answer in time") from None
        except openai.APIConnectionError as error:
            raise connection_failed(self.host, error.__cause__) from None
        self.pace.heard(headers)
        return (read_chat if self._wire == "chat" else read_response)(request, text, self.host)

    async def _post(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> tuple[dict[str, str], str]:
        resource = self._client.chat.completions if self._wire == "chat" else self._client.responses
        raw = await resource.with_raw_response.create(**named(resource.create, body), extra_headers=dict(headers))
        return lower(raw.headers), raw.text

    def _refused(self, request: Request, error: openai.APIStatusError) -> Reply:
        message, code, type_ = words_of(error.response.text)
        if error.status_code == 400 and code in REFUSED_CODES:
            return Reply(key=request.key, text="", stop="filtered", model=request.model)
        raise AskFailed(
            kind_of(error.status_code, code, type_),
            f"{error.status_code} {one_line(message, self._key)}",
            status=error.status_code,
            retry_after=retry_after(lower(error.response.headers)),
        ) from None

    async def close(self) -> None:
        """Give back the connections."""
        await self._client.close()


def open_model(model: ModelTable, environment: Environment) -> OpenAI:
    """The provider of a task.toml table; the usual key goes to OpenAI's own host alone."""
    where = address(model)
    key = key_for(model, environment, usual="OPENAI_API_KEY", home="api.openai.com")
    client = client_for(model.base_url or HOME, key, model.timeout)
    wire = "responses" if model.use == "openai-responses" else "chat"
    return OpenAI(client, host=where.host, wire=wire, name=model.use, key=key)


def client_for(base_url: str, key: str | None, timeout: float, *, local: bool = False) -> openai.AsyncOpenAI:
    """The SDK's client without retries; `local` ignores proxies, for a server on this machine."""
    http = openai.DefaultAsyncHttpxClient(trust_env=False) if local else None
    return openai.AsyncOpenAI(
        api_key=key or "none",
        base_url=base_url,
        max_retries=0,
        timeout=httpx2.Timeout(timeout, connect=min(CONNECT_SECONDS, timeout)),
        http_client=http,
    )


def connection_failed(host: str, cause: BaseException | None) -> AskFailed:
    """Nobody answered at all, or the line broke after the request was sent (it may be charged: a timeout)."""
    if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.UnsupportedProtocol | None):
        return AskFailed("connection", f"nobody answers at {host} ({cause}); check base_url and the network")
    return AskFailed("timeout", f"{host} broke the connection before it answered ({type(cause).__name__})")


def lower(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers with lower-case names."""
    return {name.lower(): value for name, value in headers.items()}


def named(method: Callable[..., Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """A body as arguments of an SDK method: what the SDK does not name goes into the body as it is."""
    known = _parameters(method.__func__ if inspect.ismethod(method) else method)
    rest = {k: v for k, v in body.items() if k not in known}
    return {k: v for k, v in body.items() if k in known} | ({"extra_body": rest} if rest else {})


@cache
def _parameters(function: Callable[..., Any]) -> frozenset[str]:
    return frozenset(inspect.signature(function).parameters)
