"""The models in use: where each is asked, by which provider, how fast, at which price and under which terms."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from pydantic import JsonValue

from curation.errors import BudgetError
from curation.llm.limits import Limiter
from curation.llm.prices import STATED, Price, price_at
from curation.llm.protocol import FREE, Address, Provider, address, max_tokens, open_provider
from curation.llm.terms_registry import terms_of
from curation.records import Message, Request, digest
from curation.task import Environment, ModelTable

ANTHROPIC_MAX_TOKENS = 1024
"""Anthropic requires a cap on the answer's length; this one stands where the task gives none."""


@dataclass(frozen=True)
class OpenModel:
    """A model in use: its provider, how fast it may be asked, what it costs (None: nothing), its terms."""

    identity: str
    provider: Provider
    limiter: Limiter
    price: Price | None
    terms: str


class Models:
    """Opens each model once and keeps it; two models behind one address and name share their limits."""

    def __init__(
        self,
        environment: Environment,
        root: Path,
        *,
        budget_usd: float | None,
        practice_url: str | None = None,
        scrub: Callable[[str], str] = str,
    ) -> None:
        self._environment = environment
        self._root = root
        self._budget = budget_usd
        self._practice_url = practice_url
        self._scrub = scrub
        self._today: date = datetime.now(UTC).date()
        self._addresses: dict[str, Address] = {}
        self._open: dict[str, OpenModel] = {}
        self._limiters: dict[tuple[str, str, str], Limiter] = {}

    def request(  # noqa: PLR0913 - one keyword per part of a request
        self,
        model: ModelTable,
        messages: Sequence[Message],
        *,
        answer_schema: dict[str, JsonValue] | None = None,
        tools: Sequence[dict[str, JsonValue]] = (),
        index: int = 0,
        template: str = "",
        params: dict[str, JsonValue] | None = None,
    ) -> Request:
        """The request for a model: its address and parameters filled in; needs no key and sends nothing."""
        where = self.address(model)
        filled = {**model.params, **(params or {})}
        if where.provider == "anthropic":
            filled.setdefault("max_tokens", ANTHROPIC_MAX_TOKENS)
        return Request(
            provider=where.provider,
            host=where.host,
            api_version=where.api_version,
            model=model.model,
            messages=tuple(messages),
            params=filled,
            answer_schema=answer_schema if model.structured else None,
            tools=tuple(tools),
            index=index,
            template=template,
        )

    def address(self, model: ModelTable) -> Address:
        """Where a model would be asked."""
        identity = f"{model.use}|{model.base_url}|{model.path}|{model.model}"
        if identity not in self._addresses:
            self._addresses[identity] = address(self._rooted(model))
        return self._addresses[identity]

    def opened(self, model: ModelTable) -> OpenModel:
        """The model, ready to be asked; BudgetError or ProviderError where it cannot be."""
        parts = [model.use, model.model, model.base_url, model.api_key_env, model.path, model.timeout]
        identity = digest([*parts, model.concurrency, model.mode])
        if identity not in self._open:
            provider = open_provider(
                self._rooted(model), self._environment, practice_url=self._practice_url, scrub=self._scrub
            )
            price = self.price(model)
            self.require_budget(model)
            limiter = self._limiters.setdefault((model.use, provider.host, model.model), Limiter(model.concurrency))
            terms = terms_of(model.use, model.model)
            said = f"{terms.id}@{terms.retrieved}" if terms.retrieved else terms.id
            self._open[identity] = OpenModel(identity, provider, limiter, price, said)
        return self._open[identity]

    def _rooted(self, model: ModelTable) -> ModelTable:
        """A relative `path` starts at the folder of task.toml."""
        if model.path is None:
            return model
        return model.model_copy(update={"path": str(self._root / Path(model.path).expanduser())})

    def price(self, model: ModelTable) -> Price | None:
        """None for what costs nothing by the token, or whose price nobody knows (see `require_price`)."""
        if model.use in FREE and model.price is None:
            return None
        host = self.address(model).host
        known = price_at(host, model.model, self._today)
        if model.price is not None:
            stated = model.price.model_dump(exclude={"hour"})
            base = known or Price(vendor=STATED, model=model.model, since=self._today, input=0, output=0)
            known = base.model_copy(update={**stated, "vendor": STATED})
        if known is not None and known.input == known.output == 0:
            return None
        return known

    def priced(self, model: ModelTable) -> bool:
        """Whether it is known what the model costs, be it nothing."""
        if model.use in FREE or model.price is not None:
            return True
        return price_at(self.address(model).host, model.model, self._today) is not None

    def require_budget(self, model: ModelTable) -> None:
        """BudgetError for a paid model without a budget or a price."""
        price, host = self.price(model), self.address(model).host
        if price is None and self.priced(model):
            return
        if self._budget is None:
            raise BudgetError(
                f"{model.name!r} ({model.model} at {host}) costs money and the task has no budget; "
                "add [budget] usd = 5.0 (the most this workspace may ever spend) to task.toml"
            )
        if price is None:
            raise BudgetError(
                f"{model.name!r}: no price is known for {model.model} at {host}, so a budget cannot hold; "
                "add price = { input = ..., output = ... } (dollars per million tokens) to its table in task.toml"
            )

    def require_cap(self, model: ModelTable, request: Request) -> None:
        """BudgetError where nothing bounds what an answer may cost."""
        price = self.price(model)
        if price is None or price.max_output or max_tokens(request):
            return
        raise BudgetError(
            f"{model.name!r} has no max_tokens in params and the longest answer of {model.model} is not known, "
            "so a budget cannot hold; add params = { max_tokens = 1024 }"
        )

    async def close(self) -> None:
        """Give back connections and memory."""
        for opened in self._open.values():
            await opened.provider.close()
