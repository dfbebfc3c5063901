"""Calls to a batch interface: once each, never repeated, bodies streamed, every failure told by its class.

The headers are those of the provider's SDK; the calls do not go through its models, which would read a batch of
hundreds of megabytes into memory, and which follow addresses that an answer names.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from curation.errors import AskFailed
from curation.llm.openai import connection_failed, lower
from curation.llm.prices import LOOPBACK
from curation.llm.protocol import kind_of, one_line, retry_after, words_of


class Caller:
    """One address, with its headers; `key` is left out of every error. A server on this machine needs no proxy."""

    def __init__(
        self, base: str, headers: Mapping[str, Any], key: str | None, timeout: float | httpx2.Timeout | None
    ) -> None:
        self._http = httpx2.AsyncClient(timeout=timeout, trust_env=httpx2.URL(base).host not in LOOPBACK)
        self._base = base.rstrip("/")
        said = {n: v for n, v in headers.items() if isinstance(v, str)}  # the SDKs mark what they leave out
        self._headers = {name: value for name, value in said.items() if name.lower() != "content-type"}
        self._key = key

    async def text(self, method: str, path: str, **sent: Any) -> str:
        """The body of a successful answer; AskFailed for any other, and where none came."""
        async with self._answer(method, path, **sent) as answer:
            return (await answer.aread()).decode("utf-8", "replace")

    @asynccontextmanager
    async def stream(self, path: str) -> AsyncGenerator[httpx2.Response]:
        """A successful answer to GET whose body is yet to be read."""
        async with self._answer("GET", path) as answer:
            yield answer

    @asynccontextmanager
    async def _answer(self, method: str, path: str, **sent: Any) -> AsyncGenerator[httpx2.Response]:
        headers = {**self._headers, **sent.pop("headers", {})}
        try:
            async with self._http.stream(method, self._base + path, headers=headers, **sent) as answer:
                if not answer.is_success:
                    raise self._refused(answer, (await answer.aread()).decode("utf-8", "replace"))
                yield answer
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.UnsupportedProtocol) as error:
            raise connection_failed(self._base, error) from None
        except httpx2.TimeoutException:
            raise AskFailed("timeout", f"{self._base} gave no answer in time") from None
        except httpx2.TransportError as error:
            raise connection_failed(self._base, error) from None

    async def close(self) -> None:
        """Give back the connections."""
        await self._http.aclose()

    def _refused(self, answer: httpx2.Response, text: str) -> AskFailed:
        message, code, type_ = words_of(text)
        return AskFailed(
            kind_of(answer.status_code, code, type_),
            f"{answer.status_code} {one_line(message, self._key)}",
            status=answer.status_code,
            retry_after=retry_after(lower(answer.headers)),
        )
