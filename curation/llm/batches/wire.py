"""What providers' batch interfaces say, as data: how a batch stands, and what one line of its results means.

Written for OpenAI's batches and those that imitate them with other statuses and shapes, and for Anthropic's. A
status nobody knows is never an end: it is told once, and asked about again.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Literal, Protocol, cast

from pydantic import JsonValue

from curation.errors import AskFailed
from curation.llm.protocol import Wire, kind_of, one_line, words_of
from curation.records import Reply, Request
from curation.store.batches import Batch

Phase = Literal["working", "ended", "failed", "unknown"]
Undone = Literal["expired", "cancelled", "missing"]
"""Why a request of a batch came back without any answer."""

Came = Reply | AskFailed | Undone

WORKING = frozenset(
    {
        "validating", "validated", "created", "submitted", "queued", "in_queue", "pending", "not_started", "running",
        "in_progress", "processing", "finalizing", "cancelling", "canceling",
    }
)  # fmt: skip
ENDED = frozenset({"completed", "complete", "done", "ended", "succeeded", "expired", "cancelled", "canceled"})
FAILED = frozenset({"failed", "failure", "error"})


@dataclass(frozen=True)
class Problem:
    """Why a provider refused a batch as a whole; `line` counts from 1 where it says which line it was."""

    code: str
    words: str
    line: int | None = None


@dataclass(frozen=True)
class Remote:
    """A batch as its provider describes it; times are seconds since 1970."""

    id: str
    status: str
    phase: Phase
    total: int | None = None
    created_at: float | None = None
    expires_at: str | None = None
    output: str | None = None
    errors: str | None = None
    problems: tuple[Problem, ...] = ()
    local: str | None = None
    """Our own name of it, where the dialect carries one."""
    input_file: str | None = None
    tokens: tuple[int, int] | None = None
    """Input and output tokens of the whole batch, where the provider sums them up."""

    @property
    def undone(self) -> Undone:
        """What became of a request that has no line in the results."""
        if self.status in ("cancelled", "canceled"):
            return "cancelled"
        return "expired" if self.status == "expired" else "missing"


@dataclass(frozen=True)
class Found:
    """What a provider's list shows of a batch we may have created: surely it, or possibly."""

    surely: tuple[Remote, ...] = ()
    possibly: tuple[Remote, ...] = ()


@dataclass(frozen=True)
class Line:
    """One line of results: which request it is about, and the rest as it came."""

    custom_id: str
    content: dict[str, Any]


class Desk(Protocol):
    """One model's batch interface at one provider; every call is one request over the wire and raises AskFailed."""

    @property
    def dialect(self) -> str:
        """Which interface this is, for the record."""
        ...

    @property
    def provider(self) -> str:
        """As in `use`."""
        ...

    @property
    def host(self) -> str:
        """Host and port as in the request key."""
        ...

    @property
    def most_requests(self) -> int:
        """The provider's own limit on the requests of one batch."""
        ...

    @property
    def most_bytes(self) -> int:
        """The provider's own limit on the size of one batch."""
        ...

    def line(self, custom_id: str, request: Request) -> bytes:
        """A request as one line of a batch; AskFailed where it cannot be one."""
        ...

    async def upload(self, batch: str, file: Path) -> str | None:
        """Send the lines ahead; the provider's name of the file, None where a batch carries its own lines."""
        ...

    async def create(self, batch: Batch, file: Path) -> Remote:
        """Create the batch: from here on it is bought."""
        ...

    async def look(self, remote_id: str) -> Remote:
        """How a batch stands."""
        ...

    async def find(self, batch: Batch, known: set[str], since: float) -> Found:
        """A batch that may have been created, looked for in the provider's list; `known` ids are other batches."""
        ...

    async def cancel(self, remote_id: str) -> None:
        """Ask for the end of a batch; what is done by then is delivered and charged."""
        ...

    async def fetch(self, remote: Remote, what: Literal["output", "errors"], to: IO[bytes]) -> bool:
        """Write one of the result files as it comes; False where there is none."""
        ...

    def read(self, line: Line, request: Request) -> Came:
        """What a line of results says about its request."""
        ...

    async def close(self) -> None:
        """Give back the connections."""
        ...


STATUS_OF = {
    "invalid_request_error": 400, "authentication_error": 401, "billing_error": 402, "permission_error": 403,
    "not_found_error": 404, "timeout_error": 408, "request_too_large": 413, "rate_limit_error": 429,
    "rate_limit_exceeded": 429, "server_error": 500, "api_error": 500, "internal_error": 500, "overloaded_error": 529,
}  # fmt: skip
"""The HTTP status each error type goes with: a line of results may have none."""


def status_of(*said: str | None) -> int:
    """The HTTP status that an error's code or type stands for, itself a number or a known name; else 400.

    >>> status_of("503", None), status_of(None, "overloaded_error"), status_of("what", "ever")
    (503, 529, 400)
    """
    for name in filter(None, said):
        if name in STATUS_OF or (name.isdecimal() and 400 <= int(name) <= 599):
            return STATUS_OF.get(name) or int(name)
    return 400


def phase_of(status: str, *, delivered: bool, complete: bool) -> Phase:
    """Where a status stands; `delivered`: there are result files, `complete`: its counts add up to all requests.

    >>> phase_of("in_progress", delivered=False, complete=False), phase_of("donne", delivered=True, complete=True)
    ('working', 'ended')
    """
    if status in WORKING:
        return "working"
    if status in ENDED:
        return "ended"
    if status in FAILED:
        return "ended" if delivered else "failed"
    return "ended" if delivered and complete else "unknown"


def seconds_of(time: str | float | None) -> float | None:
    """A time in seconds since 1970, from a number or an ISO time.

    >>> seconds_of("1970-01-01T00:01:00Z"), seconds_of(12)
    (60.0, 12.0)
    """
    if isinstance(time, str):
        try:
            return datetime.fromisoformat(time).timestamp()
        except ValueError:
            return None
    return None if time is None else float(time)


def read_line(text: bytes) -> Line | None:
    """A line of results; None where it is torn, empty or about nothing."""
    try:
        content = json.loads(text)
    except ValueError:
        return None
    if not isinstance(content, dict):
        return None
    custom_id = cast("dict[str, Any]", content).get("custom_id")
    return Line(custom_id, content) if isinstance(custom_id, str) else None


# --- OpenAI's and its like -------------------------------------------------------------------------------------

EXPIRED_CODES = frozenset({"batch_expired", "expired"})
CANCELLED_CODES = frozenset({"batch_cancelled", "batch_canceled", "cancelled", "canceled"})

ReadBody = Callable[[Request, str, str], Reply]


class _Counts(Wire):
    total: int | None = None
    completed: int | None = None
    failed: int | None = None

    @property
    def complete(self) -> bool:
        return bool(self.total) and (self.completed or 0) + (self.failed or 0) == self.total


class _Tokens(Wire):
    input_tokens: int
    output_tokens: int


class OpenAIBatch(Wire):
    """A batch object, in any of the spellings met; what is not relied on may be missing."""

    id: str
    status: str = ""
    created_at: float | str | None = None
    expires_at: float | str | None = None
    input_file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    errors: JsonValue = None
    request_counts: _Counts | None = None
    metadata: dict[str, JsonValue] | None = None
    usage: _Tokens | None = None

    def remote(self) -> Remote:
        """In the words all dialects share."""
        counts = self.request_counts or _Counts()
        delivered = bool(self.output_file_id or self.error_file_id)
        local = (self.metadata or {}).get(METADATA)
        expires = self.expires_at
        return Remote(
            id=self.id,
            status=self.status,
            phase=phase_of(self.status, delivered=delivered, complete=counts.complete),
            total=counts.total,
            created_at=seconds_of(self.created_at),
            expires_at=datetime.fromtimestamp(expires, UTC).isoformat()
            if isinstance(expires, int | float)
            else expires,
            output=self.output_file_id,
            errors=self.error_file_id,
            problems=_problems(self.errors),
            local=local if isinstance(local, str) else None,
            input_file=self.input_file_id,
            tokens=(self.usage.input_tokens, self.usage.output_tokens) if self.usage else None,
        )


METADATA = "stillhouse_batch"
"""The key under which a batch carries our own name of it."""


class OpenAIBatches(Wire):
    """A page of the list of batches."""

    data: tuple[OpenAIBatch, ...] = ()
    has_more: bool | None = None


def _problems(errors: JsonValue) -> tuple[Problem, ...]:
    listed = errors.get("data", [errors]) if isinstance(errors, dict) else errors
    if not isinstance(listed, list):
        return (Problem("", str(listed)),) if listed else ()
    found: list[Problem] = []
    for each in listed:
        words, code, type_ = words_of(each)
        line = each.get("line") if isinstance(each, dict) else None
        found.append(Problem(code or type_ or "", one_line(words, None), line if isinstance(line, int) else None))
    return tuple(found)


def read_openai(line: Line, request: Request, host: str, read: ReadBody, refused: frozenset[str]) -> Came:
    """What a line says in OpenAI's shape (`response.body`), or in those that leave the body out."""
    response, error = line.content.get("response"), line.content.get("error")
    if error or not isinstance(response, dict):
        return _undone(error)
    given = cast("dict[str, Any]", response)
    status = given.get("status_code", 200)
    body = given.get("body") if "body" in given else (given if {"choices", "output", "error"} & set(given) else None)
    if status in (200, 201):
        return _readable(request, body, host, read)
    message, code, type_ = words_of(body)
    if status == 400 and code in refused:
        return Reply(key=request.key, text="", stop="filtered", model=request.model)
    kind = kind_of(status, code, type_) if isinstance(status, int) and status >= 400 else "server"
    return AskFailed(kind, f"{status} {one_line(message, None)}", status=status if isinstance(status, int) else None)


def _undone(error: object) -> Came:
    message, code, type_ = words_of(error or "the line holds neither a response nor an error")
    if code in EXPIRED_CODES:
        return "expired"
    if code in CANCELLED_CODES:
        return "cancelled"
    status = status_of(code, type_) if error else 500
    return AskFailed(kind_of(status, code, type_), one_line(message, None))


def _readable(request: Request, body: object, host: str, read: ReadBody) -> Came:
    if not isinstance(body, dict):
        return AskFailed("unreadable", f"{host} answered 200 without a body")
    try:
        return read(request, json.dumps(body), host)
    except AskFailed as failed:
        return failed


# --- Anthropic's -----------------------------------------------------------------------------------------------


class _Sums(Wire):
    processing: int = 0
    succeeded: int = 0
    errored: int = 0
    canceled: int = 0
    expired: int = 0

    @property
    def total(self) -> int:
        return self.processing + self.succeeded + self.errored + self.canceled + self.expired


class AnthropicBatch(Wire):
    """A message batch; it carries no name of ours."""

    id: str
    processing_status: str = ""
    created_at: str | None = None
    expires_at: str | None = None
    request_counts: _Sums = _Sums()
    results_url: str | None = None

    def remote(self) -> Remote:
        """In the words all dialects share; the results of a batch have no other name than the batch's."""
        delivered = self.results_url is not None
        return Remote(
            id=self.id,
            status=self.processing_status,
            phase=phase_of(self.processing_status, delivered=delivered, complete=not self.request_counts.processing),
            total=self.request_counts.total or None,
            created_at=seconds_of(self.created_at),
            expires_at=self.expires_at,
            output=self.id,
        )


class AnthropicBatches(Wire):
    """A page of the list of message batches, newest first."""

    data: tuple[AnthropicBatch, ...] = ()
    has_more: bool = False
    last_id: str | None = None


def read_anthropic(line: Line, request: Request, host: str, read: ReadBody) -> Came:
    """What a line of a message batch's results says."""
    given = line.content.get("result")
    result = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    match result.get("type"):
        case "succeeded":
            return _readable(request, result.get("message"), host, read)
        case "expired":
            return "expired"
        case "canceled" | "cancelled":
            return "cancelled"
        case "errored":
            message, code, type_ = words_of(result.get("error"))
            status = status_of(type_, code)
            return AskFailed(kind_of(status, code, type_), f"{type_}: {one_line(message, None)}", status=status)
        case other:
            return AskFailed("unreadable", f"{host} gave a result of the unknown type {other!r}")
