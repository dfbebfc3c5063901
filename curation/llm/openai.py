"""OpenAI's wire formats, chat completions and responses, at OpenAI or at any base_url that speaks them.

Requests carry the SDK's headers but go past its request and response models: those cost most of the CPU of a request,
and they retry by re-posting without an idempotency key. What we rely on
in an answer is read strictly, so a server that sends something else is noticed.
"""

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import httpx2
import openai

from curation.errors import AskFailed
from curation.llm.limits import Pace
from curation.llm.openai_wire import chat_body, read_chat, read_response, responses_body
from curation.llm.posting import Poster, Where
from curation.llm.protocol import address, key_for, kind_of, one_line, retry_after, words_of
from curation.records import Reply, Request
from curation.task import Environment, ModelTable

HOME = "https://api.openai.com/v1"
CONNECT_SECONDS = 10.0
FLEX_SECONDS = 900.0
"""The flex tier answers when there is room; the provider's advice is to wait a quarter of an hour."""
REFUSED_CODES = frozenset({"content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation"})
"""Error codes that mean the model will never answer this: a terminal refusal, kept like a reply."""

WireFormat = Literal["chat", "responses"]


@dataclass(frozen=True)
class Endpoint:
    """Where requests are posted: the SDK's client and the HTTP client beneath it; `local`: proxies do not count."""

    client: openai.AsyncOpenAI
    http: httpx2.AsyncClient
    timeout: httpx2.Timeout
    local: bool

    def headers(self) -> dict[str, str]:
        """The SDK's headers: key, organisation, project, user agent."""
        sent = {**self.client.default_headers, **self.client.auth_headers}
        return {name: value for name, value in sent.items() if isinstance(value, str)}


class OpenAI:
    """One model in one of OpenAI's two wire formats; `sampled` puts a sample's index into the body."""

    def __init__(  # noqa: PLR0913 - one keyword per thing that differs between addresses
        self,
        endpoint: Endpoint,
        *,
        host: str,
        wire: WireFormat = "chat",
        name: str = "openai",
        key: str | None = None,
        tier: str | None = None,
        sampled: bool = False,
    ) -> None:
        self.name = name
        self.host = host
        self.api_version = f"{wire}/v1"
        self.pace = Pace()
        self.endpoint = endpoint
        self.wire: WireFormat = wire
        self._key = key
        self._tier = tier
        self._sampled = sampled
        path = "chat/completions" if wire == "chat" else "responses"
        url = str(endpoint.client.base_url).rstrip("/") + "/" + path
        where = Where(url, endpoint.headers(), endpoint.timeout, endpoint.local)
        self._poster = Poster(where, endpoint.http)

    async def ask(self, request: Request, attempt: int, wire: str) -> Reply:
        """One attempt; AskFailed says how it failed."""
        headers = {"x-client-request-id": wire}
        if self._sampled:
            headers["x-stillhouse-attempt"] = str(attempt)
        try:
            body = json.dumps(self.body(request), ensure_ascii=False, separators=(",", ":")).encode()
            answer = await self._poster.post(body, headers)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.UnsupportedProtocol) as error:
            raise connection_failed(self.host, error) from None
        except httpx2.TimeoutException:
            raise AskFailed("timeout", f"{self.host} gave no answer in time") from None
        except httpx2.TransportError as error:
            raise connection_failed(self.host, error) from None
        self.pace.heard(answer.headers)
        if answer.status != 200:
            return self.refused(request, answer.status, answer.text, answer.headers)
        return self.read(request, answer.text)

    def body(self, request: Request) -> dict[str, Any]:
        """What is posted for a request."""
        body = chat_body(request) if self.wire == "chat" else responses_body(request)
        if self._tier:
            body["service_tier"] = self._tier
        if self._sampled and request.index:
            body |= {"seed": request.index} if self.wire == "chat" else {"user": f"sample-{request.index}"}
        return body

    def read(self, request: Request, text: str) -> Reply:
        """The reply in the body of a 200."""
        return (read_chat if self.wire == "chat" else read_response)(request, text, self.host)

    def refused(self, request: Request, status: int, text: str, headers: Mapping[str, str]) -> Reply:
        """A refusal for good as the reply it is; AskFailed for every other answer that is no 200."""
        message, code, type_ = words_of(text)
        if status == 400 and code in REFUSED_CODES:
            return Reply(key=request.key, text="", stop="filtered", model=request.model)
        words = f"{status} {one_line(message, self._key)}"
        raise AskFailed(kind_of(status, code, type_), words, status=status, retry_after=retry_after(headers))

    async def close(self) -> None:
        """Give back the connections."""
        await self._poster.close()
        await self.endpoint.client.close()


def open_model(model: ModelTable, environment: Environment) -> OpenAI:
    """The provider of a task.toml table; the usual key goes to OpenAI's own host alone."""
    where = address(model)
    key = key_for(model, environment, usual="OPENAI_API_KEY", home="api.openai.com")
    flex = model.mode == "flex"
    timeout = max(model.timeout, FLEX_SECONDS) if flex else model.timeout
    return OpenAI(
        endpoint_at(model.base_url or HOME, key, timeout),
        host=where.host,
        wire="responses" if model.use == "openai-responses" else "chat",
        name=model.use,
        key=key,
        tier="flex" if flex else None,
    )


def endpoint_at(base_url: str, key: str | None, timeout: float, *, local: bool = False) -> Endpoint:
    """The SDK's client without retries; `local` ignores proxies, for a server on this machine."""
    wait = httpx2.Timeout(timeout, connect=min(CONNECT_SECONDS, timeout))
    http = openai.DefaultAsyncHttpxClient(timeout=wait, trust_env=not local)
    client = openai.AsyncOpenAI(api_key=key or "none", base_url=base_url, max_retries=0, timeout=wait, http_client=http)
    return Endpoint(client, http, wait, local)


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
