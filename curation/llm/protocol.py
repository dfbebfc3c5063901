"""What every provider offers: ask one request once, and say exactly how it failed.

A provider never retries; the asker decides what follows an `AskFailed`. The files beside this one each hold one
provider, so that an SDK is imported only when a model needs it.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from curation.errors import AskFailed, FailureKind, ProviderError, TaskError
from curation.llm.limits import Pace
from curation.plugins import nearest
from curation.records import Reply, Request
from curation.task import Environment, ModelTable

PROVIDERS = ("openai", "openai-responses", "anthropic", "local", "replay", "practice")
FREE = frozenset({"local", "replay", "practice"})
"""Providers that cost nothing: they need no budget and no price."""

W = TypeVar("W", bound=BaseModel)


@dataclass(frozen=True)
class Address:
    """Where a model is asked: the part of a request that says which machine answers in which wire format."""

    provider: str
    host: str
    api_version: str


class Provider(Protocol):
    """A way to ask one model; opened once, asked many times at once, closed at the end."""

    @property
    def name(self) -> str:
        """As in `use`."""
        ...

    @property
    def host(self) -> str:
        """Host and port asked."""
        ...

    @property
    def api_version(self) -> str:
        """Which version of the wire format."""
        ...

    @property
    def pace(self) -> Pace:
        """What the provider's headers last said about limits."""
        ...

    async def ask(self, request: Request, attempt: int, wire: str) -> Reply:
        """One attempt; raises AskFailed. `attempt` counts from 1, `wire` names it for the provider."""
        ...

    async def close(self) -> None:
        """Give back connections or memory."""
        ...


Opener = Callable[[ModelTable, Environment], Provider]


def address(model: ModelTable) -> Address:
    """Where a model would be asked; needs no key and no connection."""
    match model.use:
        case "openai":
            return Address("openai", host_of(model.base_url or "https://api.openai.com/v1"), "chat/v1")
        case "openai-responses":
            return Address("openai-responses", host_of(model.base_url or "https://api.openai.com/v1"), "responses/v1")
        case "anthropic":
            return Address("anthropic", host_of(model.base_url or "https://api.anthropic.com"), "2026-10-21")
        case "practice":
            return Address("practice", "practice", "1")
        case "replay":
            return Address("replay", "replay", "1")
        case "local":
            from curation.llm.local import fingerprint

            return Address("local", "local", fingerprint(model))
        case _:
            return Address(model.use, host_of(model.base_url or ""), "")


def open_provider(
    model: ModelTable,
    environment: Environment,
    *,
    practice_url: str | None = None,
    scrub: Callable[[str], str] = str,
) -> Provider:
    """The provider a model names in `use`; ProviderError, in one line, when its key or server is missing."""
    match model.use:
        case "openai" | "openai-responses":
            from curation.llm import openai

            return openai.open_model(model, environment)
        case "anthropic":
            from curation.llm import anthropic

            return anthropic.open_model(model, environment)
        case "practice":
            from curation.llm import practice_client

            return practice_client.open_model(model, practice_url)
        case "replay":
            from curation.llm import replay

            return replay.open_model(model, scrub)
        case "local":
            from curation.llm import local

            return local.open_model(model)
        case dotted if ":" in dotted:
            return _opener(dotted)(model, environment)
        case unknown:
            raise TaskError(
                f"{model.name!r}: no provider {unknown!r}{nearest(unknown, PROVIDERS)} "
                f"Known: {', '.join(PROVIDERS)}, or 'package.module:Class'"
            )


def _opener(dotted: str) -> Opener:
    import importlib

    module, _, name = dotted.partition(":")
    try:
        return cast("Opener", getattr(importlib.import_module(module), name))
    except (ImportError, AttributeError) as error:
        raise TaskError(f"cannot import provider {dotted!r}: {error}") from error


def host_of(url: str) -> str:
    """Host and port of a base_url.

    >>> host_of("http://localhost:8080/v1")
    'localhost:8080'
    """
    return urlsplit(url).netloc.rpartition("@")[2]


def key_for(model: ModelTable, environment: Environment, *, usual: str, home: str) -> str | None:
    """The API key of a model: the variable it names, or the usual one at the provider's own host.

    The usual key is never sent to another host; there, None means that no key is sent.
    """
    variable = model.api_key_env or (usual if address(model).host == home else None)
    if variable is None:
        return None
    key = environment.key(variable)
    if key is None:
        raise ProviderError(
            f"{model.name!r} ({model.model}) needs an API key: the environment variable {variable} is not set; "
            f"export {variable}=... or name another one with api_key_env"
        )
    return key


def max_tokens(request: Request) -> tuple[str, int] | None:
    """The parameter that caps the answer's length, and its value; None where the request has none."""
    for name in ("max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens"):
        if isinstance(value := request.params.get(name), int):
            return name, value
    return None


def refused_params(model: ModelTable) -> list[str]:
    """The parameters of a model that its provider is known to refuse, so that they are named before any call."""
    gone = {"temperature", "top_p", "top_k"} if model.use == "anthropic" else set[str]()
    return sorted(gone & model.params.keys())


def choices(request: Request) -> int:
    """How many answers a request asks for at once (`n`)."""
    n = request.params.get("n")
    return n if isinstance(n, int) and n > 1 else 1


# --- reading answers and errors --------------------------------------------------------------------------------


class Wire(BaseModel):
    """A part of an answer we rely on; what else a server sends is ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def read_wire(model: type[W], body: str, host: str) -> W:
    """An answer's body as the model of what we rely on; AskFailed("unreadable") when it is something else."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "body"
        raise AskFailed("unreadable", f"{host} answered with something unreadable ({where}: {first['msg']})") from None


def kind_of(status: int, code: str | None, type_: str | None) -> FailureKind:
    """The class of a failure from its status and its machine-readable code or type, never from its words."""
    said = {code, type_}
    if said & {"insufficient_quota", "billing_hard_limit_reached", "billing_error"} or status == 402:
        return "quota"
    too_long = {"context_length_exceeded", "string_above_max_length", "request_too_large", "exceed_context_size_error"}
    if said & too_long or status == 413:
        return "too_long"
    if said & {"model_not_found"}:
        return "unknown_model"
    by_status: dict[int, FailureKind] = {
        401: "auth", 403: "auth", 404: "unknown_model", 408: "timeout", 409: "server", 429: "rate_limited",
        503: "overloaded", 529: "overloaded",
    }  # fmt: skip
    return by_status.get(status, "server" if status >= 500 else "invalid_parameter")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `retry-after` in seconds; None where neither is a number."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) * scale)
        except (KeyError, ValueError):
            continue
    return None


def one_line(text: str, key: str | None, limit: int = 300) -> str:
    """A provider's words, fit for an error: one line, cut, without the key or anything that looks like one."""
    if key:
        text = text.replace(key, "***")
    text = re.sub(r"\b(sk|key|xai|gsk)-[A-Za-z0-9_*-]{6,}", "***", " ".join(text.split()))
    return text if len(text) <= limit else f"{text[:limit]} ..."


def words_of(body: object) -> tuple[str, str | None, str | None]:
    """(message, code, type) of an error body in either wire format, parsed or as text."""
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:
            return str(body), None, None
    inner = body.get("error", body) if isinstance(body, dict) else None
    if not isinstance(inner, dict):
        return str(inner or body or ""), None, None
    fields = cast("dict[str, JsonValue]", inner)
    text = {name: fields.get(name) for name in ("message", "code", "type")}
    message, code, type_ = (None if v is None else str(v) for v in text.values())
    return message or json.dumps(fields), code, type_
