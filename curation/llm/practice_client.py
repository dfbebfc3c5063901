"""The provider `practice`: asks the practice server in the wire format that the practice family speaks."""

import httpx2

from curation.errors import AskFailed, ProviderError
from curation.llm.limits import Pace
from curation.llm.protocol import Wire, read_wire
from curation.plugins import nearest
from curation.records import Reply, Request
from curation.task import ModelTable

KEY = "practice"


class _Row(Wire):
    model: str
    family: str
    wire: str


class _Models(Wire):
    models: tuple[_Row, ...]


class Practice:
    """One practice model; the server's port is no part of what is asked."""

    name = "practice"
    host = "practice"
    api_version = "1"

    def __init__(self, model: ModelTable, url: str) -> None:
        from curation.llm import anthropic, openai

        self.inner: openai.OpenAI | anthropic.Anthropic
        match wire_of(model, url):
            case "openai-chat":
                at = openai.endpoint_at(f"{url}/v1", KEY, model.timeout, local=True)
                self.inner = openai.OpenAI(at, host=url, name=self.name, tier=_flex(model), sampled=True)
            case "openai-responses":
                at = openai.endpoint_at(f"{url}/v1", KEY, model.timeout, local=True)
                self.inner = openai.OpenAI(
                    at, host=url, wire="responses", name=self.name, tier=_flex(model), sampled=True
                )
            case "anthropic":
                messages = anthropic.client_for(url, KEY, model.timeout, local=True)
                self.inner = anthropic.Anthropic(messages, host=url, name=self.name, sampled=True)
            case other:
                raise ProviderError(f"the practice server at {url} speaks {other!r}, which is not known here")

    @property
    def pace(self) -> Pace:
        """As the wire format's provider heard it."""
        return self.inner.pace

    async def ask(self, request: Request, attempt: int, wire: str) -> Reply:
        """One attempt in the family's wire format."""
        reply = await self.inner.ask(completed(request), attempt, wire)
        return reply if reply.key == request.key else reply.model_copy(update={"key": request.key})

    async def close(self) -> None:
        """Give back the connections."""
        await self.inner.close()


def completed(request: Request) -> Request:
    """The request as it is sent: one of the wire formats requires a cap on the answer's length."""
    if "max_tokens" in request.params:
        return request
    return request.model_copy(update={"params": {"max_tokens": 512, **request.params}})


def _flex(model: ModelTable) -> str | None:
    return "flex" if model.mode == "flex" else None


def open_model(model: ModelTable, url: str | None) -> Practice:
    """The practice model of that name; ProviderError naming the known ones, or saying that no server runs."""
    if url is None:
        raise ProviderError(
            f"{model.name!r} is a practice model and no practice server runs; `stillhouse run` starts one when "
            "task.toml has [practice] key, or set STILLHOUSE_PRACTICE_URL to the one of `stillhouse practice`"
        )
    return Practice(model, url.rstrip("/"))


def wire_of(model: ModelTable, url: str) -> str:
    """The wire format a practice model speaks, from the server's own list."""
    try:
        with httpx2.Client(trust_env=False, timeout=10) as client:
            listed = read_wire(_Models, client.get(f"{url}/practice/models").text, url)
    except httpx2.TransportError as error:
        raise ProviderError(
            f"no practice server answers at {url} ({error}); start one with `stillhouse practice`"
        ) from None
    except AskFailed as error:
        raise ProviderError(f"{url} is not a practice server: {error}") from None
    known = {row.model: row.wire for row in listed.models}
    if model.model not in known:
        raise ProviderError(
            f"{model.name!r}: the practice server has no model {model.model!r}{nearest(model.model, known)} "
            f"Known: {', '.join(sorted(known))}"
        )
    return known[model.model]
